"""The JSON interface: say something, or see what can be said."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from assistant.channels.access import Asked
from assistant.channels.answers import answered, refuse_other_request, status_of_turn
from assistant.channels.errors import documented
from assistant.channels.service import ConversationId, Here, IdempotencyKey, InFront
from assistant.channels.strict import StrictRoute
from assistant.commands.conversation import HelpEntry, help_entries
from assistant.derive import slot_schema
from assistant.reply import Reply
from assistant.turn import Turn
from intents.command import Command

MAX_TEXT = 10_000

router = APIRouter(prefix="/api/v1", tags=["conversation"], route_class=StrictRoute)


class Say(BaseModel):
    """An utterance."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(
        max_length=MAX_TEXT, pattern=r"^[^\x00]*$", description="What you would say; no NUL characters."
    )
    conversation_id: ConversationId | None = Field(
        None, description="The conversation it belongs to; without one a new one begins."
    )


_EXAMPLES = {
    "question": {"summary": "A question", "value": {"text": "show gtm performance for Acme"}},
    "follow_up": {
        "summary": "A follow-up in the same conversation",
        "value": {"text": "and last month?", "conversation_id": "monday-review"},
    },
}


@router.post("/say", response_model=Reply, responses=documented(told_by=Reply, at=[503]), operation_id="say")
async def say(
    said: Annotated[Say, Body(openapi_examples=_EXAMPLES)],
    here: Here,
    asker: Asked,
    page: InFront,
    key: IdempotencyKey = None,
) -> Response:
    """Say something and get the reply.

    Status 200 means an answer, be it a question back, a refusal or that it was not understood: the
    reply's `status` tells. 503 carries the reply too, when the database could not be reached.
    """
    turn = Turn(
        person=asker.person,
        channel=asker.channel,
        text=said.text,
        conversation_id=said.conversation_id or str(uuid4()),
        key=key,
        page=page,
    )
    reply = await here.lane.run(here.assistant.dialogue.turn, turn)
    refuse_other_request(turn, reply)
    here.metrics.turn(turn.channel, reply)
    return answered(reply, status_of_turn(reply))


class CommandEntry(HelpEntry):
    """One command as a program needs to know it."""

    area: str
    permitted: bool = Field(description="Whether your role may use it.")
    slot_schema: dict[str, Any] = Field(serialization_alias="schema", description="JSON Schema of the slots.")


@router.get("/commands", responses=documented(), operation_id="list_commands")
def list_commands(here: Here, asker: Asked) -> list[CommandEntry]:
    """Every command with its slots, role, effect, examples and the schema of its slots."""
    catalogue = here.assistant.bus.catalogue
    return [
        CommandEntry(
            **entry.model_dump(),
            area=area_of(catalogue[entry.command]),
            permitted=here.assistant.bus.may(catalogue[entry.command], asker.person),
            slot_schema=slot_schema(catalogue[entry.command]),
        )
        for entry in help_entries(catalogue)
    ]


def area_of(command: type[Command]) -> str:
    """The part of the product a command belongs to: the name of its module."""
    return command.__module__.rsplit(".", 1)[-1]
