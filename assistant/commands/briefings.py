"""Briefings: one now, and those that come by themselves."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from assistant import wording
from assistant.briefing import times, words
from assistant.briefing.facts import Briefing, length_of
from assistant.briefing.making import make
from assistant.handling import Context, handles
from assistant.reply import Action, Answer, Button, Column, Listed, Problem, Table, Telling
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
from intents.values.rhythms import WEEKDAYS
from storage import briefings
from storage.briefings import DAILY, MONTHLY, WEEKLY, Schedule
from storage.changes import added, changed

LATEST = 5
"""Briefings that were made and are listed."""
PAGE, EMAIL, PODCAST, WEBHOOK = "page", "email", "podcast", "webhook"


class BriefMe(Command):
    """Briefs you: what moved and why, what was done, what needs your yes, and what comes next."""

    examples = ("brief me", "brief me on Acme, just the numbers")
    suggested = True

    venture: VentureName | None = Field(None, description="On which venture?")
    period: PeriodSlot | None = Field(None, description="On which period?")
    length: LengthName | None = Field(None, description="In one minute, just the numbers, or in full?")
    briefing: BriefingNumber | None = Field(None, description="Which earlier briefing?")


@handles
def brief_me(asked: BriefMe, context: Context) -> Answer[Briefing]:
    """Gather the facts now, or show a briefing that was made earlier."""
    if asked.briefing is not None:
        return told(kept(context, asked.briefing, asked.length))
    venture = context.venture(asked.venture)
    return told(make(context, venture, asked.period, length_of(asked.length)))


def kept(context: Context, number: int, length: str | None = None) -> Briefing:
    """A briefing of the asker's that was made earlier. Raises `Problem`."""
    found = briefings.made(context.connection, number, context.person.id)
    if found is None:
        raise Problem("unknown_briefing", f"You have no briefing {number}.", "List the briefings.")
    facts = Briefing.model_validate({**found.facts, "number": found.id})
    return facts if length is None else facts.model_copy(update={"length": length_of(length)})


def told(facts: Briefing) -> Answer[Briefing]:
    """A briefing as an answer."""
    return Answer(
        result=facts,
        telling=Telling(
            text=words.text(facts),
            speech=words.speech(facts),
            table=words.table(facts),
            chart=facts.chart,
            buttons=[
                *(Button(label=step.told.rstrip("."), say=step.say) for step in facts.steps),
                Button(label="Why?", say="why?"),
            ],
            evidence=facts.evidence,
            listed=[
                Listed(label=need.told, command="approve", slots={"proposal": need.number})
                for need in facts.needs
                if need.kind == "approval"
            ],
        ),
    )


class ScheduleRow(BaseModel):
    """Briefings that come by themselves."""

    number: int | None
    """None before it is written down."""
    when: str
    subject: str
    delivery: list[str]
    spoken: bool
    length: str
    next_at: datetime | None


class MadeRow(BaseModel):
    """A briefing that was made."""

    number: int
    made_at: datetime
    headline: str


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
        return None if self.frequency or self.weekdays or self.month_day else "frequency"


@handles
def schedule_briefing(asked: ScheduleBriefing, context: Context) -> Answer[ScheduleRow]:
    """Note when, on what and where; the first comes at the next such time."""
    terms = context.settings.briefings
    venture = context.venture(asked.venture)
    wanted = _rhythm(asked)
    schedule = Schedule(
        id=0,
        user_id=context.person.id,
        venture_id=None if venture is None else venture.id,
        frequency=wanted.frequency,
        weekdays=wanted.weekdays,
        month_day=wanted.month_day,
        time=asked.time or terms.time,
        time_zone=context.person.time_zone,
        delivery=_delivery(asked, context),
        spoken=bool(asked.spoken),
        length=length_of(asked.length),
        skip_holidays=bool(asked.skip_holidays),
        created_at=context.now,
        ended_at=None,
    )
    if asked.skip_holidays and terms.holidays_country is None:
        raise Problem(
            "no_holidays",
            "I do not know whose public holidays to leave out.",
            "Set briefings.holidays_country to a country's code, or leave them in.",
        )
    row = _row(schedule, context)
    same = next((one for one in _own(context) if _is_same(one, schedule)), None)
    if same is not None:
        raise Problem(
            "scheduled_already",
            f"You have that already: briefing schedule {same.id}, {row.when}, on {row.subject}.",
            "List the briefings.",
        )
    done = f"I brief you {row.when} on {row.subject}{_where(schedule)}."
    first = "" if row.next_at is None else f" The first comes on {_moment(row.next_at, schedule)}."
    values = vars(schedule) | {"id": None}
    return Answer(
        result=row,
        telling=Telling(
            text=f"{done}{first}", speech=f"{done}{first}", buttons=[Button(label="Undo", say="undo that")]
        ),
        action=Action(
            summary=f"brief you {row.when} on {row.subject}",
            done=f"{done}{first}",
            changes=[
                added(
                    "briefing_schedules",
                    **{name: value for name, value in values.items() if value is not None},
                )
            ],
            kind="campaign",
            venture_id=schedule.venture_id,
        ),
    )


@dataclass(frozen=True)
class _Rhythm:
    frequency: str
    weekdays: list[str]
    month_day: str | None = None


def _rhythm(asked: ScheduleBriefing) -> _Rhythm:
    """How often, in the three ways a schedule knows."""
    days = [day for day in WEEKDAYS if day in asked.weekdays]
    if asked.frequency == "fortnightly":
        raise Problem(
            "not_every_other_week",
            "I brief daily, on weekdays, weekly or monthly, not every other day or week.",
            "Say every week, or two days of the month.",
        )
    if asked.month_day is not None or asked.frequency == "monthly":
        # "Every month on Monday" is its first.
        return _Rhythm(MONTHLY, [], asked.month_day or (f"1st {days[0][:3]}" if days else "1"))
    if days:
        return _Rhythm(WEEKLY, days)
    match asked.frequency:
        case "weekly":
            return _Rhythm(WEEKLY, [WEEKDAYS[0]])
        case "weekdays":
            return _Rhythm(DAILY, list(WEEKDAYS[:5]))
        case "weekends":
            return _Rhythm(DAILY, list(WEEKDAYS[5:]))
    return _Rhythm(DAILY, list(WEEKDAYS))


def _delivery(asked: ScheduleBriefing, context: Context) -> list[str]:
    """Where it goes; on the page it always stands. Raises `Problem` for what is not set up."""
    notify = context.settings.notify
    if EMAIL in asked.delivery and notify.email.host is None:
        raise Problem("no_email", "No mail server is set up.", "Set notify.email.host, or take the page.")
    if WEBHOOK in asked.delivery and notify.webhook_url is None:
        raise Problem("no_webhook", "No webhook is set up.", "Set notify.webhook_url, or take the page.")
    return list(dict.fromkeys((PAGE, *asked.delivery)))


def _where(schedule: Schedule) -> str:
    shown = {EMAIL: "by e-mail", "slack": "on Slack", PODCAST: "in your podcast feed", WEBHOOK: "by webhook"}
    places = [shown[one] for one in schedule.delivery if one in shown]
    length = {"just_numbers": ", just the numbers", "in_full": ", in full"}.get(schedule.length, "")
    spoken = ", to listen to" if schedule.spoken else ""
    return f"{length}{spoken}, on your Today page{' and ' if places else ''}{wording.listed(places)}"


def _moment(at: datetime, schedule: Schedule) -> str:
    here = at.astimezone(ZoneInfo(schedule.time_zone))
    return f"{here:%A}, {wording.day(here.date())} at {here:%H:%M}"


def _own(context: Context, venture_id: int | None = None) -> list[Schedule]:
    return briefings.schedules(context.connection, user_id=context.person.id, venture_id=venture_id)


_SAME = ("venture_id", "frequency", "weekdays", "month_day", "time", "time_zone", "length", "spoken")


def _is_same(one: Schedule, other: Schedule) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _SAME) and set(one.delivery) >= set(
        other.delivery
    )


def _row(one: Schedule, context: Context) -> ScheduleRow:
    try:
        is_holiday = times.holidays_of(context.settings.briefings) if one.skip_holidays else times.never
    except ValueError as error:
        raise Problem("unknown_country", f"{error}", "Correct briefings.holidays_country.") from error
    subject = "the portfolio"
    if one.venture_id is not None:
        subject = context.labels("venture").get(one.venture_id, wording.NOTHING)
    return ScheduleRow(
        number=one.id or None,
        when=times.told(one),
        subject=subject,
        delivery=one.delivery,
        spoken=one.spoken,
        length=one.length,
        next_at=times.next_time(one, context.now, is_holiday),
    )


class SchedulesEnded(BaseModel):
    """Schedules that were ended."""

    schedules: list[int]


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


@handles
def cancel_briefing(asked: CancelBriefing, context: Context) -> Answer[SchedulesEnded]:
    """End the one that is meant, or all of them."""
    chosen = _chosen(asked, context)
    shown = [_row(one, context) for one in chosen]
    named = wording.listed([f"{one.when} on {one.subject}" for one in shown])
    done = f"I no longer brief you {named}."
    return Answer(
        result=SchedulesEnded(schedules=[one.id for one in chosen]),
        telling=Telling(text=done, speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"stop briefing you {named}",
            done=done,
            changes=[changed("briefing_schedules", one.id, ended_at=(None, context.now)) for one in chosen],
            kind="campaign",
        ),
    )


def _chosen(asked: CancelBriefing, context: Context) -> list[Schedule]:
    venture = context.venture(asked.venture)
    own = _own(context, None if venture is None else venture.id)
    if asked.schedule is not None:
        found = [one for one in own if one.id == asked.schedule]
        if not found:
            raise Problem(
                "unknown_schedule", f"You have no briefing schedule {asked.schedule}.", "List the briefings."
            )
        return found
    found = [one for one in own if _is_meant(one, asked)]
    if not found:
        told_of = "like that " if own else ""
        raise Problem(
            "no_such_briefing", f"No briefing {told_of}is scheduled for you.", "List the briefings."
        )
    if len(found) > 1 and not asked.every:
        listed = [_row(one, context) for one in found]
        raise Problem(
            "ambiguous_briefing",
            "Which one: " + "; ".join(f"{one.number}, {one.when} on {one.subject}" for one in listed) + "?",
            "Say its number, or all of them.",
            choices=[f"cancel briefing {one.id}" for one in found],
        )
    return found


def _is_meant(one: Schedule, asked: CancelBriefing) -> bool:
    if asked.weekdays and not set(asked.weekdays) & set(one.weekdays):
        return False
    match asked.frequency:
        case None:
            return True
        case "weekdays":
            return one.weekdays == list(WEEKDAYS[:5])
        case "weekends":
            return one.weekdays == list(WEEKDAYS[5:])
    return one.frequency == asked.frequency


class BriefingList(BaseModel):
    """When you are briefed, and the latest briefings."""

    schedules: list[ScheduleRow]
    latest: list[MadeRow]
    has_feed: bool
    """Whether there is a podcast feed of one's own."""


class ListBriefings(Command):
    """Lists the briefings that come by themselves, when each comes next, and the latest ones."""

    examples = ("list my briefings", "when do you brief me")

    venture: VentureName | None = Field(None, description="On which venture?")


@handles
def list_briefings(asked: ListBriefings, context: Context) -> Answer[BriefingList]:
    """List one's own."""
    venture = context.venture(asked.venture)
    rows = [_row(one, context) for one in _own(context, None if venture is None else venture.id)]
    made = [
        MadeRow(number=one.id, made_at=one.made_at, headline=one.headline)
        for one in briefings.latest_made(context.connection, context.person.id, LATEST)
        if venture is None or one.venture_id == venture.id
    ]
    lines = [f"{one.number}: {one.when} on {one.subject}, {_to(one)}." for one in rows]
    lines = lines or ["No briefing is scheduled for you."]
    zone = ZoneInfo(context.person.time_zone)
    if made:
        lines.append("The latest:")
        lines += [
            f"briefing {one.number}, {wording.day(one.made_at.astimezone(zone).date())}: {one.headline}"
            for one in made
        ]
    speech = (
        lines[0] if len(rows) < 2 else f"{len(rows)} briefings are scheduled. The first is {rows[0].when}."
    )
    return Answer(
        result=BriefingList(
            schedules=rows, latest=made, has_feed=briefings.has_feed(context.connection, context.person.id)
        ),
        telling=Telling(
            text="\n".join(lines),
            speech=speech.removeprefix(f"{rows[0].number}: ") if rows else speech,
            table=_table(rows, zone) if rows else None,
            buttons=[
                Button(label=f"Cancel {one.number}", say=f"cancel briefing {one.number}") for one in rows[:3]
            ],
            listed=[
                Listed(label=one.when, command="cancel_briefing", slots={"schedule": one.number})
                for one in rows
            ],
        ),
    )


def _to(one: ScheduleRow) -> str:
    return f"to {wording.listed(one.delivery)}{', spoken' if one.spoken else ''}"


def _table(rows: list[ScheduleRow], zone: ZoneInfo) -> Table:
    return Table(
        title="Scheduled briefings",
        columns=[
            Column(key="number", label="Schedule", numeric=True),
            Column(key="when", label="When"),
            Column(key="subject", label="On"),
            Column(key="delivery", label="Where"),
            Column(key="next", label="Next"),
        ],
        rows=[
            [
                str(one.number),
                one.when,
                one.subject,
                wording.listed(one.delivery),
                wording.NOTHING
                if one.next_at is None
                else f"{wording.day((here := one.next_at.astimezone(zone)).date())} {here:%H:%M}",
            ]
            for one in rows
        ],
    )
