"""The second look at an utterance: by what it means, for what its words alone do not settle."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intents.encoder import SentenceEncoder
from intents.readers.classifier import best_temperature, for_each_fold, softmax
from intents.readers.features import Floats, Sparse
from intents.readers.meaning import MeaningClassifier, Vectors, train_meaning
from intents.readers.measures import decisiveness, freshness

FOLDS = 3
"""Folds of the cross-validation that calibrates; sentences and their variants share one."""
FIRST_SHARE = 0.3
"""Of the first look's scores in the second's."""
_SURE_LEVELS = (0.95, 0.97, 0.98, 0.99, 0.995)
_STRANGE_LEVELS = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
_COST_OF_LETTING_IN = 4
"""Of one out of scope, in refusals of what is in scope: who is refused says it again, the other is acted on.

Cross-validation hides all that resembles a sentence, so it refuses many more than people would meet.
"""
_MOST_LOST = 1 / 5000
"""Share of the sentences that refusing by words may misjudge beyond what the second look would."""


@dataclass(frozen=True)
class Look:
    """What a second look says."""

    scores: Floats
    """How well each intent fits, in the order of the classifier's classes."""
    probabilities: Floats
    in_scope: float
    """Probability of being in scope, were both equally common."""
    margin: float
    """How far inside the scope's line the utterance is."""


@dataclass(frozen=True)
class Deep:
    """Classifiers by meaning, learned elsewhere."""

    intents: MeaningClassifier
    temperature: float
    scope: MeaningClassifier | None
    """In scope or not; None where no sentence out of scope was learned from."""
    judgement: Floats
    """Weights of `measures` and, last, an intercept: the log-odds of being in scope."""
    threshold: float
    """The least probability of being in scope that passes."""
    sure: float
    """Where both probabilities by words are at least this, no second look is taken."""
    strange: float
    """Where words alone make being in scope no likelier than this, none is taken either."""

    def is_settled(self, probabilities: Floats, in_scope: float) -> bool:
        """Whether the first look's probabilities of the intents and of being in scope are answer enough."""
        return in_scope <= self.strange or min(in_scope, float(probabilities.max())) >= self.sure

    def look(
        self, features: Sparse, first: Floats, vector: Vectors, words: str, known: Collection[str]
    ) -> Look:
        """Look at an utterance, given the first look's scores and its row of `SentenceEncoder.describe`."""
        scores = self.intents.scores(features, vector) + FIRST_SHARE * first
        margin = 1.0 if self.scope is None else float(self.scope.scores(features, vector)[0])
        found = measures(scores, margin, words, known)
        log_odds = float(np.dot(self.judgement[:-1], found) + self.judgement[-1])
        in_scope = float(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))))
        return Look(scores, softmax(scores / self.temperature), in_scope, margin)


def measures(scores: Floats, margin: float, words: str, known: Collection[str]) -> list[float]:
    """What tells whether an utterance is in scope."""
    return [*decisiveness(scores), margin, *freshness(words, known)]


@dataclass(frozen=True)
class Lesson:
    """Sentences to learn from: lists and rows in one order."""

    matrix: Any
    """TF-IDF, a sparse row a sentence."""
    vectors: Vectors
    """Rows of `SentenceEncoder.describe`."""
    targets: Any
    """Numbers of the intents, -1 for out of scope."""
    groups: Any
    """The sentence each variant comes from."""
    fresh: Floats
    """Rows of `freshness`, as the other sentences know the words."""
    is_typical: Any
    """Which sentences set the threshold."""
    first: Floats
    """The first look's scores, by a model that never saw the sentence."""
    by_words: tuple[Floats, Floats]
    """What the first look says of each by a model that never saw it: the probability of its likeliest
    intent, negative where that is wrong, and that of being in scope."""


def train_deep(lesson: Lesson) -> Deep:
    """Learn both classifiers, their calibration and what may be settled without them."""
    targets, inside = lesson.targets, lesson.targets >= 0
    folds = lesson.groups % FOLDS
    has_outside = not inside.all()
    scores = np.zeros((len(targets), int(targets.max()) + 1))
    margins = np.ones(len(targets))

    def learn(fold: int) -> None:
        seen, held = folds != fold, folds == fold
        if len(set(targets[seen & inside])) < scores.shape[1]:
            return
        intents = _trained(lesson, seen & inside, targets)
        meant = intents.all_scores(lesson.matrix[held], lesson.vectors[held])
        scores[held] = meant + FIRST_SHARE * lesson.first[held]
        if has_outside:
            scope = _trained(lesson, seen, inside.astype(int), is_balanced=True)
            margins[held] = scope.all_scores(lesson.matrix[held], lesson.vectors[held])[:, 0]

    for_each_fold(FOLDS, learn)
    everything = np.ones(len(targets), dtype=bool)
    judgement, chances, threshold = np.zeros(6), np.ones(len(targets)), 0.0
    if has_outside:
        judgement, chances, threshold = _judgement(lesson, scores, margins)
    misjudged = _misjudged(lesson, scores, chances >= threshold)
    return Deep(
        intents=_trained(lesson, inside, targets),
        temperature=best_temperature(scores[inside], targets[inside]),
        scope=_trained(lesson, everything, inside.astype(int), is_balanced=True) if has_outside else None,
        judgement=judgement,
        threshold=threshold,
        sure=_sure(lesson, misjudged),
        strange=_strange(lesson, misjudged),
    )


def _trained(lesson: Lesson, rows: Any, targets: Any, *, is_balanced: bool = False) -> MeaningClassifier:
    return train_meaning(lesson.matrix[rows], lesson.vectors[rows], targets[rows], is_balanced=is_balanced)


def _judgement(lesson: Lesson, scores: Floats, margins: Floats) -> tuple[Floats, Floats, float]:
    """The log-odds' weights, each sentence's chance of being in scope by them, and the threshold.

    That is where as much is lost by wrong refusals as by letting in, by `_COST_OF_LETTING_IN`.
    """
    from sklearn.linear_model import LogisticRegression

    inside = lesson.targets >= 0
    best = np.array([decisiveness(row) for row in scores])
    rows = np.hstack([best, margins[:, None], lesson.fresh])
    model = LogisticRegression(class_weight="balanced", C=10.0, max_iter=1000).fit(rows, inside)
    chances = model.predict_proba(rows)[:, 1]
    ours = np.sort(chances[inside & lesson.is_typical])
    others = np.sort(chances[~inside & lesson.is_typical])
    levels = np.unique(np.concatenate([ours, others]))
    refused = np.searchsorted(ours, levels) / max(len(ours), 1)
    let_in = 1 - np.searchsorted(others, levels) / max(len(others), 1)
    threshold = float(levels[int(np.argmin(np.maximum(refused, _COST_OF_LETTING_IN * let_in)))])
    return np.append(model.coef_[0], model.intercept_[0]), chances, threshold


def _misjudged(lesson: Lesson, scores: Floats, is_let_in: Any) -> Any:
    """Which sentences the second look would answer wrongly, refusals among them."""
    is_right = is_let_in & (scores.argmax(axis=1) == lesson.targets)
    return ~np.where(lesson.targets >= 0, is_right, ~is_let_in)


def _sure(lesson: Lesson, misjudged: Any) -> float:
    """From where on the first look errs no more often than the second would; above 1 for nowhere."""
    chance, in_scope = lesson.by_words
    for level in _SURE_LEVELS:
        settled = (np.abs(chance) >= level) & (in_scope >= level)
        wrong = settled & ((chance < 0) | (lesson.targets < 0))
        if settled.any() and wrong.sum() <= (settled & misjudged).sum():
            return level
    return 1.1


def _strange(lesson: Lesson, misjudged: Any) -> float:
    """Up to where refusing by words does as well as the second look, but for `_MOST_LOST`; or below 0."""
    _, in_scope = lesson.by_words
    for level in _STRANGE_LEVELS:
        settled = in_scope <= level
        lost = (settled & (lesson.targets >= 0)).sum() - (settled & misjudged).sum()
        if settled.any() and lost <= _MOST_LOST * len(in_scope):
            return level
    return -0.1


def vectors_of(encoder: SentenceEncoder, texts: Sequence[str]) -> Vectors:
    """A row of `SentenceEncoder.describe` a text; what is said twice is encoded once."""
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    rows = encoder.describe(list(places))
    return rows[[places[text] for text in texts]]
