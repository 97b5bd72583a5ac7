"""imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("file", sa.String(length=300), nullable=False, comment="its name without the folder"),
        sa.Column(
            "digest", sa.String(length=64), nullable=False, comment="of the file's bytes and the request"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("report", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_runs")),
    )
    with op.batch_alter_table("import_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_import_runs_digest"), ["digest"], unique=False)

    op.create_table(
        "imported_events",
        sa.Column("target", sa.String(length=12), nullable=False, comment="touchpoints or conversions"),
        sa.Column("identity", sa.LargeBinary(length=16), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, comment="among rows of equal content"),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("venture_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "row_id", sa.BigInteger(), nullable=False, comment="the touchpoint or conversion it became"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["import_runs.id"], name=op.f("fk_imported_events_run_id")),
        sa.ForeignKeyConstraint(
            ["venture_id"], ["ventures.id"], name=op.f("fk_imported_events_venture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("target", "identity", "ordinal", name=op.f("pk_imported_events")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("imported_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_imported_events_venture_id"), ["venture_id"], unique=False)

    op.create_table(
        "imported_performance",
        sa.Column("identity", sa.LargeBinary(length=16), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, comment="among rows of equal content"),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reach", sa.BigInteger(), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("leads", sa.BigInteger(), nullable=False),
        sa.Column("conversions", sa.BigInteger(), nullable=False),
        sa.Column("revenue", sa.BigInteger(), nullable=False),
        sa.Column("spend", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"],
            ["channel_lines.id"],
            name=op.f("fk_imported_performance_line_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["run_id"], ["import_runs.id"], name=op.f("fk_imported_performance_run_id")),
        sa.PrimaryKeyConstraint("identity", "ordinal", name=op.f("pk_imported_performance")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("imported_performance", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_imported_performance_line_id_imported_performance_day"),
            ["line_id", "day"],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table("imported_performance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_imported_performance_line_id_imported_performance_day"))

    op.drop_table("imported_performance")
    with op.batch_alter_table("imported_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_imported_events_venture_id"))

    op.drop_table("imported_events")
    with op.batch_alter_table("import_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_import_runs_digest"))

    op.drop_table("import_runs")
