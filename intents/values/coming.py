"""Periods as people say them of what is to come."""

import re
from datetime import date, timedelta

from engines.terms import Period
from intents.values import rhythms
from intents.values.dates import ImpossibleDate
from intents.values.periods import parse_period

_WEEK = timedelta(weeks=1)
_YEARS = 9
"""Years looked ahead for a day that not every year has: eight lie between some February 29."""
_BEFORE_DAYS = re.compile(r"^\s*(?:(?:until|till|by|on|from|for|this|the)\s+)+", re.IGNORECASE)


def parse_coming(text: str, today: date, fiscal_year_start: int = 1) -> Period | None:
    """The period ``text`` names; words of no year, and a weekday, mean the next one that is not over yet.

    What can only lie behind ("yesterday", "March 2024") is given as it is, None where no period is named.
    Raises `ImpossibleDate` for days the calendar does not have ("February 30").
    """
    found = parse_period(text, today, fiscal_year_start)
    if found is None or found.end >= today:
        return found
    if rhythms.weekday_of(_BEFORE_DAYS.sub("", text)) is not None:
        days = _WEEK * (1 + (today - found.start) // _WEEK)
        day = found.start + days if found.start + days >= today else found.start + days + _WEEK
        return parse_period(day.isoformat(), today)
    for year in range(today.year, today.year + _YEARS):
        try:
            later = parse_period(f"{text} {year}", today, fiscal_year_start)
        except ImpossibleDate:
            continue
        if later is not None and later.end >= today:
            return later
    return found
