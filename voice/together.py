"""Moonshine and pocketsphinx listening to one grammar together."""

from collections.abc import Sequence
from dataclasses import dataclass
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
        """What else it may be: the other one's best."""
        if self.said != self.best:
            return self.said
        return next((one.words for one in self.choices[1:]), self.best)


class Together:
    """A network of words that both know; ``decoder`` listens for the same `Walk`."""

    def __init__(self, walk: Walk, moonshine: Moonshine, decoder: "Decoder") -> None:
        labels = walk.labels
        self._chooser = Chooser(walk, moonshine, lambda word: written(labels.get(word, word)))
        self._walk, self._decoder = walk, decoder

    def first(self, speech: Audio, sound: Dictation, free: Written) -> Proposals:
        """What Moonshine proposes, which wrote ``free`` without the grammar."""
        seconds, phones = speech.seconds - _AROUND, self._decoder.phones_in
        choices = tuple(self._chooser.choose(sound, seconds, phones, _CHOICES))
        return Proposals(choices, likeness(choices, (), free, phones) if choices else None)

    def both(self, speech: Audio, sound: Dictation, free: Written, first: Proposals) -> Proposals:
        """The same after pocketsphinx has listened, too."""
        seconds, phones = speech.seconds - _AROUND, self._decoder.phones_in
        said = without_tail(self._decoder.follow(speech), self._walk)
        choices = list(first.choices)
        if said and all(choice.words != said for choice in choices):
            choices.append(self._chooser.fit(said, sound, seconds, phones))
        choices.sort(key=lambda one: weighed(one, said), reverse=True)
        found = likeness(choices, said, free, phones) if choices else None
        return Proposals(tuple(choices), found, said)


def without_tail(words: Sequence[str], walk: Walk) -> tuple[str, ...]:
    """The words without some at the end that are too many; none where the grammar lost its way."""
    for end in range(len(words), max(len(words) - _LONGEST_TAIL - 1, 0), -1):
        if walk.follows(words[:end]):
            return tuple(words[:end])
    return ()
