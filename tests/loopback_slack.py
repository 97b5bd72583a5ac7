"""A Slack on loopback that behaves as its pages say: the Web API, files, response URLs and Socket Mode.

What it checks and how it refuses is taken from Slack's documentation: limits of blocks, tokens, rate limits.
"""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from starlette.responses import HTMLResponse, JSONResponse, Response

from tests.postgres import free_port

BOT, APP_TOKEN, SECRET = "xoxb-a-token-of-tests", "xapp-a-token-of-tests", "a-signing-secret-of-tests"
TEAM, CHANNEL = "T0TEAM", "C0NOTICES"

SECTION, HEADER, MARKDOWN, BLOCKS, HOME = 3000, 150, 12_000, 50, 100
LABEL, VALUE, ACTION_ID, ELEMENTS = 75, 2000, 255, 25
MESSAGE_JSON = 13_000
"""Characters of a message's blocks, from about which on Slack answers msg_blocks_too_long."""
POSTED = ("chat.postMessage", "chat.postEphemeral", "chat.update")


class Invalid(Exception):  # noqa: N818 - an answer, not a defect
    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


@dataclass
class Call:
    method: str
    given: dict[str, Any]


@dataclass
class Workspace:
    """What is in it, what was asked of it, and how it shall answer."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    messages: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    whispers: list[dict[str, Any]] = field(default_factory=list)
    """Ephemeral messages: nobody finds them again."""
    responses: list[dict[str, Any]] = field(default_factory=list)
    """What was posted to response URLs."""
    homes: dict[str, dict[str, Any]] = field(default_factory=dict)
    views: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    shared: list[dict[str, Any]] = field(default_factory=list)
    refuse: list[tuple[str, dict[str, Any], int, dict[str, str]]] = field(default_factory=list)
    """The next answers to a method: body, status, headers."""
    tokens: set[str] = field(default_factory=lambda: {BOT})
    trouble: str = ""
    """What every method that needs the bot's token answers; empty: it is taken."""
    scopes: set[str] = field(default_factory=lambda: {"channels:history", "files:read"})
    acks: list[dict[str, Any]] = field(default_factory=list)
    socket: "asyncio.Queue[dict[str, Any]] | None" = None
    loop: asyncio.AbstractEventLoop | None = None
    hold: threading.Event | None = None
    """Answers to chat.postMessage wait for it, once the message is there."""
    _clock: int = 0

    def clear(self) -> None:
        """An empty workspace."""
        for one in (self.calls, self.messages, self.whispers, self.responses, self.homes, self.views):
            one.clear()
        for other in (self.files, self.shared, self.refuse, self.acks):
            other.clear()
        self.trouble, self.hold = "", None
        self.scopes = {"channels:history", "files:read"}

    def ts(self) -> str:
        """The next time stamp."""
        self._clock += 1
        return f"{int(time.time())}.{self._clock:06d}"

    def of(self, method: str) -> list[dict[str, Any]]:
        """What a method was asked with, in order."""
        return [call.given for call in self.calls if call.method == method]

    def texts(self, channel: str | None = None) -> list[str]:
        """The messages of a channel as people read them, the oldest first."""
        return [read(one) for (at, _), one in self.messages.items() if channel in (None, at)]

    def push(self, kind: str, payload: dict[str, Any], envelope: str, **more: Any) -> None:
        """Send an envelope over the socket."""
        assert self.loop is not None
        assert self.socket is not None
        frame = {"envelope_id": envelope, "type": kind, "payload": payload, **more}
        self.loop.call_soon_threadsafe(self.socket.put_nowait, frame)


def read(message: dict[str, Any]) -> str:
    """What a message shows."""
    told = []
    for block in message.get("blocks") or []:
        if block["type"] in ("section", "header"):
            told.append(block["text"]["text"])
        elif block["type"] == "markdown":
            told.append(block["text"])
        elif block["type"] == "context":
            told += [one["text"] for one in block["elements"]]
    return "\n".join(told) or str(message.get("text", ""))


def buttons(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The buttons of a message or view, by what stands on them; of several alike the first."""
    found: dict[str, dict[str, Any]] = {}
    for block in message.get("blocks") or []:
        if block["type"] == "actions":
            for one in block["elements"]:
                found.setdefault(one["text"]["text"], one)
    return found


def check_blocks(blocks: Any, most: int = BLOCKS) -> None:
    """Refuse what Slack refuses. Raises `Invalid`."""
    if not isinstance(blocks, list) or not blocks:
        raise Invalid("invalid_blocks", "no blocks")
    if len(blocks) > most:
        raise Invalid("invalid_blocks", f"no more than {most} items allowed")
    if most == BLOCKS and len(json.dumps(blocks, ensure_ascii=False)) > MESSAGE_JSON:
        raise Invalid("msg_blocks_too_long")
    if sum(len(one.get("text", "")) for one in blocks if one.get("type") == "markdown") > MARKDOWN:
        raise Invalid("invalid_blocks", "markdown is too long")
    names: list[str] = []
    for block in blocks:
        _check_block(block, names)
    if len(set(names)) != len(names):
        raise Invalid("invalid_blocks", "action_id already exists")


def _check_block(block: dict[str, Any], names: list[str]) -> None:
    check = _CHECKS.get(str(block.get("type")))
    if check is None:
        raise Invalid("invalid_blocks", f"unsupported type: {block.get('type')}")
    check(block, names)


def _check_context(block: dict[str, Any], _: list[str]) -> None:
    if not 1 <= len(block["elements"]) <= 10:
        raise Invalid("invalid_blocks", "context elements")
    for one in block["elements"]:
        _check_text(one, SECTION, ("mrkdwn", "plain_text"))


def _check_actions(block: dict[str, Any], names: list[str]) -> None:
    if not 1 <= len(block["elements"]) <= ELEMENTS:
        raise Invalid("invalid_blocks", "actions elements")
    in_row = []
    for one in block["elements"]:
        _check_text(one["text"], LABEL, ("plain_text",))
        if len(one.get("value", "")) > VALUE or not 1 <= len(one["action_id"]) <= ACTION_ID:
            raise Invalid("invalid_blocks", "button")
        in_row.append(one["action_id"])
    names += in_row


_CHECKS: dict[str, Callable[[dict[str, Any], list[str]], None]] = {
    "section": lambda block, _: _check_text(block["text"], SECTION, ("mrkdwn", "plain_text")),
    "header": lambda block, _: _check_text(block["text"], HEADER, ("plain_text",)),
    "context": _check_context,
    "actions": _check_actions,
    "input": lambda block, _: _check_text(block["label"], 2000, ("plain_text",)),
    "markdown": lambda block, _: None,
    "divider": lambda block, _: None,
}


def _check_text(text: dict[str, Any], most: int, kinds: tuple[str, ...]) -> None:
    if text.get("type") not in kinds or not 1 <= len(text.get("text", "")) <= most:
        raise Invalid("invalid_blocks", f"must be 1 to {most} characters")
    if text["type"] == "plain_text" and "verbatim" in text:
        raise Invalid("invalid_blocks", "verbatim")


def _app(here: Workspace) -> FastAPI:
    app = FastAPI()

    @app.post("/api/{method}")
    @app.get("/api/{method}")
    async def call(method: str, request: Request) -> Response:
        given = await _given(request)
        here.calls.append(Call(method, given))
        planned = next((one for one in here.refuse if one[0] == method), None)
        if planned is not None:
            here.refuse.remove(planned)
            return JSONResponse(planned[1], planned[2], planned[3])
        try:
            answer = await asyncio.to_thread(_answered, here, method, given, _bearer(request))
        except Invalid as invalid:
            details = {"response_metadata": {"messages": [invalid.detail]}} if invalid.detail else {}
            return JSONResponse({"ok": False, "error": invalid.code, **details})
        return JSONResponse({"ok": True, **answer})

    @app.post("/upload/{file}")
    async def upload(file: str, request: Request) -> Response:
        here.files[file] = await request.body()
        return Response("OK")

    @app.get("/files/{name}")
    async def download(name: str, request: Request) -> Response:
        if _bearer(request) not in here.tokens or "files:read" not in here.scopes:
            return HTMLResponse("<html>Sign in</html>")
        return Response(here.files[name], media_type="audio/webm")

    @app.post("/response/{name}")
    async def response(name: str, request: Request) -> Response:
        given = await request.json()
        check_blocks(given["blocks"])
        here.responses.append({**given, "url": name})
        return Response("ok")

    @app.websocket("/link")
    async def link(socket: WebSocket) -> None:
        await _link(here, socket)

    return app


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def _link(here: Workspace, socket: WebSocket) -> None:
    """Socket Mode: envelopes out, acknowledgements in."""
    await socket.accept()
    here.loop, here.socket = asyncio.get_running_loop(), asyncio.Queue()
    await socket.send_json({"type": "hello", "num_connections": 1})

    async def send() -> None:
        assert here.socket is not None
        while True:
            await socket.send_json(await here.socket.get())

    sending = asyncio.create_task(send())
    try:
        while True:
            here.acks.append(json.loads(await socket.receive_text()))
    except (WebSocketDisconnect, RuntimeError):
        sending.cancel()


async def _given(request: Request) -> dict[str, Any]:
    """The arguments of a call, however they were sent."""
    kind = request.headers.get("content-type", "")
    body = await request.body()
    given: dict[str, Any] = dict(request.query_params)
    if body and kind.startswith("application/json"):
        given |= json.loads(body)
    elif body:
        given |= dict(parse_qsl(body.decode()))
    for name in ("blocks", "metadata", "view", "files"):
        if isinstance(given.get(name), str):
            given[name] = json.loads(given[name])
    return given


def _answered(here: Workspace, method: str, given: dict[str, Any], bearer: str) -> dict[str, Any]:
    if method == "apps.connections.open":
        if bearer != APP_TOKEN:
            raise Invalid("invalid_auth")
        return {"url": f"{here.url.replace('http', 'ws', 1)}/link"}
    if here.trouble or bearer not in here.tokens:
        raise Invalid(here.trouble or "invalid_auth")
    if method not in _METHODS:
        raise Invalid("unknown_method")
    if method in POSTED:
        if "blocks" in given or not given.get("text"):
            check_blocks(given.get("blocks"))
        if len(given.get("text", "")) > 40_000:
            raise Invalid("msg_too_long")
    return _METHODS[method](here, given)


def _test(_: Workspace, __: dict[str, Any]) -> dict[str, Any]:
    return {"user_id": "U0BOT", "team_id": TEAM, "bot_id": "B0BOT"}


def _post(here: Workspace, given: dict[str, Any]) -> dict[str, Any]:
    ts = here.ts()
    here.messages[given["channel"], ts] = given
    if here.hold is not None:
        here.hold.wait(20)
    return {"channel": given["channel"], "ts": ts, "message": {"blocks": given.get("blocks")}}


def _whisper(here: Workspace, given: dict[str, Any]) -> dict[str, Any]:
    if given["channel"][0] not in "CDG":
        raise Invalid("channel_not_found")
    here.whispers.append(given)
    return {"message_ts": here.ts()}


def _update(here: Workspace, given: dict[str, Any]) -> dict[str, Any]:
    known = here.messages.get((given["channel"], given["ts"]))
    if known is None:
        raise Invalid("message_not_found")
    known |= {"blocks": given["blocks"], "text": given.get("text", "")}
    return {"channel": given["channel"], "ts": given["ts"]}


def _history(here: Workspace, given: dict[str, Any]) -> dict[str, Any]:
    if "channels:history" not in here.scopes:
        raise Invalid("missing_scope")
    found = [
        {"ts": ts, **one}
        for (channel, ts), one in here.messages.items()
        if channel == given["channel"]
        and one.get("thread_ts") == given.get("ts")
        and float(ts) >= float(given.get("oldest", 0))
    ]
    return {"messages": found}


def _open(here: Workspace, given: dict[str, Any]) -> dict[str, Any]:
    check_blocks(given["view"]["blocks"], HOME)
    if len(given["view"]["title"]["text"]) > 24:
        raise Invalid("invalid_arguments", "title")
    here.views.append(given["view"] | {"trigger": given["trigger_id"]})
    return {"view": {"id": f"V{len(here.views)}"}}


def _publish(here: Workspace, given: dict[str, Any]) -> dict[str, Any]:
    check_blocks(given["view"]["blocks"], HOME)
    here.homes[given["user_id"]] = given["view"]
    return {"view": {"id": "VHOME"}}


def _upload(here: Workspace, _: dict[str, Any]) -> dict[str, Any]:
    name = f"F{len(here.calls)}"
    return {"upload_url": f"{here.url}/upload/{name}", "file_id": name}


def _complete(here: Workspace, given: dict[str, Any]) -> dict[str, Any]:
    here.shared.append(given)
    return {"files": [{"id": one["id"], "title": one.get("title")} for one in given["files"]]}


_METHODS: dict[str, Callable[[Workspace, dict[str, Any]], dict[str, Any]]] = {
    "auth.test": _test,
    "chat.postMessage": _post,
    "chat.postEphemeral": _whisper,
    "chat.update": _update,
    "conversations.history": _history,
    "conversations.replies": _history,
    "conversations.open": lambda _, given: {"channel": {"id": f"D{given['users']}"}},
    "views.open": _open,
    "views.publish": _publish,
    "files.getUploadURLExternal": _upload,
    "files.completeUploadExternal": _complete,
}


@contextmanager
def workspace() -> Iterator[Workspace]:
    """A workspace on a port of its own."""
    here = Workspace()
    port = free_port()
    config = uvicorn.Config(
        _app(here), host="127.0.0.1", port=port, log_level="error", ws="websockets-sansio", lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    here.url = f"http://127.0.0.1:{port}"
    yield here
    server.should_exit = True
    thread.join(10)


def signed(body: bytes, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    """The headers Slack sends with a body."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def as_form(payload: dict[str, Any]) -> bytes:
    """An interaction as Slack sends it."""
    return urlencode({"payload": json.dumps(payload)}).encode()
