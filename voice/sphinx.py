"""pocketsphinx as we use it: a grammar, a trigram and bare phones over the same sound."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice.audio import RATE, Audio
from voice.features import features, quietened
from voice.grammar import Walk
from voice.pronouncing import pronunciations

_DITHER = 8.0
"""Least standard deviation of the noise added, in steps of a sample: silence of zeros confuses."""
_QUIETER = 10 ** (-30 / 20)
"""The noise added against speech between whose words is nothing at all, as synthesisers make it."""
_NOTHING = 1.0
_FRAME = RATE // 50
_SEED = 14
_LOUDEST = 32767
_CONFIG: dict[str, Any] = {"lm": None, "loglevel": "FATAL", "fwdflat": False, "bestpath": False}
"""One pass and no lattice, which would cost a multiple of the time and hear worse."""
_CONFIG |= {"silprob": 0.05, "wip": 0.2, "ds": 2}
"""Rather few, long words; the nearest Gaussians are looked for in every second frame."""
_NARROW = {"beam": 1e-48, "pbeam": 1e-48, "wbeam": 7e-29}
_WIDE = {"beam": 1e-60, "pbeam": 1e-60, "wbeam": 1e-40}
"""How much less probable than the best a way may be that is followed on: in noise the best is often wrong."""
_WORD_WEIGHT, _TRIGRAM_WEIGHT, _PHONE_WEIGHT = 6.5, 9.5, 2.0
"""How much the order of words weighs against the sound in the grammar and the trigram, or that of phones."""
_SCORE_STEP = 1024
_SILENT = ("SIL", "+NSN+", "+SPN+")


@dataclass(frozen=True)
class Piece:
    """A word or phone and the hundredths of a second it lasted, both ends included."""

    text: str
    start: int
    end: int
    score: float = 0.0
    """Acoustic, in natural logarithms."""

    @property
    def frames(self) -> int:
        """Its length in hundredths of a second."""
        return self.end - self.start + 1


@dataclass(frozen=True)
class Heard:
    """What three ways of listening made of one utterance."""

    grammar: tuple[Piece, ...]
    """Words of the grammar, without alternatives' numbers; empty when nothing fitted."""
    trigram: tuple[str, ...]
    trigram_phones: tuple[str, ...]
    """The phones of ``trigram``."""
    phones: tuple[Piece, ...]
    """Without silences."""
    expected: tuple[Piece, ...]
    """The phones of ``grammar``, each with an even share of its word."""
    frames: int
    grammar_score: float
    phone_score: float
    """Acoustic scores of the whole utterance, in natural logarithms."""


class Decoder:
    """One loaded model. Not for several threads at once."""

    def __init__(self, *, thorough: bool = False) -> None:
        """``thorough`` looks closer at each frame: for small grammars, where time is no matter."""
        import pocketsphinx

        with tempfile.TemporaryDirectory() as folder:
            first = Path(folder) / "first.dict"
            first.write_text("a AH\na(2) EY\n", encoding="utf-8")
            self._engine: Any = pocketsphinx.Decoder(
                pocketsphinx.Config(dict=str(first), **(_CONFIG | ({"ds": 1} if thorough else {})))
            )
        self._engine.config["lw"] = _WORD_WEIGHT
        self._log = self._engine.get_logmath()
        self._dictionary = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
        self._unsayable: set[str] = set()
        self._phones: dict[str, int] = {}
        self._knows_phones = False
        # The plain rule of small grammars was set without taking noise out.
        self._for_judges = features if thorough else quietened

    def knows(self, word: str) -> bool:
        """Whether the word can be decoded."""
        return self._engine.lookup_word(word) is not None

    def learn(self, words: Mapping[str, Sequence[str]]) -> None:
        """Take words with their pronunciations; those known already stay as they are."""
        for word, sounds in words.items():
            for number, phones in enumerate(sounds, 1):
                key = word if number == 1 else f"{word}({number})"
                if not self.knows(key):
                    self._engine.add_word(key, phones, update=False)

    def learn_spoken(self, words: Iterable[str]) -> frozenset[str]:
        """Make sure that words can be decoded, by their spelling where the dictionary lacks them.

        Gives those that cannot be said at all. Only words that are used are kept: a decoder that knows the
        whole dictionary takes half a second for what takes it a millisecond so.
        """
        asked = set(words)
        new = {word for word in asked if word not in self._unsayable and not self.knows(word)}
        listed = self._listed(new) if new else {}
        # In one order always: the engine numbers its words by it, and decides ties by their numbers.
        for word in sorted(new):
            sounds = pronunciations(word, listed.get(word, ()))
            self.learn({word: sounds})
            if not sounds:
                self._unsayable.add(word)
        return frozenset(asked & self._unsayable)

    def _listed(self, words: set[str]) -> dict[str, list[str]]:
        """What the dictionary says of words, in one pass over it."""
        found: dict[str, list[str]] = {}
        with self._dictionary.open(encoding="utf-8") as lines:
            for line in lines:
                word = line[: line.find(" ")]
                if word in words or (word.endswith(")") and _bare(word) in words):
                    found.setdefault(_bare(word), []).append(line[len(word) :].strip())
        return found

    def sounds_of(self, word: str) -> tuple[str, ...]:
        """The pronunciations of a word that is known."""
        found: list[str] = []
        while (
            phones := self._engine.lookup_word(word if not found else f"{word}({len(found) + 1})")
        ) is not None:
            found.append(phones)
        return tuple(found)

    def take_walk(self, walk: Walk) -> None:
        """Listen for a network from now on. Its words must be known."""
        import pocketsphinx

        # The engine looks at all states in each frame.
        used = {state for step in walk.steps for state in (step.start, step.end)} | {0, walk.end}
        number = {state: at for at, state in enumerate(sorted(used))}
        model = pocketsphinx.FsgModel("grammar", self._log, _WORD_WEIGHT, len(number))
        said = dict.fromkeys(one.word for one in walk.steps if one.word)
        words = {word: self._numbered(model, word) for word in said}
        for step in walk.steps:
            start, end, weight = number[step.start], number[step.end], self._log.log(step.weight)
            if step.word is None:
                model.null_trans_add(start, end, weight)
            else:
                for word in words[step.word]:
                    model.trans_add(start, end, weight, word)
        model.set_start_state(number[0])
        model.set_final_state(number[walk.end])
        # The engine would look through the whole network for each alternative pronunciation of each word.
        self._set(_WIDE | {"fsgusealtpron": False})
        self._engine.add_fsg("grammar", model)
        self._set(_NARROW | {"fsgusealtpron": True})

    def _numbered(self, model: Any, word: str) -> list[int]:
        """A word's numbers in a model, one for each of its pronunciations."""
        keys = [word, *(f"{word}({number})" for number in range(2, len(self.sounds_of(word)) + 1))]
        return [model.word_add(key) for key in keys]

    def take_jsgf(self, text: str) -> None:
        """Listen for a grammar in JSGF from now on. Its words must be known."""
        self._engine.add_jsgf_string("grammar", text)

    def take_trigram(self, model: str) -> None:
        """Use an ARPA model, and bare phones, for second opinions. Its words must be known."""
        import pocketsphinx

        if not self._knows_phones:
            self._set({"lw": _PHONE_WEIGHT})
            self._engine.add_allphone_file("phones", pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin"))
            self._knows_phones = True
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.arpa"
            path.write_text(model, encoding="utf-8")
            self._set(_WIDE | {"lw": _TRIGRAM_WEIGHT})
            self._engine.add_lm_file("trigram", str(path))
            self._set(_NARROW | {"lw": _WORD_WEIGHT})

    def phones_in(self, word: str) -> int:
        """How many phones a known word has."""
        if word not in self._phones:
            self._phones[word] = len((self._engine.lookup_word(word) or "").split())
        return self._phones[word]

    def follow(self, audio: Audio) -> tuple[str, ...]:
        """What the grammar hears, in its words; empty when nothing fitted."""
        return _texts(self._decode("grammar", _seen(audio))[0])

    def hear(self, audio: Audio, fits: Callable[[Sequence[str]], bool], votes: int = 1) -> Heard:
        """Decode one utterance three ways.

        With more ``votes`` the grammar listens so often, each time through other noise; what it hears most
        often is what it heard, the first before the later, and what fits before what does not.
        """
        ballots = [self._decode("grammar", _seen(audio, more)) for more in range(votes)]
        counted = Counter(_texts(words) for words, _ in ballots)
        best = max(counted, key=lambda said: (fits(said), counted[said]))
        words, grammar_score = next(ballot for ballot in ballots if _texts(ballot[0]) == best)
        grammar = tuple(Piece(_bare(one.text), one.start, one.end, one.score) for one in words)
        expected = tuple(phone for word in words for phone in self._phones_of(word))
        judged = self._for_judges(dithered(audio.samples))
        other = self._decode("trigram", judged)[0]
        sounds = tuple(phone.text for word in other for phone in self._phones_of(word))
        phones, phone_score = self._decode("phones", judged)
        frames = len(audio.samples) * 100 // RATE
        return Heard(
            grammar, _texts(other), sounds, tuple(phones), expected, frames, grammar_score, phone_score
        )

    def glance(self, audio: Audio) -> tuple[str, ...]:
        """What the trigram hears, in words: enough to show what is being said."""
        return _texts(self._decode("trigram", self._for_judges(dithered(audio.samples)))[0])

    def _set(self, terms: Mapping[str, float | bool]) -> None:
        """For searches that are made from now on."""
        for key, value in terms.items():
            self._engine.config[key] = value

    def _decode(self, search: str, seen: NDArray[np.float32]) -> tuple[list[Piece], float]:
        engine = self._engine
        engine.activate_search(search)
        engine.start_utt()
        # The engine writes into what it is given: a copy for each search.
        engine.process_cep(seen.tobytes(), no_search=False, full_utt=True)
        engine.end_utt()
        if engine.hyp() is None:
            return [], 0.0
        said = [Piece(one.word, one.start_frame, one.end_frame, _nats(one.ascore)) for one in engine.seg()]
        heard = [one for one in said if not one.text.startswith(("<", "[", "(")) and one.text not in _SILENT]
        return heard, sum(one.score for one in said)

    def _phones_of(self, word: Piece) -> list[Piece]:
        phones = (self._engine.lookup_word(word.text) or "").split()
        size = word.frames / max(len(phones), 1)
        return [
            Piece(phone, word.start + int(at * size), word.start + int((at + 1) * size) - 1)
            for at, phone in enumerate(phones)
        ]


def _seen(audio: Audio, more: int = 0) -> NDArray[np.float32]:
    return features(dithered(audio.samples, more))


def dithered(samples: NDArray[np.int16], more: int = 0) -> NDArray[np.int16]:
    """The same sound with a little noise, always the same noise for one ``more``."""
    size = max(_DITHER, _loudness(samples) * _QUIETER) if _is_too_clean(samples) else _DITHER
    noise = np.random.default_rng(_SEED + more).normal(0.0, size, len(samples))
    return np.clip(np.rint(samples + noise), -_LOUDEST - 1, _LOUDEST).astype(np.int16)


def _loudness(samples: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def _is_too_clean(samples: NDArray[np.int16]) -> bool:
    """Whether there is nothing at all between the words: the decoder was taught by rooms."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    if not len(frames):
        return False
    return float(np.percentile(np.sqrt(np.mean(frames**2, axis=1)), 5)) < _NOTHING


def _nats(score: float) -> float:
    """The engine's scores count thousandths of the logarithm; its Python side gives powers of them."""
    return log(score) * _SCORE_STEP if score > 0 else -inf


def _texts(words: Sequence[Piece]) -> tuple[str, ...]:
    return tuple(_bare(word.text) for word in words)


def _bare(word: str) -> str:
    """Without the number of an alternative pronunciation."""
    return word[: word.index("(")] if word.endswith(")") and "(" in word else word
