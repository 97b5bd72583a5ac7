"""The messages of `/api/v1/converse`, one JSON object a text frame."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from assistant.channels.http import MAX_TEXT
from assistant.channels.jobs import JobState
from assistant.channels.service import ConversationId
from assistant.reply import Error, Reply


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Say(_Frame):
    """Say something. The same turn is never carried out twice, however often it is sent."""

    type: Literal["say"]
    text: str = Field(max_length=MAX_TEXT, pattern=r"^[^\x00]*$")
    turn_id: UUID | None = None
    conversation_id: ConversationId | None = None


class Resume(_Frame):
    """Ask again for the answer of a turn, after a connection broke."""

    type: Literal["resume"]
    turn_id: UUID


class Follow(_Frame):
    """Be told how far a job is."""

    type: Literal["follow"]
    job_id: str = Field(max_length=36)


class CancelJob(_Frame):
    """Ask for the end of a job."""

    type: Literal["cancel"]
    job_id: str = Field(max_length=36)


class Ping(_Frame):
    """Ask for a sign of life."""

    type: Literal["ping"]


Asked = Say | Resume | Follow | CancelJob | Ping

ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="type")])


class Hello(_Frame):
    """The first frame: who you are taken for."""

    type: Literal["hello"] = "hello"
    schema_version: str
    person: str
    role: str


class Accepted(_Frame):
    """The turn was taken in and will be answered, even if the connection breaks now."""

    type: Literal["accepted"] = "accepted"
    turn_id: str
    conversation_id: str | None


class Stage(_Frame):
    """How far a turn is: waiting, understanding, working or writing."""

    type: Literal["status"] = "status"
    turn_id: str
    stage: str


class Text(_Frame):
    """A piece of the answer's text; the pieces of a turn in order are the whole text."""

    type: Literal["text"] = "text"
    turn_id: str
    text: str


class Replied(_Frame):
    """The whole reply, in the shape of every channel."""

    type: Literal["reply"] = "reply"
    turn_id: str
    reply: Reply


class JobMoved(_Frame):
    """How far a job is, and what it came to when it has ended."""

    type: Literal["job"] = "job"
    job: JobState


class Pong(_Frame):
    """A sign of life."""

    type: Literal["pong"] = "pong"


class Refusal(_Frame):
    """What could not be done with a frame."""

    type: Literal["error"] = "error"
    error: Error
    turn_id: str | None = None
