"""The embedded reader's model: trained from sentences, used with NumPy alone."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from intents import lexicon
from intents.names import Name, Names
from intents.readers.classifier import LinearClassifier, train_classifier
from intents.readers.delexical import UNKNOWN_NAME, delexicalize, placeholder
from intents.readers.entities import VALUES, explain
from intents.readers.features import Features, Sparse
from intents.readers.gate import Gate, train_gate
from intents.reading import Scene
from intents.training import Example

OUT_OF_SCOPE = "out_of_scope"
"""The intent of sentences that teach what we do not do."""
_TRAINING_DAY = date(2026, 6, 17)


@dataclass(frozen=True)
class Model:
    """Everything that was learned."""

    features: Features
    classifier: LinearClassifier
    gate: Gate
    kinds: dict[str, tuple[str, ...]]
    """The kinds of entity that were marked in the sentences of each intent."""
    known: frozenset[str]
    """The words of the sentences in scope."""

    def in_scope(self, text: str, features: Sparse) -> float:
        """The probability that the delexicalized text is one of ours."""
        return self.gate.in_scope(features, freshness(text, self.known))


@dataclass(frozen=True)
class _Variant:
    """A sentence as the classifier sees it; ``group`` counts the sentence it comes from."""

    text: str
    intent: str
    group: int


def train(examples: Iterable[Example]) -> Model:
    """Learn from sentences; those of the intent ``out_of_scope`` teach the gate alone.

    Raises `TrainingError` when there are fewer than two intents.
    """
    all_examples = list(examples)
    kinds = marked_kinds(all_examples)
    variants = prepared(all_examples, kinds)
    inside = [variant for variant in variants if variant.intent != OUT_OF_SCOPE]
    features = Features.fit([variant.text for variant in variants])
    uses = word_uses(inside)
    classifier = train_classifier(
        features,
        [variant.text for variant in inside],
        [variant.intent for variant in inside],
        [variant.group for variant in inside],
    )
    gate = train_gate(
        features.matrix([variant.text for variant in variants]),
        np.array([freshness(variant.text, _known_elsewhere(variant, uses)) for variant in variants]),
        [variant.intent != OUT_OF_SCOPE for variant in variants],
        [variant.group for variant in variants],
    )
    return Model(features, classifier, gate, kinds, frozenset(uses))


def word_uses(variants: Sequence[_Variant]) -> dict[str, set[int]]:
    """The sentences, by group, that each word occurs in."""
    uses: dict[str, set[int]] = defaultdict(set)
    for variant in variants:
        for word in _words(variant.text):
            uses[word].add(variant.group)
    return uses


def _known_elsewhere(variant: _Variant, uses: dict[str, set[int]]) -> frozenset[str]:
    """The words of a variant that other sentences know too: no sentence vouches for itself."""
    return frozenset(word for word in _words(variant.text) if uses.get(word, set()) - {variant.group})


def freshness(text: str, known: Collection[str]) -> tuple[float, float]:
    """How many words, as a share and as a number up to 4, none of our sentences knows."""
    words = _words(text)
    fresh = sum(word not in known for word in words)
    return fresh / max(len(words), 1), min(fresh, 4) / 4


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def marked_kinds(examples: Sequence[Example]) -> dict[str, tuple[str, ...]]:
    """Which kinds of entity the sentences of each intent mark."""
    found: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        found[example.intent].update(span.entity for span in example.spans)
    return {intent: tuple(sorted(kinds)) for intent, kinds in sorted(found.items())}


def training_names(examples: Sequence[Example]) -> Names:
    """The names that are marked in training sentences, as if they were live."""
    marked = {
        (span.entity, span.value)
        for example in examples
        for span in example.spans
        if span.entity not in lexicon.KINDS and span.entity not in VALUES
    }
    return Names(Name(kind, number, name) for number, (kind, name) in enumerate(sorted(marked)))


def prepared(examples: Sequence[Example], kinds: dict[str, tuple[str, ...]]) -> list[_Variant]:
    """The sentences as the reader will see them, each with the variants that make it robust."""
    scene = Scene(training_names(examples), _TRAINING_DAY)
    variants = []
    for group, example in enumerate(examples):
        text = delexicalize(explain(example.text, scene))
        texts = dict.fromkeys([text, *_variants(text, kinds.get(example.intent, ()), group)])
        variants += [_Variant(one, example.intent, group) for one in texts]
    return variants


def _variants(text: str, kinds: Sequence[str], number: int) -> list[str]:
    """The sentence with a name nobody knows, and with a venture or period added where one may stand."""
    words = text.split()
    made = [
        text.replace(placeholder(kind), UNKNOWN_NAME)
        for kind in ("venture", "campaign")
        if placeholder(kind) in words
    ]
    if "venture" in kinds and placeholder("venture") not in words:
        made.append(f"{text} {('for', 'at', 'of')[number % 3]} {placeholder('venture')}")
    if "period" in kinds and placeholder("period") not in words:
        made.append(f"{text} {('', 'in ', 'for ')[number % 3]}{placeholder('period')}")
    return made
