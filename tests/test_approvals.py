"""Money moves only after the right person's yes to exactly that, and only once."""

import threading
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from assistant.bootstrap import Assistant
from assistant.commands.approvals import ApprovalList
from assistant.reply import Reply, Status
from intents.command import Role
from storage.audit import audit
from storage.campaigns import campaigns, channel_lines
from storage.changes import changes
from storage.proposals import proposals
from tests.conftest import NOW, Speaker, assistant_on, copied, run


def lines(assistant: Assistant, campaign: str = "Spring Launch") -> dict[str, Decimal]:
    query = (
        select(channel_lines.c.channel, channel_lines.c.allocated)
        .join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
        .where(campaigns.c.name == campaign)
    )
    with assistant.database.read() as connection:
        return dict(connection.execute(query).all())


def count(assistant: Assistant, table: Any) -> int:
    with assistant.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


MOVE = {"amount": "$1,000", "source": "display", "target": "email", "campaign": "Spring Launch"}


def test_the_chairman_is_read_back_what_will_happen_and_nothing_moves_before_his_yes(
    assistant: Assistant,
) -> None:
    before = lines(assistant)
    talk = Speaker(assistant)
    asked = run(talk, "reallocate_budget", **MOVE)
    assert asked.status is Status.CONFIRM
    assert "move $1,000.00 a month from display to email in Spring Launch" in asked.reply.text
    assert lines(assistant) == before
    done = talk.say("yes")
    assert (done.status, done.command) == (Status.DONE, "reallocate_budget")
    after = lines(assistant)
    assert after["display"] == before["display"] - 1000
    assert after["email"] == before["email"] + 1000
    assert sum(after.values()) == sum(before.values())
    with assistant.database.read() as connection:
        approval = connection.scalar(select(audit.c.approval).where(audit.c.id == done.audit_id))
    assert approval is not None
    assert approval["by"] == "chairman"
    assert approval["read_back_in"] == asked.turn_id


@pytest.mark.parametrize("word", ["no", "cancel", "show gtm performance for Acme"])
def test_anything_but_a_yes_leaves_everything_as_it_was(assistant: Assistant, word: str) -> None:
    before = lines(assistant)
    talk = Speaker(assistant)
    run(talk, "reallocate_budget", **MOVE)
    talk.say(word)
    talk.say("yes")
    assert lines(assistant) == before


def test_a_yes_counts_only_in_its_conversation(assistant: Assistant) -> None:
    before = lines(assistant)
    run(Speaker(assistant), "reallocate_budget", **MOVE)
    Speaker(assistant).say("yes")
    assert lines(assistant) == before


def test_a_yes_that_comes_too_late_does_nothing(small_portfolio: Path, tmp_path: Path, models: Path) -> None:
    moment = [NOW]
    assistant = assistant_on(
        copied(small_portfolio, tmp_path / "gtm.db"), tmp_path, models, lambda: moment[0]
    )
    before = lines(assistant)
    talk = Speaker(assistant)
    run(talk, "reallocate_budget", **MOVE)
    moment[0] += timedelta(minutes=11)
    talk.say("yes")
    assert lines(assistant) == before
    assistant.close()


def test_one_yes_said_twice_with_one_key_acts_once(assistant: Assistant) -> None:
    before = lines(assistant)
    talk = Speaker(assistant)
    run(talk, "reallocate_budget", **MOVE)
    first, again = talk.say("yes", key="yes-1"), talk.say("yes", key="yes-1")
    assert first.turn_id == again.turn_id
    talk.say("yes")
    assert lines(assistant)["display"] == before["display"] - 1000


def test_an_operators_request_waits_until_the_chairman_approves(assistant: Assistant) -> None:
    before = lines(assistant)
    asked = run(Speaker(assistant, Role.OPERATOR), "reallocate_budget", **MOVE)
    assert asked.status is Status.APPROVAL
    assert lines(assistant) == before
    chairman = Speaker(assistant)
    listed = run(chairman, "list_approvals")
    assert "asked by operator" in listed.reply.text
    done = run(chairman, "approve")
    assert done.status is Status.DONE
    assert lines(assistant)["display"] == before["display"] - 1000
    assert run(chairman, "list_approvals").reply.text == "Nothing waits for approval."
    back = run(chairman, "undo")
    assert back.status is Status.CONFIRM
    assert chairman.say("yes").status is Status.DONE
    assert lines(assistant) == before


def test_a_proposal_tells_what_it_is_expected_to_bring(assistant: Assistant) -> None:
    asked = run(Speaker(assistant, Role.OPERATOR), "optimize_budget", campaign="Spring Launch")
    assert asked.status is Status.APPROVAL
    listed = run(Speaker(assistant), "list_approvals")
    assert isinstance(listed.result, ApprovalList)
    expected = listed.result.proposals[0].expected
    assert expected is not None
    assert expected.low <= expected.contribution <= expected.high
    assert f"expected to bring {expected.told}" in listed.reply.text
    run(Speaker(assistant), "reject")
    run(Speaker(assistant, Role.OPERATOR), "set_budget", campaign="Spring Launch", amount="60k")
    simply = run(Speaker(assistant), "list_approvals").result
    assert isinstance(simply, ApprovalList)
    assert simply.proposals[0].expected is None


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.LEAD])
def test_only_the_chairman_approves(assistant: Assistant, role: Role) -> None:
    before = lines(assistant)
    run(Speaker(assistant, Role.OPERATOR), "reallocate_budget", **MOVE)
    refused = run(Speaker(assistant, role), "approve")
    assert refused.error is not None
    assert refused.error.code == "role_required"
    assert lines(assistant) == before


def test_a_viewer_may_not_even_ask(assistant: Assistant) -> None:
    refused = run(Speaker(assistant, Role.VIEWER), "reallocate_budget", **MOVE)
    assert refused.error is not None
    assert refused.error.code == "role_required"
    assert count(assistant, proposals) == 0


def test_a_rejected_proposal_changes_nothing_and_stays_rejected(assistant: Assistant) -> None:
    before = lines(assistant)
    run(Speaker(assistant, Role.OPERATOR), "reallocate_budget", **MOVE)
    chairman = Speaker(assistant)
    assert run(chairman, "reject", proposal=1, reason="too early").status is Status.DONE
    refused = run(chairman, "approve", proposal=1)
    assert refused.error is not None
    assert refused.error.code == "already_decided"
    assert lines(assistant) == before


def test_two_who_approve_at_once_act_once(assistant: Assistant) -> None:
    before = lines(assistant)
    run(Speaker(assistant, Role.OPERATOR), "reallocate_budget", **MOVE)
    start = threading.Barrier(6)
    replies: list[Reply] = []

    def press() -> None:
        talk = Speaker(assistant)
        start.wait()
        replies.append(run(talk, "approve", proposal=1))

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(reply.status is Status.DONE for reply in replies) == 1
    assert lines(assistant)["display"] == before["display"] - 1000
    assert count(assistant, changes) == 2


def test_a_frozen_action_whose_world_changed_fails_but_the_yes_stands(assistant: Assistant) -> None:
    run(Speaker(assistant, Role.OPERATOR), "reallocate_budget", **MOVE)
    chairman = Speaker(assistant)
    run(chairman, "set_budget", campaign="Spring Launch", channel="display", amount="5000")
    chairman.say("yes")
    before = lines(assistant)
    reply = run(chairman, "approve", proposal=1)
    assert reply.status is Status.FAILED
    assert reply.error is not None
    assert reply.error.code == "changed_since"
    assert lines(assistant) == before
    with assistant.database.read() as connection:
        row = connection.execute(select(proposals.c.decision, proposals.c.execution)).one()
    assert tuple(row) == ("approved", "failed")


def test_a_proposal_can_be_approved_with_another_amount(assistant: Assistant) -> None:
    before = lines(assistant)
    run(Speaker(assistant, Role.OPERATOR), "reallocate_budget", **MOVE)
    done = run(Speaker(assistant), "approve", proposal=1, amount="250")
    assert done.status is Status.DONE
    assert lines(assistant)["display"] == before["display"] - 250


def test_undo_after_somebody_elses_change_refuses(assistant: Assistant) -> None:
    talk = Speaker(assistant)
    run(talk, "reallocate_budget", **MOVE)
    talk.say("yes")
    with assistant.database.write() as connection:
        connection.execute(
            update(channel_lines).where(channel_lines.c.channel == "display").values(allocated=Decimal(7))
        )
    before = lines(assistant)
    run(talk, "undo")
    refused = talk.say("yes")
    assert refused.error is not None
    assert refused.error.code == "changed_since"
    assert lines(assistant) == before


def test_pausing_is_at_once_and_taking_it_back_needs_a_yes(assistant: Assistant) -> None:
    def state() -> str | None:
        with assistant.database.read() as connection:
            query = select(campaigns.c.status).where(campaigns.c.name == "Spring Launch")
            return connection.scalar(query)

    operator = Speaker(assistant, Role.OPERATOR)
    assert run(operator, "pause_campaign", campaign="Spring Launch").status is Status.DONE
    assert state() == "paused"
    back = run(operator, "undo")
    assert back.status is Status.APPROVAL
    assert state() == "paused"
    assert run(Speaker(assistant), "approve").status is Status.DONE
    assert state() == "active"
    assert run(operator, "undo").error is not None


def test_stop_spending_pauses_everything_active(assistant: Assistant) -> None:
    reply = run(Speaker(assistant, Role.OPERATOR), "stop_spending", venture="Acme")
    assert reply.status is Status.DONE
    with assistant.database.read() as connection:
        states = connection.execute(select(campaigns.c.venture_id, campaigns.c.status)).all()
        acme = assistant.bus.names.current(connection).id("venture", "Acme")
    assert "active" not in {status for venture, status in states if venture == acme}
    assert "active" in {status for venture, status in states if venture != acme}


@pytest.mark.parametrize(
    ("slots", "code"),
    [
        ({**MOVE, "amount": "-5"}, "not_positive"),
        ({**MOVE, "amount": "0"}, "not_positive"),
        ({**MOVE, "amount": "900 billion"}, "absurd_amount"),
        ({**MOVE, "amount": "€500"}, "currency_mismatch"),
        ({**MOVE, "amount": "$10.001"}, "too_precise"),
        ({**MOVE, "amount": "lots"}, "not_understood"),
        ({**MOVE, "amount": "400000"}, "too_little"),
        ({**MOVE, "source": "email"}, "same_line"),
        ({**MOVE, "source": "events"}, "no_such_line"),
        ({**MOVE, "source": "telegraph"}, "unknown_channel"),
        ({**MOVE, "source": "Spring Launch"}, "contradictory_slots"),
        ({**MOVE, "campaign": "Autumn Zzyzx"}, "unknown_campaign"),
        ({**MOVE, "venture": "Northwind"}, "contradictory_slots"),
    ],
)
def test_bad_amounts_and_places_move_nothing(assistant: Assistant, slots: dict[str, str], code: str) -> None:
    before = lines(assistant)
    talk = Speaker(assistant)
    refused = run(talk, "reallocate_budget", **slots)
    assert refused.error is not None, refused.reply.text
    assert refused.error.code == code
    talk.say("yes")
    assert lines(assistant) == before
