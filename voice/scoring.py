"""How well embedded ears hear any closed grammar, on recordings with labels."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from voice.audio import Audio, VoiceError
from voice.endpointing import trim
from voice.grammar import of_network
from voice.jsgf import Grammar, parse
from voice.judging import is_far_off, likely
from voice.network import of_grammar
from voice.together import Sound, Together, without_tail
from voice.trigram import Counts, arpa

if TYPE_CHECKING:
    from voice.moonshine import Moonshine

_DRAWS = 4_000
"""Sentences the second opinion is learned from."""
_SEED = 3
_VOTES = 3
_LEAST = 0.05
"""The confidence of speech that is taken for a sentence of the grammar: those who score recordings mostly
say what is in the grammar."""
_NO_SENTENCE, _UNLIKE = "no sentence of the grammar", "unlike the grammar"


class LabelsError(ValueError):
    """Labels that cannot be used; the message says why."""


@dataclass(frozen=True)
class Label:
    """What a recording says: no intent and no slots for speech that is none of the grammar."""

    file: str
    intent: str | None
    slots: Mapping[str, str]

    @property
    def is_outside(self) -> bool:
        """Whether it is to be rejected."""
        return self.intent is None and not self.slots


@dataclass(frozen=True)
class Understood:
    """What was made of a recording; ``slots`` and ``intent`` are rules of the grammar."""

    text: str
    intent: str
    slots: Mapping[str, str]


@dataclass(frozen=True)
class Outcome:
    """One recording: what it says and what was understood, or why nothing was."""

    label: Label
    understood: Understood | None
    heard: str
    """The grammar's words, also where they were rejected."""
    why: str = ""

    @property
    def kind(self) -> str:
        """exact, wrong or rejected; rejecting speech outside the grammar is exact."""
        if self.understood is None:
            return "exact" if self.label.is_outside else "rejected"
        right = self.understood.slots == self.label.slots and self.label.intent in (
            None,
            self.understood.intent,
        )
        return "exact" if right and not self.label.is_outside else "wrong"


@dataclass(frozen=True)
class SlotScore:
    """A slot over all recordings that name it, or in which it was heard."""

    clips: int
    right: float


@dataclass(frozen=True)
class Scores:
    """The figures, as shares of all recordings."""

    clips: int
    exact: float
    """The right intent and exactly the right slots."""
    wrong: float
    rejected: float
    rtf: float
    """Processor seconds a second of sound."""
    slots: Mapping[str, SlotScore]
    mistakes: tuple[Mapping[str, object], ...]


def read_labels(folder: Path) -> tuple[Label, ...]:
    """The labels of ``labels.json`` in a folder of recordings. Raises `LabelsError`."""
    file = folder / "labels.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabelsError(f"{file}: {error}") from error
    if not isinstance(found, dict) or not found:
        raise LabelsError(f"{file}: expected an object of file names")
    labels = []
    for name, said in found.items():
        label = {} if said is None else said
        slots = label.get("slots") or {} if isinstance(label, dict) else None
        if not isinstance(slots, dict):
            raise LabelsError(f"{file}: {name}: expected an object with 'slots'")
        if not (folder / name).is_file() or "/" in name:
            raise LabelsError(f"{folder / name}: no such file")
        intent = label.get("intent")
        labels.append(
            Label(
                name, None if intent is None else str(intent), {k: _plain(str(v)) for k, v in slots.items()}
            )
        )
    return tuple(labels)


class ClosedEars:
    """Ears for one grammar. Not for several threads at once."""

    def __init__(self, grammar: Grammar, moonshine: "Moonshine | None" = None) -> None:
        """Raises `VoiceError` (``ears_unavailable``) where a word cannot be pronounced."""
        from voice.sphinx import Decoder

        self.grammar = grammar
        self._moonshine = moonshine
        self._decoder = Decoder(thorough=True)
        unsayable = self._decoder.learn_spoken(grammar.words())
        if unsayable:
            raise VoiceError(
                "ears_unavailable", f"No pronunciation is known for {', '.join(sorted(unsayable)[:5])}."
            )
        self._walk = walk = of_network(of_grammar(grammar))
        self._decoder.take_walk(walk)
        self._together = None if moonshine is None else Together(walk, moonshine, self._decoder)
        counts = Counts()
        random = Random(_SEED)  # noqa: S311 - reproducible, not secret
        counts.add(grammar.draw(random) for _ in range(_DRAWS))
        counts.add((word,) for word in grammar.words())
        self._decoder.take_trigram(arpa(counts))

    def hear(self, audio: Audio) -> tuple[tuple[str, ...], str]:
        """The words of a recording, and why they are not to be relied on, if so. Raises `VoiceError`."""
        speech = trim(audio)
        if self._moonshine is not None and self._together is not None:
            return self._by_both(speech, self._moonshine, self._together)
        heard = self._decoder.hear(speech, self._fits, _VOTES)
        words = tuple(piece.text for piece in heard.grammar)
        said = without_tail(words, self._walk)
        if not said:
            return words, _NO_SENTENCE
        return said, _UNLIKE if is_far_off(heard, said) else ""

    def _by_both(
        self, speech: Audio, moonshine: "Moonshine", together: Together
    ) -> tuple[tuple[str, ...], str]:
        sound = Sound.of(speech, moonshine).again(moonshine)
        found = together.both(sound, together.again(sound, together.first(sound)))
        if found.likeness is None:
            return (), _NO_SENTENCE
        return found.best, "" if likely(found.likeness) >= _LEAST else _UNLIKE

    def _fits(self, words: Sequence[str]) -> bool:
        return self.grammar.match(words) is not None


def score(
    grammar_text: str,
    labels: Sequence[Label],
    sounds: Mapping[str, Audio | VoiceError],
    moonshine: "Moonshine | None" = None,
) -> tuple[Scores, tuple[Outcome, ...]]:
    """Score a grammar on recordings by file name.

    Raises `GrammarError`, `LabelsError` for a slot no rule is named after, `VoiceError` for ears that fail.
    """
    grammar = parse(grammar_text)
    slots = sorted({slot for label in labels for slot in label.slots})
    missing = [slot for slot in slots if slot not in grammar.rules]
    if missing:
        raise LabelsError(f"the grammar has no rule for {', '.join(missing)}")
    ears = ClosedEars(grammar, moonshine)
    started = time.process_time()
    outcomes = tuple(_outcome(ears, label, sounds[label.file], slots) for label in labels)
    took = time.process_time() - started
    seconds = sum(sound.seconds for sound in sounds.values() if isinstance(sound, Audio))
    return _scores(outcomes, slots, took / max(seconds, 1e-9)), outcomes


def _outcome(ears: ClosedEars, label: Label, sound: Audio | VoiceError, slots: Sequence[str]) -> Outcome:
    try:
        if isinstance(sound, VoiceError):
            raise sound
        words, why = ears.hear(sound)
    except VoiceError as error:
        return Outcome(label, None, "", error.message)
    text = " ".join(words)
    if why:
        return Outcome(label, None, text, why)
    return Outcome(label, understood(ears.grammar, words, slots), text)


def understood(grammar: Grammar, words: Sequence[str], slots: Sequence[str]) -> Understood | None:
    """The intent, which is the public rule, and the slots in words the grammar holds."""
    matches = grammar.match(words)
    if matches is None:
        return None
    found: dict[str, str] = {}
    for match in matches:
        if match.rule in slots:
            found.setdefault(match.rule, _plain(" ".join(words[match.start : match.end])))
    return Understood(" ".join(words), matches[0].rule, found)


def _plain(value: str) -> str:
    return " ".join(value.lower().split())


def _scores(outcomes: Sequence[Outcome], slots: Sequence[str], rtf: float) -> Scores:
    kinds = Counter(one.kind for one in outcomes)
    count = max(len(outcomes), 1)
    by_slot = {}
    for slot in slots:
        pairs = [
            (one.label.slots.get(slot), None if one.understood is None else one.understood.slots.get(slot))
            for one in outcomes
        ]
        pairs = [pair for pair in pairs if pair != (None, None)]
        by_slot[slot] = SlotScore(
            len(pairs), sum(said == heard for said, heard in pairs) / max(len(pairs), 1)
        )
    mistakes = tuple(
        {
            "file": one.label.file,
            "outcome": one.kind,
            "heard": one.heard,
            "why": one.why,
            "expected": dict(one.label.slots),
            "understood": {} if one.understood is None else dict(one.understood.slots),
        }
        for one in outcomes
        if one.kind != "exact"
    )
    return Scores(
        clips=len(outcomes),
        exact=kinds["exact"] / count,
        wrong=kinds["wrong"] / count,
        rejected=kinds["rejected"] / count,
        rtf=rtf,
        slots=by_slot,
        mistakes=mistakes,
    )
