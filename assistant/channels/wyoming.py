"""Our ears and mouth for Wyoming, the protocol of Home Assistant's satellites.

It hears and says words and carries nothing out. The protocol knows no passwords: whoever reaches the port may
use both.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from multiprocessing import parent_process
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_write_event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from assistant.channels.lane import Lane
from assistant.voicing import Facts, Voicing
from voice.audio import RATE, Audio, VoiceError
from voice.resampling import resampled

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 32
IDLE_SECONDS = 30.0
"""How long a client may say nothing, or may take to read what it is told."""
FAREWELL_SECONDS = 1.0
"""How long the last words to a client may take to leave."""
MOST_TEXT = 5_000
"""Characters said for one request."""
MOST_DATA = 65_536
"""Bytes of an event beside its sound."""
CHUNK_SAMPLES = 1_600
RATES = range(4_000, 384_001)
MOST_CHANNELS = 8
LANGUAGES = ["en"]

_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n+")
_NOT_AN_EVENT = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading an event that is none comes to."""

T = TypeVar("T")


class WyomingServer:
    """Listens for Wyoming clients; each connection is served on its own, the work done in the lane."""

    def __init__(
        self,
        voicing: Voicing,
        lane: Lane,
        *,
        idle_seconds: float = IDLE_SECONDS,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self.voicing = voicing
        self.lane = lane
        self.idle_seconds = idle_seconds
        self.most_connections = most_connections
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._warming: asyncio.Task[Facts] | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises `OSError` where that cannot be, as on a port that is taken."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=MOST_DATA)
        # Clients that ask what there is wait a second: the engines are loaded before they ask.
        self._warming = asyncio.create_task(self.lane.run(self.voicing.facts))

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("it does not listen")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many clients there are."""
        return len(self._clients)

    async def stop(self) -> None:
        """End, and every connection with it."""
        if self._server is not None:
            self._server.close()
        ending: list[asyncio.Task[Any]] = [*self._clients]
        if self._warming is not None:
            ending.append(self._warming)
        for one in ending:
            one.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._clients.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._clients.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("wyoming: a connection failed", exc_info=error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Client(self, reader, writer)
        try:
            if len(self._clients) > self.most_connections:
                await client.tell(Error("There are too many connections.", "too_many_connections"))
            else:
                await client.serve()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            log.debug("wyoming: a client stalled or went away")
        finally:
            writer.close()
            try:
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await writer.wait_closed()
            except (TimeoutError, OSError):
                writer.transport.abort()


class _Client:
    """One connection."""

    def __init__(
        self, server: WyomingServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.voicing = server.voicing
        self._lane = server.lane
        self._seconds = server.idle_seconds
        self._reader = reader
        self._writer = writer
        self._language = ""
        self._recording: _Recording | None = None
        self._saying: _Saying | None = None

    async def serve(self) -> None:
        """Answer events until the client leaves, stalls or sends what is none."""
        try:
            while (event := await self._read()) is not None:
                await self._take(event)
        except BadEvent as error:
            await self.tell(Error(f"That is no event of Wyoming: {error}.", "bad_event"))

    async def tell(self, told: Eventable) -> None:
        """Send an event. Raises `TimeoutError` where the client does not take it."""
        async with asyncio.timeout(self._seconds):
            await async_write_event(told.event(), self._writer)

    async def _read(self) -> Event | None:
        async with asyncio.timeout(self._seconds):
            return await read_event(self._reader, self.voicing.terms.most_bytes)

    async def _take(self, event: Event) -> None:
        """Do what an event asks; others than ours are passed over, as the protocol has it."""
        if Describe.is_type(event.type):
            await self.tell(info(await self._lane.run(self.voicing.facts)))
        elif Ping.is_type(event.type):
            await self.tell(Pong(_parsed(Ping.from_event, event).text))
        elif Transcribe.is_type(event.type):
            self._language = _text(_parsed(Transcribe.from_event, event).language or "")
        elif AudioStart.is_type(event.type):
            self._recording = _Recording(event, self.voicing)
        elif AudioChunk.is_type(event.type):
            self._recording = self._recording or _Recording(event, self.voicing)
            self._recording.take(event)
        elif AudioStop.is_type(event.type):
            await self._hear()
        else:
            await self._take_words(event)

    async def _take_words(self, event: Event) -> None:
        if Synthesize.is_type(event.type):
            # Within a stream of words it repeats the whole, for those who do not know streams.
            if self._saying is None:
                asked = _parsed(Synthesize.from_event, event)
                saying = _Saying(asked.voice, asked.text_format, is_stream=False)
                await self._say(saying, _text(asked.text), is_last=True)
        elif SynthesizeStart.is_type(event.type):
            started = _parsed(SynthesizeStart.from_event, event)
            self._saying = _Saying(started.voice, started.text_format, is_stream=True)
        elif SynthesizeChunk.is_type(event.type) and self._saying is not None:
            await self._say(self._saying, _text(_parsed(SynthesizeChunk.from_event, event).text))
        elif SynthesizeStop.is_type(event.type) and self._saying is not None:
            saying, self._saying = self._saying, None
            await self._say(saying, "", is_last=True)
            await self.tell(SynthesizeStopped())

    async def _hear(self) -> None:
        recording, self._recording = self._recording, None
        language, self._language = self._language, ""
        try:
            text = await self._lane.run(_heard, self.voicing, recording, language)
        except VoiceError as error:
            await self.tell(_error(error))
            await self.tell(Transcript("", language=LANGUAGES[0]))
            return
        await self.tell(TranscriptStart(language=LANGUAGES[0]))
        await self.tell(TranscriptChunk(text))
        await self.tell(Transcript(text, language=LANGUAGES[0]))
        await self.tell(TranscriptStop())

    async def _say(self, saying: "_Saying", text: str, *, is_last: bool = False) -> None:
        """Send as sound what can be said by now; an error ends with the end of sound, which clients await."""
        try:
            for sentence in saying.take(text, is_last=is_last):
                speak = partial(self.voicing.speak, sentence, voice=saying.voice)
                await self._send(await self._lane.run(speak))
        except VoiceError as error:
            saying.has_failed = True
            await self.tell(_error(error))
            await self.tell(AudioStop())

    async def _send(self, audio: Audio) -> None:
        await self.tell(AudioStart(rate=RATE, width=2, channels=1, timestamp=0))
        samples = audio.samples.astype("<i2", copy=False)
        for start in range(0, len(samples), CHUNK_SAMPLES):
            piece = samples[start : start + CHUNK_SAMPLES].tobytes()
            await self.tell(AudioChunk(RATE, 2, 1, piece, timestamp=start * 1000 // RATE))
        await self.tell(AudioStop(timestamp=round(audio.seconds * 1000)))


class _Recording:
    """Sound as it comes in, all in the form of the first event, and no more than is listened to."""

    def __init__(self, event: Event, voicing: Voicing) -> None:
        """In the form that ``event`` names. Raises `BadEvent` where that is none."""
        self._form = _form(event)
        rate, width, channels = self._form
        self._terms = voicing.terms
        longest = int(voicing.terms.most_seconds * rate) * width * channels
        self._most = min(longest, voicing.terms.most_bytes)
        self._sound = bytearray()
        self._is_too_long = False

    def take(self, event: Event) -> None:
        """Add a chunk. Raises `BadEvent` where its form is another."""
        if _form(event) != self._form:
            raise BadEvent("the form of the sound changes")
        sound = event.payload or b""
        self._is_too_long = self._is_too_long or len(self._sound) + len(sound) > self._most
        if not self._is_too_long:
            self._sound += sound

    def audio(self) -> Audio:
        """All of it. Raises `VoiceError`."""
        if self._is_too_long:
            raise VoiceError(
                "audio_too_long",
                f"The recording is longer than {self._terms.most_seconds:g} seconds.",
                "Say it in shorter parts.",
            )
        rate, width, channels = self._form
        whole = len(self._sound) // (width * channels)
        if not whole:
            raise VoiceError("audio_empty", "There is no sound in this recording.", "Record it again.")
        samples = _samples(bytes(self._sound[: whole * width * channels]), width).reshape(whole, channels)
        return resampled(samples.mean(axis=1).astype(np.int16), rate)


def _samples(sound: bytes, width: int) -> NDArray[np.int16]:
    """Samples of ``width`` bytes, the low one first, without what is finer than 16 bits."""
    if width == 1:
        # As in WAV, these have no sign.
        return (np.frombuffer(sound, np.uint8).astype(np.int16) - 128) * 256
    pairs: NDArray[np.uint8] = np.frombuffer(sound, np.uint8).reshape(-1, width)[:, -2:]
    return np.ascontiguousarray(pairs).view("<i2").reshape(-1)


def _heard(voicing: Voicing, recording: _Recording | None, language: str) -> str:
    """What is said. Raises `VoiceError`."""
    if recording is None:
        raise VoiceError("audio_empty", "There was no sound.", "Send audio-start and audio-chunk first.")
    if language and re.split("[-_]", language.casefold())[0] not in LANGUAGES:
        raise VoiceError("unknown_language", "Only English is heard.", "Choose English.")
    return voicing.hear_audio(recording.audio()).text


class _Saying:
    """Words that are to be said; where they stream in, sentence by sentence."""

    def __init__(self, voice: SynthesizeVoice | None, text_format: str | None, *, is_stream: bool) -> None:
        self.voice = None if voice is None or voice.name is None else _text(voice.name)
        self.has_failed = False
        """Whether the rest shall not be said."""
        self._is_text = text_format in (None, "text")
        self._is_stream = is_stream
        self._length = 0
        self._rest = ""

    def take(self, text: str, *, is_last: bool) -> list[str]:
        """What can be said now. Raises `VoiceError` for what cannot be said at all."""
        if self.has_failed:
            return []
        if not self._is_text:
            raise VoiceError("unknown_text_format", "Only plain text is said.", "Send text.")
        self._length += len(text)
        if self._length > MOST_TEXT:
            raise VoiceError(
                "too_long_to_say", f"More than {MOST_TEXT:,} characters are not said at once.", "Send less."
            )
        if is_last:
            whole = [self._rest + text]
        else:
            *whole, self._rest = _SENTENCE.split(self._rest + text)
        said = [one for one in whole if one.strip()]
        if not said and not self._is_stream:
            raise VoiceError("nothing_to_say", "There are no words in the text.", "Send some.")
        return said


class BadEvent(Exception):  # noqa: N818 - it is what it is called
    """What a client sent is no event."""


async def read_event(reader: asyncio.StreamReader, most_bytes: int) -> Event | None:
    """The next event with no more than ``most_bytes`` of sound; None at the end. Raises `BadEvent`.

    The package's own reader takes events of any size.
    """
    try:
        line = await reader.readline()
        if not line:
            return None
        head = _object(json.loads(line))
        data = _object(head.get("data") or {})
        length = _length(head, "data_length", MOST_DATA)
        if length:
            data |= _object(json.loads(await reader.readexactly(length)))
        length = _length(head, "payload_length", most_bytes)
        payload = await reader.readexactly(length) if length else None
        return Event(_text(head["type"]), data, payload)
    except _NOT_AN_EVENT as error:
        raise BadEvent(type(error).__name__) from error


def _parsed(read: Callable[[Event], T], event: Event) -> T:
    try:
        return read(event)
    except _NOT_AN_EVENT as error:
        raise BadEvent(f"{event.type:.40} lacks something") from error


def info(facts: Facts) -> Info:
    """What there is, for clients that choose."""
    maker, ours = Attribution("GTM assistant", ""), version("gtm-assistant")
    told = Info()
    if facts.ears is not None:
        model = AsrModel(facts.ears, maker, True, facts.told, ours, LANGUAGES)
        known = f"GTM assistant hears {facts.told}"
        program = AsrProgram(f"gtm-{facts.ears}", maker, True, known, ours, [model])
        program.supports_transcript_streaming = True
        told.asr = [program]
    if facts.mouth is not None:
        voices = [TtsVoice(one, maker, True, one, ours, LANGUAGES) for one in facts.voices]
        known = f"GTM assistant speaks with {facts.mouth}"
        told.tts = [TtsProgram(f"gtm-{facts.mouth}", maker, True, known, ours, voices, True)]
    return told


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadEvent("an object is expected")
    return value


def _length(head: dict[str, Any], name: str, most: int) -> int:
    length = head.get(name) or 0
    if not isinstance(length, int) or not 0 <= length <= most:
        raise BadEvent(f"{name} cannot be {length!r:.20}")
    return length


def _form(event: Event) -> tuple[int, int, int]:
    """Rate, bytes a sample and channels. Raises `BadEvent` for those no sound has."""
    form = tuple(event.data.get(name) for name in ("rate", "width", "channels"))
    match form:
        case (int(rate), int(width), int(channels)) if (
            rate in RATES and 1 <= width <= 4 and 1 <= channels <= MOST_CHANNELS
        ):
            return rate, width, channels
    raise BadEvent("no sound has this form")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadEvent("text is expected")
    return value


def _error(error: VoiceError) -> Error:
    return Error(f"{error.message} {error.cure}".strip(), error.code)


@asynccontextmanager
async def satellites(voicing: Voicing, lane: Lane, host: str, port: int) -> AsyncIterator[None]:
    """Listen for satellites beside the service; a port that is taken does not stand in its way."""
    server = WyomingServer(voicing, lane)
    try:
        await server.start(host, port)
    except OSError as error:
        # Of several worker processes the first has the port, and that is as it should be.
        level = logging.WARNING if parent_process() is None else logging.INFO
        log.log(level, "wyoming: not listening on %s:%s: %s", host, port, error)
    else:
        log.info("wyoming: listening on %s:%s", host, port)
    try:
        yield
    finally:
        await server.stop()
