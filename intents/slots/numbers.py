"""Counts, and the numbers things are listed with."""

from typing import Annotated

from intents import values
from intents.slots.base import Entity, said_as, said_before, schema

Count = Annotated[
    int,
    Entity("count"),
    said_as(lambda text, scene: values.parse_count(text), "a number"),
    schema("a whole number, in digits or words"),
]
"""A positive whole number: how many to show."""

ProposalNumber = Annotated[
    int,
    Entity("proposal", also=("count",)),
    said_as(lambda text, scene: values.parse_count(text), "a proposal's number"),
    schema("the number of a proposal"),
]
"""The number a proposal is listed with."""

_BEFORE_SPANS = said_before("hours?", "hrs?", "days?", "weeks?", "months?", "more (?:hours?|days?|weeks?)")

AlertNumber = Annotated[
    int,
    Entity("count", fits=lambda match, text: not _BEFORE_SPANS(match, text)),
    said_as(lambda text, scene: values.parse_count(text), "an alert's number"),
    schema("the number of an alert"),
]
"""The number an alert is listed with."""

SpanCount = Annotated[
    int,
    Entity("count", fits=_BEFORE_SPANS),
    said_as(lambda text, scene: values.parse_count(text), "a number"),
    schema("how many hours, days, weeks or months"),
]
"""How many of a span of time."""

ScheduleNumber = Annotated[
    int,
    Entity("count"),
    said_as(lambda text, scene: values.parse_count(text), "a schedule's number"),
    schema("the number of a schedule"),
]
"""The number a schedule is listed with."""

BriefingNumber = Annotated[
    int,
    Entity("count"),
    said_as(lambda text, scene: values.parse_count(text), "a briefing's number"),
    schema("the number of a briefing that was made earlier"),
]
"""The number a briefing is kept under."""
