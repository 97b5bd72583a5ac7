"""A service in a workspace on loopback, and people who talk to it there."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import delete, func, select, update

from assistant.bootstrap import Assistant
from assistant.settings import Slack
from intents.command import Role
from storage import alerts, conversations, people, slack
from storage.audit import audit
from storage.outbox import outbox
from storage.proposals import proposals
from tests.conftest import NOW, Server, assistant_on, copied, serving
from tests.loopback_slack import BOT, CHANNEL, SECRET, TEAM, Workspace, as_form, signed, workspace

SLACK_IDS = {role: f"U0{role.value.upper()}" for role in Role}
STRANGER = "U0STRANGER"
DIRECT = "D0DIRECT"
_numbers = count(1)


def terms(there: Workspace, **more: Any) -> Slack:
    """Settings for a workspace."""
    given = {"signing_secret": SECRET, "channel": CHANNEL, "bot_token": BOT} | more
    return Slack.model_validate({"api_url": f"{there.url}/api/", **given})


def linked(assistant: Assistant) -> None:
    """One user of Slack a role is known."""
    with assistant.database.write() as connection:
        for role, slack_id in SLACK_IDS.items():
            person = people.person_named(connection, role.value)
            assert person is not None
            slack.link(connection, slack_id, person.id, NOW)


@dataclass
class SlackWorld:
    """A service and the workspace it is in."""

    server: Server
    there: Workspace
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=20))

    @property
    def assistant(self) -> Assistant:
        return self.server.assistant

    def send(self, body: bytes, kind: str = "application/json", **headers: str) -> httpx2.Response:
        """Knock as Slack does."""
        return self.http.post(
            f"{self.server.url}/slack/events",
            content=body,
            headers={"Content-Type": kind, **signed(body), **headers},
        )

    def event(self, event: dict[str, Any], number: str | None = None) -> bytes:
        """An event as Slack sends it."""
        at = stamp()
        return json.dumps(
            {
                "token": "old",
                "team_id": TEAM,
                "type": "event_callback",
                "event_id": number or f"Ev{next(_numbers)}",
                "event": {"ts": at, "event_ts": at, **event},
            }
        ).encode()

    def write(self, text: str, user: str, channel: str = DIRECT, **more: Any) -> bytes:
        """Somebody's direct message, or one that names us in a channel."""
        in_direct = channel.startswith("D")
        kind = {"type": "message", "channel_type": "im"} if in_direct else {"type": "app_mention"}
        number = more.pop("number", None)
        return self.event({**kind, "user": user, "channel": channel, "text": text, **more}, number)

    def say(self, text: str, role: Role = Role.CHAIRMAN, channel: str = DIRECT, **more: Any) -> None:
        """Say it, and wait until it was acted on."""
        self.send_all(self.write(text, SLACK_IDS[role], channel, **more))

    def command(self, text: str, user: str, channel: str = "C0ANY", trigger: str | None = None) -> bytes:
        """``/gtm …``."""
        number = next(_numbers)
        return urlencode(
            {
                "command": "/gtm",
                "text": text,
                "user_id": user,
                "team_id": TEAM,
                "channel_id": channel,
                "response_url": f"{self.there.url}/response/r{number}",
                "trigger_id": trigger or f"t{number}",
            }
        ).encode()

    def slash(self, text: str, user: str, channel: str = "C0ANY") -> str:
        """Say it with the slash command, and what is answered."""
        before = len(self.there.responses)
        self.send_form(self.command(text, user, channel))
        return "\n".join(str(one.get("text")) for one in self.there.responses[before:])

    def pressed(
        self, button: dict[str, Any], user: str, *, channel: str, ts: str, alone: bool = False
    ) -> dict[str, Any]:
        """A press of a button on a message."""
        message = self.there.messages.get((channel, ts), {})
        number = next(_numbers)
        payload: dict[str, Any] = {
            "type": "block_actions",
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "channel": {"id": channel},
            "container": {
                "type": "message",
                "message_ts": ts,
                "channel_id": channel,
                "is_ephemeral": alone,
            },
            "trigger_id": f"t{number}",
            "actions": [{**button, "type": "button", "action_ts": f"{time.time():.6f}"}],
        }
        if alone:
            payload["response_url"] = f"{self.there.url}/response/r{number}"
        else:
            payload["message"] = {"ts": ts, "text": message.get("text", ""), "blocks": message.get("blocks")}
            if message.get("thread_ts"):
                payload["message"]["thread_ts"] = message["thread_ts"]
        return payload

    def pressed_at_home(self, button: dict[str, Any], user: str) -> dict[str, Any]:
        """A press of a button on the home page."""
        return {
            "type": "block_actions",
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "container": {"type": "view", "view_id": "VHOME"},
            "trigger_id": f"t{next(_numbers)}",
            "actions": [{**button, "type": "button", "action_ts": f"{time.time():.6f}"}],
        }

    def submitted(self, view: dict[str, Any], user: str, reason: str | None) -> dict[str, Any]:
        """A form that was filled in."""
        return {
            "type": "view_submission",
            "user": {"id": user},
            "team": {"id": TEAM},
            "view": {
                "id": f"V{next(_numbers)}",
                "hash": "h",
                "type": view["type"],
                "callback_id": view["callback_id"],
                "private_metadata": view["private_metadata"],
                "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}},
            },
        }

    def press(self, button: dict[str, Any], role: Role, *, channel: str, ts: str) -> None:
        """Press it, and wait until it was acted on."""
        self.interact(self.pressed(button, SLACK_IDS[role], channel=channel, ts=ts))

    def interact(self, payload: dict[str, Any]) -> None:
        """Send an interaction, and wait until it was acted on."""
        self.send_form(as_form(payload))

    def send_form(self, body: bytes) -> None:
        """Send a form, and wait until it was acted on."""
        answer = self.send(body, "application/x-www-form-urlencoded")
        assert answer.status_code == 200, answer.text
        assert answer.content == b""
        self.settled()

    def send_all(self, *bodies: bytes) -> None:
        """Send events, and wait until they were acted on."""
        for body in bodies:
            answer = self.send(body)
            assert answer.status_code == 200, answer.text
        self.settled()

    def settled(self, seconds: float = 60) -> None:
        """Wait until nothing is left to act on."""
        wait_for(lambda: self.count(slack.slack_events.c.state.in_(slack.OPEN)) == 0, seconds)

    def told(self, seconds: float = 60) -> None:
        """Wait until every notice to Slack is sent."""
        is_open = (outbox.c.target == "slack") & (outbox.c.state == "requested")
        wait_for(lambda: self.count(is_open, outbox) == 0, seconds)

    def count(self, which: Any, table: Any = slack.slack_events) -> int:
        with self.assistant.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(table).where(which)) or 0

    def afresh(self) -> None:
        """Forget what was said and shown; money stays where it went."""
        self.there.clear()
        with self.assistant.database.write() as connection:
            for table in (slack.slack_messages, slack.slack_homes, conversations.conversations, outbox):
                connection.execute(delete(table))
            connection.execute(update(audit).values(channel="before"))
            connection.execute(update(proposals).values(expires_at=NOW))
            connection.execute(delete(slack.slack_people).where(slack.slack_people.c.slack_id == STRANGER))
            connection.execute(delete(alerts.alerts))

    def turns(self, command: str) -> list[str]:
        """What became of a command, each time somebody gave it in Slack."""
        with self.assistant.database.read() as connection:
            query = select(audit.c.status).where(audit.c.channel == "slack", audit.c.command == command)
            return list(connection.scalars(query.order_by(audit.c.id)))

    def last(self, channel: str = DIRECT) -> tuple[str, dict[str, Any]]:
        """The latest message of a channel."""
        return [(ts, one) for (at, ts), one in self.there.messages.items() if at == channel][-1]


def stamp() -> str:
    """A time stamp as Slack makes them."""
    return f"{int(time.time())}.{next(_numbers):06d}"


def wait_for(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def shared_world(
    small_portfolio: Path, tmp_path_factory: pytest.TempPathFactory, models: Path
) -> Iterator[SlackWorld]:
    """One service for the tests of a module."""
    with (
        workspace() as there,
        slack_world(there, small_portfolio, tmp_path_factory.mktemp("slack"), models) as made,
    ):
        yield made


@pytest.fixture
def world(shared_world: SlackWorld) -> SlackWorld:
    """A service in an empty workspace."""
    shared_world.afresh()
    return shared_world


@contextmanager
def slack_world(
    there: Workspace, portfolio: Path, folder: Path, models: Path, **more: Any
) -> Iterator[SlackWorld]:
    """A service in a workspace, on a copy of a portfolio."""
    url = copied(portfolio, folder / "gtm.db")
    assistant = assistant_on(url, folder, models, slack=terms(there, **more))
    linked(assistant)
    with serving(assistant) as server:
        made = SlackWorld(server, there)
        yield made
        made.http.close()
    assistant.close()
