"""where people's mail goes.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "mail_addresses",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column(
            "address",
            sa.String(length=254),
            nullable=True,
            comment="mail goes there; empty until the first is confirmed",
        ),
        sa.Column(
            "wanted",
            sa.String(length=254),
            nullable=True,
            comment="waits for its confirmation; nothing else is sent there",
        ),
        sa.Column(
            "digest",
            sa.String(length=64),
            nullable=True,
            comment="SHA-256 of the secret that was mailed to it",
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_mail_addresses_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_mail_addresses")),
        sa.UniqueConstraint("digest", name=op.f("uq_mail_addresses_digest")),
    )


def downgrade() -> None:
    op.drop_table("mail_addresses")
