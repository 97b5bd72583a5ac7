"""Commands end to end on a portfolio: influencers, insight, ventures, campaigns, budgets."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from assistant.bootstrap import Assistant
from assistant.reply import Reply, Status
from engines.crediting import Model
from intents.command import Role
from tests.conftest import Speaker, run


def result(reply: Reply) -> dict[str, object]:
    assert reply.status in (Status.DONE, Status.CONFIRM), reply.reply.text
    told: dict[str, object] = reply.model_dump(mode="json")["result"]
    return told


def sql(assistant: Assistant, query: str, **names: object) -> list[tuple[object, ...]]:
    with assistant.database.read() as connection:
        return [tuple(row) for row in connection.execute(text(query), names)]


def test_influencers_are_those_sql_finds(chairman: Speaker) -> None:
    reply = chairman.say("find influencers for fitness with fifty thousand followers")
    assert reply.command == "find_influencers"
    told = result(reply)
    expected = sql(
        chairman.assistant,
        "select handle from influencers where category = 'fitness' and followers between 25000 and 100000 "
        "and not blocked",
    )
    assert told["found"] == len(expected)
    cards = told["influencers"]
    assert isinstance(cards, list)
    assert {card["handle"] for card in cards} <= {handle for (handle,) in expected}
    scores = [card["composite"] for card in cards]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 100 for score in scores)


def test_the_second_one_is_the_second_of_the_list(chairman: Speaker) -> None:
    listed = chairman.say("find influencers for fitness with 50k followers")
    second = listed.reply.listed[1]
    shown = chairman.say("the second one")
    assert shown.command == "show_influencer"
    assert shown.slots["influencer"] == second.slots["influencer"]


def test_a_blocked_influencer_is_found_no_more_until_it_is_undone(chairman: Speaker) -> None:
    handle = chairman.say("find influencers for fitness").reply.listed[0].slots["influencer"]

    def found() -> set[str]:
        reply = run(chairman, "find_influencers", category="fitness", count=500)
        return {card["handle"] for card in reply.model_dump()["result"]["influencers"]}

    assert handle in found()
    run(chairman, "block_influencer", influencer=handle, reason="off brand")
    assert handle not in found()
    assert run(chairman, "undo").status is Status.DONE
    assert handle in found()


@pytest.mark.parametrize("model", Model)
def test_credits_sum_to_the_conversions_and_the_money(chairman: Speaker, model: str) -> None:
    told = run(chairman, "report_attribution", venture="Acme", model=model, period="last month").model_dump()
    report = told["result"]
    credited = sum((row["conversions"] for row in report["channels"]), Decimal(0))
    money = sum((row["revenue"] for row in report["channels"]), Decimal(0))
    assert abs(credited + report["unattributed"] - report["conversions"]) < Decimal("0.0001")
    assert money + report["unattributed_revenue"] == report["revenue"]
    [(count, revenue)] = sql(
        chairman.assistant,
        "select count(*), sum(o.revenue) from conversions o, ventures v "
        "where o.venture_id = v.id and v.name = 'Acme' "
        "and occurred_at >= '2026-02-01 05:00:00' and occurred_at < '2026-03-01 05:00:00'",
    )
    assert (report["conversions"], report["revenue"]) == (count, Decimal(str(revenue)) / 10**6)


def test_the_models_stand_side_by_side(chairman: Speaker) -> None:
    reply = chairman.say("attribution by markov for Acme last month")
    report = result(reply)
    assert (reply.command, reply.slots["model"]) == ("report_attribution", "markov")
    rows = report["models"]
    assert isinstance(rows, list)
    for model in Model:
        assert sum(row["shares"][model] for row in rows) == pytest.approx(1, abs=1e-5)
    credited = report["channels"]
    assert isinstance(credited, list)
    by_markov = {row["channel"]: row["shares"]["markov"] for row in rows if row["shares"]["markov"]}
    assert {row["channel"]: row["share"] for row in credited} == pytest.approx(by_markov, abs=1e-6)
    lost = report["lost"]
    assert isinstance(lost, int)
    assert lost > 0
    assert f"with {lost:,} paths that did not convert" in reply.reply.text
    lengths, conversions, unattributed = report["lengths"], report["conversions"], report["unattributed"]
    assert isinstance(lengths, dict)
    assert isinstance(conversions, int)
    assert isinstance(unattributed, int)
    assert sum(lengths.values()) == conversions - unattributed


def test_why_an_attribution_goes_down_to_the_paths(chairman: Speaker) -> None:
    run(chairman, "report_attribution", venture="Acme", model="shapley", period="last month")
    told = [chairman.say("why?").reply for _ in range(3)]
    assert "over all orders in which the channels may join" in told[0].text
    for words in ("assisted conversions", "path length", "time to convert", "Markov"):
        assert words in told[0].text
    assert told[1].table is not None
    assert [column.label for column in told[1].table.columns][1:] == [m.label.capitalize() for m in Model]
    assert told[2].table is not None
    assert told[2].table.title == "The most frequent paths"
    assert chairman.say("why?").error is not None


def test_attribution_without_a_period_is_of_the_latest_conversions(chairman: Speaker) -> None:
    with chairman.assistant.database.write() as connection:
        connection.execute(
            text(
                "delete from conversions where occurred_at >= '2025-11-20 05:00:00' "
                "and venture_id = (select id from ventures where name = 'Acme')"
            )
        )
    reply = run(chairman, "report_attribution", venture="Acme")
    period = reply.model_dump()["result"]["period"]
    [(latest,)] = sql(
        chairman.assistant,
        "select max(occurred_at) from conversions o, ventures v where o.venture_id = v.id and name = 'Acme'",
    )
    moment = datetime.fromisoformat(str(latest)).replace(tzinfo=UTC)
    assert period["end"] == moment.astimezone(ZoneInfo("America/New_York")).date()
    assert period["end"] <= date(2025, 11, 19)
    assert "the latest 30 days that have" in reply.reply.text


def test_the_parts_of_a_change_sum_to_it(chairman: Speaker) -> None:
    report = chairman.say("why did revenue change last month").model_dump()["result"]
    assert report["metric"] == "revenue"
    parts = sum((part["contribution"] for part in report["parts"]), Decimal(0))
    assert abs(parts - report["difference"]) < Decimal("0.001")
    assert abs(sum(report["drivers"].values(), Decimal(0)) - report["difference"]) < Decimal("0.001")


def test_comparison_puts_the_best_first(chairman: Speaker) -> None:
    reply = run(chairman, "compare", channels=["email", "display"], ventures=["Acme"], metric="roas")
    rows = reply.model_dump()["result"]["rows"]
    values = [row["figures"]["roas"]["value"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert {row["name"] for row in rows} == {"email", "display"}


def test_a_comparison_of_one_thing_is_refused(chairman: Speaker) -> None:
    reply = run(chairman, "compare", channels=["email"])
    assert reply.error is not None
    assert reply.error.code == "one_thing"


def test_the_funnel_counts_what_the_totals_count(chairman: Speaker) -> None:
    funnel = chairman.say("show the funnel for Acme last month").model_dump()["result"]
    counts = {step["name"]: step["count"] for step in funnel["steps"]}
    totals = run(
        chairman,
        "show_performance",
        venture="Acme",
        period="last month",
        metrics=["impressions", "clicks", "leads"],
    ).model_dump()["result"]["figures"]
    for name, figure in totals.items():
        assert counts[name] == figure["value"]


def test_why_tells_where_the_numbers_come_from(chairman: Speaker) -> None:
    shown = chairman.say("what is our ROAS for Acme last month")
    why = chairman.say("why?")
    assert why.command == "why"
    assert "revenue / spend" in why.reply.text
    assert why.reply.evidence == shown.reply.evidence
    assert why.reply.evidence[0].period is not None


def test_the_best_split_keeps_the_total_and_the_cap(chairman: Speaker) -> None:
    reply = chairman.say("optimize budget allocation for Spring Launch")
    assert reply.command == "optimize_budget"
    report = reply.model_dump()["result"]
    after = sum((line["after"] for line in report["lines"]), Decimal(0))
    assert after == report["total_before"] == report["total_after"]
    assert all(line["after"] <= report["channel_cap"] * after + 1 for line in report["lines"])
    assert report["gain"]["low"] <= report["gain"]["value"] <= report["gain"]["high"]
    assert 0 <= report["confidence"] <= 1
    assert reply.reply.evidence


def test_one_line_or_no_history_cannot_be_optimized(chairman: Speaker) -> None:
    run(chairman, "create_campaign", name="Lone Wolf", venture="Acme", channels=["email"], budget="1000")
    reply = run(chairman, "optimize_budget", campaign="Lone Wolf")
    assert reply.status is Status.REFUSED
    assert reply.error is not None
    assert reply.error.code in ("one_line", "no_money", "too_little_history")
    assert reply.error.cure


def test_a_venture_is_created_changed_and_taken_back(chairman: Speaker) -> None:
    made = chairman.say("create a venture called Solstice in fitness with $20k a month")
    assert (made.command, made.status) == ("create_venture", Status.DONE)
    assert result(made)["name"] == "Solstice"
    shown = chairman.say("show the venture Solstice")
    assert result(shown)["monthly_budget"] == "20000"
    changed = run(chairman, "update_venture", venture="Solstice", stage="growth")
    assert result(changed)["stage"] == "growth"
    chairman.say("undo that")
    assert result(run(chairman, "show_venture", venture="Solstice"))["stage"] == "pre_revenue"
    chairman.say("undo that")
    gone = run(chairman, "show_venture", venture="Solstice")
    assert gone.error is not None
    assert gone.error.code == "unknown_venture"


def test_a_venture_in_use_is_not_taken_back(chairman: Speaker) -> None:
    run(chairman, "create_venture", name="Solstice")
    run(Speaker(chairman.assistant, Role.OPERATOR), "create_campaign", venture="Solstice", channels=["email"])
    refused = run(chairman, "undo")
    assert refused.error is not None
    assert refused.error.code == "in_use"


def test_a_new_campaign_is_planned_to_the_cent_and_known_at_once(chairman: Speaker) -> None:
    made = chairman.say("create a campaign called Autumn Push for Acme on email, seo and display with $100")
    plan = made.model_dump()["result"]
    assert plan["campaign"] == "Autumn Push"
    assert sorted(plan["lines"].values()) == [Decimal("33.33"), Decimal("33.33"), Decimal("33.34")]
    assert chairman.say("show campaign Autumn Push").slots["campaign"] == "Autumn Push"


def test_a_taken_name_is_refused(chairman: Speaker) -> None:
    reply = run(chairman, "create_venture", name="ACME")
    assert reply.error is not None
    assert reply.error.code == "name_taken"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("pause Spring Launch and set the budget of Summer Splash to 10k", "two_commands"),
        ("don't pause Spring Launch", None),
        ("please don't approve proposal 1", None),
        ("show gtm performance for Acme and Northwind", "contradictory_slots"),
        ("set the budget of Spring Launch to -5000", None),
        ("brief me every weekday at eight", None),
    ],
)
def test_what_was_not_meant_does_not_happen(chairman: Speaker, words: str, code: str | None) -> None:
    state = (
        "select id, status, version from campaigns union all select id, status, version from channel_lines"
    )
    before = sql(chairman.assistant, state)
    reply = chairman.say(words)
    chairman.say("yes")
    assert sql(chairman.assistant, state) == before
    if code is not None:
        assert reply.error is not None, reply.reply.text
        assert reply.error.code == code


def test_the_audit_log_is_for_leads(chairman: Speaker) -> None:
    chairman.say("show gtm performance for Acme")
    log = run(Speaker(chairman.assistant, Role.LEAD), "show_audit", person="chairman")
    entries = log.model_dump()["result"]["entries"]
    assert [entry["text"] for entry in entries] == ["show gtm performance for Acme"]
    refused = run(Speaker(chairman.assistant, Role.OPERATOR), "show_audit")
    assert refused.error is not None
    assert refused.error.code == "role_required"


def test_a_period_beyond_the_known_years_is_refused(chairman: Speaker) -> None:
    period = {"start": "0830-09-07", "end": "2026-03-15"}
    for command in ("top_channels", "show_performance", "show_funnel"):
        reply = run(chairman, command, period=period)
        assert reply.status is Status.REFUSED
        assert reply.error is not None
        assert reply.error.code == "beyond_the_calendar"
