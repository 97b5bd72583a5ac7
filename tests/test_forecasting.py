"""The forecast command: what it says agrees with itself, and with what is known of the days before."""

from datetime import date
from typing import Any

import pytest

from assistant.bootstrap import Assistant
from assistant.commands.forecasting import ForecastReport, Goal
from assistant.commands.performance import MetricReport
from assistant.reply import Status
from tests.conftest import Speaker, run


def asked(assistant: Assistant, **slots: Any) -> ForecastReport:
    reply = run(Speaker(assistant), "forecast", **slots)
    assert reply.status is Status.DONE, reply
    assert isinstance(reply.result, ForecastReport)
    return reply.result


def goal(assistant: Assistant, target: str) -> Goal:
    found = asked(assistant, target=target).goal
    assert found is not None
    return found


def test_a_month_is_what_has_come_in_and_what_is_to_come(assistant: Assistant) -> None:
    whole = asked(assistant, metric="revenue", venture="Acme", horizon="this month")
    rest = asked(assistant, metric="revenue", venture="Acme", horizon="2026-03-15 to 2026-03-31")
    slots = {"metric": "revenue", "venture": "Acme", "period": "this month"}
    known = run(Speaker(assistant), "show_metric", **slots).result
    assert isinstance(known, MetricReport)
    assert whole.known_until == rest.known_until
    assert whole.so_far == known.figure.value
    assert whole.total.value - whole.so_far == rest.total.value
    assert whole.so_far <= whole.total.low < whole.total.value < whole.total.high


def test_a_higher_goal_is_reached_later(assistant: Assistant) -> None:
    so_far = goal(assistant, "90000000 dollars").so_far
    found = [goal(assistant, f"{so_far + more:.2f} dollars") for more in (100, 20_000, 200_000)]
    days = [one.reached or date.max for one in found]
    assert days == sorted(days)
    assert days[0] < date.max
    chances = [one.chance for one in found]
    assert chances == sorted(chances, reverse=True)
    assert all(
        one.early <= one.reached <= one.late for one in found if one.early and one.reached and one.late
    )


@pytest.mark.parametrize(
    ("said", "months"),
    [("forecast revenue for April", (4, 4)), ("what will revenue be from April to May", (4, 5))],
)
def test_a_month_to_come_is_meant_although_a_past_one_has_its_name(
    assistant: Assistant, said: str, months: tuple[int, int]
) -> None:
    reply = Speaker(assistant).say(said)
    assert isinstance(reply.result, ForecastReport), reply.reply.text
    period = reply.result.period
    assert (period.start.month, period.end.month) == months
    assert period.start > reply.result.known_until


@pytest.mark.parametrize(
    ("slots", "code"),
    [
        ({"metric": "roas"}, "not_forecast"),
        ({"metric": "revenue", "horizon": "last month"}, "period_over"),
        ({"metric": "revenue", "horizon": "2031"}, "too_far"),
        ({"target": "1"}, "already_reached"),
    ],
)
def test_what_cannot_be_forecast_says_what_can(
    assistant: Assistant, slots: dict[str, Any], code: str
) -> None:
    reply = run(Speaker(assistant), "forecast", **slots)
    assert reply.status is Status.REFUSED
    assert reply.error is not None
    assert reply.error.code == code
    assert reply.error.cure
