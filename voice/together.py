"""Moonshine and pocketsphinx listening to one grammar together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from voice.audio import Audio
from voice.choosing import Choice, Chooser, written
from voice.grammar import Walk
from voice.judging import Likeness, likeness, weighed
from voice.moonshine import Dictation, Moonshine, Written

if TYPE_CHECKING:
    from voice.sphinx import Decoder

_CHOICES = 4
"""Sentences of the grammar that Moonshine proposes."""
_LONGEST_TAIL = 3
_AROUND = 0.2
"""Seconds of silence that are left around speech."""
_SLOWER = 0.9
"""The pace of the second listening: what is misheard is misheard in another way then."""


@dataclass(frozen=True)
class Sound:
    """An utterance as Moonshine takes it in, once or twice, and what it writes freely each time."""

    speech: Audio
    dictations: tuple[Dictation, ...]
    written: tuple[Written, ...]

    @classmethod
    def of(cls, speech: Audio, moonshine: Moonshine) -> "Sound":
        """Listened to once."""
        dictation = moonshine.listen(speech)
        return cls(speech, (dictation,), (dictation.write(),))

    def again(self, moonshine: Moonshine) -> "Sound":
        """Listened to more slowly as well."""
        dictation = moonshine.listen(self.speech, _SLOWER)
        return Sound(self.speech, (*self.dictations, dictation), (*self.written, dictation.write()))

    @property
    def seconds(self) -> float:
        """How long it was spoken."""
        return self.speech.seconds - _AROUND


@dataclass(frozen=True)
class Proposals:
    """Sentences of the grammar, the best first."""

    choices: tuple[Choice, ...]
    likeness: Likeness | None
    """What speaks for the best; None where there is none."""
    said: tuple[str, ...] = ()
    """What pocketsphinx heard, as far as it is a sentence."""

    @property
    def best(self) -> tuple[str, ...]:
        """Its words, or none."""
        return self.choices[0].words if self.choices else ()

    @property
    def other(self) -> tuple[str, ...]:
        """What else it may be: the other one's best; nothing where pocketsphinx heard no sentence."""
        if self.said != self.best:
            return self.said
        return next((one.words for one in self.choices[1:]), self.best)


class Together:
    """A network of words that both know; ``decoder`` listens for the same `Walk`."""

    def __init__(self, walk: Walk, moonshine: Moonshine, decoder: "Decoder") -> None:
        labels = walk.labels
        self._chooser = Chooser(walk, moonshine, lambda word: written(labels.get(word, word)))
        self._walk, self._decoder = walk, decoder

    def first(self, sound: Sound) -> Proposals:
        """What Moonshine proposes that listened once."""
        found = self._chooser.choose(sound.dictations[0], sound.seconds, self._decoder.phones_in, _CHOICES)
        return self._proposed(found, (), sound)

    def again(self, sound: Sound, first: Proposals) -> Proposals:
        """What it makes of these when it has listened twice."""
        slow = self._fit([one.words for one in first.choices], sound, sound.dictations[1:])
        choices = [
            replace(one, sound=(one.sound + other.sound) / 2)
            for one, other in zip(first.choices, slow, strict=True)
        ]
        return self._proposed(choices, (), sound)

    def said(self, speech: Audio) -> tuple[str, ...]:
        """What pocketsphinx hears, as far as it is a sentence."""
        return without_tail(self._decoder.follow(speech), self._walk)

    def both(self, sound: Sound, before: Proposals, said: tuple[str, ...] | None = None) -> Proposals:
        """The same after pocketsphinx has listened, too, which heard ``said``."""
        if said is None:
            said = self.said(sound.speech)
        choices = list(before.choices)
        if said and all(choice.words != said for choice in choices):
            choices += self._fit([said], sound, sound.dictations)
        return self._proposed(choices, said, sound)

    def _fit(
        self, several: Sequence[tuple[str, ...]], sound: Sound, dictations: Sequence[Dictation]
    ) -> list[Choice]:
        if not several:
            return []
        return self._chooser.fit(several, dictations, sound.seconds, self._decoder.phones_in)

    def _proposed(self, choices: Sequence[Choice], said: tuple[str, ...], sound: Sound) -> Proposals:
        ranked = tuple(sorted(choices, key=lambda one: weighed(one, said), reverse=True))
        found = likeness(ranked, said, sound.written, self._decoder.phones_in) if ranked else None
        return Proposals(ranked, found, said)


def without_tail(words: Sequence[str], walk: Walk) -> tuple[str, ...]:
    """The words without some at the end that are too many; none where the grammar lost its way."""
    for end in range(len(words), max(len(words) - _LONGEST_TAIL - 1, 0), -1):
        if walk.follows(words[:end]):
            return tuple(words[:end])
    return ()
