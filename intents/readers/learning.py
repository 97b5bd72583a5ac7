"""Learns the embedded reader's model from sentences."""

from collections.abc import Iterable

import numpy as np

from intents.encoder import SentenceEncoder
from intents.readers.classifier import train_classifier
from intents.readers.deep import Lesson, train_deep, vectors_of
from intents.readers.delexical import in_words
from intents.readers.features import Features
from intents.readers.gate import train_gate
from intents.readers.measures import decisiveness, freshness
from intents.readers.model import Model
from intents.readers.sentences import known_elsewhere, marked_kinds, marks_entities, variants, word_uses
from intents.training import Example

MOST_FRESH = 0.5
"""A sentence with a larger share of words that no other sentence has does not help to set the threshold."""


FEWEST = 500
"""With fewer sentences there is too little to learn a second look from."""


def train(examples: Iterable[Example], encoder: SentenceEncoder | None = None) -> Model:
    """Learn from sentences; those of the intent ``out_of_scope`` teach the gate alone.

    With an encoder the model takes a second look at what words do not settle. Raises `TrainingError` when
    there are fewer than two intents.
    """
    listed = list(examples)
    sentences = variants(listed)
    groups = [one.group for one in sentences]
    texts = [one.text for one in sentences]
    features = Features.fit(texts)
    matrix = features.matrix(texts)
    intents = [one.intent if one.is_inside else None for one in sentences]
    classifier, scores = train_classifier(matrix, intents, groups)
    uses = word_uses([one for one in sentences if one.is_inside])
    fresh = np.array([freshness(one.text, known_elsewhere(one, uses)) for one in sentences])
    measures = np.hstack([fresh, [decisiveness(row) for row in scores]])
    is_typical = fresh[:, 0] < MOST_FRESH
    is_inside = [one.is_inside for one in sentences]
    gate, in_scope = train_gate(matrix, measures, is_inside, is_typical.tolist(), groups)
    is_delexical = marks_entities(listed)
    model = Model(
        features, classifier, gate, marked_kinds(listed), frozenset(uses), is_delexical=is_delexical
    )
    if encoder is None or len(listed) < FEWEST:
        return model
    targets = np.array([-1 if one is None else classifier.classes.index(one) for one in intents])
    chances = classifier.probabilities(scores)
    is_right = chances.argmax(axis=1) == targets
    said = [in_words(text) for text in texts] if is_delexical else texts
    lesson = Lesson(
        matrix=matrix,
        vectors=vectors_of(encoder, said),
        targets=targets,
        groups=np.array(groups),
        fresh=fresh,
        is_typical=is_typical & _first_of_each(groups),
        first=scores,
        by_words=(np.where(is_right, 1, -1) * chances.max(axis=1), in_scope),
    )
    return Model(
        features,
        classifier,
        gate,
        model.kinds,
        model.known,
        is_delexical=is_delexical,
        deep=train_deep(lesson),
        encoder=encoder,
    )


def _first_of_each(groups: list[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which sentences are as somebody wrote them: the first of their group, before its variants."""
    seen: set[int] = set()
    first = []
    for group in groups:
        first.append(group not in seen)
        seen.add(group)
    return np.array(first)
