"""A route a command, derived from its declaration."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import WithJsonSchema, create_model
from starlette.responses import Response

from assistant.channels.access import Asked, Asker
from assistant.channels.answers import (
    answered,
    as_text,
    conversation_of,
    refuse_other_request,
    status_of_command,
)
from assistant.channels.errors import documented
from assistant.channels.http import area_of
from assistant.channels.service import Conversation, Here, IdempotencyKey, Service
from assistant.channels.strict import StrictRoute
from assistant.derive import slot_schema
from assistant.handling import Handler
from assistant.reply import Reply
from assistant.turn import Turn


@cache
def command_routes(handlers: tuple[Handler, ...]) -> APIRouter:
    """`POST /api/v1/commands/{name}` for every handler's command, and an answer for names there are not.

    Made once for the same handlers: they are the most of what it takes to make a service.
    """
    router = APIRouter(prefix="/api/v1/commands", route_class=StrictRoute)
    for handler in handlers:
        _add_route(router, handler)
    router.add_api_route(
        "/{name}", _unknown_command, methods=["POST"], include_in_schema=False, response_model=None
    )
    return router


def reply_model(handler: Handler) -> type[Reply]:
    """The reply with the handler's own result."""
    result: Any = handler.result | None
    return create_model(
        f"{handler.command.__name__}Reply",
        __base__=Reply,
        __doc__=f"The reply to {handler.command.command_name()}.",
        result=(result, None),
    )


def _add_route(router: APIRouter, handler: Handler) -> None:
    command = handler.command
    phrases = "".join(f"\n- “{phrase}”" for phrase in command.examples)
    reply = reply_model(handler)
    responses = {
        202: {"model": reply, "description": "Under way, or waiting for a yes"},
        **documented(told_by=reply, at=list(_REFUSALS)),
    }
    for status, text in _REFUSALS.items():
        responses[status]["description"] = text
    router.add_api_route(
        f"/{command.command_name()}",
        _endpoint(handler),
        methods=["POST"],
        operation_id=command.command_name(),
        summary=command.summary(),
        description=f"{command.__doc__ or ''}\n\nAs people say it:{phrases}" if phrases else command.__doc__,
        tags=[area_of(command)],
        response_model=reply,
        responses=responses,
        openapi_extra={
            "x-examples": list(command.examples),
            "x-role": command.role.value,
            "x-effect": command.effect.value,
        },
    )


_REFUSALS = {
    403: "Not with your role",
    404: "A name nobody knows",
    409: "Refused; the error says why",
    422: "A slot is missing or cannot be used",
    503: "The database could not be reached",
}


def _endpoint(handler: Handler) -> Callable[..., Awaitable[Response]]:
    name = handler.command.command_name()

    async def run(
        slots: dict[str, Any],
        here: Here,
        asker: Asked,
        conversation: Conversation,
        key: IdempotencyKey = None,
    ) -> Response:
        return await _run(name, slots, here, asker, conversation, key)

    # Slots stay as they were sent until the dialogue validates them in the light of the live names.
    run.__annotations__["slots"] = Annotated[
        dict[str, Any],
        WithJsonSchema(slot_schema(handler.command)),
        Body(default_factory=dict, description="The command's slots, as values or as people say them."),
    ]
    return run


async def _unknown_command(
    name: str,
    here: Here,
    asker: Asked,
    conversation: Conversation,
    key: IdempotencyKey = None,
) -> Response:
    return await _run(name, {}, here, asker, conversation, key)


async def _run(
    name: str,
    slots: dict[str, Any],
    here: Service,
    asker: Asker,
    conversation: str | None,
    key: str | None,
) -> Response:
    turn = Turn(
        person=asker.person,
        channel=asker.channel,
        text=as_text(name, slots),
        conversation_id=conversation_of(here.assistant.bus.catalogue.get(name), conversation),
        key=key,
    )
    reply = await here.lane.run(here.assistant.dialogue.run, name, slots, turn)
    refuse_other_request(turn, reply)
    here.metrics.turn(turn.channel, reply)
    return answered(reply, status_of_command(reply))
