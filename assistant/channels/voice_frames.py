"""The messages of `/api/v1/voice/stream`: JSON in text frames, sound in binary ones."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from assistant.channels.service import ConversationId
from assistant.reply import Error, Reply
from voice.speaker import Form


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Start(_Frame):
    """What the sound is and what is wanted; the first frame, and again to change it.

    Binary frames are samples from then on: 16 bits, little-endian, one channel, ``rate`` a second.
    """

    type: Literal["start"]
    rate: int = Field(16_000, ge=8_000, le=48_000)
    conversation_id: ConversationId | None = None
    speak: Form | None = Field(None, description="Answer aloud too, in this form.")
    silence: float = Field(0.6, ge=0.2, le=3, description="Seconds of silence that end an utterance.")
    partials: bool = Field(True, description="Tell what is heard so far.")


class End(_Frame):
    """The button was let go: what was said until now is the utterance."""

    type: Literal["end"]


class Cancel(_Frame):
    """Forget what is being said."""

    type: Literal["cancel"]


class Stop(_Frame):
    """Stop speaking."""

    type: Literal["stop"]


class Ping(_Frame):
    """Ask for a sign of life."""

    type: Literal["ping"]


Asked = Start | End | Cancel | Stop | Ping

ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="type")])


class Ready(_Frame):
    """The first frame: who you are taken for, and what hears."""

    type: Literal["hello"] = "hello"
    person: str
    role: str
    ears: str | None
    hears: str | None
    told: str


class Began(_Frame):
    """Somebody speaks."""

    type: Literal["speech_started"] = "speech_started"


class Partial(_Frame):
    """What is heard so far; it may still change, and nothing is done about it."""

    type: Literal["partial"] = "partial"
    text: str


class Ended(_Frame):
    """The utterance is over."""

    type: Literal["speech_ended"] = "speech_ended"
    seconds: float
    is_cut: bool = Field(description="Whether it was cut off for its length.")


class Understood(_Frame):
    """What was heard."""

    type: Literal["transcript"] = "transcript"
    text: str
    engine: str
    confidence: float
    seconds: float


class Answered(_Frame):
    """The reply, in the shape of every channel."""

    type: Literal["reply"] = "reply"
    reply: Reply


class Sound(_Frame):
    """The answer aloud: its ``bytes`` follow in binary frames, then an ``audio_end``."""

    type: Literal["audio"] = "audio"
    media_type: str
    bytes: int
    seconds: float


class SoundEnded(_Frame):
    """No more of the sound comes."""

    type: Literal["audio_end"] = "audio_end"
    stopped: bool = Field(description="Whether it was broken off.")


class BargeIn(_Frame):
    """Somebody speaks while the answer is being played: stop playing it."""

    type: Literal["barge_in"] = "barge_in"


class Pong(_Frame):
    """A sign of life."""

    type: Literal["pong"] = "pong"


class Refusal(_Frame):
    """What could not be done."""

    type: Literal["error"] = "error"
    error: Error
