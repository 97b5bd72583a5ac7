"""Who asks, found out before anything is read of a request, and whether they may ask again so soon."""

from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.channels import limits
from assistant.channels.access import offered_token, recognise
from assistant.channels.errors import problem_response
from assistant.channels.limits import Rate
from assistant.channels.service import Service
from assistant.reply import Error
from storage import accesses
from storage.accesses import What

_STARTS = ("http.response.start", "websocket.http.response.start")


class LimitRate:
    """Refuses requests, and WebSockets, of callers who ask too often.

    Paths of ``free``, and whatever is under those that end with a slash, are open to everybody at any rate.
    """

    def __init__(self, app: ASGIApp, here: Service, free: tuple[str, ...]) -> None:
        self.app = app
        self.here = here
        self.free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on whoever may ask, and tell them what they have left."""
        if scope["type"] not in ("http", "websocket") or self._is_free(scope["path"]):
            await self.app(scope, receive, send)
            return
        place = limits.place(scope.get("client"))
        caller = await self._caller(HTTPConnection(scope)) or place
        rate = self.here.limits.asked(caller)
        if rate is not None and not rate.admitted:
            await _refusal(rate)(scope, receive, send)
            return
        is_refused = False

        async def sent(message: Message) -> None:
            nonlocal is_refused
            if message["type"] in _STARTS:
                failed = self.here.limits.failed(place) if message["status"] == 401 else None
                if failed is not None and not failed.left and self.here.limits.is_news(place):
                    await self.here.lane.run(self._note, place, failed)
                if failed is not None and not failed.admitted:
                    is_refused = True
                    await _refusal(failed)(scope, receive, send)
                elif rate is not None:
                    MutableHeaders(scope=message).update(rate.headers)
            if not is_refused:
                await send(message)

        await self.app(scope, receive, sent)

    def _is_free(self, path: str) -> bool:
        return any(path == one or (one.endswith("/") and path.startswith(one)) for one in self.free)

    def _note(self, place: str, failed: Rate) -> None:
        """Put on record that a place has sent as many keys that are not valid as it may; once a minute."""
        detail = f"{failed.most} requests without a valid token or session within a minute"
        with suppress(SQLAlchemyError), self.here.assistant.database.write() as connection:
            where, now = place.removeprefix("place:"), self.here.assistant.clock()
            accesses.note(connection, What.LOCKED, where, now, detail=detail)

    async def _caller(self, connection: HTTPConnection) -> str | None:
        try:
            if offered_token(connection) is None:
                # Nothing to ask the database, and so no thread to wait for behind turns.
                seen = recognise(connection, self.here)
            else:
                seen = await self.here.lane.run(recognise, connection, self.here)
        except SQLAlchemyError:
            # The route asks the database again, and tells.
            return None
        return None if seen.user_id is None else limits.person(seen.user_id)


def _refusal(rate: Rate) -> Response:
    if rate.limit == "unknown":
        message = f"More than {rate.most:,} requests within a minute did not prove who asks."
        cure = f"Wait {rate.seconds} s, then send a token that is valid: `gtm user token NAME` prints one."
    else:
        message = f"You asked more than {rate.most:,} times within a minute."
        cure = f"Wait {rate.seconds} s and ask again."
    return problem_response(429, Error(code="too_many_requests", message=message, cure=cure), rate.headers)
