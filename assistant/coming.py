"""The moment that words such as "until Monday" and "for two weeks" mean."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from assistant import wording
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
    """When what was said is over; None where nothing was said. Raises `Problem` for the past and
    beyond a year.

    A span counts from now; a day begins at midnight where the asker is.
    """
    if span is not None:
        found = context.now + (count or 1) * _SPANS[span]
    elif said is not None:
        if said.end < context.today:
            raise Problem("already_over", f"{wording.sentence(said.label)} is over.", "Say a day to come.")
        # What lasts today is waited out.
        day = said.start if said.start > context.today else said.end + timedelta(days=1)
        found = _midnight(day, context)
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
