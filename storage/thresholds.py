"""Levels that are watched: a metric of a venture, a campaign or the portfolio that must not cross one."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Column, Connection, ForeignKey, Integer, String, Table, select

from storage.database import Amount, Key, metadata

ABOVE, BELOW = "above", "below"

thresholds = Table(
    "thresholds",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), comment="empty: the portfolio"),
    Column("campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE"), comment="empty: all of them"),
    Column("metric", String(40), nullable=False),
    Column("comparison", String(10), nullable=False, comment="above or below"),
    Column("value", Amount(), nullable=False, comment="money in `currency`, a share, a ratio or a count"),
    Column("currency", String(3), nullable=False),
    Column("days", Integer, nullable=False, comment="full days it is measured over"),
    Column("version", Integer, nullable=False),
)


@dataclass(frozen=True)
class Threshold:
    """A metric that is held against a level over its latest full days."""

    id: int
    venture_id: int | None
    campaign_id: int | None
    metric: str
    comparison: str
    value: Decimal
    currency: str
    days: int
    version: int

    @property
    def cause(self) -> str:
        """What an alert of it is about; another once the level is another."""
        return f"threshold:{self.id}:{self.metric}:{self.comparison}:{self.value.normalize():f}:{self.days}"

    def is_crossed(self, found: Decimal, *, open_already: bool, margin: Decimal) -> bool:
        """Whether a value is on the wrong side; once it was, until it is back by ``margin`` of the level.

        Without that a value that trembles around its level would raise an alert every day.
        """
        slack = abs(self.value) * margin if open_already else Decimal(0)
        if self.comparison == ABOVE:
            return found > self.value - slack
        return found < self.value + slack


_COLUMNS = [thresholds.c[name] for name in Threshold.__annotations__]


def all_thresholds(
    connection: Connection,
    *,
    metric: str | None = None,
    venture_id: int | None = None,
    campaign_id: int | None = None,
) -> list[Threshold]:
    """Every level that is watched, narrowed to what is named."""
    query = select(*_COLUMNS).order_by(thresholds.c.id)
    named = {"metric": metric, "venture_id": venture_id, "campaign_id": campaign_id}
    for name, value in named.items():
        if value is not None:
            query = query.where(thresholds.c[name] == value)
    return [Threshold(*row) for row in connection.execute(query)]


def same_place(
    connection: Connection, venture_id: int | None, campaign_id: int | None, metric: str, comparison: str
) -> Threshold | None:
    """The level of a metric of a thing on a side, if one is watched."""
    found = all_thresholds(connection, metric=metric)
    return next(
        (
            one
            for one in found
            if (one.venture_id, one.campaign_id, one.comparison) == (venture_id, campaign_id, comparison)
        ),
        None,
    )
