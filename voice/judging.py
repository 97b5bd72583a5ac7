"""How sure embedded ears may be of what they heard."""

import re
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from math import exp

from rapidfuzz.distance import Levenshtein

from voice.choosing import Choice
from voice.confusions import evidence
from voice.moonshine import Written
from voice.pronouncing import spoken
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
LEAST_FREE = 0.5
"""Below this confidence nothing was understood of what Moonshine writes freely."""
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
    return _probability(BIAS, WEIGHTS, astuple(found))


def _probability(bias: float, weights: Sequence[float], values: Sequence[float]) -> float:
    sum_ = bias + sum(weight * value for weight, value in zip(weights, values, strict=True))
    return min(1 / (1 + exp(-max(min(sum_, 50.0), -50.0))), MOST_SURE)


def _share(one: Sequence[str], other: Sequence[str]) -> float:
    return Levenshtein.distance(one, other) / max(len(one), len(other), 1)


@dataclass(frozen=True)
class Likeness:
    """What tells whether the sentence that fits best is what was said, where Moonshine listens, too."""

    is_of_both: float
    """1 where pocketsphinx heard the same, else 0; 0, too, where it was not asked."""
    is_first: float
    """1 where pocketsphinx heard the same and Moonshine finds none that fits better, else 0."""
    margin: float
    """By how much it fits better than the next sentence, in nats within `MOST_MARGIN`."""
    gap: float
    """By how much what Moonshine writes freely fits better, in nats from 0 to `MOST_GAP`."""
    gap_a_phone: float
    length: float
    """As `Choice.length`, within `LEAST_LENGTH`."""
    phones: float
    """Within `MOST_PHONES`."""
    free: float
    """How sure Moonshine is of what it writes freely: the logarithm of the probability a piece of a word."""
    distance: float
    """Of the letters of the sentence and of what is written freely: edits as a share of the longer."""
    short: float
    """One by the number of phones: of a short sentence little can be told."""
    short_of_both: float
    """The same where pocketsphinx heard it, else 0."""
    nearest: float
    """`distance` at the pace at which it is least."""
    unsteady: float
    """The same distance between what is written freely at one pace and at another; 0 for a single one."""


MOST_MARGIN, MOST_GAP, LEAST_LENGTH, MOST_PHONES, LEAST_FREELY = 15.0, 40.0, -4.0, 40.0, -2.0
_LETTERS = re.compile(r"[^a-z]")
OF_BOTH = 6.0
"""Nats that a sentence gains in the choice where pocketsphinx heard it."""
LIKENESS_WEIGHTS = (
    *(2.7293, -0.9992, 0.1101, -0.1032, -1.649, 1.7615, -0.0159, -2.1308),
    *(-1.5584, 19.7976, 6.4517, -5.6529, 1.8221),
)
LIKENESS_BIAS = 1.9462
"""Of the traits in order: a logistic regression on 1,212 clips of the tuning voices, weighed as
`benchmarks.fit_ears` says: of a hundred utterances 36 are none of our business, 42 are in noise."""
LEAST_LIKELY = 0.6
"""Below this confidence what was heard is none of the sentences that can be said."""
LEAST_ASKED = 0.4
"""The same where Moonshine has not heard other words well: what it wrote is the second opinion then, and a
question is asked where that, too, resembles something we do."""
FAIRLY = 0.8
"""Below this confidence what Moonshine writes freely is the second opinion, if it is sure of that, beyond it
another sentence."""
ALONE, AHEAD = 0.95, 1.0
"""From this confidence, and this margin to the next sentence, on a second opinion is not needed."""
FIRST_WEIGHTS = (
    *(0.0, 0.0, 0.1984, -0.1068, -1.728, 1.631, 0.03, -0.6193),
    *(-2.7036, 28.1333, 0.0, -2.7036, 0.0),
)
FIRST_BIAS = 1.3823
"""The same when Moonshine has listened once."""
AGAIN_WEIGHTS = (
    *(0.0, 0.0, 0.2025, -0.0726, -2.0217, 1.5511, 0.0046, 0.1576),
    *(-1.7508, 23.2815, 0.0, -4.5852, 1.9484),
)
AGAIN_BIAS = 1.9553
"""The same when it has listened twice."""
MOST_SURE = 0.99
"""Nothing heard is surer: no more can be told from a thousand clips."""
CLEAR = 0.97
"""From this confidence on nobody is asked further."""
HOPELESS, SURELY_FREE = 0.05, 0.7
"""Below the one nobody is asked further about free speech of which Moonshine is as sure as the other."""
WRITTEN_FREELY = MOST_SURE
"""The confidence where Moonshine, which knows no grammar, writes one of its sentences."""


def weighed(choice: Choice, said: tuple[str, ...]) -> float:
    """How well a sentence fits, ``said`` being what pocketsphinx heard."""
    return choice.score + OF_BOTH * (choice.words == said)


def likeness(
    choices: Sequence[Choice],
    said: tuple[str, ...],
    written: Sequence[Written],
    phones: Callable[[str], int],
) -> Likeness:
    """What speaks for the first of the choices, which are in the order of `weighed`.

    ``written`` is what Moonshine writes freely, at its own pace first. ``phones`` tells how many a word has.
    """
    best, *others = choices
    is_of_both = best.words == said
    margin = min([best.score - one.score for one in others], default=MOST_MARGIN)
    count = max(sum(map(phones, best.words)), 1)
    mean = sum(free.score for free in written) / len(written)
    gap = max(0.0, min(mean - best.sound, MOST_GAP))
    letters = _LETTERS.sub("", "".join(best.words))
    distances = [_share("".join(spoken(free.text)), letters) for free in written]
    return Likeness(
        is_of_both=float(is_of_both),
        is_first=float(is_of_both and margin >= 0),
        margin=max(-MOST_MARGIN, min(margin, MOST_MARGIN)),
        gap=gap,
        gap_a_phone=gap / count,
        length=max(best.length, LEAST_LENGTH),
        phones=min(float(count), MOST_PHONES),
        free=sum(map(_a_piece, written)) / len(written),
        distance=distances[0],
        short=1 / count,
        short_of_both=is_of_both / count,
        nearest=min(distances),
        unsteady=unsteady(written),
    )


def unsteady(written: Sequence[Written]) -> float:
    """How far what is written at one pace is from what is written at another: letters, as a share."""
    return _share(*("".join(spoken(free.text)) for free in written)) if len(written) > 1 else 0.0


def _a_piece(free: Written) -> float:
    return max(free.score / max(free.pieces, 1), LEAST_FREELY)


def likely_first(found: Likeness) -> float:
    """The probability that the best sentence means what was said, when Moonshine has listened once."""
    return _probability(FIRST_BIAS, FIRST_WEIGHTS, astuple(found))


def likely_again(found: Likeness) -> float:
    """The same when it has listened twice."""
    return _probability(AGAIN_BIAS, AGAIN_WEIGHTS, astuple(found))


def likely(found: Likeness) -> float:
    """The same when pocketsphinx has listened, too."""
    return _probability(LIKENESS_BIAS, LIKENESS_WEIGHTS, astuple(found))


@dataclass(frozen=True)
class Freedom:
    """What tells whether free speech was written down rightly."""

    a_piece: float
    """As `Likeness.free`."""
    whole: float
    """The logarithm of the probability of the whole, within `MOST_GAP`."""
    unsteady: float
    """As `Likeness.unsteady`."""


FREE_WEIGHTS = (1.296, 0.4731, -2.3715)
FREE_BIAS = 1.7776
"""Of the traits in order: a logistic regression on such clips, as `benchmarks.fit_ears` weighs them."""


def freedom(written: Sequence[Written]) -> Freedom:
    """The traits of what Moonshine writes freely, at its own pace first."""
    first = written[0]
    return Freedom(_a_piece(first), max(first.score, -MOST_GAP), unsteady(written))


def freely(found: Freedom) -> float:
    """The probability that what Moonshine writes freely is what was said."""
    return _probability(FREE_BIAS, FREE_WEIGHTS, astuple(found))
