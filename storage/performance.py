"""Daily performance of channel lines: what was spent and what came of it."""

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Table

from storage.database import Amount, metadata

daily_performance = Table(
    "daily_performance",
    metadata,
    Column("line_id", ForeignKey("channel_lines.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True, comment="in the venture's time zone"),
    Column("reach", BigInteger, nullable=False),
    Column("impressions", BigInteger, nullable=False),
    Column("clicks", BigInteger, nullable=False),
    Column("leads", BigInteger, nullable=False),
    Column("conversions", BigInteger, nullable=False),
    Column("revenue", Amount(), nullable=False),
    Column("spend", Amount(), nullable=False),
    Index(None, "day"),
    sqlite_with_rowid=False,
)
