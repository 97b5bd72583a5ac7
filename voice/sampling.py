"""Sentences drawn from all that can be said, for a model of what follows what."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from voice.grammar import AFTER, BEFORE, is_place
from voice.jsgf import parse
from voice.transcriber import Vocabulary
from voice.trigram import Counts

_SEED = 11
_DRAWS = 3
"""How often a sentence with places is drawn, with other values each time."""
_DRAWS_A_NAME = 3
_SAMPLES = 300
"""Values of an endless kind that are drawn beforehand."""

Names = Mapping[str, Sequence[tuple[str, ...]]]
"""By kind, the live names as words."""


class Sample:
    """A sample of what can be said, of which only the names come and go."""

    def __init__(
        self, vocabulary: Vocabulary, said: Iterable[Sequence[str]], listed: Mapping[str, Iterable[str]]
    ) -> None:
        """``said`` are sentences with places, ``listed`` the phrases of values that have few."""
        self._random = Random(_SEED)  # noqa: S311 - reproducible, not secret
        self._listed = {
            kind: [tuple(phrase.split()) for phrase in phrases] for kind, phrases in listed.items()
        }
        grammars = {kind: parse(jsgf) for kind, jsgf in vocabulary.values.items() if kind not in listed}
        self._samples = {
            kind: [grammar.draw(self._random) for _ in range(_SAMPLES)] for kind, grammar in grammars.items()
        }
        self._fixed = Counts()
        named = set(vocabulary.names)
        self._named: dict[str, list[Sequence[str]]] = defaultdict(list)
        for sentence in said:
            places = {token[1:-1] for token in sentence if is_place(token)}
            if places & named:
                for kind in sorted(places & named):
                    self._named[kind].append(sentence)
            else:
                for _ in range(_DRAWS if places else 1):
                    self._fixed.add([tuple(self._filled(sentence, {}))])
        self._fixed.add((*phrase.split(), "show") for phrase in BEFORE)
        self._fixed.add(tuple(phrase.split()) for phrase in AFTER)

    def _filled(self, sentence: Iterable[str], names: Names) -> Iterator[str]:
        for token in sentence:
            kind = token[1:-1]
            if not is_place(token):
                yield token
            elif names.get(kind) and (kind not in self._listed or self._random.random() < 0.5):
                yield from self._random.choice(names[kind])
            elif kind in self._listed:
                yield from self._random.choice(self._listed[kind])
            elif kind in self._samples:
                yield from self._random.choice(self._samples[kind])

    def with_names(self, names: Names) -> Counts:
        """The trigram's counts with the live names in their places."""
        self._random.seed(_SEED)
        counts = self._fixed.copy()
        for kind, sentences in sorted(self._named.items()):
            spoken_names = names.get(kind, ())
            for sentence in sentences:
                counts.add([tuple(self._filled(sentence, names)) for _ in range(_DRAWS)])
            for name in spoken_names:
                for sentence in self._random.choices(sentences, k=_DRAWS_A_NAME):
                    counts.add([tuple(self._filled(sentence, {**names, kind: (name,)}))])
        return counts
