"""Optimizing where there is no history to fit curves on: what a few weeks say, by command."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import insert

from assistant.bootstrap import Assistant
from assistant.reply import Status
from engines.learning import learn_all
from engines.response import Day, Fit, Refusal
from storage.campaigns import campaigns_of
from storage.performance import daily_performance
from tests.conftest import AS_OF, Speaker, run

UNTIL = AS_OF - timedelta(days=1)
CHANNELS = {"email": 5.0, "paid_search": 3.0, "display": 0.6, "affiliate": 2.0}


def days(weeks: int, spend: float, returns: float, seed: int = 0) -> list[Day]:
    """Whole weeks up to `UNTIL`, the returns falling as spend grows beyond the usual."""
    rng = np.random.default_rng(seed)
    found = []
    for ago in range(7 * weeks - 1, -1, -1):
        spent = spend * (1 + 0.3 * np.sin(ago // 7 * 2.0))
        brought = returns * spend * 2 * spent / (spent + spend) * rng.normal(1, 0.2)
        found.append(
            Day(UNTIL - timedelta(days=ago), Decimal(f"{spent:.2f}"), Decimal(f"{max(brought, 0):.2f}"))
        )
    return found


def young_campaign(assistant: Assistant, talk: Speaker, weeks: int) -> str:
    """A campaign of four channels with even money and a few weeks behind it."""
    run(talk, "create_campaign", name="Young Thing", venture="Acme", channels=list(CHANNELS))
    run(talk, "set_budget", campaign="Young Thing", amount="12000")
    assert talk.say("yes").status is Status.DONE
    with assistant.database.write() as connection:
        campaign = next(one for one in campaigns_of(connection) if one.name == "Young Thing")
        for line in campaign.lines:
            rows = [
                {
                    "line_id": line.id,
                    "day": one.day,
                    "revenue": one.outcome,
                    "spend": one.spend,
                    **dict.fromkeys(("reach", "impressions", "clicks", "leads", "conversions"), 0),
                }
                for one in days(weeks, 100.0, CHANNELS[line.channel], seed=line.id)
            ]
            if rows:
                connection.execute(insert(daily_performance), rows)
    return campaign.name


def test_a_few_weeks_are_enough_to_move_money_by(assistant: Assistant, chairman: Speaker) -> None:
    name = young_campaign(assistant, chairman, weeks=4)
    reply = run(chairman, "optimize_budget", campaign=name)
    assert reply.status is Status.CONFIRM, reply.reply.text
    report = reply.model_dump()["result"]
    lines = {line["channel"]: line for line in report["lines"]}
    assert sum(line["after"] for line in lines.values()) == report["total_before"]
    assert lines["display"]["after"] < lines["display"]["before"]
    assert all(abs(one["after"] - one["before"]) <= Decimal("0.3") * one["before"] for one in lines.values())
    assert "learned week by week" in reply.reply.text
    assert any("learned week by week" in one.formula for one in reply.reply.evidence)
    assert report["gain"]["low"] < report["gain"]["value"] < report["gain"]["high"]
    moved = chairman.say("yes")
    assert moved.status is Status.DONE, moved.reply.text
    with assistant.database.read() as connection:
        now = next(one for one in campaigns_of(connection) if one.name == name)
    assert {line.channel: line.allocated for line in now.lines} == {
        channel: line["after"] for channel, line in lines.items()
    }


def test_without_a_single_week_it_is_refused_with_what_helps(assistant: Assistant, chairman: Speaker) -> None:
    name = young_campaign(assistant, chairman, weeks=0)
    reply = run(chairman, "optimize_budget", campaign=name)
    assert reply.status is Status.REFUSED
    assert reply.error is not None
    assert reply.error.code == "too_little_history"
    assert "let it run for a week" in (reply.error.cure or "").lower()


def test_bands_narrow_as_weeks_pass_and_a_line_not_tried_is_known_least() -> None:
    def doubt(weeks: int) -> list[float]:
        histories = {1: days(weeks, 100, 4.0), 2: days(weeks, 100, 2.0, seed=1), 3: []}
        found = learn_all(histories, UNTIL)
        bands = [fit.expected(3000) for fit in found.values() if isinstance(fit, Fit)]
        return [(band.high - band.low) / band.value for band in bands]

    early, late = doubt(2), doubt(12)
    assert late[0] < early[0]
    assert late[1] < early[1]
    assert late[2] > 2 * max(late[:2])


@pytest.mark.parametrize("histories", [{1: [], 2: []}, {1: days(3, 100, 0.0), 2: days(3, 50, 0.0)}])
def test_nothing_is_learned_from_nothing(histories: dict[int, list[Day]]) -> None:
    found = learn_all(histories, UNTIL)
    assert all(isinstance(one, Refusal) and one.code == "no_outcome" for one in found.values())


def test_the_same_weeks_say_the_same() -> None:
    histories = {1: days(5, 100, 3.0), 2: days(5, 80, 2.0)}
    first, again = (learn_all(histories, UNTIL, seed=4)[1] for _ in range(2))
    assert isinstance(first, Fit)
    assert isinstance(again, Fit)
    assert first.curve == again.curve
    assert first.weeks == 5
