"""A simulated world's visible side: its venture in the database, and the days as an ad platform reports them.

The hidden side is a file of its own that only the simulator opens.
"""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select

from engines.market import DAYS_A_MONTH
from engines.terms import CampaignStatus
from engines.worlds import CAMPAIGNS, Day, World, from_document
from storage.campaigns import campaigns, channel_lines
from storage.customers import customers
from storage.performance import daily_performance
from storage.ventures import ventures

Floats = NDArray[np.float64]

VENTURE = "Acme"
MARGIN = Decimal("0.65")
CURRENCY = "USD"


def write_truth(path: Path, world: World, carried: Floats, place: int) -> None:
    """Keep the hidden side: the world, the carry-over so far and the next day's place."""
    document = {"world": world.as_document(), "carried": carried.tolist(), "place": place}
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        json.dump(document, file)


def read_truth(path: Path) -> tuple[World, Floats, int]:
    """What `write_truth` kept."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        document = json.load(file)
    return from_document(document["world"]), np.array(document["carried"]), int(document["place"])


@dataclass(frozen=True)
class Lines:
    """The keys of a world's rows, in the world's order."""

    venture: int
    lines: tuple[int, ...]


def write_venture(connection: Connection, world: World) -> Lines:
    """The venture, its campaigns and lines, all active since the first day."""
    first = date.fromordinal(int(world.ordinals[0]))
    made = datetime(first.year, first.month, first.day, tzinfo=UTC)
    venture = _key(
        connection,
        ventures,
        name=VENTURE,
        name_key=VENTURE.casefold(),
        stage="growth",
        category="fitness",
        kind="b2c_mass",
        currency=CURRENCY,
        time_zone="UTC",
        monthly_budget=Decimal(str(round(float(world.budget.sum()), 2))),
        gross_margin=MARGIN,
        fiscal_year_start=1,
        is_local=False,
        created_at=made,
        version=1,
    )
    keys = [
        _key(
            connection,
            campaigns,
            venture_id=venture,
            name=name,
            name_key=name.casefold(),
            objective="conversion",
            status=CampaignStatus.ACTIVE.value,
            currency=CURRENCY,
            start_on=first,
            created_at=made,
            version=1,
        )
        for name in CAMPAIGNS
    ]
    lines = []
    for channel, of, money in zip(world.channels, world.campaign, world.budget.tolist(), strict=True):
        amount = Decimal(str(round(money, 2)))
        lines.append(
            _key(
                connection,
                channel_lines,
                campaign_id=keys[of],
                channel=channel.value,
                status=CampaignStatus.ACTIVE.value,
                planned=amount,
                allocated=amount,
                created_at=made,
                version=1,
            )
        )
    return Lines(venture, tuple(lines))


def _key(connection: Connection, table: Any, **values: Any) -> int:
    return int(connection.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())


def find_lines(connection: Connection) -> Lines:
    """The keys of a world that is in the database."""
    venture = connection.execute(select(ventures.c.id).where(ventures.c.name == VENTURE)).scalar_one()
    query = select(channel_lines.c.id).join(campaigns).where(campaigns.c.venture_id == venture)
    return Lines(venture, tuple(connection.scalars(query.order_by(channel_lines.c.id))))


def may_spend(connection: Connection, lines: Lines) -> Floats:
    """Money a day each line may spend now; nothing where it, or its campaign, is not active."""
    query = select(channel_lines.c.id, channel_lines.c.allocated).join(campaigns)
    query = query.where(channel_lines.c.status == CampaignStatus.ACTIVE, channel_lines.c.id.in_(lines.lines))
    query = query.where(campaigns.c.status == CampaignStatus.ACTIVE)
    allowed = {key: float(amount) for key, amount in connection.execute(query)}
    return np.array([allowed.get(key, 0.0) for key in lines.lines]) / DAYS_A_MONTH


def write_day(connection: Connection, lines: Lines, day: date, spent: Floats, found: Day) -> None:
    """What the platforms report of a day, and the customers won on it.

    Where the tracker is broken no conversion and no revenue is reported, and of a new customer nobody knows
    what won them.
    """
    rows: list[dict[str, Any]] = []
    won: list[dict[str, Any]] = []
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    for place, key in enumerate(lines.lines):
        lost = bool(found.unrecorded[place])
        rows.append(
            {
                "line_id": key,
                "day": day,
                "reach": int(found.impressions[place]) // 2,
                "impressions": int(found.impressions[place]),
                "clicks": int(found.clicks[place]),
                "leads": 0,
                "conversions": 0 if lost else int(found.orders[place]),
                "revenue": Decimal(0) if lost else Decimal(str(round(float(found.revenue[place]), 2))),
                "spend": Decimal(str(round(float(spent[place]), 2))),
            }
        )
        won += [
            {
                "venture_id": lines.venture,
                "line_id": None if lost else key,
                "external_id": f"{day.toordinal()}-{place}-{number}",
                "monthly_revenue": Decimal(0),
                "acquired_at": noon + timedelta(seconds=number),
                "indicators": {},
            }
            for number in range(int(found.new[place]))
        ]
    connection.execute(insert(daily_performance), rows)
    if won:
        connection.execute(insert(customers), won)
