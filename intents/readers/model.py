"""The embedded reader's model, used with NumPy and the encoder alone; `learning` makes it."""

from dataclasses import dataclass, replace

from intents.encoder import SentenceEncoder
from intents.readers.classifier import LinearClassifier
from intents.readers.deep import Deep, Look
from intents.readers.delexical import delexicalize, in_words
from intents.readers.entities import Explained
from intents.readers.features import Features, Floats, Sparse
from intents.readers.gate import Gate
from intents.readers.measures import decisiveness, freshness


@dataclass(frozen=True)
class Judged:
    """What the model makes of a text."""

    probabilities: Floats
    """Of every intent, in the order of the classifier's classes."""
    in_scope: float
    """The probability of being in scope."""
    threshold: float
    """The least such probability that passes."""
    has_known_words: bool
    by: str
    """``words`` where these settled it, ``meaning`` after a second look."""


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

    is_delexical: bool = True
    """Whether entities are replaced by their kinds; not where the training data marks none."""
    deep: Deep | None = None
    """The second look, where it was learned."""
    encoder: SentenceEncoder | None = None

    def using(self, encoder: SentenceEncoder | None) -> "Model":
        """The same model with the encoder its second look was learned with."""
        return replace(self, encoder=encoder)

    def view(self, explained: Explained) -> str:
        """The text as the model wants it."""
        return delexicalize(explained) if self.is_delexical else explained.words.text

    def judge(self, text: str) -> Judged:
        """The probability of every intent, and that of being in scope."""
        features = self.features.transform(text)
        scores = self.classifier.scores(features)
        probabilities = self.classifier.probabilities(scores)
        measures = [*freshness(text, self.known), *decisiveness(scores)]
        in_scope, is_known = self.gate.in_scope(features, measures), len(features.columns) > 0
        if self.deep is None or self.deep.is_settled(probabilities, in_scope):
            return Judged(probabilities, in_scope, self.gate.threshold, is_known, "words")
        look = self.look(text, features, scores)
        return Judged(look.probabilities, look.in_scope, self.deep.threshold, is_known, "meaning")

    def look(self, text: str, features: Sparse, first: Floats) -> Look:
        """The second look, whatever the first's scores say; for models that learned one."""
        if self.deep is None or self.encoder is None:
            raise ValueError("this model takes no second look")
        vector = self.encoder.describe([in_words(text) if self.is_delexical else text])[0]
        return self.deep.look(features, first, vector, text, self.known)
