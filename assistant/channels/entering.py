"""How people come in: sessions that begin and end, refusals that are counted, places that are locked out."""

from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Connection
from starlette.requests import HTTPConnection
from starlette.responses import Response

from assistant.channels import limits
from assistant.channels.access import SESSION_COOKIE
from assistant.channels.service import Service
from assistant.channels.sessions import Session
from storage import accesses, sessions
from storage.accesses import What
from storage.people import Person

KEPT = timedelta(days=accesses.KEPT_DAYS)


class LockedOutError(Exception):
    """Too many sign-ins from a place were refused; ``seconds`` until it may try again."""

    def __init__(self, seconds: int, most: int, minutes: float) -> None:
        super().__init__(f"{most} refused")
        self.seconds, self.most, self.minutes = seconds, most, minutes


def place_of(connection: HTTPConnection) -> str:
    """The address somebody comes from; of IPv6 the network."""
    return limits.place(connection.scope.get("client")).removeprefix("place:")


def admit(connection: Connection, here: Service, request: HTTPConnection) -> None:
    """Raise `LockedOutError` where too many sign-ins from the request's place were refused of late."""
    server = here.assistant.settings.server
    now, window = here.assistant.clock(), timedelta(minutes=server.sign_in_minutes)
    count, first = accesses.refusals(connection, place_of(request), now - window)
    if server.sign_in_failures and first is not None and count >= server.sign_in_failures:
        seconds = max(1, ceil((first + window - now).total_seconds()))
        raise LockedOutError(seconds, server.sign_in_failures, server.sign_in_minutes)


def refuse(connection: Connection, here: Service, request: HTTPConnection, why: str) -> None:
    """Write down that a sign-in was refused, and that the place is locked out if it was one too many."""
    place, now, server = place_of(request), here.assistant.clock(), here.assistant.settings.server
    accesses.note(connection, What.REFUSED, place, now, detail=why)
    count, _ = accesses.refusals(connection, place, now - timedelta(minutes=server.sign_in_minutes))
    if count == server.sign_in_failures:
        accesses.note(connection, What.LOCKED, place, now, detail=f"{count} sign-ins were refused")


def begin(
    connection: Connection,
    here: Service,
    request: HTTPConnection,
    person: Person,
    how: str,
    name: str | None = None,
) -> Session:
    """A session that begins; one of a ``name`` begins once. Raises `sqlalchemy.exc.IntegrityError`."""
    now, place = here.assistant.clock(), place_of(request)
    session = here.sessions.start(person.id, name)
    browser = request.headers.get("user-agent", "")
    sessions.begin(connection, person.id, session.nonce, how, place, browser, now, _moment(session, now))
    accesses.note(connection, What.SIGNED_IN, place, now, person.id, _HOW[how])
    sessions.forget(connection, now - KEPT)
    accesses.forget(connection, now - KEPT)
    return session


_HOW = {sessions.LINK: "by a one-time link", sessions.OIDC: "by the provider"}


def _moment(session: Session, now: datetime) -> datetime:
    return datetime.fromtimestamp(session.until, now.tzinfo)


def end(connection: Connection, here: Service, request: HTTPConnection, session: Session) -> None:
    """Sign out of one session."""
    now = here.assistant.clock()
    if sessions.end(connection, session.user_id, now, name=session.nonce):
        accesses.note(connection, What.SIGNED_OUT, place_of(request), now, session.user_id)


def end_others(connection: Connection, here: Service, request: HTTPConnection, session: Session) -> int:
    """Sign out of all sessions but one; how many there were."""
    now = here.assistant.clock()
    count = sessions.end(connection, session.user_id, now, but=session.nonce)
    if count:
        detail = f"{count}, from another session"
        accesses.note(connection, What.SESSIONS_ENDED, place_of(request), now, session.user_id, detail)
    return count


def end_one(
    connection: Connection, here: Service, request: HTTPConnection, session: Session, number: int
) -> None:
    """Sign out of another session of the same person."""
    now = here.assistant.clock()
    if sessions.end(connection, session.user_id, now, number=number):
        detail = "one, from another session"
        accesses.note(connection, What.SESSIONS_ENDED, place_of(request), now, session.user_id, detail)


def set_cookie(response: Response, here: Service, value: str, seconds: int) -> None:
    """Give the browser its session, or take it away."""
    response.set_cookie(
        SESSION_COOKIE,
        value,
        max_age=seconds,
        secure=here.assistant.settings.server.is_https,
        httponly=True,
        samesite="strict",
    )
