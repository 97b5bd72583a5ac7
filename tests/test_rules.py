"""Rules for campaigns: when they hold, what they promise, what a machine may do, and whether it was right."""

from datetime import date, timedelta
from decimal import Decimal
from math import exp, factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.calibration import Judged, calibration, wilson
from engines.effect import Line, Risk
from engines.metrics import METRICS, Facts, Totals
from engines.promises import Compared, compare
from engines.remedy import outlook
from engines.response import MONTH_DAYS, Day, Refusal, fit
from engines.restraint import Record, Restraint, cools_until, room, waits_for
from engines.rules import Breach, Observed, Remedy, Rule, Unjudged, hold, silent_since
from tests.conftest import NOW


def a_rule(metric: str, level: str, *, above: bool = True, of_target: bool = False, **least: int) -> Rule:
    return Rule(
        name="a_rule",
        metric=metric,
        is_above=above,
        level=Decimal(level),
        of_target=of_target,
        days=7,
        remedy=Remedy.BUDGET,
        confidence=Decimal("0.85"),
        risk=Risk.LOW,
        change=Decimal("-0.2"),
        least={name: Decimal(value) for name, value in least.items()},
    )


def seen(totals: Totals, rate: str = "1", **targets: str) -> Observed:
    wanted = {name: Decimal(value) for name, value in targets.items()}
    return Observed(1, "Spring Launch", "USD", {7: totals}, wanted, Decimal(rate))


COUNTS = st.integers(0, 10_000)
MONEY = st.decimals(0, 100_000, places=2)
TOTALS = st.builds(
    Totals,
    spend=MONEY,
    revenue=MONEY,
    impressions=COUNTS,
    clicks=COUNTS,
    conversions=COUNTS,
    new_customers=COUNTS,
)


@given(TOTALS, st.sampled_from(["cpc", "cac", "ctr", "conversion_rate", "roas"]), st.booleans())
def test_a_rule_holds_where_its_metric_is_beyond_its_level_and_nowhere_else(
    totals: Totals, metric: str, above: bool
) -> None:
    rule = a_rule(metric, "1.5", above=above)
    value = METRICS[metric].compute(Facts(totals))
    verdict = hold(rule, seen(totals))
    if value is not None:
        beyond = value > Decimal("1.5") if above else value < Decimal("1.5")
        assert isinstance(verdict, Breach) == beyond
        assert not isinstance(verdict, Unjudged)
    else:
        assert verdict is not None
        is_breach = isinstance(verdict, Breach)
        # Money for nothing is too dear only where something was to be expected.
        assert is_breach == (metric in ("cpc", "cac") and above and exp(-float(totals.spend) / 1.5) < 0.05)


def test_what_is_missing_is_said_and_not_guessed() -> None:
    spent = Totals(spend=Decimal(500), clicks=400)
    no_target = hold(a_rule("cpc", "1.2", of_target=True), seen(spent))
    assert no_target == Unjudged(a_rule("cpc", "1.2", of_target=True), "no target CPC is known")
    no_impressions = hold(a_rule("ctr", "0.015", above=False), seen(spent))
    assert isinstance(no_impressions, Unjudged)
    assert no_impressions.why == "no impressions are recorded"
    too_few = hold(a_rule("cpc", "1", clicks=1000), seen(spent))
    assert isinstance(too_few, Unjudged)
    assert too_few.why == "only 400 clicks, it needs 1,000"


def test_a_target_is_the_campaigns_and_money_is_in_its_currency() -> None:
    totals = Totals(spend=Decimal(1000), conversions=10, new_customers=10)
    assert isinstance(hold(a_rule("cpa", "1.2", of_target=True), seen(totals, cpa="80")), Breach)
    assert hold(a_rule("cpa", "1.2", of_target=True), seen(totals, cpa="90")) is None
    assert isinstance(hold(a_rule("cac", "90"), seen(totals)), Breach)
    # A level of 90 dollars is 9,000 yen at 100.
    assert hold(a_rule("cac", "90"), seen(totals, rate="100")) is None


@given(st.integers(0, 60), st.integers(10, 60))
def test_the_chance_of_bad_counts_is_poissons(won: int, due: int) -> None:
    totals = Totals(spend=Decimal(due * 100), new_customers=won)
    verdict = hold(a_rule("cac", "100"), seen(totals))
    chance = sum(exp(-due) * due**count / factorial(count) for count in range(won + 1))
    if isinstance(verdict, Breach):
        assert verdict.by_chance == pytest.approx(chance, rel=1e-9)
    else:
        assert won >= due


def test_tracking_that_stopped_is_told_from_days_that_brought_little() -> None:
    first = date(2026, 3, 1)
    usual = Totals(spend=Decimal(100), revenue=Decimal(300), conversions=6)
    silent = Totals(spend=Decimal(100))
    days = [(first + timedelta(days=place), usual if place < 10 else silent) for place in range(12)]
    assert silent_since(days) == date(2026, 3, 11)
    assert silent_since(days[:11]) is None
    assert silent_since(days[:10]) is None
    paused = [(day, totals if totals.revenue else Totals()) for day, totals in days]
    assert silent_since(paused) is None


UNFITTED = Refusal("too_little_history", "too few weeks", "wait")


def a_line(number: int, allocated: int, found: object = UNFITTED) -> Line:
    assert isinstance(found, Refusal)
    return Line(number, "email", "email", Decimal(allocated), found)


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 20_000)), min_size=1, max_size=4),
    st.floats(-0.9, 2),
    st.integers(5, 95),
)
def test_without_a_curve_a_change_is_bounded_by_nothing_and_constant_returns(
    lines: list[tuple[int, int]], share: float, margin: int
) -> None:
    made = [a_line(place + 1, money) for place, (money, _) in enumerate(lines)]
    after = [line.allocated * (1 + round(Decimal(share), 3)) for line in made]
    revenue = [Decimal(brings) for _, brings in lines]
    found = outlook(made, revenue, after, Decimal(margin) / 100)
    cost, most = float(found.spend), float(sum(revenue)) * round(share, 3)
    nothing, all_of_it = -cost, most * margin / 100 - cost
    low, high = sorted((nothing, all_of_it))
    assert low - 1e-6 <= found.contribution.low <= found.contribution.value <= found.contribution.high
    assert found.contribution.high <= high + 1e-6
    if low > 0:
        assert found.confidence == pytest.approx(0.99)
    if high < 0:
        assert found.confidence == pytest.approx(0.01)


def test_with_a_curve_a_change_follows_it() -> None:
    rng = np.random.default_rng(3)
    days = []
    for place in range(200):
        spend = 100 + 60 * (place // 7 % 3) + rng.uniform(-10, 10)
        month = spend * MONTH_DAYS
        brings = 30_000 * month / (month + 4000) / MONTH_DAYS * rng.uniform(0.97, 1.03)
        day = date(2025, 6, 1) + timedelta(days=place)
        days.append(Day(day, Decimal(f"{spend:.2f}"), Decimal(f"{brings:.2f}")))
    found = fit(days, seed=1)
    assert not isinstance(found, Refusal)
    line = Line(1, "email", "email", Decimal(4000), found)
    more = outlook([line], [Decimal(15_000)], [Decimal(5000)], Decimal("0.5"))
    expected = 0.5 * (found.curve.at(5000) - found.curve.at(4000)) - 1000
    assert more.contribution.value == pytest.approx(expected)
    assert (more.fitted, more.lines) == (1, 1)
    # The true curve brings 0.5 × 1,667 − 1,000 a month: a loss.
    assert more.confidence < 0.5


RESTRAINT = Restraint(Decimal("0.8"), Decimal("0.1"), Decimal("0.2"), timedelta(hours=24))


def a_record(
    *, moved: int = 0, of_venture: int = 0, taken_back: bool = False, hours: float | None = None
) -> Record:
    changed = None if hours is None else NOW - timedelta(hours=hours)
    return Record(changed, Decimal(moved), Decimal(of_venture), Decimal(1000), Decimal(4000), taken_back)


@given(st.decimals(0, 1, places=2), st.sampled_from(list(Risk)), st.integers(0, 300), st.integers(0, 300))
def test_a_machine_changes_only_what_is_sure_low_in_risk_and_small(
    confidence: Decimal, risk: Risk, moved: int, before: int
) -> None:
    record = a_record(moved=before, of_venture=before)
    waits = waits_for(RESTRAINT, record, confidence, risk, Decimal(moved))
    may = confidence > Decimal("0.8") and risk is Risk.LOW and moved + before <= 100
    assert (waits is None) == may


def test_what_a_person_took_back_waits_for_a_person() -> None:
    taken_back = a_record(taken_back=True)
    waits = waits_for(RESTRAINT, taken_back, Decimal("0.9"), Risk.LOW, Decimal(10))
    assert waits == "Somebody took back what the same rule did before."


def test_the_whole_ventures_limit_holds_too() -> None:
    record = a_record(of_venture=760)
    assert room(RESTRAINT, record) == 40
    assert waits_for(RESTRAINT, record, Decimal("0.9"), Risk.LOW, Decimal(40)) is None
    assert waits_for(RESTRAINT, record, Decimal("0.9"), Risk.LOW, Decimal(41)) is not None


def test_a_campaign_is_left_alone_after_any_change_and_never_for_less_than_an_hour() -> None:
    assert cools_until(RESTRAINT, a_record(hours=25), NOW) is None
    assert cools_until(RESTRAINT, a_record(hours=23), NOW) == NOW + timedelta(hours=1)
    hasty = Restraint(Decimal("0.8"), Decimal(1), Decimal(1), timedelta(0))
    assert cools_until(hasty, a_record(hours=0.5), NOW) == NOW + timedelta(minutes=30)


def test_what_a_change_brought_is_what_others_did_not_do_as_well() -> None:
    before = Totals(spend=Decimal(1000), revenue=Decimal(2000))
    after = Totals(spend=Decimal(800), revenue=Decimal(1980))
    # The season lifted everybody by a tenth: without the change it would have been 2,200.
    up = Totals(revenue=Decimal(5000)), Totals(revenue=Decimal(5500))
    found = compare(before, after, *up, 14, Decimal("0.5"))
    assert isinstance(found, Compared)
    assert found.against_others
    month = Decimal(str(MONTH_DAYS)) / 14
    assert found.gain == ((Decimal(990) - 800) - (Decimal(1100) - 1000)) * month
    alone = compare(before, after, Totals(), Totals(), 14, Decimal("0.5"))
    assert isinstance(alone, Compared)
    assert not alone.against_others
    assert alone.gain == ((Decimal(990) - 800) - (Decimal(1000) - 1000)) * month
    assert compare(Totals(), after, *up, 14, Decimal("0.5")) == "nothing was spent before it"


def test_stated_confidences_are_held_against_the_truth() -> None:
    boastful = [Judged("boast", Decimal("0.9"), place % 2 == 0, True) for place in range(40)]
    honest = [Judged("honest", Decimal("0.85"), place % 20 < 17, place % 10 < 9) for place in range(40)]
    found = calibration([*boastful, *honest])
    assert found is not None
    assert (found.sources["boast"].true, found.sources["boast"].is_off) == (Decimal("0.5"), True)
    assert (found.sources["honest"].true, found.sources["honest"].is_off) == (Decimal("0.85"), False)
    assert [(group.count, group.stated) for group in found.groups] == [
        (40, Decimal("0.85")),
        (40, Decimal("0.9")),
    ]
    assert found.in_range == Decimal("0.95")
    assert found.brier == Decimal("0.2688")
    assert calibration([]) is None


def test_the_interval_of_a_share_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        kept = sum(rng.random() < 0.85 for _ in range(30))
        low, high = wilson(kept, 30)
        held += low <= Decimal("0.85") <= high
    assert 0.86 <= held / 2000 <= 0.95
    # Newcombe (1998), table I: 81 of 263 at 95 % is .2553 to .3662; at 90 % it lies inside.
    low, high = wilson(81, 263)
    assert Decimal("0.2553") < low < Decimal("0.308") < high < Decimal("0.3662")
