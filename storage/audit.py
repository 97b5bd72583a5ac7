"""The audit trail: an entry an utterance."""

from sqlalchemy import Column, Float, ForeignKey, Index, String, Table, Text, UniqueConstraint

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
