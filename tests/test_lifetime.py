"""Lifetimes: published figures, parameters found again, and LTV by command with and without departures."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta
from sqlalchemy import insert, select, update

from assistant.bootstrap import Assistant
from engines.lifetime import Buying, Lifetime, Purchases, Spending, fit_buying, fit_spending, lifetime
from engines.metrics import LIFE_HORIZON_MONTHS, Cohort, Facts, Totals, compute, life_model
from engines.response import Refusal
from storage.campaigns import campaigns, channel_lines
from storage.customers import customers
from storage.journeys import conversions
from storage.ventures import ventures
from tests.conftest import AS_OF, Speaker, run

CDNOW = Buying(r=0.243, alpha=4.414, a=0.793, b=2.426)
"""Fader, Hardie & Lee (2005), table 2."""

CDNOW_MONEY = Spending(p=6.25, q=3.74, v=15.44)
"""Fader & Hardie (2013)."""


def generated(buying: Buying, spending: Spending, customers: int, weeks: float, seed: int) -> Purchases:
    """Customers who buy as the models say, won in the first 12 weeks."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(buying.r, 1 / buying.alpha, customers)
    leaves = rng.beta(buying.a, buying.b, customers)
    age = rng.uniform(weeks - 12, weeks, customers)
    repeats, last, now = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    here = np.ones(customers, bool)
    while here.any():
        now = now + rng.exponential(1, customers) / rate
        here &= now <= age
        repeats, last = repeats + here, np.where(here, now, last)
        here &= rng.random(customers) >= leaves
    count = repeats + 1
    worth = 1 / rng.gamma(spending.q, 1 / spending.v, customers)
    return Purchases(repeats, last, age, rng.gamma(spending.p * count, worth / count))


def test_the_published_expectations_of_the_reference_come_out() -> None:
    # The authors' worksheet: repeat purchases of a new customer by week, to their rounded parameters.
    for weeks, expected in {0.1429: 0.0078, 1: 0.0532, 3: 0.1506, 31.8571: 1.0405, 78: 1.8576}.items():
        assert CDNOW.expected(weeks) == pytest.approx(expected, abs=0.003)
    assert CDNOW.expected_of(2, 30.43, 38.86, 39) == pytest.approx(1.226, abs=0.0005)
    assert CDNOW_MONEY.mean == pytest.approx(35.2, abs=0.05)


@pytest.mark.parametrize("a", [0.4, 1.0, 1.7])
def test_the_closed_form_is_the_integral_it_stands_for(a: float) -> None:
    buying = Buying(r=0.8, alpha=5.0, a=a, b=2.0)

    def of(chance: float) -> float:
        """Of customers who leave with this chance after a purchase."""
        stay = (buying.alpha / (buying.alpha + chance * 60.0)) ** buying.r
        return float((1 - stay) / chance * beta.pdf(chance, a, 2.0))

    assert buying.expected(60.0) == pytest.approx(quad(of, 0, 1, limit=200)[0], rel=1e-4)


def test_the_reference_s_parameters_are_found_again_within_their_error() -> None:
    found, money = [], []
    for seed in range(4):
        bought = generated(CDNOW, CDNOW_MONEY, 2357, 39.0, seed)
        buying, spending = fit_buying(bought), fit_spending(bought)
        assert buying is not None
        assert spending is not None
        found.append([buying.r, buying.alpha, buying.a / (buying.a + buying.b)])
        money.append([spending.p, spending.q, spending.v])
    share = CDNOW.a / (CDNOW.a + CDNOW.b)
    assert np.mean(found, axis=0) == pytest.approx([CDNOW.r, CDNOW.alpha, share], rel=0.12)
    assert np.mean(money, axis=0) == pytest.approx([6.25, 3.74, 15.44], rel=0.12)


def test_ranges_hold_the_truth_about_as_often_as_they_say() -> None:
    held, weeks = 0, 104.0
    buying = Buying(r=0.9, alpha=6.0, a=1.2, b=3.5)
    truth = (1 + buying.expected(weeks)) * CDNOW_MONEY.mean
    for seed in range(40):
        told = lifetime(generated(buying, CDNOW_MONEY, 600, 52.0, seed), weeks, seed=seed)
        assert isinstance(told, Lifetime)
        assert told.revenue.low <= told.revenue.value <= told.revenue.high
        held += told.revenue.low <= truth <= told.revenue.high
    assert 32 <= held <= 40


def test_what_cannot_be_said_is_refused() -> None:
    few = generated(CDNOW, CDNOW_MONEY, 100, 39.0, 0)
    young = generated(CDNOW, CDNOW_MONEY, 900, 39.0, 0)
    young = Purchases(young.repeats, young.last / 4, young.age / 4, young.mean)
    for bought in (few, young, Purchases(*np.zeros((4, 0)))):
        refused = lifetime(bought, 52.0)
        assert isinstance(refused, Refusal)
        assert refused.code == "too_few_purchases"
    with pytest.raises(ValueError, match="contradicts itself"):
        lifetime(Purchases(*(np.full(300, value) for value in (2.0, 10.0, 5.0, 20.0))), 52.0)


def test_a_customer_just_seen_is_likelier_there_than_one_long_silent() -> None:
    assert CDNOW.alive(5, 38.0, 39.0) > 0.8 > 0.2 > CDNOW.alive(5, 5.0, 39.0)
    assert CDNOW.alive(0, 0, 39.0) == 1


def test_one_definition_of_ltv_whatever_the_model() -> None:
    told = lifetime(generated(CDNOW, CDNOW_MONEY, 2357, 39.0, 1), 260.0)
    assert isinstance(told, Lifetime)
    cohort = Cohort(customers=2357, churned=0, customer_months=Decimal(20_000), revenue=Decimal(90_000))
    facts = Facts(Totals(spend=Decimal(100), new_customers=10), Decimal("0.5"), cohort, told)
    values = compute(("ltv", "ltv_cac"), facts)
    assert float(values["ltv"] or 0) == pytest.approx(told.revenue.value / 2, abs=1e-5)
    assert values["ltv_cac"] == (values["ltv"] or 0) / 10
    model = life_model(facts)
    assert model is not None
    assert model.range is not None
    assert model.range.low == pytest.approx(told.revenue.low / 2)


def without_departures(assistant: Assistant, venture: str) -> None:
    with assistant.database.write() as connection:
        of = select(ventures.c.id).where(ventures.c.name == venture).scalar_subquery()
        connection.execute(update(customers).where(customers.c.venture_id == of).values(churned_at=None))


def buys_on(assistant: Assistant, venture: str, bought: Purchases) -> None:
    """Customers of a venture with these pasts, none of whose departures is recorded."""
    end = datetime.combine(AS_OF, time(), UTC)
    rng = np.random.default_rng(0)
    with assistant.database.write() as connection:
        of = connection.scalar(select(ventures.c.id).where(ventures.c.name == venture))
        line = connection.scalar(
            select(channel_lines.c.id).join(campaigns).where(campaigns.c.venture_id == of).limit(1)
        )
        for place in range(len(bought)):
            first = end - timedelta(weeks=float(bought.age[place]))
            won = {"venture_id": of, "line_id": line, "external_id": f"b{place}", "acquired_at": first}
            key = connection.scalar(
                insert(customers).values(**won, monthly_revenue=0, indicators={}).returning(customers.c.id)
            )
            between = rng.uniform(0, bought.last[place], max(int(bought.repeats[place]) - 1, 0))
            weeks = [0.0, *between.tolist(), *[float(bought.last[place])] * bool(bought.repeats[place])]
            order = {"venture_id": of, "line_id": line, "customer_id": key, "visitor": f"b{place}"}
            money = Decimal(str(round(float(bought.mean[place]), 2)))
            connection.execute(
                insert(conversions),
                [
                    order
                    | {"kind": "purchase", "revenue": money, "occurred_at": first + timedelta(weeks=week)}
                    for week in weeks
                ],
            )


def test_ltv_says_its_model_and_its_range_in_the_answer_and_in_why(
    assistant: Assistant, chairman: Speaker
) -> None:
    recorded = run(chairman, "show_metric", metric="ltv", venture="Acme")
    report = recorded.model_dump()["result"]
    assert "by a constant rate of leaving" in recorded.reply.text
    assert report["low"] < report["figure"]["value"] < report["high"]
    without_departures(assistant, "Acme")
    buys_on(assistant, "Acme", generated(replace(CDNOW, r=0.9), CDNOW_MONEY, 700, 48.0, 3))
    told = run(chairman, "show_metric", metric="ltv", venture="Acme")
    report = told.model_dump()["result"]
    assert report["model"] == "BG/NBD and Gamma-Gamma"
    assert "no departure is recorded" in told.reply.text
    assert report["low"] < report["figure"]["value"] < report["high"]
    why = chairman.say("why?")
    assert "BG/NBD and Gamma-Gamma" in why.reply.text
    ratio = run(chairman, "show_metric", metric="ltv_cac", venture="Acme").model_dump()["result"]["figure"]
    cac = run(chairman, "show_metric", metric="cac", venture="Acme").model_dump()["result"]["figure"]
    assert ratio["value"] == pytest.approx(report["figure"]["value"] / cac["value"], abs=Decimal("1e-6"))


def test_without_departures_and_with_few_purchases_it_is_the_most_it_can_be(
    assistant: Assistant, chairman: Speaker
) -> None:
    without_departures(assistant, "Northwind")
    told = run(chairman, "show_metric", metric="ltv", venture="Northwind")
    report = told.model_dump()["result"]
    assert report["model"] == f"a life of {LIFE_HORIZON_MONTHS} months"
    assert report["low"] is None
    assert "the most it can be" in told.reply.text
