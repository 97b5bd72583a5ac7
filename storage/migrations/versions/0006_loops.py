"""loops, what their changes promise, alerts and limits of spending."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "loops",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False, comment="running or paused"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="when it is to be done next"),
        sa.Column("claimed_by", sa.String(length=100), nullable=True, comment="the process that does it now"),
        sa.Column(
            "lease_until", sa.DateTime(timezone=True), nullable=True, comment="when it may be taken over"
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="in a row, since it was last done"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loops")),
        sa.UniqueConstraint("name", name=op.f("uq_loops_name")),
    )
    op.create_table(
        "loop_runs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("loop_id", KEY, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "began_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the latest time, where it was cut off",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="how often it was begun"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=True, comment="done or failed; empty before"),
        sa.Column("told", sa.Text(), nullable=False, comment="what it came to, in words"),
        sa.Column("result", JSON, nullable=True, comment="what it came to, as data"),
        sa.ForeignKeyConstraint(
            ["loop_id"], ["loops.id"], name=op.f("fk_loop_runs_loop_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loop_runs")),
        sa.UniqueConstraint("loop_id", "due_at", name=op.f("uq_loop_runs_loop_id_due_at")),
    )
    with op.batch_alter_table("loop_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_loop_runs_ended_at"), ["ended_at"], unique=False)

    op.create_table(
        "alerts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False, comment="what it is raised about, once"),
        sa.Column(
            "kind",
            sa.String(length=30),
            nullable=False,
            comment="spend_limit, loop_failed, tracking or advice",
        ),
        sa.Column("venture_id", KEY, nullable=True),
        sa.Column("campaign_id", KEY, nullable=True),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", KEY, nullable=True),
        sa.ForeignKeyConstraint(["acknowledged_by"], ["users.id"], name=op.f("fk_alerts_acknowledged_by")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_alerts_campaign_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["venture_id"], ["ventures.id"], name=op.f("fk_alerts_venture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("key", name=op.f("uq_alerts_key")),
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alerts_raised_at"), ["raised_at"], unique=False)

    op.create_table(
        "promises",
        sa.Column("id", KEY, nullable=False),
        sa.Column("audit_id", KEY, nullable=False, comment="the turn that made the change"),
        sa.Column(
            "source", sa.String(length=60), nullable=False, comment="the rule, or the command, that promised"
        ),
        sa.Column(
            "by_loop",
            sa.String(length=60),
            nullable=True,
            comment="the loop that made the change by itself; empty: after a yes",
        ),
        sa.Column("venture_id", KEY, nullable=False),
        sa.Column("campaign_id", KEY, nullable=True, comment="empty: of all its campaigns"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False, comment="money a month, before and after"),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("moved", sa.BigInteger(), nullable=False, comment="money a month that changed its place"),
        sa.Column(
            "expected", sa.BigInteger(), nullable=False, comment="more contribution a month than without it"
        ),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.Column(
            "confidence", sa.BigInteger(), nullable=False, comment="stated: that the contribution rises"
        ),
        sa.Column("days", sa.Integer(), nullable=False, comment="how long before and after it are compared"),
        sa.Column("due_on", sa.Date(), nullable=False, comment="the day it can be judged"),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actual", sa.BigInteger(), nullable=True, comment="what it brought, a month"),
        sa.Column(
            "kept",
            sa.Boolean(),
            nullable=True,
            comment="whether the contribution rose; empty where nothing can be said",
        ),
        sa.Column("note", sa.Text(), nullable=True, comment="how it was judged, or why it could not be"),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], name=op.f("fk_promises_audit_id")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_promises_campaign_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["venture_id"], ["ventures.id"], name=op.f("fk_promises_venture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
    )
    with op.batch_alter_table("promises", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_promises_campaign_id_promises_made_at"), ["campaign_id", "made_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_promises_judged_at_promises_due_on"), ["judged_at", "due_on"], unique=False
        )

    op.create_table(
        "spend_limits",
        sa.Column("id", KEY, nullable=False),
        sa.Column("venture_id", KEY, nullable=False),
        sa.Column("campaign_id", KEY, nullable=True, comment="empty: the whole venture"),
        sa.Column("pace", sa.String(length=10), nullable=False, comment="day, week or month"),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_spend_limits_campaign_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["venture_id"], ["ventures.id"], name=op.f("fk_spend_limits_venture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spend_limits")),
    )
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_changes_table_name_changes_row_id"), ["table_name", "row_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_changes_table_name_changes_row_id"))

    op.drop_table("spend_limits")
    with op.batch_alter_table("promises", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_promises_judged_at_promises_due_on"))
        batch_op.drop_index(batch_op.f("ix_promises_campaign_id_promises_made_at"))

    op.drop_table("promises")
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alerts_raised_at"))

    op.drop_table("alerts")
    with op.batch_alter_table("loop_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_loop_runs_ended_at"))

    op.drop_table("loop_runs")
    op.drop_table("loops")
