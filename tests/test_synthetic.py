import re
from collections import Counter, defaultdict
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import Table, func, insert, select

from engines.market import (
    CHURN_CAUSES,
    MONTHLY_CHURN,
    Response,
    Season,
    adstock,
    churn_cause,
    churn_probability,
    draw_indicators,
    hill,
)
from engines.terms import Channel
from storage import migrate
from storage.campaigns import campaigns, channel_lines
from storage.customers import customers, leads
from storage.database import Database
from storage.influencers import influencers
from storage.journeys import conversions, touchpoints
from storage.organic import keywords, link_queries, trends
from storage.performance import daily_performance
from storage.schema import metadata
from storage.synthetic import (
    DEFAULT_RECORDS,
    RATES,
    Filled,
    NotEmpty,
    TooFewRecords,
    digest,
    fill,
    read_truth,
)
from storage.synthetic.counts import Counts
from storage.synthetic.words import campaign_name, phrases, topics, venture_name
from storage.ventures import exchange_rates, ventures

AS_OF = date(2026, 3, 15)
NOW = datetime(2026, 3, 15, 10, tzinfo=UTC)
FEW = 3_000


def small(database: Database, truth_file: Path | None = None, **changes: Any) -> Filled:
    wanted: dict[str, Any] = {"records": FEW, "seed": 7, "as_of": AS_OF, "now": NOW, "truth_file": truth_file}
    return fill(database, **(wanted | changes))


def new_sqlite(path: Path) -> Database:
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    return database


def rows(database: Database, query: Any) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(query))


def count(database: Database, table: Table, *where: Any) -> int:
    return int(rows(database, select(func.count()).select_from(table).where(*where))[0][0])


def line_days() -> Any:
    """Lines with what they belong to."""
    return channel_lines.join(campaigns, campaigns.c.id == channel_lines.c.campaign_id).join(
        ventures, ventures.c.id == campaigns.c.venture_id
    )


def test_default_counts(portfolio: Database) -> None:
    wanted = asdict(Counts.of(DEFAULT_RECORDS))
    found = {name: count(portfolio, metadata.tables[name]) for name in wanted}
    assert found == wanted
    assert sum(found.values()) == 71_297
    named = ("keywords", "trends", "backlinks", "link_queries", "campaign_memories")
    assert [found[name] for name in named] == [46_151, 2_000, 2_000, 120, 5_000]
    assert rows(portfolio, select(link_queries.c.service).distinct()) == [("HARO",)]


def test_history_spans_a_year_of_many_channels(portfolio: Database) -> None:
    days = select(func.min(daily_performance.c.day), func.max(daily_performance.c.day))
    assert rows(portfolio, days) == [(AS_OF - timedelta(days=364), AS_OF)]
    assert rows(portfolio, select(func.count(daily_performance.c.day.distinct()))) == [(365,)]
    assert count(portfolio, ventures) >= 10
    assert rows(portfolio, select(func.count(channel_lines.c.channel.distinct())))[0][0] >= 5
    assert count(portfolio, touchpoints) >= 100_000
    assert count(portfolio, conversions) >= 50_000


def test_spring_launch_is_there_to_talk_about(portfolio: Database) -> None:
    query = select(
        ventures.c.name, campaigns.c.status, channel_lines.c.channel, channel_lines.c.allocated
    ).select_from(line_days())
    found = rows(portfolio, query.where(campaigns.c.name_key == "spring launch"))
    assert {(name, status) for name, status, _, _ in found} == {("Acme", "active")}
    allocated = {channel: amount for _, _, channel, amount in found}
    assert allocated.keys() >= {"email", "paid_search", "paid_social", "display", "seo"}
    assert allocated["display"] >= 12_000
    assert 30_000 <= sum(allocated.values()) < 100_000
    acme = rows(portfolio, select(ventures).where(ventures.c.name_key == "acme"))[0]
    assert (acme.currency, acme.stage, acme.kind, acme.category) == ("USD", "growth", "b2b_smb", "fitness")
    assert acme.time_zone == "America/New_York"
    splash = rows(portfolio, select(campaigns.c.venture_id).where(campaigns.c.name == "Summer Splash"))
    assert splash == [(acme.id,)]
    assert count(portfolio, ventures, ventures.c.name == "Northwind") == 1
    today = select(func.sum(daily_performance.c.spend)).where(daily_performance.c.day == AS_OF)
    assert rows(portfolio, today)[0][0] > 0


def test_some_campaign_names_are_ambiguous_and_ventures_differ(portfolio: Database) -> None:
    names = Counter(name for (name,) in rows(portfolio, select(campaigns.c.name_key)))
    assert names["black friday"] >= 2
    assert sum(times > 1 for times in names.values()) <= 3
    assert {"USD", "EUR", "GBP"} == {one for (one,) in rows(portfolio, select(ventures.c.currency))}
    assert len(set(rows(portfolio, select(ventures.c.time_zone)))) >= 4
    starts = Counter(month for (month,) in rows(portfolio, select(ventures.c.fiscal_year_start)))
    assert 1 <= starts.total() - starts[1] <= 2
    statuses = {one for (one,) in rows(portfolio, select(campaigns.c.status))}
    assert statuses == {"planned", "configured", "active", "paused", "completed", "cancelled"}


def test_campaigns_to_come_have_no_history(portfolio: Database) -> None:
    query = select(func.count()).select_from(
        line_days().join(daily_performance, daily_performance.c.line_id == channel_lines.c.id)
    )
    assert rows(portfolio, query.where(campaigns.c.status.in_(["planned", "configured"]))) == [(0,)]
    assert rows(portfolio, query.where(daily_performance.c.day < campaigns.c.start_on)) == [(0,)]


def test_names_are_unique_at_any_size() -> None:
    some = range(3_000)
    assert len({venture_name(index).casefold() for index in some}) == len(some)
    assert len({campaign_name(index).casefold() for index in some}) == len(some)
    assert all(re.fullmatch(r"[A-Z][a-z]+", venture_name(index)) for index in some)
    assert len(set(phrases("pets", 0, 9_000)[0])) == 9_000
    assert len(set(topics(0, 30_000)[0]) | set(topics(30_000, 30_000)[0])) == 60_000


def test_daily_rows_count_the_conversions_of_their_local_day(portfolio: Database) -> None:
    zones = {
        key: ZoneInfo(name) for key, name in rows(portfolio, select(ventures.c.id, ventures.c.time_zone))
    }
    counted: dict[tuple[int, date], list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    query = select(
        conversions.c.venture_id, conversions.c.line_id, conversions.c.occurred_at, conversions.c.revenue
    )
    for venture, line, moment, revenue in rows(portfolio, query):
        day = counted[line, moment.astimezone(zones[venture]).date()]
        day[0] += 1
        day[1] += revenue
    daily = rows(portfolio, select(daily_performance))
    stored = {(row.line_id, row.day): [row.conversions, row.revenue] for row in daily if row.conversions}
    assert stored == dict(counted)


def test_amounts_are_whole_cents(portfolio: Database) -> None:
    amounts = [
        amount
        for row in rows(portfolio, select(daily_performance.c.spend, daily_performance.c.revenue))
        for amount in row
    ]
    assert all(amount == amount.quantize(Decimal("0.01")) for amount in amounts)


def test_traffic_is_plausible_but_for_the_injected_days(portfolio: Database) -> None:
    daily = daily_performance.c
    assert count(portfolio, daily_performance, daily.reach > daily.impressions) == 0
    assert count(portfolio, daily_performance, daily.conversions > daily.clicks) == 0
    odd = count(portfolio, daily_performance, daily.clicks > daily.impressions)
    assert 0 < odd < 0.01 * count(portfolio, daily_performance)


def test_first_orders_are_how_customers_were_won(portfolio: Database) -> None:
    first = rows(portfolio, select(conversions).where(conversions.c.kind == "purchase"))
    known = {row.id: row for row in rows(portfolio, select(customers))}
    assert len({row.customer_id for row in first}) == len(first)
    for row in first:
        customer = known[row.customer_id]
        assert (row.occurred_at, row.line_id) == (customer.acquired_at, customer.line_id)
    won_in_history = {
        key for key, row in known.items() if row.acquired_at.date() > AS_OF - timedelta(days=363)
    }
    assert won_in_history <= {row.customer_id for row in first}


def test_later_orders_come_from_customers_of_that_time(portfolio: Database) -> None:
    query = select(
        conversions.c.kind, conversions.c.occurred_at, customers.c.acquired_at, customers.c.churned_at
    ).join_from(conversions, customers, customers.c.id == conversions.c.customer_id)
    later = [row for row in rows(portfolio, query) if row.kind != "purchase"]
    assert {row.kind for row in later} == {"renewal"}
    assert all(row.acquired_at < row.occurred_at for row in later)
    sound = [row for row in later if row.churned_at and row.churned_at > row.acquired_at]
    assert all(row.occurred_at < row.churned_at for row in sound)
    share = 1 - len(later) / count(portfolio, conversions)
    assert 0.07 < share < 0.12


def test_leads_are_those_the_daily_rows_count(portfolio: Database) -> None:
    zones = {
        key: ZoneInfo(name) for key, name in rows(portfolio, select(ventures.c.id, ventures.c.time_zone))
    }
    query = select(leads.c.venture_id, leads.c.line_id, leads.c.created_at)
    made = Counter(
        (line, at.astimezone(zones[venture]).date()) for venture, line, at in rows(portfolio, query)
    )
    recent = daily_performance.c.day > AS_OF - timedelta(days=60)
    daily = rows(portfolio, select(daily_performance).where(recent))
    assert {(row.line_id, row.day): row.leads for row in daily if row.leads} == dict(made)


def test_economics_are_sensible(portfolio: Database) -> None:
    sums = (func.sum(daily_performance.c.revenue), func.sum(daily_performance.c.spend))
    by_line = rows(portfolio, select(*sums).group_by(daily_performance.c.line_id))
    returns = sorted(float(revenue / spend) for revenue, spend in by_line)
    assert 0.3 < returns[0] < 1
    assert 5 < returns[-1] < 9
    revenue, spend = rows(portfolio, select(*sums))[0]
    assert 2.5 < revenue / spend < 3.7
    assert 200 < spend / count(portfolio, conversions, conversions.c.kind == "purchase") < 500


def test_a_few_percent_of_customers_leave_each_month(portfolio: Database) -> None:
    end = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC)
    start = end - timedelta(days=365)
    lived, lost = timedelta(), 0
    for acquired, churned in rows(portfolio, select(customers.c.acquired_at, customers.c.churned_at)):
        if churned is None or churned > acquired:
            lived += max((churned or end) - max(acquired, start), timedelta())
            lost += churned is not None
    assert 0.03 < lost / (lived / timedelta(days=30.44)) < 0.04


def test_journeys_lead_to_their_orders(portfolio: Database) -> None:
    touch = touchpoints.c
    query = select(touch.visitor, func.min(touch.occurred_at), func.count()).group_by(touch.visitor)
    journeys = {visitor: (first, touches) for visitor, first, touches in rows(portfolio, query)}
    bought = rows(
        portfolio,
        select(conversions.c.visitor, func.min(conversions.c.occurred_at)).group_by(conversions.c.visitor),
    )
    assert all(journeys[visitor][0] <= at for visitor, at in bought)
    strangers = journeys.keys() - {visitor for visitor, _ in bought}
    assert len(strangers) > 10_000
    assert max(journeys[visitor][1] for visitor in strangers) <= 8
    kinds = {kind for (kind,) in rows(portfolio, select(touch.kind).distinct())}
    assert kinds == {"impression", "click", "visit"}


def test_fitness_has_influencers_of_every_size(portfolio: Database) -> None:
    middle = influencers.c.followers.between(25_000, 100_000)
    query = select(influencers.c.platform).where(influencers.c.category == "fitness", middle)
    found = Counter(platform for (platform,) in rows(portfolio, query))
    assert found.total() > 150
    assert len(found) >= 5


def test_every_day_has_rates_both_ways(portfolio: Database) -> None:
    found = {(row.day, row.base, row.quote): row.rate for row in rows(portfolio, select(exchange_rates))}
    assert len(found) == 365 * 6
    for (day, base, quote), rate in found.items():
        assert abs(rate * found[day, quote, base] - 1) < Decimal("0.0000001")


def test_same_seed_same_content_on_every_database(database: Database, tmp_path: Path) -> None:
    here = small(database)
    other = new_sqlite(tmp_path / "other.db")
    there = small(other, now=NOW + timedelta(days=3))
    assert here.digest == there.digest == digest(database)
    assert (
        here.counts == there.counts == {name: count(database, metadata.tables[name]) for name in here.counts}
    )
    assert here.records == FEW
    with database.write() as connection:
        connection.execute(keywords.update().where(keywords.c.id == 1).values(volume=keywords.c.volume + 1))
    assert digest(database) != here.digest
    other.close()


@pytest.mark.parametrize("change", [{"seed": 8}, {"as_of": AS_OF + timedelta(days=1)}, {"records": 3_500}])
def test_other_wishes_give_other_content(tmp_path: Path, change: dict[str, Any]) -> None:
    digests = []
    for name, changes in (("a", {}), ("b", change)):
        database = new_sqlite(tmp_path / f"{name}.db")
        digests.append(small(database, **changes).digest)
        database.close()
    assert digests[0] != digests[1]


@pytest.mark.parametrize("records", [3_000, 9_999, 71_297, 123_457, 5_000_000])
def test_counts_always_sum_to_the_records(records: int) -> None:
    found = asdict(Counts.of(records))
    assert sum(found.values()) == records
    assert found["ventures"] >= 10
    assert min(found.values()) > 0


def test_a_filled_database_takes_new_rows_but_no_second_fill(database: Database) -> None:
    small(database)
    known = count(database, trends)
    query = insert(trends).values(
        topic="a new one", category="pets", platform="tiktok", stage="emerging", volume=1, growth=0,
        viral_coefficient=0, relevance=0, first_seen_on=AS_OF,
    )  # fmt: skip
    with database.write() as connection:
        assert connection.execute(query).inserted_primary_key == (known + 1,)
    with pytest.raises(NotEmpty, match=r"already holds ventures.*name another database"):
        small(database, seed=2)
    assert count(database, trends) == known + 1


def test_too_few_records_are_refused() -> None:
    with pytest.raises(TooFewRecords, match="ask for at least 3,000"):
        Counts.of(2_999)


def test_an_interrupted_fill_leaves_nothing_and_can_be_repeated(database: Database, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "ventures" and done * 2 > total:
            raise KeyboardInterrupt

    before = {table.name: count(database, table) for table in metadata.sorted_tables}
    with pytest.raises(KeyboardInterrupt):
        small(database, tmp_path / "truth" / "truth.json.gz", progress=interrupt)
    assert {table.name: count(database, table) for table in metadata.sorted_tables} == before
    assert list((tmp_path / "truth").iterdir()) == []
    told: dict[str, list[tuple[int, int]]] = defaultdict(list)
    small(database, progress=lambda stage, done, total: told[stage].append((done, total)))
    assert {"influencers", "trends", "campaign memories", "ventures"} <= told.keys()
    assert all(steps[-1][0] == steps[-1][1] for steps in told.values())
    assert all(earlier[0] < later[0] for steps in told.values() for earlier, later in pairwise(steps))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A portfolio of middle size with its truth."""
    folder = tmp_path_factory.mktemp("known")
    database = new_sqlite(folder / "known.db")
    small(database, folder / "truth.json.gz", records=20_000)
    yield database, read_truth(folder / "truth.json.gz")
    database.close()


def test_the_truth_predicts_the_orders(known: tuple[Database, dict[str, Any]]) -> None:
    database, truth = known
    expected, happened = _expected_and_happened(database, truth)
    assert abs(sum(expected) / sum(happened) - 1) < 0.08
    assert np.corrcoef(expected, happened)[0, 1] > 0.97


def _expected_and_happened(database: Database, truth: dict[str, Any]) -> tuple[list[float], list[int]]:
    expected, happened = [], []
    for venture in truth["ventures"].values():
        season = Season(**venture["season"])
        for line, curve in venture["lines"].items():
            daily = daily_performance.c
            query = select(daily.day, daily.spend, daily.conversions).where(daily.line_id == int(line))
            days = rows(database, query.order_by(daily.day))
            if len(days) < 60:
                continue
            parts = (np.array([curve[name]]) for name in ("decay", "half_saturation", "slope", "max_effect"))
            orders = Response(*parts).orders(np.array([[float(day.spend) for day in days]]))
            factors = season.factors(np.array([day.day.toordinal() for day in days]))
            expected.append(float((orders * factors).sum()))
            happened.append(sum(day.conversions for day in days))
    return expected, happened


def test_the_truth_holds_what_is_hidden(known: tuple[Database, dict[str, Any]]) -> None:
    database, truth = known
    assert truth["portfolio"]["seed"] == 7
    assert len(truth["influencers"]) == count(database, influencers)
    people = [one for venture in truth["ventures"].values() for one in venture["customers"].values()]
    assert len(people) == count(database, customers)
    assert {cause for cause, _ in people} <= set(CHURN_CAUSES)
    assert all(0 < chance < 1 for _, chance in people)
    lines = [line for venture in truth["ventures"].values() for line in venture["lines"]]
    assert len(lines) == count(database, channel_lines)
    assert truth["faults"].keys() == RATES.keys()
    assert len(RATES) >= 8


def test_influencer_quality_shows_in_engagement(known: tuple[Database, dict[str, Any]]) -> None:
    database, truth = known
    found = rows(database, select(influencers.c.id, influencers.c.engagement_rate))
    quality = [truth["influencers"][str(key)] for key, _ in found]
    assert np.corrcoef(quality, [float(rate) for _, rate in found])[0, 1] > 0.5


def test_who_left_had_the_worse_signs(known: tuple[Database, dict[str, Any]]) -> None:
    database, truth = known
    chance = {
        int(key): one[1]
        for venture in truth["ventures"].values()
        for key, one in venture["customers"].items()
    }
    found = rows(database, select(customers.c.id, customers.c.churned_at))
    left = [chance[key] for key, churned in found if churned]
    stayed = [chance[key] for key, churned in found if not churned]
    assert np.mean(left) > 3 * np.mean(stayed)


def test_adstock_keeps_a_level_and_decays() -> None:
    decay = np.array([0.5])
    flat = adstock(np.full((1, 4), 80.0), decay, np.array([80.0]))
    assert flat.tolist() == [[80.0] * 4]
    pulse = adstock(np.array([[100.0, 0.0, 0.0]]), decay)
    assert pulse.tolist() == [[50.0, 25.0, 12.5]]


def test_hill_is_half_at_half_saturation() -> None:
    reached = hill(np.array([0.0, 40.0, 4_000_000.0]), np.array(40.0), np.array(1.7))
    assert reached[0] == 0
    assert reached[1] == pytest.approx(0.5)
    assert 0.999 < reached[2] < 1


def test_indicators_follow_the_true_probability() -> None:
    rng = np.random.default_rng(3)
    lost = rng.random(60_000) < MONTHLY_CHURN
    signs = draw_indicators(rng, lost=lost)
    chance = churn_probability(signs)
    assert chance.mean() == pytest.approx(MONTHLY_CHURN, abs=0.002)
    risky = (chance > 0.2) & (chance < 0.5)
    assert lost[risky].mean() == pytest.approx(chance[risky].mean(), abs=0.05)
    causes = churn_cause(signs)
    failed = [cause for cause, failing in zip(causes, signs.payment_failed.tolist(), strict=True) if failing]
    assert Counter(failed).most_common(1)[0][0] == "payment"


def test_channels_of_a_venture_are_known_ones(portfolio: Database) -> None:
    found = {channel for (channel,) in rows(portfolio, select(channel_lines.c.channel).distinct())}
    assert found <= {channel.value for channel in Channel}
