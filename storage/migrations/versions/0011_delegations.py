"""who may decide in the chairman's place."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "delegations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False, comment="who may decide"),
        sa.Column("granted_by", KEY, nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="when it was taken back"),
        sa.Column("venture_id", KEY, nullable=True, comment="empty: every venture"),
        sa.Column(
            "most",
            sa.BigInteger(),
            nullable=True,
            comment="of one proposal, in `currency`; empty: any amount",
        ),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_delegations_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["granted_by"], ["users.id"], name=op.f("fk_delegations_granted_by")),
        sa.ForeignKeyConstraint(
            ["venture_id"], ["ventures.id"], name=op.f("fk_delegations_venture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegations")),
    )
    with op.batch_alter_table("delegations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delegations_user_id"), ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_table("delegations")
