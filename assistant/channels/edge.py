"""What holds for every request and response: headers, the largest body and its time, the count."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.channels.errors import Refused, problem_response
from assistant.channels.metrics import Metrics

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DIGITS = 20
"""As much of a Content-Length as is read: enough to tell that it is too large."""


def security_headers(*, is_https: bool) -> dict[str, str]:
    """Headers of every response, whatever it is."""
    headers = {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    if is_https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


class AddHeaders:
    """Sets headers on responses that do not set them themselves."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the headers added."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, sent)


class LimitBody:
    """Refuses bodies that are too large, whether they say their length or not.

    Paths under ``except_under`` look after themselves; ``larger`` names those that may take more.
    """

    def __init__(
        self, app: ASGIApp, most: int, except_under: str, larger: Mapping[str, int] | None = None
    ) -> None:
        self.app = app
        self.most = most
        self.except_under = except_under
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on while the body is small enough."""
        if scope["type"] != "http" or scope["path"].startswith(self.except_under):
            await self.app(scope, receive, send)
            return
        most = max(self.most, self.larger.get(scope["path"], 0))
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length[:_DIGITS]) > most:
            refused = self._refused(most)
            await problem_response(413, refused.error)(scope, receive, send)
            return
        taken = 0

        async def received() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise self._refused(most)
            return message

        await self.app(scope, received, send)

    def _refused(self, most: int) -> Refused:
        return Refused(
            413, "body_too_large", f"The body has more than {most:,} bytes.", "Send it in smaller parts."
        )


class AwaitBody:
    """Refuses bodies that do not arrive in ``seconds``; under ``parts_under`` each part has as long."""

    def __init__(self, app: ASGIApp, seconds: float, parts_under: str) -> None:
        self.app = app
        self.seconds = seconds
        self.parts_under = parts_under

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on while the body arrives."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        now = asyncio.get_running_loop().time
        in_parts = scope["path"].startswith(self.parts_under)
        until = now() + self.seconds
        is_whole = False

        async def received() -> Message:
            nonlocal is_whole, until
            if is_whole:
                return await receive()
            if in_parts:
                until = now() + self.seconds
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError as error:
                raise self._refused() from error
            is_whole = not message.get("more_body", False)
            return message

        await self.app(scope, received, send)

    def _refused(self) -> Refused:
        return Refused(
            408,
            "body_too_slow",
            f"The body did not arrive within {self.seconds:g} s.",
            "Send it again, faster.",
            {"Connection": "close"},
        )


class CountRequests:
    """Counts every answered request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on and count."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sent)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.request(method, _route(scope), status)


def _route(scope: Scope) -> str:
    """The pattern that matched: paths themselves would make endless labels."""
    pattern: str = getattr(scope.get("route"), "path", "") or scope.get("root_path", "")
    return pattern or "unmatched"
