"""OpenAI's interface of audio, asked by OpenAI's own client."""

import io
import os
import socket
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from assistant.bootstrap import Assistant
from assistant.channels.openai_audio import MOST_INPUT, PCM_RATE
from intents.command import Role
from tests.conftest import PATIENCE, Server
from tests.in_a_room import COMMAND, VOICE, in_a_room
from tests.test_http import audited
from voice.audio import Audio
from voice.decoding import decode
from voice.encoding import encode

TRANSCRIPTIONS = "/v1/audio/transcriptions"


@pytest.fixture
def client(shared_server: Server) -> Iterator[openai.OpenAI]:
    """Somebody with the least role: hearing and speaking carry nothing out."""
    with connected(shared_server, shared_server.token(Role.VIEWER)) as made:
        yield made


def connected(server: Server, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, timeout=60, max_retries=0)


def said(client: openai.OpenAI, words: str = COMMAND, form: Any = "wav", **how: Any) -> bytes:
    options: dict[str, Any] = {"model": "tts-1", "voice": VOICE, **how}
    return client.audio.speech.create(input=words, response_format=form, **options).content


def heard(client: openai.OpenAI, sound: bytes, name: str = "said.wav", **how: Any) -> Any:
    return client.audio.transcriptions.create(file=(name, sound), model="whisper-1", **how)


def recorded(client: openai.OpenAI, form: Any = "wav") -> bytes:
    """The command, said here and recorded in a room."""
    return encode(in_a_room(decode(said(client))), form)


def silence(seconds: float) -> bytes:
    return encode(Audio(np.zeros(int(16_000 * seconds), np.int16)), "wav")


def refused(error: pytest.ExceptionInfo[Any], code: str, param: str | None, kind: str) -> None:
    """The client found in the body what it looks for."""
    told = error.value
    assert (told.code, told.param, told.type) == (code, param, kind), told.body
    assert told.body["message"]


# There and back


@pytest.mark.parametrize("form", ["wav", "mp3", "opus"])
def test_what_was_said_is_heard(client: openai.OpenAI, form: str) -> None:
    sound = recorded(client, form)
    assert heard(client, sound, f"said.{form}").text.casefold() == COMMAND


def test_hearing_carries_nothing_out(client: openai.OpenAI, shared_server: Server) -> None:
    before = audited(shared_server.assistant)
    heard(client, recorded(client))
    assert audited(shared_server.assistant) == before


def test_a_transcript_comes_in_every_format(client: openai.OpenAI) -> None:
    sound = recorded(client)
    seconds = decode(sound).seconds
    assert heard(client, sound, response_format="text").strip().casefold() == COMMAND
    verbose = heard(client, sound, response_format="verbose_json", timestamp_granularities=["segment"])
    assert verbose.text.casefold() == COMMAND
    assert verbose.duration == pytest.approx(seconds, abs=0.01)
    assert verbose.language == "english"
    assert [(one.start, one.text) for one in verbose.segments] == [(0, verbose.text)]
    assert -5 < verbose.segments[0].avg_logprob <= 0
    time_of_end = f"00:00:0{int(seconds)}"
    for form, start in (("srt", "1\n00:00:00,000 --> "), ("vtt", "WEBVTT\n\n00:00:00.000 --> ")):
        told = heard(client, sound, response_format=form)
        assert told.startswith(start + time_of_end), told
        assert told.casefold().strip().endswith(COMMAND)


def test_silence_is_no_words(client: openai.OpenAI) -> None:
    assert heard(client, silence(2)).text == ""
    assert heard(client, silence(2), response_format="srt") == ""
    assert heard(client, silence(2), response_format="verbose_json").segments == []


def test_what_other_engines_are_told_is_taken(client: openai.OpenAI) -> None:
    assert said(client, instructions="Whisper it.", stream_format="audio")
    text = heard(client, recorded(client), language="en-US", prompt="Acme", temperature=0.5).text
    assert text.casefold() == COMMAND


# Speech


@pytest.mark.parametrize(
    ("form", "kind", "start"),
    [
        ("wav", "audio/wav", b"RIFF"),
        ("mp3", "audio/mpeg", None),
        ("opus", "audio/ogg", b"OggS"),
        ("pcm", "audio/pcm", None),
    ],
)
def test_speech_comes_in_every_format(
    client: openai.OpenAI, form: Any, kind: str, start: bytes | None, tmp_path: Path
) -> None:
    told = client.audio.speech.with_streaming_response.create(
        input=COMMAND, model="tts-1", voice=VOICE, response_format=form
    )
    with told as answer:
        assert answer.headers["content-type"] == kind
        answer.stream_to_file(tmp_path / "said")
    sound = (tmp_path / "said").read_bytes()
    assert start is None or sound.startswith(start)
    if form == "pcm":
        sound = as_wave(sound, PCM_RATE)
    room = encode(in_a_room(decode(sound)), "wav")
    assert heard(client, room).text.casefold() == COMMAND


def as_wave(samples: bytes, rate: int) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples)
    return written.getvalue()


def test_speed_and_voice_are_followed(client: openai.OpenAI) -> None:
    usual, slow = (decode(said(client, speed=speed)).seconds for speed in (1, 0.5))
    assert slow > 1.4 * usual
    assert decode(said(client, voice="alloy")).seconds > 1, "programs ask for it unasked"
    man, woman = (pitch(decode(said(client, voice=voice))) for voice in ("en-us+m3", {"id": "en-us+f2"}))
    assert woman > 1.3 * man


def pitch(audio: Audio) -> float:
    """Hertz of a voice: how often its sound repeats itself."""
    spectrum = np.fft.rfft(audio.samples.astype(float), 2 * len(audio.samples))
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)
    shortest, longest = 16_000 // 220, 16_000 // 70
    return float(16_000 / (shortest + np.argmax(likeness[shortest:longest])))


def test_the_models_are_the_engines_in_use(client: openai.OpenAI) -> None:
    assert [(one.id, one.object) for one in client.models.list()] == [
        ("embedded", "model"),
        ("espeak", "model"),
    ]


# Refusals


def test_a_wrong_key_is_no_key(shared_server: Server) -> None:
    with connected(shared_server, "gtm_wrong") as stranger:
        for ask in (
            lambda: said(stranger),
            lambda: heard(stranger, b"x"),
            lambda: list(stranger.models.list()),
        ):
            with pytest.raises(openai.AuthenticationError) as error:
                ask()
            refused(error, "token_not_valid", None, "authentication_error")


@pytest.mark.parametrize(
    ("sound", "code"),
    [
        (b"", "audio_empty"),
        (b"This is no sound." * 100, "audio_unreadable"),
        (silence(1)[:30], "audio_unreadable"),
    ],
)
def test_what_is_no_recording_is_a_bad_request(client: openai.OpenAI, sound: bytes, code: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        heard(client, sound)
    assert error.value.code in {code, "audio_empty"}
    refused(error, error.value.code or "", "file", "invalid_request_error")


@pytest.mark.parametrize(
    ("how", "param"),
    [
        ({"response_format": "diarized_json"}, "response_format"),
        ({"language": "de"}, "language"),
        ({"stream": True}, "stream"),
        ({"timestamp_granularities": ["word"], "response_format": "verbose_json"}, "timestamp_granularities"),
        ({"temperature": 7}, "temperature"),
    ],
)
def test_what_ours_cannot_do_is_a_bad_request(client: openai.OpenAI, how: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        heard(client, silence(1), **how)
    assert (error.value.param or "").startswith(param), error.value.body


@pytest.mark.parametrize(
    ("how", "param"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"words": "a" * (MOST_INPUT + 1)}, "input"),
        ({"words": " \n"}, "input"),
        ({"words": "a\0b"}, "input"),
        ({"speed": 9}, "speed"),
        ({"form": "flac"}, "response_format"),
        ({"stream_format": "sse"}, "stream_format"),
    ],
)
def test_what_cannot_be_said_is_a_bad_request(client: openai.OpenAI, how: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        said(client, **how)
    assert error.value.param == param, error.value.body


def test_a_path_there_is_not_is_told_the_same_way(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as error:
        client.models.retrieve("whisper-1")
    refused(error, "not_found", None, "invalid_request_error")


def test_too_large_and_too_long_are_told_apart_from_wrong(
    client: openai.OpenAI, shared_server: Server
) -> None:
    terms = shared_server.assistant.settings.voice
    with pytest.raises(openai.APIStatusError) as error:
        heard(client, bytes(terms.most_bytes + 1))
    assert error.value.status_code == 413
    refused(error, "body_too_large", "file", "invalid_request_error")
    with pytest.raises(openai.APIStatusError) as error:
        heard(client, bytes(terms.most_bytes + 1_000_000))
    assert error.value.status_code == 413
    refused(error, "body_too_large", None, "invalid_request_error")
    with pytest.raises(openai.APIStatusError) as error:
        heard(client, silence(terms.most_seconds + 1))
    assert error.value.status_code == 413
    refused(error, "audio_too_long", "file", "invalid_request_error")


def test_who_asks_too_often_hears_when_to_ask_again(
    assistant: Assistant, request: pytest.FixtureRequest
) -> None:
    assistant.settings.server = assistant.settings.server.model_copy(update={"requests_per_minute": 2})
    server: Server = request.getfixturevalue("server")
    with connected(server, server.token()) as client:
        for _ in range(2):
            client.models.list()
        with pytest.raises(openai.RateLimitError) as error:
            client.models.list()
    refused(error, "too_many_requests", None, "rate_limit_error")
    assert int(error.value.response.headers["retry-after"]) > 0


def test_ears_and_mouth_that_are_off_are_unavailable(
    assistant: Assistant, request: pytest.FixtureRequest
) -> None:
    off = assistant.settings.voice.model_copy(update={"ears": "off", "mouth": "off"})
    assistant.voicing.terms = off
    server: Server = request.getfixturevalue("server")
    sound = encode(Audio(np.zeros(16_000, np.int16)), "wav")
    with connected(server, server.token()) as client:
        for ask in (lambda: said(client), lambda: heard(client, sound)):
            with pytest.raises(openai.InternalServerError) as error:
                ask()
            assert error.value.status_code == 503
            assert error.value.type == "server_error"
            assert int(error.value.response.headers["retry-after"]) > 0
        assert client.models.list().data == []


def test_a_client_that_drops_leaves_nothing_behind(client: openai.OpenAI, shared_server: Server) -> None:
    """Half a recording large enough to be spooled to a file: the file is gone, the service goes on."""
    before = open_files()
    half = 3_000_000
    head = (
        f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shared_server.token()}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {2 * half}\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    )
    host, port = shared_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(head.encode() + bytes(half))
        wait_until(lambda: bool(open_files() - before))
    wait_until(lambda: not open_files() - before)
    assert heard(client, silence(1)).text == ""


def open_files() -> set[str]:
    """Temporary files this process holds, which have no name any more."""
    found = set()
    for one in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(one)
        except OSError:
            continue
        if "(deleted)" in target:
            found.add(target)
    return found


def wait_until(is_so: Any, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
