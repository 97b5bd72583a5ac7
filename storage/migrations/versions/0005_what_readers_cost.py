"""what readers cost."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reader_spend",
        sa.Column("month", sa.String(length=7), nullable=False, comment="2026-03, in UTC"),
        sa.Column("reader", sa.String(length=40), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False, comment="USD; what is under way at its worst"),
        sa.PrimaryKeyConstraint("month", "reader", name=op.f("pk_reader_spend")),
    )


def downgrade() -> None:
    op.drop_table("reader_spend")
