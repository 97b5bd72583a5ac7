"""A hundred questions, each number held against SQL that shares no code with the product."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from assistant.bootstrap import Assistant
from assistant.reply import Reply, Status
from storage.database import Database
from tests.conftest import Speaker, assistant_on

# Today is Sunday, March 15, 2026.
PERIODS = {
    "yesterday": (date(2026, 3, 14), date(2026, 3, 14)),
    "last week": (date(2026, 3, 2), date(2026, 3, 8)),
    "in the last 7 days": (date(2026, 3, 8), date(2026, 3, 14)),
    "this month": (date(2026, 3, 1), date(2026, 3, 15)),
    "last month": (date(2026, 2, 1), date(2026, 2, 28)),
    "in January": (date(2026, 1, 1), date(2026, 1, 31)),
    "in Q4 2025": (date(2025, 10, 1), date(2025, 12, 31)),
    "year to date": (date(2026, 1, 1), date(2026, 3, 15)),
    "since February": (date(2026, 2, 1), date(2026, 3, 15)),
    "from 2025-12-01 to 2025-12-24": (date(2025, 12, 1), date(2025, 12, 24)),
    "": (date(2026, 2, 13), date(2026, 3, 14)),
}

METRICS = {
    "spend": "spend",
    "revenue": "revenue",
    "ROAS": "roas",
    "ROI": "roi",
    "click-through rate": "ctr",
    "conversion rate": "conversion_rate",
    "cost per click": "cpc",
    "CPA": "cpa",
    "CAC": "cac",
    "leads": "leads",
    "impressions": "impressions",
}

TOTALS = """
select coalesce(sum(p.spend), 0), coalesce(sum(p.revenue), 0), coalesce(sum(p.impressions), 0),
       coalesce(sum(p.clicks), 0), coalesce(sum(p.leads), 0), coalesce(sum(p.conversions), 0)
from daily_performance p, channel_lines l, campaigns c, ventures v
where p.line_id = l.id and l.campaign_id = c.id and c.venture_id = v.id
  and p.day >= :start and p.day <= :end and {where}
"""

VENTURES = """
select distinct v.name, v.time_zone from ventures v, campaigns c, channel_lines l, daily_performance p
where c.venture_id = v.id and l.campaign_id = c.id and p.line_id = l.id order by v.name
"""

WON = """
select count(*) from customers k, channel_lines l, campaigns c, ventures v
where k.line_id = l.id and l.campaign_id = c.id and c.venture_id = v.id
  and k.acquired_at >= :start and k.acquired_at < :end and {where}
"""


@dataclass
class Expected:
    """What SQL says; money in units of its currency."""

    spend: Decimal
    revenue: Decimal
    impressions: int
    clicks: int
    leads: int
    conversions: int
    customers: int

    def metric(self, name: str) -> Decimal | None:
        over: dict[str, tuple[Decimal, Decimal | int]] = {
            "roas": (self.revenue, self.spend),
            "roi": (self.revenue - self.spend, self.spend),
            "ctr": (Decimal(self.clicks), self.impressions),
            "conversion_rate": (Decimal(self.conversions), self.clicks),
            "cpc": (self.spend, self.clicks),
            "cpa": (self.spend, self.conversions),
            "cac": (self.spend, self.customers),
        }
        if name not in over:
            return Decimal(getattr(self, name))
        top, bottom = over[name]
        return top / bottom if bottom else None


def ask_sql(database: Database, where: str, zone: str, days: tuple[date, date], **names: str) -> Expected:
    with database.read() as connection:
        row = connection.execute(
            text(TOTALS.format(where=where)), {"start": _day(days[0]), "end": _day(days[1]), **names}
        ).one()
        start, end = _moments(database, days, zone)
        won = connection.execute(text(WON.format(where=where)), {"start": start, "end": end, **names})
        spend, revenue, impressions, clicks, leads, conversions = row
        micro = Decimal(1_000_000)
        return Expected(
            spend=Decimal(spend) / micro,
            revenue=Decimal(revenue) / micro,
            impressions=int(impressions),
            clicks=int(clicks),
            leads=int(leads),
            conversions=int(conversions),
            customers=won.scalar_one(),
        )


def _day(day: date) -> Any:
    return day.isoformat()


def _moments(database: Database, days: tuple[date, date], zone: str) -> tuple[Any, Any]:
    start = datetime(days[0].year, days[0].month, days[0].day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    after = days[1] + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if database.is_sqlite:
        return tuple(moment.strftime("%Y-%m-%d %H:%M:%S.%f") for moment in (start, end))  # type: ignore[return-value]
    return start, end


def close_to(value: Any, expected: Decimal | None) -> bool:
    if expected is None or value is None:
        return expected is None and value is None
    return abs(Decimal(str(value)) - expected) <= Decimal("0.000001")


@pytest.fixture
def asking(portfolio: Database, tmp_path: Path, models: Path) -> Iterator[Assistant]:
    made = assistant_on(portfolio.url.render_as_string(hide_password=False), tmp_path, models)
    yield made
    made.close()


def result_of(reply: Reply) -> dict[str, Any]:
    assert reply.status is Status.DONE, reply.reply.text
    return reply.model_dump(mode="json")["result"]  # type: ignore[no-any-return]


def test_a_hundred_questions(asking: Assistant, portfolio: Database) -> None:
    with portfolio.read() as connection:
        ventures = connection.execute(text(VENTURES)).all()
    assert len(ventures) >= 10
    chance = random.Random(7)  # noqa: S311 - a test's sample
    wrong = []
    for number in range(100):
        name, zone = chance.choice(ventures)
        period = chance.choice(list(PERIODS))
        said = chance.choice(list(METRICS))
        ask = chance.choice(
            (
                f"what is the {said} of {name} {period}",
                f"{said} for {name} {period}",
                f"tell me {name}'s {said} {period}",
                f"show gtm performance for {name} {period}",
            )
        )
        reply = Speaker(asking).say(ask.strip())
        expected = ask_sql(portfolio, "v.name = :venture", zone, PERIODS[period], venture=name)
        if reply.command == "show_metric":
            figures = {METRICS[said]: result_of(reply)["figure"]}
        else:
            figures = result_of(reply)["figures"]
            assert "show gtm" in ask, ask
        known = set(Expected.__annotations__) | set(METRICS.values())
        for metric, figure in figures.items():
            if metric in known and not close_to(figure["value"], expected.metric(metric)):
                wrong.append((number, ask, metric, figure["value"], expected.metric(metric)))
    assert not wrong


@pytest.mark.parametrize("period", ["last month", "in January", "this month"])
def test_a_campaign_line_by_line(asking: Assistant, portfolio: Database, period: str) -> None:
    result = result_of(Speaker(asking).say(f"how is Spring Launch doing {period}"))
    zone = "America/New_York"
    whole = ask_sql(portfolio, "c.name = :campaign", zone, PERIODS[period], campaign="Spring Launch")
    for metric in ("spend", "revenue", "roas", "conversions", "cac"):
        assert close_to(result["figures"][metric]["value"], whole.metric(metric)), metric
    where = "c.name = :campaign and l.channel = :channel"
    assert len(result["lines"]) >= 5
    for line in result["lines"]:
        names = {"campaign": "Spring Launch", "channel": line["channel"]}
        expected = ask_sql(portfolio, where, zone, PERIODS[period], **names)
        for metric in ("spend", "revenue", "conversions"):
            assert close_to(line["figures"][metric]["value"], expected.metric(metric)), (
                line["channel"],
                metric,
            )


def test_channels_are_ranked_by_the_numbers_sql_gives(asking: Assistant, portfolio: Database) -> None:
    result = result_of(Speaker(asking).say("what are the top performing channels for Acme last month"))
    ranked = [part["name"] for part in result["channels"]]
    values = {}
    for channel in ranked:
        where = "v.name = 'Acme' and l.channel = :channel"
        values[channel] = ask_sql(
            portfolio, where, "America/New_York", PERIODS["last month"], channel=channel
        )
    assert ranked == sorted(ranked, key=lambda channel: -(values[channel].metric("roas") or 0))
    for part in result["channels"]:
        assert close_to(part["figures"]["roas"]["value"], values[part["name"]].metric("roas"))


def test_the_portfolio_is_converted_day_by_day(asking: Assistant, portfolio: Database) -> None:
    result = result_of(Speaker(asking).say("how did we do last month"))
    start, end = PERIODS["last month"]
    query = """
        select c.currency, p.day, sum(p.spend), sum(p.revenue)
        from daily_performance p, channel_lines l, campaigns c
        where p.line_id = l.id and l.campaign_id = c.id and p.day >= :start and p.day <= :end
        group by c.currency, p.day
    """
    rates_query = "select base, day, rate from exchange_rates where quote = 'USD'"
    spend = revenue = Decimal(0)
    with portfolio.read() as connection:
        rates = {
            (base, str(day)): Decimal(rate) / 10**8
            for base, day, rate in connection.execute(text(rates_query))
        }
        for currency, day, spent, earned in connection.execute(
            text(query), {"start": _day(start), "end": _day(end)}
        ):
            rate = Decimal(1) if currency == "USD" else rates[currency, str(day)]
            spend += Decimal(spent) / 10**6 * rate
            revenue += Decimal(earned) / 10**6 * rate
    assert result["currency"] == "USD"
    assert {"EUR", "GBP"} <= set(result["converted_from"])
    assert close_to(result["figures"]["spend"]["value"], spend)
    assert close_to(result["figures"]["revenue"]["value"], revenue)


def test_retention_and_lifetime_value_from_the_rows_themselves(
    asking: Assistant, portfolio: Database
) -> None:
    zone = "America/New_York"
    month, before = PERIODS["last month"], (date(2026, 1, 4), date(2026, 1, 31))
    orders = """
        select customer_id, sum(revenue) from conversions o, ventures v
        where o.venture_id = v.id and v.name = 'Acme' and customer_id is not null
          and occurred_at >= :start and occurred_at < :end group by customer_id
    """
    paid: list[dict[int, int]] = []
    with portfolio.read() as connection:
        for days in (before, month):
            start, end = _moments(portfolio, days, zone)
            rows = connection.execute(text(orders), {"start": start, "end": end})
            paid.append({customer: int(revenue) for customer, revenue in rows})
    earlier, now = paid
    kept = Decimal(sum(now.get(customer, 0) for customer in earlier))
    result = result_of(Speaker(asking).say("what was Acme's net revenue retention last month"))
    assert result["figure"]["metric"] == "nrr"
    assert close_to(result["figure"]["value"], kept / sum(earlier.values()))
