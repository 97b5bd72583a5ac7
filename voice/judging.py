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
    grammar_fit: float = 0.0
    """Acoustic score of the grammar's words beside the best sounds, in natural logarithms a frame."""
    phone_fit: float = 0.0
    """The same of the bare phones."""
    shortness: float = 0.0
    """One over the number of words."""


MOST_DISAGREEMENT, MOST_PHONE_DISTANCE = 0.5, 0.7
"""Beyond these nothing was understood."""
WEIGHTS = (-5.21, -0.62, -1.44)
BIAS = 2.83
"""Of the traits in order: a logistic regression on 396 clips of ``benchmarks.voice --split tuning``."""
LEAST = 0.45
"""Below this confidence nothing was understood: two of 80 other sentences of those clips got past it."""
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
        grammar_fit=heard.grammar_score / max(heard.frames, 1),
        phone_fit=heard.phone_score / max(heard.frames, 1),
        shortness=1 / max(len(plain), 1),
    )


def is_far_off(heard: Heard, plain: tuple[str, ...]) -> bool:
    """Whether any grammar's words are unlike the speech: the plain rule, for grammars nothing is tuned on."""
    found = traits(heard, plain, ())
    return found.disagreement > MOST_DISAGREEMENT or found.phone_distance > MOST_PHONE_DISTANCE


def confidence(found: Traits) -> float:
    """The probability that the words are those that were said."""
    sum_ = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, astuple(found), strict=False))
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
