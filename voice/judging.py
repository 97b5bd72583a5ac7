"""How sure embedded ears may be of what they heard."""

from dataclasses import astuple, dataclass
from math import exp

from rapidfuzz.distance import Levenshtein

from voice.sphinx import Heard, Piece


@dataclass(frozen=True)
class Traits:
    """What tells a command from speech that only resembles one."""

    disagreement: float
    """Edit distance of grammar and trigram, in words, as a share of the longer one."""
    phone_distance: float
    """Edit distance of the expected and the heard phones, as a share of the longer."""
    worst_name: float
    """The same within the live name that fits least; 0 without names."""
    misfit: float = 0.0
    """How much better bare phones fit the sound than the grammar's words: natural logarithms a frame."""


MOST_DISAGREEMENT, MOST_PHONE_DISTANCE = 0.5, 0.7
"""Beyond these nothing was understood."""
WEIGHTS = (-7.17, -0.06, -1.70, -0.25)
BIAS = 3.89
"""Of the traits in order: a logistic regression on 630 clips of the tuning voices, 252 of them commands (a
third clean, the rest in noise), 300 other sentences (a third in noise) and 78 with names nobody has."""
LEAST = 0.45
"""Below this confidence nothing was understood: beyond it were 5 of those 300 other sentences."""
SURE = 0.6
"""From here on, and where both opinions mean the same, a command may be carried out without asking."""


def traits(heard: Heard, plain: tuple[str, ...], named: tuple[int, ...]) -> Traits:
    """The traits of an utterance.

    ``plain`` are the grammar's spoken words, ``named`` the places of live names among its words.
    """
    expected = [phone.text for phone in heard.expected]
    phones = [phone.text for phone in heard.phones]
    names = [_within(heard, heard.grammar[at]) for at in named if at < len(heard.grammar)]
    return Traits(
        disagreement=_share(list(plain), list(heard.trigram)),
        phone_distance=_share(expected, phones),
        worst_name=max(names, default=0.0),
        misfit=(heard.phone_score - heard.grammar_score) / max(heard.frames, 1),
    )


def is_far_off(heard: Heard, plain: tuple[str, ...]) -> bool:
    """Whether any grammar's words are unlike the speech: the plain rule, for grammars nothing is tuned on."""
    found = traits(heard, plain, ())
    return found.disagreement > MOST_DISAGREEMENT or found.phone_distance > MOST_PHONE_DISTANCE


def confidence(found: Traits) -> float:
    """The probability that the words are those that were said."""
    sum_ = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, astuple(found), strict=True))
    return 1 / (1 + exp(-max(min(sum_, 50.0), -50.0)))


def _share(one: list[str], other: list[str]) -> float:
    return Levenshtein.distance(one, other) / max(len(one), len(other), 1)


def _within(heard: Heard, word: Piece) -> float:
    """The share of a word's phones that were not heard where it stands."""
    expected = [phone.text for phone in heard.expected if word.start <= phone.start <= word.end]
    phones = [
        phone.text
        for phone in heard.phones
        if min(phone.end, word.end) - max(phone.start, word.start) + 1 > phone.frames / 2
    ]
    return _share(expected, phones)
