"""Periods as people say them. Every rule gives a function of the clock, so the grammar is built once.

Weeks run Monday to Sunday. "Last 7 days" are full days and end yesterday; "last 3 months" are calendar
months; "this month" runs from its start to today. A month, quarter or day without a year is the latest that
has begun. Dates with slashes are month first: 3/5/2026 is March 5.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from engines.terms import Period
from intents.values import dates
from intents.values.dates import MONTHS, WEEKDAYS, Clock, ImpossibleDate
from intents.values.grammar import (
    ISO_DATE,
    NUMBER,
    REJECT,
    SLASH_DATE,
    Attached,
    Rule,
    a,
    either,
    maybe,
    remembered,
    sequence,
    token,
    whole,
    words,
)
from intents.values.numbers import POSITIVE

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


# Words

_the = maybe(a("the"))
_of = maybe(a("of the", "of", "in the", "in", ","))
_month_names = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
_month_short = {name[:3].lower(): number for number, name in enumerate(MONTHS, 1)} | {"sept": 9}
_month = sequence(words(_month_names | _month_short), maybe(Attached(a("."))))
_weekday_names = {name.lower(): number for number, name in enumerate(WEEKDAYS)}
_weekday_short = {name[:3].lower(): number for number, name in enumerate(WEEKDAYS)} | {"tues": 1, "thurs": 3}
_weekday = words(_weekday_names | _weekday_short)
_unit = words({name: name for name in (*dates.UNITS, "weekend")})
_units = words({f"{name}s": name for name in dates.UNITS} | {name: name for name in dates.UNITS})
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh"),
    *("eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth"),
    *("fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth"),
)
_ordinal_low = words({name: number for number, name in enumerate(_ORDINALS, 1)})
_ordinal_word = either(
    sequence(
        words({"twenty": 20, "thirty": 30}),
        maybe(a("-")),
        words(dict(zip(_ORDINALS[:9], range(1, 10), strict=True))),
    )
    >> (lambda tens, unit: tens + unit),
    _ordinal_low,
    a("thirtieth") >> (lambda: 30),
)


def _whole_number(least: int, most: int) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if not text.isdecimal() or len(text) > 4:
            return REJECT
        return int(text) if least <= int(text) <= most else REJECT

    return read


def _year_number(text: str) -> Any:
    return int(text) if len(text) == 4 and text.isdecimal() and 1900 <= int(text) <= 2199 else REJECT


_ending = Attached(a("st", "nd", "rd", "th"))
_ordinal = either(sequence(token(NUMBER, _whole_number(1, 99)), _ending), _ordinal_word)
_day = either(_ordinal, token(NUMBER, _whole_number(1, 31)))
_spoken_year = sequence(words({"twenty": 2000}), POSITIVE) >> (
    lambda century, amount: century + int(amount.value) if 10 <= amount.value <= 99 else REJECT
)
_said_year = POSITIVE >> (
    lambda amount: (
        int(amount.value) if 2000 < amount.value < 2100 and amount.value == int(amount.value) else REJECT
    )
)
_short_year = sequence(a("'", "’"), token(NUMBER, _whole_number(0, 99))) >> (lambda year: 2000 + year)
_year_digits = token(NUMBER, _year_number)
_year = either(_year_digits, _spoken_year, _said_year, _short_year)
_small = POSITIVE >> (
    lambda amount: (
        int(amount.value) if amount.value == int(amount.value) and 1 <= amount.value <= 5000 else REJECT
    )
)
_few = a("few", "a few") >> (lambda: 3)
_count = either(_small, _few)
_last = a("last", "previous", "prior", "preceding")
_past = a("past", "trailing")
_this = a("this", "the current", "current")
_next = a("next", "coming", "the coming", "upcoming", "following")


# This, last, next


def _this_unit(unit: str) -> Term:
    def term(clock: Clock) -> Period:
        whole_unit = dates.SPAN_OF[unit](clock.today)
        if unit == "day":
            return dates.one_day(clock.today, "today")
        if unit == "weekend":
            return replace(whole_unit, label="this weekend")
        return Period(whole_unit.start, clock.today, f"this {unit} to date")

    return term


def _neighbor(unit: str, step: int, label: str) -> Term:
    def term(clock: Clock) -> Period:
        if unit == "weekend" and step < 0:
            current = dates.weekend_of(clock.today)
            step_back = 0 if current.end < clock.today else -1
            return replace(dates.weekend_of(dates.shift(unit, clock.today, step_back)), label=label)
        return replace(dates.SPAN_OF[unit](dates.shift(unit, clock.today, step)), label=label)

    return term


def _last_unit(unit: str) -> Any:
    return _neighbor(unit, -1, "yesterday" if unit == "day" else f"last {unit}")


def _next_unit(unit: str) -> Any:
    return _neighbor(unit, 1, "tomorrow" if unit == "day" else f"next {unit}")


def _full_days(days: int, label: str) -> Term:
    def term(clock: Clock) -> Period:
        return Period(dates.add_days(clock.today, -days), dates.add_days(clock.today, -1), label)

    return term


def _past_unit(unit: str) -> Term:
    if unit == "quarter":
        return _last_unit(unit)  # type: ignore[no-any-return]
    days = {"day": 1, "week": 7, "month": 30, "year": 365}[unit]
    return _full_days(days, f"last {days} days" if days > 1 else "yesterday")


def _many(word: str, count: int, unit: str) -> str:
    return f"{word} {count} {unit}{'s' if count != 1 else ''}"


def _last_units(count: int, unit: str) -> Term:
    """Full days for days and weeks, calendar units for the longer ones."""
    label = _many("last", count, unit)
    if unit in ("day", "week"):
        return _full_days(count * (7 if unit == "week" else 1), label)

    def term(clock: Clock) -> Period:
        first = dates.SPAN_OF[unit](dates.shift(unit, clock.today, -count))
        last = dates.SPAN_OF[unit](dates.shift(unit, clock.today, -1))
        return Period(first.start, last.end, label)

    return term


def _last_hours(amount: int) -> Term:
    days = -(-amount // 24)
    return _full_days(days, _many("last", days, "day"))


def _next_units(count: int, unit: str) -> Term:
    label = _many("next", count, unit)

    def term(clock: Clock) -> Period:
        if unit in ("day", "week"):
            days = count * (7 if unit == "week" else 1)
            return Period(dates.add_days(clock.today, 1), dates.add_days(clock.today, days), label)
        first = dates.SPAN_OF[unit](dates.shift(unit, clock.today, 1))
        last = dates.SPAN_OF[unit](dates.shift(unit, clock.today, count))
        return Period(first.start, last.end, label)

    return term


def _ago(count: int, unit: str) -> Term:
    def term(clock: Clock) -> Period:
        return dates.SPAN_OF[unit](dates.shift(unit, clock.today, -count))

    return term


_one = either(_count, a("a", "one") >> (lambda: 1))
_relative = either(
    a("today") >> (lambda: _this_unit("day")),
    a("yesterday", "the day before") >> (lambda: _last_unit("day")),
    a("tomorrow") >> (lambda: _next_unit("day")),
    a("the day before yesterday") >> (lambda: _ago(2, "day")),
    sequence(_the, _last, _count, _units) >> _last_units,
    sequence(_the, _past, _count, _units) >> _last_units,
    sequence(_the, either(_last, _past), _small, a("hours", "hour")) >> _last_hours,
    sequence(_the, a("last full", "last complete"), _unit) >> _last_unit,
    sequence(_the, _last, _unit) >> _last_unit,
    sequence(_the, _past, words({name: name for name in dates.UNITS})) >> _past_unit,
    sequence(_the, _next, _count, _units) >> _next_units,
    sequence(_the, _next, _unit) >> _next_unit,
    sequence(_one, _units, a("ago")) >> _ago,
)

_plain_unit = words({name: name for name in ("week", "month", "quarter", "year")})
_mtd = words({"mtd": "month", "qtd": "quarter", "ytd": "year", "wtd": "week"})
_so_far = a("so far", "to date", "till now", "until now", "up to now")
_current = either(
    sequence(a("so far"), _this, _plain_unit) >> _this_unit,
    sequence(maybe(_this), _plain_unit, _so_far) >> _this_unit,
    sequence(_this, _unit) >> _this_unit,
    _mtd >> _this_unit,
    a("the weekend") >> (lambda: _recent_weekend),
)


def _recent_weekend(clock: Clock) -> Period:
    current = dates.weekend_of(clock.today)
    return current if current.start <= clock.today else dates.weekend_of(dates.add_days(clock.today, -7))


# Weekdays


def _weekday_from(weekday: int, step: int) -> Term:
    """The nearest such weekday: before today (-1), today or before (0), after today (1)."""

    def term(clock: Clock) -> Period:
        back = (clock.today.weekday() - weekday) % 7
        if step == 1:
            return dates.one_day(dates.add_days(clock.today, 7 - back))
        if step == -1 and back == 0:
            back = 7
        return dates.one_day(dates.add_days(clock.today, -back))

    return term


def _this_weekday(weekday: int) -> Term:
    return lambda clock: dates.one_day(dates.add_days(dates.week_of(clock.today).start, weekday))


_weekdays = either(
    sequence(_last, _weekday) >> (lambda weekday: _weekday_from(weekday, -1)),
    sequence(_next, _weekday) >> (lambda weekday: _weekday_from(weekday, 1)),
    sequence(_this, _weekday) >> _this_weekday,
    _weekday >> (lambda weekday: _weekday_from(weekday, 0)),
)


# Years, halves, quarters, months, days: the calendar's and the fiscal one


def _in_calendar_year(year: int) -> Term:
    return lambda clock: dates.year_of(dates.make_day(year, 1, 1))


def _fiscal_year(year: int) -> Term:
    def term(clock: Clock) -> Period:
        day = dates.make_day(year, 12, 1) if clock.fiscal_year_start == 1 else dates.make_day(year, 1, 1)
        found = dates.year_of(day, clock.fiscal_year_start)
        if found.end.year != year:
            found = dates.year_of(dates.add_days(found.end, 1), clock.fiscal_year_start)
        return replace(found, label=f"fiscal {year}")

    return term


def _quarter(number: int, year: int | None = None) -> Term:
    return Dated(lambda y, clock: dates.quarter_of(dates.make_day(y, 3 * number, 1)), year)


def _fiscal_quarter(number: int, year: int | None = None) -> Term:
    def in_year(fiscal_year: int, clock: Clock) -> Period:
        start = dates.add_months(_fiscal_year(fiscal_year)(clock).start, 3 * (number - 1))
        end = dates.add_days(dates.add_months(start, 3), -1)
        return Period(start, end, f"fiscal Q{number} {fiscal_year}")

    return Dated(in_year, year)


def _half(number: int, year: int | None = None) -> Term:
    return Dated(lambda y, clock: dates.half_of(dates.year_of(dates.make_day(y, 1, 1)), number), year)


def _month_in(number: int, year: int | None = None) -> Term:
    return Dated(lambda y, clock: dates.month_of(dates.make_day(y, number, 1)), year)


def _day_in(month: int, day: int, year: int | None = None) -> Term:
    return Dated(lambda y, clock: dates.one_day(dates.make_day(y, month, day)), year)


def _in_last_year(dated: Dated) -> Term:
    return lambda clock: dated.in_year(clock.today.year - 1, clock)


def _in_this_year(dated: Dated) -> Term:
    return lambda clock: dated.in_year(clock.today.year, clock)


def _completed(dated: Dated) -> Term:
    """The latest that is over: "last March" said in March is a year ago."""

    def term(clock: Clock) -> Period:
        found = dated(clock)
        return found if found.end < clock.today else dated.in_year(found.start.year - 1, clock)

    return term


def _coming(dated: Dated) -> Term:
    """The first that has not begun."""

    def term(clock: Clock) -> Period:
        this_year = dated.in_year(clock.today.year, clock)
        return this_year if this_year.start > clock.today else dated.in_year(clock.today.year + 1, clock)

    return term


_q_number = either(token(NUMBER, _whole_number(1, 4)), words({"one": 1, "two": 2, "three": 3, "four": 4}))
_half_number = either(token(NUMBER, _whole_number(1, 2)), words({"one": 1, "two": 2}))
_nth4 = either(
    words({"first": 1, "second": 2, "third": 3, "fourth": 4}),
    sequence(token(NUMBER, _whole_number(1, 4)), _ending),
)
_nth2 = either(words({"first": 1, "second": 2}), sequence(token(NUMBER, _whole_number(1, 2)), _ending))
_q = sequence(a("q", "quarter"), maybe(a("-")), _q_number)
_quarter_words = either(_q, sequence(_the, _nth4, a("quarter")), sequence(_q_number, Attached(a("q"))))
_half_words = either(
    sequence(a("h"), Attached(_half_number)), sequence(_the, _nth2, a("half"), maybe(a("of the year")))
)
_fiscal = a("fiscal", "financial", "fiscal year", "financial year", "fy", "the fiscal", "the financial")
_fiscal_number = either(_year, sequence(token(NUMBER, _whole_number(0, 99))) >> (lambda year: 2000 + year))
_fiscal_year_said = sequence(_fiscal, maybe(a("year")), maybe(a("'", "’")), _fiscal_number)


def _slash(text: str) -> Any:
    parts = [int(part) for part in text.split("/")]
    year = None
    if len(parts) == 3:
        year = parts[2] if parts[2] > 99 else 2000 + parts[2]
    return _day_in(parts[0], parts[1], year) if parts[0] and parts[1] else REJECT


def _iso(text: str) -> Term:
    year, month, day = (int(part) for part in text.replace("/", "-").split("-"))
    return _day_in(month, day, year)


_without_year = remembered(
    either(
        sequence(_month, _the, _day) >> _day_in,
        sequence(_the, _day, maybe(a("of")), _month) >> (lambda day, month: _day_in(month, day)),
        _quarter_words >> _quarter,
        _half_words >> _half,
        _month >> _month_in,
    )
)
_fiscal_dated = sequence(_fiscal, _quarter_words) >> _fiscal_quarter
_dated = remembered(
    either(
        sequence(_without_year, _of, _year) >> (lambda dated, year: replace(dated, year=year)),
        sequence(_without_year, maybe(a("of")), a("last year", "the previous year")) >> _in_last_year,
        sequence(_without_year, maybe(a("of")), a("this year")) >> _in_this_year,
        sequence(_the, _last, _without_year) >> _completed,
        sequence(_the, _next, _without_year) >> _coming,
        sequence(_this, _without_year) >> _in_this_year,
        sequence(_weekday, maybe(a(",")), maybe(a("the")), _without_year) >> (lambda weekday, dated: dated),
        sequence(_fiscal_dated, _of, maybe(_fiscal), _fiscal_number)
        >> (lambda dated, year: replace(dated, year=year)),
        sequence(_quarter_words, _of, _fiscal, maybe(a("year")), _fiscal_number) >> _fiscal_quarter,
        sequence(_fiscal_year_said, _quarter_words) >> (lambda year, number: _fiscal_quarter(number, year)),
        _fiscal_dated,
        _without_year,
    )
)


def _this_fiscal(unit: str) -> Term:
    def term(clock: Clock) -> Period:
        span = dates.year_of if unit == "year" else dates.quarter_of
        start = span(clock.today, clock.fiscal_year_start).start
        return Period(start, clock.today, f"this fiscal {unit} to date")

    return term


def _neighbor_fiscal(step: int, unit: str) -> Term:
    def term(clock: Clock) -> Period:
        span = dates.year_of if unit == "year" else dates.quarter_of
        day = dates.shift(unit, clock.today.replace(day=1), step)
        word = "last" if step < 0 else "next"
        return replace(span(day, clock.fiscal_year_start), label=f"{word} fiscal {unit}")

    return term


_fiscal_unit = sequence(a("fiscal", "financial"), words({"year": "year", "quarter": "quarter"}))
_fiscal_spans = either(
    sequence(_this, _fiscal_unit, maybe(_so_far)) >> _this_fiscal,
    sequence(_fiscal_unit, _so_far) >> _this_fiscal,
    sequence(_the, _fiscal_unit) >> _this_fiscal,
    sequence(_the, _last, _fiscal_unit) >> (lambda unit: _neighbor_fiscal(-1, unit)),
    sequence(_the, _next, _fiscal_unit) >> (lambda unit: _neighbor_fiscal(1, unit)),
    _fiscal_year_said >> _fiscal_year,
)
_iso_month = sequence(_year_digits, Attached(a("-")), Attached(token(NUMBER, _whole_number(1, 12)))) >> (
    lambda year, month: _month_in(month, year)
)
_years = (
    sequence(maybe(a("calendar", "calendar year", "the year", "year", "full year")), _year)
    >> _in_calendar_year
)

_points = remembered(
    either(
        token(ISO_DATE, _iso),
        token(SLASH_DATE, _slash),
        _iso_month,
        _dated,
        _fiscal_spans,
        _relative,
        _current,
        _weekdays,
        _years,
    )
)


# Spans between two


def _begin(term: Term) -> Term:
    return lambda clock: dates.one_day(term(clock).start)


def _since(term: Term) -> Term:
    def resolved(clock: Clock) -> Period:
        start = term(clock)
        if start.start > clock.today:
            raise ImpossibleDate(f"{dates.show_day(start.start)} has not come yet.")
        return Period(start.start, clock.today, f"since {dates.show_day(start.start)}")

    return resolved


def _between(first: Term, last: Term) -> Term:
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


def _day_range(month: int, first: int, last: int, year: int | None = None) -> Term:
    return _between(_day_in(month, first, year), _day_in(month, last, year))


_start_of = sequence(a("the start of", "the beginning of", "start of", "beginning of"), _the, maybe(_this))
_to = a("to", "until", "till", "through", "thru", "-", "–", "—", "up to")
_begun = either(
    sequence(_start_of, _plain_unit) >> (lambda unit: _begin(_this_unit(unit))),
    sequence(_start_of, _points) >> _begin,
)
_point = either(_begun, _points)
_now = a("now", "today", "date") >> (lambda: _this_unit("day"))
_SPANS = either(
    sequence(a("between"), _point, a("and"), either(_point, _now)) >> _between,
    sequence(maybe(a("from")), _point, _to, either(_point, _now)) >> _between,
    sequence(maybe(a("from")), _month, _the, _day, _to, _the, _day, maybe(sequence(maybe(a(",")), _year)))
    >> _day_range,
    sequence(a("between"), _month, _the, _day, a("and"), _the, _day) >> _day_range,
    sequence(maybe(a("from")), _the, _day, _to, _the, _day, maybe(a("of")), _month, maybe(_year))
    >> (lambda first, last, month, year=None: _day_range(month, first, last, year)),
    sequence(a("since"), _point) >> _since,
    sequence(a("from", "starting", "beginning"), _point, a("on", "onwards", "onward", "forward")) >> _since,
    sequence(a("since"), a("the"), _plain_unit, a("began", "started"))
    >> (lambda unit: _since(_this_unit(unit))),
    sequence(_the, a("week of", "week starting", "week beginning", "week commencing"), _points)
    >> (lambda term: lambda clock: dates.week_of(term(clock).start)),
    sequence(_the, a("weekend of"), _points)
    >> (lambda term: lambda clock: dates.weekend_of(term(clock).start)),
    sequence(
        a("all of", "the whole of", "the whole", "whole", "all", "the entire", "entire", "the full", "full"),
        _points,
    ),
)

PERIOD: Rule = remembered(either(_SPANS, _points))
"""A period, as a function of the clock that may raise `ImpossibleDate`."""

_lead_in = a("in", "for", "during", "on", "over", "within", "throughout", "of", "as of", "by", "across")
_ALONE = sequence(maybe(_lead_in), PERIOD, maybe(a("'s", "’s")), maybe(a(".", "?", "!", "please"))) >> (
    lambda term, *_: term
)


def resolve(term: Term, clock: Clock) -> Period:
    """What a parsed period means today; raises `ImpossibleDate`."""
    return term(clock)


def parse_period(text: str, today: date, fiscal_year_start: int = 1) -> Period | None:
    """The period ``text`` names, or None when it names none.

    Raises `ImpossibleDate` for days the calendar does not have ("February 30").
    """
    term = whole(_ALONE, text)
    return None if term is None else resolve(term, Clock(today, fiscal_year_start))


def render_period(period: Period) -> str:
    """The days in digits: ``2026-03-01 to 2026-03-31``; parses back to the same days."""
    if period.start == period.end:
        return period.start.isoformat()
    return f"{period.start.isoformat()} to {period.end.isoformat()}"
