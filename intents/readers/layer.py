"""What every reader shares once the intent is known: which of the entities it has a use for."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from intents import lexicon
from intents.names import Names
from intents.readers.entities import NUMBERS, Explained, is_proposal_number
from intents.readers.words import ordinary_words
from intents.reading import GUESSED, EntityMatch
from intents.values import MoneySaid, rhythms

OPEN_KINDS = ("influencer", "name")
"""Kinds whose names need not be known beforehand."""
_TAKES_FROM = {"kind": "channel", "length": "count"}
"""Kinds whose words mean something else where they are not asked for."""
_WORD = re.compile(r"\w+")
_BEFORE_AMOUNTS = re.compile(
    r"\b(?:but|with|at|for|only|just|make it|of|instead|(?:it|that|up|down|back) to)\s+$", re.IGNORECASE
)
_REASON = re.compile(r"\b(?:because|since)\b", re.IGNORECASE)
_OPENED = re.compile(
    r"\b(?:(?:called|named|(?:call|name|calling) it)\b.*|(?:venture|campaign)\s+)$", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Layer:
    """Names and values after the intent, whichever reader found it."""

    kinds: Mapping[str, tuple[str, ...]]
    """The kinds of entity that the sentences of each intent mark."""
    known: Collection[str]
    """The words of the sentences in scope."""

    def entities(
        self, intent: str, explained: Explained, is_fragment: bool, names: Names
    ) -> tuple[EntityMatch, ...]:
        """The entities the intent has a use for; all of them in a follow-up, and names in any case."""
        text = explained.words.text
        if is_fragment:
            alone = (*lexicon.find_alone(text), *rhythms.find_alone(text))
            return tuple(sorted((*explained.entities, *alone), key=_place))
        kinds = set(self.kinds.get(intent, ()))
        said = explained.entities
        if "proposal" in kinds and all(entity.entity != "proposal" for entity in said):
            said = tuple(_as_proposal(entity, text) for entity in said)
        found = [_as_wanted(entity, kinds) for entity in said]
        if kinds.intersection(NUMBERS):
            kinds.update(NUMBERS)
        kept = [entity for entity in found if entity.entity in kinds or _is_name(entity)]
        for kind in lexicon.WHERE_TAKEN:
            if kind in kinds:
                of_kind = lexicon.find_of(kind, text)
                if kind in _TAKES_FROM:
                    # "Influencers" are a channel, too, and "sixty seconds" a number; here they are one.
                    loser = _TAKES_FROM[kind]
                    kept = [
                        one
                        for one in kept
                        if one.entity != loser or not any(_within(one, other) for other in of_kind)
                    ]
                kept += _free(of_kind, kept)
        if kinds.intersection(rhythms.KINDS):
            kept = _with_rhythm(kept, text, kinds)
        if "category" in kinds and all(entity.entity != "category" for entity in kept):
            kept += _free(_ordinary_categories(text, names), kept)
        for kind in OPEN_KINDS:
            if kind in kinds and all(entity.entity != kind for entity in kept):
                kept += _new_name(kind, explained, self.known)
        return tuple(sorted(kept, key=_place))


def _with_rhythm(kept: list[EntityMatch], text: str, kinds: Collection[str]) -> list[EntityMatch]:
    """When something comes again and again, in place of the dates and numbers it is said in.

    "Monday to Friday" is no Monday; "every evening" is a time as well as daily.
    """
    firm = [one for one in kept if _is_name(one)]
    often = [one for one in kept if one.entity == "frequency"]
    said = _free((one for one in rhythms.find(text) if one.entity in kinds), firm)
    said = [one for one in said if one.entity == "time" or not any(_within(one, other) for other in often)]
    days = [one for one in said if one.entity != "time"]
    rest = [one for one in kept if _free([one], days if one.entity == "frequency" else said)]
    return [*rest, *said]


def _within(entity: EntityMatch, other: EntityMatch) -> bool:
    return other.start <= entity.start and entity.end <= other.end


def _ordinary_categories(text: str, names: Names) -> list[EntityMatch]:
    """The first category that is also a word of every day, as "food", where a category is wanted."""
    words = {match.group().casefold(): match for match in _WORD.finditer(text)}
    found = [words[label.casefold()] for label in names.labels("category") if label.casefold() in words]
    first = min(found, key=lambda match: match.start(), default=None)
    if first is None:
        return []
    label = next(label for label in names.labels("category") if label.casefold() == first.group().casefold())
    return [EntityMatch("category", label, first.group(), first.start(), first.end(), extractor="names")]


def _new_name(kind: str, explained: Explained, known: Collection[str]) -> list[EntityMatch]:
    """The first words that name nothing we know, as the name of a kind that is not known beforehand.

    A new venture's or campaign's after "called" is left to its slot, which takes plain words as well.
    """
    words = explained.words
    places = explained.unknown
    if kind == "influencer" and not places:
        places = words.strange(ordinary_words().union(known))
    if not places:
        return []
    start, end = places[0]
    if kind == "name" and _OPENED.search(words.text[:start]):
        return []
    start, end = words.widened(start, end)
    return [EntityMatch(kind, words.text[start:end], words.text[start:end], start, end, 0.5, GUESSED)]


def _place(entity: EntityMatch) -> int:
    return entity.start


def _is_name(entity: EntityMatch) -> bool:
    return entity.extractor == "names"


def _free(found: Iterable[EntityMatch], kept: list[EntityMatch]) -> list[EntityMatch]:
    return [one for one in found if all(one.end <= other.start or one.start >= other.end for other in kept)]


def _as_proposal(entity: EntityMatch, text: str) -> EntityMatch:
    """A bare number as the proposal's ("I want 3 rejected") unless words of an amount lead it in."""
    before = text[: entity.start]
    if entity.entity != "count" or not is_proposal_number(entity):
        return entity
    if _BEFORE_AMOUNTS.search(before) or _REASON.search(before):
        return entity
    return replace(entity, entity="proposal")


def _as_wanted(entity: EntityMatch, kinds: Collection[str]) -> EntityMatch:
    """A bare number as what the intent takes: a proposal, money or a count; a bare year as money, too."""
    if entity.entity == "proposal" and "proposal" not in kinds:
        entity = replace(entity, entity="count")
    if entity.entity == "period" and entity.text.isdigit() and "period" not in kinds:
        entity = replace(entity, entity="count", value=int(entity.text))
    if "money" in kinds and entity.entity == "count" and "count" not in kinds:
        return replace(entity, entity="money", value=MoneySaid(Decimal(entity.value)))
    if "money" in kinds and entity.entity == "range" and "range" not in kinds:
        return _as_money(entity)
    return entity


def _as_money(entity: EntityMatch) -> EntityMatch:
    """A range with one end as that amount: "up to 10k" where money is set."""
    low, high, unit = entity.value.min, entity.value.max, entity.value.unit
    if unit == "percent" or (low is None) == (high is None):
        return entity
    return replace(entity, entity="money", value=MoneySaid(high if low is None else low, unit))
