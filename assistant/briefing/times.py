"""When a scheduled briefing comes, in its person's time zone, and which days it is about."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from assistant import wording
from assistant.clocks import times_of
from assistant.settings import Briefings
from engines.terms import Period
from intents.values.rhythms import WEEKDAYS
from storage.briefings import DAILY, MONTHLY, WEEKLY, Schedule

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

FURTHEST = timedelta(days=40)
"""No two times of a schedule lie further apart, holidays aside."""
LONGEST = {DAILY: 7, WEEKLY: 14, MONTHLY: 62}
"""Days that a briefing reaches back at most, by how often it comes."""
MOST_SKIPPED = 60

IsHoliday = Callable[[date], bool]


def never(day: date) -> bool:
    """No day is a holiday."""
    del day
    return False


def holidays_of(terms: Briefings) -> IsHoliday:
    """Whether a day is a public holiday where the settings say; without a country none is.

    Raises `ValueError` for a country or region that is not known.
    """
    if terms.holidays_country is None:
        return never
    # Imported here: few ask for it.
    import holidays

    try:
        found = holidays.country_holidays(terms.holidays_country, subdiv=terms.holidays_region)
    except NotImplementedError as error:
        raise ValueError(str(error)) from error
    return lambda day: day in found


def times(schedule: Schedule, after: datetime, is_holiday: IsHoliday = never) -> Iterator[datetime]:
    """Every time it comes after a moment, in UTC, as `assistant.clocks.times_of` has it."""
    zone, skipped = ZoneInfo(schedule.time_zone), 0
    for at in times_of(_trigger(schedule), after, zone):
        if schedule.skip_holidays and is_holiday(at.astimezone(zone).date()):
            skipped += 1
            if skipped == MOST_SKIPPED:
                return
            continue
        skipped = 0
        yield at


def next_time(schedule: Schedule, after: datetime, is_holiday: IsHoliday = never) -> datetime | None:
    """The first time after a moment."""
    return next(times(schedule, after, is_holiday), None)


def due_time(
    schedule: Schedule, done_until: datetime, now: datetime, is_holiday: IsHoliday = never
) -> datetime | None:
    """The latest time that has come since what was done until; None where none has.

    Of several that were missed it is the latest: they are made up for by one.
    """
    latest = None
    for at in times(schedule, max(done_until, now - FURTHEST), is_holiday):
        if at > now:
            break
        latest = at
    return latest


def period_of(
    schedule: Schedule, due_at: datetime, last: datetime | None, is_holiday: IsHoliday = never
) -> Period:
    """The full days since the time before, or since the last that was made."""
    zone = ZoneInfo(schedule.time_zone)
    end = due_at.astimezone(zone).date() - timedelta(days=1)
    before = None
    for at in times(schedule, due_at - FURTHEST, is_holiday):
        if at >= due_at:
            break
        before = at
    known = [one for one in (before, last) if one is not None]
    since = min(known).astimezone(zone).date() if known else end
    start = max(min(since, end), end - timedelta(days=LONGEST[schedule.frequency] - 1))
    return _named(Period(start, end))


def _named(period: Period) -> Period:
    """With the words people use for it."""
    if period.days == 1:
        return Period(period.start, period.end, f"{period.start:%A}")
    is_month = period.start.day == 1 and (period.end + timedelta(days=1)).day == 1 and period.days <= 31
    if is_month:
        return Period(period.start, period.end, f"{period.start:%B %Y}")
    return Period(period.start, period.end, f"the {period.days} days to {wording.day(period.end)}")


def told(schedule: Schedule) -> str:
    """When it comes, in words: ``every weekday at 08:00 (Europe/London)``."""
    days = schedule.weekdays
    if schedule.frequency == MONTHLY:
        often = f"every month on {_day_told(schedule.month_day or '1')}"
    elif not days or len(days) == len(WEEKDAYS):
        often = "every day"
    elif days == list(WEEKDAYS[:5]):
        often = "every weekday"
    elif days == list(WEEKDAYS[5:]):
        often = "every Saturday and Sunday"
    else:
        often = f"every {wording.listed([wording.sentence(day) for day in days])}"
    holidays = ", not on public holidays" if schedule.skip_holidays else ""
    return f"{often} at {schedule.time} ({schedule.time_zone}){holidays}"


_ORDINALS = {"1": "1st", "2": "2nd", "3": "3rd", "21": "21st", "22": "22nd", "23": "23rd"}


def _day_told(day: str) -> str:
    if day == "last":
        return "its last day"
    if day.isdecimal():
        return f"the {_ORDINALS.get(day, f'{day}th')}"
    nth, weekday = day.split()
    name = next(one for one in WEEKDAYS if one.startswith(weekday))
    return f"its {nth} {wording.sentence(name)}"


def _trigger(schedule: Schedule) -> "CronTrigger":
    # Imported here: who only talks does not load it.
    from apscheduler.triggers.cron import CronTrigger

    hour, minute = (int(part) for part in schedule.time.split(":"))
    zone = ZoneInfo(schedule.time_zone)
    if schedule.frequency == MONTHLY:
        return CronTrigger(day=schedule.month_day or "1", hour=hour, minute=minute, timezone=zone)
    days = ",".join(day[:3] for day in schedule.weekdays or WEEKDAYS)
    return CronTrigger(day_of_week=days, hour=hour, minute=minute, timezone=zone)
