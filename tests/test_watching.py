"""Campaigns and spending are watched: what is sure and small is done, the rest waits; promises are judged."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from assistant.bootstrap import Assistant
from assistant.commands.optimizing import OptimumReport
from assistant.reply import Status
from storage import alerts, loops, migrate
from storage.audit import audit
from storage.campaigns import campaigns, channel_lines
from storage.database import Database
from storage.limits import spend_limits
from storage.performance import daily_performance
from storage.promises import promises
from tests.conftest import NOW, Speaker, assistant_on, run
from tests.made_up_campaigns import Daily, add_campaign, add_days, add_venture

YESTERDAY = NOW.date() - timedelta(days=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

CUT = {
    "name": "dear_customers",
    "metric": "cac",
    "above": 100,
    "days": 30,
    "action": "budget",
    "change": "-0.2",
    "in_steps": True,
    "confidence": "0.85",
    "risk": "low",
}
RAISE = CUT | {
    "name": "good_return",
    "metric": "roas",
    "above": 4,
    "days": 7,
    "change": "0.5",
    "in_steps": False,
    "confidence": "0.9",
}
PAUSE = {
    "name": "poor_return",
    "metric": "roas",
    "below": 2,
    "days": 7,
    "action": "pause",
    "confidence": "0.75",
    "risk": "medium",
}
BIDS = {
    "name": "dear_clicks",
    "metric": "cpc",
    "above": "1.2",
    "of": "target",
    "action": "bids",
    "change": "-0.15",
    "confidence": "0.85",
    "risk": "low",
}
CREATIVES = {
    "name": "dull_creatives",
    "metric": "ctr",
    "below": "0.015",
    "action": "creatives",
    "confidence": "0.7",
    "risk": "medium",
}
POOR = Daily(spend=Decimal(30), revenue=Decimal(10), impressions=3000, clicks=60, conversions=2)


@dataclass
class World:
    """An assistant whose clock can be set, over campaigns with known figures."""

    assistant: Assistant
    venture: int
    moment: list[datetime] = field(default_factory=lambda: [NOW])

    def add(self, name: str, daily: Daily = POOR, **more: Any) -> int:
        with self.assistant.database.write() as connection:
            return add_campaign(
                connection, self.venture, name, until=YESTERDAY, daily=lambda _: daily, **more
            )

    def tick(self, after: timedelta) -> list[str]:
        self.moment[0] = NOW + after
        return self.assistant.loops.tick()

    def found(self, loop: str = "campaign_optimization") -> dict[str, Any]:
        with self.assistant.database.read() as connection:
            known = loops.all_loops(connection)[loop]
            result = loops.runs(connection, known.id, 1)[0].result
        assert result is not None
        return result

    def outcomes(self) -> dict[tuple[str, str], str]:
        return {(one["campaign"], one["rule"]): one["outcome"] for one in self.found()["findings"]}

    def money(self, name: str) -> dict[str, Decimal]:
        query = select(channel_lines.c.channel, channel_lines.c.allocated).join(campaigns)
        with self.assistant.database.read() as connection:
            return dict(connection.execute(query.where(campaigns.c.name == name)).all())

    def status(self, name: str) -> str:
        with self.assistant.database.read() as connection:
            return str(connection.scalar(select(campaigns.c.status).where(campaigns.c.name == name)))

    def told(self) -> list[str]:
        with self.assistant.database.read() as connection:
            return [one.told for one in alerts.latest(connection, NOW - DAY)]

    def more_days(self, until: date, daily: Daily) -> None:
        """The same figures for every line from today on."""
        with self.assistant.database.write() as connection:
            lines = list(connection.scalars(select(channel_lines.c.id)))
            connection.execute(delete(daily_performance).where(daily_performance.c.day > YESTERDAY))
            add_days(connection, lines, NOW.date(), until, lambda _: daily)


@pytest.fixture
def make(database_url: str, tmp_path: Path, models: Path) -> Iterator[Any]:
    """Makes a world with the given rules, on a database of each kind."""
    made: list[Assistant] = []

    def world(*rules: dict[str, Any], **limits: Any) -> World:
        moment = [NOW]
        chosen = {"campaigns": list(rules), "most_of_venture": 1} | limits
        assistant = assistant_on(database_url, tmp_path, models, lambda: moment[0], rules=chosen)
        made.append(assistant)
        with assistant.database.write() as connection:
            venture = add_venture(connection)
        assistant.loops.prepare(NOW)
        with assistant.database.write() as connection:
            connection.execute(update(loops.loops).values(due_at=NOW + HOUR))
            # A test of its own is about splits; here they would be asked about first.
            splits = loops.loops.c.name == "budget_optimization"
            connection.execute(update(loops.loops).where(splits).values(state=loops.PAUSED))
        return World(assistant, venture, moment)

    database = Database(database_url)
    migrate.upgrade(database)
    database.close()
    yield world
    for one in made:
        one.close()


def test_what_is_sure_and_small_is_done_in_steps_and_can_be_taken_back(make: Any) -> None:
    world = make(CUT)
    world.add("Aster")
    world.tick(HOUR)
    assert world.outcomes() == {("Aster", "dear_customers"): "applied"}
    assert world.money("Aster") == {"email": 540, "display": 360}
    with world.assistant.database.read() as connection:
        entry = connection.execute(select(audit).where(audit.c.status == "done")).one()
    assert (entry.person, entry.channel, entry.command) == (
        "Campaign optimization loop",
        "loop",
        "set_budget",
    )
    evidence = entry.reply["reply"]["evidence"]
    assert evidence[0]["formula"] == "spend / new_customers"
    # 60 dollars a day for 30 days won 4 customers.
    assert "CAC of Aster is $450.00 over 30 days, above $100.00." in entry.reply["reply"]["text"]
    world.tick(2 * HOUR)
    assert world.outcomes() == {("Aster", "dear_customers"): "cooling"}
    # The second step is what is left of the fifth; after it the rule has done what it may.
    world.tick(25 * HOUR)
    assert world.money("Aster") == {"email": 486, "display": 324}
    world.tick(50 * HOUR)
    assert sum(world.money("Aster").values()) == 800
    world.tick(75 * HOUR)
    assert world.outcomes() == {("Aster", "dear_customers"): "done_before"}
    talk = Speaker(world.assistant)
    asked = talk.say("undo that")
    assert asked.status is Status.CONFIRM
    assert talk.say("yes").status is Status.DONE
    assert world.money("Aster") == {"email": 486, "display": 324}


def test_what_a_person_took_back_is_only_proposed_then(make: Any) -> None:
    world = make(CUT | {"in_steps": False, "change": "-0.1"})
    world.add("Aster")
    world.tick(HOUR)
    talk = Speaker(world.assistant)
    talk.say("undo that")
    talk.say("yes")
    assert world.money("Aster") == {"email": 600, "display": 400}
    world.tick(26 * HOUR)
    assert world.outcomes() == {("Aster", "dear_customers"): "proposed"}
    assert world.money("Aster") == {"email": 600, "display": 400}
    assert "Somebody took back what the same rule did before." in world.found()["findings"][0]["why"]


def test_what_is_bold_waits_for_the_chairman_and_his_yes_keeps_the_promise(make: Any) -> None:
    world = make(RAISE)
    rich = Daily(spend=Decimal(20), revenue=Decimal(200), conversions=5)
    world.add("Aster", rich)
    world.tick(HOUR)
    assert world.outcomes() == {("Aster", "good_return"): "proposed"}
    assert sum(world.money("Aster").values()) == 1000
    world.tick(2 * HOUR)
    assert world.outcomes() == {("Aster", "good_return"): "waiting"}
    talk = Speaker(world.assistant)
    assert "set the budget of Aster to $1,500.00 a month" in talk.say("list approvals").reply.text
    done = run(talk, "approve", proposal=1)
    assert done.status is Status.DONE
    assert sum(world.money("Aster").values()) == 1500
    with world.assistant.database.read() as connection:
        kept = connection.execute(select(promises)).one()
    assert (kept.source, kept.by_loop, kept.before, kept.after) == ("good_return", None, 1000, 1500)
    assert kept.low <= kept.expected <= kept.high


def test_no_second_proposal_is_made_about_the_same_money(make: Any) -> None:
    world = make(RAISE | {"name": "first"}, RAISE | {"name": "second", "change": "0.3"}, PAUSE)
    world.add("Aster", Daily(spend=Decimal(20), revenue=Decimal(200), conversions=5))
    world.tick(HOUR)
    assert world.outcomes() == {("Aster", "first"): "proposed", ("Aster", "second"): "waiting"}
    run(Speaker(world.assistant), "reject", proposal=1)
    world.tick(2 * HOUR)
    assert world.outcomes() == {("Aster", "first"): "waiting", ("Aster", "second"): "proposed"}


def test_a_remedy_that_would_cost_more_is_not_even_proposed(make: Any) -> None:
    world = make(CUT)
    # Customers are dear, but what comes in is ten times what is spent.
    world.add("Aster", Daily(spend=Decimal(30), revenue=Decimal(300), conversions=2))
    world.tick(HOUR)
    assert world.outcomes() == {("Aster", "dear_customers"): "held"}
    assert Speaker(world.assistant).say("list approvals").reply.text == "Nothing waits for approval."


def test_a_pause_is_proposed_and_what_is_missing_is_said(make: Any) -> None:
    world = make(PAUSE, BIDS, CREATIVES)
    world.add("Aster")
    world.add("Borage", Daily(spend=Decimal(30), revenue=Decimal(90), impressions=0, conversions=2))
    world.tick(HOUR)
    assert world.outcomes() == {("Aster", "poor_return"): "proposed"}
    missing = {(one["campaign"], one["rule"]): one["why"] for one in world.found()["not_judged"]}
    assert missing == {
        ("Aster", "dear_clicks"): "no target CPC is known",
        ("Borage", "dear_clicks"): "no target CPC is known",
        ("Borage", "dull_creatives"): "no impressions are recorded",
    }
    assert world.status("Aster") == "active"
    assert run(Speaker(world.assistant), "approve", proposal=1).status is Status.DONE
    assert world.status("Aster") == "paused"


def test_advice_is_given_once_a_week(make: Any) -> None:
    world = make(CREATIVES)
    world.add("Aster", Daily(revenue=Decimal(90), impressions=10_000, clicks=60))
    for hours in (1, 2, 3):
        world.tick(timedelta(hours=hours))
        assert world.outcomes() == {("Aster", "dull_creatives"): "advised"}
    assert world.told() == ["CTR of Aster is 0.60 % over 7 days, below 1.5 %. It needs new creatives."]


def test_nothing_is_changed_where_tracking_stopped_or_data_ended(make: Any) -> None:
    world = make(PAUSE | {"risk": "low", "confidence": "0.95"}, most_of_campaign=1)
    world.add("Aster", Daily(spend=Decimal(30), revenue=Decimal(90), conversions=6))
    world.more_days(NOW.date() + 2 * DAY, Daily(spend=Decimal(30), revenue=Decimal(0), conversions=0))
    world.tick(3 * DAY)
    assert world.outcomes() == {("Aster", "poor_return"): "tracking"}
    # The rules see the campaign, the market watch the lines: one alert says it.
    (told,) = world.told()
    assert "display in Aster since Mar 15, 2026" in told
    assert world.status("Aster") == "active"
    world.tick(9 * DAY)
    assert world.found()["not_judged"] == [
        {"campaign": "Aster", "rule": None, "why": "its data end on 2026-03-17"}
    ]


def test_the_whole_ventures_limit_makes_the_last_ones_wait(make: Any) -> None:
    world = make(CUT | {"in_steps": False, "change": "-0.1"}, most_of_venture="0.05")
    for name in ("Aster", "Borage", "Clover", "Dill"):
        world.add(name)
    world.tick(HOUR)
    assert sorted(world.outcomes().values()) == ["applied", "proposed", "proposed", "proposed"]


def test_spending_stops_once_at_its_limit(make: Any) -> None:
    world = make()
    world.add("Aster")
    world.add("Borage")
    talk = Speaker(world.assistant)
    said = talk.say("set a spend limit of $100 a day for Aster")
    assert said.reply.text == "Aster may spend $100.00 a day; when it has, it is paused."
    world.more_days(NOW.date(), Daily(spend=Decimal(45)))
    world.tick(HOUR)
    assert world.status("Aster") == "active"
    world.more_days(NOW.date(), Daily(spend=Decimal("51.5")))
    world.tick(HOUR + timedelta(minutes=1))
    assert (world.status("Aster"), world.status("Borage")) == ("paused", "active")
    told = "Aster has spent $103.00 of the $100.00 it may spend a day. It is paused."
    assert world.told() == [told]
    with world.assistant.database.read() as connection:
        entry = connection.execute(select(audit).where(audit.c.channel == "loop")).one()
    assert (entry.person, entry.command, entry.status) == ("Spend watch loop", "pause_campaign", "done")
    # Who lets it run again knows what it has spent: it is not stopped a second time that day.
    talk.say("resume Aster")
    talk.say("yes")
    world.tick(HOUR + timedelta(minutes=2))
    assert world.status("Aster") == "active"
    assert world.found("spend_watch")["limits"][0]["outcome"] == "stopped_before"
    world.more_days(NOW.date() + DAY, Daily(spend=Decimal(60)))
    world.tick(DAY)
    assert world.status("Aster") == "paused"


def test_a_ventures_limit_stops_all_of_it_and_can_be_changed_and_taken_back(make: Any) -> None:
    world = make()
    world.add("Aster")
    world.add("Borage")
    talk = Speaker(world.assistant)
    run(talk, "set_spend_limit", amount="$5,000", venture="Zeta")
    assert run(talk, "set_spend_limit", amount="$1,000", venture="Zeta").result is not None
    with world.assistant.database.read() as connection:
        assert list(connection.scalars(select(spend_limits.c.amount))) == [1000]
    talk.say("undo that")
    with world.assistant.database.read() as connection:
        assert list(connection.scalars(select(spend_limits.c.amount))) == [5000]
    run(talk, "set_spend_limit", amount="$1,000", venture="Zeta")
    # 14 days of March, two lines of 30 dollars in each of two campaigns.
    world.tick(HOUR)
    assert (world.status("Aster"), world.status("Borage")) == ("paused", "paused")
    assert world.told() == ["Zeta has spent $1,680.00 of the $1,000.00 it may spend a month. It is paused."]
    week = run(talk, "set_spend_limit", amount="$10", pace="total", venture="Zeta")
    assert week.error is not None
    assert week.error.code == "no_such_pace"


def test_promises_are_judged_and_the_chairman_can_ask_how_right_they_were(make: Any) -> None:
    world = make(CUT | {"in_steps": False, "change": "-0.1"}, judge_days=7)
    world.add("Aster")
    world.add("Borage", Daily(spend=Decimal(30), revenue=Decimal(600), conversions=9), new_customers=40)
    world.tick(HOUR)
    assert world.outcomes() == {("Aster", "dear_customers"): "applied"}
    # Less is spent, and nobody buys less: the promise is kept.
    world.more_days(NOW.date() + 12 * DAY, Daily(spend=Decimal(27), revenue=Decimal(10)))
    with world.assistant.database.write() as connection:
        borage = select(channel_lines.c.id).join(campaigns).where(campaigns.c.name == "Borage")
        connection.execute(
            update(daily_performance)
            .where(daily_performance.c.line_id.in_(borage), daily_performance.c.day > YESTERDAY)
            .values(revenue=Decimal(600))
        )
    assert "promise_review" in world.tick(DAY)
    assert world.found("promise_review") == {"judged": []}
    world.tick(10 * DAY)
    (judged,) = world.found("promise_review")["judged"]
    # Six dollars a day less spent, over 30.4375 days, at the same revenue.
    assert (judged["actual"], judged["kept"]) == ("182.62", True)
    assert judged["note"] == "7 days after against before, moved as 1 other campaigns did"
    told = Speaker(world.assistant).say("how right were your promises")
    assert told.command == "list_loops"
    assert "Promises: 1 change was judged. Stated confidence 85.0 %, kept 100.0 %" in told.reply.text


def test_a_change_in_steps_is_judged_as_one(make: Any) -> None:
    world = make(CUT, judge_days=7)
    world.add("Aster")
    for hours in (1, 26, 51):
        world.tick(timedelta(hours=hours))
    assert sum(world.money("Aster").values()) == 800
    world.more_days(NOW.date() + 14 * DAY, Daily(spend=Decimal(24), revenue=Decimal(10)))
    world.tick(10 * DAY)
    # The second and third steps have no time of their own; the last one was two days after the first.
    steps = world.found("promise_review")["judged"]
    assert [one["kept"] for one in steps] == [None]
    world.tick(12 * DAY)
    judged = world.found("promise_review")["judged"]
    said = [one for one in judged if one["kept"] is not None]
    # Twelve dollars a day less spent over 30.4375 days, half of it by the first of 100, 90 and 10 dollars.
    assert [(one["kept"], one["actual"]) for one in said] == [(True, "182.62")]
    assert "its part of a change in 3 steps" in said[0]["note"]
    assert Speaker(world.assistant).say("how right were your promises").reply.text.count("1 change was") == 1


def test_the_rules_that_come_with_the_product_are_sound() -> None:
    from assistant.rulebook import rules_of
    from assistant.settings import Settings

    names = [rule.name for rule in rules_of(Settings().rules)]
    assert names == [
        "poor_return",
        "dear_customers",
        "good_return",
        "dear_clicks",
        "few_conversions",
        "dull_creatives",
    ]


@pytest.mark.parametrize(("most", "outcome"), [("0.1", "moved"), ("0.001", "proposed")])
def test_a_better_split_is_moved_or_proposed_once_a_week_and_never_beyond_its_limits(
    assistant: Assistant, most: str, outcome: str
) -> None:
    assistant.settings.rules.most_of_campaign = Decimal(most)
    with assistant.database.read() as connection:
        query = select(channel_lines.c.campaign_id, channel_lines.c.id, channel_lines.c.allocated)
        before = connection.execute(query).all()
    assert assistant.loops.run_now("budget_optimization", NOW)
    with assistant.database.read() as connection:
        found = loops.runs(connection, loops.all_loops(connection)["budget_optimization"].id, 1)[0]
        after = {key: money for _, key, money in connection.execute(query)}
        kept = connection.execute(select(promises)).all()
    assert found.result is not None
    outcomes = {one["venture"]: one["outcome"] for one in found.result["ventures"]}
    assert outcome in outcomes.values()
    totals: dict[int, Decimal] = {}
    moved: dict[int, Decimal] = {}
    for campaign, key, money in before:
        totals[campaign] = totals.get(campaign, Decimal(0)) + money
        moved[campaign] = moved.get(campaign, Decimal(0)) + abs(after[key] - money) / 2
    assert all(moved[campaign] <= totals[campaign] * Decimal(most) for campaign in totals)
    assert sum(one == "moved" for one in outcomes.values()) == len(kept)
    assert all(one.by_loop == "budget_optimization" and one.before == one.after for one in kept)
    again = NOW + timedelta(days=3)
    assert assistant.loops.run_now("budget_optimization", again)
    with assistant.database.read() as connection:
        found = loops.runs(connection, loops.all_loops(connection)["budget_optimization"].id, 1)[0]
    assert found.result is not None
    later = {one["venture"]: one["outcome"] for one in found.result["ventures"]}
    expected = {"moved": "lately", "proposed": "waiting"}
    assert all(later[name] == expected[one] for name, one in outcomes.items() if one in expected)


def test_a_split_the_chairman_asked_for_keeps_its_promise_too(assistant: Assistant) -> None:
    talk = Speaker(assistant)
    asked = run(talk, "optimize_budget", campaign="Spring Launch")
    assert asked.status is Status.CONFIRM
    assert talk.say("yes").status is Status.DONE
    with assistant.database.read() as connection:
        kept = connection.execute(select(promises)).one()
    assert isinstance(asked.result, OptimumReport)
    assert (kept.source, kept.by_loop, kept.confidence) == (
        "optimize_budget",
        None,
        asked.result.confidence,
    )
    margin = kept.expected / asked.result.change.value
    assert 0 < margin < 1
