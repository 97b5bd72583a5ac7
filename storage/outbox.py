"""Effects outside: written down with what caused them, sent afterwards, settled one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    exists,
    func,
    or_,
    select,
    update,
)

from storage.database import Json, Key, UtcDateTime, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", Key, primary_key=True),
    Column("target", String(60), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("payload", Json, nullable=False),
    Column("idempotency_key", String(200), nullable=False, unique=True),
    Column("state", String(12), nullable=False, comment="requested, confirmed, failed or unknown"),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    Column("problem", Text),
    Column("audit_id", ForeignKey("audit.id")),
    Index(None, "state", "next_attempt_at"),
)

REQUESTED, CONFIRMED, FAILED = "requested", "confirmed", "failed"


@dataclass(frozen=True)
class Message:
    """An effect that is due."""

    id: int
    target: str
    kind: str
    payload: dict[str, Any]
    idempotency_key: str
    attempts: int
    """This one included."""
    created_at: datetime


_COLUMNS = [outbox.c[name] for name in Message.__annotations__]


def request(
    connection: Connection,
    target: str,
    kind: str,
    payload: dict[str, Any],
    *,
    key: str,
    audit_id: int | None,
    now: datetime,
) -> None:
    """Write an effect down in the transaction of its cause; it is sent once that is committed."""
    connection.execute(
        outbox.insert().values(
            target=target,
            kind=kind,
            payload=payload,
            idempotency_key=key,
            state=REQUESTED,
            attempts=0,
            created_at=now,
            audit_id=audit_id,
        )
    )


def _due(now: datetime, targets: Sequence[str]) -> Select[Any]:
    """The oldest open message of each of the targets, where its time has come."""
    earlier = outbox.alias("earlier")
    blocked = exists().where(
        earlier.c.target == outbox.c.target, earlier.c.state == REQUESTED, earlier.c.id < outbox.c.id
    )
    is_time = or_(outbox.c.next_attempt_at.is_(None), outbox.c.next_attempt_at <= now)
    return (
        select(outbox.c.id)
        .where(outbox.c.state == REQUESTED, outbox.c.target.in_(targets), is_time, ~blocked)
        .order_by(outbox.c.id)
        .limit(1)
    )


def is_due(connection: Connection, now: datetime, targets: Sequence[str]) -> bool:
    """Whether there is something to send to one of the targets; asking takes no lock."""
    return connection.scalar(_due(now, targets)) is not None


def claim(connection: Connection, now: datetime, leases: Mapping[str, timedelta]) -> Message | None:
    """Take the next message to send, in order per target; nobody else gets it until its lease runs out.

    ``leases`` says how long for each target that is sent to.

    To be called in a write transaction that is committed before the message is sent.
    """
    found = connection.scalar(_due(now, list(leases)).with_for_update(skip_locked=True, of=outbox))
    if found is None:
        return None
    message = Message(*connection.execute(select(*_COLUMNS).where(outbox.c.id == found)).one())
    message = replace(message, attempts=message.attempts + 1)
    connection.execute(
        update(outbox)
        .where(outbox.c.id == found)
        .values(attempts=message.attempts, next_attempt_at=now + leases[message.target])
    )
    return message


def settle(connection: Connection, message: Message, state: str, problem: str | None, now: datetime) -> None:
    """Note what the other side made of a message: confirmed or failed."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == message.id, outbox.c.state == REQUESTED)
        .values(state=state, problem=problem, settled_at=now, next_attempt_at=None)
    )


def retry(connection: Connection, message: Message, at: datetime, problem: str) -> None:
    """Send it again at a later time."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == message.id, outbox.c.state == REQUESTED)
        .values(next_attempt_at=at, problem=problem)
    )


def counts(connection: Connection) -> dict[str, int]:
    """How many messages are in each state."""
    query = select(outbox.c.state, func.count()).group_by(outbox.c.state)
    return {str(state): int(count) for state, count in connection.execute(query)}
