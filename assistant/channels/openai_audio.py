"""OpenAI's interface of audio onto our ears and mouth, for programs that speak it.

It hears and says words and carries nothing out: commands are given at `/api/v1/voice` and `/api/v1/say`.
"""

import zlib
from math import log
from typing import Annotated, Any, BinaryIO, Literal

import numpy as np
from fastapi import APIRouter, Body, File, Form, UploadFile
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, PlainTextResponse, Response

from assistant.channels.access import Agent
from assistant.channels.errors import RETRY_SECONDS, Refused, documented
from assistant.channels.openai_errors import PREFIX, OpenAIErrorBody
from assistant.channels.service import Here
from assistant.channels.strict import StrictRoute
from assistant.channels.voice import MEDIA_TYPES, refused
from assistant.voicing import Facts, Voicing
from voice.audio import RATE, Audio, VoiceError
from voice.transcriber import Transcript

TRANSCRIPTIONS = f"{PREFIX}audio/transcriptions"
FORM_BYTES = 64_000
"""What a form may hold beside the recording."""
MOST_FIELDS = 30
MOST_INPUT = 4096
"""Characters said at once; OpenAI's own bound."""
PCM_RATE = 24_000
"""Samples a second of OpenAI's bare samples."""
USUAL_VOICES = frozenset(
    "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split()  # noqa: SIM905
)
"""Voices of OpenAI that programs ask for unasked: where the mouth has no such voice, its own stands in."""

_TRANSCRIPT_FORMATS = Literal["json", "text", "srt", "verbose_json", "vtt"]
_SPEECH_FORMATS = Literal["mp3", "opus", "wav", "pcm"]

_RESPONSES: dict[int | str, dict[str, Any]] = {
    **{
        status: {**told, "model": OpenAIErrorBody}
        for status, told in documented().items()
        if status not in (403, 422)
    },
    "4XX": {"model": OpenAIErrorBody, "description": "Any other refusal"},
}

router = APIRouter(
    prefix=PREFIX.rstrip("/"),
    tags=["openai"],
    route_class=StrictRoute,
    form_limits={"max_files": 1, "max_fields": MOST_FIELDS, "max_part_size": FORM_BYTES},
)


class Model(BaseModel):
    """An engine in use."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(0, description="Not known: always 0.")
    owned_by: str = "gtm-assistant"


class Models(BaseModel):
    """The engines in use: what hears, and what speaks."""

    object: Literal["list"] = "list"
    data: list[Model]


class OwnVoice(BaseModel):
    """A voice by its name, the other way OpenAI's clients write it."""

    id: str = Field(max_length=100)


class Speech(BaseModel):
    """What is to be said aloud, and how."""

    input: str = Field(min_length=1, max_length=MOST_INPUT, pattern=r"^[^\x00]*$", description="The words.")
    model: str = Field("", max_length=100, description="Any: the mouth of the settings speaks.")
    voice: Annotated[str, Field(max_length=100)] | OwnVoice = Field(
        "", description="One of the mouth's voices; OpenAI's own names mean its first where it has none such."
    )
    response_format: _SPEECH_FORMATS = Field(
        "mp3",
        description="opus comes in an Ogg container; pcm is 24 kHz, one channel, 16-bit, low byte first.",
    )
    speed: float | None = Field(None, ge=0.25, le=4, description="1 is usual; the mouth may go less far.")
    instructions: str | None = Field(None, description="Taken, and not followed.")
    stream_format: Literal["audio"] = Field("audio", description="The sound itself; events are not sent.")

    @property
    def voice_name(self) -> str | None:
        """The voice asked for."""
        return (self.voice.id if isinstance(self.voice, OwnVoice) else self.voice) or None


class Transcription(BaseModel):
    """What was heard."""

    text: str


class Segment(BaseModel):
    """A piece of speech; there is one, the whole."""

    id: int = 0
    seek: int = 0
    start: float
    end: float
    text: str
    tokens: list[int] = []
    temperature: float = 0
    avg_logprob: float = Field(description="Logarithm of the probability that the text is right.")
    compression_ratio: float
    no_speech_prob: float = 0


class VerboseTranscription(Transcription):
    """What was heard, and how long the recording is."""

    task: Literal["transcribe"] = "transcribe"
    language: str = "english"
    duration: float = Field(description="Seconds of the recording.")
    segments: list[Segment]


@router.get("/models", responses=_RESPONSES, operation_id="openai_models")
async def models(here: Here, _agent: Agent) -> Models:
    """The engines in use. Requests may name any model: these answer."""
    facts: Facts = await here.lane.run(here.assistant.voicing.facts)
    return Models(data=[Model(id=name) for name in (facts.ears, facts.mouth) if name is not None])


@router.post(
    "/audio/transcriptions",
    operation_id="openai_transcribe",
    response_model=None,
    responses={
        200: {
            "model": VerboseTranscription | Transcription,
            "description": "What was heard; an empty text where nobody speaks",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **_RESPONSES,
    },
)
async def transcriptions(
    here: Here,
    _agent: Agent,
    file: Annotated[UploadFile, File(description="A recording: WebM, Ogg, MP3, M4A, WAV or FLAC.")],
    model: Annotated[str, Form(description="Any: the ears of the settings hear.")] = "",
    language: Annotated[str, Form(description="English, if anything.")] = "",
    prompt: Annotated[str, Form(description="Taken, and not used: the names are known.")] = "",
    response_format: Annotated[_TRANSCRIPT_FORMATS, Form()] = "json",
    temperature: Annotated[float, Form(ge=0, le=1, description="Taken, and not used.")] = 0,
    stream: Annotated[bool, Form(description="Not done: an utterance is heard as a whole.")] = False,
    granularities: Annotated[
        list[Literal["segment"]] | None,
        Form(alias="timestamp_granularities[]", description="Times of words are not known."),
    ] = None,
) -> Response:
    """Hear a recording, and carry nothing out."""
    del model, prompt, temperature, granularities
    if stream:
        raise Refused(
            400, "not_streamed", "A transcript is not streamed.", "Ask without stream.", slot="stream"
        )
    if language and language.casefold().partition("-")[0] not in ("en", "english"):
        raise Refused(400, "unknown_language", "Only English is heard.", "Send en.", slot="language")
    voicing = here.assistant.voicing
    if (file.size or 0) > voicing.terms.most_bytes:
        most = f"The recording has more than {voicing.terms.most_bytes:,} bytes."
        raise Refused(413, "body_too_large", most, "Send less.", slot="file")
    try:
        heard, seconds = await here.lane.run(_heard, voicing, file.file)
    except VoiceError as error:
        raise _refused(error) from error
    return _told(heard, seconds, response_format)


@router.post(
    "/audio/speech",
    operation_id="openai_speak",
    response_class=Response,
    responses={
        200: {
            "description": "The sound",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in (*MEDIA_TYPES.values(), "audio/pcm")
            },
        },
        **_RESPONSES,
    },
)
async def speech(asked: Annotated[Speech, Body()], here: Here, _agent: Agent) -> Response:
    """Have words said aloud."""
    if not asked.input.strip():
        raise Refused(400, "nothing_to_say", "There are no words in the input.", "Send some.", slot="input")
    try:
        said = await here.lane.run(_said, here.assistant.voicing, asked)
    except VoiceError as error:
        raise _refused(error) from error
    kind = "audio/pcm" if asked.response_format == "pcm" else MEDIA_TYPES[asked.response_format]
    return Response(said, media_type=kind)


def _heard(voicing: Voicing, file: BinaryIO) -> tuple[Transcript | None, float]:
    """What is said in a file, None for nothing, and how long it is. Raises `VoiceError`."""
    from voice.decoding import decode

    audio = decode(file, most_seconds=voicing.terms.most_seconds)
    try:
        return voicing.hear_audio(audio), audio.seconds
    except VoiceError as error:
        if error.code != "no_speech":
            raise
        return None, audio.seconds


def _told(heard: Transcript | None, seconds: float, form: _TRANSCRIPT_FORMATS) -> Response:
    text = "" if heard is None else heard.text
    if form == "text":
        return PlainTextResponse(f"{text}\n")
    if form == "srt":
        return PlainTextResponse(f"1\n{_time(0)} --> {_time(seconds)}\n{text}\n\n" if text else "")
    if form == "vtt":
        cue = f"{_time(0, '.')} --> {_time(seconds, '.')}\n{text}\n\n" if text else ""
        return PlainTextResponse(f"WEBVTT\n\n{cue}")
    if form == "json":
        return JSONResponse(Transcription(text=text).model_dump())
    segments = [] if heard is None else [_segment(heard, seconds)]
    told = VerboseTranscription(text=text, duration=round(seconds, 3), segments=segments)
    return JSONResponse(told.model_dump())


def _segment(heard: Transcript, seconds: float) -> Segment:
    written = heard.text.encode()
    return Segment(
        start=0,
        end=round(seconds, 3),
        text=heard.text,
        avg_logprob=round(log(max(heard.confidence, 1e-6)), 4),
        compression_ratio=round(len(written) / len(zlib.compress(written)), 4),
    )


def _time(seconds: float, point: str = ",") -> str:
    """A time of subtitles: hours, minutes, seconds and thousandths."""
    thousandths = round(seconds * 1000)
    whole, rest = divmod(thousandths, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{rest:03}"


def _said(voicing: Voicing, asked: Speech) -> bytes:
    from voice.encoding import encode

    try:
        audio = voicing.speak(asked.input, voice=asked.voice_name, speed=asked.speed)
    except VoiceError as error:
        if error.code != "unknown_voice" or asked.voice_name not in USUAL_VOICES:
            raise
        audio = voicing.speak(asked.input, speed=asked.speed)
    return _pcm(audio) if asked.response_format == "pcm" else encode(audio, asked.response_format)


def _pcm(audio: Audio) -> bytes:
    from scipy.signal import resample_poly

    if not len(audio.samples):
        return b""
    samples = resample_poly(audio.samples.astype(np.float32), PCM_RATE, RATE)
    whole: NDArray[np.int16] = np.clip(np.rint(samples), -32_768, 32_767).astype("<i2")
    return whole.tobytes()


def _refused(error: VoiceError) -> Refused:
    status = refused(error).status_code
    headers = {"Retry-After": RETRY_SECONDS} if status == 503 else None
    slot = {"unknown_voice": "voice", "too_long_to_say": "input"}.get(error.code)
    if error.code.startswith("audio_"):
        slot = "file"
    return Refused(status, error.code, error.message, error.cure, headers, slot=slot)
