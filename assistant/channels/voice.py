"""Speech over HTTP: a recording is answered, an answer is said aloud."""

from base64 import b64encode
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from assistant.channels.access import Asked
from assistant.channels.answers import status_of_turn
from assistant.channels.errors import RETRY_SECONDS, Refused, documented
from assistant.channels.service import Conversation, Here, IdempotencyKey, InFront, Service
from assistant.channels.strict import StrictRoute
from assistant.reply import Reply
from assistant.spoken import Exchange
from assistant.turn import Turn
from assistant.voicing import Voicing
from voice.audio import VoiceError
from voice.speaker import Form
from voice.transcriber import Transcript

PATH = "/api/v1/voice"
MOST_SPOKEN = 5000
"""Characters that are said aloud at once."""
MEDIA_TYPES: dict[Form, str] = {"wav": "audio/wav", "mp3": "audio/mpeg", "opus": "audio/ogg"}

router = APIRouter(tags=["voice"], route_class=StrictRoute)


class Ears(BaseModel):
    """What the assistant hears with and speaks with."""

    ears: str | None = Field(description="The engine that hears; null where none does.")
    hears: Literal["commands", "anything"] | None
    told: str = Field(description="What it can do, in words.")
    mouth: str | None = Field(description="The engine that speaks; null where none does.")
    voices: list[str]
    notes: list[str] = Field(description="Why an engine of the settings is not in use, and the cure.")
    most_seconds: float = Field(description="The longest recording that is listened to.")


class Words(BaseModel):
    """What was heard."""

    text: str
    engine: str
    confidence: float = Field(ge=0, le=1, description="Probability that the text says what was said.")
    seconds: float = Field(description="Length of the speech.")


class Speech(BaseModel):
    """An answer said aloud."""

    type: str = Field(description="Its media type.")
    data: str = Field(description="The file, in Base64.", json_schema_extra={"contentEncoding": "base64"})


class Spoken(BaseModel):
    """A spoken turn and its answer."""

    transcript: Words | None = Field(
        description="What was heard; null for nothing, and where the same key was answered before."
    )
    reply: Reply
    speech: Speech | None = Field(description="The answer said aloud, where it was asked for.")


class Say(BaseModel):
    """Words to be said aloud."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=MOST_SPOKEN, pattern=r"^[^\x00]*$")
    form: Form = "mp3"
    voice: str | None = Field(None, max_length=100, description="One of the voices of the mouth.")
    speed: float = Field(1.0, ge=0.5, le=3)


def words(transcript: Transcript | None) -> Words | None:
    """A transcript as it is told."""
    if transcript is None:
        return None
    return Words(
        text=transcript.text,
        engine=transcript.engine,
        confidence=round(transcript.confidence, 4),
        seconds=round(transcript.seconds, 2),
    )


def ears(voicing: Voicing) -> Ears:
    """What there is to hear and speak with."""
    facts = voicing.facts()
    return Ears(
        ears=facts.ears,
        hears=facts.hears,
        told=facts.told,
        mouth=facts.mouth,
        voices=list(facts.voices),
        notes=list(facts.notes),
        most_seconds=voicing.terms.most_seconds,
    )


@router.get("/api/v1/ears", responses=documented(), operation_id="show_ears")
async def show_ears(here: Here, asker: Asked) -> Ears:
    """Which engines hear and speak, and what they can do."""
    del asker
    found = await here.lane.run(ears, here.assistant.voicing)
    # Whoever asks is about to speak.
    here.prepare()
    return found


@router.post(
    PATH,
    response_model=Spoken,
    responses=documented(at=[503]),
    operation_id="hear",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "A recording: WebM, Ogg, MP3, M4A, WAV or FLAC.",
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}
            },
        }
    },
)
async def hear(
    request: Request,
    here: Here,
    asker: Asked,
    conversation: Conversation,
    page: InFront,
    speak: Annotated[Form | None, Query(description="Answer aloud too, in this form.")] = None,
    key: IdempotencyKey = None,
) -> Response:
    """Say something into a recording and get the reply.

    Status 200 means an answer, be it that no speech was heard: the reply's `status` tells. What spends or
    goes public is read back first, and badly heard words are asked about.
    """
    turn = Turn(
        person=asker.person,
        channel=asker.channel,
        text="",
        conversation_id=conversation or str(uuid4()),
        key=key,
        page=page,
    )
    return await heard(request, here, turn, speak)


async def heard(request: Request, here: Service, turn: Turn, speak: Form | None) -> Response:
    """The response to the turn of a request whose body is a recording. Raises `Refused`."""
    sound = await _body(request)
    if not sound:
        raise Refused(422, "audio_empty", "The recording is empty.", "Send its content as the body.")
    spoken = here.assistant.spoken
    try:
        exchange: Exchange = await here.lane.run(spoken.turn, sound, turn)
    except VoiceError as error:
        raise refused(error) from error
    here.metrics.turn(turn.channel, exchange.reply)
    speech = None
    if speak is not None:
        try:
            said = await here.lane.run(spoken.speech, exchange.reply, speak)
            speech = Speech(type=MEDIA_TYPES[speak], data=b64encode(said).decode())
        except VoiceError:
            # The answer stands on its own; GET tells why there is no sound.
            speech = None
    told = Spoken(transcript=words(exchange.transcript), reply=exchange.reply, speech=speech)
    return Response(told.model_dump_json(), status_of_turn(exchange.reply), media_type="application/json")


@router.post(
    "/api/v1/speech",
    operation_id="speak",
    response_class=Response,
    responses={**documented(at=[503]), 200: {"content": {"audio/*": {}}, "description": "The sound"}},
)
async def speak(said: Annotated[Say, Body()], here: Here, asker: Asked) -> Response:
    """Have words said aloud."""
    del asker
    return await said_aloud(said, here)


async def said_aloud(said: Say, here: Service) -> Response:
    """The sound of words. Raises `Refused`."""
    voicing = here.assistant.voicing

    def sound() -> bytes:
        return voicing.spoken(said.text, said.form, voice=said.voice, speed=said.speed)

    try:
        return Response(await here.lane.run(sound), media_type=MEDIA_TYPES[said.form])
    except VoiceError as error:
        raise refused(error) from error


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise Refused(400, "incomplete", "The recording broke off.", "Send it again.") from error


def refused(error: VoiceError) -> Refused:
    """A trouble of voice as the refusal of a request."""
    status = {"audio_too_long": 413, "too_long_to_say": 413}.get(error.code)
    if status is None:
        status = 503 if error.code.endswith("_unavailable") else 422
    headers = {"Retry-After": RETRY_SECONDS} if status == 503 else None
    return Refused(status, error.code, error.message, error.cure, headers)
