"""Learns the embedded reader's model from sentences."""

from collections.abc import Iterable

import numpy as np

from intents.readers.classifier import train_classifier
from intents.readers.features import Features
from intents.readers.gate import train_gate
from intents.readers.model import Model, decisiveness, freshness
from intents.readers.sentences import known_elsewhere, marked_kinds, marks_entities, variants, word_uses
from intents.training import Example

MOST_FRESH = 0.5
"""A sentence with a larger share of words that no other sentence has does not help to set the threshold."""


def train(examples: Iterable[Example]) -> Model:
    """Learn from sentences; those of the intent ``out_of_scope`` teach the gate alone.

    Raises `TrainingError` when there are fewer than two intents.
    """
    listed = list(examples)
    sentences = variants(listed)
    groups = [one.group for one in sentences]
    features = Features.fit([one.text for one in sentences])
    matrix = features.matrix([one.text for one in sentences])
    intents = [one.intent if one.is_inside else None for one in sentences]
    classifier, scores = train_classifier(matrix, intents, groups)
    uses = word_uses([one for one in sentences if one.is_inside])
    measures = [
        [*freshness(one.text, known_elsewhere(one, uses)), *decisiveness(row)]
        for one, row in zip(sentences, scores, strict=True)
    ]
    gate = train_gate(
        matrix,
        np.array(measures),
        [one.is_inside for one in sentences],
        [fresh_share < MOST_FRESH for fresh_share, *_ in measures],
        groups,
    )
    return Model(
        features, classifier, gate, marked_kinds(listed), frozenset(uses), is_delexical=marks_entities(listed)
    )
