"""Bodies that every reader of JSON understands alike; anything else is refused."""

import json
from collections.abc import Callable, Coroutine, Iterator
from math import isfinite
from typing import Any, NoReturn

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from assistant.channels.access import refuse_strangers
from assistant.channels.errors import Refused

MOST_DEPTH = 64
"""Lists and objects within each other."""


class StrictRoute(APIRoute):
    """A route for those who are signed in: strangers are refused before their body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with a request that reads its body strictly."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            refuse_strangers(request)
            return await handle(_StrictRequest(request.scope, request.receive))

        return strictly


class _StrictRequest(Request):
    async def json(self) -> Any:
        return parsed(await self.body())


def parsed(body: bytes) -> Any:
    """The value of a JSON text.

    Raises `Refused` for what readers understand differently (keys that stand twice, numbers beyond a double,
    halves of characters) or cannot hold (too deep a nesting), `ValueError` for what is no JSON.
    """
    text = body.decode("utf-8-sig")
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_float=_number, parse_constant=_no_number)
    except RecursionError:
        _refuse_depth()
    if text.count("[") + text.count("{") > MOST_DEPTH and any(depth > MOST_DEPTH for depth in _depths(value)):
        _refuse_depth()
    if "\\ud" in text.lower() and not _is_whole(value):
        raise _refused("The body has half a character (a lone surrogate).", "Send whole characters.")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _refused("A key stands twice in the body.", "Send every key once.")
    return found


def _number(written: str) -> float:
    number = float(written)
    if not isfinite(number):
        raise _refused("A number of the body is too large.", "Send a smaller number.")
    return number


def _no_number(written: str) -> NoReturn:
    raise _refused(f"{written} is no number in JSON.", "Send a number, or null.")


def _depths(value: Any) -> Iterator[int]:
    waiting = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else None
        if inner is not None:
            yield depth
            waiting.extend((part, depth + 1) for part in inner)


def _is_whole(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_depth() -> NoReturn:
    raise _refused(f"The body is nested more than {MOST_DEPTH} levels deep.", "Send it flatter.") from None


def _refused(message: str, cure: str) -> Refused:
    return Refused(400, "invalid_json", message, cure)
