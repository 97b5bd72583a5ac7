"""What the words of an utterance stand for: live names, listed words and values, none overlapping.

Every reader shares this layer; only the intent comes from elsewhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from intents import lexicon, values
from intents.names import Names
from intents.readers.words import Words, ordinary_words
from intents.reading import EntityMatch, Scene

NUMBERS = ("count", "money", "percent", "range")
"""The kinds a bare number may turn out to be."""
LIVE_NAMES = (
    *("venture", "campaign", "influencer", "category", "person"),
    *("sequence", "segment", "keyword", "trend"),
)
"""The kinds whose values are names from the database."""
_FILE = re.compile(
    r"(?<![\w/\\~.-])[\w/\\~:.+-]*\w\.(?:csv|tsv|xlsx|xls|parquet|json)(?:\.gz)?\b", re.IGNORECASE
)
_HANDLE = re.compile(
    r"(?<![\w.@])(?:@[^\W_][\w.]{0,28}\w|[^\W\d_]+(?:_[^\W_]+)+|[^\W\d_]+(?:\.[^\W\d_]+)+\.\d+)(?![\w@])"
)
"""A creator's name at a platform: behind its sign, with an underscore, or with points before a number, which
no other words have."""
_BEFORE_PROPOSALS = re.compile(
    r"(?:\b(?:proposals?|number|nr|no\.|request|approve|reject|accept|decline|deny|refuse|dismiss)|#)"
    r"[\s.#]*(?:number\s+)?$",
    re.IGNORECASE,
)
_LONGEST_BEFORE_PROPOSALS = 60
"""Characters before a number in which such a word is looked for."""

_COMPARING = re.compile(r"\b(?:compar\w*|differen\w+|better|worse)\b", re.IGNORECASE)
_FROM = re.compile(r"\bfrom\b", re.IGNORECASE)
_BETWEEN = re.compile(
    r"\b(?:difference\w*|comparison|compare|changed?)\s+(?:in\s+\w+\s+)?between\b", re.IGNORECASE
)
MOST_PROPOSALS = 9999
"""Proposals are not numbered higher; what follows "approve" and is more is an amount."""


@dataclass(frozen=True)
class Explained:
    """The entities of an utterance and the words they leave over."""

    words: Words
    entities: tuple[EntityMatch, ...]
    unknown: tuple[tuple[int, int], ...] = ()
    """Where words stand in place of a name that name nothing we know."""


def explain(text: str, scene: Scene, *, forgiving: bool = True) -> Explained:
    """Everything in ``text`` that means something by itself; misspelled names too, where ``forgiving``."""
    ordinary = ordinary_words()
    found = values.find(_told_apart_periods(text), scene.today, scene.fiscal_year_start)
    candidates = [
        *scene.names.scan(text, ordinary, forgiving=forgiving),
        *lexicon.find(text),
        *(_numbered(replace(match, text=text[match.start : match.end]), text) for match in found),
        *_files(text),
        *_handles(text),
    ]
    kept = _resolved(candidates)
    entities = tuple(_told_apart(entity, scene.names, kept) for entity in kept)
    words = Words.of(text, entities)
    return Explained(words, entities, words.unknown_names(ordinary))


def _told_apart_periods(text: str) -> str:
    """The text with its places kept, in which "compare May to April" is two months and not eleven."""
    if not _COMPARING.search(text) or _FROM.search(text):
        return text
    apart = re.sub(r"\bto\b(?!\s+date)", "vs", text, flags=re.IGNORECASE)
    if not _BETWEEN.search(text):
        return apart
    return re.sub(r"\band\b", "vs ", apart, flags=re.IGNORECASE)


def _files(text: str) -> Iterator[EntityMatch]:
    """Words that end like the name of a file."""
    for match in _FILE.finditer(text):
        yield EntityMatch(
            "file", match.group(), match.group(), match.start(), match.end(), extractor="values"
        )


def _handles(text: str) -> Iterator[EntityMatch]:
    """Names of creators that are written as such."""
    for match in _HANDLE.finditer(text):
        name = match.group().removeprefix("@")
        if not any(lexicon.canonical(kind, name) for kind in lexicon.EVERYWHERE):
            yield EntityMatch(
                "influencer", name, match.group(), match.start(), match.end(), extractor="values"
            )


def _numbered(match: EntityMatch, text: str) -> EntityMatch:
    """A bare number as that of a proposal where it directly follows such a word."""
    if match.entity != "count" or not is_proposal_number(match):
        return match
    before = text[max(0, match.start - _LONGEST_BEFORE_PROPOSALS) : match.start]
    return replace(match, entity="proposal") if _BEFORE_PROPOSALS.search(before) else match


def is_proposal_number(match: EntityMatch) -> bool:
    """Whether a number may be one that a proposal is listed with: whole, small, without a unit."""
    is_plain = match.text.replace("-", " ").replace(" ", "").isalnum() and match.text[-1:] not in "kKmM"
    return is_plain and isinstance(match.value, int) and 0 < match.value <= MOST_PROPOSALS


def _resolved(candidates: list[EntityMatch]) -> list[EntityMatch]:
    """The longest of overlapping candidates; equal ones by source. Two kinds of name may share a place."""
    kept: list[EntityMatch] = []
    for entity in sorted(candidates, key=_rank):
        if all(_may_stand_beside(entity, other) for other in kept):
            kept.append(entity)
    return sorted(kept, key=lambda entity: (entity.start, entity.entity))


def _rank(entity: EntityMatch) -> tuple[int, int]:
    source = {"names": 0, "lexicon": 1}.get(entity.extractor, 2)
    if entity.extractor == "names" and entity.confidence < 1:
        source = 3
    return entity.start - entity.end, source


def _may_stand_beside(entity: EntityMatch, other: EntityMatch) -> bool:
    if entity.end <= other.start or entity.start >= other.end:
        return True
    same_place = (entity.start, entity.end) == (other.start, other.end)
    return same_place and entity.extractor == other.extractor == "names"


def _told_apart(entity: EntityMatch, names: Names, entities: list[EntityMatch]) -> EntityMatch:
    """An ambiguous name resolved by the venture that is named beside it: "black friday at acme"."""
    if not entity.alternatives:
        return entity
    ventures = {other.value for other in entities if other.entity == "venture" and not other.alternatives}
    fitting = [
        label
        for label in (entity.value, *entity.alternatives)
        if (name := names.get(entity.entity, label)) is not None and name.parent in ventures
    ]
    return replace(entity, value=fitting[0], alternatives=()) if len(fitting) == 1 else entity
