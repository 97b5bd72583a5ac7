"""Ventures with their segments and competitors, and the exchange rates their reports convert at."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    func,
    select,
    type_coerce,
)

from engines.terms import Period
from storage.database import Amount, Json, Key, Rate, Scaled, UtcDateTime, metadata

ventures = Table(
    "ventures",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("name_key", String(200), nullable=False, unique=True, comment="the name, case-folded"),
    Column("stage", String(20), nullable=False),
    Column("category", String(100), nullable=False),
    Column("kind", String(20), nullable=False, comment="b2b_enterprise, b2b_smb, b2c_mass, b2c_premium"),
    Column("currency", String(3), nullable=False),
    Column("time_zone", String(60), nullable=False),
    Column("monthly_budget", Amount()),
    Column("gross_margin", Scaled(4), nullable=False, comment="share of revenue left after direct cost"),
    Column("fiscal_year_start", Integer, nullable=False, comment="month, 1 to 12"),
    Column("is_local", Boolean, nullable=False, comment="has places that customers visit"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
)

segments = Table(
    "segments",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("priority_rank", Integer, nullable=False),
    Column("size", Integer, nullable=False, comment="people or companies in reach"),
    Column("growth", Scaled(4), nullable=False, comment="a year, as a share"),
    Column("accessibility", Scaled(4), nullable=False, comment="0 to 1"),
    Column("status", String(20), nullable=False, comment="draft or validated"),
    Column("channel_preferences", Json, nullable=False),
    Column("value_proposition", Text, nullable=False),
    Index(None, "venture_id", "priority_rank"),
)

competitors = Table(
    "competitors",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("domain", String(200), nullable=False),
    Column("market_share", Scaled(4), nullable=False),
    Column("price_level", Scaled(4), nullable=False, comment="their price over ours"),
    Column("strengths", Json, nullable=False),
    Index(None, "venture_id"),
)

exchange_rates = Table(
    "exchange_rates",
    metadata,
    Column("day", Date, primary_key=True),
    Column("base", String(3), primary_key=True),
    Column("quote", String(3), primary_key=True),
    Column("rate", Rate(), nullable=False, comment="quote units for one base unit"),
)


@dataclass(frozen=True)
class Venture:
    """A venture as handlers see it."""

    id: int
    name: str
    stage: str
    category: str
    kind: str
    currency: str
    time_zone: str
    monthly_budget: Decimal | None
    gross_margin: Decimal
    fiscal_year_start: int
    version: int


_VENTURE = (
    ventures.c.id,
    ventures.c.name,
    ventures.c.stage,
    ventures.c.category,
    ventures.c.kind,
    ventures.c.currency,
    ventures.c.time_zone,
    ventures.c.monthly_budget,
    ventures.c.gross_margin,
    ventures.c.fiscal_year_start,
    ventures.c.version,
)


_ONE_VENTURE = select(*_VENTURE).where(ventures.c.id == bindparam("wanted"))


def venture(connection: Connection, venture_id: int) -> Venture | None:
    """One venture, None when it is gone."""
    row = connection.execute(_ONE_VENTURE, {"wanted": venture_id}).first()
    return None if row is None else Venture(*row)


def all_ventures(connection: Connection) -> list[Venture]:
    """Every venture, by name."""
    return [Venture(*row) for row in connection.execute(select(*_VENTURE).order_by(ventures.c.name))]


RATE_EXPONENT = -8
"""Exchange rates have eight decimals."""


class RateMissingError(LookupError):
    """No stored exchange rate is old enough to convert a day's money."""

    def __init__(self, base: str, quote: str, day: date) -> None:
        super().__init__(f"no exchange rate from {base} to {quote} on or before {day}")
        self.base, self.quote, self.day = base, quote, day


class Rates:
    """Stored rates into one currency over a period; a day without a rate takes the latest one before it.

    A currency's rates are loaded when its first amount is converted.
    """

    def __init__(self, connection: Connection, quote: str, period: Period) -> None:
        self.quote = quote
        self._connection = connection
        self._period = period
        self._known: dict[str, tuple[list[date], list[int]]] = {}

    def convert(self, amount: Decimal, base: str, day: date) -> Decimal:
        """``amount`` of ``day`` in the quote currency, not rounded. Raises `RateMissingError`."""
        if base == self.quote:
            return amount
        return amount * Decimal(self.scaled(base, day)).scaleb(RATE_EXPONENT)

    def scaled(self, base: str, day: date) -> int:
        """The day's rate as a whole number of ten to the `RATE_EXPONENT`. Raises `RateMissingError`."""
        known = self._known.get(base)
        if known is None:
            known = self._known[base] = self._load(base)
        days, rates = known
        at = bisect_right(days, day)
        if not at:
            raise RateMissingError(base, self.quote, day)
        return rates[at - 1]

    def _load(self, base: str) -> tuple[list[date], list[int]]:
        table = exchange_rates.c
        pair = and_(table.base == base, table.quote == self.quote)
        before = select(func.max(table.day)).where(pair, table.day <= self._period.start).scalar_subquery()
        first = func.coalesce(before, self._period.start)
        rate = type_coerce(table.rate, BigInteger)
        query = select(table.day, rate).where(pair, table.day.between(first, self._period.end))
        found = self._connection.execute(query.order_by(table.day)).all()
        return [day for day, _ in found], [whole for _, whole in found]
