"""Briefs people when it is time to: each time once, what was missed made up for by one."""

from datetime import datetime, timedelta

from pydantic import BaseModel

from assistant.briefing import times
from assistant.briefing.delivering import deliver
from assistant.briefing.facts import Briefing, length_of
from assistant.briefing.making import make, make_without_data
from assistant.briefing.phrasing import phrased
from assistant.briefing.times import IsHoliday
from assistant.notices import LOOP_CHANNEL
from assistant.recurring import Done, Run, recurs
from assistant.reply import Problem
from assistant.turn import Turn
from storage import people
from storage.briefings import Schedule, keep, last_due, schedules, still_goes_on
from storage.people import Person
from storage.ventures import venture


class BriefingSent(BaseModel):
    """A briefing that was made."""

    briefing: int
    person: str
    due_at: datetime
    headline: str
    sent: list[str]
    """Where to, besides the page."""


class BriefingRun(BaseModel):
    """What a look at the schedules came to."""

    schedules: int
    made: list[BriefingSent]


@recurs("Briefings", every=timedelta(minutes=1), longest_pause=timedelta(minutes=30))
def briefings(run: Run) -> Done:
    """Makes every briefing whose time has come, once, and sends it where it is wanted."""
    with run.bus.database.read() as connection:
        known, last = schedules(connection), last_due(connection)
    try:
        is_holiday = times.holidays_of(run.bus.settings.briefings)
    except ValueError as error:
        raise Problem("unknown_country", str(error), "Correct briefings.holidays_country.") from error
    made = []
    for one in known:
        run.keep()
        done_until = last.get(one.id, one.created_at)
        due_at = times.due_time(one, done_until, run.now, is_holiday)
        if due_at is not None:
            sent = _brief(run, one, due_at, last.get(one.id), is_holiday)
            made += [sent] if sent is not None else []
    noun = "briefing" if len(made) == 1 else "briefings"
    told = f"{len(known)} scheduled; made {len(made)} {noun}."
    return Done(told, BriefingRun(schedules=len(known), made=made))


def _brief(
    run: Run, one: Schedule, due_at: datetime, last: datetime | None, is_holiday: IsHoliday
) -> BriefingSent | None:
    """Make and send one; None where another has, it was ended meanwhile, or its person is gone."""
    found = _facts(run, one, due_at, last, is_holiday)
    if found is None:
        return None
    person, facts = found
    if run.bus.settings.briefings.phrasing:
        facts = facts.model_copy(update={"phrased": phrased(facts, run.bus)})
    with run.bus.database.write() as connection:
        run.make_sure(connection)
        if not still_goes_on(connection, one.id):
            return None
        kept = facts.model_dump(mode="json")
        number = keep(connection, one, due_at, run.now, facts.headline, kept)
        if number is None:
            return None
        numbered = facts.model_copy(update={"number": number})
        sent = deliver(connection, run.bus.settings, one, numbered, run.now)
    run.bus.on_work()
    return BriefingSent(
        briefing=number, person=person.name, due_at=due_at, headline=facts.headline, sent=sent
    )


def _facts(
    run: Run, one: Schedule, due_at: datetime, last: datetime | None, is_holiday: IsHoliday
) -> tuple[Person, Briefing] | None:
    period = times.period_of(one, due_at, last, is_holiday)
    with run.bus.database.read() as connection:
        person = people.person(connection, one.user_id)
        about = None if one.venture_id is None else venture(connection, one.venture_id)
        if person is None or (about is None and one.venture_id is not None):
            return None
        context = run.bus.context(connection, Turn(person=person, channel=LOOP_CHANNEL, text=""))
        try:
            facts = make(context, about, period, length_of(one.length))
        except Problem as problem:
            # Whoever is briefed hears that there is nothing to hear.
            facts = make_without_data(context, about, period, problem)
    return person, facts
