"""A server on a loopback port that speaks OpenAI's protocol for speech, well or as badly as a test says."""

import email
import email.policy
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-loopback-0123456789abcdef"


@dataclass
class Answer:
    """What is sent back."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0
    """Seconds before it begins."""
    drip: float = 0
    """Seconds between two bytes."""
    cut_after: int | None = None
    """Bytes after which it hangs up."""


def text(words: str, **more: Any) -> Answer:
    """A transcript."""
    return Answer(json.dumps({"text": words, **more}).encode())


def status(number: int, **headers: str) -> Answer:
    """An error that quotes the key, as some do."""
    error = {"message": f"Incorrect API key provided: {KEY}.", "type": "error", "param": None, "code": "no"}
    body = json.dumps({"error": error}).encode()
    return Answer(body, number, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Asked:
    """A question."""

    path: str
    key: str | None
    fields: dict[str, Any]
    file: bytes = b""


@dataclass
class LoopbackSpeech:
    """The server; ``behaviour`` answers what is asked, and ``asked`` keeps it."""

    behaviour: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def always(self, answer: Answer) -> None:
        """Answer everything alike."""
        self.behaviour = lambda _: answer

    def in_turn(self, *answers: Answer) -> None:
        """Answer with each in turn."""
        left = list(answers)
        self.behaviour = lambda _: left.pop(0)


@contextmanager
def loopback_speech() -> Iterator[LoopbackSpeech]:
    """A running server."""
    speech = LoopbackSpeech(lambda _: text(""))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # Whoever asked may have given up.
                super().handle()

        def do_POST(self) -> None:
            asked = _asked(self)
            speech.asked.append(asked)
            known = self.path in ("/v1/audio/transcriptions", "/v1/audio/speech")
            _send(self, speech.behaviour(asked) if known else status(404))

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    speech.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield speech
    server.shutdown()
    server.server_close()


def _asked(handler: BaseHTTPRequestHandler) -> Asked:
    body = handler.rfile.read(int(handler.headers["content-length"]))
    kind, key = handler.headers["content-type"], handler.headers["authorization"]
    if kind == "application/json":
        return Asked(handler.path, key, json.loads(body))
    message = email.message_from_bytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP
    )
    asked = Asked(handler.path, key, {})
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if name == "file":
            asked.file = content
        else:
            asked.fields[str(name)] = content.decode()
    return asked


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    time.sleep(answer.pause)
    handler.send_response(answer.status)
    length = str(len(answer.body))
    for name, value in {"content-type": answer.kind, "content-length": length, **answer.headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if answer.cut_after is not None:
        handler.wfile.write(answer.body[: answer.cut_after])
        handler.close_connection = True
    elif answer.drip:
        for byte in answer.body:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(answer.drip)
    else:
        handler.wfile.write(answer.body)
