"""The ears and the mouth of the service: which engines they are, what may be said now, who answers aloud."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal, TypeVar

from assistant.settings import Settings
from voice.audio import Audio, VoiceError
from voice.speaker import Form, Speaker
from voice.transcriber import Transcriber, Transcript, Vocabulary

if TYPE_CHECKING:
    from voice.endpoint import SpeechEndpoint

T = TypeVar("T")

log = logging.getLogger(__name__)

CLOSED = "closed commands only; for free speech set up Whisper"
SMALL = "commands well, free speech fairly; for better ears set up Whisper"
FREE = "free speech"


MOST_VOICES = 7
"""Voices that are told of; a mouth may have hundreds."""


@dataclass(frozen=True)
class Facts:
    """What the ears and the mouth are, as it is told to people."""

    ears: str | None
    """The engine in use; None where nothing is heard."""
    hears: Literal["commands", "anything"] | None
    told: str
    """What it can do, in words."""
    mouth: str | None
    voices: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """Why an engine of the settings is not in use, and the cure."""


class Voicing:
    """Hears and speaks with the engines of the settings, which are loaded when they are first needed."""

    def __init__(self, settings: Settings, vocabulary: Callable[[], Vocabulary]) -> None:
        """``vocabulary`` tells what can be said at the moment it is asked."""
        self.terms = settings.voice
        self._folder = settings.data_dir / "models"
        self._vocabulary = vocabulary
        self._lock = threading.Lock()
        self._ears: Transcriber | None = None
        self._mouth: Speaker | None = None
        self._notes: dict[str, str] = {}

    def hear(self, sound: bytes) -> Transcript:
        """What is said in a recording of any common kind. Raises `VoiceError`."""
        from voice.decoding import decode

        return self.hear_audio(decode(BytesIO(sound), most_seconds=self.terms.most_seconds))

    def hear_audio(self, audio: Audio) -> Transcript:
        """What is said in ``audio``. Raises `VoiceError`, ``no_speech`` where nobody speaks."""
        return self.ears().transcribe(audio, self._vocabulary())

    @property
    def is_quick(self) -> bool:
        """Whether hearing costs so little that a pause may be listened to which is not the end."""
        return self._ears is not None and self._ears.name == "embedded"

    def prepare(self) -> None:
        """Get ready to hear; nothing is raised."""
        with suppress(VoiceError):
            self.ears().prepare(self._vocabulary())

    def guess(self, so_far: Audio) -> str:
        """What is being said in an utterance that goes on; empty where that cannot be told yet."""
        try:
            return self.ears().guess(so_far, self._vocabulary())
        except VoiceError:
            return ""

    def speak(self, text: str, *, voice: str | None = None, speed: float | None = None) -> Audio:
        """``text`` said aloud. Raises `VoiceError`."""
        chosen = voice or self.terms.speaker_voice
        return self.mouth().speak(text, voice=chosen, speed=speed or self.terms.speed)

    def spoken(self, text: str, form: Form, *, voice: str | None = None, speed: float | None = None) -> bytes:
        """``text`` said aloud, as a file. Raises `VoiceError`."""
        from voice.encoding import encode

        return encode(self.speak(text, voice=voice, speed=speed), form)

    def ears(self) -> Transcriber:
        """The engine that hears. Raises `VoiceError` where there is none."""
        with self._lock:
            if self._ears is None:
                self._ears = self._find_ears()
            return self._ears

    def mouth(self) -> Speaker:
        """The engine that speaks. Raises `VoiceError` where there is none."""
        with self._lock:
            if self._mouth is None:
                self._mouth = self._find_mouth()
            return self._mouth

    def facts(self) -> Facts:
        """What there is; nothing is raised."""
        ears = mouth = None
        try:
            ears = self.ears()
        except VoiceError as error:
            self._notes["ears"] = f"{error.message} {error.cure}".strip()
        try:
            mouth = self.mouth()
        except VoiceError as error:
            self._notes["mouth"] = f"{error.message} {error.cure}".strip()
        return Facts(
            ears=None if ears is None else ears.name,
            hears=None if ears is None else ears.hears,
            told=_told(ears),
            mouth=None if mouth is None else mouth.name,
            voices=() if mouth is None else mouth.voices[:MOST_VOICES],
            notes=tuple(self._notes.values()),
        )

    def _find_ears(self) -> Transcriber:
        makers: dict[str, Callable[[], Transcriber]] = {}
        if self.terms.ears == "whisper" or (self.terms.ears == "auto" and self.terms.whisper.model):
            makers["whisper"] = self._whisper
        if self.terms.ears == "endpoint" or (self.terms.ears == "auto" and self.terms.endpoint.hearing_model):
            makers["endpoint"] = self._endpoint_ears
        if self.terms.ears in ("auto", "embedded"):
            makers["embedded"] = self._embedded
        return _first(makers, "ears", self._notes)

    def _find_mouth(self) -> Speaker:
        makers: dict[str, Callable[[], Speaker]] = {}
        if self.terms.mouth == "piper" or (self.terms.mouth == "auto" and self.terms.piper_voice):
            makers["piper"] = self._piper
        if self.terms.mouth == "endpoint" or (
            self.terms.mouth == "auto" and self.terms.endpoint.speaking_model
        ):
            makers["endpoint"] = self._endpoint_mouth
        if self.terms.mouth in ("auto", "espeak"):
            makers["espeak"] = self._espeak
        return _first(makers, "mouth", self._notes)

    def _whisper(self) -> Transcriber:
        from voice.whisper import WhisperTranscriber

        return WhisperTranscriber(
            self.terms.whisper.model or "base.en",
            folder=self._folder / "whisper",
            cpu_threads=self.terms.whisper.threads,
        )

    def _endpoint_ears(self) -> Transcriber:
        from voice.endpoint import EndpointTranscriber

        model = self.terms.endpoint.hearing_model or "whisper-1"
        return EndpointTranscriber(self._endpoint(model), detail=self.terms.endpoint.detail)

    def _embedded(self) -> Transcriber:
        from voice.embedded import EmbeddedTranscriber
        from voice.moonshine import of_setting

        return EmbeddedTranscriber(of_setting(self.terms.moonshine))

    def _piper(self) -> Speaker:
        from voice.piper import PiperSpeaker

        if self.terms.piper_voice is None:
            raise VoiceError(
                "mouth_unavailable", "No Piper voice is named.", "Set voice.piper_voice to its file."
            )
        return PiperSpeaker(self.terms.piper_voice)

    def _endpoint_mouth(self) -> Speaker:
        from voice.endpoint import EndpointSpeaker

        model = self.terms.endpoint.speaking_model or "tts-1"
        return EndpointSpeaker(self._endpoint(model), (self.terms.endpoint.voice,))

    def _endpoint(self, model: str) -> "SpeechEndpoint":
        from voice.endpoint import SpeechEndpoint

        terms = self.terms.endpoint
        return SpeechEndpoint(
            base_url=str(terms.base_url), model=model, api_key=terms.api_key, seconds=terms.seconds
        )

    def _espeak(self) -> Speaker:
        from voice.espeak import EspeakSpeaker

        return EspeakSpeaker()


def _told(ears: Transcriber | None) -> str:
    """What ears can do, in words."""
    if ears is None:
        return "nothing"
    if ears.hears == "commands":
        return CLOSED
    return SMALL if ears.name == "embedded" else FREE


def _first(makers: dict[str, Callable[[], T]], part: str, notes: dict[str, str]) -> T:
    """The first engine that can be had; why the others could not is noted."""
    last = VoiceError(
        f"{part}_unavailable", f"The {part} of the assistant is switched off.", f"Set voice.{part} to auto."
    )
    for name, make in makers.items():
        try:
            return make()
        except VoiceError as error:
            last = error
            notes[name] = f"{error.message} {error.cure}".strip()
            log.warning("voice: %s", notes[name])
    raise last
