"""Briefings to be fetched: as words, pages, pictures and sound, and as a podcast by a secret address."""

from base64 import b64encode
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import BaseModel, Field
from starlette.responses import Response

from assistant import pictures
from assistant.briefing import feed, html, words
from assistant.briefing.facts import Briefing
from assistant.channels.access import Asked, Asker
from assistant.channels.answers import status_of_command
from assistant.channels.errors import Refused, documented
from assistant.channels.service import Here, Service
from assistant.channels.strict import StrictRoute
from assistant.channels.voice import refused
from assistant.turn import DESK, Turn
from storage import briefings, people
from storage.people import Person
from voice.audio import VoiceError
from voice.encoding import MEDIA_TYPES

router = APIRouter(prefix="/api/v1/briefings", tags=["briefings"], route_class=StrictRoute)
open_router = APIRouter(prefix="/feeds", tags=["briefings"], include_in_schema=False)

Kind = Literal["markdown", "html", "png", "svg", "wav", "mp3", "opus"]
Number = Annotated[
    Annotated[int, Field(ge=1, le=2**53)] | Literal["now"],
    InPath(description="The number of a briefing that was made, or now for one of this moment."),
]
_KINDS: dict[str, str] = {
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "wav": MEDIA_TYPES["wav"],
    "mp3": MEDIA_TYPES["mp3"],
    "opus": MEDIA_TYPES["opus"],
}


class FeedAddress(BaseModel):
    """Where a podcast app finds one's briefings. Whoever knows it hears them; it is told this once."""

    url: str


@router.post("/feed", responses=documented(), operation_id="open_briefing_feed")
async def open_feed(here: Here, asker: Asked) -> FeedAddress:
    """Get a new address for one's podcast feed; the one before no longer opens it."""
    return FeedAddress(url=await feed_of(here, asker.person))


async def feed_of(here: Service, person: Person) -> str:
    """A new address of somebody's feed."""

    def opened() -> str:
        with here.assistant.database.write() as connection:
            return briefings.open_feed(connection, person.id, here.assistant.clock())

    return feed_address(here, await here.lane.run(opened))


def feed_address(here: Service, secret: str) -> str:
    """The address that a secret makes."""
    return f"{here.assistant.settings.server.url}/feeds/{secret}/briefings.xml"


@router.get(
    "/{number}/{kind}",
    operation_id="fetch_briefing",
    response_class=Response,
    responses={
        **documented(404, 409),
        200: {"content": {media.partition(";")[0]: {} for media in _KINDS.values()}, "description": "It"},
    },
)
async def fetch(number: Number, kind: Kind, here: Here, asker: Asked) -> Response:
    """One of one's briefings as words, a page, its chart, or sound."""

    def made() -> bytes:
        return _rendered(here, _asked(here, asker, number), kind)

    try:
        body = await here.lane.run(made)
    except VoiceError as error:
        raise refused(error) from error
    headers = {"Content-Disposition": "attachment; filename=briefing.html"} if kind == "html" else {}
    return Response(body, media_type=_KINDS[kind], headers=headers)


def _asked(here: Service, asker: Asker, number: int | str) -> Briefing:
    """The facts, by the command that tells them. Raises `Refused`."""
    slots = {} if number == "now" else {"briefing": number}
    turn = Turn(person=asker.person, channel=DESK, text="brief me", only_looks=True)
    reply = here.assistant.dialogue.run("brief_me", slots, turn)
    if not isinstance(reply.result, Briefing):
        error = reply.error
        if error is None:
            raise Refused(404, "unknown_briefing", "There is no such briefing.", "List the briefings.")
        status = 404 if error.code == "unknown_briefing" else status_of_command(reply)
        raise Refused(status, error.code, error.message, error.cure)
    return reply.result


def _rendered(here: Service, facts: Briefing, kind: Kind) -> bytes:
    match kind:
        case "markdown":
            return words.markdown(facts).encode()
        case "html":
            return _page(here, facts).encode()
        case "png" | "svg":
            return _picture(facts, kind)
    return here.assistant.sounds.of(facts, kind)


def _page(here: Service, facts: Briefing) -> str:
    url = here.assistant.settings.server.url
    address = url if facts.number is None else f"{url}/briefings/{facts.number}"
    picture, alt = None, ""
    if facts.chart is not None and facts.chart.labels:
        drawn = b64encode(pictures.png(facts.chart)).decode()
        picture, alt = f"data:image/png;base64,{drawn}", pictures.described(facts.chart)
    return html.document(facts, url=address, picture=picture, alt=alt)


def _picture(facts: Briefing, kind: Literal["png", "svg"]) -> bytes:
    if facts.chart is None or not facts.chart.labels:
        raise Refused(404, "no_chart", "This briefing has no chart.", "Read it instead.")
    return pictures.png(facts.chart) if kind == "png" else pictures.svg(facts.chart).encode()


Secret = Annotated[str, InPath(min_length=20, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


@open_router.get("/{secret}/briefings.xml")
async def podcast(secret: Secret, here: Here) -> Response:
    """The feed of whom the secret belongs to."""

    def written() -> bytes:
        person = _owner(here, secret)
        settings = here.assistant.settings
        with here.assistant.database.read() as connection:
            made = briefings.heard_in_feed(connection, person.id, settings.briefings.in_feed)
        url, folder = settings.server.url, settings.data_dir / "briefings"

        def sound(number: int) -> tuple[str, int]:
            file = folder / f"{number}.mp3"
            size = file.stat().st_size if file.is_file() else 0
            return f"{url}/feeds/{secret}/{number}.mp3", size

        return feed.feed(person.name, url, feed_address(here, secret), made, sound)

    return Response(await here.lane.run(written), media_type=feed.MEDIA_TYPE)


@open_router.get("/{secret}/{number}.mp3")
async def episode(secret: Secret, number: Annotated[int, InPath(ge=1, le=2**53)], here: Here) -> Response:
    """A briefing of the feed, said aloud."""

    def sound() -> bytes:
        person = _owner(here, secret)
        with here.assistant.database.read() as connection:
            found = briefings.made(connection, number, person.id)
        if found is None:
            raise _nothing()
        facts = Briefing.model_validate({**found.facts, "number": found.id})
        return here.assistant.sounds.of(facts, "mp3")

    try:
        return Response(await here.lane.run(sound), media_type=MEDIA_TYPES["mp3"])
    except VoiceError as error:
        raise refused(error) from error


def _owner(here: Service, secret: str) -> Person:
    with here.assistant.database.read() as connection:
        number = briefings.feed_owner(connection, secret)
        person = None if number is None else people.person(connection, number)
    if person is None:
        raise _nothing()
    return person


def _nothing() -> Refused:
    return Refused(404, "not_found", "There is nothing here.", "Ask for a new address of the feed.")
