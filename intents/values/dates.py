"""Calendar arithmetic: weeks, months, quarters and fiscal years around a day."""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from engines.terms import Period

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNITS = ("day", "week", "month", "quarter", "year")
EARLIEST_YEAR, LATEST_YEAR = 1900, 2199


class ImpossibleDate(ValueError):  # noqa: N818
    """A date or period was said that cannot be; the message is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The day it is, and the month (1 to 12) fiscal years begin with."""

    today: date
    fiscal_year_start: int = 1


def make_day(year: int, month: int, day: int) -> date:
    """The day; raises `ImpossibleDate` when the calendar has no such day."""
    try:
        return date(checked_year(year), month, day)
    except ValueError as error:
        if isinstance(error, ImpossibleDate):
            raise
        if not 1 <= month <= 12:
            raise ImpossibleDate(f"There is no month {month}.") from error
        raise ImpossibleDate(f"{MONTHS[month - 1]} {year} has no day {day}.") from error


def checked_year(year: int) -> int:
    """The year itself; raises `ImpossibleDate` outside 1900 to 2199."""
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise ImpossibleDate(f"I only know the years {EARLIEST_YEAR} to {LATEST_YEAR}, not {year}.")
    return year


def add_months(day: date, count: int) -> date:
    """The first of the month ``count`` months from the month of ``day``."""
    index = day.year * 12 + day.month - 1 + count
    return make_day(index // 12, index % 12 + 1, 1)


def add_days(day: date, count: int) -> date:
    """The day ``count`` days on; raises `ImpossibleDate` beyond the years we know."""
    try:
        moved = day + timedelta(days=count)
    except OverflowError as error:
        raise ImpossibleDate(f"{abs(count)} days is too far away.") from error
    checked_year(moved.year)
    return moved


def show_day(day: date) -> str:
    """``March 5, 2026``."""
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}"


def one_day(day: date, label: str = "") -> Period:
    """The period of a single day."""
    return Period(day, day, label or show_day(day))


def month_of(day: date) -> Period:
    """The calendar month that holds ``day``."""
    last = calendar.monthrange(day.year, day.month)[1]
    return Period(day.replace(day=1), day.replace(day=last), f"{MONTHS[day.month - 1]} {day.year}")


def week_of(day: date) -> Period:
    """The ISO week, Monday to Sunday, that holds ``day``."""
    monday = add_days(day, -day.weekday())
    return Period(monday, add_days(monday, 6), f"week of {show_day(monday)}")


def weekend_of(day: date) -> Period:
    """Saturday and Sunday of the ISO week that holds ``day``."""
    saturday = add_days(day, 5 - day.weekday())
    return Period(saturday, add_days(saturday, 1), f"weekend of {show_day(saturday)}")


def year_of(day: date, first_month: int = 1) -> Period:
    """The year that holds ``day`` and begins with ``first_month``; named by the year it ends in."""
    begins = day.year if day.month >= first_month else day.year - 1
    start = make_day(begins, first_month, 1)
    end = add_days(add_months(start, 12), -1)
    return Period(start, end, f"fiscal {end.year}" if first_month != 1 else str(end.year))


def quarter_of(day: date, first_month: int = 1) -> Period:
    """The quarter that holds ``day``, of the year that begins with ``first_month``."""
    year = year_of(day, first_month)
    number = ((day.month - first_month) % 12) // 3
    start = add_months(year.start, 3 * number)
    fiscal = "fiscal " if first_month != 1 else ""
    return Period(start, add_days(add_months(start, 3), -1), f"{fiscal}Q{number + 1} {year.end.year}")


def half_of(year: Period, number: int) -> Period:
    """The first or second half of a year."""
    start = add_months(year.start, 6 * (number - 1))
    return Period(start, add_days(add_months(start, 6), -1), f"H{number} {year.label}")


SPAN_OF: dict[str, Callable[[date], Period]] = {
    "day": one_day,
    "week": week_of,
    "weekend": weekend_of,
    "month": month_of,
    "quarter": quarter_of,
    "year": year_of,
}
"""The calendar unit that holds a day."""


def shift(unit: str, day: date, count: int) -> date:
    """A day of the unit that lies ``count`` units from the one that holds ``day``."""
    if unit == "day":
        return add_days(day, count)
    if unit in ("week", "weekend"):
        return add_days(day, 7 * count)
    return add_months(day, count * {"month": 1, "quarter": 3, "year": 12}[unit])


def latest(candidates: Callable[[int], Period], clock: Clock) -> Period:
    """The latest of the yearly ``candidates`` (by year) that has begun."""
    impossible: ImpossibleDate | None = None
    for year in range(clock.today.year + 1, clock.today.year - 9, -1):
        try:
            found = candidates(year)
        except ImpossibleDate as error:
            impossible = error
            continue
        if found.start <= clock.today:
            return found
    message = str(impossible or "There is no such day.")
    raise ImpossibleDate(re.sub(r" [0-9]{4}", "", message, count=1))
