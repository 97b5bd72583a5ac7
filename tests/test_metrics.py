"""Metrics: their formulas on plain numbers, and what holds for any numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.metrics import (
    LIFE_HORIZON_MONTHS,
    METRICS,
    Cohort,
    Facts,
    Journeys,
    Retention,
    Totals,
    compute,
    is_ratio_of_spend,
    needs,
)

TOTALS = Totals(
    spend=Decimal(500),
    revenue=Decimal(2000),
    reach=8000,
    impressions=10_000,
    clicks=400,
    leads=50,
    conversions=20,
    new_customers=10,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spend", "500"),
        ("revenue", "2000"),
        ("profit", "1500"),
        ("roas", "4"),
        ("roi", "3"),
        ("ctr", "0.04"),
        ("conversion_rate", "0.05"),
        ("cpc", "1.25"),
        ("cpa", "25"),
        ("cpl", "10"),
        ("cpm", "50"),
        ("aov", "100"),
        ("cac", "50"),
    ],
)
def test_formulas_of_totals(name: str, value: str) -> None:
    assert compute((name,), Facts(TOTALS))[name] == Decimal(value)


def test_lifetime_value_is_margin_over_the_expected_life() -> None:
    # 5 of 10 customers left in 100 months at risk: hazard 5 % a month; 3,000 earned: 30 a month.
    cohort = Cohort(customers=10, churned=5, customer_months=Decimal(100), revenue=Decimal(3000))
    facts = Facts(TOTALS, gross_margin=Decimal("0.6"), cohort=cohort)
    life = (1 - Decimal("0.95") ** LIFE_HORIZON_MONTHS) / Decimal("0.05")
    values = compute(("ltv", "ltv_cac", "payback"), facts)
    assert values["ltv"] == 30 * Decimal("0.6") * life
    assert values["ltv_cac"] == values["ltv"] / 50
    assert values["payback"] == 50 / (30 * Decimal("0.6"))


def test_a_cohort_nobody_left_lives_to_the_horizon() -> None:
    cohort = Cohort(customers=2, churned=0, customer_months=Decimal(4), revenue=Decimal(40))
    assert cohort.life_months == LIFE_HORIZON_MONTHS


def test_net_revenue_retention() -> None:
    facts = Facts(TOTALS, retention=Retention(before=Decimal(200), now=Decimal(220)))
    assert compute(("nrr",), facts)["nrr"] == Decimal("1.1")


def test_efficiency_is_one_for_the_whole() -> None:
    assert compute(("efficiency",), Facts(TOTALS, whole=TOTALS))["efficiency"] == 1


def test_synergy_is_nothing_when_channels_act_independently() -> None:
    alone = {"email": (100, 10), "seo": (100, 20)}
    together = {frozenset(alone): (100, 28)}  # 1 - 0.9 · 0.8
    assert compute(("synergy",), Facts(TOTALS, journeys=Journeys(alone, together)))["synergy"] == 0


def test_nothing_is_computed_from_nothing() -> None:
    values = compute(tuple(METRICS), Facts(Totals()))
    for name, value in values.items():
        assert value in (None, 0), name
        assert (value == 0) == (
            METRICS[name].formula.startswith("sum of") or name in ("profit", "new_customers")
        )


def test_metrics_know_whether_little_spend_makes_them_erratic() -> None:
    erratic = {name for name in METRICS if is_ratio_of_spend(name)}
    assert erratic == {"roas", "roi", "cpc", "cpa", "cpl", "cpm", "cac", "ltv_cac", "payback", "efficiency"}


def test_only_some_metrics_need_more_than_totals() -> None:
    assert needs(("spend", "roas", "cac")) == frozenset()
    assert needs(("ltv", "nrr")) == METRICS["ltv"].needs | METRICS["nrr"].needs


money = st.decimals(0, 10**9, places=6)
counts = st.integers(0, 10**9)
totals = st.builds(
    Totals,
    spend=money,
    revenue=money,
    reach=counts,
    impressions=counts,
    clicks=counts,
    leads=counts,
    conversions=counts,
    new_customers=counts,
)


@given(st.lists(totals, max_size=5))
def test_sums_are_exact_and_roi_is_roas_less_one(parts: list[Totals]) -> None:
    whole = sum(parts, Totals())
    assert whole.spend == sum((part.spend for part in parts), Decimal(0))
    values = compute(("roas", "roi"), Facts(whole))
    if values["roas"] is None:
        assert values["roi"] is None
    else:
        assert values["roi"] is not None
        assert abs(values["roas"] - 1 - values["roi"]) <= abs(values["roas"]) * Decimal("1e-20") + Decimal(
            "1e-20"
        )
