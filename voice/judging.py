"""How sure embedded ears may be of what they heard."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from math import exp

from rapidfuzz.distance import Levenshtein

from voice.confusions import evidence
from voice.sphinx import Heard


@dataclass(frozen=True)
class Traits:
    """What tells a command from speech that only resembles one."""

    evidence: float
    """What bare phones say for the grammar's words, in nats within `MOST_EVIDENCE`; see `confusions`."""
    disagreement: float
    """Edit distance of the phones of the grammar's words and the trigram's, as a share of the longer."""
    misfit: float
    """How much better bare phones fit the sound than the grammar's words: natural logarithms a frame."""


MOST_DISAGREEMENT, MOST_PHONE_DISTANCE = 0.5, 0.7
"""Beyond these nothing was understood."""
MOST_EVIDENCE = 20.0
"""Either way: a long utterance would outweigh everything else."""
WEIGHTS = (0.036, -4.576, -0.815)
BIAS = 3.63
"""Of the traits in order: a logistic regression on 886 clips of the tuning voices, weighed so that of 105
there are 50 commands (20 of them 20 dB above noise, 10 at 10 dB), 3 in words that cannot be heard, 6 with a
name nobody has and 46 other sentences (24 in noise). The bias is 0.44 less than fitted, as if other speech
were half again as frequent."""
LEAST = 0.55
"""Below this confidence nothing was understood: beyond it were 5 of 452 other sentences of those."""
SURE = 0.6
"""From here on, and where both opinions mean the same, a command may be carried out without asking."""


def traits(heard: Heard) -> Traits:
    """The traits of an utterance."""
    expected = [phone.text for phone in heard.expected]
    found = evidence(expected, [phone.text for phone in heard.phones])
    return Traits(
        evidence=max(-MOST_EVIDENCE, min(found, MOST_EVIDENCE)),
        disagreement=_share(expected, heard.trigram_phones),
        misfit=(heard.phone_score - heard.grammar_score) / max(heard.frames, 1),
    )


def is_far_off(heard: Heard, plain: tuple[str, ...]) -> bool:
    """Whether any grammar's words are unlike the speech: the plain rule, for grammars nothing is tuned on.

    ``plain`` are the grammar's spoken words.
    """
    expected, phones = ([phone.text for phone in one] for one in (heard.expected, heard.phones))
    return _share(plain, heard.trigram) > MOST_DISAGREEMENT or _share(expected, phones) > MOST_PHONE_DISTANCE


def confidence(found: Traits) -> float:
    """The probability that the words are those that were said."""
    sum_ = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, astuple(found), strict=True))
    return 1 / (1 + exp(-max(min(sum_, 50.0), -50.0)))


def _share(one: Sequence[str], other: Sequence[str]) -> float:
    return Levenshtein.distance(one, other) / max(len(one), len(other), 1)
