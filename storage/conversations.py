"""Conversations and what they remember."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, Integer, String, Table, bindparam, select, update
from sqlalchemy.exc import IntegrityError

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


def latest_elsewhere(
    connection: Connection, user_id: int, channel: str, since: datetime
) -> tuple[str, dict[str, Any]] | None:
    """The channel and memory of a person's latest conversation on another channel, if it is recent."""
    table = conversations.c
    row = connection.execute(
        select(table.channel, table.memory)
        .where(table.user_id == user_id, table.channel != channel, table.updated_at >= since)
        .order_by(table.updated_at.desc())
        .limit(1)
    ).first()
    return None if row is None else (row[0], row[1])
