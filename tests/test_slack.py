"""In Slack: talking, pressing, who may, and that everything happens once. Against a Slack on loopback."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from intents.command import Role
from storage import people, slack
from tests.conftest import NOW
from tests.loopback_slack import SECRET, read, signed, workspace
from tests.slack_world import DIRECT, SLACK_IDS, STRANGER, SlackWorld, slack_world

MOVE = "move 1,000 from display to email in Spring Launch"


@pytest.fixture(scope="module")
def shared(
    small_portfolio: Path, tmp_path_factory: pytest.TempPathFactory, models: Path
) -> Iterator[SlackWorld]:
    with (
        workspace() as there,
        slack_world(there, small_portfolio, tmp_path_factory.mktemp("slack"), models) as made,
    ):
        yield made


@pytest.fixture
def world(shared: SlackWorld) -> SlackWorld:
    """A service in an empty workspace."""
    shared.afresh()
    return shared


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
