"""Forecasts on the simulated market: intervals by rolling origin, errors beside the seasonal naive method."""

from datetime import date, timedelta

import numpy as np
import pytest

from engines.allocation import Floats
from engines.forecast import LONGEST, MIN_DAYS, Forecast, Reaching, forecast
from engines.market import Brief, draw_season, simulate
from engines.response import Refusal
from engines.terms import Channel

FIRST = date(2025, 1, 1)
DAYS, AHEAD = 364, 28
ORIGINS = (150, 230, 330)
VENTURES, LINES = 10, 4


def made(result: Forecast | Refusal) -> Forecast:
    assert isinstance(result, Forecast), result
    return result


def orders(seed: int) -> Floats:
    """A venture's orders a day."""
    rng = np.random.default_rng([9, seed])
    history = simulate(
        rng,
        Brief(
            channels=tuple(list(Channel)[place] for place in rng.permutation(len(Channel))[:LINES]),
            daily=rng.lognormal(4, 0.5, LINES),
            running=np.ones((LINES, DAYS), np.bool_),
            ordinals=np.arange(FIRST.toordinal(), FIRST.toordinal() + DAYS),
            affinity=np.ones(LINES),
            roas=3.0,
            new_customers=int(rng.integers(150, 1500)),
            leads=300,
            season=draw_season(rng, weekends=bool(seed % 2)),
        ),
    )
    return np.asarray((history.new_orders + history.repeat_orders).sum(axis=0), np.float64)


def test_intervals_hold_and_errors_are_below_seasonal_naive() -> None:
    days, totals, errors, naive = [], [], [], []
    for seed in range(VENTURES):
        values = orders(seed)
        for origin in ORIGINS:
            past, came = values[:origin], values[origin : origin + AHEAD]
            found = made(forecast(past.tolist(), FIRST + timedelta(days=origin - 1), AHEAD, seed=origin))
            days += [one.low <= real <= one.high for one, real in zip(found.days, came, strict=True)]
            totals.append(found.total.low <= came.sum() <= found.total.high)
            errors.append(np.abs(came - [one.value for one in found.days]).mean() / past.mean())
            naive.append(np.abs(came - np.tile(past[-7:], 4)).mean() / past.mean())
    assert 0.85 <= np.mean(days) <= 0.95, np.mean(days)
    assert 0.75 <= np.mean(totals) <= 1, np.mean(totals)
    assert np.mean(errors) < 0.9 * np.mean(naive)


def test_a_forecast_repeats_and_keeps_the_week() -> None:
    week = np.array([10, 20, 20, 20, 20, 5, 1.0])
    values = np.tile(week, 20) * np.random.default_rng(1).lognormal(0, 0.05, 140)
    first = made(forecast(values.tolist(), FIRST, 14))
    again = made(forecast(values.tolist(), FIRST, 14))
    assert [one.value for one in first.days] == [one.value for one in again.days]
    assert first.total.value == pytest.approx(2 * week.sum(), rel=0.1)
    assert [one.value for one in first.days[:7]] == pytest.approx(week.tolist(), rel=0.2)
    assert all(0 <= one.low <= one.value <= one.high for one in first.days)


def test_when_a_goal_is_reached() -> None:
    values = np.random.default_rng(2).poisson(10, 120).astype(float)
    found = made(forecast(values.tolist(), FIRST, 60))
    near = found.reaching(200)
    assert near.middle is not None
    assert near.early is not None
    assert near.late is not None
    assert near.early <= near.middle <= near.late
    assert abs((near.middle - FIRST).days - 20) <= 3
    assert near.chance == 1
    assert found.reaching(10_000) == Reaching(None, None, None, 0.0)
    assert found.reaching(0).middle == FIRST + timedelta(days=1)
    half = found.reaching(float(np.median(found.paths.sum(axis=1))))
    assert 0.4 <= half.chance <= 0.6
    assert half.late is None


@pytest.mark.parametrize(
    ("values", "days", "code"),
    [
        ([], 7, "too_little_history"),
        ([0.0] * 300 + [1.0] * (MIN_DAYS - 1), 7, "too_little_history"),
        ([1.0] * 100 + [0.0] * 28, 7, "stopped"),
        ([1.0, 2.0] * 50, LONGEST + 1, "too_far"),
    ],
)
def test_what_cannot_be_forecast_is_refused(values: list[float], days: int, code: str) -> None:
    refusal = forecast(values, FIRST, days)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert refusal.cure


def test_bad_figures_are_rejected() -> None:
    with pytest.raises(ValueError, match="negative"):
        forecast([1.0, -1.0] * 50, FIRST, 7)
    with pytest.raises(ValueError, match="one day"):
        forecast([1.0] * 100, FIRST, 0)
