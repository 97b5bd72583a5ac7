"""A reader for any training data: no live names, no commands, no grammar of ours.

The model is the embedded reader's own. Entities come from a tagger and from values known beforehand. The gate
adds up how well the best intent fits and how far inside the gate's line the sentence is.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from intents.encoder import SentenceEncoder
from intents.evaluation import Sentence
from intents.readers.embedded import LONGEST_TEXT
from intents.readers.features import Floats
from intents.readers.learning import train
from intents.readers.measures import decisiveness, freshness
from intents.readers.model import Model
from intents.readers.phrases import Phrases, pieces_of
from intents.readers.sentences import OUT_OF_SCOPE
from intents.readers.tagger import Tag, Tagger, train_tagger
from intents.reading import EntityMatch, Reading
from intents.training import Example, TrainingError, load, load_lists

OUT_OF_SCOPE_NAMES = (OUT_OF_SCOPE, "oos", "nlu_fallback")
"""Intents that stand for what is out of scope, in training data and among test sentences."""
GATE_COST = 0.3
"""Points of in-scope accuracy that the gate may cost on the sentences its threshold is chosen on."""
HELD_OUT_EVERY = 5
"""Without validation sentences every fifth of each intent is held out to choose the threshold."""
_MARGIN_SHARE = 0.5
_SCOPE_SHARE = 0.25
_SURE = 0.9
_LEAST_SEEN = 5


@dataclass(frozen=True)
class Judgement:
    """What the threshold is chosen on: one sentence, before the gate."""

    certainty: float
    is_inside: bool
    """Whether the sentence is in scope."""
    is_right: bool
    """Whether its likeliest intent is the right one."""


@dataclass(frozen=True)
class ForeignReader:
    """Reads sentences as its training data taught. Never raises on any text."""

    model: Model
    threshold: float
    """The least certainty that passes the gate."""
    tagger: Tagger | None
    phrases: Phrases
    sure: frozenset[str]
    """The kinds whose known phrases mean them wherever they stand."""
    synonyms: dict[str, str]

    name = "embedded"

    def read(self, text: str) -> Reading:
        """Understand ``text``; ``ranking`` tells what it would be without the gate."""
        heard = text[:LONGEST_TEXT]
        look = _look(self.model, heard)
        probabilities = look.probabilities
        order = (-probabilities).argsort(kind="stable")
        ranking = tuple((self.model.classifier.classes[at], float(probabilities[at])) for at in order)
        passes = look.has_known_words and look.certainty >= self.threshold
        return Reading(
            text=text,
            intent=ranking[0][0] if passes else None,
            confidence=ranking[0][1],
            entities=tuple(self._entities(heard)),
            ranking=ranking,
            in_scope=look.in_scope,
            reader=self.name,
        )

    def _entities(self, text: str) -> list[EntityMatch]:
        if self.tagger is None:
            return []
        found = [self._match(tag, text, "tagger") for tag in self.tagger.find(text)]
        for tag in _known(self.phrases, text, self.sure):
            inner = [one for one in found if one.start < tag.end and one.end > tag.start]
            if all(one.end - one.start < tag.end - tag.start for one in inner):
                found = [one for one in found if one not in inner]
                found.append(self._match(tag, text, "phrases"))
        return sorted(found, key=lambda one: one.start)

    def _match(self, tag: Tag, text: str, extractor: str) -> EntityMatch:
        said = text[tag.start : tag.end]
        value = self.synonyms.get(said.lower(), said)
        return EntityMatch(tag.entity, value, said, tag.start, tag.end, extractor=extractor)


def learn(
    folder: Path,
    validation: Sequence[Sentence] | None = None,
    *,
    out_of_scope: Collection[str] = OUT_OF_SCOPE_NAMES,
    gate_cost: float = GATE_COST,
    encoder: SentenceEncoder | None = None,
) -> ForeignReader:
    """Learn from the training data in ``folder``; intents in ``out_of_scope`` teach what to refuse.

    The gate's threshold is chosen on ``validation``, else on a held-out part of the training data. Raises
    `TrainingError` for data that cannot be read or has fewer than two intents.
    """
    examples, lists = load(folder), load_lists(folder)
    if not examples:
        raise TrainingError(f"{folder}: no intents there")
    plain = [
        Example(OUT_OF_SCOPE if one.intent in out_of_scope else one.intent, one.text) for one in examples
    ]
    model = train(plain, encoder)
    judged = _held_out(plain, encoder) if validation is None else judge(model, validation)
    phrases = Phrases(lists, examples)
    return ForeignReader(
        model=model,
        threshold=choose_threshold(judged, gate_cost),
        tagger=train_tagger(examples, phrases),
        phrases=phrases,
        sure=_sure_kinds(examples, phrases),
        synonyms=_synonyms(examples) | lists.synonyms,
    )


def learn_apart(
    folder: Path,
    validation: Sequence[Sentence] | None = None,
    *,
    out_of_scope: Collection[str] = OUT_OF_SCOPE_NAMES,
    gate_cost: float = GATE_COST,
    encoder: SentenceEncoder | None = None,
) -> ForeignReader:
    """`learn` in a process of its own, so that this one never holds what only training needs."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        task = pool.submit(
            learn, folder, validation, out_of_scope=out_of_scope, gate_cost=gate_cost, encoder=encoder
        )
        try:
            return task.result()
        except BrokenProcessPool as error:
            raise TrainingError(f"{folder}: training ended early; is there enough memory?") from error


def judge(model: Model, sentences: Sequence[Sentence]) -> list[Judgement]:
    """The sentences before the gate."""
    judged = []
    for one in sentences:
        look = _look(model, one.text[:LONGEST_TEXT])
        intent = model.classifier.classes[int(look.scores.argmax())]
        judged.append(Judgement(look.certainty, one.intent is not None, one.intent == intent))
    return judged


def choose_threshold(judged: Sequence[Judgement], gate_cost: float) -> float:
    """The threshold that refuses most out-of-scope sentences for at most ``gate_cost`` points of accuracy.

    Only rightly understood sentences cost accuracy when they are refused. Where no out-of-scope sentence lies
    between two thresholds, the middle is taken.
    """
    right = sorted(one.certainty for one in judged if one.is_inside and one.is_right)
    inside = sum(one.is_inside for one in judged)
    if not right:
        return float("-inf")
    highest = right[min(int(inside * gate_cost / 100), len(right) - 1)]
    refused = [one.certainty for one in judged if not one.is_inside and one.certainty < highest]
    return (max(refused) + highest) / 2 if refused else highest


def with_gate_cost(reader: ForeignReader, validation: Sequence[Sentence], gate_cost: float) -> ForeignReader:
    """The same reader with the threshold that another cost allows on ``validation``."""
    return replace(reader, threshold=choose_threshold(judge(reader.model, validation), gate_cost))


@dataclass(frozen=True)
class _Look:
    """What the model says of a text before the gate."""

    scores: Floats
    probabilities: Floats
    certainty: float
    """What the gate compares with its threshold: the best intent's score plus a share of the margin."""
    in_scope: float
    has_known_words: bool


def _look(model: Model, text: str) -> _Look:
    features = model.features.transform(text)
    scores = model.classifier.scores(features)
    if model.deep is not None:
        look = model.look(text, features, scores)
        certainty = float(look.scores.max()) + _SCOPE_SHARE * look.margin
        return _Look(look.scores, look.probabilities, certainty, look.in_scope, len(features.columns) > 0)
    measures = [*freshness(text, model.known), *decisiveness(scores)]
    return _Look(
        scores,
        model.classifier.probabilities(scores),
        float(scores.max()) + _MARGIN_SHARE * model.gate.margin(features, measures),
        model.gate.in_scope(features, measures),
        len(features.columns) > 0,
    )


def _held_out(plain: Sequence[Example], encoder: SentenceEncoder | None) -> list[Judgement]:
    """The held-out part of every intent, read by a model that learned from the rest."""
    seen: dict[str, int] = {}
    kept: list[Example] = []
    held: list[Example] = []
    for one in plain:
        seen[one.intent] = seen.get(one.intent, 0) + 1
        (held if seen[one.intent] % HELD_OUT_EVERY == 0 else kept).append(one)
    sentences = [Sentence(one.text, None if one.intent == OUT_OF_SCOPE else one.intent) for one in held]
    return judge(train(kept, encoder), sentences) if sentences else []


def _synonyms(examples: Sequence[Example]) -> dict[str, str]:
    """The values that marks give to other words."""
    return {
        example.text[span.start : span.end].lower(): span.value
        for example in examples
        for span in example.spans
        if span.value != example.text[span.start : span.end]
    }


def _known(phrases: Phrases, text: str, kinds: Collection[str], without: Example | None = None) -> list[Tag]:
    """The known phrases of some kinds, the longer ones first."""
    pieces = pieces_of(text)
    found = [one for one in phrases.find(text, pieces, without) if one.kind in kinds]
    found.sort(key=lambda one: one.first - one.last)
    return [Tag(one.kind, pieces[one.first].start, pieces[one.last - 1].end) for one in found]


def _sure_kinds(examples: Sequence[Example], phrases: Phrases) -> frozenset[str]:
    """The kinds whose phrases, known from elsewhere, are nearly always marked where they stand."""
    kinds = {span.entity for example in examples for span in example.spans}
    met, right = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    for example in examples:
        marked = {(span.entity, span.start, span.end) for span in example.spans}
        for tag in _known(phrases, example.text, kinds, example):
            met[tag.entity] += 1
            right[tag.entity] += (tag.entity, tag.start, tag.end) in marked
    return frozenset(kind for kind in kinds if met[kind] >= _LEAST_SEEN and right[kind] >= _SURE * met[kind])
