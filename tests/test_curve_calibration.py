"""Response curves and stated confidence against the simulated market's hidden truth.

The market draws ventures as a portfolio does; only their daily spend and revenue reach the engines.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from engines.allocation import Floats
from engines.effect import Line
from engines.market import Brief, draw_season, hill, simulate
from engines.optimum import Constraints, Optimum, optimize
from engines.pooling import FEWEST, fit_together, pooled
from engines.response import MONTH_DAYS, Day, Fit, Refusal, fit
from engines.terms import Channel
from engines.worlds import Kind, draw_world

FIRST = date(2025, 1, 1)
DAYS = 364
VENTURES, LINES = 12, 9
TIMES = (0.5, 0.7, 1.0, 1.3, 2.0)
GROUPS, FEWEST_LINES, MOST_LINES = 200, 2, 6

Truth = Callable[[float], float]


@dataclass(frozen=True)
class Known:
    """A line as the assistant sees it, and what only the market knows."""

    line: Line
    truth: Truth


def ventures() -> Iterator[list[Known]]:
    """Lines with 10 to 52 weeks of history, from about one order a day to dozens."""
    number = 0
    for seed in range(VENTURES):
        rng = np.random.default_rng([2026, seed])
        channels = [list(Channel)[place] for place in rng.permutation(len(Channel))[:LINES]]
        allocated = np.rint(rng.lognormal(7.5, 0.7, LINES))
        begins = np.where(rng.random(LINES) < 0.5, 0, rng.integers(0, DAYS - 70, LINES))
        history = simulate(
            rng,
            Brief(
                channels=tuple(channels),
                daily=allocated / MONTH_DAYS,
                running=np.arange(DAYS)[None, :] >= begins[:, None],
                ordinals=np.arange(FIRST.toordinal(), FIRST.toordinal() + DAYS),
                affinity=rng.lognormal(0, 0.2, LINES),
                roas=3.0,
                new_customers=int(rng.integers(300, 1500)),
                leads=500,
                season=draw_season(rng, weekends=bool(seed % 2)),
            ),
        )
        orders = history.new_orders + history.repeat_orders
        # The sum of so many orders of unequal worth.
        revenue = history.order_value * rng.gamma(np.maximum(orders, 1e-9) * 2, 0.5)
        days = {
            number + place: [
                Day(
                    FIRST + timedelta(days=day),
                    Decimal(int(history.spend[place, day])) / 100,
                    Decimal(str(round(revenue[place, day], 2))),
                )
                for day in range(int(begins[place]), DAYS)
            ]
            for place in range(LINES)
        }
        fits = fit_together(days)
        yield [
            Known(
                Line(key, channels[place].value, f"line {key}", Decimal(int(allocated[place])), fits[key]),
                truth_of(history.response, history.order_value, place),
            )
            for place, key in enumerate(days)
        ]
        number += LINES


def truth_of(response: object, worth: float, place: int) -> Truth:
    """Revenue a month at a steady spend in a neutral season."""
    most, half, slope = (
        float(getattr(response, name)[place]) for name in ("max_effect", "half_saturation", "slope")
    )

    def revenue(spend: float) -> float:
        reached = hill(np.array([spend / MONTH_DAYS]), np.array([half]), np.array([slope]))
        return most * worth * MONTH_DAYS * float(reached[0])

    return revenue


@pytest.fixture(scope="module")
def market() -> list[list[Known]]:
    return list(ventures())


def test_nine_bands_of_ten_hold_the_truth(market: list[list[Known]]) -> None:
    fitted = [(one, one.line.fit) for some in market for one in some if isinstance(one.line.fit, Fit)]
    assert len(fitted) > 0.9 * VENTURES * LINES
    shares = []
    for times in TIMES:
        held = 0
        for one, curve in fitted:
            spend = times * float(one.line.allocated)
            band = curve.expected(spend)
            held += band.low <= one.truth(spend) <= band.high
        shares.append(held / len(fitted))
    assert 0.85 <= np.mean(shares) <= 0.95, shares
    assert min(shares) >= 0.82, shares


def proposals(market: list[list[Known]]) -> Iterator[tuple[Optimum, float, bool]]:
    """For random lines of a venture: a proposal, its gain in truth, whether its range holds it."""
    rng = np.random.default_rng(7)
    for turn in range(GROUPS):
        venture = market[turn % len(market)]
        chosen = [
            venture[place]
            for place in rng.permutation(len(venture))[: rng.integers(FEWEST_LINES, MOST_LINES + 1)].tolist()
        ]
        lines = [one.line for one in chosen]
        total = sum((line.allocated for line in lines), Decimal(0))
        found = optimize(
            lines, total, "USD", constraints=Constraints(cap=Decimal(1), max_change=Decimal("0.3"))
        )
        if isinstance(found, Refusal):
            continue
        gain = sum(
            one.truth(float(move.after)) - one.truth(float(move.before))
            for one, move in zip(chosen, found.moves, strict=True)
            if move.marginal is not None
        )
        yield found, gain, found.effect.gain.low <= gain <= found.effect.gain.high


def test_stated_confidence_and_promised_gain_come_out(market: list[list[Known]]) -> None:
    """Confidence within five points over all; of those called nearly sure, nearly all are better."""
    rows = [
        (found.effect.confidence, gain > 0, held, found.effect.gain.value, gain)
        for found, gain, held in proposals(market)
    ]
    assert len(rows) > 0.8 * GROUPS
    stated, better, held, promised, true = np.array(rows, dtype=float).T
    assert abs(stated.mean() - better.mean()) <= 0.05, (stated.mean(), better.mean())
    for least, most in ((0.5, 0.9), (0.9, 0.97), (0.97, 1.0)):
        some = (stated > least) & (stated <= most)
        wander = 2 * (stated[some].mean() * (1 - stated[some].mean()) / some.sum()) ** 0.5
        assert abs(stated[some].mean() - better[some].mean()) <= 0.05 + wander
    assert 0.85 <= held.mean() <= 1.0, held.mean()
    assert 0.85 <= promised.sum() / true.sum() <= 1.15, promised.sum() / true.sum()


def days_of(spend: Floats, outcome: Floats) -> list[Day]:
    return [
        Day(FIRST + timedelta(days=place), Decimal(str(round(paid, 2))), Decimal(str(round(brought, 2))))
        for place, (paid, brought) in enumerate(zip(spend.tolist(), outcome.tolist(), strict=True))
    ]


def test_an_outcome_that_spend_does_not_move_is_mostly_refused_and_a_real_one_never() -> None:
    refused = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        spend = np.repeat(100 * rng.lognormal(0, 0.5, 52), 7)
        noise = rng.gamma(4, 0.25, len(spend))
        unmoved = fit(days_of(spend, 300 * noise))
        refused += isinstance(unmoved, Refusal) and unmoved.code == "no_response"
        assert isinstance(fit(days_of(spend, 800 * spend / (spend + 120) * noise)), Fit)
    assert refused >= 27


def test_a_market_whose_revenue_has_nothing_to_do_with_spend_is_mostly_refused() -> None:
    """Of 36 lines at most a sixth gets a curve; where the same lines respond, nine of ten do."""
    told = {kind: sum(curves_in(kind, seed) for seed in (1, 2, 3)) for kind in (Kind.NOISE, Kind.MOVING)}
    assert told[Kind.NOISE] <= 6, told
    assert told[Kind.MOVING] >= 32, told


def curves_in(kind: Kind, seed: int) -> int:
    world = draw_world(kind, seed, FIRST.toordinal(), 1)
    carried = world.budget / MONTH_DAYS
    spent, earned = [], []
    for place in range(world.start):
        spent.append(world.budget / MONTH_DAYS * world.pace[:, place])
        day = world.day(place, spent[-1], carried)
        carried = day.carried
        earned.append(day.revenue)
    lines = zip(np.transpose(spent), np.transpose(earned), strict=True)
    return sum(isinstance(fit(days_of(*line)), Fit) for line in lines)


def test_pooled_lines_teach_each_other_and_single_ones_stay_as_they_are() -> None:
    """The line known worst moves towards the others, and further than the line known best."""
    days = {
        key: days_of(*made(np.random.default_rng(key), weeks, 3.0 if key else 9.0))
        for key, weeks in enumerate((16, 52, 52, 52, 52))
    }
    alone = {key: fit(some, seed=key) for key, some in days.items()}
    together = pooled(alone)
    moved = {}
    for key, before in alone.items():
        after = together[key]
        assert isinstance(before, Fit)
        assert isinstance(after, Fit)
        assert len(after.draws.half) == len(before.draws.half)
        moved[key] = after.draws.at(before.usual).mean() / before.draws.at(before.usual).mean()
    assert moved[0] < min(1.0, *(moved[key] for key in (1, 2, 3, 4)))
    assert all(abs(moved[key] - 1) < 0.05 for key in (1, 2, 3, 4)), moved
    few = {key: alone[key] for key in range(FEWEST - 1)}
    for key, found in pooled(few).items():
        before = few[key]
        assert isinstance(found, Fit)
        assert isinstance(before, Fit)
        assert np.array_equal(np.sort(found.draws.half), np.sort(before.draws.half))


def made(rng: np.random.Generator, weeks: int, returns: float) -> tuple[Floats, Floats]:
    spend = np.repeat(100 * rng.lognormal(0, 0.5, weeks), 7)
    return spend, 2 * returns * spend * 100 / (spend + 100) * rng.gamma(2, 0.5, len(spend))


def test_outcomes_in_single_lumps_are_refused_as_too_noisy() -> None:
    rng = np.random.default_rng(3)
    spend = np.repeat(100 * rng.lognormal(0, 0.3, 12), 7)
    lumps = np.zeros(len(spend))
    lumps[[5, 60]] = 9_000
    refusal = fit(days_of(spend, lumps))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "too_noisy"
    assert "±" in refusal.reason


def test_bands_hold_where_good_and_bad_weeks_follow_each_other() -> None:
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        spend = np.repeat(100 * rng.lognormal(0, 0.3, 52), 7)
        slow = np.zeros(52)
        for week in range(1, 52):
            slow[week] = 0.7 * slow[week - 1] + 0.1 * rng.standard_normal()
        found = fit(days_of(spend, 800 * spend / (spend + 120) * np.repeat(np.exp(slow), 7)))
        assert isinstance(found, Fit)
        for daily in (50, 100, 200):
            band = found.expected(daily * MONTH_DAYS)
            held += band.low <= 800 * daily / (daily + 120) * MONTH_DAYS <= band.high
    assert 0.85 <= held / 180 <= 0.99
