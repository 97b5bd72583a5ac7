"""Ears and mouth for Wyoming's own client, over TCP."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from numpy.typing import NDArray
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from assistant.app import create_app
from assistant.bootstrap import Assistant
from assistant.channels.lane import Lane
from assistant.channels.wyoming import MOST_TEXT, WyomingServer
from tests import in_a_room
from tests.in_a_room import COMMAND
from tests.postgres import free_port
from tests.test_http import audited
from voice.audio import RATE, Audio

VOICE = SynthesizeVoice(name=in_a_room.VOICE)
Form = tuple[int, int, int]


@asynccontextmanager
async def listening(assistant: Assistant, **how: Any) -> AsyncIterator[WyomingServer]:
    server = WyomingServer(assistant.voicing, Lane(), **how)
    await server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop()


def client(server: WyomingServer) -> AsyncClient:
    return AsyncClient.from_uri(f"tcp://127.0.0.1:{server.port}", read_timeout=30)


async def ask(line: AsyncClient, *events: Eventable) -> None:
    for event in events:
        await line.write_event(event.event())


async def told(line: AsyncClient, last: type[Eventable]) -> list[Event]:
    """What comes until an event of a kind, that one too."""
    found: list[Event] = []
    while not found or not last.is_type(found[-1].type):
        event = await line.read_event()
        assert event is not None, [one.type for one in found]
        found.append(event)
    return found


def kinds(events: list[Event]) -> list[str]:
    """Their types in order, each once a row."""
    return [
        one.type
        for one, before in zip(events, [None, *events], strict=False)
        if not before or one.type != before.type
    ]


def sound(events: list[Event]) -> Audio:
    chunks = [AudioChunk.from_event(one) for one in events if AudioChunk.is_type(one.type)]
    assert {(one.rate, one.width, one.channels) for one in chunks} == {(RATE, 2, 1)}
    return Audio(np.frombuffer(b"".join(one.audio for one in chunks), "<i2").astype(np.int16))


def recording(audio: Audio, form: Form = (RATE, 2, 1), at_once: int = 1024) -> list[Eventable]:
    """Somebody speaks into a microphone of this form."""
    rate, width, channels = form
    samples = in_a_room.in_a_room(audio).samples if audio.samples.any() else audio.samples
    if rate != RATE:
        at = np.arange(0, len(samples), RATE / rate)
        samples = np.interp(at, np.arange(len(samples)), samples).astype(np.int16)
    data = as_width(np.repeat(samples, channels), width)
    size = at_once * width * channels
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [
        Transcribe(language="en"),
        AudioStart(rate, width, channels),
        *(AudioChunk(rate, width, channels, piece) for piece in pieces),
        AudioStop(),
    ]


def as_width(samples: NDArray[np.int16], width: int) -> bytes:
    if width == 1:
        return bytes((samples // 256 + 128).astype(np.uint8))
    whole = samples.astype("<i4") << 16
    return b"".join(one.tobytes()[4 - width :] for one in whole)


async def heard(line: AsyncClient, *events: Eventable) -> str:
    await ask(line, *events)
    return Transcript.from_event((await told(line, Transcript))[-1]).text.casefold()


async def said(line: AsyncClient, words: str = COMMAND) -> Audio:
    await ask(line, Synthesize(words, VOICE))
    return sound(await told(line, AudioStop))


def error_of(events: list[Event]) -> str | None:
    errors = [Error.from_event(one) for one in events if Error.is_type(one.type)]
    assert all(one.text for one in errors)
    return errors[0].code if errors else None


def run(assistant: Assistant, talk: Callable[[WyomingServer], Awaitable[None]], **how: Any) -> None:
    async def all_of_it() -> None:
        async with listening(assistant, **how) as server:
            await talk(server)

    asyncio.run(all_of_it())


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to that")


# What there is


def test_it_tells_what_hears_and_what_speaks(assistant: Assistant) -> None:
    async def talk(server: WyomingServer) -> None:
        async with client(server) as line:
            await ask(line, Describe(), Ping("there?"))
            info = Info.from_event((await told(line, Info))[-1])
            pong = Pong.from_event((await told(line, Pong))[-1])
        assert pong.text == "there?"
        (ears,), (mouth,) = info.asr, info.tts
        assert [one.name for one in ears.models] == ["embedded"]
        assert ears.models[0].languages == ["en"]
        assert "commands" in (ears.description or "")
        assert mouth.name == "gtm-espeak"
        assert {"en-us", "en-gb"} <= {one.name for one in mouth.voices}
        assert mouth.supports_synthesize_streaming
        assert ears.version == mouth.version
        assert ears.version

    run(assistant, talk)


# There and back


def test_what_was_said_is_heard_and_nothing_is_done(assistant: Assistant) -> None:
    before = audited(assistant)

    async def talk(server: WyomingServer) -> None:
        async with client(server) as line:
            audio = await said(line)
            # The same connection serves again and again.
            for _ in range(2):
                await ask(line, *recording(audio))
                events = await told(line, TranscriptStop)
                assert kinds(events) == [
                    one.event().type
                    for one in (TranscriptStart(), TranscriptChunk(""), Transcript(""), TranscriptStop())
                ]
                assert Transcript.from_event(events[-2]).text.casefold() == COMMAND

    run(assistant, talk)
    assert audited(assistant) == before


@pytest.mark.parametrize(
    "form", [(48_000, 2, 2), (44_100, 4, 1), (22_050, 3, 1), (16_000, 1, 1), (96_000, 4, 2)]
)
def test_any_microphone_will_do(assistant: Assistant, form: Form) -> None:
    async def talk(server: WyomingServer) -> None:
        async with client(server) as line:
            audio = await said(line)
            assert await heard(line, *recording(audio, form)) == COMMAND

    run(assistant, talk)


def test_words_are_said_with_the_voice_asked_for(assistant: Assistant) -> None:
    async def talk(server: WyomingServer) -> None:
        async with client(server) as line:
            await ask(line, Synthesize(COMMAND, SynthesizeVoice(name="en-gb+f2")))
            events = await told(line, AudioStop)
            assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop"]
            audio = sound(events)
            assert AudioStop.from_event(events[-1]).timestamp == round(audio.seconds * 1000)
            await ask(line, Synthesize(COMMAND, SynthesizeVoice(language="en")))
            assert error_of(await told(line, AudioStop)) is None

    run(assistant, talk)


def test_words_that_stream_in_are_said_by_the_sentence(assistant: Assistant) -> None:
    async def talk(server: WyomingServer) -> None:
        async with client(server) as line:
            await ask(
                line,
                SynthesizeStart(VOICE),
                SynthesizeChunk("Find influencers with fif"),
                SynthesizeChunk("ty thousand followers. What "),
            )
            first = sound(await told(line, AudioStop))
            whole = "Find influencers with fifty thousand followers. What can you do?"
            # Clients repeat the whole for servers that know no streams.
            await ask(line, SynthesizeChunk("can you do?"), Synthesize(whole), SynthesizeStop())
            events = await told(line, SynthesizeStopped)
            assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"]
            assert sound(events).seconds < first.seconds
            assert await heard(line, *recording(first)) == COMMAND

    run(assistant, talk)


# Trouble


def test_what_cannot_be_heard_is_an_error_and_an_empty_transcript(assistant: Assistant) -> None:
    silence = Audio(np.zeros(RATE, np.int16))
    endless = Audio(np.zeros(int(RATE * (assistant.settings.voice.most_seconds + 1)), np.int16))
    cases: list[tuple[list[Eventable], str]] = [
        (recording(silence), "no_speech"),
        (recording(endless, at_once=RATE), "audio_too_long"),
        ([Transcribe(), AudioStart(RATE, 2, 1), AudioStop()], "audio_empty"),
        ([AudioStop()], "audio_empty"),
        ([Transcribe(language="de"), *recording(silence)[1:]], "unknown_language"),
    ]

    async def talk(server: WyomingServer) -> None:
        async with client(server) as line:
            for events, code in cases:
                await ask(line, *events)
                answer = await told(line, Transcript)
                assert error_of(answer) == code
                assert Transcript.from_event(answer[-1]).text == ""
            assert await heard(line, *recording(await said(line))) == COMMAND

    run(assistant, talk)


def test_what_cannot_be_said_is_an_error_and_an_end(assistant: Assistant) -> None:
    cases: list[tuple[Eventable, str]] = [
        (Synthesize(COMMAND, SynthesizeVoice(name="nobody")), "unknown_voice"),
        (Synthesize("a" * (MOST_TEXT + 1)), "too_long_to_say"),
        (Synthesize(" "), "nothing_to_say"),
        (Synthesize("<speak>Hello</speak>", text_format="ssml"), "unknown_text_format"),
    ]

    async def talk(server: WyomingServer) -> None:
        async with client(server) as line:
            for asked, code in cases:
                await ask(line, asked)
                answer = await told(line, AudioStop)
                assert (error_of(answer), kinds(answer)) == (code, ["error", "audio-stop"])
            voice = SynthesizeVoice(name="nobody")
            await ask(line, SynthesizeStart(voice), SynthesizeChunk("One. Two. "), SynthesizeStop())
            answer = await told(line, SynthesizeStopped)
            assert kinds(answer) == ["error", "audio-stop", "synthesize-stopped"]
            assert (await said(line)).seconds > 0.5

    run(assistant, talk)


def test_engines_that_are_off_are_not_told_of(assistant: Assistant) -> None:
    off = assistant.settings.voice.model_copy(update={"ears": "off", "mouth": "off"})
    assistant.voicing.terms = off

    async def talk(server: WyomingServer) -> None:
        async with client(server) as line:
            await ask(line, Describe())
            info = Info.from_event((await told(line, Info))[-1])
            assert (info.asr, info.tts) == ([], [])
            await ask(line, Synthesize(COMMAND))
            assert error_of(await told(line, AudioStop)) == "mouth_unavailable"
            await ask(line, *recording(Audio(np.zeros(RATE, np.int16))))
            assert error_of(await told(line, Transcript)) in ("no_speech", "ears_unavailable")

    run(assistant, talk)


GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"x" * 100_000 + b"\n",
    b"[1]\n",
    b"[" * 60_000 + b"\n",
    b"{}\n",
    b'{"type": 7}\n',
    b'{"type": "describe", "data": []}\n{"type": "audio-chunk", "data": [1]}\n',
    b'{"type": "audio-start", "data": {"rate": "fast", "width": 2, "channels": 1}}\n',
    b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 0}}\n',
    b'{"type": "audio-start", "data": {"rate": 1000000000, "width": 2, "channels": 1}}\n',
    b'{"type": "synthesize", "data": {}}\n',
    b'{"type": "synthesize", "data": {"text": 7}}\n',
    b'{"type": "synthesize", "data": {"text": "a", "voice": 7}}\n',
    b'{"type": "synthesize", "data": {"text": "a", "voice": {"name": []}}}\n',
    b'{"type": "transcribe", "data": {"language": 7}}\n',
    b'{"type": "audio-chunk", "data": {}, "payload_length": 9999999999}\n',
    b'{"type": "describe", "data_length": -1}\n',
    b'{"type": "describe", "data_length": 2}\n[]',
    bytes(range(256)) * 10,
]


async def answer_to(server: WyomingServer, sent: bytes) -> str | None:
    """The code of the error that ends the connection; None where it is cut off with words still unread."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(sent)
        async with asyncio.timeout(5):
            answer = await reader.read()
    except ConnectionError:
        return None
    finally:
        writer.close()
    code: str = json.loads(answer.splitlines()[-1])["code"]
    return code


def test_garbage_ends_its_own_connection_only(assistant: Assistant, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(server: WyomingServer) -> None:
        async with client(server) as other:
            audio = await said(other)
            for sent in GARBAGE:
                cut_off = None if len(sent) > 65_536 else "bad_event"
                assert await answer_to(server, sent) in ("bad_event", cut_off), sent[:60]
            assert await heard(other, *recording(audio)) == COMMAND

    run(assistant, talk)
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING], caplog.text


def test_who_stalls_is_dropped(assistant: Assistant) -> None:
    async def talk(server: WyomingServer) -> None:
        for sent in (b"", b'{"type": "describ', b'{"type": "describe", "data_length": 10}\n{'):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()

    run(assistant, talk, idle_seconds=0.3)


def test_who_does_not_listen_is_dropped(assistant: Assistant) -> None:
    """Speech that nobody takes fills the line; then it is given up."""

    async def talk(server: WyomingServer) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as deaf:
            asked = json.dumps({"type": "synthesize", "data": {"text": "one two three four " * 200}}).encode()
            await asyncio.get_running_loop().run_in_executor(None, deaf.sendall, (asked + b"\n") * 4)
            await until(lambda: server.connections == 1)
            await until(lambda: server.connections == 0)

    run(assistant, talk, idle_seconds=0.5)


def test_one_connection_too_many_is_told_so(assistant: Assistant) -> None:
    async def talk(server: WyomingServer) -> None:
        async with client(server) as first, client(server) as second:
            await ask(first, Ping(), Ping())
            await told(first, Pong)
            answer = await second.read_event()
            assert answer is not None
            assert Error.from_event(answer).code == "too_many_connections"
            assert await second.read_event() is None
        async with client(server) as third, asyncio.timeout(5):
            await ask(third, Ping())
            await told(third, Pong)

    run(assistant, talk, most_connections=1)


# Within the service


def test_it_comes_with_the_service(assistant: Assistant, request: pytest.FixtureRequest) -> None:
    port = free_port()
    terms = assistant.settings.voice.model_copy(update={"wyoming_port": port})
    assistant.settings.voice = assistant.voicing.terms = terms
    request.getfixturevalue("server")

    async def talk() -> None:
        async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}", read_timeout=30) as line:
            assert (await said(line)).seconds > 0.5

    asyncio.run(talk())


def test_a_port_that_is_taken_does_not_stop_the_service(
    assistant: Assistant, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        terms = assistant.settings.voice.model_copy(update={"wyoming_port": taken.getsockname()[1]})
        assistant.settings.voice = terms
        app: FastAPI = create_app(assistant, alone=False)

        async def life() -> None:
            async with app.router.lifespan_context(app):
                pass

        asyncio.run(life())
    assert "not listening" in caplog.text


def test_the_command_serves_until_it_is_told_to_stop(assistant: Assistant, tmp_path: Path) -> None:
    port = free_port()
    program = "import typer; from assistant.channels.wyoming_cli import wyoming; typer.run(wyoming)"
    settings = {"GTM_DATA_DIR": str(tmp_path), "GTM_DATABASE_URL": assistant.settings.database_url}
    with subprocess.Popen(
        [sys.executable, "-c", program, "--port", str(port)],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Wyoming: tcp://127.0.0.1:{port}\n"

        async def talk() -> None:
            async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}", read_timeout=30) as line:
                await ask(line, Describe())
                assert Info.from_event((await told(line, Info))[-1]).tts

        try:
            asyncio.run(talk())
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
