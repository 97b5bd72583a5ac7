"""HTTP connections whose requests come in time and in bounds; what is no HTTP is refused in the one shape."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from assistant.channels.desk.live import PATH as EVENTS
from assistant.channels.errors import ErrorBody
from assistant.reply import Error

MOST_HEAD_BYTES = 65_536
"""Largest head of a request: its first line and headers."""

_INVALID = Error(
    code="invalid_http", message="This is no HTTP request.", cure="Send HTTP/1.1 as RFC 9112 describes it."
)
_TOO_LARGE = Error(
    code="head_too_large",
    message=f"The address and headers have more than {MOST_HEAD_BYTES:,} bytes.",
    cure="Send fewer or shorter headers.",
)
_TOO_SLOW = Error(
    code="head_too_slow",
    message="The headers did not arrive in time.",
    cure="Send the request again, faster.",
)


class TooLargeError(HttpParserError):
    """The head of a request is larger than is taken."""


class Connection(HttpToolsProtocol):
    """Closes connections on which a request is begun and not ended; uvicorn itself would wait for ever.

    From the first moment, and from each byte after an answer, the next head has ``seconds`` to be complete;
    the body is the application's to await until it has answered.
    """

    def __init__(
        self, *args: Any, seconds: float, headers_of_refusals: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.seconds = seconds
        self.headers_of_refusals = headers_of_refusals
        self._deadline: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        self._in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._stop_expecting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, and refuse it when its head has grown too large."""
        if not self._is_answering:
            self._expect()
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self._is_answering:
                self._refuse(431, _TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin the request."""
        self._head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if self._head_bytes > MOST_HEAD_BYTES:
            raise TooLargeError
        self._stop_expecting()
        self._in_head, self._in_body = False, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Know that the body is whole."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Do not wait for ever for a body that nobody needs any more."""
        super().on_response_complete()
        if self._in_body:
            self._expect()

    def shutdown(self) -> None:
        """End at once what would never end: a stream of events goes on with whoever serves next."""
        super().shutdown()
        if self._is_answering and self.scope["path"] == EVENTS:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed."""
        del msg
        if self._is_answering and self.cycle.response_started:
            self.transport.close()
        elif self._in_head and self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(431, _TOO_LARGE)
        else:
            self._refuse(400, _INVALID)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.seconds, self._give_up)

    def _stop_expecting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._is_answering:
            # The next request was begun before the answer to this one was given.
            self._expect()
        elif self._in_head:
            self._refuse(408, _TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, status: int, error: Error) -> None:
        body = ErrorBody(error=error).model_dump_json(exclude_none=True).encode()
        headers = {
            **self.headers_of_refusals,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self.transport.close()


def connections(seconds: float, headers_of_refusals: Mapping[str, str]) -> Callable[..., Connection]:
    """What makes uvicorn's connections, which wait ``seconds`` for a head; worker processes take it too."""
    return partial(Connection, seconds=seconds, headers_of_refusals=headers_of_refusals)
