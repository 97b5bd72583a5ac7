"""What every WebSocket line does alike: let somebody in, take frames in order, send them one at a time."""

import asyncio
from collections.abc import Coroutine, MutableMapping
from typing import Any, TypeVar

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from assistant.bus import database_problem
from assistant.channels.access import Proof
from assistant.channels.errors import problem_response
from assistant.channels.service import Service
from storage.people import Person

PROTOCOL = "gtm"
"""The subprotocol of browsers that send their token as a second one, ``bearer.TOKEN``."""
MOST_BAD = 20
"""Frames that make no sense before a connection is closed."""
POLICY_VIOLATION = 1008
SIGNED_OUT = 4401

T = TypeVar("T")


async def admitted(socket: WebSocket, here: Service, proof: Proof) -> Person | None:
    """Accept the connection of whoever is signed in; anybody else is told why not."""
    try:
        person = await here.lane.run(proof.person)
    except SQLAlchemyError as trouble:
        await socket.send_denial_response(problem_response(503, database_problem(trouble).error()))
        return None
    if person is None:
        await socket.send_denial_response(problem_response(401, proof.refusal))
        return None
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(PROTOCOL if PROTOCOL in offered else None)
    return person


class Line:
    """One connection of somebody who was let in."""

    def __init__(self, socket: WebSocket, here: Service, proof: Proof, person: Person) -> None:
        self._socket, self._here, self._proof, self._person = socket, here, proof, person
        self._sending = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._bad = 0

    async def _take_all(self) -> None:
        """Take frames until the connection ends; what was begun beside them ends with it."""
        try:
            while self._bad < MOST_BAD:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                await self._take(message)
            else:
                await self._socket.close(POLICY_VIOLATION, "too many frames that make no sense")
        except WebSocketDisconnect:
            pass
        finally:
            for task in self._tasks:
                task.cancel()

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        """Obey a frame."""
        raise NotImplementedError

    def _go(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # A line that broke while something was told is no defect.
            task.exception()

    async def _send(self, frame: BaseModel) -> None:
        async with self._sending:
            await self._socket.send_text(frame.model_dump_json())


def fault(error: ValidationError) -> str:
    """What is wrong with a frame, and where."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("say", "resume", "follow", "cancel"))
    return f"{where}: {first['msg']}" if where else str(first["msg"])
