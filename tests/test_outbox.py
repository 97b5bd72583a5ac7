"""Notices to others: signed, in order, sent again until they are taken, each known by its number."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr
from sqlalchemy import select
from standardwebhooks import Webhook

from assistant.bootstrap import Assistant
from assistant.reply import Status
from assistant.settings import Notify
from intents.command import Role
from storage import outbox
from storage.database import Database
from storage.synthetic import fill
from tests.conftest import AS_OF, NOW, Speaker, assistant_on

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MOVE = "move 1,000 from display to email in Spring Launch"


@dataclass
class Listener:
    """A receiver of webhooks that answers as it is told."""

    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 204 when there are none left."""
    headers: dict[str, str] = field(default_factory=dict)
    heard: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    url: str = ""

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        self.numbers.append(handler.headers["webhook-id"])
        self.heard.append(json.loads(body))
        self.signed = dict(handler.headers.items()), body
        handler.send_response(self.answers.pop(0) if self.answers else 204)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.end_headers()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.take(self)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield made
    server.shutdown()
    server.server_close()


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telling(
    database: Database, tmp_path: Path, models: Path, listener: Listener, clock: Clock
) -> Iterator[Assistant]:
    """An assistant on each kind of database that tells the listener."""
    fill(database, records=3_000, seed=1, as_of=AS_OF, now=NOW, truth_file=tmp_path / "truth.json.gz")
    made = assistant_on(database.url.render_as_string(hide_password=False), tmp_path, models, clock)
    made.settings.notify = Notify(webhook_url=HttpUrl(listener.url), webhook_secret=SecretStr(SECRET))
    yield made
    made.close()


def send_all(assistant: Assistant) -> int:
    sent = 0
    while assistant.outbox.send_one():
        sent += 1
    return sent


def states(assistant: Assistant) -> list[str]:
    with assistant.database.read() as connection:
        return list(connection.scalars(select(outbox.outbox.c.state).order_by(outbox.outbox.c.id)))


def test_what_waits_is_told_and_what_came_of_it(telling: Assistant, listener: Listener) -> None:
    asked = Speaker(telling, Role.OPERATOR).say(MOVE)
    assert asked.status is Status.APPROVAL
    decided = Speaker(telling).say("approve it")
    assert decided.status is Status.DONE
    assert listener.heard == []
    assert send_all(telling) == 2
    assert [one["type"] for one in listener.heard] == ["proposal.waiting", "proposal.decided"]
    assert listener.heard[0]["data"]["text"] == asked.reply.text
    assert listener.heard[1]["data"]["audit_id"] == decided.audit_id
    assert states(telling) == ["confirmed", "confirmed"]
    assert send_all(telling) == 0


def test_a_proposal_approved_out_of_a_list_is_told_when_the_yes_is_given(
    telling: Assistant, listener: Listener
) -> None:
    Speaker(telling, Role.OPERATOR).say(MOVE)
    talk = Speaker(telling)
    talk.say("list approvals")
    assert talk.say("the first one").status is Status.CONFIRM
    assert send_all(telling) == 1
    assert talk.say("yes").status is Status.DONE
    assert send_all(telling) == 1
    assert [one["type"] for one in listener.heard] == ["proposal.waiting", "proposal.decided"]


def test_a_notice_is_signed_by_the_specification(
    telling: Assistant, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling.bus, "clock", lambda: datetime.now(NOW.tzinfo))
    Speaker(telling, Role.OPERATOR).say(MOVE)
    send_all(telling)
    headers, body = listener.signed
    Webhook(SECRET).verify(body, headers)
    with pytest.raises(Exception, match="signature"):
        Webhook(SECRET).verify(body + b" ", headers)


def test_what_was_not_confirmed_is_told_to_nobody(telling: Assistant) -> None:
    talk = Speaker(telling)
    talk.say(MOVE)
    assert states(telling) == []
    talk.say("no")
    assert states(telling) == []
    talk.say(MOVE)
    talk.say("yes")
    assert states(telling) == ["requested"]


def test_a_refused_notice_is_sent_again_with_the_same_number(
    telling: Assistant, listener: Listener, clock: Clock
) -> None:
    listener.answers = [500, 429]
    listener.headers = {"Retry-After": "90"}
    Speaker(telling, Role.OPERATOR).say(MOVE)
    assert send_all(telling) == 1
    assert states(telling) == ["requested"]
    assert not telling.outbox.send_one()
    clock.now += timedelta(seconds=91)
    assert telling.outbox.send_one()
    clock.now += timedelta(seconds=91)
    assert telling.outbox.send_one()
    assert states(telling) == ["confirmed"]
    assert len(listener.numbers) == 3
    assert len(set(listener.numbers)) == 1


def test_notices_keep_their_order_while_one_is_refused(
    telling: Assistant, listener: Listener, clock: Clock
) -> None:
    listener.answers = [503]
    operator = Speaker(telling, Role.OPERATOR)
    operator.say(MOVE)
    operator.say("move 500 from display to email in Spring Launch")
    assert send_all(telling) == 1
    clock.now += timedelta(minutes=1)
    assert send_all(telling) == 2
    assert [one["data"]["slots"]["amount"]["amount"] for one in listener.heard] == ["1000", "1000", "500"]


@pytest.mark.parametrize("answers", [[410], [500] * 11])
def test_a_notice_that_nobody_takes_fails_and_is_reported(
    telling: Assistant, listener: Listener, clock: Clock, answers: list[int]
) -> None:
    listener.answers = list(answers)
    Speaker(telling, Role.OPERATOR).say(MOVE)
    for _ in answers:
        assert telling.outbox.send_one()
        clock.now += timedelta(hours=25)
    assert states(telling) == ["failed"]
    assert not telling.outbox.send_one()
    assert "1 notice could not be delivered" in Speaker(telling).say("status").reply.text


def test_a_notice_is_kept_while_nobody_listens(telling: Assistant, listener: Listener, clock: Clock) -> None:
    telling.settings.notify = telling.settings.notify.model_copy(
        update={"webhook_url": HttpUrl("http://127.0.0.1:9/hook")}
    )
    Speaker(telling, Role.OPERATOR).say(MOVE)
    assert send_all(telling) == 1
    assert states(telling) == ["requested"]
    telling.settings.notify.webhook_url = HttpUrl(listener.url)
    clock.now += timedelta(seconds=10)
    assert send_all(telling) == 1
    assert states(telling) == ["confirmed"]


def test_a_process_killed_while_sending_leaves_a_message_others_send(
    telling: Assistant, listener: Listener, clock: Clock
) -> None:
    Speaker(telling, Role.OPERATOR).say(MOVE)
    with telling.database.write() as connection:
        claimed = outbox.claim(connection, NOW, {"webhook": timedelta(seconds=30)})
    assert claimed is not None
    assert not telling.outbox.send_one()
    clock.now += timedelta(seconds=31)
    assert telling.outbox.send_one()
    assert states(telling) == ["confirmed"]
    assert listener.numbers == [f"msg_{claimed.idempotency_key}"]


def test_two_senders_send_every_notice_once_and_in_order(telling: Assistant, listener: Listener) -> None:
    operator = Speaker(telling, Role.OPERATOR)
    for amount in range(100, 130):
        operator.say(f"move {amount} from display to email in Spring Launch")
    senders = [threading.Thread(target=send_all, args=(telling,)) for _ in range(2)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    while send_all(telling):
        pass
    assert len(listener.numbers) == len(set(listener.numbers)) == 30
    amounts = [one["data"]["slots"]["amount"]["amount"] for one in listener.heard]
    assert amounts == [str(amount) for amount in range(100, 130)]


def test_a_url_without_a_secret_stops_the_start() -> None:
    with pytest.raises(ValueError, match="webhook_secret"):
        Notify(webhook_url=HttpUrl("https://example.com/hook"))
