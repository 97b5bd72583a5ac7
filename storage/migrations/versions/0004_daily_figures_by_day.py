"""daily figures by day."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FIGURES = ("reach", "impressions", "clicks", "leads", "conversions", "revenue", "spend")


def upgrade() -> None:
    # Holds the figures too: a month of a whole portfolio is one stretch of the index.
    op.create_index("ix_daily_performance_by_day", "daily_performance", ["day", "line_id", *FIGURES])
    op.drop_index("ix_daily_performance_day", "daily_performance")


def downgrade() -> None:
    op.create_index("ix_daily_performance_day", "daily_performance", ["day"])
    op.drop_index("ix_daily_performance_by_day", "daily_performance")
