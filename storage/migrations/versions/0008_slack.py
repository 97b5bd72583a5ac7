"""Slack: its users, what it sent, and our messages there."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
KINDS_BEFORE = (
    "spend_limit, loop_failed, tracking, reporting, stale_data, unusual, threshold, credit or advice"
)
KINDS = "spend_limit, loop_failed, tracking, reporting, stale_data, unusual, threshold, credit, advice or connection"


def upgrade() -> None:
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=30), comment=KINDS)
    op.create_table(
        "slack_people",
        sa.Column("slack_id", sa.String(length=30), nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("linked_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_slack_people_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("slack_id", name=op.f("pk_slack_people")),
    )
    op.create_index(op.f("ix_slack_people_user_id"), "slack_people", ["user_id"])
    op.create_table(
        "slack_events",
        sa.Column("id", KEY, nullable=False),
        sa.Column(
            "event_id",
            sa.String(length=200),
            nullable=False,
            comment="what is delivered again has it again",
        ),
        sa.Column("kind", sa.String(length=10), nullable=False, comment="event, press, view or command"),
        sa.Column(
            "line",
            sa.String(length=80),
            nullable=False,
            comment="what is done in order: all that one person does",
        ),
        sa.Column("said_at", sa.String(length=30), nullable=False, comment="Slack's own time stamp"),
        sa.Column("body", JSON, nullable=True, comment="what Slack sent; gone once it is done"),
        sa.Column("progress", JSON, nullable=False, comment="what of the answer was sent already"),
        sa.Column("state", sa.String(length=10), nullable=False, comment="waiting, running, done or failed"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(length=100), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True, comment="when it may be taken over"),
        sa.Column("next_attempt_at", MOMENT, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slack_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_slack_events_event_id")),
    )
    op.create_index(op.f("ix_slack_events_state_slack_events_line"), "slack_events", ["state", "line"])
    op.create_index(op.f("ix_slack_events_settled_at"), "slack_events", ["settled_at"])
    op.create_table(
        "slack_messages",
        sa.Column("id", KEY, nullable=False),
        sa.Column(
            "subject", sa.String(length=60), nullable=False, comment="what it shows: proposal:3, alert:7"
        ),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column(
            "ts", sa.String(length=30), nullable=False, comment="Slack's name of the message in its channel"
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("blocks", JSON, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slack_messages")),
        sa.UniqueConstraint("channel", "ts", name=op.f("uq_slack_messages_channel_ts")),
    )
    op.create_index(op.f("ix_slack_messages_subject"), "slack_messages", ["subject"])


def downgrade() -> None:
    op.drop_table("slack_messages")
    op.drop_table("slack_events")
    op.drop_table("slack_people")
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=30), comment=KINDS_BEFORE)
