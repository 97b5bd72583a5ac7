"""What the settings page does beside commands: ends sessions, makes and revokes widgets."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from assistant.channels import entering
from assistant.channels.access import Cookie, SignedIn
from assistant.channels.desk.pages import field_of
from assistant.channels.desk.rendering import rendered
from assistant.channels.errors import Refused
from assistant.channels.page import gate, notice, read_form
from assistant.channels.service import Here, Service
from assistant.channels.sites import MOST_TURNS, origin_of, tag_of
from intents.command import Role
from storage import widgets

router = APIRouter(include_in_schema=False)


@router.post("/settings/sessions")
async def end_sessions(request: Request, here: Here, cookie: Cookie) -> Response:
    """End one of one's own sessions, by its number, or all but the one that asks."""
    found = await gate(request, here, cookie)
    if isinstance(found, Response):
        return found
    form = await read_form(request, here, found)
    await here.lane.run(_end, here, request, found, field_of(form, "number"))
    return RedirectResponse("/settings#sessions", 303)


def _end(here: Service, request: Request, found: SignedIn, number: str) -> None:
    with here.assistant.database.write() as connection:
        if number.isdecimal():
            entering.end_one(connection, here, request, found.session, int(number[:18]))
        else:
            entering.end_others(connection, here, request, found.session)


@router.post("/settings/widgets")
async def make_widget(request: Request, here: Here, cookie: Cookie) -> Response:
    """Make a widget and show its script tag, this once."""
    found = await gate(request, here, cookie)
    if isinstance(found, Response):
        return found
    form = await read_form(request, here, found)
    _refuse_others(found)
    name, sites = field_of(form, "name") or "widget", field_of(form, "sites").split()
    try:
        origins = sorted({origin_of(one) for one in sites or [""]})
        role = Role(field_of(form, "role") or Role.VIEWER)
        token = await here.lane.run(_made, here, request, name, role, origins)
    except ValueError as error:
        message = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return notice(request, "Not made", message, "Go back and correct it.", 422)
    context = {
        "page": None,
        "front": None,
        "name": name,
        "tag": tag_of(here.assistant.settings.server.url, token),
        "demo": f"/widget/demo#{token}",
    }
    return rendered(request, here, found, "desk/widget_made.html", context)


def _made(here: Service, request: Request, name: str, role: Role, origins: list[str]) -> str:
    settings, now = here.assistant.settings, here.assistant.clock()
    with here.assistant.database.write() as connection:
        return widgets.create(
            connection,
            name[:60],
            role,
            origins,
            MOST_TURNS,
            settings.time_zone,
            now,
            place=entering.place_of(request),
        )


@router.post("/settings/widgets/revoke")
async def revoke_widget(request: Request, here: Here, cookie: Cookie) -> Response:
    """End a widget."""
    found = await gate(request, here, cookie)
    if isinstance(found, Response):
        return found
    form = await read_form(request, here, found)
    _refuse_others(found)
    await here.lane.run(_revoked, here, request, field_of(form, "name"))
    return RedirectResponse("/settings#widgets", 303)


def _revoked(here: Service, request: Request, name: str) -> None:
    with here.assistant.database.write() as connection:
        widgets.revoke(connection, name, here.assistant.clock(), entering.place_of(request))


def _refuse_others(found: SignedIn) -> None:
    if not found.person.role.includes(Role.CHAIRMAN):
        raise Refused(403, "role_required", "Widgets need the role chairman.", "Ask the chairman.")
