"""What goes to Slack: once, in order, inside its limits; what goes wrong; sound, sockets, kills."""

import json
import logging
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from assistant import notices
from assistant.alerting import raise_alert
from assistant.bootstrap import Assistant
from assistant.briefing.facts import Briefing
from assistant.channels.slack import home
from assistant.channels.slack.incoming import incoming
from assistant.channels.slack.refreshing import Homes
from assistant.reply import Button, Column, Reply, Status, Table, Telling
from assistant.slack import blocks
from intents.command import Role
from storage import alerts, migrate, outbox, people, slack
from storage.audit import audit
from storage.database import Database
from storage.ventures import ventures
from tests.conftest import NOW, Speaker, assistant_on, copied, run, serving
from tests.killed_slack import KILLS
from tests.loopback_slack import (
    APP_TOKEN,
    BOT,
    CHANNEL,
    SECRET,
    TEAM,
    Workspace,
    check_blocks,
    read,
    workspace,
)
from tests.slack_world import (
    SLACK_IDS,
    SlackWorld,
    linked,
    slack_world,
    terms,
    wait_for,
)
from tests.sounds import joined, silence, speech
from voice.encoding import encode

MOVE = "move 1,000 from display to email in Spring Launch"


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture(scope="module")
def there() -> Iterator[Workspace]:
    with workspace() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telling(
    there: Workspace, small_portfolio: Path, tmp_path: Path, models: Path, clock: Clock
) -> Iterator[Assistant]:
    """An assistant that tells an empty workspace, when it is asked to."""
    there.clear()
    url = copied(small_portfolio, tmp_path / "gtm.db")
    made = assistant_on(
        url,
        tmp_path,
        models,
        clock,
        slack=terms(there, seconds=1),
        alerts={"quiet_from": None, "quiet_until": None},
    )
    linked(made)
    yield made
    made.close()


def ask(assistant: Assistant, text: str, kind: str = notices.LOOP_ACTED, **more: Any) -> None:
    """A notice that waits."""
    data = {"text": text, "person": "chairman", **more}
    with assistant.database.write() as connection:
        outbox.request(
            connection,
            notices.SLACK,
            kind,
            {"type": kind, "timestamp": NOW.isoformat(), "data": data},
            key=f"test:{text[:40]}",
            audit_id=None,
            now=NOW,
        )


def states(assistant: Assistant) -> list[tuple[str, str | None]]:
    with assistant.database.read() as connection:
        query = select(outbox.outbox.c.state, outbox.outbox.c.problem).where(
            outbox.outbox.c.target == "slack"
        )
        return [(state, problem) for state, problem in connection.execute(query.order_by(outbox.outbox.c.id))]


def send_all(assistant: Assistant) -> int:
    sent = 0
    while assistant.outbox.send_one():
        sent += 1
    return sent


def test_too_many_requests_are_waited_for_as_long_as_slack_asks(
    telling: Assistant, there: Workspace, clock: Clock
) -> None:
    ask(telling, "first")
    ask(telling, "second")
    limited = {"ok": False, "error": "ratelimited"}
    there.refuse.append(("chat.postMessage", limited, 429, {"Retry-After": "40"}))
    assert send_all(telling) == 1
    assert [state for state, _ in states(telling)] == ["requested", "requested"]
    clock.pass_by(seconds=39)
    assert send_all(telling) == 0
    clock.pass_by(seconds=1)
    assert send_all(telling) == 2
    assert there.texts(CHANNEL) == ["first\nBy chairman", "second\nBy chairman"]


@pytest.mark.parametrize("code", ["token_expired", "token_revoked", "account_inactive"])
def test_a_token_that_is_no_longer_taken_is_told_once_and_nothing_is_lost(
    telling: Assistant, there: Workspace, clock: Clock, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    ask(telling, "first")
    there.trouble = code
    for _ in range(3):
        send_all(telling)
        clock.pass_by(minutes=10)
    with telling.database.read() as connection:
        found = alerts.open_of(connection, "slack:token")
    assert found is not None
    assert "GTM_SLACK__BOT_TOKEN" in found.told
    assert code in found.told
    told = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert len(told) == 1
    assert BOT not in caplog.text
    there.trouble = ""
    clock.pass_by(hours=3)
    send_all(telling)
    assert there.texts(CHANNEL)[0].startswith("first")
    with telling.database.read() as connection:
        assert alerts.open_of(connection, "slack:token") is None


def test_what_slack_never_takes_does_not_hold_up_the_rest(telling: Assistant, there: Workspace) -> None:
    ask(telling, "first")
    ask(telling, "second")
    refused = {"ok": False, "error": "is_archived"}
    there.refuse.append(("chat.postMessage", refused, 200, {}))
    assert send_all(telling) == 2
    assert states(telling) == [("failed", "answered is_archived"), ("confirmed", None)]


def test_a_server_error_is_tried_again(telling: Assistant, there: Workspace, clock: Clock) -> None:
    ask(telling, "first")
    there.refuse.append(("chat.postMessage", {"ok": False, "error": "internal_error"}, 503, {}))
    send_all(telling)
    clock.pass_by(seconds=5)
    send_all(telling)
    assert there.texts(CHANNEL) == ["first\nBy chairman"]


def test_what_was_sent_but_not_answered_is_known_and_not_sent_again(
    telling: Assistant, there: Workspace, clock: Clock
) -> None:
    ask(telling, "first")
    there.hold = threading.Event()
    send_all(telling)
    assert states(telling)[0][0] == "requested"
    there.hold.set()
    there.hold = None
    assert len(there.messages) == 1
    clock.pass_by(seconds=5)
    send_all(telling)
    assert states(telling) == [("confirmed", None)]
    assert len(there.messages) == 1


def test_where_slack_may_not_be_asked_a_message_is_rather_sent_twice_than_never(
    telling: Assistant, there: Workspace, clock: Clock
) -> None:
    there.scopes.remove("channels:history")
    ask(telling, "first")
    there.hold = threading.Event()
    send_all(telling)
    there.hold.set()
    there.hold = None
    clock.pass_by(seconds=5)
    send_all(telling)
    assert len(there.messages) == 2
    with telling.database.read() as connection:
        assert alerts.open_of(connection, "slack:token") is None


def test_a_long_message_comes_in_parts_each_once(telling: Assistant, there: Workspace, clock: Clock) -> None:
    lines = [f"line {number} <of> many & more" for number in range(1500)]
    ask(telling, "\n".join(lines))
    limited = {"ok": False, "error": "ratelimited"}
    send = telling.slack.client.chat_postMessage

    def second_is_refused(**given: Any) -> Any:
        if len(there.messages) == 1 and not there.refuse:
            there.refuse.append(("chat.postMessage", limited, 429, {"Retry-After": "5"}))
        return send(**given)

    telling.slack.client.chat_postMessage = second_is_refused  # type: ignore[method-assign]
    send_all(telling)
    assert len(there.messages) == 1
    telling.slack.client.chat_postMessage = send  # type: ignore[method-assign]
    clock.pass_by(seconds=5)
    send_all(telling)
    told = "\n".join(there.texts(CHANNEL)).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert told.splitlines()[:-1] == lines
    assert len(there.messages) > 3


def test_a_briefing_goes_to_its_person_as_markdown(telling: Assistant, there: Workspace) -> None:
    body = "# Today\n\n" + "\n".join(f"- point {number}" for number in range(2000))
    ask(telling, "Today", "briefing.ready", markdown=body, briefing=3)
    ask(telling, "To all", "briefing.ready", markdown="# To all", briefing=4, person="somebody unknown")
    assert send_all(telling) == 2
    mine = there.texts(SLACK_IDS[Role.CHAIRMAN])
    assert len(mine) > 1
    assert [line for part in mine for line in part.splitlines() if line] == [
        line for line in body.splitlines() if line
    ]
    assert there.texts(CHANNEL) == ["# To all"]


def test_the_sound_of_a_briefing_follows_its_words_where_it_can(
    telling: Assistant, there: Workspace, clock: Clock, tmp_path: Path
) -> None:
    folder = tmp_path / "briefings"
    folder.mkdir()
    for number in range(1, 5):
        (folder / f"{number}.mp3").write_bytes(b"a spoken briefing")
    shown = run(Speaker(telling), "brief_me").result
    assert isinstance(shown, Briefing)

    def brief(number: int, heard: bool = True) -> None:
        facts = shown.model_copy(update={"number": number}).model_dump(mode="json")
        more = {"briefing": number, "person": "chairman", "facts": facts, "heard": heard}
        ask(telling, f"Briefing {number}", notices.BRIEFING_READY, markdown=f"# Briefing {number}", **more)
        ask(telling, f"Sound {number}", notices.BRIEFING_SOUND, **more)

    brief(1)
    assert send_all(telling) == 2
    (file,) = there.shared
    assert file["channel_id"] == SLACK_IDS[Role.CHAIRMAN]
    assert list(there.files.values()) == [b"a spoken briefing"]
    assert there.of("files.getUploadURLExternal")[0]["filename"] == "briefing-1.mp3"
    # Slack asks to wait: the words are there, the sound comes later, once.
    brief(2)
    slow = ("files.getUploadURLExternal", {"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "40"})
    there.refuse.append(slow)
    assert send_all(telling) == 2
    assert "# Briefing 2" in there.texts(SLACK_IDS[Role.CHAIRMAN])
    assert len(there.shared) == 1
    clock.pass_by(seconds=41)
    assert send_all(telling) == 1
    assert len(there.shared) == 2
    # What Slack does not take is given up, and what comes after it is sent.
    brief(3)
    brief(4, heard=False)
    there.refuse.append(("files.getUploadURLExternal", {"ok": False, "error": "missing_scope"}, 200, {}))
    # The alert says which permission is missing.
    assert send_all(telling) == 5
    assert "missing_scope" in there.texts(CHANNEL)[0]
    assert len(there.shared) == 2
    assert {state for state, _ in states(telling)} == {"confirmed"}


def test_the_end_of_a_job_is_told_where_it_was_asked_for(telling: Assistant, there: Workspace) -> None:
    ended = notices.JOB_ENDED
    ask(
        telling,
        "Imported 10 rows.",
        ended,
        conversation_id="slack:T0TEAM:C0TALK:1000000001.000001:U0CHAIRMAN",
    )
    ask(telling, "Imported 20 rows.", ended, conversation_id="slack:T0TEAM:C0ANY:command:U0CHAIRMAN")
    ask(telling, "Imported 30 rows.", ended, conversation_id="a-page")
    assert send_all(telling) == 3
    assert [one.get("thread_ts") for one in there.messages.values()] == ["1000000001.000001", None, None]
    assert [channel for channel, _ in there.messages] == ["C0TALK", CHANNEL, CHANNEL]


def test_blocks_slack_does_not_take_are_sent_as_text(telling: Assistant, there: Workspace) -> None:
    ask(telling, "first")
    there.refuse.append(("chat.postMessage", {"ok": False, "error": "msg_blocks_too_long"}, 200, {}))
    assert send_all(telling) == 1
    assert there.texts(CHANNEL) == ["first"]


def test_a_briefing_needs_no_channel(
    there: Workspace, small_portfolio: Path, tmp_path: Path, models: Path
) -> None:
    there.clear()
    url = copied(small_portfolio, tmp_path / "gtm.db")
    made = assistant_on(url, tmp_path, models, slack=terms(there, channel=None))
    linked(made)
    ask(made, "Today", "briefing.ready", markdown="# Today", briefing=3)
    ask(made, "Nowhere", "briefing.ready", markdown="# Nowhere", briefing=4, person="somebody unknown")
    assert send_all(made) == 2
    assert there.texts(SLACK_IDS[Role.CHAIRMAN]) == ["# Today"]
    assert states(made)[1] == ("failed", "there is no slack.channel")
    assert Speaker(made, Role.OPERATOR).say(MOVE).status is Status.APPROVAL
    assert len(states(made)) == 2
    made.close()


def test_no_secret_is_shown(telling: Assistant, there: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ask(telling, "first")
    there.trouble = "token_revoked"
    send_all(telling)
    shown = repr(telling.settings) + repr(telling.slack) + caplog.text + json.dumps(states(telling))
    for secret in (BOT, SECRET, APP_TOKEN):
        assert secret not in shown


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=9000)


@given(
    words,
    st.lists(st.lists(words.map(lambda said: said[:200]), min_size=2, max_size=2), max_size=60),
    st.lists(st.text(max_size=300)),
)
def test_any_answer_fits_slacks_limits(text: str, rows: list[list[str]], choices: list[str]) -> None:
    columns = [Column(key="a", label="A"), Column(key="b", label="B", numeric=True)]
    told = Telling(
        text=text,
        table=Table(title=text[:100], columns=columns, rows=rows),
        choices=choices,
        buttons=[Button(label=one, say=one) for one in choices],
    )
    reply = Reply(turn_id="t", text="", status=Status.QUESTION, reply=told)
    for part in blocks.messages(blocks.answer(reply, "slack:T:C:1.1:U", "U")):
        check_blocks(part)


@given(words)
def test_nothing_of_a_text_is_lost_in_parts(text: str) -> None:
    shown = "".join(one["text"]["text"] for one in blocks.text(text))
    assert "".join(shown.split()) == "".join(blocks.escaped(text).split())


CLIP = {"mimetype": "audio/webm", "subtype": "slack_audio", "filetype": "webm"}


def clip(world: SlackWorld, said: str, **more: Any) -> dict[str, Any]:
    """A recording somebody sent."""
    sound = encode(joined(silence(0.4), speech(said), silence(0.8)), "opus")
    world.there.files["clip"] = sound
    return {"id": "F1", **CLIP, "url_private_download": f"{world.there.url}/files/clip", **more}


def test_a_recording_is_a_command_and_shows_what_was_heard(world: SlackWorld) -> None:
    world.say("", subtype="file_share", files=[clip(world, "show gtm performance for Acme")])
    told = read(world.last()[1])
    assert told.startswith("Heard: “")
    assert "Acme" in told
    assert world.turns("show_performance") == ["done"]
    with world.assistant.database.read() as connection:
        reading = connection.scalar(select(audit.c.reading).where(audit.c.channel == "slack"))
    assert reading is not None
    assert reading["heard"]


def test_a_spoken_wish_that_spends_is_read_back(world: SlackWorld) -> None:
    world.say(
        "<@U0BOT>", channel="C0TALK", files=[clip(world, "optimize budget allocation for Spring Launch")]
    )
    assert set(world.turns("optimize_budget")) <= {"confirm"}
    assert "Heard: “" in "\n".join(world.there.texts("C0TALK"))


def test_the_token_goes_to_no_other_address(world: SlackWorld) -> None:
    with workspace() as elsewhere:
        elsewhere.files["clip"] = b"sound"
        world.say("", files=[{"id": "F1", **CLIP, "url_private": f"{elsewhere.url}/files/clip"}])
        world.say("", files=[{"id": "F1", **CLIP, "url_private": "file:///etc/passwd"}])
        assert elsewhere.calls == []
    assert all("not Slack's" in read(one) for one in world.there.whispers)
    assert len(world.there.whispers) == 2


def test_a_recording_that_cannot_be_had_is_told(world: SlackWorld) -> None:
    file = clip(world, "show gtm performance for Acme")
    world.there.scopes.remove("files:read")
    world.say("", files=[file])
    assert "files:read is missing" in read(world.there.whispers[-1])
    world.say("", files=[{"id": "F2", "mimetype": "application/pdf"}])
    assert "other files I cannot use" in read(world.there.whispers[-1])
    assert world.there.messages == {}


def test_what_cannot_be_written_down_is_not_acknowledged(world: SlackWorld) -> None:
    engine = world.assistant.database.engine

    def fail(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        del connection, cursor
        if statement.startswith("INSERT INTO slack_events"):
            raise OperationalError(statement, {}, Exception("the disk is full"))

    body = world.write("create a venture called Later", SLACK_IDS[Role.CHAIRMAN])
    event.listen(engine, "before_cursor_execute", fail)
    assert world.send(body).status_code == 503
    event.remove(engine, "before_cursor_execute", fail)
    assert world.send(body).status_code == 200
    world.settled()
    assert world.turns("create_venture") == ["done"]


def test_an_answer_waits_when_slack_asks_to(world: SlackWorld) -> None:
    limited = {"ok": False, "error": "ratelimited"}
    world.there.refuse.append(("chat.postMessage", limited, 429, {"Retry-After": "1"}))
    assert (
        world.send(world.write("create a venture called Patience", SLACK_IDS[Role.CHAIRMAN])).status_code
        == 200
    )
    wait_for(lambda: world.count(slack.slack_events.c.problem.is_not(None)) == 1)
    with world.assistant.database.write() as connection:
        due = connection.scalar(
            select(slack.slack_events.c.next_attempt_at).where(slack.slack_events.c.state == "waiting")
        )
        assert due == NOW + timedelta(seconds=2)
        connection.execute(slack.slack_events.update().values(next_attempt_at=NOW))
    world.settled()
    assert world.turns("create_venture") == ["done"]
    assert len(world.there.messages) == 1


def test_socket_mode_needs_no_way_in_and_acts_once(
    small_portfolio: Path, tmp_path: Path, models: Path
) -> None:
    with (
        workspace() as there,
        slack_world(
            there, small_portfolio, tmp_path, models, app_token=APP_TOKEN, signing_secret=None
        ) as world,
    ):
        wait_for(lambda: there.socket is not None)
        mine = SLACK_IDS[Role.CHAIRMAN]
        payload = json.loads(world.write("create a venture called Socket", mine))
        for attempt in range(4):
            there.push("events_api", payload, f"e{attempt}", retry_attempt=attempt)
        wait_for(lambda: {one["envelope_id"] for one in there.acks} == {"e0", "e1", "e2", "e3"})
        world.settled()
        assert world.turns("create_venture") == ["done"]
        wait_for(lambda: len(there.messages) == 1)
        assert world.send(b"{}").status_code == 404
    # The service is started anew, and what was done is delivered once more, in another way.
    again = assistant_on(f"sqlite:///{tmp_path / 'gtm.db'}", tmp_path, models, slack=terms(there))
    with serving(again) as server:
        world = SlackWorld(server, there)
        world.send_all(json.dumps(payload).encode())
        assert world.turns("create_venture") == ["done"]
        world.http.close()
    again.close()


@pytest.fixture
def to_be_killed(database_url: str) -> Callable[[], Database]:
    """A database with events that wait; opened anew by whoever looks."""
    database = Database(database_url)
    migrate.upgrade(database)
    with database.write() as connection:
        for number, role in enumerate((Role.CHAIRMAN, Role.LEAD)):
            person = people.add_person(connection, role.value, role, "UTC", NOW)
            slack.link(connection, f"U{number}", person.id, NOW)
        for number in range(EVENTS):
            message = {
                "type": "message",
                "channel_type": "im",
                "user": f"U{number % 2}",
                "channel": f"D{number % 2}",
                "text": f"create a venture called Nova {number}",
                "ts": f"1700000000.{number:06d}",
            }
            body = {"type": "event_callback", "team_id": TEAM, "event_id": f"Ev{number}", "event": message}
            known = incoming(body)
            assert known is not None
            slack.receive(connection, known, NOW)
    database.close()
    return lambda: Database(database_url)


EVENTS = 4


def test_killed_in_the_middle_of_answering_everything_is_done_and_told_once(
    to_be_killed: Callable[[], Database], database_url: str, tmp_path: Path
) -> None:
    with workspace() as there:
        ordeal = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.killed_slack",
                database_url,
                str(tmp_path),
                f"{there.url}/api/",
                "1",
            ],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        assert ordeal.returncode == 0, ordeal.stderr[-2000:]
        assert json.loads(ordeal.stdout)["kills"] == KILLS
        marks = Counter(one["metadata"]["event_payload"]["key"] for one in there.messages.values())
    database = to_be_killed()
    with database.read() as connection:
        made = Counter(connection.scalars(select(ventures.c.name)))
        done = connection.scalar(select(func.count()).select_from(audit).where(audit.c.status == "done"))
        settled = Counter(connection.scalars(select(slack.slack_events.c.state)))
    database.close()
    assert made == {f"Nova {number}": 1 for number in range(EVENTS)}
    assert (done, settled) == (EVENTS, {"done": EVENTS})
    assert marks == {f"slack:Ev{number}": 1 for number in range(EVENTS)}


def test_a_decision_is_told_on_the_longest_proposal(telling: Assistant, there: Workspace) -> None:
    assert Speaker(telling, Role.OPERATOR).say(MOVE).status is Status.APPROVAL
    send_all(telling)
    with telling.database.write() as connection:
        row = slack.slack_messages
        long = blocks.text("a long story " * 880)
        connection.execute(row.update().values(blocks=long))
    assert Speaker(telling).say("approve it").status is Status.DONE
    send_all(telling)
    assert "✓ Approved by" in there.texts(CHANNEL)[0]


def test_the_answer_to_an_alert_waits_where_slack_asks_to_and_is_told_once(
    telling: Assistant, there: Workspace, clock: Clock
) -> None:
    with telling.database.write() as connection:
        raise_alert(connection, telling.settings, "one", alerts.SPEND_LIMIT, "Acme spent its limit", NOW)
    assert send_all(telling) == 1
    with telling.database.read() as connection:
        number = alerts.latest(connection, NOW)[0].id
    there.refuse.append(("chat.update", {"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "40"}))
    assert Speaker(telling).say(f"acknowledge alert {number}").status is Status.DONE
    assert send_all(telling) == 1
    assert "Acknowledged" not in there.texts(CHANNEL)[0]
    assert send_all(telling) == 0
    clock.pass_by(seconds=41)
    assert send_all(telling) == 1
    assert "✓ Acknowledged by" in there.texts(CHANNEL)[0]
    assert len(there.texts(CHANNEL)) == 1
    assert send_all(telling) == 0


def test_home_pages_are_refreshed_together_and_only_where_they_changed(
    telling: Assistant, there: Workspace, clock: Clock
) -> None:
    mine, operators = SLACK_IDS[Role.CHAIRMAN], SLACK_IDS[Role.OPERATOR]
    with telling.database.read() as connection:
        folk = {one: slack.person_of(connection, one) for one in (mine, operators)}
    for user, person in folk.items():
        home.publish(telling, person, user, "You pressed something")
    homes, other = Homes(telling), Homes(telling)

    def alert(told: str) -> None:
        with telling.database.write() as connection:
            raise_alert(connection, telling.settings, told, alerts.SPEND_LIMIT, told, clock.now)

    # What came of a press stays until something happens.
    assert homes.look() == 0
    assert "You pressed something" in read(there.homes[mine])
    clock.pass_by(seconds=11)
    alert("Acme spent its limit")
    there.refuse.append(("views.publish", {"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "50"}))
    assert homes.look() == 1
    # Another process finds nothing left to do.
    assert other.look() == 0
    alert("Northwind spent its limit")
    alert("Globex spent its limit")
    assert homes.look() == 0
    clock.pass_by(seconds=11)
    assert homes.look() == 1
    assert "Globex spent its limit" not in read(there.homes[mine])
    clock.pass_by(seconds=40)
    assert homes.look() == 1
    for user in folk:
        assert "Northwind spent its limit" in read(there.homes[user])
        assert "Globex spent its limit" in read(there.homes[user])
    asked = len(there.of("views.publish"))
    clock.pass_by(seconds=30)
    assert homes.look() + other.look() == 0
    assert len(there.of("views.publish")) == asked
    # Somebody who left the workspace has no page.
    there.refuse.append(("views.publish", {"ok": False, "error": "user_not_found"}, 200, {}))
    clock.pass_by(seconds=11)
    alert("Initech spent its limit")
    assert homes.look() == 1
    with telling.database.read() as connection:
        assert len(slack.homes(connection)) == 1


def test_proposals_and_alerts_keep_their_order_among_notices(telling: Assistant, there: Workspace) -> None:
    assert Speaker(telling, Role.OPERATOR).say(MOVE).status is Status.APPROVAL
    with telling.database.write() as connection:
        raise_alert(connection, telling.settings, "one", alerts.SPEND_LIMIT, "Acme spent its limit", NOW)
    assert Speaker(telling).say("approve it").status is Status.DONE
    assert send_all(telling) == 3
    first, second = there.texts(CHANNEL)
    assert "✓ Approved by" in first
    assert second.startswith("Acme spent its limit")
