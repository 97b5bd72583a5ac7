"""A line for speech: sound comes in as it is spoken, partial words, answers and sound go out."""

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar, TypeVarTuple
from uuid import uuid4

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from assistant.bus import database_problem
from assistant.channels import limits
from assistant.channels.access import Proof
from assistant.channels.lines import SIGNED_OUT, Line, admitted, fault
from assistant.channels.service import Service
from assistant.channels.voice import MEDIA_TYPES, PATH
from assistant.channels.voice_frames import (
    ASKED,
    Answered,
    BargeIn,
    Began,
    Cancel,
    End,
    Ended,
    Partial,
    Ping,
    Pong,
    Ready,
    Refusal,
    Sound,
    SoundEnded,
    Start,
    Stop,
    Understood,
)
from assistant.reply import Error
from assistant.spoken import Exchange
from assistant.turn import Turn
from storage.people import Person
from voice.audio import Audio, VoiceError
from voice.transcriber import Transcript

router = APIRouter()

PARTIAL_SECONDS = 0.7
"""How often what is heard so far is told."""
PIECE_BYTES = 16_384
"""Of the answer's sound, sent at once."""
MOST_WAITING = 4
"""Utterances of one line that wait for their answers."""
SURE = 0.8
"""Probability of words that both opinions agree on, from which on a pause after them may be shorter."""

T = TypeVar("T")
A = TypeVarTuple("A")


@router.websocket(f"{PATH}/stream")
async def listen(socket: WebSocket) -> None:
    """Listen until either side hangs up; an utterance that was not finished by then is forgotten."""
    here: Service = socket.app.state.service
    proof = Proof(socket, here)
    person = await admitted(socket, here, proof)
    if person is not None:
        await _Line(socket, here, proof, person).listen()


@dataclass(frozen=True)
class _Said:
    """An utterance and what the ears make of it."""

    utterance: Audio
    heard: "asyncio.Task[Transcript | VoiceError]"


class _Line(Line):
    """One connection."""

    def __init__(self, socket: WebSocket, here: Service, proof: Proof, person: Person) -> None:
        super().__init__(socket, here, proof, person)
        self._voicing, self._spoken = here.assistant.voicing, here.assistant.spoken
        self._said: asyncio.Queue[_Said] = asyncio.Queue(MOST_WAITING)
        self._ahead: _Said | None = None
        self._terms: Start | None = None
        self._conversation = str(uuid4())
        self._playing_until = 0.0
        self._breaks_off = asyncio.Event()

    async def listen(self) -> None:
        """Take frames until the connection ends."""
        facts = await self._aside(self._voicing.facts)
        await self._send(
            Ready(
                person=self._person.name,
                role=self._person.role.value,
                ears=facts.ears,
                hears=facts.hears,
                told=facts.told,
            )
        )
        self._here.prepare()
        self._go(self._answer_all())
        await self._take_all()

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        sound = message.get("bytes")
        if sound is not None:
            await self._hear(sound)
            return
        try:
            asked = ASKED.validate_json(message.get("text") or "")
        except ValidationError as error:
            await self._misunderstood(fault(error), "Send one JSON object a text frame.")
            return
        match asked:
            case Start():
                self._begin(asked)
            case End():
                await self._tell_all(await self._aside(self._stream_end))
            case Cancel():
                if self._terms is not None:
                    self._begin(self._terms)
            case Stop():
                self._hush()
            case Ping():
                await self._send(Pong())

    def _begin(self, terms: Start) -> None:
        from voice.endpointing import Endpointer
        from voice.resampling import SampleStream

        self._terms = terms
        self._conversation = terms.conversation_id or self._conversation
        self._resampled = SampleStream(terms.rate)
        self._endpointer = Endpointer(silence=terms.silence, most_seconds=self._voicing.terms.most_seconds)
        self._partial_at = 0.0
        self._ahead = None

    async def _hear(self, sound: bytes) -> None:
        if self._terms is None:
            await self._misunderstood("Sound came before its form was told.", 'Send {"type": "start"} first.')
            return
        if len(sound) % 2:
            await self._misunderstood("The frame ends within a sample.", "Send whole samples of 16 bits.")
            return
        await self._tell_all(await self._aside(self._fed, np.frombuffer(sound, "<i2").astype(np.int16)))
        if self._is_partial_due():
            self._partial_at = float("inf")
            self._go(self._tell_partial(self._endpointer.so_far))

    def _is_partial_due(self) -> bool:
        if self._terms is None or not self._terms.partials or monotonic() < self._partial_at:
            return False
        # In a pause the ears have better to do.
        return self._endpointer.is_speaking and not self._endpointer.is_pausing

    def _fed(self, samples: Any) -> list[Any]:
        return list(self._endpointer.feed(self._resampled.take(samples)))

    def _stream_end(self) -> list[Any]:
        return [] if self._terms is None else list(self._endpointer.finish())

    async def _tell_all(self, events: list[Any]) -> None:
        from voice.endpointing import SpeechEnded, SpeechPaused

        for event in events:
            if isinstance(event, SpeechPaused):
                if self._voicing.is_quick:
                    self._ahead = self._listened(event.utterance)
                    self._go(self._hurry(self._ahead))
                continue
            if isinstance(event, SpeechEnded):
                said, self._ahead = self._ahead, None
                if said is None or not np.array_equal(said.utterance.samples, event.utterance.samples):
                    said = self._listened(event.utterance)
                await self._send(Ended(seconds=round(event.utterance.seconds, 2), is_cut=event.is_cut))
                await self._queue(said)
                continue
            if monotonic() < self._playing_until:
                self._hush()
                await self._send(BargeIn())
            self._partial_at = monotonic() + PARTIAL_SECONDS
            await self._send(Began())

    def _listened(self, utterance: Audio) -> "_Said":
        """An utterance that is being listened to from now on."""
        return _Said(utterance, self._go(self._hear_out(utterance)))

    async def _hear_out(self, utterance: Audio) -> Transcript | VoiceError:
        # Not among those who look at sound as it comes, whom it would keep waiting.
        return await to_thread.run_sync(self._spoken.heard, utterance)

    async def _hurry(self, said: "_Said") -> None:
        """Do not wait much longer for words that are surely all."""
        heard = await said.heard
        if said is not self._ahead or not isinstance(heard, Transcript) or not heard.is_whole:
            return
        second = heard.text if heard.second is None else heard.second
        if heard.confidence >= SURE and second.casefold() == heard.text.casefold():
            self._endpointer.hurry()

    async def _queue(self, said: "_Said") -> None:
        try:
            self._said.put_nowait(said)
        except asyncio.QueueFull:
            cure = "Wait for the answers, then say it again."
            await self._refuse("too_many_turns", "Too much is being said at once.", cure)

    async def _tell_partial(self, so_far: Audio) -> None:
        try:
            text = await self._aside(self._voicing.guess, so_far)
            if text and self._endpointer.is_speaking:
                await self._send(Partial(text=text))
        finally:
            self._partial_at = monotonic() + PARTIAL_SECONDS

    async def _answer_all(self) -> None:
        while True:
            said = await self._said.get()
            try:
                await self._answer(said)
            except SQLAlchemyError as error:
                problem = database_problem(error)
                await self._refuse(problem.code, problem.message, problem.cure)

    async def _answer(self, said: "_Said") -> None:
        """Answer one utterance; once heard, it is carried out even if the line breaks."""
        person = await self._here.lane.run(self._proof.person)
        if person is None:
            await self._refuse("not_signed_in", "You are no longer signed in.", "Sign in again.")
            await self._socket.close(SIGNED_OUT, "signed out")
            return
        rate = self._here.limits.asked(limits.person(person.id))
        if rate is not None and not rate.admitted:
            message = f"You asked more than {rate.most:,} times within a minute."
            await self._refuse("too_many_requests", message, f"Wait {rate.seconds} s and ask again.")
            return
        turn = Turn(person=person, channel=self._proof.channel, text="", conversation_id=self._conversation)
        try:
            exchange: Exchange = await self._here.lane.run(self._spoken.taken, await said.heard, turn)
        except VoiceError as error:
            await self._refuse(error.code, error.message, error.cure)
            return
        self._here.metrics.turn(turn.channel, exchange.reply)
        if exchange.transcript is not None:
            heard = exchange.transcript
            await self._send(
                Understood(
                    text=heard.text,
                    engine=heard.engine,
                    confidence=round(heard.confidence, 4),
                    seconds=round(said.utterance.seconds, 2),
                )
            )
        await self._send(Answered(reply=exchange.reply))
        if self._terms is not None and self._terms.speak is not None:
            await self._say(exchange, self._terms)

    async def _say(self, exchange: Exchange, terms: Start) -> None:
        form = terms.speak or "mp3"
        self._breaks_off.clear()
        try:
            sound, seconds = await self._aside(self._spoken.speech_of, exchange.reply, form)
        except VoiceError as error:
            await self._refuse(error.code, error.message, error.cure)
            return
        self._playing_until = monotonic() + seconds
        await self._send(Sound(media_type=MEDIA_TYPES[form], bytes=len(sound), seconds=round(seconds, 2)))
        for at in range(0, len(sound), PIECE_BYTES):
            if self._breaks_off.is_set():
                break
            async with self._sending:
                await self._socket.send_bytes(sound[at : at + PIECE_BYTES])
        await self._send(SoundEnded(stopped=self._breaks_off.is_set()))

    def _hush(self) -> None:
        self._playing_until = 0.0
        self._breaks_off.set()

    async def _aside(self, function: "Callable[[*A], T]", *arguments: *A) -> T:
        """Work on sound, which is no turn and does not wait for one."""
        return await to_thread.run_sync(function, *arguments, limiter=self._here.hearing)

    async def _misunderstood(self, message: str, cure: str) -> None:
        self._bad += 1
        await self._refuse("bad_frame", message, cure)

    async def _refuse(self, code: str, message: str, cure: str) -> None:
        await self._send(Refusal(error=Error(code=code, message=message, cure=cure)))
