"""The one shape of an answer, on every channel."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from engines.terms import Period
from intents.command import Effect
from storage.changes import RowChange
from storage.promises import Promise
from storage.requirements import Requirement

SCHEMA_VERSION = "1"

R = TypeVar("R", bound=BaseModel)


class Problem(Exception):  # noqa: N818 - a problem is told to a person, it is not a defect
    """A request that cannot be carried out, told so that the person can go on.

    Handlers and the dialogue raise it; the bus turns it into a reply of ``status``.
    """

    def __init__(
        self,
        code: str,
        message: str,
        cure: str = "",
        *,
        choices: Sequence[str] = (),
        status: "Status | None" = None,
        slot: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.cure = cure
        self.choices = tuple(choices)
        self.status = status or Status.REFUSED
        self.slot = slot

    def error(self) -> "Error":
        """The part of a reply that tells it."""
        return Error(code=self.code, message=self.message, cure=self.cure, slot=self.slot)


class Status(StrEnum):
    """What became of an utterance."""

    DONE = "done"
    QUESTION = "question"
    CONFIRM = "confirm"
    APPROVAL = "approval"
    RUNNING = "running"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    FAILED = "failed"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Column(_Part):
    """A column of a table."""

    key: str
    label: str
    numeric: bool = False


class Table(_Part):
    """Rows as people read them; the exact values stand in ``result``."""

    title: str = ""
    columns: list[Column]
    rows: list[list[str]]


class Series(_Part):
    """One line or group of bars of a chart; None where there is no value."""

    name: str
    values: list[float | None]


class Threshold(_Part):
    """A level drawn as a line across a chart."""

    label: str
    value: float


class Chart(_Part):
    """A chart as data; each channel draws it its own way."""

    kind: str = Field(description="line or bar")
    title: str
    unit: str = Field(description="unit of the values: a currency, %, ×, or empty for counts")
    labels: list[str]
    series: list[Series]
    thresholds: list[Threshold] = []


class Button(_Part):
    """Something to say next, offered as a button."""

    label: str
    say: str


class Evidence(_Part):
    """Where a number comes from: which data, which period, which formula."""

    claim: str = Field(description="the figure as told")
    formula: str = Field(description="how it is computed")
    calculation: str = Field("", description="the formula with its numbers")
    data: str = Field(description="the records it rests on")
    rows: int | None = Field(None, description="how many records")
    period: Period | None = None
    fresh_until: date | None = Field(None, description="latest day that has data")
    assumptions: list[str] = []


class Listed(_Part):
    """A thing an answer listed, and the command that goes on with it: what "the second one" means."""

    label: str
    command: str
    slots: dict[str, Any]


class Telling(_Part):
    """What a person reads and hears."""

    text: str
    speech: str = ""
    table: Table | None = None
    chart: Chart | None = None
    buttons: list[Button] = []
    choices: list[str] = []
    evidence: list[Evidence] = []
    listed: list[Listed] = []


class Error(_Part):
    """Why not, and what would help."""

    code: str
    message: str
    cure: str = ""
    slot: str | None = Field(None, description="the slot whose value is the trouble")


class Decision(_Part):
    """A decision about a proposal that carrying out an action takes."""

    proposal: int
    approved: bool
    reason: str | None = None


class JobAsked(_Part):
    """Work that carrying out an action begins."""

    command: str
    arguments: dict[str, Any]


class Action(_Part):
    """What a command would do, as data: it can be read back, frozen as a proposal, done and undone."""

    summary: str = Field(description='what will happen: "move $10,000.00 a month from display to email"')
    done: str = Field(description='what happened: "Moved $10,000.00 a month …"')
    changes: list[RowChange]
    kind: str = Field("budget", description="budget, influencer or campaign")
    effect: Effect | None = Field(None, description="of an undo: the effect of what is undone")
    venture_id: int | None = None
    campaign_id: int | None = None
    amount: Decimal | None = None
    currency: str | None = None
    confidence: Decimal | None = None
    risk: str | None = None
    renames: bool = Field(False, description="whether live names change")
    undoes: int | None = Field(None, description="the audit entry that is taken back")
    decides: Decision | None = None
    begins: JobAsked | None = None
    ends: str | None = Field(None, description="the job that is cancelled")
    asks_first: bool = Field(False, description="whether it is read back even where it needs no approval")
    promise: Promise | None = Field(None, description="what it is expected to bring; kept once it is done")
    requires: list[Requirement] = Field([], description="what must still hold when it is carried out")

    @property
    def does_nothing(self) -> bool:
        """Whether carrying it out would make no difference."""
        return not (self.changes or self.decides or self.begins or self.ends)

    def digest(self) -> str:
        """Stands for exactly this action: a yes to it is a yes to nothing else."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


@dataclass
class Answer(Generic[R]):
    """What a handler gives back: the engine's result, how to tell it, and what it would do."""

    result: R
    telling: Telling
    action: Action | None = None


class Reply(BaseModel):
    """The answer to one utterance."""

    schema_version: str = SCHEMA_VERSION
    conversation_id: str | None = None
    turn_id: str
    text: str = Field(description="what was said")
    command: str | None = None
    slots: dict[str, Any] = {}
    reader: str | None = None
    confidence: float | None = None
    status: Status
    steps: list["Reply"] = []
    reply: Telling
    # A stored reply is read back as plain data; left to right, or it would shrink to an empty model.
    result: dict[str, Any] | SerializeAsAny[BaseModel] | None = Field(None, union_mode="left_to_right")
    error: Error | None = None
    job_id: str | None = None
    audit_id: int | None = None
    took_ms: float = 0
