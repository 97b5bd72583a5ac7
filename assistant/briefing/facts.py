"""The facts of a briefing: all that any of its renderings may say."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from assistant.reply import Chart, Evidence
from assistant.reporting import Figure
from engines.terms import Period

Length = Literal["just_numbers", "one_minute", "in_full"]


def length_of(said: str | None) -> Length:
    """The length of a name; a minute where it is none."""
    match said:
        case "just_numbers" | "in_full":
            return said
    return "one_minute"


class PartTold(BaseModel):
    """What a part (a channel, a campaign, a venture) adds to a movement."""

    name: str
    before: str
    now: str
    amount: Decimal
    shown: str
    """Signed."""
    through: Literal["volume", "rate"]
    """Whether most of it is how much of the part there is, or how well it does."""


class DriverTold(BaseModel):
    """A movement taken apart in one dimension; the amounts of its parts sum to its difference."""

    dimension: Literal["venture", "channel", "campaign"]
    parts: list[PartTold]
    """The greatest first."""
    share: Decimal | None
    """Of the difference that the first part adds; above 1 where others work against it."""


class MovementTold(BaseModel):
    """A metric that moved by more than is usual."""

    metric: str
    label: str
    value: Decimal
    shown: str
    baseline: Decimal
    baseline_shown: str
    difference: Decimal
    difference_shown: str
    change: Decimal | None
    """As a share of the baseline; None where that was nothing."""
    change_shown: str
    """Without a sign; empty where there is none."""
    direction: Literal["up", "down"]
    good: bool | None
    drivers: list[DriverTold]
    caveats: list[str]


class SwingTold(BaseModel):
    """A large change that is no movement, and why it is none."""

    metric: str
    label: str
    change: Decimal
    change_shown: str
    """Without a sign."""
    direction: Literal["up", "down"]
    because: Literal["usual", "few", "unknown"]


class DeedDone(BaseModel):
    """Something that was done in the period, and who said so."""

    audit_id: int
    told: str
    by: str
    by_itself: bool


class NeedTold(BaseModel):
    """Something that waits for a person."""

    kind: Literal["approval", "alert"]
    number: int
    told: str
    until: date | None
    say: str
    """What settles it."""


class StepTold(BaseModel):
    """What to do next, and the words that do it."""

    told: str
    say: str


class Briefing(BaseModel):
    """One briefing: what moved and why, what was done, what needs a yes, what comes next."""

    number: int | None = None
    """Under which it is kept, where it is."""
    person: str
    subject: str
    venture: str | None
    period: Period
    compared_with: str
    """What the figures are held against, in words."""
    currency: str
    length: Length = "one_minute"
    headline: str
    phrased: str | None = None
    """A language model's words for it, each number and direction checked against the facts."""
    movements: list[MovementTold]
    """At most three; none where nothing moved beyond what is usual."""
    swings: list[SwingTold] = []
    """Changes of a quarter and more that are within what is usual."""
    figures: list[Figure]
    """Every metric that is watched, moved or not."""
    deeds: list[DeedDone]
    deeds_count: int
    """All of them; ``deeds`` has the latest."""
    needs: list[NeedTold]
    coming: list[str]
    steps: list[StepTold]
    notes: list[str]
    """What holds for all of it: data that stop, money converted, a period nobody said."""
    fresh_until: date | None
    made_at: datetime
    chart: Chart | None
    evidence: list[Evidence]
