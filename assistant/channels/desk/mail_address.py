"""Where one's mail goes, on the settings page, and the page that a mailed link opens."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from starlette.responses import RedirectResponse, Response

from assistant import addressing
from assistant.channels import entering
from assistant.channels.access import Cookie, SignedIn
from assistant.channels.desk.pages import field_of
from assistant.channels.errors import Refused
from assistant.channels.page import gate, notice, read_form, templates
from assistant.channels.service import Here, Service
from assistant.reply import Problem
from intents.command import Role
from storage import accesses, mail_addresses, people
from storage.accesses import What
from storage.mail_addresses import MailAddress

router = APIRouter(include_in_schema=False)

Secret = Annotated[str, InPath(min_length=20, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


@router.post("/settings/mail")
async def set_address(request: Request, here: Here, cookie: Cookie) -> Response:
    """Ask an address, one's own or as the chairman anybody's, to confirm itself; none takes it away."""
    found = await gate(request, here, cookie)
    if isinstance(found, Response):
        return found
    form = await read_form(request, here, found)
    name = field_of(form, "person") or found.person.name
    if name != found.person.name and not found.person.role.includes(Role.CHAIRMAN):
        raise Refused(403, "role_required", "Another's address needs the role chairman.", "Ask the chairman.")
    try:
        await here.lane.run(_set, here, request, found, name, field_of(form, "address"))
    except Problem as problem:
        return notice(request, "Not changed", problem.message, problem.cure or "Go back.", 422)
    return RedirectResponse("/settings#mail", 303)


def _set(here: Service, request: Request, found: SignedIn, name: str, said: str) -> None:
    assistant, place = here.assistant, entering.place_of(request)
    now = assistant.clock()
    with assistant.database.write() as connection:
        person = people.person_named(connection, name)
        if person is None or person.is_service:
            raise Problem("unknown_person", f"Nobody here is called {name}.", "Choose somebody.")
        by = "" if person.id == found.person.id else f", by {found.person.name}"
        if not said.strip():
            if mail_addresses.forget(connection, person.id):
                accesses.note(connection, What.ADDRESS_ENDED, place, now, person.id, by.lstrip(", "))
            return
        address = addressing.ask(connection, assistant.settings, person, said, found.person, now)
        accesses.note(connection, What.ADDRESS_ASKED, place, now, person.id, f"{address}{by}")
    assistant.outbox.loop.wake()


@router.get("/mail/{secret}")
async def proof(request: Request, secret: Secret, here: Here) -> Response:
    """Ask whether it is meant: programs that look into mails open links, but press no buttons."""
    found = await here.lane.run(_wanted, here, secret)
    if found is None:
        return _used(request)
    context = {"address": found[0].wanted, "name": found[1]}
    return templates.TemplateResponse(request, "mail_address.html", context)


def _wanted(here: Service, secret: str) -> tuple[MailAddress, str] | None:
    with here.assistant.database.read() as connection:
        found = mail_addresses.wanted(connection, secret, here.assistant.clock(), addressing.LIFETIME)
        person = None if found is None else people.person(connection, found.user_id)
    return None if found is None or person is None else (found, person.name)


@router.post("/mail/{secret}")
async def confirm(request: Request, secret: Secret, here: Here) -> Response:
    """Mail goes there from now on. Whoever has the link reads the mail; no session is needed."""

    def done() -> MailAddress | None:
        now = here.assistant.clock()
        with here.assistant.database.write() as connection:
            found = mail_addresses.confirm(connection, secret, now, addressing.LIFETIME)
            if found is not None:
                place = entering.place_of(request)
                accesses.note(connection, What.ADDRESS_SET, place, now, found.user_id, found.wanted or "")
        return found

    found = await here.lane.run(done)
    if found is None:
        return _used(request)
    context = {"address": found.wanted, "name": None}
    return templates.TemplateResponse(request, "mail_address.html", context)


def _used(request: Request) -> Response:
    return notice(
        request,
        "This link no longer works",
        "It works once and for a day. This one was used, is too old, or was never given out.",
        "Set the address again on the settings page.",
        410,
    )
