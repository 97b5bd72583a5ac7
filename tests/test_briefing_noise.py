"""How often a briefing tells a movement where nothing happened, and finds one that was planted."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from numpy.random import Generator

from engines.briefing import (
    LARGE,
    WATCHED,
    Compared,
    Level,
    Unremarkable,
    comparable,
    levels,
    movements,
    swings,
)
from engines.metrics import Totals
from engines.terms import Period

WEEK = Period.last_days(7, date(2026, 3, 14))
MONTH = Period.last_days(30, date(2026, 3, 14))
DAY = Period(date(2026, 3, 14), date(2026, 3, 14))
MANY = 2000
"""Conversions of a period, so many that counting brings little."""


def series(
    rng: Generator, period: Period, noise: float, conversions: float, growth: float = 0.0
) -> Compared[str]:
    """A period and those before it at which nothing happened: what is spent goes up and down by ``noise``.

    ``noise`` is the standard deviation of the logarithm of a period's level; conversions are counted
    (Poisson), each is worth an amount of its own (exponential), every second customer is new.
    """
    times, before = comparable(period)
    count = len(before) + 1
    made = []
    for back in range(count):
        level = float(np.exp(rng.normal(0, noise) - growth * back))
        counted = int(rng.poisson(conversions * level))
        made.append(
            Totals(
                spend=Decimal(str(round(1000 * level, 2))),
                revenue=Decimal(str(round(float(rng.gamma(max(counted, 1), 50.0)) if counted else 0.0, 2))),
                impressions=100_000,
                clicks=int(rng.poisson(conversions * 20 * level)),
                conversions=counted,
                new_customers=int(rng.binomial(counted, 0.5)),
            )
        )
    return _compared(made[0], made[1:], times)


def _compared(now: Totals, history: list[Totals], times: int) -> Compared[str]:
    before = sum(history[:times], Totals())
    return Compared({"channel": {"all": now}}, {"channel": {"all": before}}, history, times)


def times_more(one: Compared[str], factor: float) -> Compared[str]:
    """The same with ``factor`` times as much of everything in the period itself."""
    now = one.whole[1]
    more = Decimal(str(factor))
    planted = Totals(
        spend=now.spend * more,
        revenue=now.revenue * more,
        impressions=round(now.impressions * factor),
        clicks=round(now.clicks * factor),
        conversions=round(now.conversions * factor),
        new_customers=round(now.new_customers * factor),
    )
    return _compared(planted, list(one.history), one.times)


def of(found: tuple[Level, ...], metric: str) -> Level:
    return next(one for one in found if one.metric == metric)


def rates(make: Callable[[], Compared[str]], runs: int) -> tuple[float, float]:
    """The share of single metrics, and of whole briefings, that tell a movement."""
    found = [levels(make()) for _ in range(runs)]
    single = sum(one.moved for each in found for one in each) / (runs * len(WATCHED))
    return single, sum(any(one.moved for one in each) for each in found) / runs


@pytest.mark.parametrize("period", [DAY, WEEK, MONTH], ids=["a day", "a week", "a month"])
@pytest.mark.parametrize("conversions", [15, 150, MANY])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_where_nothing_happened_little_is_told(noise: float, conversions: int, period: Period) -> None:
    rng = np.random.default_rng([round(noise * 100), conversions, period.days])
    single, whole = rates(lambda: series(rng, period, noise, conversions), 40)
    assert single <= 0.035
    assert whole <= 0.125


def test_over_all_quiet_series_one_metric_in_a_hundred_is_told() -> None:
    rng = np.random.default_rng(7)
    kinds = [(noise, count) for noise in (0.05, 0.15, 0.3) for count in (40, 400, MANY)]
    found = [rates(lambda kind=kind: series(rng, WEEK, *kind), 100) for kind in kinds]  # type: ignore[misc]
    assert sum(single for single, _ in found) / len(found) <= 0.012
    assert sum(whole for _, whole in found) / len(found) <= 0.045


@pytest.mark.parametrize(
    ("noise", "factor", "least"),
    [
        (0.02, 1.15, 0.85),
        (0.05, 1.5, 0.98),
        (0.05, 0.7, 0.88),
        (0.1, 2.0, 0.9),
        (0.1, 0.5, 0.88),
        (0.3, 5.0, 0.75),
    ],
)
def test_what_is_planted_is_found(noise: float, factor: float, least: float) -> None:
    """Growth and noise of the past do not hide what goes beyond them."""
    for growth in (0.0, 0.03):
        rng = np.random.default_rng([11, round(noise * 100), round(growth * 100)])
        found = 0
        for _ in range(60):
            planted = times_more(series(rng, WEEK, noise, MANY, growth), factor)
            found += of(levels(planted), "spend").moved
        assert found / 60 >= least, growth


def test_a_wild_month_in_the_past_does_not_hide_what_happens_now() -> None:
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(60):
        made = series(rng, WEEK, 0.05, MANY)
        history = list(made.history)
        for place in (4, 5, 6, 7):
            history[place] = times_more(
                _compared(history[place], history[1:], 1), 4.0 if place % 2 else 0.25
            ).whole[1]
        found += of(levels(times_more(_compared(made.whole[1], history, 1), 1.7)), "spend").moved
    assert found >= 54


def test_a_large_change_that_is_usual_is_told_as_such() -> None:
    """The same 57 percent are a movement of a steady series and none of a restless one."""
    steady, restless = (
        [Totals(spend=Decimal(1000 + swing * (-1) ** week)) for week in range(20)] for swing in (20, 250)
    )
    now = Totals(spend=Decimal(1960))
    moved = _compared(now, steady, 1)
    assert [one.level.metric for one in movements(moved, ["spend"])] == ["spend"]
    assert swings(moved, ["spend"]) == ()
    usual = _compared(now, restless, 1)
    assert movements(usual, ["spend"]) == ()
    told = swings(usual, ["spend"])
    assert [(one.metric, one.unremarkable) for one in told] == [("spend", Unremarkable.USUAL)]


def test_why_a_large_change_is_no_movement() -> None:
    few = Totals(spend=Decimal(500), conversions=12, new_customers=6, revenue=Decimal(900), clicks=300)
    fewer = Totals(spend=Decimal(500), conversions=8, new_customers=4, revenue=Decimal(600), clicks=300)
    told = swings(_compared(fewer, [few] * 20, 1))
    assert {one.unremarkable for one in told} == {Unremarkable.FEW}
    # Revenue and conversions fell alike, and CAC rose with return on ad spend falling: one of each.
    assert len({one.metric for one in told} & {"revenue", "conversions"}) == 1
    new = _compared(Totals(spend=Decimal(128)), [Totals(spend=Decimal(100))] * 2, 1)
    assert [one.unremarkable for one in swings(new, ["spend"])] == [Unremarkable.UNKNOWN]
    small = _compared(
        Totals(spend=Decimal(1000 * (1 + LARGE - 0.01)).quantize(Decimal(1))),
        [Totals(spend=Decimal(1000))] * 2,
        1,
    )
    assert swings(small, ["spend"]) == ()
