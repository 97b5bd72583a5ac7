"""The reader that needs nothing but this process: live names, listed words, values and a linear model."""

import logging
from pathlib import Path

from intents import lexicon
from intents.encoder import SentenceEncoder
from intents.readers import cache
from intents.readers.entities import explain
from intents.readers.layer import Layer
from intents.readers.learning import train
from intents.readers.model import Model
from intents.reading import Reading, Scene
from intents.training import files, load
from intents.values import rhythms

log = logging.getLogger(__name__)

LONGEST_TEXT = 1000
"""Characters of an utterance that are read, more than a minute of speech; the rest is ignored."""
DATA = Path(__file__).parents[1] / "data"
"""The training sentences of every command."""


class EmbeddedReader:
    """Reads text with a trained model. Never raises on any text."""

    name = "embedded"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.layer = Layer(model.kinds, model.known)

    @classmethod
    def load(
        cls, cache_dir: Path, *, data_dir: Path = DATA, encoder: SentenceEncoder | None = None
    ) -> "EmbeddedReader":
        """The reader for the sentences in ``data_dir``, from ``cache_dir`` where it was trained before.

        Without an encoder it goes by words alone, which costs some understanding and no more.
        Trains when the cache is missing, damaged, or made from other data or code. A cache that cannot be
        written costs a warning. Raises `TrainingError` for data that cannot be read.
        """
        kind = "words" if encoder is None else "meaning"
        path = cache_dir / f"embedded-{kind}-{cache.fingerprint(files(data_dir))}.npz"
        model = cache.restore(path)
        if model is None:
            model = train(load(data_dir), encoder)
            try:
                cache.store(model, path)
            except OSError as error:
                log.warning("the trained model cannot be kept in %s: %s", cache_dir, error)
        return cls(model.using(encoder))

    def read(self, text: str, scene: Scene) -> Reading:
        """Understand ``text`` as said by somebody in ``scene``."""
        heard = text[:LONGEST_TEXT]
        explained = explain(heard, scene)
        judged = self.model.judge(self.model.view(explained))
        ranking = tuple(
            (self.model.classifier.classes[index], float(judged.probabilities[index]))
            for index in (-judged.probabilities).argsort(kind="stable")
        )
        is_fragment = explained.words.is_fragment() or _is_answer(heard)
        is_inside = is_fragment or (judged.in_scope >= judged.threshold and judged.has_known_words)
        intent, confidence = ranking[0]
        return Reading(
            text=text,
            intent=intent if is_inside else None,
            confidence=confidence,
            entities=self.layer.entities(intent, explained, is_fragment, scene.names),
            ranking=ranking,
            in_scope=max(judged.in_scope, judged.threshold) if is_fragment else judged.in_scope,
            unknown=tuple(heard[start:end] for start, end in explained.unknown),
            is_fragment=is_fragment,
            reader=self.name,
        )


def _is_answer(text: str) -> bool:
    """Whether the text is a listed word that is no request by itself: "euros", "growth"."""
    return any(one.entity != "kind" for one in (*lexicon.find_alone(text), *rhythms.find_alone(text)))
