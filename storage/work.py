"""Work that outlives a turn: effects outside, and jobs."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from storage.database import Json, Key, Scaled, UtcDateTime, metadata

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
    Column("arguments", Json, nullable=False, comment="frozen: all the work needs to know"),
    Column("summary", Text, nullable=False, comment="what it does, as said to the person"),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("conversation_id", String(64)),
    Column("audit_id", ForeignKey("audit.id"), comment="the turn that asked for it"),
    Column("state", String(10), nullable=False, comment="waiting, running, done, failed or cancelled"),
    Column("progress", Scaled(4), nullable=False, comment="0 to 1"),
    Column("message", Text, nullable=False),
    Column("attempts", Integer, nullable=False, comment="how often it was begun"),
    Column("cancel_asked", UtcDateTime),
    Column("claimed_by", String(100)),
    Column("lease_until", UtcDateTime, comment="when it may be taken over"),
    Column("reply", Json, comment="what it came to"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index(None, "state", "created_at"),
    Index(None, "user_id", "created_at"),
)
