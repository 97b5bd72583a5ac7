"""alerts that last and end, and levels that are watched."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
KINDS = "spend_limit, loop_failed, tracking, reporting, stale_data, unusual, threshold, credit or advice"
KINDS_BEFORE = "spend_limit, loop_failed, tracking or advice"


def upgrade() -> None:
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=30), comment=KINDS)
        batch_op.add_column(
            sa.Column(
                "cause",
                sa.String(length=160),
                nullable=True,
                comment="what lasts; one open alert a cause; empty: nothing that ends",
            )
        )
        batch_op.add_column(
            sa.Column(
                "parts",
                JSON,
                nullable=True,
                comment="what it is about in particular: when one joins, it is told again",
            )
        )
        batch_op.add_column(sa.Column("evidence", JSON, nullable=True, comment="where its figures come from"))
        for name, comment in (
            ("updated_at", "when what it tells last changed"),
            ("closed_at", "when its cause was over"),
            ("snoozed_until", None),
            ("notified_at", "when whoever is outside was told"),
            ("escalated_at", "when it was told again, as nobody had acknowledged it"),
        ):
            batch_op.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True, comment=comment))
        batch_op.create_index(batch_op.f("ix_alerts_cause"), ["cause"], unique=False)
    # What was raised before was posted when it was raised.
    op.execute("UPDATE alerts SET notified_at = raised_at, escalated_at = raised_at")
    op.create_table(
        "thresholds",
        sa.Column("id", KEY, nullable=False),
        sa.Column("venture_id", KEY, nullable=True, comment="empty: the portfolio"),
        sa.Column("campaign_id", KEY, nullable=True, comment="empty: all of them"),
        sa.Column("metric", sa.String(length=40), nullable=False),
        sa.Column("comparison", sa.String(length=10), nullable=False, comment="above or below"),
        sa.Column(
            "value",
            sa.BigInteger(),
            nullable=False,
            comment="money in `currency`, a share, a ratio or a count",
        ),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False, comment="full days it is measured over"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_thresholds_campaign_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["venture_id"], ["ventures.id"], name=op.f("fk_thresholds_venture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thresholds")),
    )


def downgrade() -> None:
    op.drop_table("thresholds")
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alerts_cause"))
        for name in (
            *("escalated_at", "notified_at", "snoozed_until", "closed_at", "updated_at"),
            *("evidence", "parts", "cause"),
        ):
            batch_op.drop_column(name)
        batch_op.alter_column("kind", existing_type=sa.String(length=30), comment=KINDS_BEFORE)
