from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Table, insert

from engines.quality import CHECKS, HOPELESS, CheckResult, Counted, report
from storage.campaigns import campaigns, channel_lines
from storage.customers import customers, leads
from storage.database import Database
from storage.influencers import influencers
from storage.journeys import conversions
from storage.organic import campaign_memories
from storage.performance import daily_performance
from storage.quality import measure
from storage.synthetic import RATES
from storage.ventures import ventures

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = date(2026, 3, 1)


def found(database: Database) -> dict[str, CheckResult]:
    return {one.name: one for one in measure(database).checks}


def put(database: Database, table: Table, *rows: dict[str, Any]) -> None:
    with database.write() as connection:
        connection.execute(insert(table), list(rows))


@pytest.fixture
def line(database: Database) -> Database:
    """A database with venture 1, campaign 1 and channel line 1."""
    put(database, ventures, {
        "id": 1, "name": "Acme", "name_key": "acme", "stage": "growth", "category": "fitness",
        "kind": "b2b_smb", "currency": "USD", "time_zone": "UTC", "gross_margin": Decimal("0.7"),
        "fiscal_year_start": 1, "is_local": False, "created_at": MOMENT, "version": 1,
    })  # fmt: skip
    put(database, campaigns, {
        "id": 1, "venture_id": 1, "name": "One", "name_key": "one", "objective": "leads",
        "status": "active", "currency": "USD", "start_on": DAY, "created_at": MOMENT, "version": 1,
    })  # fmt: skip
    put(database, channel_lines, {
        "id": 1, "campaign_id": 1, "channel": "email", "status": "active", "planned": 1, "allocated": 1,
        "created_at": MOMENT, "version": 1,
    })  # fmt: skip
    return database


def test_every_injected_fault_is_found_within_a_point(portfolio: Database) -> None:
    rates = {one.name: one.rate for one in measure(portfolio).checks}
    assert rates.keys() >= RATES.keys()
    for name, injected in RATES.items():
        assert rates[name] > 0
        assert rates[name] == pytest.approx(injected, abs=0.01)
    assert {name for name, rate in rates.items() if rate} == RATES.keys()


def test_the_default_portfolio_scores_enough_and_says_why_not_more(portfolio: Database) -> None:
    measured = measure(portfolio)
    assert 83 <= measured.score < 100
    assert len(measured.reasons) == len(RATES)
    assert measured.score == pytest.approx(100 - sum(one.lost for one in measured.checks))


def test_score_follows_its_formula() -> None:
    counts = {check.name: Counted(0, 0) for check in CHECKS}
    counts["keywords_without_cpc"] = Counted(1_000, 50)
    counts["customers_lost_before_won"] = Counted(200, 0)
    scored = report(counts)
    assert scored.score == pytest.approx(100 * (1 * (1 - 0.05 / HOPELESS) + 3 * 1) / 4)
    assert scored.reasons == ("50 of 1,000 keywords have no cost per click (5.0%): −12.5 points",)


def test_a_hopeless_check_loses_its_weight_and_no_more() -> None:
    counts = {check.name: Counted(10, 0) for check in CHECKS}
    weights = {check.name: check.weight for check in CHECKS}
    counts["leads_with_bad_email"] = Counted(10, 9)
    share = weights["leads_with_bad_email"] / sum(weights.values())
    assert report(counts).score == pytest.approx(100 * (1 - share))


def test_dearest_reason_comes_first() -> None:
    counts = {check.name: Counted(100, 0) for check in CHECKS}
    counts["keywords_without_cpc"] = Counted(100, 4)
    counts["customers_lost_before_won"] = Counted(100, 2)
    assert report(counts).reasons[0].startswith("2 of 100 customers left before they came")


def test_a_check_must_be_counted() -> None:
    with pytest.raises(KeyError):
        report({})


def test_an_empty_database_has_nothing_to_score(database: Database) -> None:
    measured = measure(database)
    assert measured.score == 0
    assert measured.reasons == ("There are no rows to check.",)
    assert len(measured.checks) == len(CHECKS)


def test_addresses_no_mail_can_reach(line: Database) -> None:
    lead = {
        "venture_id": 1, "source": "form", "status": "new", "score": 1, "time_zone": "UTC",
        "created_at": MOMENT,
    }  # fmt: skip
    sound = ("ada@mail.example", "ada.b+c@sub.mail.example")
    bad = ("ada.mail.example", "ada@@mail.example", "ada @mail.example", "ada@mail", "@mail.example", "")
    put(line, leads, *({**lead, "email": email} for email in sound))
    assert found(line)["leads_with_bad_email"].found == 0
    for place, email in enumerate(bad, start=1):
        put(line, leads, {**lead, "email": email})
        assert found(line)["leads_with_bad_email"].found == place
    assert found(line)["leads_with_bad_email"].checked == len(sound) + len(bad)


def test_shares_that_do_not_add_up(database: Database) -> None:
    memory = {
        "category": "pets", "stage": "growth", "objective": "leads", "budget": 1, "currency": "USD",
        "days": 1, "revenue": 1, "conversions": 1, "tier": "low", "worked": [], "failed": [],
        "started_on": DAY,
    }  # fmt: skip
    sound: tuple[dict[str, float], ...] = (
        {"email": 0.4, "seo": 0.6},
        {"email": 1},
        dict.fromkeys("abc", 0.333),
    )
    wrong: tuple[dict[str, float], ...] = ({"email": 0.4, "seo": 0.5}, {"email": 0.8, "seo": 0.8}, {})
    put(database, campaign_memories, *({**memory, "channels": shares} for shares in sound))
    assert found(database)["memories_with_wrong_shares"].found == 0
    for place, shares in enumerate(wrong, start=1):
        put(database, campaign_memories, {**memory, "channels": shares})
        assert found(database)["memories_with_wrong_shares"].found == place


def test_the_same_influencer_under_three_handles_is_two_too_many(database: Database) -> None:
    common = {
        "name": "Ada Abel", "platform": "tiktok", "category": "pets", "followers": 5_000,
        "engagement_rate": 0, "average_views": None, "topics": [], "audience": {}, "verified": False,
        "blocked": False, "updated_at": MOMENT, "version": 1,
    }  # fmt: skip
    put(database, influencers, *({**common, "handle": handle} for handle in "abc"))
    put(database, influencers, {**common, "handle": "d", "followers": 5_001, "average_views": 9})
    checks = found(database)
    assert (checks["influencers_twice"].checked, checks["influencers_twice"].found) == (4, 2)
    assert checks["influencers_without_views"].found == 3


def test_orders_that_contradict_daily_rows_and_customers(line: Database) -> None:
    put(line, customers, {
        "id": 1, "venture_id": 1, "line_id": 1, "external_id": "1", "email": "", "monthly_revenue": 10,
        "acquired_at": MOMENT, "indicators": {},
    })  # fmt: skip
    order = {"venture_id": 1, "line_id": 1, "customer_id": 1, "visitor": "v", "revenue": Decimal("10.01")}
    put(line, conversions, {**order, "kind": "purchase", "occurred_at": MOMENT})
    day = {"line_id": 1, "day": DAY, "reach": 2, "impressions": 2, "clicks": 1, "leads": 0, "conversions": 1,
           "spend": 1}  # fmt: skip
    put(line, daily_performance, {**day, "revenue": Decimal("10.01")})
    checks = found(line)
    assert checks["lines_unlike_their_conversions"].found == 0
    assert checks["first_orders_unlike_acquisition"].found == 0
    assert checks["customers_without_email"].found == 1
    with line.write() as connection:
        connection.execute(daily_performance.update().values(revenue=Decimal("10.02")))
        connection.execute(customers.update().values(line_id=None))
    checks = found(line)
    assert checks["lines_unlike_their_conversions"].found == 1
    assert checks["first_orders_unlike_acquisition"].found == 1
