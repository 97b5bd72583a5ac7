"""which influencer works on which campaign."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "collaborations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("influencer_id", KEY, nullable=False),
        sa.Column("campaign_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False, comment="post: one post"),
        sa.Column("state", sa.String(length=20), nullable=False, comment="added"),
        sa.Column(
            "cost",
            sa.BigInteger(),
            nullable=True,
            comment="agreed, in `currency`; empty: no price was known",
        ),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column(
            "committed",
            sa.BigInteger(),
            nullable=True,
            comment="the cost in the campaign's currency, at the rate of that day",
        ),
        sa.Column("reach", sa.BigInteger(), nullable=False, comment="people expected to see it"),
        sa.Column("engagements", sa.BigInteger(), nullable=False, comment="interactions expected of it"),
        sa.Column("reasons", JSON, nullable=False, comment="scores, ranges and risks as they were found"),
        sa.Column("asked_by", KEY, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["influencer_id"], ["influencers.id"], name=op.f("fk_collaborations_influencer_id")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_collaborations_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["users.id"], name=op.f("fk_collaborations_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collaborations")),
        sa.UniqueConstraint(
            "campaign_id", "influencer_id", name=op.f("uq_collaborations_campaign_id_influencer_id")
        ),
    )
    with op.batch_alter_table("collaborations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_collaborations_influencer_id"), ["influencer_id"], unique=False)


def downgrade() -> None:
    op.drop_table("collaborations")
