"""The audit trail: an entry an utterance."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
)
from sqlalchemy.exc import IntegrityError

from storage.database import Json, Key, UtcDateTime, metadata

audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("turn_id", String(64), nullable=False, unique=True),
    Column("conversation_id", String(64)),
    Column("user_id", ForeignKey("users.id")),
    Column("person", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("command", String(60)),
    Column("slots", Json, nullable=False),
    Column("reading", Json, comment="which reader understood it, how surely, and what else it considered"),
    Column("status", String(12), nullable=False),
    Column("error_code", String(60)),
    Column("approval", Json, comment="who said yes to what, and when"),
    Column("reply", Json, nullable=False, comment="the whole reply, its engine result included"),
    Column("took_ms", Float, nullable=False),
    Column("idempotency_key", String(200)),
    UniqueConstraint("user_id", "idempotency_key"),
    Index(None, "at"),
    Index(None, "conversation_id", "id"),
)


@dataclass(frozen=True)
class Entry:
    """What is written down about one utterance."""

    at: datetime
    turn_id: str
    conversation_id: str | None
    user_id: int | None
    person: str
    role: str
    channel: str
    text: str
    command: str | None
    slots: dict[str, Any]
    reading: dict[str, Any] | None
    status: str
    error_code: str | None
    approval: dict[str, Any] | None
    reply: dict[str, Any]
    took_ms: float
    idempotency_key: str | None


class KeyTakenError(Exception):
    """The person's idempotency key belongs to an earlier utterance."""


_INSERT = audit.insert().returning(audit.c.id)


def record(connection: Connection, entry: Entry) -> int:
    """Write an entry and give its number. Raises `KeyTakenError`."""
    try:
        written = connection.execute(_INSERT, vars(entry))
        return int(written.scalar_one())
    except IntegrityError as error:
        if entry.idempotency_key is None:
            raise
        raise KeyTakenError(entry.idempotency_key) from error


def reply_to_key(connection: Connection, user_id: int, key: str) -> tuple[int, dict[str, Any]] | None:
    """The entry number and reply an idempotency key already led to."""
    query = select(audit.c.id, audit.c.reply).where(
        audit.c.user_id == user_id, audit.c.idempotency_key == key
    )
    return _reply(connection, query)


def reply_of_turn(connection: Connection, turn_id: str) -> tuple[int, dict[str, Any]] | None:
    """The entry number and reply of a turn."""
    return _reply(connection, select(audit.c.id, audit.c.reply).where(audit.c.turn_id == turn_id))


def _reply(connection: Connection, query: Select[int, Any]) -> tuple[int, dict[str, Any]] | None:
    row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])


def told_in(connection: Connection, audit_id: int) -> tuple[str, str]:
    """The command of an entry and the text it was answered with."""
    command, reply = connection.execute(
        select(audit.c.command, audit.c.reply).where(audit.c.id == audit_id)
    ).one()
    return command or "", reply["reply"]["text"]


def conversation_of(connection: Connection, audit_id: int) -> str | None:
    """The conversation an entry belongs to."""
    return connection.scalar(select(audit.c.conversation_id).where(audit.c.id == audit_id))


@dataclass(frozen=True)
class Said:
    """One entry of the trail, in short."""

    number: int
    at: datetime
    person: str
    channel: str
    text: str
    command: str | None
    status: str
    approved_by: str | None
    took_ms: float
    slots: dict[str, Any]


def between(
    connection: Connection, start: datetime, end: datetime, *, person: str | None, count: int, but: str = ""
) -> list[Said]:
    """Entries from ``start`` to before ``end``, the latest first; none of the channel ``but``."""
    table = audit.c
    query = (
        select(
            table.id,
            table.at,
            table.person,
            table.channel,
            table.text,
            table.command,
            table.status,
            table.approval,
            table.took_ms,
            table.slots,
        )
        .where(table.at >= start, table.at < end, table.channel != but)
        .order_by(table.id.desc())
        .limit(count)
    )
    if person is not None:
        query = query.where(table.person == person)
    return [
        Said(number, at, by, channel, text, command, status, (approval or {}).get("by"), took, slots)
        for number, at, by, channel, text, command, status, approval, took, slots in connection.execute(query)
    ]


def last_at(connection: Connection) -> datetime | None:
    """When the latest entry was written."""
    return connection.scalar(select(audit.c.at).order_by(audit.c.id.desc()).limit(1))
