"""One stream of events that tells open pages when something they show has changed."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response, StreamingResponse

from assistant.bootstrap import Assistant
from assistant.channels.access import Cookie, signed_in
from assistant.channels.service import Here, Service
from storage import alerts, changes, jobs, loops, proposals

PATH = "/events"
LOOK_SECONDS = 1.5
BEAT_SECONDS = 20.0
"""After so long without news a comment keeps proxies from closing the stream."""
ALERT_DAYS = 7

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def events(here: Here, cookie: Cookie) -> Response:
    """A `changed` event whenever somebody changed something, or approvals, alerts, jobs or loops moved."""
    if await here.lane.run(signed_in, here, cookie) is None:
        # Not an error: an event source that gets this stops asking.
        return Response(status_code=204)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(here, cookie), media_type="text/event-stream", headers=headers)


async def _told(here: Service, cookie: str | None) -> AsyncIterator[str]:
    before, quiet = await here.lane.run(_state, here.assistant), 0.0
    yield "retry: 3000\n\n"
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        quiet += LOOK_SECONDS
        with suppress(SQLAlchemyError):
            now = await here.lane.run(_state, here.assistant)
            if now != before:
                before, quiet = now, 0.0
                yield f"event: changed\ndata: {now}\n\n"
        if quiet >= BEAT_SECONDS:
            if here.sessions.read(cookie) is None:
                return
            quiet = 0.0
            yield ": still here\n\n"


def _state(assistant: Assistant) -> str:
    """Stands for what was changed, waits, runs and warns; of no use but to be compared."""
    now = assistant.clock()
    with assistant.database.glance() as connection:
        parts = (
            [one.id for one in proposals.waiting(connection, now)],
            [(one.id, one.told) for one in alerts.open_alerts(connection, now - timedelta(days=ALERT_DAYS))],
            changes.latest(connection),
            [(one.id, one.state, str(one.progress)) for one in jobs.latest(connection, only_open=True)],
            [(one.name, one.state, one.failures) for one in loops.all_loops(connection).values()],
        )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
