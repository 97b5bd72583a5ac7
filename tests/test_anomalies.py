"""Unusual days: found when they are there, seldom when not, and explained by channel and campaign."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import select, update

from assistant.bootstrap import Assistant
from engines.anomalies import (
    LIMIT,
    PAST_DAYS,
    Source,
    Suspicion,
    Unusual,
    series,
    silences,
    source,
    unusual_days,
)
from engines.metrics import Totals
from engines.response import Refusal
from engines.terms import Period
from storage.campaigns import campaigns_of
from storage.database import Database
from storage.performance import Scope, daily_performance, measure
from storage.ventures import Rates, all_ventures
from storage.watching import silent_lines, watch
from tests.conftest import AS_OF, Speaker, run

LAST = AS_OF - timedelta(days=1)
WEEKDAYS = np.array([1.2, 1.2, 1.1, 1.0, 0.9, 0.5, 0.5])


def counted(days: int, mean: float, seed: int) -> list[float]:
    """Counts with weekdays, a slow wave and now and then a week of more or less."""
    rng = np.random.default_rng(seed)
    place = np.arange(days)
    level = mean * (1 + 0.2 * np.sin(place / 50)) * np.repeat(rng.lognormal(0, 0.1, days // 7 + 1), 7)[:days]
    return [float(count) for count in rng.poisson(level * WEEKDAYS[place % 7])]


def found(values: Sequence[float | None], days: int) -> tuple[Unusual, ...]:
    result = unusual_days(list(values), LAST, days)
    assert not isinstance(result, Refusal)
    return result


def test_false_alarms_are_rare_and_real_ones_are_found() -> None:
    alarms, judged, caught = 0, 0, 0
    for seed in range(8):
        values = counted(PAST_DAYS + 120, 80.0, seed)
        alarms += len(found(values, 120))
        judged += 120
        broken = [*values[:-1], values[-1] * 0.2]
        caught += any(one.day == LAST and one.is_drop for one in found(broken, 1))
    assert alarms / judged < 0.02
    assert caught >= 7


def test_false_alarms_on_the_simulated_portfolio(portfolio: Database) -> None:
    """Days of ventures in which nothing was broken: at most one in a hundred stands out."""
    alarms, judged = 0, 0
    period = Period(LAST - timedelta(days=PAST_DAYS + 199), LAST)
    with portfolio.read() as connection:
        for one in all_ventures(connection)[:6]:
            rates = Rates(connection, one.currency, period)
            scope = Scope(venture_id=one.id)
            days = measure(connection, scope, period, by="day", currency=one.currency, rates=rates).parts
            for metric in ("revenue", "conversions", "roas"):
                alarms += len(found(series(metric, days, period.start, period.end), 200))
                judged += 200
    assert alarms / judged < 0.01


def test_a_day_is_judged_by_the_past_alone() -> None:
    values = counted(PAST_DAYS + 30, 60.0, 1)
    values[-10] = 600.0
    early = [one for one in found(values, 30) if one.day == LAST - timedelta(days=9)]
    later = [one for one in found([*values[:-9], *[5000.0] * 9], 30) if one.day == LAST - timedelta(days=9)]
    assert early == later
    assert early[0].score > LIMIT
    assert early[0].expected.low < early[0].expected.value < early[0].expected.high < 120


def test_too_little_is_refused_and_nonsense_rejected() -> None:
    refused = unusual_days([1.0] * 20, LAST, 10)
    assert isinstance(refused, Refusal)
    assert refused.code == "too_little_history"
    with pytest.raises(ValueError, match="negative"):
        unusual_days([-1.0] * 90, LAST, 5)
    with pytest.raises(ValueError, match="one day"):
        unusual_days([1.0] * 90, LAST, 0)


def test_days_without_a_value_are_neither_judged_nor_counted() -> None:
    values: list[float | None] = [*counted(PAST_DAYS + 30, 60.0, 2)]
    holes = [None if place % 5 == 0 else value for place, value in enumerate(values)]
    result = unusual_days(holes, LAST, 30)
    assert not isinstance(result, Refusal)
    assert not {one.day for one in result} & {LAST - timedelta(days=29 - day) for day in range(2, 30, 5)}


def day_of(**parts: tuple[int, int, int]) -> Mapping[str, Totals]:
    """Spend, clicks and conversions a channel; an order brings 50."""
    return {
        name: Totals(spend=Decimal(spend), clicks=clicks, conversions=orders, revenue=Decimal(50 * orders))
        for name, (spend, clicks, orders) in parts.items()
    }


USUAL = [day_of(email=(100, 200, 10), seo=(50, 300, 6))] * 4


@pytest.mark.parametrize(
    ("day", "suspicion", "suspects"),
    [
        (day_of(email=(100, 210, 0), seo=(50, 300, 6)), Suspicion.TRACKING, ("email",)),
        (day_of(email=(0, 0, 0), seo=(50, 300, 6)), Suspicion.VOLUME, ("email",)),
        (day_of(email=(100, 200, 9), seo=(50, 300, 1)), Suspicion.RATE, ("seo",)),
        (day_of(email=(300, 600, 30), seo=(50, 300, 6)), Suspicion.VOLUME, ("email",)),
    ],
)
def test_a_day_is_explained_by_part(
    day: Mapping[str, Totals], suspicion: Suspicion, suspects: tuple[str, ...]
) -> None:
    told = source("revenue", USUAL, day)
    assert isinstance(told, Source)
    assert (told.suspicion, told.suspects) == (suspicion, suspects)
    assert sum(part.contribution for part in told.change.parts) == told.change.difference
    assert isinstance(source("revenue", [], day), Refusal)


def test_a_line_falls_silent_when_its_clicks_should_have_brought_orders() -> None:
    days = [LAST - timedelta(days=ago) for ago in range(90)]
    going = {day: Totals(clicks=100, conversions=3) for day in days}
    broken = going | {day: Totals(clicks=100) for day in days[:4]}
    unlucky = going | {day: Totals(clicks=100) for day in days[:2]}
    paused = going | {day: Totals() for day in days[:10]}
    told = silences({"going": going, "broken": broken, "unlucky": unlucky, "paused": paused}, LAST)
    assert [(one.key, one.since, one.clicks) for one in told] == [("broken", days[3], 400)]
    assert told[0].missed == pytest.approx(12.0)


def test_a_broken_tracker_is_seen_in_the_database_and_told_when_asked_why(
    assistant: Assistant, chairman: Speaker
) -> None:
    table = daily_performance.c
    with assistant.database.write() as connection:
        acme = next(one for one in all_ventures(connection) if one.name == "Acme")
        lines = [line.id for one in campaigns_of(connection, venture_id=acme.id) for line in one.lines]
        of_acme = table.line_id.in_(lines)
        # A market busy enough to say something of a single day.
        connection.execute(
            update(daily_performance)
            .where(of_acme)
            .values(conversions=table.conversions * 40 + 10, clicks=table.clicks * 40 + 400)
        )
        broken = [*connection.scalars(select(table.line_id).where(of_acme, table.day == LAST))]
        connection.execute(
            update(daily_performance)
            .where(table.line_id.in_(broken), table.day == LAST)
            .values(conversions=0, revenue=0)
        )
        period = Period(LAST, LAST)
        rates = Rates(connection, acme.currency, Period(LAST - timedelta(days=PAST_DAYS), LAST))
        watched = watch(connection, Scope(venture_id=acme.id), period, "conversions", acme.currency, rates)
        silent = silent_lines(connection, Scope(venture_id=acme.id), LAST)
    assert not isinstance(watched, Refusal)
    assert [one.day.day for one in watched] == [LAST]
    assert watched[0].by_channel is not None
    assert watched[0].by_channel.suspicion is Suspicion.TRACKING
    assert {one.key for one in silent} <= set(broken)
    assert silent
    reply = run(chairman, "explain_change", metric="conversions", venture="Acme", period="the last 7 days")
    days = reply.model_dump()["result"]["unusual"]
    assert [one["day"] for one in days] == [LAST]
    assert "look at the tracking of" in reply.reply.text
    assert date.fromisoformat(str(days[0]["day"])) == LAST
