"""widgets, sessions that end, identities of other providers, and who came in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
KINDS = "api, widget, or sign_in: good for one use"
KINDS_BEFORE = "api, or sign_in: good for one use"


def upgrade() -> None:
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=10), comment=KINDS)
        batch_op.add_column(
            sa.Column("origins", JSON, nullable=True, comment="of a widget: the sites it may stand on")
        )
        batch_op.add_column(
            sa.Column("per_minute", sa.Integer(), nullable=True, comment="of a widget: its most turns")
        )
    op.create_table(
        "sessions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column(
            "digest", sa.String(length=64), nullable=False, comment="SHA-256 of the session's own name"
        ),
        sa.Column("how", sa.String(length=10), nullable=False, comment="link or oidc"),
        sa.Column("place", sa.String(length=60), nullable=False, comment="the address it was begun from"),
        sa.Column("browser", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_user_id"), ["user_id"], unique=False)
    op.create_table(
        "identities",
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False, comment="as it was when they were linked"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_identities_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identities_issuer")),
    )
    with op.batch_alter_table("identities", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identities_user_id"), ["user_id"], unique=False)
    op.create_table(
        "accesses",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("user_id", KEY, nullable=True, comment="whom it is about; empty: nobody known"),
        sa.Column("place", sa.String(length=60), nullable=False, comment="an address, or terminal"),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_accesses_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accesses")),
    )
    with op.batch_alter_table("accesses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accesses_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_accesses_place_accesses_at"), ["place", "at"], unique=False)


def downgrade() -> None:
    op.drop_table("accesses")
    op.drop_table("identities")
    op.drop_table("sessions")
    op.execute("DELETE FROM tokens WHERE kind NOT IN ('api', 'sign_in')")
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.drop_column("per_minute")
        batch_op.drop_column("origins")
        batch_op.alter_column("kind", existing_type=sa.String(length=10), comment=KINDS_BEFORE)
