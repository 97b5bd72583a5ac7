"""Periods as people say them. Every rule gives a function of the clock, so the grammar is built once.

Weeks run Monday to Sunday. "Last 7 days" are full days and end yesterday; "last 3 months" are calendar
months; "this month" runs from its start to today. A month, quarter or day without a year is the latest that
has begun. Dates with slashes are month first: 3/5/2026 is March 5.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from engines.terms import Period
from intents.values import dates, moments
from intents.values.dates import MONTHS, WEEKDAYS, Clock
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


_one = either(_count, a("a", "one") >> (lambda: 1))
_relative = either(
    a("today") >> (lambda: moments.this_unit("day")),
    a("yesterday", "the day before") >> (lambda: moments.last_unit("day")),
    a("tomorrow") >> (lambda: moments.next_unit("day")),
    a("the day before yesterday") >> (lambda: moments.ago(2, "day")),
    sequence(_the, _last, _count, _units) >> moments.last_units,
    sequence(_the, _past, _count, _units) >> moments.last_units,
    sequence(_the, either(_last, _past), _small, a("hours", "hour")) >> moments.last_hours,
    sequence(_the, a("last full", "last complete"), _unit) >> moments.last_unit,
    sequence(_the, _last, _unit) >> moments.last_unit,
    sequence(_the, _past, words({name: name for name in dates.UNITS})) >> moments.past_unit,
    sequence(_the, _next, _count, _units) >> moments.next_units,
    sequence(_the, _next, _unit) >> moments.next_unit,
    sequence(_one, _units, a("ago")) >> moments.ago,
    sequence(_one, _units, a("ahead")) >> moments.next_units,
    sequence(_the, _next, a("fortnight")) >> (lambda: moments.next_units(2, "week")),
)

_plain_unit = words({name: name for name in ("week", "month", "quarter", "year")})
_rest = sequence(_the, a("rest of", "remainder of"), either(_this, _the), _plain_unit) >> moments.rest_of
_end = (
    either(
        sequence(_the, a("end of"), either(_this, _the), _plain_unit),
        sequence(_the, words({name: name for name in ("month", "quarter", "year")}), a("end")),
        words({"eom": "month", "eoq": "quarter", "eoy": "year"}),
    )
    >> moments.to_end_of
)
_mtd = words({"mtd": "month", "qtd": "quarter", "ytd": "year", "wtd": "week"})
_so_far = a("so far", "to date", "till now", "until now", "up to now")
_current = either(
    sequence(a("so far"), _this, _plain_unit) >> moments.this_unit,
    sequence(maybe(_this), _plain_unit, _so_far) >> moments.this_unit,
    sequence(_this, _unit) >> moments.this_unit,
    _mtd >> moments.this_unit,
    a("the weekend") >> (lambda: moments.recent_weekend),
)


# Weekdays


_weekdays = either(
    sequence(_last, _weekday) >> (lambda weekday: moments.weekday_from(weekday, -1)),
    sequence(_next, _weekday) >> (lambda weekday: moments.weekday_from(weekday, 1)),
    sequence(_this, _weekday) >> moments.this_weekday,
    _weekday >> (lambda weekday: moments.weekday_from(weekday, 0)),
)


# Years, halves, quarters, months, days: the calendar's and the fiscal one


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


_without_year = remembered(
    either(
        sequence(_month, _the, _day) >> moments.day_in,
        sequence(_the, _day, maybe(a("of")), _month) >> (lambda day, month: moments.day_in(month, day)),
        _quarter_words >> moments.quarter,
        _half_words >> moments.half,
        _month >> moments.month_in,
    )
)
_fiscal_dated = sequence(_fiscal, _quarter_words) >> moments.fiscal_quarter
_dated = remembered(
    either(
        sequence(_without_year, _of, _year) >> (lambda dated, year: replace(dated, year=year)),
        sequence(_without_year, maybe(a("of")), a("last year", "the previous year")) >> moments.in_last_year,
        sequence(_without_year, maybe(a("of")), a("this year")) >> moments.in_this_year,
        sequence(_the, _last, _without_year) >> moments.completed,
        sequence(_the, _next, _without_year) >> moments.coming,
        sequence(_this, _without_year) >> moments.in_this_year,
        sequence(_weekday, maybe(a(",")), maybe(a("the")), _without_year) >> (lambda weekday, dated: dated),
        sequence(_fiscal_dated, _of, maybe(_fiscal), _fiscal_number)
        >> (lambda dated, year: replace(dated, year=year)),
        sequence(_quarter_words, _of, _fiscal, maybe(a("year")), _fiscal_number) >> moments.fiscal_quarter,
        sequence(_fiscal_year_said, _quarter_words)
        >> (lambda year, number: moments.fiscal_quarter(number, year)),
        _fiscal_dated,
        _without_year,
    )
)


_fiscal_unit = sequence(a("fiscal", "financial"), words({"year": "year", "quarter": "quarter"}))
_fiscal_spans = either(
    sequence(_this, _fiscal_unit, maybe(_so_far)) >> moments.this_fiscal,
    sequence(_fiscal_unit, _so_far) >> moments.this_fiscal,
    sequence(_the, _fiscal_unit) >> moments.this_fiscal,
    sequence(_the, _last, _fiscal_unit) >> (lambda unit: moments.neighbor_fiscal(-1, unit)),
    sequence(_the, _next, _fiscal_unit) >> (lambda unit: moments.neighbor_fiscal(1, unit)),
    _fiscal_year_said >> moments.fiscal_year,
)
_iso_month = sequence(_year_digits, Attached(a("-")), Attached(token(NUMBER, _whole_number(1, 12)))) >> (
    lambda year, month: moments.month_in(month, year)
)
_years = (
    sequence(maybe(a("calendar", "calendar year", "the year", "year", "full year")), _year)
    >> moments.in_calendar_year
)

_points = remembered(
    either(
        token(ISO_DATE, moments.iso),
        token(SLASH_DATE, moments.slash),
        _iso_month,
        _dated,
        _fiscal_spans,
        _relative,
        _current,
        _rest,
        _end,
        _weekdays,
        _years,
    )
)


# Spans between two


_start_of = sequence(a("the start of", "the beginning of", "start of", "beginning of"), _the, maybe(_this))
_to = a("to", "until", "till", "through", "thru", "-", "–", "—", "up to")
_begun = either(
    sequence(_start_of, _plain_unit) >> (lambda unit: moments.begin(moments.this_unit(unit))),
    sequence(_start_of, _points) >> moments.begin,
)
_point = either(_begun, _points)
_now = a("now", "today", "date") >> (lambda: moments.this_unit("day"))
_SPANS = either(
    sequence(a("between"), _point, a("and"), either(_point, _now)) >> moments.between,
    sequence(maybe(a("from")), _point, _to, either(_point, _now)) >> moments.between,
    sequence(maybe(a("from")), _month, _the, _day, _to, _the, _day, maybe(sequence(maybe(a(",")), _year)))
    >> moments.day_range,
    sequence(a("between"), _month, _the, _day, a("and"), _the, _day) >> moments.day_range,
    sequence(maybe(a("from")), _the, _day, _to, _the, _day, maybe(a("of")), _month, maybe(_year))
    >> (lambda first, last, month, year=None: moments.day_range(month, first, last, year)),
    sequence(a("since"), _point) >> moments.since,
    sequence(a("from", "starting", "beginning"), _point, a("on", "onwards", "onward", "forward"))
    >> moments.since,
    sequence(a("since"), a("the"), _plain_unit, a("began", "started"))
    >> (lambda unit: moments.since(moments.this_unit(unit))),
    sequence(_the, a("week of", "week starting", "week beginning", "week commencing"), _points)
    >> (lambda term: lambda clock: dates.week_of(term(clock).start)),
    sequence(_the, a("weekend of"), _points)
    >> (lambda term: lambda clock: dates.weekend_of(term(clock).start)),
    sequence(
        a("all of", "the whole of", "the whole", "whole", "all", "the entire", "entire", "the full", "full"),
        _points,
    )
    >> (lambda term: term),
)

PERIOD: Rule = remembered(either(_SPANS, _points))
"""A period, as a function of the clock that may raise `ImpossibleDate`."""

_lead_in = a(
    "in", "for", "during", "on", "over", "within", "throughout", "of", "as of", "by", "until", "across"
)
_ALONE = sequence(maybe(_lead_in), PERIOD, maybe(a("'s", "’s")), maybe(a(".", "?", "!", "please"))) >> (
    lambda term, *_: term
)


def resolve(term: moments.Term, clock: Clock) -> Period:
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
