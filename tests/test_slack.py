"""In Slack: talking, pressing, who may, and that everything happens once. Against a Slack on loopback."""

import json
import re
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from sqlalchemy import func, select, update
from typer.testing import CliRunner

from assistant.alerting import raise_alert
from assistant.channels.cli import cli
from assistant.channels.slack.incoming import incoming
from assistant.channels.slack_cli import manifest
from assistant.reply import Status
from intents.command import Role
from storage import alerts, people, slack
from storage.people import users
from storage.proposals import proposals
from tests.conftest import NOW, Speaker, run
from tests.loopback_slack import CHANNEL, SECRET, as_form, buttons, read, signed
from tests.slack_world import DIRECT, SLACK_IDS, STRANGER, SlackWorld, wait_for

MOVE = "move 1,000 from display to email in Spring Launch"


def test_a_direct_message_is_answered_where_it_was_said(world: SlackWorld) -> None:
    world.say("show gtm performance for Acme", Role.VIEWER)
    _, message = world.last()
    assert "Acme" in read(message)
    assert message.get("thread_ts") is None
    world.say("and last month?", Role.VIEWER)
    assert "Acme" in read(world.last()[1])
    assert world.turns("show_performance") == ["done", "done"]
    picture = world.there.shared[0]
    assert picture["channel_id"] == DIRECT
    assert world.there.files[picture["files"][0]["id"]].startswith(b"\x89PNG")


def test_a_mention_begins_a_thread_which_is_a_conversation_of_each_person(world: SlackWorld) -> None:
    world.say("<@U0BOT> show gtm performance for Acme", channel="C0TALK", ts="1000000001.000001")
    _, message = world.last("C0TALK")
    assert message["thread_ts"] == "1000000001.000001"
    world.say("<@U0BOT> and the weather?", Role.LEAD, "C0TALK")
    assert "thread_ts" not in world.there.whispers[-1], "a thread that only begins shows nothing to one alone"
    thread: dict[str, Any] = {"channel": "C0TALK", "thread_ts": "1000000001.000001"}
    world.say("<@U0BOT> and last month?", **thread)
    assert "Acme" in read(world.last("C0TALK")[1])
    world.say("<@U0BOT> and last month?", Role.OPERATOR, **thread)
    assert world.turns("show_performance") == ["done", "done"]
    whisper = world.there.whispers[-1]
    assert (whisper["user"], whisper["thread_ts"]) == (SLACK_IDS[Role.OPERATOR], "1000000001.000001")


def test_the_slash_command_answers_whoever_typed_it_alone(world: SlackWorld) -> None:
    assert "Acme" in world.slash("show gtm performance for Acme", SLACK_IDS[Role.VIEWER])
    assert "Acme" in world.slash("and last month?", SLACK_IDS[Role.VIEWER])
    assert "show gtm performance" in world.slash("", SLACK_IDS[Role.VIEWER])
    assert world.slash("what is the payload", SLACK_IDS[Role.VIEWER])
    assert {one["response_type"] for one in world.there.responses} == {"ephemeral"}
    assert world.there.messages == {}


def test_a_chart_of_a_slash_commands_answer_is_in_ones_own_messages(world: SlackWorld) -> None:
    user = SLACK_IDS[Role.VIEWER]
    asked = "brief me on Acme"
    told = world.slash(asked, user)
    assert "our direct messages" in told
    (shared,) = world.there.shared
    assert shared["channel_id"] == f"D{user}"
    assert "thread_ts" not in shared
    (picture,) = world.there.files.values()
    assert picture.startswith(b"\x89PNG") or b"PNG" in picture[:400]
    assert world.there.messages == {}
    # Where Slack does not take it, the answer says where else it is.
    world.there.refuse.append(
        ("files.getUploadURLExternal", {"ok": False, "error": "invalid_arguments"}, 200, {})
    )
    world.slash(asked, user)
    assert len(world.there.shared) == 1
    assert "|the desk>" in read(world.there.responses[-1])


def test_somebody_unknown_learns_how_to_be_known_and_nothing_else(world: SlackWorld) -> None:
    world.send_all(
        world.write("show gtm performance for Acme", STRANGER),
        world.write("<@U0BOT> what is the CAC of Acme", STRANGER, "C0TALK"),
    )
    assert world.slash("list approvals", STRANGER).count("/gtm link CODE") == 1
    assert len(world.there.whispers) == 2
    for whisper in world.there.whispers:
        assert whisper["user"] == STRANGER
        assert f"gtm slack link {STRANGER} NAME" in read(whisper)
    assert world.there.messages == {}
    assert world.turns("show_performance") == []


def test_a_code_links_whoever_sends_it_once(world: SlackWorld) -> None:
    def code() -> str:
        with world.assistant.database.write() as connection:
            person = people.person_named(connection, "operator")
            assert person is not None
            return people.issue_token(
                connection, person.id, people.SLACK, "Slack", NOW, timedelta(minutes=10)
            )

    first = code()
    assert "unknown" in world.slash("link gtm_wrong", STRANGER)
    assert "you are operator" in world.slash(f"link {first}", STRANGER)
    assert "unknown" in world.slash(f"link {first}", "U0OTHER")
    assert "Acme" in world.slash("show gtm performance for Acme", STRANGER)
    api = world.server.token()
    assert "unknown" in world.slash(f"link {api}", "U0OTHER")
    kept = world.count(slack.slack_events.c.body.is_not(None))
    assert kept == 0, "what Slack sent, codes among it, is not kept"


NOT_SLACK: list[dict[str, Any]] = [
    {"at": -310},
    {"at": 310},
    {"secret": "another"},
    {"X-Slack-Signature": "v0=0"},
    {"X-Slack-Signature": "v0=\u00e9"},
    {"X-Slack-Signature": ""},
    {"X-Slack-Request-Timestamp": "soon"},
    {"X-Slack-Request-Timestamp": ""},
    {"body": b" "},
    {"body": b"\xff"},
]


def test_only_slack_is_listened_to(world: SlackWorld) -> None:
    def knock(change: dict[str, Any]) -> int:
        body = world.write("create a venture called Zephyr", SLACK_IDS[Role.CHAIRMAN])
        at, secret = time.time() + change.pop("at", 0), change.pop("secret", SECRET)
        headers = {"Content-Type": "application/json", **signed(body, at, secret)}
        more = change.pop("body", b"")
        given = {name: value.encode() for name, value in (headers | change).items()}
        return world.http.post(
            f"{world.server.url}/slack/events", content=body + more, headers=given
        ).status_code

    assert [knock(dict(change)) for change in NOT_SLACK] == [401] * len(NOT_SLACK)
    world.settled()
    assert world.turns("create_venture") == []
    assert knock({"at": -290}) == 200
    world.settled()
    assert world.turns("create_venture") == ["done"]


def test_slack_may_ask_whether_the_address_is_ours(world: SlackWorld) -> None:
    answer = world.send(json.dumps({"type": "url_verification", "challenge": "abc", "token": "old"}).encode())
    assert answer.json() == {"challenge": "abc"}
    unsigned = world.http.post(f"{world.server.url}/slack/events", json={"type": "url_verification"})
    assert unsigned.status_code == 401


def test_only_whoever_was_asked_can_say_yes_and_once(world: SlackWorld) -> None:
    world.say(f"<@U0BOT> {MOVE}", channel="C0TALK")
    ts, asked = world.last("C0TALK")
    yes = buttons(asked)["Yes"]
    world.press(yes, Role.OPERATOR, channel="C0TALK", ts=ts)
    assert "only they can answer" in read(world.there.whispers[-1])
    assert world.turns("reallocate_budget") == ["confirm"]
    world.press(yes, Role.CHAIRMAN, channel="C0TALK", ts=ts)
    assert world.turns("reallocate_budget") == ["confirm", "done"]
    shown = world.there.messages["C0TALK", ts]
    assert buttons(shown) == {}
    assert f"“Yes”, said <@{SLACK_IDS[Role.CHAIRMAN]}>" in read(shown)
    assert "Moved $1,000.00" in read(world.last("C0TALK")[1])
    world.press(yes, Role.CHAIRMAN, channel="C0TALK", ts=ts)
    assert "earlier answer" in read(world.there.whispers[-1])
    assert world.turns("reallocate_budget") == ["confirm", "done"]


def test_a_yes_is_to_the_question_it_stands_under(world: SlackWorld) -> None:
    world.say(MOVE)
    first, asked = world.last()
    world.say(MOVE.replace("1,000", "2,000"))
    second, latest = world.last()
    world.press(buttons(asked)["Yes"], Role.CHAIRMAN, channel=DIRECT, ts=first)
    assert "earlier answer" in read(world.there.whispers[-1])
    world.press(buttons(latest)["No"], Role.CHAIRMAN, channel=DIRECT, ts=second)
    assert world.turns("reallocate_budget") == ["confirm", "confirm"]
    assert "nothing was changed" in read(world.last()[1]).casefold()


def test_choices_are_buttons_and_an_undo_is_of_the_last_deed(world: SlackWorld) -> None:
    world.say("create a venture called Yonder")
    ts, done = world.last()
    world.say("show gtm performance for Yonder")
    world.press(buttons(done)["Undo"], Role.CHAIRMAN, channel=DIRECT, ts=ts)
    assert "earlier answer" in read(world.there.whispers[-1])
    world.say("show campaign")
    ts, question = world.last()
    choice = next(iter(buttons(question)))
    world.press(buttons(question)[choice], Role.CHAIRMAN, channel=DIRECT, ts=ts)
    assert choice in read(world.last()[1])


def test_the_slash_command_asks_for_a_yes_of_its_own(world: SlackWorld) -> None:
    world.slash(MOVE, SLACK_IDS[Role.CHAIRMAN])
    asked = world.there.responses[-1]
    yes = buttons(asked)["Yes"]
    world.interact(world.pressed(yes, SLACK_IDS[Role.CHAIRMAN], channel="C0ANY", ts="1.1", alone=True))
    assert world.turns("reallocate_budget") == ["confirm", "done"]
    replaced, answer = world.there.responses[-2:]
    assert replaced["replace_original"] is True
    assert "Moved $1,000.00" in read(answer)
    assert world.there.texts("C0ANY") == []


def waiting(world: SlackWorld) -> tuple[int, str, dict[str, Any]]:
    """A proposal of the operator's: its number, and its message in the channel of notices."""
    assert Speaker(world.assistant, Role.OPERATOR).say(MOVE).status is Status.APPROVAL
    world.told()
    ts, message = world.last(CHANNEL)
    with world.assistant.database.read() as connection:
        number = connection.scalar(select(func.max(proposals.c.id)))
    assert number is not None
    return number, ts, message


def decision(world: SlackWorld, number: int) -> tuple[str | None, str | None, str | None]:
    with world.assistant.database.read() as connection:
        query = select(proposals.c.decision, proposals.c.decision_reason, users.c.name)
        found = connection.execute(
            query.outerjoin(users, users.c.id == proposals.c.decided_by).where(proposals.c.id == number)
        ).one()
    return found[0], found[1], found[2]


def test_the_chairman_approves_in_slack_and_the_message_says_so(world: SlackWorld) -> None:
    number, ts, message = waiting(world)
    told = read(message)
    assert "Asked by operator" in told
    assert "chairman to decide" in told
    assert "• " in told
    approve = buttons(message)["Approve"]
    for role in (Role.VIEWER, Role.OPERATOR, Role.LEAD):
        world.press(approve, role, channel=CHANNEL, ts=ts)
        assert "needs the role chairman" in read(world.there.whispers[-1])
        assert world.there.whispers[-1]["user"] == SLACK_IDS[role]
    assert decision(world, number)[0] is None
    world.press(approve, Role.CHAIRMAN, channel=CHANNEL, ts=ts)
    world.told()
    assert decision(world, number) == ("approved", None, "chairman")
    shown = world.there.messages[CHANNEL, ts]
    assert buttons(shown) == {}
    assert f"Approved by <@{SLACK_IDS[Role.CHAIRMAN]}>" in read(shown)
    world.press(approve, Role.CHAIRMAN, channel=CHANNEL, ts=ts)
    assert "approved already" in read(world.there.whispers[-1])
    assert len(world.there.texts(CHANNEL)) == 1


def test_a_rejection_takes_its_reason_from_a_form(world: SlackWorld) -> None:
    number, ts, message = waiting(world)
    reject = buttons(message)["Reject…"]
    world.press(reject, Role.OPERATOR, channel=CHANNEL, ts=ts)
    assert world.there.views == []
    assert "needs the role chairman" in read(world.there.whispers[-1])
    world.press(reject, Role.CHAIRMAN, channel=CHANNEL, ts=ts)
    view = world.there.views[-1]
    world.told()
    assert decision(world, number)[0] is None
    assert buttons(world.there.messages[CHANNEL, ts]), "looking at the form decides nothing"
    world.interact(world.submitted(view, SLACK_IDS[Role.OPERATOR], "no"))
    assert decision(world, number)[0] is None
    world.interact(world.submitted(view, SLACK_IDS[Role.CHAIRMAN], "the margin is too thin"))
    world.told()
    assert decision(world, number) == ("rejected", "the margin is too thin", "chairman")
    assert f"Rejected by <@{SLACK_IDS[Role.CHAIRMAN]}>" in read(world.there.messages[CHANNEL, ts])


def test_a_form_slack_no_longer_opens_is_told(world: SlackWorld) -> None:
    number, ts, message = waiting(world)
    refused = {"ok": False, "error": "expired_trigger_id"}
    world.there.refuse.append(("views.open", refused, 200, {}))
    world.press(buttons(message)["Reject…"], Role.CHAIRMAN, channel=CHANNEL, ts=ts)
    assert f"reject proposal {number}" in read(world.there.whispers[-1])


def test_what_is_decided_elsewhere_shows_in_slack(world: SlackWorld) -> None:
    number, ts, _ = waiting(world)
    talk = Speaker(world.assistant)
    assert talk.say(f"reject proposal {number} because the margin is too thin").status is Status.DONE
    world.told()
    shown = world.there.messages[CHANNEL, ts]
    assert "Rejected by" in read(shown)
    assert buttons(shown) == {}


def alerted(world: SlackWorld, told: str) -> int:
    """An alert that is told."""
    with world.assistant.database.write() as connection:
        raise_alert(connection, world.assistant.settings, f"test:{told}", alerts.SPEND_LIMIT, told, NOW)
    world.told()
    with world.assistant.database.read() as connection:
        return alerts.latest(connection, NOW)[0].id


def test_alerts_are_seen_and_put_off_in_slack(world: SlackWorld) -> None:
    first = alerted(world, "Acme spent <!channel> its limit & more")
    ts, message = world.last(CHANNEL)
    assert "&lt;!channel&gt; its limit &amp; more" in read(message)
    world.press(buttons(message)["Acknowledge"], Role.VIEWER, channel=CHANNEL, ts=ts)
    assert "needs the role operator" in read(world.there.whispers[-1])
    world.press(buttons(message)["Acknowledge"], Role.OPERATOR, channel=CHANNEL, ts=ts)
    world.told()
    assert f"Acknowledged by <@{SLACK_IDS[Role.OPERATOR]}>" in read(world.there.messages[CHANNEL, ts])
    second = alerted(world, "Northwind spent its limit")
    ts, message = world.last(CHANNEL)
    world.press(buttons(message)["Snooze a day"], Role.OPERATOR, channel=CHANNEL, ts=ts)
    world.told()
    assert f"Snoozed by <@{SLACK_IDS[Role.OPERATOR]}>" in read(world.there.messages[CHANNEL, ts])
    with world.assistant.database.read() as connection:
        seen, later = alerts.alert(connection, first), alerts.alert(connection, second)
    assert seen is not None
    assert seen.acknowledged_at == NOW
    assert later is not None
    assert later.snoozed_until == NOW + timedelta(days=1)


def test_an_alert_that_is_answered_elsewhere_shows_in_slack(world: SlackWorld) -> None:
    number = alerted(world, "Acme spent its limit")
    ts, _ = world.last(CHANNEL)
    lead = Speaker(world.assistant, Role.LEAD)

    def shown() -> tuple[str, list[str]]:
        world.told()
        message = world.there.messages[CHANNEL, ts]
        return read(message), sorted(buttons(message))

    assert lead.say(f"snooze alert {number} until tomorrow").status is Status.DONE
    text, left = shown()
    assert f"Snoozed by <@{SLACK_IDS[Role.LEAD]}>" in text
    assert left == []
    # What is taken back is open again, and can be answered where it stands.
    assert lead.say("undo that").status is Status.DONE
    text, left = shown()
    assert "Snoozed" not in text
    assert f"Open again, said <@{SLACK_IDS[Role.LEAD]}>" in text
    assert left == ["Acknowledge", "Snooze a day"]
    assert run(lead, "acknowledge_alert", alert=number).status is Status.DONE
    text, left = shown()
    assert f"Acknowledged by <@{SLACK_IDS[Role.LEAD]}>" in text
    assert left == []
    # Said again, nothing more is sent.
    before = len(world.there.calls)
    assert lead.say(f"acknowledge alert {number}").error is not None
    world.told()
    assert len(world.there.calls) == before


def opened(world: SlackWorld, user: str) -> dict[str, Any]:
    """The home page as somebody sees it who opens it."""
    world.send_all(world.event({"type": "app_home_opened", "user": user, "tab": "home", "channel": DIRECT}))
    return world.there.homes[user]


def test_the_home_page_shows_what_waits_and_its_buttons_work(world: SlackWorld) -> None:
    number, ts, _ = waiting(world)
    alerted(world, "Acme spent its limit")
    assert "gtm slack link" in read(opened(world, STRANGER))
    viewer = opened(world, SLACK_IDS[Role.VIEWER])
    assert "Spring Launch" in read(viewer)
    assert "Asked by operator; " in read(viewer)
    assert "chairman decides until" in read(viewer)
    assert buttons(viewer) == {}
    assert set(buttons(opened(world, SLACK_IDS[Role.OPERATOR]))) == {"Acknowledge", "Snooze a day"}
    mine = SLACK_IDS[Role.CHAIRMAN]
    home = opened(world, mine)
    assert set(buttons(home)) == {"Approve", "Reject…", "Acknowledge", "Snooze a day"}
    world.interact(world.pressed_at_home(buttons(home)["Acknowledge"], mine))
    assert "Nothing is open." in read(world.there.homes[mine])
    operator = SLACK_IDS[Role.OPERATOR]
    world.interact(world.pressed_at_home(buttons(home)["Approve"], operator))
    assert "needs the role chairman" in read(world.there.homes[operator])
    world.interact(world.pressed_at_home(buttons(home)["Approve"], mine))
    assert decision(world, number)[0] == "approved"
    assert "Nothing waits." in read(world.there.homes[mine])
    world.told()
    assert "Approved by" in read(world.there.messages[CHANNEL, ts])


def test_a_home_page_that_was_opened_follows_what_happens(world: SlackWorld) -> None:
    mine, operators = SLACK_IDS[Role.CHAIRMAN], SLACK_IDS[Role.OPERATOR]
    assert "Nothing is open." in read(opened(world, mine))
    number = alerted(world, "Acme spent its limit")
    wait_for(lambda: "Acme spent its limit" in read(world.there.homes[mine]))
    assert set(buttons(world.there.homes[mine])) == {"Acknowledge", "Snooze a day"}
    # Who has not opened it is not shown it; whoever opens it sees what is so.
    assert operators not in world.there.homes
    assert f"*{number}*" in read(opened(world, operators))


def test_whatever_is_delivered_four_times_acts_once(world: SlackWorld) -> None:
    mine = SLACK_IDS[Role.CHAIRMAN]
    events = [world.write(f"create a venture called Nova {n}", mine) for n in range(3)]
    for body in (*events, *reversed(events), *events, *events):
        assert world.send(body, **{"X-Slack-Retry-Num": "1"}).status_code == 200
    world.settled()
    assert world.turns("create_venture") == ["done"] * 3
    assert len(world.there.texts(DIRECT)) == 3
    typed = world.command("create a venture called Nova 9", mine)
    for _ in range(4):
        world.send_form(typed)
    assert world.turns("create_venture") == ["done"] * 4
    assert len(world.there.responses) == 1
    world.say(MOVE)
    ts, asked = world.last()
    press = as_form(world.pressed(buttons(asked)["Yes"], mine, channel=DIRECT, ts=ts))
    for _ in range(4):
        world.send_form(press)
    assert world.turns("reallocate_budget") == ["confirm", "done"]
    assert world.there.whispers == []


def test_a_persons_events_are_acted_on_in_the_order_they_were_said(world: SlackWorld) -> None:
    mine = SLACK_IDS[Role.CHAIRMAN]
    first = world.write("show gtm performance for Acme", mine)
    second = world.write("and for Northwind?", mine)
    with world.assistant.database.write() as connection:
        for body in (second, first):
            known = incoming(json.loads(body))
            assert known is not None
            slack.receive(connection, known, NOW)
    world.settled()
    told = world.there.texts(DIRECT)
    assert ["Acme" in told[0], "Northwind" in told[1]] == [True, True]


def test_what_is_not_for_us_is_acknowledged_and_left_alone(world: SlackWorld) -> None:
    mine, text = SLACK_IDS[Role.CHAIRMAN], "create a venture called Never"
    for event in (
        {"type": "message", "channel_type": "channel", "user": mine, "channel": "C0TALK", "text": text},
        {
            "type": "message",
            "channel_type": "im",
            "bot_id": "B1",
            "user": mine,
            "channel": DIRECT,
            "text": text,
        },
        {
            "type": "message",
            "subtype": "message_changed",
            "channel_type": "im",
            "user": mine,
            "channel": DIRECT,
            "message": {"text": text},
        },
        {"type": "app_home_opened", "tab": "messages", "user": mine, "channel": DIRECT},
        {"type": "team_join", "user": {"id": mine}},
    ):
        assert world.send(world.event(event)).status_code == 200
    assert world.send(b'{"type": "block_actions", "user": {}}').status_code == 200
    assert world.send(b'{"type": "view_submission", "user": {"id": "U1"}}').status_code == 200
    world.settled()
    assert world.turns("create_venture") == []


def test_text_that_no_database_stores_is_taken(world: SlackWorld) -> None:
    world.say("show gtm performance for Acme \x00 \ud83d")
    assert world.turns("show_performance")


LEAST = {
    "approve": Role.CHAIRMAN,
    "reject": Role.CHAIRMAN,
    "acknowledge": Role.OPERATOR,
    "snooze": Role.OPERATOR,
    "approve at home": Role.CHAIRMAN,
    "reject at home": Role.CHAIRMAN,
    "acknowledge at home": Role.OPERATOR,
    "snooze at home": Role.OPERATOR,
    "message": Role.LEAD,
    "mention": Role.LEAD,
    "slash command": Role.LEAD,
}
"""Everything that can be done in Slack and changes something, with the least role that may."""
LABELS = {"approve": "Approve", "reject": "Reject…", "acknowledge": "Acknowledge", "snooze": "Snooze a day"}
COMMANDS = {"acknowledge": "acknowledge_alert", "snooze": "snooze_alert"}


def attempt(world: SlackWorld, way: str, role: Role) -> list[str]:
    """Do it as somebody, and what became of the command, each time it was given."""
    user = SLACK_IDS[role]
    if way in ("message", "mention", "slash command"):
        text = f"create a venture called {role.value} {way.replace(' ', '')}"
        if way == "slash command":
            world.slash(text, user)
        else:
            world.say(f"<@U0BOT> {text}", role, DIRECT if way == "message" else "C0TALK")
        return world.turns("create_venture")
    deed, _, at_home = way.partition(" at ")
    if deed in ("approve", "reject"):
        _, ts, message = waiting(world)
    else:
        alerted(world, f"{role.value} {way}")
        ts, message = world.last(CHANNEL)
    # Who may do it sees its button at home; others make one up.
    shown = opened(world, SLACK_IDS[Role.CHAIRMAN]) if at_home else message
    button = buttons(shown)[LABELS[deed]]
    if at_home:
        world.interact(world.pressed_at_home(button, user))
    else:
        world.interact(world.pressed(button, user, channel=CHANNEL, ts=ts))
    if deed == "reject" and world.there.views:
        world.interact(world.submitted(world.there.views[-1], user, "no"))
    return world.turns(COMMANDS.get(deed, deed))


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_do_in_slack_what_it_may_elsewhere(world: SlackWorld, role: Role) -> None:
    for way, least in LEAST.items():
        world.afresh()
        became = attempt(world, way, role)
        if role.includes(least):
            assert became[-1] == "done", (way, became)
        else:
            assert became == ["refused"], (way, became)


def test_a_form_that_was_made_up_decides_nothing(world: SlackWorld) -> None:
    number, _, _ = waiting(world)
    mine = SLACK_IDS[Role.OPERATOR]
    for talk in (f"slack:T0TEAM:{CHANNEL}:direct:{mine}", "slack:T0TEAM:C1:1.1:U9", "nothing"):
        view = {
            "type": "modal",
            "callback_id": "reject",
            "private_metadata": json.dumps({"proposal": number, "talk": talk}),
        }
        world.interact(world.submitted(view, mine, "no"))
    assert decision(world, number)[0] is None


def test_a_button_that_was_made_up_does_nothing(world: SlackWorld) -> None:
    button = {
        "action_id": "do:stop_spending:1",
        "value": json.dumps({"command": "stop_spending", "slots": {}}),
    }
    world.interact(world.pressed(button, SLACK_IDS[Role.CHAIRMAN], channel=CHANNEL, ts="1.1"))
    for value in ("", "no JSON", "{}"):
        broken = {"action_id": "say:1", "value": value}
        world.interact(world.pressed(broken, SLACK_IDS[Role.CHAIRMAN], channel=CHANNEL, ts="1.1"))
    assert world.turns("stop_spending") == []
    world.say("show gtm performance for Acme")
    assert world.turns("show_performance") == ["done"]


def test_it_is_acknowledged_before_it_is_acted_on(world: SlackWorld) -> None:
    world.there.hold = threading.Event()
    mine = list(SLACK_IDS.values())
    try:
        for number in range(8):
            user = mine[number % len(mine)]
            assert world.send(world.write("show gtm performance for Acme", user)).status_code == 200
        assert world.count(slack.slack_events.c.state.in_(slack.OPEN)) > 0
    finally:
        world.there.hold.set()
    world.settled()
    assert len(world.there.messages) == 8


def test_a_code_is_made_on_the_settings_page(world: SlackWorld) -> None:
    with httpx2.Client(base_url=world.server.url, follow_redirects=True, timeout=20) as browser:
        browser.get(world.server.sign_in_link(Role.OPERATOR))
        page = browser.get("/settings").text
        found = re.search(r'name="_csrf" value="([^"]+)"', page)
        assert "You in Slack" in page
        assert found is not None
        assert browser.post("/settings/slack", data={"_csrf": "forged"}).status_code == 403
        made = browser.post("/settings/slack", data={"_csrf": found[1]}).text
    code = re.search(r"/gtm link (gtm_[\w-]+)", made)
    assert code is not None
    assert "you are operator" in world.slash(f"link {code[1]}", STRANGER)


def test_people_are_linked_at_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path))

    def gtm(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, words)
        return done.exit_code, done.output

    assert gtm("user", "add", "ann", "--role", "operator")[0] == 0
    assert gtm("slack", "link", "U012", "ann") == (0, "U012 is ann, operator.\n")
    assert gtm("slack", "link", "U012", "nobody")[0] == 2
    assert gtm("slack", "link", "#general", "ann")[0] == 2
    assert gtm("slack", "people")[1].split() == ["U012", "ann", "operator"]
    assert gtm("slack", "code", "ann")[1].startswith("/gtm link gtm_")
    assert gtm("slack", "unlink", "U012")[0] == 0
    assert gtm("slack", "unlink", "U012")[0] == 2
    assert gtm("slack", "manifest", "--url", "http://plain.example.org")[0] == 2


def test_the_manifest_asks_for_what_is_used_and_no_more() -> None:
    made = yaml.safe_load(manifest("https://gtm.example.org/"))
    settings, address = made["settings"], "https://gtm.example.org/slack/events"
    assert made["features"]["slash_commands"][0]["url"] == address
    assert (
        settings["event_subscriptions"]["request_url"] == settings["interactivity"]["request_url"] == address
    )
    for kind in settings["event_subscriptions"]["bot_events"]:
        name, _, where = kind.partition(".")
        event = {"type": name, "channel_type": where, "user": "U1", "channel": "D1"}
        assert incoming({"type": "event_callback", "event_id": "E", "event": event}) is not None
    socket = yaml.safe_load(manifest(None))
    assert socket["settings"]["socket_mode_enabled"] is True
    assert "request_url" not in socket["settings"]["event_subscriptions"]


def test_somebody_deactivated_is_nobody(world: SlackWorld) -> None:
    with world.assistant.database.write() as connection:
        gone = people.add_person(connection, "gone", Role.CHAIRMAN, "UTC", NOW)
        slack.link(connection, "U0GONE", gone.id, NOW)
        connection.execute(update(users).where(users.c.id == gone.id).values(active=False))
    world.send_all(world.write("show gtm performance for Acme", "U0GONE"))
    assert "I do not know you" in read(world.there.whispers[-1])
