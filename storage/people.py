"""Users, their roles and the tokens that prove who they are."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table

from storage.database import Key, UtcDateTime, metadata

users = Table(
    "users",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("is_service", Boolean, nullable=False),
    Column("time_zone", String(60), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(10), nullable=False, comment="api, or sign_in: good for one use"),
    Column("label", String(100), nullable=False),
    Column(
        "digest", String(64), nullable=False, unique=True, comment="SHA-256; the token itself is not kept"
    ),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Index(None, "user_id"),
)
