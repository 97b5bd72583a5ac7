"""Proposals: what waits for a yes, what was decided, and what came of it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
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
    and_,
    insert,
    or_,
    select,
    update,
)

from storage.database import Amount, Json, Key, Scaled, UtcDateTime, metadata
from storage.people import users

proposals = Table(
    "proposals",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", String(20), nullable=False, comment="budget, influencer or campaign"),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE")),
    Column("campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE")),
    Column("command", String(60), nullable=False),
    Column("command_version", Integer, nullable=False),
    Column("slots", Json, nullable=False, comment="frozen"),
    Column("action", Json, nullable=False, comment="frozen: what exactly it would do"),
    Column("action_hash", String(64), nullable=False),
    Column("summary", Text, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("amount", Amount()),
    Column("currency", String(3)),
    Column("confidence", Scaled(4)),
    Column("risk", String(10)),
    Column("requested_by", ForeignKey("users.id"), nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("decision", String(10), comment="approved, rejected or expired; empty while it waits"),
    Column("decided_by", ForeignKey("users.id")),
    Column("decided_at", UtcDateTime),
    Column("decision_reason", Text),
    Column("execution", String(10), comment="done or failed; empty before"),
    Column("executed_at", UtcDateTime),
    Column("execution_reason", Text),
    Index(None, "decision", "requested_at"),
)


@dataclass(frozen=True)
class NewProposal:
    """What is asked for, frozen."""

    kind: str
    venture_id: int | None
    campaign_id: int | None
    command: str
    command_version: int
    slots: dict[str, Any]
    action: dict[str, Any]
    action_hash: str
    summary: str
    evidence: list[dict[str, Any]]
    amount: Decimal | None
    currency: str | None
    confidence: Decimal | None
    risk: str | None
    requested_by: int
    requested_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Proposal:
    """A proposal as it stands."""

    id: int
    kind: str
    command: str
    command_version: int
    slots: dict[str, Any]
    action: dict[str, Any]
    summary: str
    evidence: list[dict[str, Any]]
    confidence: Decimal | None
    risk: str | None
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decision: str | None
    execution: str | None
    execution_reason: str | None
    venture_id: int | None


_COLUMNS = (
    proposals.c.id,
    proposals.c.kind,
    proposals.c.command,
    proposals.c.command_version,
    proposals.c.slots,
    proposals.c.action,
    proposals.c.summary,
    proposals.c.evidence,
    proposals.c.confidence,
    proposals.c.risk,
    users.c.name,
    proposals.c.requested_at,
    proposals.c.expires_at,
    proposals.c.decision,
    proposals.c.execution,
    proposals.c.execution_reason,
    proposals.c.venture_id,
)


def _query() -> Select[Any]:
    return select(*_COLUMNS).join(users, users.c.id == proposals.c.requested_by)


def propose(connection: Connection, new: NewProposal) -> int:
    """Write a proposal down and give its number."""
    written = connection.execute(insert(proposals).values(**asdict(new)).returning(proposals.c.id))
    return int(written.scalar_one())


def waiting(
    connection: Connection, now: datetime, *, venture_id: int | None = None, kind: str | None = None
) -> list[Proposal]:
    """Proposals that wait for a decision, the oldest first."""
    query = _query().where(proposals.c.decision.is_(None), proposals.c.expires_at > now)
    if venture_id is not None:
        query = query.where(proposals.c.venture_id == venture_id)
    if kind is not None:
        query = query.where(proposals.c.kind == kind)
    return [Proposal(*row) for row in connection.execute(query.order_by(proposals.c.id))]


def proposal(connection: Connection, number: int) -> Proposal | None:
    """One proposal."""
    row = connection.execute(_query().where(proposals.c.id == number)).first()
    return None if row is None else Proposal(*row)


def decide(
    connection: Connection, number: int, decision: str, by: int, reason: str | None, now: datetime
) -> bool:
    """Decide a waiting proposal; False when it was decided before or has expired."""
    table = proposals.c
    decided = connection.execute(
        update(proposals)
        .where(table.id == number, table.decision.is_(None), table.expires_at > now)
        .values(decision=decision, decided_by=by, decided_at=now, decision_reason=reason)
    )
    return bool(decided.rowcount)


def executed(connection: Connection, number: int, outcome: str, reason: str | None, now: datetime) -> None:
    """Note what came of an approved proposal: done or failed."""
    connection.execute(
        update(proposals)
        .where(
            proposals.c.id == number, or_(proposals.c.execution.is_(None), proposals.c.execution != "done")
        )
        .values(execution=outcome, execution_reason=reason, executed_at=now)
    )


def asked_by(
    connection: Connection,
    user_id: int,
    since: datetime,
    *,
    campaign_id: int | None = None,
    venture_id: int | None = None,
) -> list[Proposal]:
    """What somebody proposed since a moment, or earlier where it still waits; for one campaign or venture."""
    table = proposals.c
    still_waits = and_(table.decision.is_(None), table.expires_at > since)
    query = _query().where(table.requested_by == user_id, or_(table.requested_at >= since, still_waits))
    if campaign_id is not None:
        query = query.where(table.campaign_id == campaign_id)
    if venture_id is not None:
        query = query.where(table.venture_id == venture_id)
    return [Proposal(*row) for row in connection.execute(query.order_by(table.id))]
