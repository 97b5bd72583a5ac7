"""Words that mend what was said before: "no, I meant Summer Splash", "make it 20k", "yes, but 20k"."""

import re
from dataclasses import dataclass

from intents.reading import EntityMatch

_NO = (
    r"(?:no|nope|nah|(?:the\s+)?wrong(?:\s+(?:one|venture|campaign|channel|month|period|amount|name))?|"
    r"incorrect|not that(?: one| venture| campaign)?|"
    r"that['’]?s (?:wrong|not right|not it|not what i meant))"
)
_SORRY = (
    r"(?:sorry|oops|pardon|my mistake|actually|wait|hold on|hang on|scratch that|correction|i misspoke|"
    r"(?:can|could|would) you(?: please)?|oh|hm+|uh|um|er|well|ah|or|please|rather|better|just|then|but)"
)
_MEANT = (
    r"(?:(?:what\s+)?i\s+(?:really\s+|actually\s+)?(?:mean|meant|said|was (?:talking|asking) about|wanted)"
    r"(?:\s+was)?|(?:it|that|this)\s+(?:should|must|ought to)\s+(?:be|have been|read)|"
    r"(?:should|must)\s+be|(?:it|that)['’]?s\s+(?=for\b|about\b)|let['’]?s\s+(?:say|make\s+(?:it|that))|"
    r"(?:make|do)\s+(?:it|that|this)(?:\s+(?:with|for))?|"
    r"(?:change|correct|set|raise|lower|increase|decrease|reduce|cut|bump|switch)\s+"
    r"(?:it|that|this|(?:the|its)\s+\w+)\s+(?:up\s+|down\s+)?(?:to|into)|use|try|take)"
)
_YES = r"(?:yes|yeah|yep|ok|okay|sure|fine|right|good|go ahead|do it|correct)"

_LEAD = re.compile(rf"\s*(?:{_NO}|{_SORRY}|{_MEANT})(?:\b|(?<=\W))[\s,.;:!–—-]*", re.IGNORECASE)
_AGREED = re.compile(
    rf"\s*{_YES}\b[\s,.;:!–—-]*(?:but\b|only\b|(?:and|just|please)\b(?=\s+(?:make|with|change|use)\b))?[\s,]*",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[\s,]+(?:instead|rather|please|i mean|i meant)\s*[.!]*\s*$", re.IGNORECASE)
_STRONG = re.compile(
    rf"\b(?:{_NO}|{_MEANT}|sorry|oops|actually|wait|scratch that|correction|my mistake|instead|rather)\b",
    re.IGNORECASE,
)
_BUT_NOT = re.compile(r",\s*(?:and\s+)?not\b|\s(?:and\s+)?not\s+[A-Z]")
_NOT = re.compile(r"\bnot\s+(?:the\s+|for\s+|from\s+|to\s+|in\s+|of\s+|at\s+)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Correction:
    """What is left of an utterance when the words that lead a correction in are taken away."""

    rest: str
    """May be a value ("20k"), a name, or a whole request of its own."""
    agreed: bool = False
    """Whether it began with a yes: "yes, but 20k"."""


def correction(text: str) -> Correction | None:
    """The utterance as a correction; None where no word of it says that it may be one."""
    agreed = _AGREED.match(text)
    rest = text[agreed.end() :] if agreed else text
    begins_with_not = re.match(r"\s*not\b", rest, re.IGNORECASE)
    is_strong = any((_STRONG.search(rest), begins_with_not, _BUT_NOT.search(rest)))
    while (lead := _LEAD.match(rest)) is not None and lead.end() > 0:
        rest = rest[lead.end() :]
    rest = _TAIL.sub("", rest).strip()
    if not rest or not (agreed or is_strong):
        return None
    return Correction(rest, agreed is not None)


def told_not(entities: tuple[EntityMatch, ...], text: str) -> tuple[EntityMatch, ...]:
    """The entities that are said not to be meant: Acme of "not Acme, Northwind"."""
    return tuple(one for one in entities if _NOT.search(text[: one.start]))
