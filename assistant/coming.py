"""The moment that words such as "until Monday" and "for two weeks" mean."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from assistant.handling import Context
from assistant.reply import Problem
from engines.terms import Period

MOST_DAYS = 366
"""Nobody puts anything off for longer."""
_WEEK = timedelta(weeks=1)
_SPANS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": _WEEK,
    "month": timedelta(days=30),
}


def until(said: Period | None, count: int | None, span: str | None, context: Context) -> datetime | None:
    """When what was said is over; None where nothing was said. Raises `Problem` beyond a year.

    A span counts from now; a day begins at midnight where the asker is.
    """
    if span is not None:
        found = context.now + (count or 1) * _SPANS[span]
    elif said is not None:
        found = _midnight(day(said, context.today), context)
    else:
        return None
    if found - context.now > timedelta(days=MOST_DAYS):
        raise Problem("too_long", "That is more than a year.", "Say a day within a year.")
    return found


def tomorrow(context: Context) -> datetime:
    """The beginning of the asker's next day."""
    return _midnight(context.today + timedelta(days=1), context)


def _midnight(on: date, context: Context) -> datetime:
    return datetime.combine(on, time(), ZoneInfo(context.person.time_zone))


def day(said: Period, today: date) -> date:
    """The next day that words such as "Monday" and "March 20" can mean.

    Periods are read as those of reports, which lie behind; what lasts today is waited out.
    """
    if said.start > today:
        return said.start
    if said.end >= today:
        return said.end + timedelta(days=1)
    start = said.start
    if (today - start).days <= _WEEK.days:
        return start + _WEEK if start + _WEEK > today else start + 2 * _WEEK
    while start <= today:
        start = _a_year_later(start)
    return start


def _a_year_later(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)
