"""Work that outlives a turn: proposals that wait, effects outside, jobs."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from storage.database import Amount, Json, Key, Scaled, UtcDateTime, metadata

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

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("command", String(60), nullable=False),
    Column("slots", Json, nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("state", String(10), nullable=False, comment="waiting, running, done, failed or cancelled"),
    Column("progress", Scaled(4), nullable=False, comment="0 to 1"),
    Column("message", Text, nullable=False),
    Column("checkpoint", Json, comment="where a restart goes on"),
    Column("reply", Json),
    Column("cancel_asked", UtcDateTime),
    Column("claimed_by", String(100)),
    Column("heartbeat_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index(None, "state", "created_at"),
)
