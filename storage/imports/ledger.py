"""What was imported: every import, and the identity of every row that was counted."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    select,
)

from storage.database import Amount, Json, Key, UtcDateTime, metadata

LONGEST_FILE_NAME = 300

import_runs = Table(
    "import_runs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("file", String(LONGEST_FILE_NAME), nullable=False, comment="its name without the folder"),
    Column("digest", String(64), nullable=False, comment="of the file's bytes and the request"),
    Column("at", UtcDateTime, nullable=False),
    Column("report", Json, nullable=False),
    Index(None, "digest"),
)

imported_performance = Table(
    "imported_performance",
    metadata,
    Column("identity", LargeBinary(16), primary_key=True),
    Column("ordinal", Integer, primary_key=True, comment="among rows of equal content"),
    Column("run_id", ForeignKey("import_runs.id"), nullable=False),
    Column("line_id", ForeignKey("channel_lines.id", ondelete="CASCADE"), nullable=False),
    Column("day", Date, nullable=False),
    Column("reach", BigInteger, nullable=False),
    Column("impressions", BigInteger, nullable=False),
    Column("clicks", BigInteger, nullable=False),
    Column("leads", BigInteger, nullable=False),
    Column("conversions", BigInteger, nullable=False),
    Column("revenue", Amount(), nullable=False),
    Column("spend", Amount(), nullable=False),
    Index(None, "line_id", "day"),
    sqlite_with_rowid=False,
)
"""What each row added to its line's day, so that a corrected row can be taken back."""

imported_events = Table(
    "imported_events",
    metadata,
    Column("target", String(12), primary_key=True, comment="touchpoints or conversions"),
    Column("identity", LargeBinary(16), primary_key=True),
    Column("ordinal", Integer, primary_key=True, comment="among rows of equal content"),
    Column("run_id", ForeignKey("import_runs.id"), nullable=False),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("row_id", BigInteger, nullable=False, comment="the touchpoint or conversion it became"),
    Index(None, "venture_id"),
    sqlite_with_rowid=False,
)
"""Which touchpoint or conversion each row became; kept when that is deleted, so that it does not return."""

import_touched = Table(
    "import_touched",
    metadata,
    Column("id", Key, primary_key=True),
    Column("run_id", ForeignKey("import_runs.id"), nullable=False),
    Column("table_name", String(40), nullable=False),
    Column("row_id", BigInteger, nullable=False, comment="0 where the row's key stands in the document"),
    Column("before", Json, comment="the row as it was; empty: the import added it"),
    Index(None, "run_id"),
    Index(None, "table_name", "row_id"),
)
"""What an import added or changed besides what the ledgers of rows tell, so that it can be taken back."""


def lock(connection: Connection) -> None:
    """Let one import at a time be written or taken back, until the transaction ends."""
    if connection.dialect.name != "sqlite":  # whose writers wait for each other anyway
        connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('gtm imports'))")


def was_imported(connection: Connection, digest: str) -> bool:
    """Whether the very same file was imported in the very same way before."""
    return (
        connection.scalar(select(import_runs.c.id).where(import_runs.c.digest == digest).limit(1)) is not None
    )
