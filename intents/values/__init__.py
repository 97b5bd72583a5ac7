"""Values as people say them in English: numbers, money, shares, ranges and periods, read and written."""

from intents.values.amounts import (
    MoneySaid,
    NumberRange,
    around,
    parse_money,
    parse_percent,
    parse_range,
    render_money,
    render_percent,
    render_range,
)
from intents.values.coming import parse_coming
from intents.values.dates import ImpossibleDate
from intents.values.finding import find
from intents.values.numbers import parse_count, parse_number, render_count, render_number, spell_count
from intents.values.periods import parse_period, render_period

__all__ = [
    "ImpossibleDate",
    "MoneySaid",
    "NumberRange",
    "around",
    "find",
    "parse_coming",
    "parse_count",
    "parse_money",
    "parse_number",
    "parse_percent",
    "parse_period",
    "parse_range",
    "render_count",
    "render_money",
    "render_number",
    "render_percent",
    "render_period",
    "render_range",
    "spell_count",
]
