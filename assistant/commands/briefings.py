"""Briefings: one now, and those that come by themselves."""

from pydantic import BaseModel, Field

from assistant.handling import Context, handles
from assistant.reply import Answer
from intents.command import Command, Effect
from intents.slots import (
    BriefingNumber,
    DeliveryName,
    Everything,
    FrequencyName,
    LengthName,
    MonthDay,
    PeriodSlot,
    ScheduleNumber,
    SkipsHolidays,
    Spoken,
    TimeOfDay,
    VentureName,
    WeekdayName,
)


class BriefMe(Command):
    """Briefs you: what moved and why, what was done, what needs your yes, and what comes next."""

    examples = ("brief me", "brief me on Acme, just the numbers")
    suggested = True

    venture: VentureName | None = Field(None, description="On which venture?")
    period: PeriodSlot | None = Field(None, description="On which period?")
    length: LengthName | None = Field(None, description="In one minute, just the numbers, or in full?")
    briefing: BriefingNumber | None = Field(None, description="Which earlier briefing?")


class ScheduleBriefing(Command):
    """Briefs you again and again: on certain days at a certain time, where you want it."""

    effect = Effect.RECORD
    examples = ("brief me every weekday at eight", "brief me on Acme every Monday at nine by e-mail")

    frequency: FrequencyName | None = Field(None, description="How often: every weekday, weekly, monthly?")
    weekdays: tuple[WeekdayName, ...] = Field((), description="On which days of the week?")
    month_day: MonthDay | None = Field(None, description="On which day of the month?")
    time: TimeOfDay | None = Field(None, description="At what time?")
    venture: VentureName | None = Field(None, description="On which venture?")
    delivery: tuple[DeliveryName, ...] = Field((), description="Where to: page, email, slack or podcast?")
    spoken: Spoken | None = Field(None, description="To listen to as well?")
    length: LengthName | None = Field(None, description="In one minute, just the numbers, or in full?")
    skip_holidays: SkipsHolidays | None = Field(None, description="Not on public holidays?")

    def asks_for(self) -> str | None:
        """How often, where nothing that was said tells it."""
        said = self.frequency or self.weekdays or self.month_day
        return None if said or self.time else "frequency"


class CancelBriefing(Command):
    """Ends briefings that come by themselves."""

    effect = Effect.RECORD
    examples = ("cancel my weekly briefing", "stop briefing me on Acme")
    may_be_negated = True

    schedule: ScheduleNumber | None = Field(None, description="Which one?")
    venture: VentureName | None = Field(None, description="On which venture?")
    frequency: FrequencyName | None = Field(None, description="The daily, weekly or monthly one?")
    weekdays: tuple[WeekdayName, ...] = Field((), description="That of which day?")
    every: Everything | None = Field(None, description="All of them?")


class ListBriefings(Command):
    """Lists the briefings that come by themselves, when each comes next, and the latest ones."""

    examples = ("list my briefings", "when do you brief me")

    venture: VentureName | None = Field(None, description="On which venture?")


class Nothing(BaseModel):
    """-."""


@handles
def brief_me(asked: BriefMe, context: Context) -> Answer[Nothing]:
    """-."""
    raise NotImplementedError


@handles
def schedule_briefing(asked: ScheduleBriefing, context: Context) -> Answer[Nothing]:
    """-."""
    raise NotImplementedError


@handles
def cancel_briefing(asked: CancelBriefing, context: Context) -> Answer[Nothing]:
    """-."""
    raise NotImplementedError


@handles
def list_briefings(asked: ListBriefings, context: Context) -> Answer[Nothing]:
    """-."""
    raise NotImplementedError
