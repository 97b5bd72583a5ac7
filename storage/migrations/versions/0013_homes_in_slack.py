"""which home pages in Slack were opened, and what they show.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slack_homes",
        sa.Column("slack_id", sa.String(length=30), nullable=False),
        sa.Column("shown", sa.String(length=64), nullable=False, comment="SHA-256 of the blocks shown last"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "looked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when somebody last saw to it that it is up to date",
        ),
        sa.PrimaryKeyConstraint("slack_id", name=op.f("pk_slack_homes")),
    )


def downgrade() -> None:
    op.drop_table("slack_homes")
