"""What organic growth works on: keywords, trends, backlinks, link queries; and past campaigns."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from storage.database import Amount, Json, Key, Scaled, UtcDateTime, metadata

keywords = Table(
    "keywords",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("phrase", String(300), nullable=False),
    Column("cluster", String(200), nullable=False),
    Column("search_intent", String(20), nullable=False),
    Column("volume", Integer, nullable=False, comment="searches a month"),
    Column("difficulty", Integer, nullable=False, comment="0 to 100"),
    Column("cpc", Amount(), comment="in the venture's currency"),
    Column("position", Integer, comment="today's rank; empty: not in the first hundred"),
    Column("previous_position", Integer),
    Column("url", Text),
    UniqueConstraint("venture_id", "phrase"),
)

trends = Table(
    "trends",
    metadata,
    Column("id", Key, primary_key=True),
    Column("topic", String(300), nullable=False, unique=True),
    Column("category", String(100), nullable=False),
    Column("platform", String(20), nullable=False),
    Column("stage", String(12), nullable=False, comment="emerging, peak or declining"),
    Column("volume", Integer, nullable=False, comment="mentions a week"),
    Column("growth", Scaled(4), nullable=False, comment="a week, as a share"),
    Column("viral_coefficient", Scaled(4), nullable=False),
    Column("relevance", Scaled(4), nullable=False, comment="0 to 1"),
    Column("first_seen_on", Date, nullable=False),
    Column("peak_on", Date),
    Index(None, "category", "stage"),
)

backlinks = Table(
    "backlinks",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("source_domain", String(200), nullable=False),
    Column("source_url", Text, nullable=False),
    Column("target_url", Text, nullable=False),
    Column("anchor", String(300), nullable=False),
    Column("authority", Integer, nullable=False, comment="0 to 100"),
    Column("spam_score", Integer, nullable=False, comment="0 to 100"),
    Column("is_follow", Boolean, nullable=False),
    Column("first_seen_on", Date, nullable=False),
    Column("lost_on", Date),
    Index(None, "venture_id", "authority"),
)

link_queries = Table(
    "link_queries",
    metadata,
    Column("id", Key, primary_key=True),
    Column("service", String(40), nullable=False, comment="where the query was published, as HARO"),
    Column("outlet", String(200), nullable=False),
    Column("category", String(100), nullable=False),
    Column("summary", Text, nullable=False),
    Column("authority", Integer, nullable=False, comment="0 to 100"),
    Column("status", String(20), nullable=False, comment="open, answered or closed"),
    Column("published_at", UtcDateTime, nullable=False),
    Column("deadline_at", UtcDateTime, nullable=False),
)

campaign_memories = Table(
    "campaign_memories",
    metadata,
    Column("id", Key, primary_key=True),
    Column("category", String(100), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("objective", String(40), nullable=False),
    Column("channels", Json, nullable=False, comment="share of the budget by channel"),
    Column("budget", Amount(), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("days", Integer, nullable=False),
    Column("revenue", Amount(), nullable=False),
    Column("conversions", Integer, nullable=False),
    Column("tier", String(10), nullable=False, comment="high, moderate or low"),
    Column("worked", Json, nullable=False),
    Column("failed", Json, nullable=False),
    Column("started_on", Date, nullable=False),
    Index(None, "objective", "tier"),
)
