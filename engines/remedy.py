"""What a change of a campaign's money is expected to bring: contribution a month, with a range.

Contribution is gross margin of revenue less spend. A line with a fitted response curve follows it; of one
without, returns are only known not to rise with spend, so a share more or less of its money brings or costs
anything from nothing to that share of its revenue, all alike likely. Pausing costs such a line all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from engines.effect import MODEL_DOUBT, Line
from engines.response import DRAWS, Estimate, Fit, Floats, estimate

WITHOUT_CURVE = (
    "of a line without a fitted curve a share of its money moves its revenue by anything from nothing to the "
    "same share"
)


@dataclass(frozen=True)
class Outlook:
    """What to expect of a change, a month."""

    contribution: Estimate
    """More of it than without the change, negative where less, with its 90 % range."""
    revenue: Estimate
    spend: Decimal
    """More of it."""
    confidence: float
    """Probability that the contribution rises, by the curves' draws and what is not known; as for any curve
    `engines.effect.MODEL_DOUBT` is kept back."""
    fitted: int
    """Lines with a curve."""
    lines: int


def outlook(
    lines: Sequence[Line], revenue: Sequence[Decimal], after: Sequence[Decimal], margin: Decimal
) -> Outlook:
    """What giving each line its money in ``after`` brings; ``revenue`` is what each brings a month now.

    ``margin`` is the share of revenue left after direct cost.
    """
    value, drawn = 0.0, np.zeros(DRAWS)
    for line, brings, then in zip(lines, revenue, after, strict=True):
        one, draws = _of_line(line, float(brings), then)
        value += one
        drawn += draws
    added = sum(after, Decimal(0)) - sum((line.allocated for line in lines), Decimal(0))
    share, cost = float(margin), float(added)
    gains = share * drawn - cost
    better = float((gains > 0).mean() + (gains == 0).mean() / 2)
    return Outlook(
        contribution=estimate(share * value - cost, gains),
        revenue=estimate(value, drawn),
        spend=added,
        confidence=MODEL_DOUBT / 2 + (1 - MODEL_DOUBT) * better,
        fitted=sum(isinstance(line.fit, Fit) for line in lines),
        lines=len(lines),
    )


def _of_line(line: Line, brings: float, after: Decimal) -> tuple[float, Floats]:
    """Revenue more a month: expected, and under each draw."""
    now, then = float(line.allocated), float(after)
    if isinstance(line.fit, Fit):
        drawn = line.fit.draws.at(then) - line.fit.draws.at(now)
        return line.fit.curve.at(then) - line.fit.curve.at(now), np.resize(drawn, DRAWS)
    if not now:
        return 0.0, np.zeros(DRAWS)
    moved = (then / now - 1) * brings
    if not then:
        return moved, np.full(DRAWS, moved)
    evenly = (np.arange(DRAWS) + 0.5) / DRAWS
    # Lines are doubtful each in its own way: their draws are shuffled apart.
    return moved / 2, moved * np.random.default_rng([line.id, DRAWS]).permutation(evenly)
