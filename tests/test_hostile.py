"""Clients that are slow, too large or malformed on purpose are refused, and everybody else is answered."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

import httpx2
import pytest

from assistant.bootstrap import Assistant
from tests.conftest import Server
from tests.test_http import AGENT, SAY, STATUS, is_error

SLOW = 1.0
FILES = "/api/v1/files"


@pytest.fixture
def impatient(assistant: Assistant) -> None:
    """The service with little patience."""
    values = {"body_seconds": SLOW, "keep_alive_seconds": 1, "max_body_bytes": 700_000}
    assistant.settings.server = assistant.settings.server.model_copy(update=values)


@pytest.fixture
def server(impatient: None, server: Server) -> Iterator[Server]:  # noqa: ARG001
    """It must still answer at the end."""
    yield server
    answer = httpx2.post(server.url + SAY, json={"text": "status"}, headers=signed(server))
    assert (answer.status_code, answer.json()["status"]) == (200, "done")


def signed(server: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token()}"}


@dataclass
class Answer:
    """What came back until the other side hung up."""

    raw: bytes
    seconds: float

    @property
    def status(self) -> int | None:
        return int(self.raw.split(b" ", 2)[1]) if self.raw else None

    def is_error(self, status: int, code: str) -> bool:
        """Whether it is one error in the one shape, sent as the last thing."""
        assert self.status == status, self.raw
        head, _, body = self.raw.partition(b"\r\n\r\n")
        assert b"\r\nconnection: close" in head.lower()
        assert b"\r\ncontent-security-policy:" in head.lower()
        assert set(json.loads(body)["error"]) == {"code", "message", "cure"}
        return bool(json.loads(body)["error"]["code"] == code)


def exchange(server: Server, *parts: bytes, pause: float = 0) -> Answer:
    """Send the parts with a pause between them, then wait until the service hangs up."""
    begun = time.monotonic()
    host, port = server.url.removeprefix("http://").split(":")
    got: list[bytes] = []

    def listen() -> None:
        with suppress(ConnectionError):
            while more := line.recv(65_536):
                got.append(more)

    with closing(socket.create_connection((host, int(port)))) as line:
        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        with suppress(ConnectionError):
            for part in parts:
                line.sendall(part)
                time.sleep(pause)
        listening.join(8)
        assert not listening.is_alive(), f"the service kept the connection; it said {got!r}"
    return Answer(b"".join(got), time.monotonic() - begun)


def head(server: Server, method: str, path: str, *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in signed(server).items()]
    return "\r\n".join([*lines, *more, "", ""]).encode()


# Slow


def test_a_head_that_does_not_come_to_an_end(server: Server) -> None:
    answer = exchange(server, b"GET / HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 4, pause=0.2)
    assert answer.is_error(408, "head_too_slow")
    assert answer.seconds < SLOW + 2


@pytest.mark.parametrize("parts", [[], [b"\r\n"] * 5], ids=["nothing", "empty lines"])
def test_a_connection_without_a_request(server: Server, parts: list[bytes]) -> None:
    answer = exchange(server, *parts, pause=0.2)
    assert answer.raw == b""
    assert answer.seconds < SLOW + 2


def test_a_connection_that_waits_for_its_next_request(server: Server) -> None:
    answer = exchange(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status == 200
    assert answer.seconds < 4
    drip = exchange(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", *[b"\r\n"] * 8, pause=0.2)
    assert drip.status == 200
    assert drip.seconds < 4


@pytest.mark.parametrize("path", [SAY, STATUS, AGENT])
def test_a_body_that_does_not_come_to_an_end(server: Server, path: str) -> None:
    begin = head(server, "POST", path, "Content-Length: 100")
    answer = exchange(server, begin, *[b" "] * 4, pause=0.2)
    assert answer.is_error(408, "body_too_slow")
    assert answer.seconds < SLOW + 2


def test_a_file_may_take_its_time_as_long_as_it_comes(server: Server) -> None:
    parts = [b"a"] * 8
    begin = head(server, "PUT", f"{FILES}/a.csv", "Content-Length: 8", "Connection: close")
    sent = exchange(server, begin, *parts, pause=0.25)
    assert sent.seconds > SLOW
    assert sent.status == 200, sent.raw
    begin = head(server, "PUT", f"{FILES}/b.csv", "Content-Length: 100")
    stalled = exchange(server, begin, b"a")
    assert stalled.is_error(408, "body_too_slow")
    inbox = server.assistant.settings.inbox
    assert [path.name for path in inbox.iterdir()] == ["a.csv"]


def test_a_body_that_nobody_waits_for(server: Server) -> None:
    begin = head(server, "POST", "/nowhere", "Content-Length: 100000")
    answer = exchange(server, begin, *[b" "] * 10, pause=0.2)
    assert answer.status == 404
    assert answer.seconds < SLOW + 3


# Large


def test_a_head_that_is_too_large(server: Server) -> None:
    one = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n"
    assert exchange(server, one).is_error(431, "head_too_large")
    many = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: aaaaaaaa\r\n" * 6_000 + b"\r\n"
    assert exchange(server, many).is_error(431, "head_too_large")
    endless = exchange(server, b"GET /", *[b"a" * 20_000] * 8, pause=0.05)
    assert endless.raw == b"" or endless.is_error(431, "head_too_large")


def test_a_body_in_chunks_that_grows_too_large(server: Server) -> None:
    begin = head(server, "POST", SAY, "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    answer = exchange(server, begin, *[chunk] * 14)
    assert answer.status == 413
    assert answer.seconds < SLOW + 3


# Malformed


NO_HTTP = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"HELLO\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-A: \x00\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
]


@pytest.mark.parametrize("sent", NO_HTTP, ids=range(len(NO_HTTP)))
def test_what_is_no_http(server: Server, sent: bytes) -> None:
    answer = exchange(server, sent)
    assert answer.status is None or answer.is_error(400, "invalid_http")


def test_chunks_that_are_none(server: Server) -> None:
    begin = head(server, "POST", SAY, "Transfer-Encoding: chunked")
    answer = exchange(server, begin, b"zz\r\n", pause=0.2)
    assert answer.status is None or answer.is_error(400, "invalid_http")


DEEP = 100_000
DIGITS = b"9" * 5_000
VALUES: dict[str, bytes] = {
    "invalid UTF-8": b'"\xff\xfe"',
    "UTF-16": '"status"'.encode("utf-16"),
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "less deep": b"[" * 900 + b"]" * 900,
    "a key twice": b'{"a": 1, "a": 2}',
    "beyond a double": b"1e400",
    "below a double": b"-1e400",
    "5,000 digits": DIGITS,
    "4,000 digits": DIGITS[:4_000],
    "5,000 decimals": b"0." + DIGITS,
    "not a number": b"NaN",
    "infinity": b"-Infinity",
    "NUL": b'"\\u0000"',
    "raw NUL": b'"\x00"',
    "half a character": b'"\\ud800"',
    "halves swapped": b'"\\udc00\\ud800"',
}
PLACES: dict[str, bytes] = {
    SAY: b'{"text": %s}',
    "/api/v1/commands/show_metric": b'{"metric": %s}',
    "/api/v1/commands/set_budget": b'{"campaign": "Spring Launch", "amount": %s}',
    "/api/v1/commands/import_data": b'{"kind": "performance", "file": "a.csv", "set": {"venture": %s}}',
    AGENT: b'{"command": "show_metric", "slots": {"metric": %s}}',
    f"{AGENT}?": b'{"command": "show_metric", "venture_id": %s}',
}


@pytest.mark.parametrize("path", PLACES)
def test_values_that_make_trouble_elsewhere(server: Server, path: str) -> None:
    headers = {**signed(server), "Content-Type": "application/json"}
    with httpx2.Client(base_url=server.url, headers=headers) as client:
        for name, value in VALUES.items():
            answer = client.post(path, content=PLACES[path] % value)
            assert 400 <= answer.status_code < 500, (name, answer.text)
            error = answer.json()["error"]
            assert error["code"], name
            assert error["message"], name


@pytest.mark.parametrize(
    "name", ["a key twice", "deep lists", "less deep", "beyond a double", "half a character"]
)
def test_json_that_readers_take_differently_is_refused_as_such(server: Server, name: str) -> None:
    answer = httpx2.post(
        server.url + STATUS,
        content=b'{"a": %s}' % VALUES[name],
        headers={**signed(server), "Content-Type": "application/json"},
    )
    assert is_error(answer, 400, "invalid_json")


def test_strangers_are_refused_before_their_body_is_read(server: Server) -> None:
    answer = httpx2.post(server.url + SAY, content=b"{", headers={"Content-Type": "application/json"})
    assert is_error(answer, 401, "not_signed_in")
    begin = b"POST /api/v1/say HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    waiting = exchange(server, begin)
    assert waiting.status == 401
