"""Effects outside: written down with what caused them, sent afterwards, settled one by one."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

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
