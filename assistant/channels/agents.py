"""The address other agents call: an alias of the commands, by the same rules."""

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from assistant.bus import database_problem, refusal
from assistant.channels.access import Agent
from assistant.channels.answers import (
    answered,
    as_text,
    conversation_of,
    refuse_other_request,
    status_of_command,
)
from assistant.channels.errors import documented, problem_response
from assistant.channels.service import Conversation, Here, IdempotencyKey, Service
from assistant.channels.strict import StrictRoute
from assistant.dialogue import Dialogue
from assistant.reply import Problem, Reply, Status
from assistant.turn import Turn
from intents.command import slots_of
from intents.reading import Scene
from intents.slots import VentureName

CHANNEL = "agents"
ALIASES = {"status": "show_status"}
_VENTURE_CURE = "Send a venture's number or name."

router = APIRouter(prefix="/agents", tags=["agents"], route_class=StrictRoute)


class Order(BaseModel):
    """What another agent asks for."""

    model_config = ConfigDict(extra="forbid")

    command: str = Field(max_length=60, description='"status", or the name of any command.')
    venture_id: StrictInt | str | None = Field(None, description="The venture's number or name.")
    slots: dict[str, Any] = Field(default_factory=dict, description="The command's other slots.")


class State(BaseModel):
    """The answer to `status`."""

    status: str
    last_updated: AwareDatetime


_EXAMPLES = {
    "status": {"summary": "Status", "value": {"command": "status", "venture_id": 1}},
    "performance": {
        "summary": "Any other command",
        "value": {"command": "show_performance", "venture_id": "Acme", "slots": {"period": "last month"}},
    },
}


@router.post(
    "/gtm-strategist",
    responses={
        200: {"model": State | Reply, "description": "Done"},
        202: {"model": Reply, "description": "Under way, or waiting for a yes"},
        **documented(404, told_by=Reply, at=[403, 409, 422, 503]),
    },
    response_model=None,
    operation_id="gtm_strategist",
)
async def gtm_strategist(
    order: Annotated[Order, Body(openapi_examples=_EXAMPLES)],
    here: Here,
    agent: Agent,
    conversation: Conversation,
    key: IdempotencyKey = None,
) -> Response:
    """Carry out a command for another agent.

    `status` answers `{"status": "operational", "last_updated": …}`; every other command gives its reply.
    """
    name = ALIASES.get(order.command, order.command)
    sent = order.model_dump(include={"venture_id", "slots"}, exclude_none=True, exclude_defaults=True)
    turn = Turn(
        person=agent,
        channel=CHANNEL,
        text=as_text(order.command, sent),
        conversation_id=conversation_of(here.assistant.bus.catalogue.get(name), conversation),
        key=key,
    )
    reply = await here.lane.run(_carried_out, here, name, order, turn)
    refuse_other_request(turn, reply)
    here.metrics.turn(CHANNEL, reply)
    return _told(order, reply)


def _carried_out(here: Service, name: str, order: Order, turn: Turn) -> Reply:
    dialogue = here.assistant.dialogue
    try:
        slots = _slots(dialogue, name, order, turn)
    except Problem as problem:
        return dialogue.bus.conclude(turn, refusal(turn, problem))
    except SQLAlchemyError as error:
        return dialogue.bus.conclude(turn, refusal(turn, database_problem(error)))
    return dialogue.run(name, slots, turn)


def _slots(dialogue: Dialogue, name: str, order: Order, turn: Turn) -> dict[str, Any]:
    """The slots with the venture among them, where the command takes one."""
    if order.venture_id is None:
        return order.slots
    venture = _venture(order.venture_id, dialogue.scene(turn))
    command = dialogue.bus.catalogue.get(name)
    if command is None or "venture" not in {slot.name for slot in slots_of(command)}:
        return order.slots
    if "venture" in order.slots:
        raise Problem("contradictory_slots", "The venture was sent twice.", "Send venture_id or the slot.")
    return {**order.slots, "venture": venture}


def _venture(sent: int | str, scene: Scene) -> str:
    """The canonical name of a venture. Raises `Problem` when there is none."""
    for label in scene.names.labels("venture"):
        if str(scene.names.id("venture", label)) == str(sent):
            return label
    if isinstance(sent, int):
        number = str(sent)[:20]
        raise Problem("unknown_venture", f"There is no venture with the number {number}.", _VENTURE_CURE)
    try:
        return TypeAdapter[str](VentureName).validate_python(sent, context=scene)
    except ValidationError as error:
        raise _venture_problem(error) from error


def _venture_problem(error: ValidationError) -> Problem:
    first = error.errors()[0]
    context = first.get("ctx", {})
    choices = [str(choice) for choice in context.get("choices", ())]
    cure = f"Did you mean {' or '.join(choices[:3])}?" if choices else _VENTURE_CURE
    return Problem(first["type"], str(context.get("message", first["msg"])), cure, choices=choices)


def _told(order: Order, reply: Reply) -> Response:
    status = status_of_command(reply)
    if reply.error is not None and (status == 404 or order.command == "status"):
        return problem_response(status, reply.error)
    if order.command == "status" and reply.status is Status.DONE:
        result = reply.model_dump(mode="json")["result"]
        return JSONResponse({"status": result["status"], "last_updated": result["last_updated"]})
    return answered(reply, status)
