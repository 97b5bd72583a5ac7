"""Ranges of followers, engagement and prices, and levels that metrics are held against."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from intents import values
from intents.reading import EntityMatch, Scene
from intents.slots.base import Entity, Fits, said_before, schema, slot_error


@dataclass(frozen=True)
class Level:
    """A number that a metric is held against."""

    number: Decimal
    unit: str | None = None
    """``percent`` (the number is a share then), a currency, or None for a bare number."""
    side: str | None = None
    """above or below, where what was said tells it."""


def _level(value: Any, info: ValidationInfo) -> Any:
    """A level from money, a share, a bare number or a range with one end."""
    if isinstance(value, str) and isinstance(info.context, Scene):
        share = values.parse_percent(value)
        said = values.parse_range(value) or (
            values.NumberRange(share, share, "percent") if share is not None else values.parse_money(value)
        )
        if said is None:
            raise slot_error("not_understood", f"I cannot read {value[:80]!r} as a level.")
        value = said
    if isinstance(value, values.MoneySaid):
        return Level(Decimal(value.amount), value.currency)
    if isinstance(value, values.NumberRange):
        return _one_end(value)
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Level(Decimal(value))
    if isinstance(value, dict):
        return Level(Decimal(str(value["number"])), value.get("unit"), value.get("side"))
    return value


def _one_end(said: values.NumberRange) -> Level:
    if said.min is not None and said.max is not None and said.min != said.max:
        raise slot_error("two_levels", "A level is one number, not two.")
    number = said.max if said.min is None else said.min
    if number is None:
        raise slot_error("not_understood", "A level is a number.")
    side = None if said.min == said.max else "below" if said.min is None else "above"
    return Level(number, said.unit, side)


LevelSlot = Annotated[
    Level,
    Entity("range", also=("money", "percent", "count")),
    BeforeValidator(_level),
    schema("a level: 120, $120, 2%, above 120, under two percent"),
]
"""The number a metric is held against, with its side where that is said."""


def _followers(match: EntityMatch, text: str) -> bool:
    """A number of followers: a bare range, or a bare number with the word beside it."""
    if match.entity == "range":
        return isinstance(match.value, values.NumberRange) and match.value.unit is None
    return said_before("followers", "subscribers", "fans", "people following")(match, text)


def _range(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and isinstance(info.context, Scene):
        said = values.parse_range(value) or values.parse_count(value)
        if said is None:
            raise slot_error("not_understood", f"I cannot read {value[:80]!r} as a range.")
        value = said
    return values.around(value) if isinstance(value, int) else value


def _has_unit(unit: str | None) -> Fits:
    def fits(match: EntityMatch, text: str) -> bool:
        del text
        said = match.value.unit if isinstance(match.value, values.NumberRange) else None
        return said == "percent" if unit == "percent" else said not in (None, "percent")

    return fits


FollowersRange = Annotated[
    values.NumberRange,
    Entity("range", also=("count",), fits=_followers),
    BeforeValidator(_range),
    schema("how many followers: 50k (half to double), at least 20k, between 10 and 50k"),
]
"""Followers; a plain number means half to double of it."""

EngagementRange = Annotated[
    values.NumberRange,
    Entity("range", fits=_has_unit("percent")),
    BeforeValidator(_range),
    schema("engagement as a share: over 3%"),
]
"""Engagement rates, as shares."""

PriceRange = Annotated[
    values.NumberRange,
    Entity("range", fits=_has_unit("money")),
    BeforeValidator(_range),
    schema("price of a post: under $500"),
]
"""Prices."""
