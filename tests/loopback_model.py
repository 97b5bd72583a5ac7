"""A server on a loopback port that speaks chat completions, well or as badly as a test says."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-loopback-0123456789abcdef"
USAGE = {"prompt_tokens": 5_000, "completion_tokens": 20, "total_tokens": 5_020}

Call = tuple[str, dict[str, Any] | str]
"""A tool and its arguments; as text, they are sent as they are."""


@dataclass
class Says:
    """An answer: what the model calls, and in which manner it comes."""

    calls: tuple[Call, ...] = ()
    content: str = "none"
    """Said where nothing is called."""
    usage: Mapping[str, int] | None = field(default_factory=lambda: dict(USAGE))
    finish: str | None = None
    """Why it ended; by default as the protocol has it."""
    log_probability: float | None = None
    """Of each piece of the answer."""
    streams: bool = True
    """Whether it can stream; one that cannot sends a document all the same."""
    one_place: bool = False
    """Whether every call has the index 0, as from some endpoints."""
    pause: float = 0
    """Seconds before each piece."""
    cut_after: int | None = None
    """Pieces after which it hangs up."""
    is_done: bool = True
    """Whether it ends as the protocol has it."""


@dataclass
class Status:
    """An error as endpoints tell it; it quotes the key, as some do."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Raw:
    """Bytes instead of an answer."""

    body: bytes
    content_type: str = "text/event-stream"


Answer = Says | Status | Raw
Behaviour = Callable[[dict[str, Any]], Answer]


def calling(name: str, /, **arguments: Any) -> Says:
    """One call of a tool."""
    return Says(calls=((name, arguments),))


@dataclass
class LoopbackModel:
    """The server; ``behaviour`` answers what is asked, and ``asked`` keeps it."""

    behaviour: Behaviour
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""

    def always(self, answer: Answer) -> None:
        """Answer everything alike."""
        self.behaviour = lambda _: answer

    def in_turn(self, *answers: Answer) -> None:
        """Answer with each in turn."""
        left = list(answers)
        self.behaviour = lambda _: left.pop(0)

    @property
    def said(self) -> list[dict[str, Any]]:
        """The material of every question."""
        return [json.loads(one["messages"][-1]["content"]) for one in self.asked]


@contextmanager
def loopback_model() -> Iterator[LoopbackModel]:
    """A running server that calls nothing until it is told otherwise."""
    model = LoopbackModel(lambda _: Says())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            model.keys.append(self.headers["authorization"])
            if self.path != "/v1/chat/completions":
                _send_status(self, Status(404))
                return
            model.asked.append(body)
            answer = model.behaviour(body)
            # Whoever asked may have given up.
            with suppress(ConnectionError):
                _send(self, answer)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield model
    server.shutdown()
    server.server_close()


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    match answer:
        case Status():
            _send_status(handler, answer)
        case Raw():
            _send_document(handler, 200, answer.body, answer.content_type, {})
        case Says(streams=False):
            time.sleep(answer.pause)
            _send_document(handler, 200, json.dumps(_whole(answer)).encode(), "application/json", {})
        case Says():
            _stream(handler, answer)


def _send_status(handler: BaseHTTPRequestHandler, answer: Status) -> None:
    key = handler.headers["authorization"]
    error = {"message": f"Not with {key}.", "type": "error", "param": None, "code": "nope"}
    body = json.dumps({"error": error}).encode()
    _send_document(handler, answer.status, body, "application/json", answer.headers)


def _send_document(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, kind: str, headers: Mapping[str, str]
) -> None:
    handler.send_response(status)
    for name, value in {**headers, "content-type": kind, "content-length": str(len(body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def _stream(handler: BaseHTTPRequestHandler, answer: Says) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream; charset=utf-8")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for place, piece in enumerate(_pieces(answer)):
        if place == answer.cut_after:
            handler.close_connection = True
            handler.connection.close()
            return
        time.sleep(answer.pause)
        _chunk(handler, f"data: {json.dumps(piece)}\n\n".encode())
    if answer.is_done:
        _chunk(handler, b"data: [DONE]\n\n")
    _chunk(handler, b"")


def _chunk(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    handler.wfile.flush()


def _pieces(answer: Says) -> Iterator[dict[str, Any]]:
    yield _piece({"role": "assistant", "content": None if answer.calls else ""})
    for place, (name, arguments) in enumerate(answer.calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        index = 0 if answer.one_place else place
        begun = {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": ""}}
        yield _piece({"tool_calls": [{"index": index, **begun}]}, _weights(answer))
        for part in (text[at : at + 12] for at in range(0, len(text), 12)):
            delta = {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
            yield _piece(delta, _weights(answer))
    if not answer.calls:
        yield _piece({"content": answer.content}, _weights(answer))
    if answer.is_done:
        yield _piece({}, finish=_finish(answer))
    if answer.usage is not None:
        yield {**_piece({}), "choices": [], "usage": answer.usage}


def _finish(answer: Says) -> str:
    return answer.finish or ("tool_calls" if answer.calls else "stop")


def _weights(answer: Says) -> dict[str, Any] | None:
    if answer.log_probability is None:
        return None
    token = {"token": "x", "logprob": answer.log_probability, "bytes": None, "top_logprobs": []}
    return {"content": [token], "refusal": None}


def _piece(
    delta: dict[str, Any], weights: dict[str, Any] | None = None, finish: str | None = None
) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": weights, "finish_reason": finish}
    return {**_head("chat.completion.chunk"), "choices": [choice]}


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_773_600_000, "model": "loopback"}


def _whole(answer: Says) -> dict[str, Any]:
    calls = [
        {
            "id": f"call_{place}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for place, (name, arguments) in enumerate(answer.calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": None if calls else answer.content}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": _weights(answer), "finish_reason": _finish(answer)}
    used = {} if answer.usage is None else {"usage": answer.usage}
    return {**_head("chat.completion"), "choices": [choice], **used}
