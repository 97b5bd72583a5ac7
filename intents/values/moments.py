"""What words about time mean: functions of the clock, built once by the grammar and resolved on the day.

A `Dated` thing without a year is the latest that has begun.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from engines.terms import Period
from intents.values import dates
from intents.values.dates import Clock, ImpossibleDate
from intents.values.grammar import REJECT

Term = Callable[[Clock], Period]


@dataclass(frozen=True, slots=True)
class Dated:
    """A month, quarter or day whose year may come from elsewhere: ``in_year`` builds it for a year."""

    in_year: Callable[[int, Clock], Period]
    year: int | None = None

    def __call__(self, clock: Clock) -> Period:
        """The period of its year, or the latest that has begun."""
        if self.year is not None:
            return self.in_year(self.year, clock)
        return dates.latest(lambda year: self.in_year(year, clock), clock)


def this_unit(unit: str) -> Term:
    """The unit that holds today, from its start to today."""

    def term(clock: Clock) -> Period:
        whole_unit = dates.SPAN_OF[unit](clock.today)
        if unit == "day":
            return dates.one_day(clock.today, "today")
        if unit == "weekend":
            return replace(whole_unit, label="this weekend")
        return Period(whole_unit.start, clock.today, f"this {unit} to date")

    return term


def neighbor(unit: str, step: int, label: str) -> Term:
    """The whole unit so many steps from today's."""

    def term(clock: Clock) -> Period:
        if unit == "weekend" and step < 0:
            current = dates.weekend_of(clock.today)
            step_back = 0 if current.end < clock.today else -1
            return replace(dates.weekend_of(dates.shift(unit, clock.today, step_back)), label=label)
        return replace(dates.SPAN_OF[unit](dates.shift(unit, clock.today, step)), label=label)

    return term


def last_unit(unit: str) -> Term:
    """The whole unit before today's."""
    return neighbor(unit, -1, "yesterday" if unit == "day" else f"last {unit}")


def next_unit(unit: str) -> Term:
    """The whole unit after today's."""
    return neighbor(unit, 1, "tomorrow" if unit == "day" else f"next {unit}")


def rest_of(unit: str) -> Term:
    """What is left of the unit that holds today, from tomorrow on; on its last day that day."""

    def term(clock: Clock) -> Period:
        end = dates.SPAN_OF[unit](clock.today).end
        return Period(min(dates.add_days(clock.today, 1), end), end, f"rest of the {unit}")

    return term


def to_end_of(unit: str) -> Term:
    """From today to the end of the unit that holds it."""

    def term(clock: Clock) -> Period:
        return Period(clock.today, dates.SPAN_OF[unit](clock.today).end, f"until the end of the {unit}")

    return term


def full_days(days: int, label: str) -> Term:
    """So many days, the last of them yesterday."""

    def term(clock: Clock) -> Period:
        return Period(dates.add_days(clock.today, -days), dates.add_days(clock.today, -1), label)

    return term


def past_unit(unit: str) -> Term:
    """The days of a unit that end yesterday; a quarter is the calendar's."""
    if unit == "quarter":
        return last_unit(unit)
    days = {"day": 1, "week": 7, "month": 30, "year": 365}[unit]
    return full_days(days, f"last {days} days" if days > 1 else "yesterday")


def _many(word: str, count: int, unit: str) -> str:
    return f"{word} {count} {unit}{'s' if count != 1 else ''}"


def last_units(count: int, unit: str) -> Term:
    """Full days for days and weeks, calendar units for the longer ones."""
    label = _many("last", count, unit)
    if unit in ("day", "week"):
        return full_days(count * (7 if unit == "week" else 1), label)

    def term(clock: Clock) -> Period:
        first = dates.SPAN_OF[unit](dates.shift(unit, clock.today, -count))
        last = dates.SPAN_OF[unit](dates.shift(unit, clock.today, -1))
        return Period(first.start, last.end, label)

    return term


def last_hours(amount: int) -> Term:
    """Hours as full days, rounded up."""
    days = -(-amount // 24)
    return full_days(days, _many("last", days, "day"))


def next_units(count: int, unit: str) -> Term:
    """Days and weeks from tomorrow on, whole calendar units for the longer ones."""
    label = _many("next", count, unit)

    def term(clock: Clock) -> Period:
        if unit in ("day", "week"):
            days = count * (7 if unit == "week" else 1)
            return Period(dates.add_days(clock.today, 1), dates.add_days(clock.today, days), label)
        first = dates.SPAN_OF[unit](dates.shift(unit, clock.today, 1))
        last = dates.SPAN_OF[unit](dates.shift(unit, clock.today, count))
        return Period(first.start, last.end, label)

    return term


def ago(count: int, unit: str) -> Term:
    """The unit that lies so many units back."""

    def term(clock: Clock) -> Period:
        return dates.SPAN_OF[unit](dates.shift(unit, clock.today, -count))

    return term


def recent_weekend(clock: Clock) -> Period:
    """The latest weekend that has begun."""
    current = dates.weekend_of(clock.today)
    return current if current.start <= clock.today else dates.weekend_of(dates.add_days(clock.today, -7))


def weekday_from(weekday: int, step: int) -> Term:
    """The nearest such weekday: before today (-1), today or before (0), after today (1)."""

    def term(clock: Clock) -> Period:
        back = (clock.today.weekday() - weekday) % 7
        if step == 1:
            return dates.one_day(dates.add_days(clock.today, 7 - back))
        if step == -1 and back == 0:
            back = 7
        return dates.one_day(dates.add_days(clock.today, -back))

    return term


def this_weekday(weekday: int) -> Term:
    """The weekday of the week that holds today."""
    return lambda clock: dates.one_day(dates.add_days(dates.week_of(clock.today).start, weekday))


def in_calendar_year(year: int) -> Term:
    """The whole calendar year."""
    return lambda clock: dates.year_of(dates.make_day(year, 1, 1))


def fiscal_year(year: int) -> Term:
    """The fiscal year that ends in a calendar year."""

    def term(clock: Clock) -> Period:
        day = dates.make_day(year, 12, 1) if clock.fiscal_year_start == 1 else dates.make_day(year, 1, 1)
        found = dates.year_of(day, clock.fiscal_year_start)
        if found.end.year != year:
            found = dates.year_of(dates.add_days(found.end, 1), clock.fiscal_year_start)
        return replace(found, label=f"fiscal {year}")

    return term


def quarter(number: int, year: int | None = None) -> Term:
    """A quarter of the calendar year."""
    return Dated(lambda y, clock: dates.quarter_of(dates.make_day(y, 3 * number, 1)), year)


def fiscal_quarter(number: int, year: int | None = None) -> Term:
    """A quarter of the fiscal year."""

    def in_year(ending: int, clock: Clock) -> Period:
        start = dates.add_months(fiscal_year(ending)(clock).start, 3 * (number - 1))
        end = dates.add_days(dates.add_months(start, 3), -1)
        return Period(start, end, f"fiscal Q{number} {ending}")

    return Dated(in_year, year)


def half(number: int, year: int | None = None) -> Term:
    """A half of the calendar year."""
    return Dated(lambda y, clock: dates.half_of(dates.year_of(dates.make_day(y, 1, 1)), number), year)


def month_in(number: int, year: int | None = None) -> Term:
    """A month by its number."""
    return Dated(lambda y, clock: dates.month_of(dates.make_day(y, number, 1)), year)


def day_in(month: int, day: int, year: int | None = None) -> Term:
    """A day of a month."""
    return Dated(lambda y, clock: dates.one_day(dates.make_day(y, month, day)), year)


def in_last_year(dated: Dated) -> Term:
    """It, in the calendar year before today's."""
    return lambda clock: dated.in_year(clock.today.year - 1, clock)


def in_this_year(dated: Dated) -> Term:
    """It, in today's calendar year."""
    return lambda clock: dated.in_year(clock.today.year, clock)


def completed(dated: Dated) -> Term:
    """The latest that is over: "last March" said in March is a year ago."""

    def term(clock: Clock) -> Period:
        found = dated(clock)
        return found if found.end < clock.today else dated.in_year(found.start.year - 1, clock)

    return term


def coming(dated: Dated) -> Term:
    """The first that has not begun."""

    def term(clock: Clock) -> Period:
        this_year = dated.in_year(clock.today.year, clock)
        return this_year if this_year.start > clock.today else dated.in_year(clock.today.year + 1, clock)

    return term


def this_fiscal(unit: str) -> Term:
    """The fiscal year or quarter that holds today, up to today."""

    def term(clock: Clock) -> Period:
        span = dates.year_of if unit == "year" else dates.quarter_of
        start = span(clock.today, clock.fiscal_year_start).start
        return Period(start, clock.today, f"this fiscal {unit} to date")

    return term


def neighbor_fiscal(step: int, unit: str) -> Term:
    """The whole fiscal year or quarter so many steps from today's."""

    def term(clock: Clock) -> Period:
        span = dates.year_of if unit == "year" else dates.quarter_of
        day = dates.shift(unit, clock.today.replace(day=1), step)
        word = "last" if step < 0 else "next"
        return replace(span(day, clock.fiscal_year_start), label=f"{word} fiscal {unit}")

    return term


def begin(term: Term) -> Term:
    """The first day of it."""
    return lambda clock: dates.one_day(term(clock).start)


def since(term: Term) -> Term:
    """From its start to today; impossible when it has not begun."""

    def resolved(clock: Clock) -> Period:
        start = term(clock)
        if start.start > clock.today:
            raise ImpossibleDate(f"{dates.show_day(start.start)} has not come yet.")
        return Period(start.start, clock.today, f"since {dates.show_day(start.start)}")

    return resolved


def between(first: Term, last: Term) -> Term:
    """From the start of one to the end of the other; a first without a year precedes the last."""

    def resolved(clock: Clock) -> Period:
        end = last(clock)
        start = _aligned(first, end, clock)
        if start.start > end.end:
            raise ImpossibleDate(f"{start.label} comes after {end.label}.")
        return Period(start.start, end.end, f"{start.label} to {end.label}")

    return resolved


def _aligned(first: Term, end: Period, clock: Clock) -> Period:
    if not isinstance(first, Dated) or first.year is not None:
        return first(clock)
    start = first.in_year(end.end.year, clock)
    return start if start.start <= end.end else first.in_year(end.end.year - 1, clock)


def day_range(month: int, first: int, last: int, year: int | None = None) -> Term:
    """From one day of a month to another."""
    return between(day_in(month, first, year), day_in(month, last, year))


def slash(text: str) -> Any:
    """``month/day`` with or without a year; no date when a part is 0."""
    parts = [int(part) for part in text.split("/")]
    year = None
    if len(parts) == 3:
        year = parts[2] if parts[2] > 99 else 2000 + parts[2]
    return day_in(parts[0], parts[1], year) if parts[0] and parts[1] else REJECT


def iso(text: str) -> Term:
    """``year-month-day``."""
    year, month, day = (int(part) for part in text.replace("/", "-").split("-"))
    return day_in(month, day, year)
