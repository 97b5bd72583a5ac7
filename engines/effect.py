"""What a split of money over channel lines is expected to bring, how sure that is, and how bold."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import numpy as np

from engines.caution import tail_mean
from engines.response import Estimate, Fit, Floats, Refusal, estimate

SMALL_MOVE, LARGE_MOVE = 0.10, 0.30
"""Shares of the budget moved up to which risk is low, and above which it is high."""

FAR_BEYOND = 1.5
"""Times a line's greatest spend above which risk is high; up to once it is low."""

SMALL_LOSS, LARGE_LOSS = 0.10, 0.30
"""Probabilities of doing worse up to which risk is low, and above which it is high."""

WORST = 0.10
"""Share of the draws that count as the worst."""

RISK_RULE = (
    f"low: at most {SMALL_MOVE:.0%} of the budget changes, no line goes beyond its greatest spend so far, "
    f"and the probability of doing worse is at most {SMALL_LOSS:.0%}; high: more than {LARGE_MOVE:.0%} "
    f"changes, or a line goes beyond {FAR_BEYOND} times its greatest spend, or that probability exceeds "
    f"{LARGE_LOSS:.0%}; else medium"
)

MODEL_DOUBT = 0.02
"""Probability kept back for the curves being wrong altogether; then either split may be the better one."""

CONFIDENCE_MEANING = (
    "the share of curves drawn from what the history allows under which the proposal brings more than the "
    f"present split of the same budget; {MODEL_DOUBT:.0%} is kept back for what no curve foresees"
)


class Risk(StrEnum):
    """How bold a proposal is, by `RISK_RULE`."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Line:
    """A channel line with its money a month and what is known of its response."""

    id: int
    channel: str
    name: str
    allocated: Decimal
    fit: Fit | Refusal
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    campaign: str = ""
    """What its campaign is called; lines of one change together at most as far as a limit allows."""


@dataclass(frozen=True)
class Effect:
    """Expected outcome a month of the lines with curves, with 90 % ranges from the curves' draws."""

    now: Estimate
    """At the present allocation."""
    proposed: Estimate
    baseline: Estimate
    """Of the present split scaled to the proposal's total: the same as ``now`` where the total stays."""
    gain: Estimate
    """Proposed over baseline."""
    change: Estimate
    """Proposed over now; the same as ``gain`` where the total stays."""
    worst: float
    """Mean gain of the worst `WORST` of the draws."""
    confidence: float
    """See `CONFIDENCE_MEANING`; a draw that brings the same counts half."""


def expected_effect(lines: Sequence[Line], after: Sequence[Decimal]) -> Effect:
    """What the curves expect of giving each line its money in ``after`` a month.

    Lines without a curve are left out on both sides. The baseline is the present split scaled to what
    ``after`` sums to (an even split where nothing is allocated now).
    """
    now = [line.allocated for line in lines]
    before, total = sum(now), sum(after)
    if before == total:
        scaled = [float(amount) for amount in now]
    else:
        scaled = [
            float(amount / before if before else Fraction(1, len(now))) * float(total) for amount in now
        ]
    at_now, now_draws = _outcomes(lines, [float(amount) for amount in now])
    at_scaled, scaled_draws = _outcomes(lines, scaled)
    at_after, after_draws = _outcomes(lines, [float(amount) for amount in after])
    gains = after_draws - scaled_draws
    return Effect(
        now=estimate(at_now, now_draws),
        proposed=estimate(at_after, after_draws),
        baseline=estimate(at_scaled, scaled_draws),
        gain=estimate(at_after - at_scaled, gains),
        change=estimate(at_after - at_now, after_draws - now_draws),
        worst=tail_mean(gains, WORST),
        confidence=MODEL_DOUBT / 2 + (1 - MODEL_DOUBT) * float((gains > 0).mean() + (gains == 0).mean() / 2),
    )


def _outcomes(lines: Sequence[Line], money: Sequence[float]) -> tuple[float, Floats]:
    """Expected outcome of all lines with a curve, and the same under each draw."""
    fitted = [
        (line.fit, amount)
        for line, amount in zip(lines, money, strict=True)
        if not isinstance(line.fit, Refusal)
    ]
    count = min((len(fit.draws.half) for fit, _ in fitted), default=1)
    drawn = np.zeros(count)
    for fit, amount in fitted:
        drawn += fit.draws.at(amount)[:count]
    return sum(fit.curve.at(amount) for fit, amount in fitted), drawn


def risk_of(lines: Sequence[Line], after: Sequence[Decimal], confidence: float) -> Risk:
    """How bold it is to give each line its money in ``after``, by `RISK_RULE`."""
    changes = [new - line.allocated for line, new in zip(lines, after, strict=True)]
    added = sum(max(change, Decimal(0)) for change in changes)
    taken = sum(max(-change, Decimal(0)) for change in changes)
    budget = max(sum(line.allocated for line in lines), sum(after))
    moved = float(max(added, taken) / budget) if budget else 0.0
    beyond = max((_beyond(line, new) for line, new in zip(lines, after, strict=True)), default=0.0)
    loss = 1 - confidence if moved else 0.0
    if moved > LARGE_MOVE or beyond > FAR_BEYOND or loss > LARGE_LOSS:
        return Risk.HIGH
    return Risk.LOW if moved <= SMALL_MOVE and beyond <= 1 and loss <= SMALL_LOSS else Risk.MEDIUM


def _beyond(line: Line, after: Decimal) -> float:
    """Times a line's greatest spend so far that it is raised to; 0 where it is not raised or not known."""
    if isinstance(line.fit, Refusal) or after <= line.allocated or not line.fit.greatest_spend:
        return 0.0
    return float(after) / line.fit.greatest_spend
