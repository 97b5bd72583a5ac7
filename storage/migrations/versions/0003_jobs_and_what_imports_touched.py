"""jobs and what imports touched."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "import_touched",
        sa.Column("id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("table_name", sa.String(length=40), nullable=False),
        sa.Column(
            "row_id",
            sa.BigInteger(),
            nullable=False,
            comment="0 where the row's key stands in the document",
        ),
        sa.Column("before", JSON, nullable=True, comment="the row as it was; empty: the import added it"),
        sa.ForeignKeyConstraint(["run_id"], ["import_runs.id"], name=op.f("fk_import_touched_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_touched")),
    )
    with op.batch_alter_table("import_touched", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_import_touched_run_id"), ["run_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_import_touched_table_name_import_touched_row_id"),
            ["table_name", "row_id"],
            unique=False,
        )

    # Nothing ran as a job before this revision: the table is empty.
    op.drop_table("jobs")
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("command", sa.String(length=60), nullable=False),
        sa.Column("arguments", JSON, nullable=False, comment="frozen: all the work needs to know"),
        sa.Column("summary", sa.Text(), nullable=False, comment="what it does, as said to the person"),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("conversation_id", sa.String(length=64), nullable=True),
        sa.Column("audit_id", KEY, nullable=True, comment="the turn that asked for it"),
        sa.Column(
            "state",
            sa.String(length=10),
            nullable=False,
            comment="waiting, running, done, failed or cancelled",
        ),
        sa.Column("progress", sa.BigInteger(), nullable=False, comment="0 to 1"),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="how often it was begun"),
        sa.Column("cancel_asked", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_by", sa.String(length=100), nullable=True),
        sa.Column(
            "lease_until", sa.DateTime(timezone=True), nullable=True, comment="when it may be taken over"
        ),
        sa.Column("reply", JSON, nullable=True, comment="what it came to"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], name=op.f("fk_jobs_audit_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_jobs_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_jobs_state_jobs_created_at"), ["state", "created_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_jobs_user_id_jobs_created_at"), ["user_id", "created_at"], unique=False
        )
