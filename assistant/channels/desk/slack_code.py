"""A code by which somebody who is signed in becomes known in Slack."""

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from assistant.channels.access import Cookie, SignedIn
from assistant.channels.desk.rendering import rendered
from assistant.channels.page import gate, read_form
from assistant.channels.service import Here, Service
from storage import people

CODE_MINUTES = 10

router = APIRouter(include_in_schema=False)


@router.post("/settings/slack")
async def make_code(request: Request, here: Here, cookie: Cookie) -> Response:
    """Show a code of one use, which is kept nowhere."""
    found = await gate(request, here, cookie)
    if isinstance(found, Response):
        return found
    await read_form(request, here, found)
    code = await here.lane.run(_issued, here, found)
    context = {"page": None, "front": None, "code": code, "minutes": CODE_MINUTES}
    return rendered(request, here, found, "desk/slack_code.html", context)


def _issued(here: Service, found: SignedIn) -> str:
    assistant = here.assistant
    lifetime = timedelta(minutes=CODE_MINUTES)
    with assistant.database.write() as connection:
        return people.issue_token(
            connection, found.person.id, people.SLACK, "Slack", assistant.clock(), lifetime
        )
