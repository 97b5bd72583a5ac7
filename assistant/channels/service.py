"""What the HTTP routes share."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Header, Query
from pydantic import StringConstraints
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection

from assistant.bootstrap import Assistant
from assistant.channels.lane import Lane
from assistant.channels.limits import Limits
from assistant.channels.metrics import Metrics
from assistant.channels.sessions import Sessions
from assistant.channels.turns import Turns
from assistant.provider import Provider
from assistant.turn import Page, front_of


@dataclass(frozen=True)
class Service:
    """The assistant with what only the web needs."""

    assistant: Assistant
    sessions: Sessions
    metrics: Metrics
    lane: Lane
    turns: Turns
    limits: Limits
    provider: Provider | None
    """Where people sign in, if not by links alone."""
    hearing: CapacityLimiter
    """How many streams of sound are looked at, at the same moment."""

    def prepare(self) -> None:
        """Have the ears get ready in the background."""
        threading.Thread(target=self._prepared, daemon=True).start()

    def _prepared(self) -> None:
        # Without the database there are no names to listen for; whoever speaks is told so.
        with suppress(SQLAlchemyError):
            self.assistant.voicing.prepare()


async def service(connection: HTTPConnection) -> Service:
    """The service a request came to."""
    found: Service = connection.app.state.service
    return found


Here = Annotated[Service, Depends(service)]

ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]+$", min_length=1, max_length=64)]
"""A conversation's name, chosen by the caller or by us."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]+$",
        max_length=200,
        description="The same key with the same request gives the same reply and acts once; "
        "with another request it is refused.",
    ),
]


async def conversation(
    conversation_id: Annotated[
        ConversationId | None, Query(description="The conversation the command belongs to.")
    ] = None,
    x_conversation_id: Annotated[ConversationId | None, Header(description="The same as a header.")] = None,
) -> str | None:
    """The conversation a request names, if it names one."""
    return conversation_id or x_conversation_id


Conversation = Annotated[str | None, Depends(conversation)]


async def in_front(
    x_page: Annotated[
        str | None,
        Header(
            max_length=1_000,
            description="What the person looks at, as a command and its names "
            "(`show_campaign?campaign=Spring+Launch`): what “this” means.",
        ),
    ] = None,
) -> Page | None:
    """The page in front of the person, where the caller tells it."""
    return None if x_page is None else front_of(x_page)


InFront = Annotated[Page | None, Depends(in_front)]
