"""What counts as a movement, and that its parts sum to it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.briefing import (
    MOST,
    WATCHED,
    Caveat,
    Compared,
    Level,
    caveats,
    comparable,
    drivers,
    levels,
    movements,
)
from engines.metrics import Totals
from engines.terms import Period

DAY = date(2026, 3, 18)


def totals(spend: str, revenue: str, conversions: int, clicks: int = 4000) -> Totals:
    return Totals(
        spend=Decimal(spend),
        revenue=Decimal(revenue),
        impressions=clicks * 50,
        clicks=clicks,
        conversions=conversions,
        new_customers=conversions // 2,
    )


def compared(
    now: Mapping[str, Totals], before: Mapping[str, Totals], history: list[Totals], times: int = 1
) -> Compared[str]:
    return Compared({"channel": now}, {"channel": before}, history, times)


USUAL = {"email": totals("1000", "5000", 200), "display": totals("1000", "2000", 80)}


def usual_weeks(count: int = 10) -> list[Totals]:
    """Weeks that go up and down by some percent."""
    whole = sum(USUAL.values(), Totals())
    return [
        replace(
            whole,
            revenue=whole.revenue + 140 * (-1) ** week,
            conversions=whole.conversions + 6 * (-1) ** week,
            spend=whole.spend + 40 * (-1) ** week,
        )
        for week in range(count)
    ]


def test_a_usual_week_moved_nothing() -> None:
    quiet = {**USUAL, "email": totals("1010", "5100", 203)}
    assert movements(compared(quiet, USUAL, [sum(USUAL.values(), Totals()), *usual_weeks()])) == ()


def test_a_channel_that_broke_off_is_the_driver() -> None:
    broken = {**USUAL, "email": totals("1000", "1500", 60)}
    history = [sum(USUAL.values(), Totals()), *usual_weeks()]
    found = movements(compared(broken, USUAL, history))
    assert 1 <= len(found) <= MOST
    assert {one.level.metric for one in found} <= set(WATCHED)
    for one in found:
        assert (one.level.score or 0) < 0 or one.level.metric == "cac"
        assert one.drivers[0].parts[0].key == "email"
    outcome = next(one for one in found if one.level.metric in ("revenue", "conversions"))
    worth = {"revenue": Decimal(-3500), "conversions": Decimal(-140)}[outcome.level.metric]
    assert outcome.drivers[0].parts[0].amount == worth == outcome.level.difference


def test_metrics_that_say_the_same_are_told_once() -> None:
    broken = {name: totals("1000", "900", 30) for name in USUAL}
    metrics = [one.level.metric for one in movements(compared(broken, USUAL, usual_weeks()))]
    assert not {"revenue", "conversions"} <= set(metrics)
    assert not {"roas", "cac"} <= set(metrics)


def test_few_outcomes_move_only_by_a_lot() -> None:
    few = {"email": totals("50", "250", 6, 300), "display": totals("50", "100", 3, 300)}
    less = {"email": totals("50", "170", 4, 300), "display": totals("50", "100", 3, 300)}
    history = [sum(few.values(), Totals())] * 8
    assert movements(compared(less, few, history)) == ()
    # The same loss, of a thousand times as many, is no chance.
    many, lost = (
        {
            key: totals(f"{one.spend}000", f"{one.revenue}000", one.conversions * 1000, 300_000)
            for key, one in of.items()
        }
        for of in (few, less)
    )
    assert movements(compared(lost, many, [sum(many.values(), Totals())] * 8)) != ()


def test_what_stops_altogether_is_a_movement() -> None:
    silent = {
        name: replace(one, revenue=Decimal(0), conversions=0, new_customers=0) for name, one in USUAL.items()
    }
    found = movements(compared(silent, USUAL, usual_weeks()))
    assert found[0].level.metric in ("revenue", "conversions")
    assert found[0].level.relative == -1


def test_days_are_compared_with_the_same_weekdays() -> None:
    times, before = comparable(Period(DAY, DAY))
    assert times == 4
    assert [one.start for one in before[:4]] == [DAY - timedelta(days=7 * week) for week in range(1, 5)]
    assert {one.start.weekday() for one in before} == {DAY.weekday()}


@pytest.mark.parametrize("days", [7, 14, 30, 31, 90, 365])
def test_longer_periods_are_compared_with_the_one_before(days: int) -> None:
    period = Period.last_days(days, DAY)
    times, before = comparable(period)
    assert times == 1
    assert before[0] == period.before()
    assert all(
        one.end + timedelta(days=1) == later.start for one, later in zip(before[1:], before, strict=False)
    )


def test_a_total_of_a_day_is_held_against_the_mean_of_four() -> None:
    before = {key: sum((part for _ in range(4)), Totals()) for key, part in USUAL.items()}
    double = {
        key: totals(str(one.spend * 2), str(one.revenue * 2), one.conversions * 2, 8000)
        for key, one in USUAL.items()
    }
    asked = compared(double, before, [sum(USUAL.values(), Totals())] * 12, times=4)
    by_metric = {one.metric: one for one in levels(asked)}
    assert (by_metric["revenue"].now, by_metric["revenue"].baseline) == (Decimal(14000), Decimal(7000))
    assert by_metric["roas"].relative == 0
    parts = {part.key: part.amount for part in drivers(asked, by_metric["revenue"])[0].parts}
    assert parts == {"email": Decimal(5000), "display": Decimal(2000)}


@pytest.mark.parametrize(
    ("period", "fresh", "metric", "wanted"),
    [
        (Period(DAY - timedelta(days=7), DAY - timedelta(days=1)), DAY, "revenue", (Caveat.SETTLING,)),
        (Period(DAY - timedelta(days=7), DAY - timedelta(days=1)), DAY, "spend", ()),
        (Period(DAY - timedelta(days=30), DAY - timedelta(days=1)), DAY, "revenue", ()),
        (Period(DAY - timedelta(days=20), DAY - timedelta(days=10)), DAY, "revenue", ()),
        (Period(DAY, DAY), DAY - timedelta(days=4), "spend", (Caveat.STALE, Caveat.INCOMPLETE)),
    ],
)
def test_what_the_dates_say_against_a_figure(
    period: Period, fresh: date, metric: str, wanted: tuple[Caveat, ...]
) -> None:
    assert caveats(period, DAY, fresh, 3, metric) == wanted


MONEY = st.decimals(0, 10**7, places=2)
PARTS = st.builds(
    Totals,
    spend=MONEY,
    revenue=MONEY,
    reach=st.integers(0, 10**6),
    impressions=st.integers(0, 10**7),
    clicks=st.integers(0, 10**6),
    leads=st.integers(0, 10**4),
    conversions=st.integers(0, 10**4),
    new_customers=st.integers(0, 10**4),
)
SIDES = st.dictionaries(st.sampled_from("abcdef"), PARTS, min_size=1, max_size=6)


@settings(deadline=None)
@given(SIDES, SIDES, st.sampled_from([1, 4]), st.lists(PARTS, max_size=12))
def test_contributions_sum_to_the_change_exactly(
    now: dict[str, Totals], before: dict[str, Totals], times: int, earlier: list[Totals]
) -> None:
    baseline = sum(before.values(), Totals())
    asked = compared(now, before, [baseline, *[Totals()] * (times - 1), *earlier], times)
    for level in levels(asked):
        assert isinstance(level, Level)
        for driver in drivers(asked, level):
            assert sum((part.amount for part in driver.parts), Decimal(0)) == level.difference
            assert all(part.mix + part.rate == part.amount for part in driver.parts)
    found = movements(asked)
    assert len(found) <= MOST
    scores = [abs(one.level.score or 0) for one in found]
    assert scores == sorted(scores, reverse=True)
    assert all(one.level.moved for one in found)
