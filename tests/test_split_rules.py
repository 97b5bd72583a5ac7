"""What may be asked of a split besides its total: targets, what channels must get, steps, and time."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.bootstrap import Assistant
from assistant.reply import Reply, Status
from engines.effect import Line
from engines.optimum import Constraints, Optimum, optimize
from engines.response import Curve, Draws, Fit, Refusal
from storage.campaigns import campaigns_of
from tests.conftest import AS_OF, Speaker, run
from tests.test_learning import young_campaign

UNFITTED = Refusal("too_noisy", "it swings", "wait")


def line(
    number: int, channel: str, money: int, returns: float, campaign: str = "", slope: float = 1.0
) -> Line:
    """A line that brings ``returns`` a unit at its present money, its half-saturation there."""
    rng = np.random.default_rng(number)
    draws = Draws(2 * returns * money * rng.lognormal(0, 0.1, 50), np.full(50, money), np.full(50, slope))
    fit = Fit(
        curve=Curve(2 * returns * money, money, slope),
        draws=draws,
        carry_over=0.0,
        weeks=52,
        r_squared=0.9,
        typical_error=0.1,
        saturation_seen=True,
        greatest_spend=2.0 * money,
    )
    return Line(number, channel, f"{channel} {number}", Decimal(money), fit, campaign=campaign)


FOUR = [
    line(1, "email", 2_000, 1.0),
    line(2, "search", 3_000, 4.0),
    line(3, "social", 3_000, 3.0),
    line(4, "video", 2_000, 2.0),
]
CAP = Decimal("0.5")


def split(lines: list[Line], total: int, **limits: Any) -> Mapping[str, Decimal]:
    found = optimize(lines, Decimal(total), "USD", constraints=Constraints(cap=CAP, **limits))
    assert isinstance(found, Optimum), found
    assert sum(move.after for move in found.moves) == total
    return {move.channel: move.after for move in found.moves}


def test_a_channel_gets_what_it_must_and_no_more_than_it_may() -> None:
    free = split(FOUR, 10_000)
    assert free["email"] < 2_500
    assert split(FOUR, 10_000, channel_least={"email": Decimal(2_500)})["email"] == 2_500
    most = split(FOUR, 10_000, channel_most={"search": Decimal("1999.99")})
    assert most["search"] == Decimal("1999.99")
    # A step gives way.
    step = Decimal("0.15")
    assert split(FOUR, 10_000, channel_least={"email": Decimal(3_000)}, max_change=step)["email"] == 3_000
    lowered = split(FOUR, 10_000, channel_most={"video": Decimal(500)}, max_change=Decimal("0.3"))
    assert lowered["video"] == 500


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (
            {"channel_least": {"email": Decimal(6_000)}},
            "email must get 6,000 but the cap of 49% allows 4,900",
        ),
        ({"channel_least": {"radio": Decimal(1)}}, "there is no line of radio"),
        (
            {"channel_least": {"email": Decimal(900)}, "channel_most": {"email": Decimal(800)}},
            "email must get 900 but it may get 800",
        ),
        (
            {name: {one.channel: Decimal(2_600) for one in FOUR} for name in ("channel_least",)},
            "the lines need at least 10,400, more than the 10,000 there is",
        ),
    ],
)
def test_what_contradicts_each_other_is_named(limits: dict[str, Any], says: str) -> None:
    found = optimize(FOUR, Decimal(10_000), "USD", constraints=Constraints(cap=CAP, **limits))
    assert isinstance(found, Refusal)
    assert found.code == "conflict"
    assert says in found.reason.replace(".00", "")


def test_a_line_without_a_curve_is_raised_to_what_it_must_get_and_no_further() -> None:
    blind = Line(5, "events", "events", Decimal(500), UNFITTED, minimum=Decimal(700))
    assert split([*FOUR, blind], 10_500)["events"] == 700
    blind = Line(5, "events", "events", Decimal(500), UNFITTED)
    found = optimize(
        [*FOUR, blind],
        Decimal(10_500),
        "USD",
        constraints=Constraints(cap=CAP, channel_least={"events": Decimal(700)}),
    )
    assert isinstance(found, Refusal)
    assert "events must get 700 but its lines can take 500 only" in found.reason.replace(".00", "")


CAMPAIGNS = ("spring", "summer", "autumn")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.1, 0.3]), st.booleans())
def test_no_campaign_changes_further_than_it_may(seed: int, most: float, bent: bool) -> None:
    rng = np.random.default_rng(seed)
    channels = ("email", "search", "social", "video")
    lines = [
        line(
            number,
            str(rng.permutation(channels)[0]),
            int(rng.integers(500, 5_000)),
            float(rng.uniform(0.3, 6)),
            CAMPAIGNS[number % 3],
            float(rng.uniform(1.1, 2)) if bent else 1.0,
        )
        for number in range(9)
    ]
    total = sum((one.allocated for one in lines), Decimal(0))
    limits = Constraints(cap=Decimal(1), campaign_change=Decimal(str(most)))
    found = optimize(lines, total, "USD", constraints=limits)
    if isinstance(found, Refusal):
        # Fewer than three channels drawn: their floor needs money the campaigns may not give.
        assert found.code == "conflict"
        return
    assert found.total == total
    for name in CAMPAIGNS:
        own = [move for move in found.moves if lines[move.id].campaign == name]
        before = sum((move.before for move in own), Decimal(0))
        assert abs(sum((move.after for move in own), Decimal(0)) - before) <= before * Decimal(str(most))
    assert found.effect.gain.value >= -1e-9 * found.effect.now.value
    assert found.proof.gap >= 0


def test_the_limit_of_campaigns_costs_what_the_gap_says() -> None:
    lines = [line(1, "email", 1_000, 1.0, "spring"), line(2, "search", 1_000, 5.0, "summer")]
    lines += [line(3, "social", 1_000, 1.0, "spring"), line(4, "video", 1_000, 5.0, "summer")]
    free = optimize(lines, Decimal(4_000), "USD", constraints=Constraints(cap=CAP))
    held = optimize(
        lines, Decimal(4_000), "USD", constraints=Constraints(cap=CAP, campaign_change=Decimal("0.1"))
    )
    assert isinstance(free, Optimum)
    assert isinstance(held, Optimum)
    assert sum(move.change for move in held.moves[1::2]) == 200
    assert held.effect.proposed.value < free.effect.proposed.value
    assert held.effect.proposed.value * (1 + held.proof.gap) >= free.effect.proposed.value * (1 - 1e-9)


@pytest.fixture
def campaign(assistant: Assistant, chairman: Speaker) -> str:
    """A campaign of four channels, 12,000 USD a month, with thirty weeks behind it."""
    return young_campaign(assistant, chairman, weeks=30)


def report(reply: Reply) -> dict[str, Any]:
    found = reply.model_dump()["result"]
    assert isinstance(found, dict), reply.reply.text
    return found


def test_a_target_return_spends_less_where_it_must(chairman: Speaker, campaign: str) -> None:
    free = report(run(chairman, "optimize_budget", campaign=campaign))
    least = Decimal(str(free["revenue_then"]["value"])) / free["total_after"]
    said = run(
        chairman, "optimize_budget", campaign=campaign, metric="roas", target=f"at least {least + 1:.2f}"
    )
    found = report(said)
    assert found["total_after"] < free["total_after"]
    assert found["revenue_then"]["value"] / found["total_after"] >= Decimal("0.99") * (least + 1)
    assert "must bring" in said.reply.text
    assert said.status is Status.CONFIRM
    impossible = run(chairman, "optimize_budget", campaign=campaign, metric="roas", target="at least 400")
    assert impossible.status is Status.REFUSED
    assert impossible.error is not None
    assert impossible.error.code == "target"
    wrong = run(chairman, "optimize_budget", campaign=campaign, metric="roas", target="at most 3")
    assert wrong.error is not None
    assert wrong.error.code == "wrong_way"


def test_a_target_cost_is_a_return_by_what_a_customer_brought(
    assistant: Assistant, chairman: Speaker, campaign: str
) -> None:
    none = run(chairman, "optimize_budget", campaign=campaign, metric="cpa", target="under 20")
    assert none.error is not None
    assert none.error.code == "nothing_won"
    with assistant.database.read() as connection:
        venture = next(one for one in campaigns_of(connection) if one.name == campaign).venture_id
        others = [
            one for one in campaigns_of(connection) if one.venture_id == venture and one.name != campaign
        ]
    assert others
    told = run(chairman, "optimize_budget", venture="Acme", metric="cpa", target="under 20")
    assert "conversion brought" in told.reply.text or told.error is not None


def test_a_channel_must_get_its_money(chairman: Speaker, campaign: str) -> None:
    said = run(
        chairman, "optimize_budget", campaign=campaign, channel="display", channel_money="at least 3200"
    )
    lines = {one["channel"]: one["after"] for one in report(said)["lines"]}
    assert lines["display"] == 3_200
    assert sum(lines.values()) == 12_000
    assert "gets at least" in said.reply.text
    over = run(chairman, "optimize_budget", campaign=campaign, channel="display", channel_money="at least 9k")
    assert over.error is not None
    assert over.error.code == "conflict"
    assert "the cap of 30% allows" in over.error.message
    nowhere = run(chairman, "optimize_budget", campaign=campaign, channel_money="at least 2k")
    assert nowhere.error is not None
    assert nowhere.error.code == "which_channel"


def test_lines_change_as_far_as_they_may(chairman: Speaker, campaign: str) -> None:
    said = run(chairman, "optimize_budget", campaign=campaign, line_change="more than 5%")
    lines = report(said)["lines"]
    assert all(abs(one["after"] - one["before"]) <= Decimal("0.05") * one["before"] for one in lines)
    assert any(one["after"] != one["before"] for one in lines)
    assert "no line changes by more than 5" in said.reply.text.lower()


def test_a_total_is_spread_over_its_time_to_the_cent(chairman: Speaker, campaign: str) -> None:
    start = AS_OF + timedelta(days=1)
    period = {"start": start.isoformat(), "end": (start + timedelta(days=44)).isoformat(), "label": "45 days"}
    said = run(chairman, "optimize_budget", campaign=campaign, budget="30000", period=period)
    found = report(said)
    weeks = found["weeks"]
    assert len(weeks) == 7
    assert sum(week["amount"] for week in weeks) == 30_000
    assert weeks[0]["amount"] == Decimal("4666.67")
    assert weeks[-1]["amount"] < weeks[0]["amount"]
    assert found["total_after"] == Decimal("20291.66")
    assert "in the first week" in said.reply.text
    past = {"start": "2020-01-01", "end": "2020-02-01", "label": "long ago"}
    over = run(chairman, "optimize_budget", campaign=campaign, budget="30000", period=past)
    assert over.error is not None
    assert over.error.code == "over"


def test_what_was_asked_is_kept_when_more_is_said(chairman: Speaker, campaign: str) -> None:
    chairman.say(f"optimize the budget of {campaign} at a ROAS of at least 1.2")
    more = chairman.say("and with 9k")
    assert more.command == "optimize_budget", more.reply.text
    said = more.model_dump()["slots"]
    assert (said["target"]["min"], said["budget"]["amount"]) == ("1.2", "9000")


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("optimize the budget of Acme at a ROAS of at least 3", {"metric": "roas", "target": ("3", None)}),
        ("optimize Acme and keep cost per customer under $80", {"metric": "cac", "target": (None, "80")}),
        (
            "optimize the budget of Acme with 70k and spend at least 5k on email",
            {"channel": "email", "channel_money": ("5000", None)},
        ),
        ("optimize Acme, no campaign may change by more than 20%", {"campaign_change": "0.2"}),
        ("optimize the Acme budget and change no line by more than 10%", {"line_change": "0.1"}),
        ("spread 30k over the next six weeks for Acme", {"period": "next 6 weeks"}),
    ],
)
def test_words_fill_the_slots(chairman: Speaker, text: str, slots: dict[str, Any]) -> None:
    reply = chairman.say(text)
    assert reply.command == "optimize_budget"
    said = reply.model_dump()["slots"]
    for name, value in slots.items():
        match value:
            case tuple():
                ends = tuple(said[name].get(end) for end in ("min", "max"))
                assert ends == value
            case _ if name == "period":
                assert said[name]["label"] == value
            case _ if name.endswith("change"):
                assert Decimal(said[name]) == Decimal(value)
            case _:
                assert said[name] == value
