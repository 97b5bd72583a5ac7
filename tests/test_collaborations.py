"""Influencers on campaigns: read back, proposed, checked again, paid exactly, and taken off again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from assistant.mandate import Case
from assistant.memory import Memory
from assistant.reply import Reply, Status
from assistant.turn import Turn
from engines.terms import to_minor
from intents.command import Role
from intents.filling import validated
from intents.reading import Scene
from storage.campaigns import campaigns
from storage.collaborations import collaborations
from storage.influencers import influencers
from storage.ventures import exchange_rates
from tests.conftest import NOW
from tests.test_http import Site, csrf_token, site_of
from tests.world import DAY, World


@dataclass
class Stage:
    """A world with a campaign, Zeta Push, and Maya Fields, who takes $120.50 a post."""

    world: World
    maya: int

    def change(self, table: Any, number: int, **values: Any) -> None:
        with self.world.bus.database.write() as connection:
            connection.execute(update(table).where(table.c.id == number).values(**values))

    def rows(self) -> list[Any]:
        with self.world.bus.database.read() as connection:
            return list(connection.execute(select(collaborations).order_by(collaborations.c.id)))

    def ask(self, role: Role = Role.CHAIRMAN, **slots: Any) -> tuple[Reply, Turn]:
        """A command, and the turn it was said in."""
        slots = slots or {"influencer": "maya.fields", "campaign": "Zeta Push"}
        if role not in self.world.folk:
            self.world.run("show_status", role)
        with self.world.bus.database.read() as connection:
            scene = Scene(self.world.bus.names.current(connection), self.world.clock[0].date())
        turn = Turn(self.world.folk[role], "test", "add", memory=Memory())
        command = validated(self.world.bus.catalogue["add_influencer"], slots, scene)
        return self.world.bus.dispatch(command, turn), turn

    def yes(self, turn: Turn) -> Reply:
        assert turn.memory.waiting is not None
        again = Turn(turn.person, "test", "yes", memory=turn.memory)
        return self.world.bus.confirm(again, turn.memory.waiting)

    def do(self, **slots: Any) -> Reply:
        asked, turn = self.ask(**slots)
        assert asked.status is Status.CONFIRM, asked.reply.text
        return self.yes(turn)


def add_influencer(world: World, name: str, **values: Any) -> int:
    """Somebody about food with 10,000 followers, of whom all is known."""
    row = {
        "name": name,
        "handle": name.lower().replace(" ", "."),
        "platform": "instagram",
        "category": "food",
        "followers": 10_000,
        "engagement_rate": Decimal("0.04"),
        "average_views": 1_000,
        "country": "US",
        "price": Decimal("120.50"),
        "currency": "USD",
        "topics": ["soup"],
        "audience": {},
        "safety_score": 80,
        "verified": True,
        "blocked": False,
        "updated_at": NOW,
        "version": 1,
    }
    with world.bus.database.write() as connection:
        query = insert(influencers).values(**(row | values)).returning(influencers.c.id)
        return int(connection.execute(query).scalar_one())


@pytest.fixture
def stage(make_world: Callable[..., World]) -> Stage:
    return staged(make_world())


@pytest.fixture
def here(make_world_here: Callable[..., World]) -> Stage:
    return staged(make_world_here())


def staged(world: World) -> Stage:
    world.venture()
    return Stage(world, add_influencer(world, "Maya Fields"))


def the_campaign(stage: Stage) -> int:
    with stage.world.bus.database.read() as connection:
        return int(connection.execute(select(campaigns.c.id)).scalar_one())


def test_the_chairman_is_read_back_what_will_happen(stage: Stage) -> None:
    asked, turn = stage.ask()
    assert asked.status is Status.CONFIRM
    assert stage.rows() == []
    told = asked.reply.text
    for part in (
        "Maya Fields (@maya.fields, instagram) scores",
        "relevance 100 (about food (soup); sought: food)",
        "A post is expected to reach 1,000 people and to bring 400 interactions.",
        "Risk low.",
        "Zeta Push may spend $1,000.00 a month; $0.00 is committed to influencers so far.",
        "Shall I add Maya Fields (@maya.fields) to Zeta Push for $120.50 a post?",
    ):
        assert part in told
    assert any("0.3 × 100" in one.calculation for one in asked.reply.evidence)
    done = stage.yes(turn)
    assert done.reply.text == "Added Maya Fields (@maya.fields) to Zeta Push for $120.50 a post."
    (row,) = stage.rows()
    assert (row.cost, row.currency, row.committed) == (Decimal("120.50"), "USD", Decimal("120.50"))
    assert (row.reach, row.engagements, row.added_at) == (1000, 400, NOW)
    assert row.reasons["risk"] == "low"


def test_it_is_shown_wherever_the_campaign_is_and_undone(stage: Stage) -> None:
    stage.do()
    campaign = stage.world.run("show_campaign", campaign="Zeta Push").model_dump()
    assert "1 influencer works on it, $120.50 committed." in campaign["reply"]["text"]
    assert campaign["result"]["committed"] == Decimal("120.50")
    (row,) = campaign["result"]["collaborations"]
    assert (row["influencer"], row["state"], row["asked_by"]) == ("Maya Fields", "added", "chairman!")
    venture = stage.world.run("show_venture", venture="Zeta").model_dump()
    assert "1 influencer works on its campaigns, $120.50 committed." in venture["reply"]["text"]
    assert venture["result"]["committed"] == {"USD": Decimal("120.50")}
    found = stage.world.run("find_influencers", campaign="Zeta Push")
    assert "Scored for food, which Zeta is about." in found.reply.text
    assert "Already: Maya Fields works on Zeta Push." in found.reply.text
    assert "Works on Zeta Push." in stage.world.run("show_influencer", influencer="maya.fields").reply.text
    undone = stage.world.run("undo")
    assert undone.reply.text.startswith("Took back: Added Maya Fields"), undone
    assert stage.rows() == []
    assert "committed" not in stage.world.run("show_campaign", campaign="Zeta Push").reply.text


def test_anybody_elses_request_waits_for_the_chairman_and_is_done_once(stage: Stage) -> None:
    asked, _ = stage.ask(Role.OPERATOR)
    assert asked.status is Status.APPROVAL
    assert stage.rows() == []
    waits = stage.world.run("list_approvals").model_dump()["result"]["proposals"][0]
    assert waits["summary"] == "add Maya Fields (@maya.fields) to Zeta Push for $120.50 a post"
    assert (waits["risk"], waits["approvers"]) == ("low", ["chairman", "chairman!"])
    assert len(waits["evidence"]) == 3
    stage.world.clock[0] = NOW + DAY
    assert stage.world.run("approve").status is Status.DONE
    (row,) = stage.rows()
    assert row.added_at == NOW + DAY
    assert stage.world.run("approve", proposal=1).error is not None
    assert len(stage.rows()) == 1


def test_what_was_rejected_does_not_happen(here: Stage) -> None:
    here.ask(Role.OPERATOR)
    here.world.run("reject")
    assert here.rows() == []


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ({"blocked": True}, "Maya Fields was blocked meanwhile."),
        ({"price": Decimal(121)}, "The price of Maya Fields changed since."),
        ({"price": None}, "The price of Maya Fields changed since."),
        ({"currency": "EUR"}, "The price of Maya Fields changed since."),
        ({"status": "completed"}, "Zeta Push is over by now."),
        ({"end_on": date(2026, 3, 14)}, "Zeta Push is over by now."),
    ],
)
def test_what_changed_meanwhile_is_seen_at_the_yes(stage: Stage, since: dict[str, Any], told: str) -> None:
    stage.ask(Role.OPERATOR)
    is_campaigns = set(since) <= {"status", "end_on"}
    stage.change(
        campaigns if is_campaigns else influencers,
        the_campaign(stage) if is_campaigns else stage.maya,
        **since,
    )
    failed = stage.world.run("approve")
    assert failed.status is Status.FAILED
    assert told in failed.reply.text
    assert stage.rows() == []


def test_what_does_not_matter_may_change_meanwhile(here: Stage) -> None:
    here.ask(Role.OPERATOR)
    here.change(influencers, here.maya, followers=20_000)
    here.change(campaigns, the_campaign(here), status="paused", end_on=date(2026, 3, 15))
    assert here.world.run("approve").status is Status.DONE
    assert len(here.rows()) == 1


def test_nobody_is_added_twice(stage: Stage) -> None:
    stage.ask(Role.OPERATOR)
    stage.ask(Role.OPERATOR)
    _, late = stage.ask()
    assert stage.world.run("approve", proposal=1).status is Status.DONE
    again = "Maya Fields works on Zeta Push already; nobody is added twice."
    assert again in stage.world.run("approve", proposal=2).reply.text
    assert again in stage.yes(late).reply.text
    refused, _ = stage.ask()
    assert refused.error is not None
    assert refused.error.code == "already_added"
    assert len(stage.rows()) == 1


def test_two_who_say_yes_at_once_add_nobody_twice(stage: Stage) -> None:
    turns = [stage.ask()[1] for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(stage.yes, turns))
    assert len(stage.rows()) == 1
    assert sorted(one.status for one in replies) == [Status.DONE, *[Status.REFUSED] * 3]
    assert {one.error.code for one in replies if one.error is not None} == {"already_added"}


@pytest.mark.parametrize(
    ("table", "values", "code"),
    [
        (influencers, {"blocked": True, "blocked_reason": "bought followers"}, "influencer_blocked"),
        (campaigns, {"status": "cancelled"}, "campaign_over"),
        (campaigns, {"end_on": date(2026, 3, 14)}, "campaign_over"),
        (influencers, {"currency": "EUR"}, "no_rate"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    here: Stage, table: Any, values: dict[str, Any], code: str
) -> None:
    here.change(table, here.maya if table is influencers else the_campaign(here), **values)
    refused, _ = here.ask()
    assert refused.status is Status.REFUSED
    assert refused.error is not None
    assert refused.error.code == code
    assert "bought followers" in refused.reply.text or code != "influencer_blocked"


def test_nobody_of_that_name_and_who_may_be_meant(here: Stage) -> None:
    refused, _ = here.ask(influencer="maya", campaign="Zeta Push")
    assert refused.error is not None
    assert refused.error.code == "unknown_influencer"
    assert refused.reply.choices == ["maya.fields"]
    refused, _ = here.ask(influencer="100%", campaign="Zeta Push")
    assert refused.reply.choices == []


def test_without_a_price_nothing_is_committed_and_that_is_said(here: Stage) -> None:
    here.change(influencers, here.maya, price=None, currency=None)
    asked, turn = here.ask()
    assert "No price is known, so no cost is committed." in asked.reply.text
    assert "Risk medium: price not known." in asked.reply.text
    assert "at no known price?" in asked.reply.text
    here.yes(turn)
    assert here.rows()[0].committed is None
    told = here.world.run("show_campaign", campaign="Zeta Push").reply.text
    assert "1 influencer works on it, $0.00 committed, 1 of them at no known price." in told


def test_costs_add_up_to_the_cent_in_the_campaigns_currency(stage: Stage) -> None:
    """Each is converted at the rate of its day, and rounded once; the sum is of what was agreed."""
    rates = [(NOW.date() - DAY, "1.08765432"), (NOW.date() + DAY, "1.1")]
    with stage.world.bus.database.write() as connection:
        for day, rate in rates:
            values = {"base": "EUR", "quote": "USD", "day": day, "rate": Decimal(rate)}
            connection.execute(insert(exchange_rates).values(**values))
    prices = [Decimal("0.10"), Decimal("0.20"), Decimal("333.33")]
    for place, price in enumerate(prices):
        add_influencer(stage.world, f"Ann {place}", price=price, currency="EUR")
        stage.do(influencer=f"ann.{place}", campaign="Zeta Push")
    stage.world.clock[0] = NOW + 2 * DAY
    add_influencer(stage.world, "Ann Late", price=Decimal(100), currency="EUR")
    asked, turn = stage.ask(influencer="ann.late", campaign="Zeta Push")
    assert "for €100.00 a post ($110.00)?" in asked.reply.text
    stage.yes(turn)
    stage.do()
    exact = sum((to_minor(price * Decimal(rates[0][1]), "USD") for price in prices), Decimal(0))
    shown = stage.world.run("show_campaign", campaign="Zeta Push").model_dump()["result"]
    assert shown["committed"] == exact + Decimal("110.00") + Decimal("120.50")
    assert shown["committed"] == sum(one["committed"] for one in shown["collaborations"])


def test_more_than_a_months_money_is_pointed_out(here: Stage) -> None:
    here.change(influencers, here.maya, price=Decimal("1000.01"))
    assert "with this it would be more than a month's money." in here.ask()[0].reply.text


def test_signs_of_fraud_and_low_safety_are_high_risk(here: Stage) -> None:
    here.change(influencers, here.maya, engagement_rate=Decimal("0.4"))
    told = here.ask()[0].reply.text
    assert "Risk high: engagement 11.4 times what is usual for the size: interactions may be bought." in told
    here.change(influencers, here.maya, engagement_rate=Decimal("0.04"), safety_score=59)
    assert "Risk high: low brand safety (59)." in here.ask()[0].reply.text


def test_the_range_is_that_of_like_accounts(here: Stage) -> None:
    for place in range(60):
        rate = Decimal("0.01") + Decimal(place) / 1000
        add_influencer(here.world, f"Bo {place}", engagement_rate=rate)
    asked, _ = here.ask()
    plan = asked.model_dump()["result"]
    assert plan["engagements_low"] < 400 < plan["engagements_high"]
    # A tenth of 61 accounts lies below each end, all of the same size.
    with here.world.bus.database.read() as connection:
        rates = [float(one) * 10_000 for one in connection.scalars(select(influencers.c.engagement_rate))]
    assert 5 <= sum(one < plan["engagements_low"] for one in rates) <= 7
    assert 5 <= sum(one > plan["engagements_high"] for one in rates) <= 7
    assert "eight in ten accounts of that size and category get" in asked.reply.text


def test_blocking_somebody_on_a_campaign_says_so(here: Stage) -> None:
    here.do()
    told = here.world.run("block_influencer", influencer="maya.fields").reply.text
    assert "What was agreed stays: Maya Fields works on Zeta Push." in told
    (row,) = here.world.run("show_campaign", campaign="Zeta Push").model_dump()["result"]["collaborations"]
    assert row["blocked"]
    assert len(here.rows()) == 1


def test_a_loop_proposes_it_and_does_it_only_where_it_may(here: Stage) -> None:
    here.world.run("show_status", Role.OPERATOR)
    command = here.world.bus.catalogue["add_influencer"].model_validate(
        {"influencer": "maya.fields", "campaign": "Zeta Push"}
    )

    def enacted(waits: str | None) -> Reply:
        case = Case("market_watch", "They fit.", (), lambda connection, action: waits)
        return here.world.bus.enact(command, Turn(here.world.folk[Role.OPERATOR], "loop", "add"), case)

    asked = enacted("It spends money nobody agreed to.")
    assert asked.status is Status.APPROVAL
    assert here.rows() == []
    assert here.world.run("approve").status is Status.DONE
    assert enacted(None).error is not None
    assert len(here.rows()) == 1


def test_the_desk_offers_campaigns_beside_an_influencer(assistant: Any) -> None:
    site: Site = site_of(assistant)
    site.sign_in(Role.OPERATOR)
    page = site.client.get("/influencers", params={"category": "fitness", "campaign": "Spring Launch"})
    assert page.status_code == 200
    assert page.text.count('value="add_influencer"') == 12
    assert "<option selected>Spring Launch</option>" in page.text
    with assistant.database.read() as connection:
        query = select(influencers).where(influencers.c.price.is_not(None), ~influencers.c.blocked)
        who = connection.execute(query.order_by(influencers.c.id).limit(1)).one()
    profile = site.client.get(f"/influencers/{who.handle}")
    assert profile.status_code == 200
    assert who.name in profile.text
    form = {"_command": "add_influencer", "influencer": who.handle, "campaign": "Spring Launch"}
    assert site.client.post("/act", data=form).status_code == 403
    form["_csrf"] = csrf_token(profile)
    asked = site.client.post("/act", data=form)
    assert "waits for the chairman" in asked.text
    site.sign_in(Role.CHAIRMAN)
    today = site.client.get("/")
    site.client.post("/act", data={"_command": "approve", "_csrf": csrf_token(today)})
    campaign = site.client.get("/campaigns/Spring Launch").text
    assert who.name in campaign
    assert "is committed to 1 influencer." in campaign
    venture = site.client.get("/ventures/Acme").text
    assert f'href="/influencers/{who.handle}"' in venture
    site.sign_in(Role.VIEWER)
    assert "add_influencer" not in site.client.get(f"/influencers/{who.handle}").text
