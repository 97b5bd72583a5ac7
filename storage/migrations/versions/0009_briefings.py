"""briefings: when they come, those that were made, and the private feeds they are heard in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _owned(table: str, column: str, owner: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "briefing_schedules",
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("venture_id", KEY, nullable=True, comment="empty: the portfolio"),
        sa.Column("frequency", sa.String(length=12), nullable=False, comment="daily, weekly or monthly"),
        sa.Column("weekdays", JSON, nullable=False, comment="of a daily or weekly one: monday, tuesday …"),
        sa.Column(
            "month_day",
            sa.String(length=10),
            nullable=True,
            comment="of a monthly one: 1 to 28, last, 1st mon …",
        ),
        sa.Column("time", sa.String(length=5), nullable=False, comment="HH:MM in `time_zone`"),
        sa.Column("time_zone", sa.String(length=60), nullable=False),
        sa.Column("delivery", JSON, nullable=False, comment="page, email, slack, podcast, webhook"),
        sa.Column("spoken", sa.Boolean(), nullable=False),
        sa.Column("length", sa.String(length=20), nullable=False),
        sa.Column("skip_holidays", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="empty while it goes on"),
        _owned("briefing_schedules", "user_id", "users"),
        _owned("briefing_schedules", "venture_id", "ventures"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_briefing_schedules")),
    )
    op.create_index(op.f("ix_briefing_schedules_user_id"), "briefing_schedules", ["user_id"], unique=False)
    op.create_table(
        "briefings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("schedule_id", KEY, nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="a due time of a schedule is made once",
        ),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("venture_id", KEY, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("facts", JSON, nullable=False, comment="all that its renderings are made from"),
        _owned("briefings", "schedule_id", "briefing_schedules"),
        _owned("briefings", "user_id", "users"),
        _owned("briefings", "venture_id", "ventures"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_briefings")),
        sa.UniqueConstraint("schedule_id", "due_at", name=op.f("uq_briefings_schedule_id_due_at")),
    )
    op.create_index(
        op.f("ix_briefings_user_id_briefings_made_at"), "briefings", ["user_id", "made_at"], unique=False
    )
    op.create_table(
        "briefing_feeds",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column(
            "digest", sa.String(length=64), nullable=False, comment="SHA-256 of the secret in the address"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _owned("briefing_feeds", "user_id", "users"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_briefing_feeds")),
        sa.UniqueConstraint("digest", name=op.f("uq_briefing_feeds_digest")),
    )


def downgrade() -> None:
    op.drop_table("briefing_feeds")
    op.drop_table("briefings")
    op.drop_table("briefing_schedules")
