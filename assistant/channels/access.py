"""Who is asking: API tokens and web sessions."""

from dataclasses import dataclass
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from assistant.channels import limits
from assistant.channels.errors import Refused
from assistant.channels.limits import Rate
from assistant.channels.service import Here, Service
from assistant.channels.sessions import Session
from assistant.reply import Error
from storage import people, sessions
from storage.people import Person

SESSION_COOKIE = "gtm_session"
CSRF_HEADER = "X-CSRF-Token"

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_bearer = HTTPBearer(
    scheme_name="token", description="An API token, as `gtm user token NAME` prints it.", auto_error=False
)
_cookie = APIKeyCookie(
    name=SESSION_COOKIE,
    scheme_name="session",
    description=f"The web page's session; whatever changes something needs {CSRF_HEADER} beside it.",
    auto_error=False,
)

Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
Cookie = Annotated[str | None, Security(_cookie)]


@dataclass(frozen=True)
class Asker:
    """Somebody who proved who they are, and the channel they came by."""

    person: Person
    channel: str


@dataclass(frozen=True)
class SignedIn:
    """The user of a web session."""

    person: Person
    session: Session


@dataclass(frozen=True)
class Recognised:
    """Whom the token or else the session of a request names."""

    token: str | None
    person: Person | None
    session: Session | None

    @property
    def user_id(self) -> int | None:
        """Whoever it is; None for a stranger."""
        if self.person is not None:
            return self.person.id
        return None if self.session is None else self.session.user_id


def recognise(connection: HTTPConnection, here: Service) -> Recognised:
    """Look up, once for the request, whose token it carries; a session is only read."""
    token = offered_token(connection)
    if token is not None:
        found = Recognised(token, _bearer_of(here, token), None)
    else:
        found = Recognised(None, None, here.sessions.read(connection.cookies.get(SESSION_COOKIE)))
    connection.state.recognised = found
    return found


def offered_token(connection: HTTPConnection) -> str | None:
    """The API token of a request or WebSocket; browsers offer it as the subprotocol ``bearer.TOKEN``."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.casefold() == "bearer" and token:
        return token.strip()
    for offered in connection.scope.get("subprotocols", []):
        if offered.startswith("bearer."):
            return str(offered.removeprefix("bearer."))
    return None


def refuse_strangers(request: Request) -> None:
    """Raise `Refused` for whoever was not recognised, before anything of the body is read."""
    seen: Recognised | None = getattr(request.state, "recognised", None)
    if seen is None or seen.user_id is not None:
        return
    if seen.token is not None:
        _refuse_token()
    _refuse_stranger()


async def asker(request: Request, here: Here, credentials: Credentials, cookie: Cookie) -> Asker:
    """Whoever a request's token or session belongs to. Raises `Refused`: 401, or 403 for a forged request."""
    if credentials is not None:
        return Asker(await _of_token(request, here, credentials.credentials), "http")
    found = await here.lane.run(signed_in, here, cookie)
    if found is None:
        _refuse_stranger()
    if request.method not in _SAFE_METHODS:
        refuse_forgery(request, here, found.session)
    return Asker(found.person, "web")


async def agent(request: Request, here: Here, credentials: Credentials) -> Person:
    """Whoever a request's token belongs to; a web session will not do. Raises `Refused`."""
    if credentials is None:
        _refuse_stranger()
    return await _of_token(request, here, credentials.credentials)


Asked = Annotated[Asker, Depends(asker)]
Agent = Annotated[Person, Depends(agent)]


def signed_in(here: Service, cookie: str | None) -> SignedIn | None:
    """The session's user as the database knows them now; None when it was ended, or the user is no more."""
    session = here.sessions.read(cookie)
    if session is None:
        return None
    with here.assistant.database.glance() as connection:
        person = sessions.person_in(connection, session.user_id, session.nonce)
    return None if person is None else SignedIn(person, session)


def refuse_forgery(request: Request, here: Service, session: Session, sent: str | None = None) -> None:
    """Raise `Refused` unless the request was made by one of our own pages in this session.

    ``sent`` is the token where a form carries it; scripts send it as a header.
    """
    if not _is_own_page(request, here.assistant.settings.server.public_url):
        raise Refused(
            403, "foreign_origin", "The request came from another site.", "Use the service's own page."
        )
    if not here.sessions.is_csrf_token(
        session, request.headers.get(CSRF_HEADER, "") if sent is None else sent
    ):
        raise Refused(
            403,
            "csrf_token_wrong",
            "The page is out of date.",
            f"Reload the page; programs use an API token instead of the session (or send {CSRF_HEADER}).",
        )


def _is_own_page(request: Request, public_url: str | None) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    own = {request.headers.get("host", ""), urlsplit(public_url or "").netloc}
    return origin is None or urlsplit(origin).netloc in own - {""}


async def _of_token(request: Request, here: Service, token: str) -> Person:
    seen: Recognised | None = getattr(request.state, "recognised", None)
    person = (
        seen.person
        if seen is not None and seen.token == token
        else await here.lane.run(_bearer_of, here, token)
    )
    if person is None:
        _refuse_token()
    return person


def _bearer_of(here: Service, token: str) -> Person | None:
    with here.assistant.database.glance() as connection:
        return people.bearer(connection, token, here.assistant.clock())


def _refuse_token() -> NoReturn:
    raise Refused(
        401,
        "token_not_valid",
        "The token is unknown, expired or revoked.",
        "Get a new one with `gtm user token NAME`.",
        {"WWW-Authenticate": 'Bearer realm="gtm", error="invalid_token"'},
    )


def _refuse_stranger() -> NoReturn:
    raise Refused(
        401,
        "not_signed_in",
        "You are not signed in, or your session is over.",
        "Send an API token as Authorization: Bearer …, or open a link that `gtm sign-in` prints.",
        {"WWW-Authenticate": 'Bearer realm="gtm"'},
    )


class Proof:
    """What a connection proves its person with, looked at again for every turn."""

    def __init__(self, socket: WebSocket, here: Service) -> None:
        self._here = here
        self._token = offered_token(socket)
        self._cookie = socket.cookies.get(SESSION_COOKIE) if _opened_by_own_page(socket, here) else None

    def rate(self, person: Person) -> Rate | None:
        """Count a turn; None when there is no limit."""
        return self._here.limits.asked(limits.person(person.id))

    @property
    def refusal(self) -> Error:
        """What somebody is told who proves nothing."""
        return Error(
            code="not_signed_in",
            message="You are not signed in.",
            cure="Send an API token as Authorization: Bearer …, or use the service's own page.",
        )

    @property
    def end(self) -> Error:
        """What is told when the proof no longer holds."""
        return Error(code="not_signed_in", message="You are no longer signed in.", cure="Sign in again.")

    @property
    def channel(self) -> str:
        """How the connection came."""
        return "websocket" if self._token is not None else "web"

    def person(self) -> Person | None:
        """Whom it is, as the database knows them now."""
        if self._token is None:
            found = signed_in(self._here, self._cookie)
            return None if found is None else found.person
        with self._here.assistant.database.read() as connection:
            return people.bearer(connection, self._token, self._here.assistant.clock())


def _opened_by_own_page(socket: WebSocket, here: Service) -> bool:
    """Browsers send cookies to whoever asks: only our own pages may use a session."""
    origin = socket.headers.get("origin")
    own = {socket.headers.get("host", ""), urlsplit(here.assistant.settings.server.public_url or "").netloc}
    return origin is not None and urlsplit(origin).netloc in own - {""}
