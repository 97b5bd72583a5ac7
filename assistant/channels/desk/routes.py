"""The routes of the desk: its pages, why a number is what it is, and what its forms ask for."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from assistant.channels.access import Cookie, SignedIn
from assistant.channels.answers import as_text, status_of_command
from assistant.channels.briefings import feed_of
from assistant.channels.desk import keys, live, mail_address, slack_code
from assistant.channels.desk.asking import Ask, Told, ask_all
from assistant.channels.desk.pages import PAGES, Page, View, clean, field_of
from assistant.channels.desk.rendering import rendered
from assistant.channels.desk.standing import came_in, standing
from assistant.channels.page import gate, read_form
from assistant.channels.service import Here, Service
from assistant.commands.why import Depth
from assistant.reply import Reply
from assistant.turn import DESK, Turn, front_of
from intents.command import Command, Role, slots_of

router = APIRouter(include_in_schema=False)
router.include_router(live.router)
router.include_router(slack_code.router)
router.include_router(mail_address.router)
router.include_router(keys.router)

OWN = "_"
"""What the names of a form's own fields begin with; the others are slots."""
DEPTHS = len(Depth)


def _page_route(page: Page) -> Callable[..., Awaitable[Response]]:
    async def show(request: Request, here: Here, cookie: Cookie) -> Response:
        found = await gate(request, here, cookie)
        if isinstance(found, Response):
            return found
        said = {**request.query_params, **request.path_params}
        view = await here.lane.run(view_of, here, found, said)
        asks = page.asks(view)
        told = await ask_all(here, found.person, asks)
        main = told[page.main].reply
        status = status_of_command(main)
        # A period without data, or nothing that fits, is an answer.
        status = 200 if status == 409 else status
        context = {"page": page, "view": view, "told": told, "front": page.in_front(asks)}
        if page.name == "settings":
            context["standing"] = await here.lane.run(standing, here, found)
        if page.name == "audit" and found.person.role.includes(Role.CHAIRMAN):
            context["accesses"] = await here.lane.run(came_in, here)
        return rendered(request, here, found, f"desk/{page.name}.html", context, status)

    return show


for _one in PAGES:
    router.add_api_route(_one.path, _page_route(_one), methods=["GET"], name=_one.name)


NAMED = ("venture", "campaign", "category")


def view_of(here: Service, found: SignedIn, said: Mapping[str, str]) -> View:
    """The address as the person means it today, with the live names that can be chosen."""
    scene = here.assistant.dialogue.scene(Turn(person=found.person, channel=DESK, text=""))
    return View(said, scene.today, *(tuple(scene.names.labels(kind)) for kind in NAMED))


@router.post("/briefings/feed")
async def open_feed(request: Request, here: Here, cookie: Cookie) -> Response:
    """The page of briefings with a new address of one's podcast feed, shown this once."""
    found = await gate(request, here, cookie)
    if isinstance(found, Response):
        return found
    await read_form(request, here, found)
    opened = await feed_of(here, found.person)
    page = next(one for one in PAGES if one.name == "briefings")
    view = await here.lane.run(view_of, here, found, {})
    asks = page.asks(view)
    told = await ask_all(here, found.person, asks)
    context = {"page": page, "view": view, "told": told, "front": page.in_front(asks), "feed": opened}
    return rendered(request, here, found, "desk/briefings.html", context)


@router.get("/go")
async def go(request: Request) -> Response:
    """The page that was chosen, where no script goes there by itself."""
    return RedirectResponse(_back(request.query_params.get("to", "/")), 303)


@router.get("/why/{name}")
async def why(name: str, request: Request, here: Here, cookie: Cookie) -> Response:
    """Where the numbers of a command's answer come from, as deep as asked."""
    found = await gate(request, here, cookie)
    if isinstance(found, Response):
        return found
    said = [(name, value) for name, value in request.query_params.multi_items() if not name.startswith(OWN)]
    wanted = request.query_params.get("_depth", "1")
    depth = min(int(wanted), DEPTHS) if wanted.isdecimal() else 1
    catalogue = here.assistant.bus.catalogue
    ask = Ask(clean(name), _slots(catalogue.get(name), said))
    answer, levels = await here.lane.run(_reasons, here, found, ask, max(depth, 1))
    context = {
        "page": None,
        "front": None,
        "answer": Told(ask, answer),
        "levels": levels,
        "depth": depth,
        "deepest": depth >= DEPTHS or (bool(levels) and levels[-1].error is not None),
    }
    return rendered(request, here, found, "desk/why.html", context, status_of_command(answer))


def _reasons(here: Service, found: SignedIn, ask: Ask, depth: int) -> tuple[Reply, list[Reply]]:
    """The answer once more, and "why?" asked of it ``depth`` times."""
    dialogue, conversation = here.assistant.dialogue, f"why-{uuid4().hex}"

    def turn(text: str) -> Turn:
        return Turn(found.person, DESK, text, conversation_id=conversation, only_looks=True)

    answer = dialogue.run(ask.command, ask.known, turn(as_text(ask.command, ask.known)))
    if answer.error is not None:
        return answer, []
    levels: list[Reply] = []
    for _ in range(depth):
        levels.append(dialogue.run("why", {}, turn("why?")))
        if levels[-1].error is not None:
            break
    return answer, levels


@router.post("/act")
async def act(request: Request, here: Here, cookie: Cookie) -> Response:
    """Say a command with its slots, or words, as a form of the desk has them; show what came of it."""
    found = await gate(request, here, cookie)
    if isinstance(found, Response):
        return found
    form = await read_form(request, here, found)
    name, words = field_of(form, "_command"), field_of(form, "_say")
    said = [(key, str(value)) for key, value in form.multi_items() if not key.startswith(OWN)]
    catalogue = here.assistant.bus.catalogue
    slots = _slots(catalogue.get(name), said)
    conversation = field_of(form, "_conversation") or f"desk-{uuid4().hex}"
    turn = Turn(
        person=found.person,
        channel="web",
        text=as_text(name, slots) if name else words,
        conversation_id=conversation,
        key=field_of(form, "_key") or None,
        page=front_of(field_of(form, "_on")),
    )
    run = here.assistant.dialogue
    reply = await (here.lane.run(run.run, name, slots, turn) if name else here.lane.run(run.turn, turn))
    here.metrics.turn("web", reply)
    context = {
        "page": None,
        "front": turn.page,
        "on": field_of(form, "_on"),
        "reply": reply,
        "conversation": conversation,
        "back": _back(field_of(form, "_back")),
    }
    return rendered(request, here, found, "desk/outcome.html", context)


def _back(path: str) -> str:
    """An address of ours to go back to."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


def _slots(command: type[Command] | None, said: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What was said a slot; several values of one that takes several."""
    many = {slot.name for slot in slots_of(command) if slot.many} if command is not None else set()
    slots: dict[str, Any] = {}
    for name, value in said:
        if not value.strip():
            continue
        if name in many:
            slots.setdefault(clean(name), []).append(clean(value))
        else:
            slots[clean(name)] = clean(value)
    return slots
