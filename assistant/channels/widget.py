"""The widget's door: the conversation on somebody else's site, with a token that may only talk.

Nothing here reads a cookie. Who asks is proved by the widget's token, where from by the browser's ``Origin``:
that keeps other sites out, while a program can claim any, so a widget may do no more than its role.
"""

from typing import Annotated
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request, WebSocket
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.channels import converse, voice
from assistant.channels.access import Proof, offered_token
from assistant.channels.errors import Refused
from assistant.channels.limits import Rate
from assistant.channels.page import BUILT, templates
from assistant.channels.service import Conversation, Here, IdempotencyKey, Service
from assistant.channels.strict import parsed
from assistant.commands.conversation import help_entries
from assistant.reply import Error
from assistant.turn import Turn
from storage import widgets
from storage.people import Person
from storage.widgets import Widget
from voice.speaker import Form

PREFIX = "/widget/v1/"
SCRIPT = "/widget.js"
DEMO = "/widget/demo"
CHANNEL = "widget"

router = APIRouter(include_in_schema=False)


class Offer(BaseModel):
    """Something that can be said."""

    say: str
    summary: str


class Welcome(BaseModel):
    """What a widget begins with."""

    name: str
    role: str
    offers: list[Offer] = Field(description="what its role can ask about something")
    voice: voice.Ears


_UNKNOWN = Error(
    code="token_not_valid",
    message="This assistant is not in use here: its token is unknown.",
    cure="Check data-token; `gtm widget create NAME --origin …` makes a new one.",
)
_REVOKED = Error(
    code="widget_revoked",
    message="This assistant was withdrawn from this site: its token was revoked or has expired.",
    cure="Ask whoever runs the service for a new token: `gtm widget create NAME --origin …`.",
)


def _elsewhere(origin: str | None) -> Error:
    return Error(
        code="origin_not_allowed",
        message=f"This assistant may not stand on {origin or 'a page that does not tell where it is'}.",
        cure="Name the site: `gtm widget create NAME --origin https://…`.",
    )


def _found(here: Service, connection: HTTPConnection) -> Widget | Error:
    """The live widget of a request's token and site, or why there is none."""
    token = offered_token(connection)
    origin = connection.headers.get("origin")
    if token is None:
        return _UNKNOWN
    with here.assistant.database.glance() as database:
        widget = widgets.widget_of(database, token)
    if widget is None:
        return _UNKNOWN
    if not widget.stands_on(origin) and origin != _own_origin(here):
        return _elsewhere(origin)
    return widget if widget.is_live(here.assistant.clock()) else _REVOKED


def _own_origin(here: Service) -> str:
    """The service's own site, where every widget can be tried."""
    own = urlsplit(here.assistant.settings.server.url)
    return f"{own.scheme}://{own.netloc}".lower()


class WidgetProof(Proof):
    """A widget's token, on a site it may stand on."""

    def __init__(self, socket: WebSocket, here: Service) -> None:
        super().__init__(socket, here)
        self._socket = socket
        self._seen: Widget | Error = _UNKNOWN

    @property
    def channel(self) -> str:
        """How the connection came."""
        return CHANNEL

    def person(self) -> Person | None:
        """Whom the widget acts as, while it may."""
        self._seen = _found(self._here, self._socket)
        return self._seen.person if isinstance(self._seen, Widget) else None

    def rate(self, person: Person) -> Rate | None:
        """Count a turn of the widget's."""
        del person
        seen = self._seen
        return self._here.limits.widget(seen.id, seen.per_minute) if isinstance(seen, Widget) else None

    @property
    def refusal(self) -> Error:
        """What somebody is told who proves nothing."""
        return self._seen if isinstance(self._seen, Error) else _UNKNOWN

    @property
    def end(self) -> Error:
        """What is told when the proof no longer holds."""
        return self.refusal


async def widget(request: Request, here: Here) -> Widget:
    """The widget a request comes from, before its body is read. Raises `Refused`: 401, 403 or 429."""
    found = await here.lane.run(_found, here, request)
    if isinstance(found, Error):
        status = 403 if found.code == "origin_not_allowed" else 401
        headers = {"WWW-Authenticate": 'Bearer realm="gtm"'} if status == 401 else None
        raise Refused(status, found.code, found.message, found.cure, headers)
    rate = here.limits.widget(found.id, found.per_minute)
    if not rate.admitted:
        raise Refused(
            429,
            "too_many_requests",
            f"This assistant was asked more than {rate.most:,} times within a minute.",
            f"Wait {rate.seconds} s and ask again.",
            rate.headers,
        )
    return found


Asked = Annotated[Widget, Depends(widget)]


@router.post(f"{PREFIX}hello")
async def hello(here: Here, asked: Asked) -> Welcome:
    """What can be asked, heard and said. Posted, as browsers tell the site of every post."""
    catalogue = here.assistant.bus.catalogue
    offers = [
        Offer(say=entry.examples[0], summary=entry.summary)
        for entry in help_entries(catalogue)
        if entry.suggested and entry.examples and asked.person.role.includes(catalogue[entry.command].role)
    ]
    ears = await here.lane.run(voice.ears, here.assistant.voicing)
    here.prepare()
    return Welcome(name=asked.name, role=asked.person.role.value, offers=offers, voice=ears)


@router.websocket(f"{PREFIX}converse")
async def talk(socket: WebSocket) -> None:
    """Talk as over `/api/v1/converse`, with a widget's token as the subprotocol ``bearer.TOKEN``."""
    here: Service = socket.app.state.service
    await converse.talk(socket, here, WidgetProof(socket, here))


@router.post(f"{PREFIX}voice")
async def hear(
    request: Request,
    here: Here,
    asked: Asked,
    conversation: Conversation,
    speak: Annotated[Form | None, Query()] = None,
    key: IdempotencyKey = None,
) -> Response:
    """Say something into a recording, as over `/api/v1/voice`."""
    turn = Turn(
        person=asked.person,
        channel=CHANNEL,
        text="",
        conversation_id=conversation or str(uuid4()),
        key=key,
    )
    return await voice.heard(request, here, turn, speak)


@router.post(f"{PREFIX}speech")
async def speak(request: Request, here: Here, asked: Asked) -> Response:
    """Have an answer said aloud, as over `/api/v1/speech`."""
    del asked
    try:
        said = voice.Say.model_validate(parsed(await request.body()))
    except ValueError as error:
        raise Refused(422, "invalid_request", "There is nothing to say.", "Send {text} in JSON.") from error
    return await voice.said_aloud(said, here)


@router.get(SCRIPT)
async def script(request: Request) -> Response:
    """The widget itself, for every site."""
    response = await BUILT.get_response("widget.js", request.scope)
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@router.get(DEMO)
async def demo(request: Request, here: Here) -> Response:
    """A page to try a widget on; its token stands behind the # of the address, which is sent to nobody."""
    context = {"origin": _own_origin(here), "script": f"{here.assistant.settings.server.url}{SCRIPT}"}
    return templates.TemplateResponse(request, "widget_demo.html", context)


class AnswerSites:
    """Lets the pages of sites that widgets name read what is answered under `PREFIX`, and nobody else.

    Cookies are never asked for. Whether the very token may be used there is looked at by the routes.
    """

    def __init__(self, app: ASGIApp, here: Service) -> None:
        self.app = app
        self.here = here

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the answer open to the site; answer what browsers ask beforehand."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        told = {"Vary": "Origin"}
        origin = asked.get("origin", "")
        if origin and await self._is_known(origin):
            told["Access-Control-Allow-Origin"] = origin
            told["Access-Control-Expose-Headers"] = "Retry-After"
        if scope["method"] == "OPTIONS":
            if len(told) > 1:
                told["Access-Control-Allow-Methods"] = "POST"
                told["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Idempotency-Key"
                told["Access-Control-Max-Age"] = "600"
            await Response(status_code=204 if len(told) > 1 else 403, headers=told)(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self.app(scope, receive, sent)

    async def _is_known(self, origin: str) -> bool:
        try:
            return origin == _own_origin(self.here) or await self.here.lane.run(self._is_named, origin)
        except SQLAlchemyError:
            return False

    def _is_named(self, origin: str) -> bool:
        with self.here.assistant.database.glance() as connection:
            return widgets.is_known_site(connection, origin)
