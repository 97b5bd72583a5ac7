"""Conversations and what they remember."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, Integer, String, Table, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from storage.audit import audit
from storage.database import Json, UtcDateTime, metadata

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("memory", Json, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True)
class Stored:
    """A conversation as it was last saved."""

    user_id: int
    memory: dict[str, Any]
    turns: int
    updated_at: datetime


class MovedOnError(Exception):
    """Another turn of the conversation was saved since this one began."""


_LOAD = select(
    conversations.c.user_id, conversations.c.memory, conversations.c.turns, conversations.c.updated_at
).where(conversations.c.id == bindparam("known_id"))


def load(connection: Connection, conversation_id: str) -> Stored | None:
    """A conversation, None when it is new."""
    row = connection.execute(_LOAD, {"known_id": conversation_id}).first()
    return None if row is None else Stored(*row)


_SAVE = (
    update(conversations)
    .where(
        conversations.c.id == bindparam("known_id"),
        conversations.c.user_id == bindparam("known_user"),
        conversations.c.turns == bindparam("known_turns"),
    )
    .values(memory=bindparam("memory"), turns=conversations.c.turns + 1, updated_at=bindparam("updated_at"))
)


def save(
    connection: Connection,
    conversation_id: str,
    *,
    user_id: int,
    channel: str,
    memory: dict[str, Any],
    after: int,
    now: datetime,
) -> None:
    """Keep what a conversation remembers after a turn that began ``after`` so many others.

    Raises `MovedOnError` when there were more by now; the caller's transaction must then be rolled back.
    """
    table = conversations
    if after:
        known = {"known_id": conversation_id, "known_user": user_id, "known_turns": after}
        saved = connection.execute(_SAVE, {**known, "memory": memory, "updated_at": now})
        if not saved.rowcount:
            raise MovedOnError(conversation_id)
        return
    values = {"id": conversation_id, "user_id": user_id, "channel": channel, "memory": memory}
    try:
        connection.execute(table.insert().values(**values, turns=1, created_at=now, updated_at=now))
    except IntegrityError as error:
        raise MovedOnError(conversation_id) from error


MOST_ELSEWHERE = 20
"""Turns on other channels that are looked back at."""


def latest_elsewhere(
    connection: Connection, user_id: int, channel: str, since: datetime
) -> list[tuple[str, dict[str, Any]]]:
    """The channels and memories of a person's recent conversations on other channels, the latest first."""
    said = audit.c
    turns = connection.execute(
        select(said.channel, said.conversation_id)
        .where(said.at >= since, said.user_id == user_id, said.channel != channel)
        .where(said.conversation_id.is_not(None))
        .order_by(said.at.desc(), said.id.desc())
        .limit(MOST_ELSEWHERE)
    )
    talks = {talk: where for where, talk in reversed(turns.all())}
    found = ((where, load(connection, talk)) for talk, where in reversed(talks.items()))
    return [(where, stored.memory) for where, stored in found if stored and stored.user_id == user_id]
