"""The conversation over a WebSocket: status and text as they come, answers that survive a broken line."""

import asyncio
import re
from collections.abc import Iterator, MutableMapping
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from assistant.bus import database_problem
from assistant.channels.access import Proof
from assistant.channels.errors import Refused
from assistant.channels.frames import (
    ASKED,
    Accepted,
    CancelJob,
    Follow,
    Hello,
    JobMoved,
    Ping,
    Pong,
    Refusal,
    Replied,
    Resume,
    Say,
    Stage,
    Text,
)
from assistant.channels.jobs import own_job, state_of
from assistant.channels.lines import SIGNED_OUT, Line, admitted, fault
from assistant.channels.service import Service
from assistant.channels.turns import Underway
from assistant.reply import SCHEMA_VERSION, Error, Reply, Status
from assistant.turn import Turn
from storage import audit, jobs
from storage.people import Person

router = APIRouter()

MOST_OPEN = 32
"""Turns a connection may wait for at once."""
LOOK_SECONDS = 0.4
"""How often a followed job is looked at."""


@router.websocket("/api/v1/converse")
async def converse(socket: WebSocket) -> None:
    """Talk until either side hangs up."""
    here: Service = socket.app.state.service
    await talk(socket, here, Proof(socket, here))


async def talk(socket: WebSocket, here: Service, proof: Proof) -> None:
    """Talk with whoever the proof names until either side hangs up."""
    person = await admitted(socket, here, proof)
    if person is not None:
        await _Line(socket, here, proof, person).talk()


class _Line(Line):
    """One connection."""

    def __init__(self, socket: WebSocket, here: Service, proof: Proof, person: Person) -> None:
        super().__init__(socket, here, proof, person)
        self._assistant = here.assistant
        self._followed: set[str] = set()
        self._open = 0

    async def talk(self) -> None:
        """Take frames until the connection ends; turns that are under way go on without it."""
        await self._send(
            Hello(schema_version=SCHEMA_VERSION, person=self._person.name, role=self._person.role.value)
        )
        await self._take_all()

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        try:
            asked = ASKED.validate_json(message.get("text") or "")
        except ValidationError as error:
            self._bad += 1
            await self._refuse("bad_frame", fault(error), "Send one JSON object a text frame.")
            return
        try:
            await self._obey(asked)
        except Refused as refused:
            await self._send(Refusal(error=refused.error))
        except SQLAlchemyError as error:
            problem = database_problem(error)
            await self._send(Refusal(error=problem.error()))

    async def _obey(self, asked: Say | Resume | Follow | CancelJob | Ping) -> None:
        if isinstance(asked, Ping):
            await self._send(Pong())
            return
        person = await self._here.lane.run(self._proof.person)
        if person is None:
            await self._send(Refusal(error=self._proof.end))
            await self._socket.close(SIGNED_OUT, "signed out")
            raise WebSocketDisconnect(SIGNED_OUT)
        self._person = person
        rate = self._proof.rate(person)
        if rate is not None and not rate.admitted:
            await self._refuse(
                "too_many_requests",
                f"You asked more than {rate.most:,} times within a minute.",
                f"Wait {rate.seconds} s and ask again.",
                str(asked.turn_id) if isinstance(asked, Say | Resume) and asked.turn_id else None,
            )
            return
        match asked:
            case Say():
                await self._say(asked)
            case Resume():
                await self._resume(asked.turn_id)
            case Follow():
                await self._here.lane.run(own_job, self._assistant.database, asked.job_id, person)
                self._follow(asked.job_id)
            case CancelJob():
                await self._here.lane.run(self._cancel, asked.job_id)
                self._follow(asked.job_id)

    async def _say(self, said: Say) -> None:
        turn_id = str(said.turn_id or uuid4())
        if self._open >= MOST_OPEN:
            cure = f"Wait for answers: {MOST_OPEN} turns are open."
            await self._refuse("too_many_turns", "Too much is being said at once.", cure, turn_id)
            return
        underway = self._here.turns.find(self._person.id, turn_id) or self._here.turns.begin(
            Turn(
                person=self._person,
                channel=self._proof.channel,
                text=said.text,
                conversation_id=said.conversation_id or str(uuid4()),
                key=turn_id,
                turn_id=turn_id,
            )
        )
        await self._send(Accepted(turn_id=turn_id, conversation_id=underway.turn.conversation_id))
        self._go(self._deliver(underway))

    async def _resume(self, turn_id: UUID) -> None:
        underway = self._here.turns.find(self._person.id, str(turn_id))
        if underway is not None:
            self._go(self._deliver(underway))
            return
        reply = await self._here.lane.run(self._answered, str(turn_id))
        if reply is None:
            await self._refuse(
                "unknown_turn",
                "That turn never came in.",
                "Say it again with the same turn_id: it is carried out at most once.",
                str(turn_id),
            )
            return
        await self._tell(str(turn_id), reply)

    def _answered(self, turn_id: str) -> Reply | None:
        with self._assistant.database.read() as connection:
            found = audit.reply_to_key(connection, self._person.id, turn_id)
        return None if found is None else Reply.model_validate({**found[1], "audit_id": found[0]})

    async def _deliver(self, underway: Underway) -> None:
        """Tell how far a turn is, then its answer."""
        turn_id = underway.turn.turn_id
        stages: asyncio.Queue[str | None] = asyncio.Queue()
        underway.listeners.append(stages.put_nowait)
        underway.answered.add_done_callback(lambda _: stages.put_nowait(None))
        self._open += 1
        try:
            await self._send(Stage(turn_id=turn_id, stage=underway.stage))
            while (stage := await stages.get()) is not None:
                await self._send(Stage(turn_id=turn_id, stage=stage))
            await self._tell(turn_id, await asyncio.shield(underway.answered))
        finally:
            self._open -= 1
            underway.listeners.remove(stages.put_nowait)

    async def _tell(self, turn_id: str, reply: Reply) -> None:
        self._here.metrics.turn(self._proof.channel, reply)
        for piece in _pieces(reply.reply.text):
            await self._send(Text(turn_id=turn_id, text=piece))
        await self._send(Replied(turn_id=turn_id, reply=reply))
        if reply.job_id is not None and reply.status is Status.RUNNING:
            self._follow(reply.job_id)

    def _cancel(self, job_id: str) -> None:
        own_job(self._assistant.database, job_id, self._person)
        with self._assistant.database.write() as connection:
            if not jobs.ask_cancel(connection, job_id, self._assistant.clock()):
                raise Refused(409, "already_ended", "That job has ended already.", "Ask to undo it instead.")
        self._assistant.jobs.loop.wake()

    def _follow(self, job_id: str) -> None:
        if job_id not in self._followed and len(self._followed) < MOST_OPEN:
            self._followed.add(job_id)
            self._go(self._tell_job(job_id))

    async def _tell_job(self, job_id: str) -> None:
        told: Any = None
        try:
            while True:
                try:
                    job = await self._here.lane.run(own_job, self._assistant.database, job_id, self._person)
                except SQLAlchemyError:
                    await asyncio.sleep(LOOK_SECONDS * 5)
                    continue
                now = job.state, job.progress, job.message
                if now != told:
                    await self._send(JobMoved(job=state_of(job)))
                    told = now
                if not job.is_open:
                    return
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._followed.discard(job_id)

    async def _refuse(self, code: str, message: str, cure: str, turn_id: str | None = None) -> None:
        await self._send(Refusal(error=Error(code=code, message=message, cure=cure), turn_id=turn_id))


_JOINT = re.compile(r"(?<=[.!?])\s+|\n+")


def _pieces(text: str) -> Iterator[str]:
    """The text a sentence or line at a time; together they are the text."""
    at = 0
    for found in _JOINT.finditer(text):
        yield text[at : found.end()]
        at = found.end()
    if at < len(text):
        yield text[at:]
