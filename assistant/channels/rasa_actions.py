"""The action server of a Rasa that runs the whole dialogue: what its actions do is done here.

Rasa's protocol: it posts the action's name and its tracker to ``/webhook`` and passes on the texts it gets
back. Whatever is no 200 it drops without telling the person anything, so failures are told as texts.
"""

import hashlib
import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from assistant.bus import database_problem
from assistant.channels.access import Agent, Credentials, agent
from assistant.channels.answers import as_text
from assistant.channels.errors import documented
from assistant.channels.health import Health
from assistant.channels.service import Here, Service
from assistant.channels.strict import StrictRoute
from assistant.reply import Reply, Table
from assistant.turn import Turn
from intents import rasa_project
from intents.command import Command, slots_of
from intents.rasa_project import ACTION, AFFIRM, DENY, FALLBACK, WEBHOOK
from intents.readers.cascade import Cascade
from intents.readers.told import ToldReader, ToldSlotsReader
from intents.reading import Reader
from storage.people import Person

HEALTH = "/health"
CHANNEL = "rasa"
MOST_BYTES = 16_000_000
"""Largest call taken: it holds everything that happened in the conversation so far."""
MOST_TEXT = 10_000
MOST_BUTTONS = 10
MOST_ROWS = 20
_OWN_WORDS = (AFFIRM, DENY, FALLBACK)
"""What only we may read: a yes is ours to hear, and what Rasa is unsure of is asked of our own reader."""
_FITTING = re.compile(r"[A-Za-z0-9_.:-]{1,40}")

router = APIRouter(tags=["rasa"], route_class=StrictRoute)
open_router = APIRouter(tags=["rasa"])


class Intent(BaseModel):
    """What Rasa takes a message for."""

    name: str | None = None
    confidence: float | None = Field(None, ge=0, strict=True)


class Message(BaseModel):
    """The latest message."""

    text: str | None = None
    intent: Intent = Intent()
    entities: list[dict[str, Any]] = []
    message_id: str | None = None


class Tracker(BaseModel):
    """As much of the conversation as we need."""

    slots: dict[str, Any] = {}
    latest_message: Message = Message()


class Call(BaseModel):
    """Rasa's call of an action."""

    next_action: str = Field(description='"action_" and the name of a command, or of an intent that is none.')
    sender_id: str = Field("default", description="Who Rasa says is talking; a conversation each.")
    tracker: Tracker = Tracker()


class Button(BaseModel):
    """Something to say next."""

    title: str
    payload: str


class Answer(BaseModel):
    """One message to the person."""

    text: str
    buttons: list[Button] = []


class Outcome(BaseModel):
    """What Rasa is to remember, and to tell."""

    events: list[dict[str, Any]] = []
    responses: list[Answer] = []


class Unknown(BaseModel):
    """There is no such action."""

    error: str
    action_name: str


class Action(BaseModel):
    """An action that can be called."""

    name: str


async def bot(request: Request, here: Here, credentials: Credentials) -> Person | None:
    """Whose token the call carries; None while the database cannot tell. Raises `Refused`."""
    try:
        return await agent(request, here, credentials)
    except SQLAlchemyError as error:
        request.state.trouble = error
        return None


Bot = Annotated[Person | None, Depends(bot)]

_EXAMPLE = {
    "next_action": "action_show_performance",
    "sender_id": "anna",
    "tracker": {
        "slots": {"venture": "Acme"},
        "latest_message": {
            "text": "show gtm performance for Acme",
            "intent": {"name": "show_performance", "confidence": 0.98},
            "message_id": "9709086f420a4b1fa0d3c9dbe7a10d5a",
        },
    },
}


@router.post(
    WEBHOOK,
    response_model=Outcome,
    responses={**documented(), 404: {"model": Unknown, "description": "There is no such action"}},
    operation_id="rasa_webhook",
)
async def webhook(
    call: Annotated[Call, Body(openapi_examples={"spoken": {"summary": "Spoken", "value": _EXAMPLE}})],
    request: Request,
    here: Here,
    person: Bot,
) -> Response:
    """Carry out a Rasa action: one for every command, and those that pass words on as they are.

    Whatever comes of it is told in `responses`; `events` clear the slots that were used.
    """
    if call.next_action not in rasa_project.action_names(here.assistant.bus.catalogue):
        told = Unknown(
            error=f"No registered action found for name '{call.next_action[:100]}'.",
            action_name=call.next_action[:100],
        )
        return JSONResponse(told.model_dump(), 404)
    try:
        if person is None:
            raise request.state.trouble
        reply = await here.lane.run(_carried_out, here, call, person)
    except SQLAlchemyError as error:
        problem = database_problem(error)
        return _outcome(Outcome(responses=[Answer(text=f"{problem.message} {problem.cure}")]))
    here.metrics.turn(CHANNEL, reply)
    return _outcome(Outcome(events=_cleared(call), responses=[_told(reply)]))


@router.get("/actions", responses=documented(), operation_id="rasa_actions")
async def actions(here: Here, _agent: Agent) -> list[Action]:
    """Every action that can be called."""
    return [Action(name=name) for name in rasa_project.action_names(here.assistant.bus.catalogue)]


@open_router.get(HEALTH, operation_id="rasa_health")
def health() -> Health:
    """Whether the action server lives."""
    return Health()


def _outcome(outcome: Outcome) -> Response:
    return Response(outcome.model_dump_json(), media_type="application/json")


def _carried_out(here: Service, call: Call, person: Person) -> Reply:
    """The reply to the words that led to the action, or to the command it names."""
    dialogue, message = here.assistant.dialogue, call.tracker.latest_message
    intent = call.next_action.removeprefix(ACTION)
    conversation = f"{CHANNEL}:{person.id}:{_short(call.sender_id)}"
    turn = Turn(
        person=person,
        channel=CHANNEL,
        text=(message.text or "")[:MOST_TEXT],
        conversation_id=conversation,
        key=_key(conversation, message.message_id, call.next_action),
    )
    if intent in _OWN_WORDS:
        return dialogue.turn(turn)
    command = dialogue.bus.catalogue.get(intent)
    if command is None:
        turn.reader = _first(here, ToldReader(CHANNEL, here.assistant.embedded.layer, None, 0, in_scope=0))
        return dialogue.turn(turn)
    known = _slots(command, _known_besides(call.tracker))
    if not _names(turn.text, intent, message) or (known and _is_fragment(here, turn)):
        slots = _slots(command, call.tracker.slots)
        turn.text = as_text(intent, slots)
        return dialogue.run(intent, slots, turn)
    sure = min(message.intent.confidence or 0.0, 1.0)
    turn.reader = _first(here, ToldSlotsReader(CHANNEL, here.assistant.embedded.layer, command, sure, known))
    return dialogue.turn(turn)


def _first(here: Service, told: Reader) -> Reader:
    """Rasa's word before our reader's, but for a follow-up, a yes and a no."""
    return Cascade(here.assistant.embedded, first=told, sure=0)


def _names(text: str, intent: str, message: Message) -> bool:
    """Whether words name the command. Buttons and programs send it itself: "/show_performance{...}"."""
    return bool(text.strip()) and not text.startswith("/") and message.intent.name == intent


def _is_fragment(here: Service, turn: Turn) -> bool:
    return here.assistant.embedded.read(turn.text, here.assistant.dialogue.scene(turn)).is_fragment


def _known_besides(tracker: Tracker) -> dict[str, Any]:
    """Rasa's slots but those it took from the latest words, which we read ourselves."""
    read = [(entity.get("entity"), entity.get("value")) for entity in tracker.latest_message.entities]
    return {
        name: value
        for name, value in tracker.slots.items()
        if (name, value) not in read and not _holds(value, [one for kind, one in read if kind == name])
    }


def _holds(value: Any, read: list[Any]) -> bool:
    return isinstance(value, list) and bool(value) and all(one in read for one in value)


def _slots(command: type[Command], filled: dict[str, Any]) -> dict[str, Any]:
    """A command's slots from Rasa's, which bear its names or those of the entities that fill them."""
    left = {name: value for name, value in filled.items() if value is not None}
    found: dict[str, Any] = {}
    for slot in slots_of(command):
        name = next((one for one in (slot.name, *slot.entities) if one in left), None)
        if name is not None:
            value = left.pop(name)
            found[slot.name] = [value] if slot.many and not isinstance(value, list) else value
    return found


def _cleared(call: Call) -> list[dict[str, Any]]:
    """Slots end with what they were said for: the assistant remembers what "it" and "last month" refer to."""
    return [
        {"event": "slot", "timestamp": None, "name": name, "value": None}
        for name, value in call.tracker.slots.items()
        if value is not None and name != "session_started_metadata"
    ]


def _told(reply: Reply) -> Answer:
    text = reply.reply.text
    if reply.reply.table is not None and reply.reply.table.rows:
        text = f"{text}\n{_lines(reply.reply.table)}"
    buttons = [Button(title=one.label, payload=one.say) for one in reply.reply.buttons]
    buttons += [Button(title=one, payload=one) for one in reply.reply.choices]
    return Answer(text=text, buttons=buttons[:MOST_BUTTONS])


def _lines(table: Table) -> str:
    """A table as lines of text."""
    rows = [[column.label for column in table.columns], *table.rows[:MOST_ROWS]]
    more = len(table.rows) - MOST_ROWS
    return "\n".join([" | ".join(row) for row in rows] + ([f"… and {more} more"] if more > 0 else []))


def _short(sender: str) -> str:
    """A sender's name as part of a conversation's."""
    return sender if _FITTING.fullmatch(sender) else hashlib.sha256(sender.encode()).hexdigest()[:40]


def _key(conversation: str, message_id: str | None, action: str) -> str | None:
    """The same message leads to the same action once, however often Rasa calls."""
    if not message_id:
        return None
    said = f"{conversation}\0{message_id}\0{action}"
    return f"{CHANNEL}:{hashlib.sha256(said.encode()).hexdigest()[:40]}"
