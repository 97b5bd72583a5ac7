"""Ears and a mouth elsewhere: any endpoint that speaks OpenAI's protocol for speech."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import SecretStr

from voice.audio import Audio, VoiceError
from voice.decoding import decode
from voice.encoding import encode
from voice.endpointing import trim
from voice.names import ranked
from voice.transcriber import Transcript, Vocabulary

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NO_KEY = "none"
"""Sent where there is no key: the client would look for somebody else's in the environment."""
MOST_ANSWER = 1_000_000
"""Bytes of a transcript with all its details."""
MOST_TEXT = 5_000
"""Characters of an utterance."""
MOST_NAMES = 600
"""Characters of names in a prompt, of which models take some 220 tokens."""
MOST_SOUND = 64 * 2**20
"""Bytes of speech."""
MOST_SAID = 4_096
"""Characters of a text to be said; the protocol's own limit."""
MOST_SECONDS = 600
UNTOLD = 0.8
"""The confidence of a transcript where the endpoint tells none."""
SLOWEST, FASTEST = 0.25, 4.0


@dataclass(frozen=True)
class SpeechEndpoint:
    """Where a model of speech answers, and how long it may take."""

    base_url: str
    """With the version: https://api.example.com/v1."""
    model: str
    api_key: SecretStr | None = None
    seconds: float = 20.0
    """Within which it must have answered, with all tries."""
    tries: int = 2


class EndpointTranscriber:
    """A `Transcriber` over ``/audio/transcriptions``.

    The confidence is the geometric mean of the probabilities of the tokens, as far as ``detail`` makes the
    endpoint tell it, and `UNTOLD` otherwise.
    """

    name: Literal["endpoint"] = "endpoint"
    hears: Literal["anything"] = "anything"

    def __init__(
        self, endpoint: SpeechEndpoint, *, detail: Literal["json", "verbose_json", "logprobs"] = "json"
    ) -> None:
        """``detail``: how to ask for the confidence. Whisper takes verbose_json, newer models logprobs."""
        self._endpoint = endpoint
        self._detail = detail

    def transcribe(self, audio: Audio, vocabulary: Vocabulary) -> Transcript:
        """As `Transcriber.transcribe`; silence is not sent anywhere."""
        speech = trim(audio)
        asked: dict[str, Any] = {
            "file": ("speech.wav", encode(speech, "wav"), "audio/wav"),
            "model": self._endpoint.model,
            "language": "en",
            "response_format": "verbose_json" if self._detail == "verbose_json" else "json",
            "temperature": 0,
        }
        if self._detail == "logprobs":
            asked["include"] = ["logprobs"]
        if prompt := _prompt(vocabulary):
            asked["prompt"] = prompt

        async def ask(client: "AsyncOpenAI") -> bytes:
            async with client.audio.transcriptions.with_streaming_response.create(**asked) as response:
                return await _gathered(response.iter_bytes(), MOST_ANSWER)

        try:
            text, confidence = _heard(_asked(self._endpoint, ask))
        except _FailedError as error:
            raise VoiceError("ears_unavailable", f"The ears' endpoint {error}.", error.cure) from error
        if not text:
            raise VoiceError("no_speech", "I heard no speech.", "Check the microphone and say it again.")
        return Transcript(text, self.name, confidence, seconds=speech.seconds)


class EndpointSpeaker:
    """A `Speaker` over ``/audio/speech``. ``voices``: those of its model that may be asked for."""

    name: Literal["endpoint"] = "endpoint"

    def __init__(self, endpoint: SpeechEndpoint, voices: tuple[str, ...] = ("alloy",)) -> None:
        self.voices = voices
        self._endpoint = endpoint

    def speak(self, text: str, *, voice: str | None = None, speed: float = 1.0) -> Audio:
        """As `Speaker.speak`; also raises `VoiceError` ``too_long_to_say``."""
        chosen = self.voices[0] if voice is None else voice
        if chosen not in self.voices:
            raise VoiceError(
                "unknown_voice", f"There is no voice {chosen}.", f"Voices: {', '.join(self.voices)}."
            )
        if len(text) > MOST_SAID:
            raise VoiceError(
                "too_long_to_say", "That is too long to be said aloud.", "Ask for a shorter answer."
            )
        if not text.strip():
            return Audio(np.zeros(0, np.int16))

        async def ask(client: "AsyncOpenAI") -> bytes:
            async with client.audio.speech.with_streaming_response.create(
                input=text,
                model=self._endpoint.model,
                voice=chosen,
                response_format="wav",
                speed=min(max(speed, SLOWEST), FASTEST),
            ) as response:
                return await _gathered(response.iter_bytes(), MOST_SOUND)

        try:
            return _sound(_asked(self._endpoint, ask))
        except _FailedError as error:
            raise VoiceError("mouth_unavailable", f"The mouth's endpoint {error}.", error.cure) from error


class _FailedError(Exception):
    """Its argument goes on from "The endpoint"; not a word of the endpoint's own, which may quote the key."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


def _asked(endpoint: SpeechEndpoint, ask: "Callable[[AsyncOpenAI], Awaitable[bytes]]") -> bytes:
    return asyncio.run(_ask(endpoint, ask))


async def _ask(endpoint: SpeechEndpoint, ask: "Callable[[AsyncOpenAI], Awaitable[bytes]]") -> bytes:
    import httpx2
    import openai

    key = NO_KEY if endpoint.api_key is None else endpoint.api_key.get_secret_value()
    wait = "Ask again in a moment, or choose another engine."
    # None of its errors is kept: they hold what the endpoint said, which may quote the key.
    try:
        async with (
            asyncio.timeout(endpoint.seconds),
            openai.AsyncOpenAI(
                base_url=endpoint.base_url,
                api_key=key,
                timeout=endpoint.seconds,
                max_retries=max(0, endpoint.tries - 1),
            ) as client,
        ):
            return await ask(client)
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException):
        raise _FailedError(f"took longer than {endpoint.seconds:g} seconds", wait) from None
    except openai.APIStatusError as error:
        raise _refused(error.status_code) from None
    except openai.APIConnectionError as error:
        if isinstance(error.__cause__, httpx2.ConnectError):
            raise _FailedError("cannot be reached", "Check its address and the network.") from None
        raise _FailedError("broke off", wait) from None
    except (openai.APIError, httpx2.HTTPError):
        raise _FailedError("broke off", wait) from None
    except (ValueError, TypeError):  # A key that no header takes, or an address that is none.
        raise _FailedError("cannot be asked", "Check its address and its key.") from None


def _refused(status: int) -> _FailedError:
    if status in (401, 403):
        return _FailedError(f"refuses the key ({status})", "Check its key.")
    if status == 404:
        return _FailedError("does not know the model or the address (404)", "Check its address and model.")
    if status == 429:
        return _FailedError("is asked too often (429)", "Wait a little, or check the account's quota.")
    if status >= 500:
        return _FailedError(f"failed ({status})", "Ask again in a moment, or choose another engine.")
    return _FailedError(f"refuses the question ({status})", "Check its model and what it takes.")


async def _gathered(parts: AsyncIterator[bytes], most: int) -> bytes:
    whole = bytearray()
    async for part in parts:
        whole += part
        if len(whole) > most:
            raise _FailedError("sent more than it may", "Check that its address is right.")
    return bytes(whole)


def _prompt(vocabulary: Vocabulary) -> str:
    """The most important names, as many as a model takes."""
    told = ""
    for name in ranked(vocabulary.names):
        longer = f"{told}, {name}" if told else name
        if len(longer) > MOST_NAMES:
            break
        told = longer
    return told


def _heard(answer: bytes) -> tuple[str, float]:
    """The text and the confidence of a transcript."""
    try:
        told = json.loads(answer)
        text = told["text"].strip()
        confidence = _confidence(told)
        if len(text) > MOST_TEXT:
            raise ValueError(len(text))  # noqa: TRY301
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _FailedError("sent what is not its protocol", "Check that its address is right.") from error
    return text, confidence


def _confidence(told: Mapping[str, Any]) -> float:
    weighed = [(float(one["logprob"]), 1) for one in told.get("logprobs") or ()]
    weighed += [
        (float(one["avg_logprob"]), max(1, len(one.get("tokens") or ())))
        for one in told.get("segments") or ()
        if "avg_logprob" in one
    ]
    if not weighed:
        return UNTOLD
    mean = sum(value * weight for value, weight in weighed) / sum(weight for _, weight in weighed)
    return UNTOLD if math.isnan(mean) else math.exp(min(0.0, mean))


def _sound(answer: bytes) -> Audio:
    try:
        return decode(answer, most_seconds=MOST_SECONDS)
    except VoiceError as error:
        raise _FailedError("sent what is not sound", "Check its model and its address.") from error
