"""Slack over HTTP: events, buttons and slash commands come to one address."""

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.adapter.starlette.handler import to_starlette_response
from slack_sdk.signature import SignatureVerifier
from starlette.datastructures import Headers
from starlette.responses import Response

PATH = "/slack/events"
MOST_AT_ONCE = 8
"""Requests that are looked at side by side; the rest waits a moment."""


def routes(app: App, secret: str) -> APIRouter:
    """The address to give Slack; ``secret`` is what it signs with."""
    router = APIRouter(include_in_schema=False)
    threads = CapacityLimiter(MOST_AT_ONCE)
    verifier = SignatureVerifier(secret)

    @router.post(PATH)
    async def take(request: Request) -> Response:
        body = await request.body()
        # Not behind the turns of others: Slack waits three seconds.
        answer = await to_thread.run_sync(_dispatched, app, verifier, request.headers, body, limiter=threads)
        return to_starlette_response(answer)

    return router


def _dispatched(app: App, verifier: SignatureVerifier, headers: Headers, body: bytes) -> BoltResponse:
    # Bolt reads a body before it looks at its signature: what is not Slack's shall not come so far.
    at = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    try:
        words = body.decode()
    except UnicodeDecodeError:
        return _NOT_SLACK
    is_form = at.isascii() and at.isdecimal() and len(at) <= MOST_DIGITS and signature.isascii()
    if not is_form or not verifier.is_valid(words, at, signature):
        return _NOT_SLACK
    return app.dispatch(BoltRequest(body=words, headers=dict(headers)))


_NOT_SLACK = BoltResponse(status=401, body={"error": "invalid request"})
MOST_DIGITS = 15
