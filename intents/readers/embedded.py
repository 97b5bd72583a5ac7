"""The reader that needs nothing but this process: live names, listed words, values and a linear model."""

import logging
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from intents import lexicon
from intents.names import Names
from intents.readers import cache
from intents.readers.entities import NUMBERS, Explained, explain
from intents.readers.learning import train
from intents.readers.model import Model
from intents.readers.words import ordinary_words
from intents.reading import EntityMatch, Reading, Scene
from intents.training import files, load
from intents.values import MoneySaid

log = logging.getLogger(__name__)

LONGEST_TEXT = 2000
"""Characters of an utterance that are read; the rest is ignored."""
OPEN_KINDS = ("influencer", "name")
"""Kinds whose names need not be known beforehand."""
_WORD = re.compile(r"\w+")
_OPENED = re.compile(r"\b(?:(?:called|named)\b.*|(?:venture|campaign)\s+)$", re.IGNORECASE | re.DOTALL)
DATA = Path(__file__).parents[1] / "data"
"""The training sentences of every command."""


class EmbeddedReader:
    """Reads text with a trained model. Never raises on any text."""

    name = "embedded"

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def load(cls, cache_dir: Path, *, data_dir: Path = DATA) -> "EmbeddedReader":
        """The reader for the sentences in ``data_dir``, from ``cache_dir`` where it was trained before.

        Trains when the cache is missing, damaged, or made from other data or code. A cache that cannot be
        written costs a warning. Raises `TrainingError` for data that cannot be read.
        """
        path = cache_dir / f"embedded-{cache.fingerprint(files(data_dir))}.npz"
        model = cache.restore(path)
        if model is None:
            model = train(load(data_dir))
            try:
                cache.store(model, path)
            except OSError as error:
                log.warning("the trained model cannot be kept in %s: %s", cache_dir, error)
        return cls(model)

    def read(self, text: str, scene: Scene) -> Reading:
        """Understand ``text`` as said by somebody in ``scene``."""
        heard = text[:LONGEST_TEXT]
        explained = explain(heard, scene)
        features, probabilities, in_scope = self.model.judge(self.model.view(explained))
        ranking = tuple(
            (self.model.classifier.classes[index], float(probabilities[index]))
            for index in (-probabilities).argsort(kind="stable")
        )
        is_fragment = explained.words.is_fragment() or _is_answer(heard)
        is_inside = is_fragment or (in_scope >= self.model.gate.threshold and len(features.columns) > 0)
        intent, confidence = ranking[0]
        return Reading(
            text=text,
            intent=intent if is_inside else None,
            confidence=confidence,
            entities=self._entities(intent, explained, is_fragment, scene.names),
            ranking=ranking,
            in_scope=max(in_scope, self.model.gate.threshold) if is_fragment else in_scope,
            unknown=tuple(heard[start:end] for start, end in explained.unknown),
            is_fragment=is_fragment,
            reader=self.name,
        )

    def _entities(
        self, intent: str, explained: Explained, is_fragment: bool, names: Names
    ) -> tuple[EntityMatch, ...]:
        """The entities the intent has a use for; all of them in a follow-up, and names in any case."""
        text = explained.words.text
        if is_fragment:
            return tuple(sorted((*explained.entities, *lexicon.find_alone(text)), key=_place))
        kinds = set(self.model.kinds.get(intent, ()))
        found = [_as_wanted(entity, kinds) for entity in explained.entities]
        if kinds.intersection(NUMBERS):
            kinds.update(NUMBERS)
        kept = [entity for entity in found if entity.entity in kinds or _is_name(entity)]
        for kind in lexicon.WHERE_TAKEN:
            if kind in kinds:
                kept += _free(lexicon.find_of(kind, text), kept)
        if "category" in kinds and all(entity.entity != "category" for entity in kept):
            kept += _free(_ordinary_categories(text, names), kept)
        for kind in OPEN_KINDS:
            if kind in kinds and all(entity.entity != kind for entity in kept):
                kept += _new_name(kind, explained, self.model.known)
        return tuple(sorted(kept, key=_place))


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
    if kind == "influencer":
        start, end = words.widened(start, end)
    elif _OPENED.search(words.text[:start]):
        return []
    return [EntityMatch(kind, words.text[start:end], words.text[start:end], start, end, 0.5, "words")]


def _is_answer(text: str) -> bool:
    """Whether the text is a listed word that is no request by itself: "euros", "growth"."""
    return any(one.entity != "kind" for one in lexicon.find_alone(text))


def _place(entity: EntityMatch) -> int:
    return entity.start


def _is_name(entity: EntityMatch) -> bool:
    return entity.extractor == "names"


def _free(found: Iterable[EntityMatch], kept: list[EntityMatch]) -> list[EntityMatch]:
    return [one for one in found if all(one.end <= other.start or one.start >= other.end for other in kept)]


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
