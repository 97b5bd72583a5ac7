"""Allocating a budget over hundreds of lines, beside SciPy's SLSQP on the same problem in the same run.

``python -m benchmarks.allocation [--lines 500] [--rounds 3]``

Concave curves go to both from the same start, the even split; SLSQP gets the gradient. Each is timed in CPU
seconds, best of the rounds. S-shaped curves are shown too: one start of SLSQP ends where it began to climb.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from scipy.optimize import minimize

from engines.allocation import Curves, Floats, Problem, allocate

T = TypeVar("T")

TOTAL = 50_000_000
"""In cents."""


def asked(lines: int, slopes: tuple[float, float], seed: int = 3) -> Problem:
    """``lines`` in 16 channels, none of which may get more than 30 %."""
    rng = np.random.default_rng(seed)
    curves = Curves.certain(
        rng.lognormal(10, 1, lines),
        TOTAL / lines * rng.lognormal(0, 0.7, lines),
        rng.uniform(*slopes, lines),
    )
    return Problem(
        curves,
        total=TOTAL,
        low=np.zeros(lines, np.int64),
        high=np.full(lines, TOTAL),
        now=np.zeros(lines, np.int64),
        group=np.arange(lines) % 16,
        floors=np.zeros(16, np.int64),
        limits=np.full(16, TOTAL * 3 // 10),
    )


def general(problem: Problem) -> tuple[float, bool]:
    """What SLSQP brings, and whether it says it has converged."""
    rows = np.stack([(problem.group == place).astype(float) for place in range(len(problem.limits))])
    scale = float(problem.curves.ceiling.sum())

    def loss(x: Floats) -> float:
        return -problem.outcome(np.maximum(x, 0) * TOTAL) / scale

    def slope(x: Floats) -> Floats:
        return -problem.curves.marginals(np.maximum(x, 0) * TOTAL) * TOTAL / scale

    count = len(problem.low)
    found = minimize(
        loss,
        np.full(count, 1 / count),
        jac=slope,
        bounds=[(0, 1)] * count,
        constraints=[
            {"type": "eq", "fun": lambda x: x.sum() - 1, "jac": lambda _x: np.ones(count)},
            {"type": "ineq", "fun": lambda x: 0.3 - rows @ x, "jac": lambda _x: -rows},
        ],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    return float(-found.fun * scale), bool(found.success)


def timed(work: Callable[[], T], rounds: int) -> tuple[T, float]:
    """What ``work`` gives, and its least CPU seconds."""
    seconds = []
    for _ in range(rounds):
        begun = time.process_time()
        result = work()
        seconds.append(time.process_time() - begun)
    return result, min(seconds)


def main() -> None:
    """Print one table; fail where the claims do not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(
        f"{'curves':<10} {'lines':>5} {'ours, CPU s':>12} {'SLSQP, CPU s':>13} {'times':>6} "
        f"{'value over SLSQP':>17}"
    )
    ratios = {}
    for name, slopes in (("concave", (1.0, 1.0)), ("S-shaped", (0.8, 3.0))):
        problem = asked(options.lines, slopes)
        found, ours = timed(partial(allocate, problem), options.rounds)
        (value, done), theirs = timed(partial(general, problem), 1)
        ratio = problem.outcome(found.units) / value
        ratios[name] = (theirs / ours, ratio)
        ended = "" if done else "  (SLSQP did not converge)"
        print(
            f"{name:<10} {options.lines:>5} {ours:>12.4f} {theirs:>13.2f} {theirs / ours:>6.0f} "
            f"{ratio - 1:>+17.2e}{ended}; nothing allowed is {found.gap:.1e} better"
        )
        assert problem.allows(found.units)
    assert ratios["concave"][0] >= 50, "less than 50 times quicker"
    assert all(ratio >= 1 - 1e-7 for _, ratio in ratios.values()), "a worse value"


if __name__ == "__main__":
    main()
