"""Periods, spans, times of day and days that come again."""

from collections.abc import Callable
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from engines.terms import Period
from intents import values
from intents.slots.base import Entity, listed, said_as, schema, slot_error
from intents.values import rhythms
from intents.values.dates import ImpossibleDate, checked_year

SpanName = Annotated[str, Entity("span"), listed("span")]
"""A span of time: hour, day, week or month."""

FrequencyName = Annotated[str, Entity("frequency"), listed("frequency")]
"""How often something comes: daily, weekdays, weekends, weekly, fortnightly or monthly."""


def _recurring(
    parse: Callable[[str], str | None], what: str, code: str = "not_understood", choices: tuple[str, ...] = ()
) -> BeforeValidator:
    """Words, a bare number, or a day for its weekday, read with ``parse``."""

    def validate(value: Any) -> Any:
        if isinstance(value, Period) and value.start == value.end:
            value = rhythms.WEEKDAYS[value.start.weekday()]
        elif isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            return value
        found = parse(value)
        if found is None:
            raise slot_error(code, f"I cannot read {value[:80]!r} as {what}.", choices)
        return found

    return BeforeValidator(validate)


WeekdayName = Annotated[
    str,
    Entity("weekday", also=("period",), fits=lambda match, text: rhythms.weekday_of(match.text) is not None),
    _recurring(rhythms.weekday_of, "a weekday", "unknown_weekday", rhythms.WEEKDAYS),
    schema("a weekday: monday"),
]
"""``monday`` to ``sunday``."""

TimeOfDay = Annotated[
    str,
    Entity("time", also=("count",)),
    _recurring(rhythms.time_of, "a time of day"),
    schema("a time of day: 08:30, half past seven, 6pm"),
]
"""``HH:MM`` of 24 hours; a bare six to eleven is the morning, one to five the afternoon."""

MonthDay = Annotated[
    str,
    Entity("month_day"),
    _recurring(rhythms.month_day_of, "a day of the month"),
    schema("a day of the month: 1 to 28, last, 1st mon, last fri"),
]
"""A day that every month has: ``1`` to ``28``, ``last``, ``1st mon``."""


def _zone(value: Any) -> Any:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise slot_error("unknown_time_zone", f"I know no time zone {value[:60]!r}.") from error
    return value


TimeZoneName = Annotated[str, Entity("time_zone"), BeforeValidator(_zone)]
"""A time zone as Europe/Berlin."""


def _in_known_years(period: Period) -> Period:
    for day in (period.start, period.end):
        try:
            checked_year(day.year)
        except ImpossibleDate as error:
            raise slot_error("beyond_the_calendar", str(error)) from error
    return period


_PERIOD_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "description": "a period as people say it: last month, Q3, since March"},
            {
                "type": "object",
                "properties": {
                    "start": {"type": "string", "format": "date"},
                    "end": {"type": "string", "format": "date"},
                    "label": {"type": "string"},
                },
                "required": ["start", "end"],
            },
        ]
    },
    mode="validation",
)

PeriodSlot = Annotated[
    Period,
    Entity("period"),
    said_as(lambda text, scene: values.parse_period(text, scene.today, scene.fiscal_year_start), "a period"),
    AfterValidator(_in_known_years),
    _PERIOD_SCHEMA,
]
"""Inclusive days in the asker's time zone. Words of no year mean the latest there was: "July", said in June,
is last year's."""

ComingPeriod = Annotated[
    Period,
    Entity("period", as_said=True),
    said_as(lambda text, scene: values.parse_coming(text, scene.today, scene.fiscal_year_start), "a period"),
    AfterValidator(_in_known_years),
    _PERIOD_SCHEMA,
]
"""The same of what is to come: "July", said in June, is this year's, and "Monday" the next one."""
