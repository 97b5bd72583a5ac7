"""What "the second one", "it", "there" and "that campaign" stand for."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from assistant.reply import Listed
from assistant.turn import Page
from engines.terms import Period
from intents.command import Command, Effect, slots_of

_PLACES = {
    word: place
    for place, word in enumerate(
        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    )
}

_ORDINAL = re.compile(
    r"(?:(?:and|show|show me|take|open|i mean|what about|how about|tell me about)\s+)*(?:the\s+)?"
    rf"(?:({'|'.join(_PLACES)}|last|\d+(?:st|nd|rd|th))(?:\s+(?:one|of them|of those))?|"
    r"(?:number|no\.?)\s+(\d+|one|two|three|four|five|six|seven|eight|nine|ten))[.!?]?",
    re.IGNORECASE,
)
_BEST = re.compile(r"(?:the\s+)?(?:best|top)(?:\s+(?:one|influencer|creator))?", re.IGNORECASE)
_NUMBERS = {
    word: place
    for place, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}

SAME = re.compile(
    r"^\s*(?:(?:and|now|then|please)\s+)*(?:"
    r"(?:(?:do|show|run|give me)\s+)?the same(?:\s+thing)?(?:\s+again)?\s+"
    r"|(?:show|give|tell|do|run)\s+(?:me\s+)?(?:it|that|this)\s+(?:again\s+)?(?=(?:for|in|over|since)\s))",
    re.IGNORECASE,
)
"""What leads in "do the same for Northwind" and "show it for last quarter"."""

POINTED_AT = ("venture", "campaign", "influencer")
"""Slots that "it" can stand for."""

_POINTING = re.compile(
    r"\b(?:it|its|her|him|(?<!are )(?<!is )(?<!were )there(?!\s+(?:is|are|was|were|any))"
    r"|(?:this|that|the same)\s+(?:one|campaign|venture|company|influencer|creator)"
    r"|(?:this|that)(?=\W*$))\b",
    re.IGNORECASE,
)
_THIS = re.compile(r"\bthis\b(?!\s+(?:day|week|month|quarter|year))", re.IGNORECASE)
_THEN = re.compile(
    r"\b(?:(?:in|for|over|during)\s+(?:the\s+same|that)\s+(?:period|time|month|week|quarter|year)"
    r"|back then)\b"
    r"|\bthen\W*$",
    re.IGNORECASE,
)
_ELLIPSIS = re.compile(r"^\s*(?:and|what about|how about|by)\b", re.IGNORECASE)
_BY = re.compile(r"^\s*(?:and\s+)?by\b", re.IGNORECASE)
_BEFORE = re.compile(
    r"\s*(?:(?:and|or|what about|how about|for|in)\s+)*the\s+(month|week|quarter|year|period|one|time)"
    r"\s+before(?:\s+that)?\W*",
    re.IGNORECASE,
)


def place(text: str) -> int | None:
    """Which of several things "the second one" means: from 0, the last -1; None for other words."""
    said = _ORDINAL.fullmatch(text.strip())
    if said is None:
        return None
    word = next(group for group in said.groups() if group is not None).casefold()
    if word == "last":
        return -1
    known = _PLACES.get(word, _NUMBERS.get(word))
    return int(re.sub(r"\D", "", word) or 0) - 1 if known is None else known


def picked(slots: dict[str, Any], listed: Sequence[Listed]) -> dict[str, Any]:
    """The slots, with what was listed in place of "the second one" and "the best".

    Raises `IndexError` where so many were not listed.
    """
    found: dict[str, Any] = {}
    for name in POINTED_AT:
        said = slots.get(name)
        at = None if not isinstance(said, str) else 0 if _BEST.fullmatch(said) else place(said)
        if at is None or not (listed and name in listed[0].slots):
            continue
        if not -1 <= at < len(listed):
            raise IndexError(said)
        found[name] = listed[at].slots[name]
    return {**slots, **found}


def before(text: str, known: Period) -> Period | None:
    """The period that "the month before" means after one was told; None for other words."""
    said = _BEFORE.fullmatch(text)
    if said is None:
        return None
    unit, end = said[1].casefold(), known.start - timedelta(days=1)
    start = {
        "month": end.replace(day=1),
        "quarter": end.replace(month=end.month - (end.month - 1) % 3, day=1),
        "year": end.replace(month=1, day=1),
    }.get(unit, known.before().start)
    return Period(start, end)


def points(text: str) -> bool:
    """Whether words refer to what was talked about before."""
    return any(pattern.search(text) for pattern in (_POINTING, _THEN, _ELLIPSIS, _BEFORE))


def points_at_thing(text: str) -> bool:
    """Whether "it", "there" or "that campaign" is said."""
    return _POINTING.search(text) is not None


def in_sight(known: dict[str, Any], page: Page | None, text: str) -> dict[str, Any]:
    """What is known, or where "this" is said, what the page in front of the person is about."""
    if page is None or _THIS.search(text) is None or not any(one in page.slots for one in POINTED_AT):
        return known
    return page.slots


def meant(
    command: type[Command],
    slots: dict[str, Any],
    known: dict[str, Any],
    text: str,
    *,
    may_change: bool = True,
) -> dict[str, Any]:
    """The slots, with what "it", "there" or "then" stands for among the ``known`` ones.

    A question that begins with "and" is about what the one before was about. Without ``may_change`` a command
    that changes something is given nothing: what it does has to be named here.
    """
    changes = command.effect is not Effect.READ
    if changes and not may_change:
        return slots
    named = [slot.name for slot in slots_of(command)]
    wanted: set[str] = set()
    ellipsis = not changes and _ELLIPSIS.search(text) is not None
    if _POINTING.search(text) or (ellipsis and not any(one in slots for one in POINTED_AT)):
        wanted |= {
            one for one in POINTED_AT if one not in slots or _POINTING.fullmatch(str(slots[one])) is not None
        }
    if ellipsis and _BY.search(text) and "metric" not in slots:
        wanted.add("metric")
    if "period" not in slots and not changes and (_THEN.search(text) or ellipsis):
        wanted.add("period")
    found = {one: known[one] for one in named if one in wanted and one in known}
    # "Her" is nobody's name, whoever is meant.
    slots = {one: value for one, value in slots.items() if one not in wanted or one in found}
    if "campaign" in found or "campaign" in slots:
        found.pop("venture", None)
    is_whole = re.search(r"\bcampaign\b", text, re.IGNORECASE) is not None
    if changes and "campaign" in found and not is_whole and "channel" in {*named} & {*known} - {*slots}:
        # Whoever looks at one channel means no more than that by "it".
        found["channel"] = known["channel"]
    return {**slots, **found}
