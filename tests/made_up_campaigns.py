"""Campaigns with known figures, for tests of what watches them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from sqlalchemy import Connection, insert

from storage import names
from storage.campaigns import campaigns, channel_lines
from storage.customers import customers
from storage.performance import daily_performance
from storage.ventures import ventures

CREATED = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Daily:
    """What a line does every day."""

    spend: Decimal = Decimal(30)
    revenue: Decimal = Decimal(30)
    impressions: int = 3000
    clicks: int = 60
    conversions: int = 2


def add_venture(connection: Connection, name: str = "Zeta", margin: str = "0.5") -> int:
    """A venture that reckons in dollars, in UTC."""
    row = {
        "name": name,
        "name_key": name.casefold(),
        "stage": "growth",
        "category": "food",
        "kind": "b2c_mass",
        "currency": "USD",
        "time_zone": "UTC",
        "gross_margin": Decimal(margin),
        "fiscal_year_start": 1,
        "is_local": False,
        "created_at": CREATED,
        "version": 1,
    }
    names.touch(connection)
    return int(connection.execute(insert(ventures).values(**row).returning(ventures.c.id)).scalar_one())


def add_campaign(
    connection: Connection,
    venture_id: int,
    name: str,
    *,
    until: date,
    allocated: Sequence[str] = ("600", "400"),
    days: int = 40,
    daily: Callable[[date], Daily] = lambda _: Daily(),
    new_customers: int = 4,
    target_cpa: Decimal | None = None,
) -> int:
    """An active campaign whose lines do the same every day up to ``until``, its first wins customers."""
    row = {
        "venture_id": venture_id,
        "name": name,
        "name_key": name.casefold(),
        "objective": "conversion",
        "status": "active",
        "currency": "USD",
        "target_cpa": target_cpa,
        "start_on": until - timedelta(days=days),
        "created_at": CREATED,
        "version": 1,
    }
    number = connection.execute(insert(campaigns).values(**row).returning(campaigns.c.id)).scalar_one()
    lines = []
    for channel, money in zip(("email", "display", "video"), allocated, strict=False):
        line = {"campaign_id": number, "channel": channel, "status": "active", "version": 1}
        money_row = {"planned": Decimal(money), "allocated": Decimal(money), "created_at": CREATED}
        made = insert(channel_lines).values(**line, **money_row).returning(channel_lines.c.id)
        lines.append(connection.execute(made).scalar_one())
    add_days(connection, lines, until - timedelta(days=days - 1), until, daily)
    for place in range(new_customers):
        won = datetime.combine(until - timedelta(days=place + 1), time(12), UTC)
        customer = {
            "venture_id": venture_id,
            "line_id": lines[0],
            "external_id": f"{name}-{place}",
            "monthly_revenue": Decimal(20),
            "acquired_at": won,
            "indicators": {},
        }
        connection.execute(insert(customers).values(**customer))
    names.touch(connection)
    return int(number)


def add_days(
    connection: Connection, lines: Sequence[int], start: date, until: date, daily: Callable[[date], Daily]
) -> None:
    """Performance of lines, the same for each, from one day to another."""
    known = [start + timedelta(days=place) for place in range((until - start).days + 1)]
    rows = [
        {
            "line_id": line,
            "day": day,
            "reach": one.impressions,
            "impressions": one.impressions,
            "clicks": one.clicks,
            "leads": 0,
            "conversions": one.conversions,
            "revenue": one.revenue,
            "spend": one.spend,
        }
        for day, one in ((day, daily(day)) for day in known)
        for line in lines
    ]
    connection.execute(insert(daily_performance), rows)
