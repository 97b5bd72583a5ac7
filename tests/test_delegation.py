"""While the chairman is away, whom he named decides: within what he said, and nothing of their own."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from assistant.bootstrap import Assistant
from assistant.doubting import Heard
from assistant.reply import Reply, Status
from assistant.turn import Turn
from intents.command import Role
from storage import people
from storage.campaigns import campaigns, channel_lines
from storage.ventures import exchange_rates
from tests.conftest import NOW, Speaker, assistant_on, copied, run

MOVE = {"amount": "$1,000", "source": "display", "target": "email", "campaign": "Spring Launch"}


def display(assistant: Assistant) -> Decimal:
    """What the display line of Spring Launch has."""
    query = (
        select(channel_lines.c.allocated)
        .join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
        .where(campaigns.c.name == "Spring Launch", channel_lines.c.channel == "display")
    )
    with assistant.database.read() as connection:
        return Decimal(connection.execute(query).scalar_one())


def delegate(assistant: Assistant, **slots: Any) -> Reply:
    """The chairman names the lead, and says yes."""
    talk = Speaker(assistant)
    asked = run(talk, "delegate_approvals", **{"person": "lead", "until": "tomorrow", **slots})
    assert asked.status is Status.CONFIRM, asked.reply.text
    return talk.say("yes")


def ask(assistant: Assistant, role: Role = Role.OPERATOR, **slots: Any) -> Reply:
    """Somebody asks for a move of money."""
    asked = run(Speaker(assistant, role), "reallocate_budget", **{**MOVE, **slots})
    assert asked.status is Status.APPROVAL
    return asked


def test_whom_the_chairman_named_says_yes_in_his_place(assistant: Assistant) -> None:
    before = display(assistant)
    done = delegate(assistant)
    assert "lead may approve and reject proposals in your place until" in done.reply.text
    ask(assistant)
    listed = run(Speaker(assistant, Role.LEAD), "list_approvals")
    assert "lead may decide proposals until" in listed.reply.text
    assert listed.reply.table is not None
    assert listed.reply.table.rows[0][-1] == "chairman or lead"
    assert run(Speaker(assistant, Role.LEAD), "approve").status is Status.DONE
    assert display(assistant) == before - 1000


def test_he_names_nobody_before_his_yes_and_nobody_else_can(assistant: Assistant) -> None:
    asked = run(Speaker(assistant), "delegate_approvals", person="lead", until="tomorrow")
    assert asked.status is Status.CONFIRM
    assert "Shall I let lead approve and reject proposals in your place until" in asked.reply.text
    ask(assistant)
    assert _refused(run(Speaker(assistant, Role.LEAD), "approve")) == "role_required"
    for role in (Role.VIEWER, Role.OPERATOR, Role.LEAD):
        for command in ("delegate_approvals", "end_delegation"):
            slots = {"person": "lead", "until": "tomorrow"} if command == "delegate_approvals" else {}
            assert _refused(run(Speaker(assistant, role), command, **slots)) == "role_required"


def test_nobody_approves_what_they_asked_for_themselves(assistant: Assistant) -> None:
    delegate(assistant)
    ask(assistant, Role.LEAD)
    talk = Speaker(assistant, Role.LEAD)
    assert _refused(run(talk, "approve")) == "not_delegated"
    assert run(Speaker(assistant), "list_approvals").reply.text.count("chairman or lead") == 0
    assert run(talk, "reject").status is Status.DONE


@pytest.mark.parametrize(
    ("most", "asked", "code"),
    [("$1,000", "$1,000", None), ("$999.99", "$1,000", "not_delegated"), ("$5,000", "$1,000", None)],
)
def test_amounts_beyond_what_he_said_wait_for_him(
    assistant: Assistant, most: str, asked: str, code: str | None
) -> None:
    delegate(assistant, amount=most)
    ask(assistant, amount=asked)
    answer = run(Speaker(assistant, Role.LEAD), "approve")
    assert _refused(answer) == code
    if code:
        assert "above the $999.99 you may approve" in answer.reply.text


def test_another_amount_is_held_against_the_limit_too(assistant: Assistant) -> None:
    delegate(assistant, amount="$1,500")
    ask(assistant)
    answer = run(Speaker(assistant, Role.LEAD), "approve", amount="$2,000")
    assert _refused(answer) == "not_delegated"
    assert run(Speaker(assistant, Role.LEAD), "approve", amount="$1,200").status is Status.DONE


def test_a_limit_in_another_currency_is_converted(assistant: Assistant) -> None:
    with assistant.database.write() as connection:
        connection.execute(exchange_rates.delete().where(exchange_rates.c.quote == "EUR"))
    delegate(assistant, amount="EUR 950")
    ask(assistant)
    assert "there is no rate" in run(Speaker(assistant, Role.LEAD), "approve").reply.text
    rate = {"day": NOW.date(), "base": "USD", "quote": "EUR"}
    with assistant.database.write() as connection:
        connection.execute(exchange_rates.insert().values(**rate, rate=Decimal("0.96")))
    assert _refused(run(Speaker(assistant, Role.LEAD), "approve")) == "not_delegated"
    with assistant.database.write() as connection:
        connection.execute(exchange_rates.update().values(rate=Decimal("0.94")))
    assert run(Speaker(assistant, Role.LEAD), "approve").status is Status.DONE


def test_one_venture_alone_can_be_given(assistant: Assistant) -> None:
    delegate(assistant, venture="Northwind")
    ask(assistant)
    assert _refused(run(Speaker(assistant, Role.LEAD), "approve")) == "not_delegated"
    assert _refused(run(Speaker(assistant, Role.LEAD), "reject")) == "not_delegated"
    delegate(assistant, venture="Acme")
    assert run(Speaker(assistant, Role.LEAD), "approve").status is Status.DONE


def test_it_ends_by_itself_and_when_he_takes_it_back(
    small_portfolio: Path, tmp_path: Path, models: Path
) -> None:
    moment = [NOW]
    assistant = assistant_on(
        copied(small_portfolio, tmp_path / "gtm.db"), tmp_path, models, lambda: moment[0]
    )
    delegate(assistant, until=None, count=2, span="day")
    ask(assistant)
    moment[0] += timedelta(days=2, seconds=1)
    assert _refused(run(Speaker(assistant, Role.LEAD), "approve")) == "role_required"
    delegate(assistant)
    talk = Speaker(assistant)
    ended = run(talk, "end_delegation")
    assert ended.reply.text == "lead no longer decides in your place."
    assert _refused(run(Speaker(assistant, Role.LEAD), "approve")) == "role_required"
    assert talk.say("undo that").status is Status.DONE
    assert run(Speaker(assistant, Role.LEAD), "approve").status is Status.DONE
    assistant.close()


def test_what_is_read_back_to_a_deputy_is_held_against_the_present(assistant: Assistant) -> None:
    before = display(assistant)
    delegate(assistant)
    ask(assistant)
    with assistant.database.read() as connection:
        lead = people.person_named(connection, "lead")
    assert lead is not None
    heard = Turn(lead, "voice", "approve", conversation_id="spoken", heard=Heard(engine="x", confidence=1.0))
    assert assistant.dialogue.run("approve", {}, heard).status is Status.CONFIRM
    run(Speaker(assistant), "end_delegation")
    late = assistant.dialogue.turn(Turn(lead, "voice", "yes", conversation_id="spoken"))
    assert late.status is Status.REFUSED
    assert display(assistant) == before


def test_a_new_word_takes_the_place_of_the_one_before(assistant: Assistant) -> None:
    delegate(assistant, amount="$5,000")
    delegate(assistant, amount="$100")
    ask(assistant)
    assert _refused(run(Speaker(assistant, Role.LEAD), "approve")) == "not_delegated"


@pytest.mark.parametrize(
    ("slots", "code"),
    [
        ({"person": "chairman"}, "chairman_already"),
        ({"person": "lead", "amount": "$0"}, "not_positive"),
        ({"person": "lead", "until": None, "count": 500, "span": "day"}, "too_long"),
        ({"person": "nobody at all"}, "unknown_person"),
    ],
)
def test_what_makes_no_sense_is_refused(assistant: Assistant, slots: dict[str, Any], code: str) -> None:
    answer = run(Speaker(assistant), "delegate_approvals", **{"until": "tomorrow", **slots})
    assert _refused(answer) == code


def test_without_an_end_he_is_asked_for_one(assistant: Assistant) -> None:
    answer = run(Speaker(assistant), "delegate_approvals", person="lead")
    assert answer.error is not None
    assert (answer.error.code, answer.error.slot) == ("missing", "until")


def _refused(reply: Reply) -> str | None:
    return None if reply.error is None else reply.error.code
