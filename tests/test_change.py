"""Explaining a change: plain cases by hand, and that the parts always add up."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.change import EXPLAINED, Change, explain
from engines.metrics import METRICS, Facts, Totals
from engines.response import Refusal

TINY = Decimal("1e-9")


def money(spend: int, revenue: int, clicks: int = 0, conversions: int = 0) -> Totals:
    return Totals(Decimal(spend), Decimal(revenue), clicks=clicks, conversions=conversions)


def changed(metric: str, before: dict[str, Totals], now: dict[str, Totals]) -> Change[str]:
    result = explain(metric, before, now)
    assert isinstance(result, Change)
    return result


def drivers(change: Change[str]) -> dict[str, Decimal]:
    return {driver.name: driver.contribution for driver in change.drivers}


def test_more_spend_at_the_same_return_is_volume() -> None:
    change = changed("revenue", {"email": money(100, 400)}, {"email": money(150, 600)})
    assert drivers(change) == {"spend": Decimal(200), "mix of spend": Decimal(0), "ROAS": Decimal(0)}
    assert change.relative == Decimal("0.5")


def test_better_return_at_the_same_spend_is_rate() -> None:
    change = changed("revenue", {"email": money(100, 400)}, {"email": money(100, 300)})
    assert drivers(change) == {"spend": Decimal(0), "mix of spend": Decimal(0), "ROAS": Decimal(-100)}


def test_moving_spend_to_the_better_part_is_mix() -> None:
    before = {"email": money(100, 500), "display": money(100, 100)}
    now = {"email": money(150, 750), "display": money(50, 50)}
    change = changed("revenue", before, now)
    assert drivers(change) == {"spend": Decimal(0), "mix of spend": Decimal(200), "ROAS": Decimal(0)}
    assert [(part.key, part.contribution) for part in change.parts] == [
        ("email", Decimal(250)),
        ("display", Decimal(-50)),
    ]
    assert (change.parts[0].before, change.parts[0].now) == (Decimal(500), Decimal(750))
    roas = changed("roas", before, now)
    assert drivers(roas) == {"mix of spend": Decimal(1), "ROAS of the parts": Decimal(0)}
    # Email's return is above the average and it grew; display's is below and it shrank: both help.
    # A quarter of the spend moved from 1 and to 5, around an average of 3.5.
    assert {part.key: (part.mix, part.rate) for part in roas.parts} == {
        "display": (Decimal("0.625"), Decimal(0)),
        "email": (Decimal("0.375"), Decimal(0)),
    }


def test_both_factors_share_their_joint_effect() -> None:
    change = changed("revenue", {"a": money(10, 20)}, {"a": money(20, 80)})
    # ΔV · mean rate = 10 · 3; ΔR · mean volume = 2 · 15.
    assert (change.parts[0].mix, change.parts[0].rate) == (Decimal(30), Decimal(30))


def test_a_new_and_a_lost_part_are_mix() -> None:
    change = changed("revenue", {"old": money(10, 30)}, {"new": money(20, 50)})
    assert {part.key: (part.mix, part.rate) for part in change.parts} == {
        "old": (Decimal(-30), Decimal(0)),
        "new": (Decimal(50), Decimal(0)),
    }


def test_outcome_without_volume_is_rate() -> None:
    change = changed("revenue", {"seo": money(0, 30)}, {"seo": money(0, 50)})
    assert (change.parts[0].mix, change.parts[0].rate) == (Decimal(0), Decimal(20))


def test_profit_splits_into_revenue_and_spend() -> None:
    change = changed("profit", {"a": money(10, 30)}, {"a": money(25, 35)})
    assert drivers(change) == {"revenue": Decimal(5), "spend": Decimal(-15)}
    assert change.difference == -10


def test_undefined_ratios_and_other_metrics_are_refused() -> None:
    nothing, some = {"a": money(0, 5)}, {"a": money(5, 5)}
    for before, now, period in ((nothing, some, "earlier"), (some, nothing, "later")):
        refusal = explain("roas", before, now)
        assert isinstance(refusal, Refusal)
        assert period in refusal.reason
    for metric in ("nrr", "synergy", "nonsense"):
        refusal = explain(metric, some, some)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "not_decomposable"


def test_nothing_at_all() -> None:
    change = changed("revenue", {}, {})
    assert change.difference == 0
    assert change.relative is None
    assert not change.parts


amounts = st.integers(0, 10**11).map(lambda micros: Decimal(micros).scaleb(-6))
counts = st.integers(0, 10**6)
totals = st.builds(Totals, amounts, amounts, counts, counts, counts, counts, counts, counts)
periods = st.dictionaries(st.sampled_from(["email", "seo", "display", "video"]), totals, max_size=4)


@pytest.mark.parametrize("metric", EXPLAINED)
@given(before=periods, now=periods)
def test_parts_and_drivers_add_up(metric: str, before: dict[str, Totals], now: dict[str, Totals]) -> None:
    result = explain(metric, before, now)
    wholes = [sum(part.values(), Totals()) for part in (before, now)]
    values = [METRICS[metric].compute(Facts(whole)) for whole in wholes]
    if isinstance(result, Refusal):
        assert None in values
        return
    assert [result.before, result.now] == values
    size = max(abs(result.before), abs(result.now), Decimal(1))
    for contributions in (
        [part.contribution for part in result.parts],
        [driver.contribution for driver in result.drivers],
        [part.mix + part.rate for part in result.parts],
    ):
        assert abs(sum(contributions) - result.difference) <= TINY * size
    assert {part.key for part in result.parts} == before.keys() | now.keys()
    sizes = [abs(part.contribution) for part in result.parts]
    assert sizes == sorted(sizes, reverse=True)


@given(before=periods, now=periods)
def test_explaining_backwards_is_the_negative(before: dict[str, Totals], now: dict[str, Totals]) -> None:
    forth, back = explain("roas", before, now), explain("roas", now, before)
    if isinstance(forth, Refusal) or isinstance(back, Refusal):
        return
    reverse = {part.key: part.contribution for part in back.parts}
    for part in forth.parts:
        assert abs(part.contribution + reverse[part.key]) <= TINY * max(abs(part.contribution), Decimal(1))
