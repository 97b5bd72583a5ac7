"""A Rasa server that fails in every way there is: the embedded reader answers, and the trace says why."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import HttpUrl, SecretStr
from sqlalchemy import select
from typer.testing import CliRunner

from assistant.bootstrap import Assistant, build
from assistant.channels.cli import cli
from assistant.reply import Status
from assistant.settings import Rasa, Settings, Understanding
from intents.encoder import find_encoder
from intents.names import Name, Names
from intents.readers.embedded import EmbeddedReader
from intents.readers.rasa import MOST_BYTES, RasaReader
from intents.reading import ReaderUnavailableError, Scene
from storage.audit import audit
from tests.conftest import NOW, Speaker, copied
from tests.postgres import free_port

SCENE = Scene(Names((Name("venture", 1, "Acme"),)), date(2026, 3, 15))
SECONDS = 0.5
ASKED = "show gtm performance for Acme"
HEARD = {
    "text": ASKED,
    "intent": {"name": "show_performance", "confidence": 0.97},
    "entities": [{"entity": "venture", "value": "acme inc", "start": 25, "end": 29}],
    "intent_ranking": [
        {"name": "show_performance", "confidence": 0.97},
        {"name": "out_of_scope", "confidence": 0.02},
        {"name": "show_status", "confidence": 0.01},
    ],
}

Behavior = Callable[[BaseHTTPRequestHandler], None]


def answer(body: object, status: int = 200) -> Behavior:
    """A server that answers with a body: bytes as they are, anything else as JSON."""
    written = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(written)))
        request.end_headers()
        request.wfile.write(written)

    return behave


def hang(request: BaseHTTPRequestHandler) -> None:
    del request
    time.sleep(3 * SECONDS)


def drip(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then, each within the time-out."""
    request.send_response(200)
    request.end_headers()
    for _ in range(10):
        request.wfile.write(b" ")
        time.sleep(SECONDS / 3)


def drip_head(request: BaseHTTPRequestHandler) -> None:
    for byte in b"HTTP/1.0 200 OK\r\nX-Long: " + b"x" * 10:
        request.wfile.write(bytes([byte]))
        request.wfile.flush()
        time.sleep(SECONDS / 8)


def break_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "5000")
    request.end_headers()
    request.wfile.write(b'{"intent"')


@dataclass
class Stub:
    """A server in Rasa's place."""

    url: str = ""
    behave: Behavior = field(default=answer(HEARD))
    asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            address = urlsplit(self.path)
            made.asked.append((address.path, parse_qs(address.query), sent))
            try:
                made.behave(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def embedded(models: Path) -> EmbeddedReader:
    return EmbeddedReader.load(models, encoder=find_encoder(models))


@pytest.fixture
def reader(stub: Stub, embedded: EmbeddedReader) -> Iterator[RasaReader]:
    made = RasaReader(stub.url, embedded.layer, seconds=SECONDS, token="sesame")
    yield made
    made.close()


def test_the_intent_is_rasas_and_the_names_are_ours(reader: RasaReader, stub: Stub) -> None:
    reading = reader.read(ASKED, SCENE)
    assert (reading.intent, reading.confidence, reading.reader) == ("show_performance", 0.97, "rasa")
    assert [(match.entity, match.value) for match in reading.entities] == [("venture", "Acme")]
    assert reading.ranking == (("show_performance", 0.97), ("show_status", 0.01))
    assert reading.in_scope == pytest.approx(0.98)
    assert stub.asked == [("/model/parse", {"token": ["sesame"]}, {"text": ASKED})]


@pytest.mark.parametrize("name", ["out_of_scope", "nlu_fallback"])
def test_what_rasa_does_not_know_is_out_of_scope(reader: RasaReader, stub: Stub, name: str) -> None:
    stub.behave = answer({**HEARD, "intent": {"name": name, "confidence": 0.6}})
    assert reader.read("tell me a joke", SCENE).intent is None


FAILURES: dict[str, tuple[Behavior, str]] = {
    "says nothing": (hang, "took longer than 0.5 s"),
    "drips its body": (drip, "took longer than 0.5 s"),
    "drips its head": (drip_head, "took longer than 0.5 s"),
    "breaks off": (break_off, "broke off"),
    "fails": (answer({"status": "failure"}, 500), "answered with status 500"),
    "has no model": (answer({"status": "failure"}, 409), "answered with status 409"),
    "wants a token": (answer({"status": "failure"}, 401), "answered with status 401"),
    "sends elsewhere": (answer(b"", 302), "answered with status 302"),
    "is no JSON": (answer(b"<html>"), "no JSON"),
    "is half a JSON": (answer(b'{"intent": {"name": "show'), "no JSON"),
    "is no text": (answer(b"\xff\xfe\x00{"), "no JSON"),
    "is nested too deep": (answer(b"[" * 100_000), "no JSON"),
    "is a list": (answer([]), "no parse"),
    "has no intent": (answer({"text": ASKED}), "no parse"),
    "has an intent without a name": (
        answer({**HEARD, "intent": {"name": None, "confidence": 0}}),
        "no parse",
    ),
    "is surer than sure": (answer({**HEARD, "intent": {"name": "help", "confidence": 7}}), "no parse"),
    "is sure like no number": (
        answer({**HEARD, "intent": {"name": "help", "confidence": float("nan")}}),
        "no parse",
    ),
    "ranks strangely": (answer({**HEARD, "intent_ranking": "many"}), "no parse"),
    "means another project's intent": (
        answer({**HEARD, "intent": {"name": "order_pizza", "confidence": 0.9}}),
        "order_pizza",
    ),
    "is endless": (answer(b" " * (MOST_BYTES + 1)), "too much"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_fails_is_told_in_a_few_words_and_in_time(
    reader: RasaReader, stub: Stub, failure: str
) -> None:
    stub.behave, told = FAILURES[failure]
    began = time.monotonic()
    with pytest.raises(ReaderUnavailableError, match=told) as raised:
        reader.read(ASKED, SCENE)
    assert time.monotonic() - began < 2 * SECONDS
    assert "sesame" not in str(raised.value)
    assert len(str(raised.value)) < 100


def test_a_server_that_failed_is_left_alone_for_a_while(
    reader: RasaReader, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intents.readers.rasa.PAUSE_SECONDS", 0.4)
    stub.behave = answer({}, 500)
    for _ in range(5):
        with pytest.raises(ReaderUnavailableError, match="status 500"):
            reader.read(ASKED, SCENE)
    assert len(stub.asked) == 1
    stub.behave = answer(HEARD)
    time.sleep(0.5)
    assert reader.read(ASKED, SCENE).intent == "show_performance"


def test_nobody_listens_there(embedded: EmbeddedReader) -> None:
    reader = RasaReader(f"http://127.0.0.1:{free_port()}", embedded.layer, seconds=SECONDS)
    with pytest.raises(ReaderUnavailableError, match="could not be reached"):
        reader.read(ASKED, SCENE)
    reader.close()


def test_nothing_but_its_own_error_is_raised(reader: RasaReader) -> None:
    with pytest.raises(ReaderUnavailableError, match="broke off"):
        reader.read("half a character: \ud800", SCENE)


def test_a_reader_that_is_closed_says_so(reader: RasaReader) -> None:
    reader.read(ASKED, SCENE)
    reader.close()
    with pytest.raises(ReaderUnavailableError, match="broke off"):
        reader.read(ASKED, SCENE)


@pytest.fixture
def with_rasa(assistant: Assistant, stub: Stub, tmp_path: Path) -> Iterator[Assistant]:
    """The assistant on the same database, with Rasa asked first."""
    rasa = Rasa(url=HttpUrl(stub.url), seconds=SECONDS, token=SecretStr("sesame"))
    settings = Settings(
        data_dir=tmp_path,
        database_url=assistant.settings.database_url,
        understanding=Understanding(first="rasa", rasa=rasa),
    )
    made = build(settings, lambda: NOW)
    yield made
    made.close()


def traces(assistant: Assistant) -> list[dict[str, object]]:
    with assistant.database.read() as connection:
        return [trace for (trace,) in connection.execute(select(audit.c.reading).order_by(audit.c.id))]


def test_a_turn_is_understood_by_rasa(with_rasa: Assistant) -> None:
    reply = Speaker(with_rasa).say(ASKED)
    assert (reply.status, reply.reader, reply.slots["venture"]) == (Status.DONE, "rasa", "Acme")
    assert traces(with_rasa)[-1]["notes"] == ["embedded: show_performance at 1.00"]


def test_where_rasa_fails_the_embedded_reader_answers_and_the_audit_says_why(
    with_rasa: Assistant, stub: Stub
) -> None:
    stub.behave = answer({}, 503)
    reply = Speaker(with_rasa).say(ASKED)
    assert (reply.status, reply.reader, reply.slots["venture"]) == (Status.DONE, "embedded", "Acme")
    assert traces(with_rasa)[-1]["notes"] == ["rasa: answered with status 503"]


def test_rasa_says_yes_for_nobody(with_rasa: Assistant, stub: Stub) -> None:
    talk = Speaker(with_rasa)
    stub.behave = answer(
        {**HEARD, "intent": {"name": "reallocate_budget", "confidence": 0.9}, "intent_ranking": []}
    )
    asked = talk.say("move 1,000 from display to email in Spring Launch")
    assert (asked.status, asked.reader) == (Status.CONFIRM, "rasa")
    stub.behave = answer({**HEARD, "intent": {"name": "affirm", "confidence": 0.99}, "intent_ranking": []})
    reply = talk.say("what are the top performing channels this month")
    assert (reply.command, reply.reader) == ("top_channels", "embedded")
    assert traces(with_rasa)[-1]["notes"] == ["rasa: may not say affirm"]


def test_the_terminal_shows_who_understood_and_why_others_did_not(
    small_portfolio: Path, models: Path, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").symlink_to(models)
    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GTM_DATABASE_URL", copied(small_portfolio, tmp_path / "gtm.db"))
    monkeypatch.setenv("GTM_UNDERSTANDING__RASA__URL", stub.url)

    def understood(*options: str) -> tuple[str, list[str], str]:
        done = CliRunner().invoke(cli, ["understand", ASKED, "--json", *options])
        assert done.exit_code == 0, done.output
        told = json.loads(done.output)
        assert told["slots"]["venture"] == "Acme"
        return told["reader"], told["notes"], told["command"]

    assert understood() == ("embedded", [], "show_performance")
    assert understood("--reader", "rasa") == (
        "rasa",
        ["embedded: show_performance at 1.00"],
        "show_performance",
    )
    stub.behave = answer(b"<html>")
    notes = ["rasa: answered what is no JSON"]
    assert understood("--reader", "rasa") == ("embedded", notes, "show_performance")
    wrong = CliRunner().invoke(cli, ["understand", ASKED, "--reader", "crystal ball"])
    assert wrong.exit_code == 2
