"""What an optimum must keep to: targets, money of channels, and how far anything may change."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from intents import lexicon, values
from intents.reading import EntityMatch, Scene
from intents.slots.base import Entity, listed, said_after, schema, slot_error

_FILLERS = frozenset(
    {"of", "at", "to", "is", "be", "stay", "stays", "must", "should", "kept", "keep", "target", "goal"}
    | {"remains", "a", "an", "about", "x", "the", "not", "staying", "stands"}
)

_WORDS = re.compile(r"[^\W_]+")

_MOST_FILLERS = 3


def _beside(kind: str, match: EntityMatch, text: str, meanings: tuple[str, ...]) -> bool:
    """Whether a word of ``kind`` with one of the meanings stands right before or after the match."""
    before, after = text[: match.start], text[match.end :]
    ahead = [one.value for one in lexicon.find_of(kind, before) if _only_fillers(before[one.end :])]
    behind = [one.value for one in lexicon.find_of(kind, after) if after[: one.start].strip() in ("", "x")]
    return any(value in meanings for value in (*ahead, *behind))


def _only_fillers(text: str) -> bool:
    words = _WORDS.findall(text.casefold())
    return len(words) <= _MOST_FILLERS and set(words) <= _FILLERS and "," not in text


def _unit(match: EntityMatch) -> str | None:
    if match.entity == "percent":
        return "percent"
    return match.value.unit if isinstance(match.value, values.NumberRange) else None


_COMPELLED = said_after(
    "must spend", "has to spend", "have to spend", "must get", "has to get", "must put", "needs to get"
)

_ON = re.compile(r"^\s*(?:a month\s+)?(?:on|for|in|into|to|towards)\s+(?:the\s+)?", re.IGNORECASE)

_GETS = re.compile(r"\b(?:at|gets?|has|have|keeps?|with|between|is)?\s*$", re.IGNORECASE)


def _of_channel(match: EntityMatch, text: str) -> bool:
    """Money a channel must or may get: "at least 5k on email", "email gets at least 5k"."""
    if _unit(match) == "percent" or _beside("metric", match, text, TARGETS):
        return False
    if match.entity != "range" and not _COMPELLED(match, text):
        return False
    before, after = text[: match.start], text[match.end :]
    on = _ON.match(after)
    if on and any(found.start == 0 for found in lexicon.find_of("channel", after[on.end() :])):
        return True
    ends = len(_GETS.sub("", before).rstrip())
    return any(found.end == ends for found in lexicon.find_of("channel", before))


TARGETS = ("roas", "roi", "cac", "cpa")
"""Metrics money can be split for."""

_FAR = 6
"""Words that may stand between a metric and its range: "keep the CAC of Spring Launch under 60"."""


def _of_target(match: EntityMatch, text: str) -> bool:
    if _unit(match) == "percent":
        return False
    if _beside("metric", match, text, TARGETS):
        return True
    ahead = [one for one in lexicon.find_of("metric", text[: match.start]) if one.value in TARGETS]
    if match.entity != "range" or not ahead or _of_channel(match, text):
        return False
    between = text[ahead[-1].end : match.start]
    return len(_WORDS.findall(between)) <= _FAR and not re.search(r"[,;\d]", between)


_PARTS = re.compile(r"\b(campaign|line|channel)s?\b", re.IGNORECASE)


def _of_campaigns(match: EntityMatch, text: str) -> bool:
    """Whether the nearest part of a budget that is spoken of is a campaign: before the share, else after."""
    before, after = _PARTS.findall(text[: match.start]), _PARTS.findall(text[match.end :])
    nearest = before[-1:] or after[:1]
    return _unit(match) == "percent" and [part.casefold() for part in nearest] == ["campaign"]


def _bounds(value: Any, info: ValidationInfo) -> Any:
    """A range as said; a plain amount is what it must be at least or at most, as the slot's owner says."""
    if isinstance(value, str) and isinstance(info.context, Scene):
        said = values.parse_range(value) or values.parse_money(value)
        if said is None:
            raise slot_error("not_understood", f"I cannot read {value[:80]!r} as a limit.")
        value = said
    if isinstance(value, values.MoneySaid):
        return values.NumberRange(value.amount, value.amount, value.currency)
    if isinstance(value, (int, Decimal)):
        return values.NumberRange(Decimal(value), Decimal(value), None)
    return value


def _change(value: Any, info: ValidationInfo) -> Any:
    """The share in a limit of change: "at most 20 %", and "by more than 20 %", which is what must not be."""
    if isinstance(value, str) and isinstance(info.context, Scene):
        said = values.parse_percent(value)
        value = values.parse_range(value) if said is None else said
        if value is None:
            raise slot_error("not_understood", "I cannot read that as a share.")
    if isinstance(value, values.NumberRange):
        value = value.max if value.max is not None else value.min
    if isinstance(value, Decimal) and not 0 < value <= 1:
        raise slot_error("absurd_share", "A change must be above 0 and at most 100 %.")
    return value


TargetMetric = Annotated[
    str, Entity("metric", fits=lambda match, text: match.value in TARGETS), listed("metric")
]
"""A metric money can be split for: roas, roi, cac or cpa."""

TargetRange = Annotated[
    values.NumberRange,
    Entity("range", also=("money", "count"), fits=_of_target),
    BeforeValidator(_bounds),
    schema("a target of a metric: at least 3, under $80"),
]
"""What a metric named beside it must be."""

ChannelMoney = Annotated[
    values.NumberRange,
    Entity("range", also=("money", "count"), fits=_of_channel),
    BeforeValidator(_bounds),
    schema("what a channel must or may get: at least 5k, between 2k and 4k"),
]
"""Money the channel named beside it must or may get."""

CampaignChange = Annotated[
    Decimal,
    Entity("range", also=("percent",), fits=_of_campaigns),
    BeforeValidator(_change),
    schema("how far any campaign may change: 20%"),
]
"""The greatest change of any campaign, as a share."""

LineChange = Annotated[
    Decimal,
    Entity("range", also=("percent",), fits=lambda match, text: _unit(match) == "percent"),
    BeforeValidator(_change),
    schema("how far any line may change: 10%"),
]
"""The greatest change of any line, as a share."""
