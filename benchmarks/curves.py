"""Response curves and stated confidence against the hidden truth of whole portfolios.

``python -m benchmarks.curves [--portfolios 6]``

Each portfolio is filled as `gtm fill` does, its truth in a file beside it. Curves are fitted from what is in
the database alone; then every active campaign and venture is optimized in steps of ±30 % a line and freely,
and the truth says whether the proposed split is better.
"""

import argparse
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from engines.effect import Line
from engines.optimum import Constraints, optimize
from engines.pooling import fit_together
from engines.response import MONTH_DAYS, Day, Fit, Refusal
from engines.terms import CampaignStatus
from engines.worlds import WARM_UP, Kind, World, draw_world
from storage import migrate
from storage.campaigns import campaigns_of
from storage.database import Database
from storage.performance import history
from storage.synthetic import DEFAULT_RECORDS, fill, read_truth

AS_OF = date(2026, 11, 20)
TIMES = (0.5, 0.7, 1.0, 1.3, 2.0)
STEPS = {"±30 % a line": Constraints(max_change=Decimal("0.3")), "free": Constraints()}
CLASSES = (0.0, 0.5, 0.8, 0.9, 0.97, 1.0)

Truth = Callable[[float], float]


@dataclass(frozen=True)
class Portfolio:
    """Every active line with its fit, by what is optimized together, and the truth of each line."""

    together: dict[tuple[str, int], list[Line]]
    truth: dict[int, Truth]
    seconds: float


def portfolio(folder: Path, seed: int) -> Portfolio:
    """Fill one and fit its active lines."""
    database = Database(f"sqlite:///{folder / f'{seed}.db'}")
    migrate.upgrade(database)
    hidden = folder / f"{seed}.json.gz"
    now = datetime.fromisoformat(f"{AS_OF}T12:00:00+00:00")
    fill(database, records=DEFAULT_RECORDS, seed=seed, as_of=AS_OF, now=now, truth_file=hidden)
    with database.read() as connection:
        active = [one for one in campaigns_of(connection) if one.status == CampaignStatus.ACTIVE]
        ids = [line.id for one in active for line in one.lines]
        days = history(connection, ids, AS_OF - timedelta(days=1), 364)
    begun = time.process_time()
    fits: dict[int, Fit | Refusal] = {}
    for venture in {one.venture_id for one in active}:
        own = [line.id for one in active if one.venture_id == venture for line in one.lines]
        fits |= fit_together({line: days[line] for line in own})
    seconds = (time.process_time() - begun) / len(ids)
    together: defaultdict[tuple[str, int], list[Line]] = defaultdict(list)
    for one in active:
        for line in one.lines:
            known = Line(line.id, line.channel, f"line {line.id}", line.allocated, fits[line.id])
            together["campaign", one.id].append(known)
            together["venture", one.venture_id].append(known)
    return Portfolio(dict(together), dict(truths(read_truth(hidden))), seconds)


def truths(document: dict[str, Any]) -> Iterator[tuple[int, Truth]]:
    """Revenue a month of each line at a steady spend in a neutral season."""
    for venture in document["ventures"].values():
        for key, line in venture["lines"].items():
            yield int(key), _truth(line)


def _truth(line: dict[str, float]) -> Truth:
    def revenue(spend: float) -> float:
        if spend <= 0:
            return 0.0
        reached = 1 / (1 + (line["half_saturation"] * MONTH_DAYS / spend) ** line["slope"])
        return float(line["max_effect"] * line["order_value"] * MONTH_DAYS * reached)

    return revenue


def main() -> None:
    """Print what the bands hold and what the confidence is worth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portfolios", type=int, default=6)
    options = parser.parse_args()
    held: Counter[float] = Counter()
    refused: Counter[str] = Counter()
    fitted, seconds = 0, []
    proposals: defaultdict[tuple[str, str], list[tuple[float, float, float, float, float]]] = defaultdict(
        list
    )
    for seed in range(1, options.portfolios + 1):
        with tempfile.TemporaryDirectory() as folder:
            made = portfolio(Path(folder), seed)
        seconds.append(made.seconds)
        for (kind, _), lines in made.together.items():
            for line in lines if kind == "campaign" else ():
                if isinstance(line.fit, Fit):
                    fitted += 1
                    held.update(inside(line, line.fit, made.truth[line.id]))
                else:
                    refused[line.fit.code] += 1
            for step, rules in STEPS.items():
                row = proposal(lines, rules, made.truth)
                if row is not None:
                    proposals[kind, step].append(row)
    print(f"{fitted} curves, {np.mean(seconds) * 1000:.0f} ms CPU each; refused: {dict(refused) or 'none'}")
    print("truth inside the 90 % band, by spend over present money:")
    print("  " + ", ".join(f"{times}: {held[times] / fitted:.1%}" for times in TIMES))
    for (kind, step), rows in sorted(proposals.items()):
        report(f"{kind}s, {step}", np.array(rows))
    for market in (Kind.NOISE, Kind.FLAT, Kind.MOVING, Kind.TUNED):
        told(market, options.portfolios)


def told(kind: Kind, seeds: int) -> None:
    """How many lines of the markets of `engines.worlds` still have a curve after months."""
    for days in (0, 120):
        fits = [
            fit
            for seed in range(1, seeds + 1)
            for fit in fit_together(
                dict(enumerate(days_of(draw_world(kind, seed, AS_OF.toordinal(), days + 1))))
            ).values()
        ]
        curves = sum(isinstance(fit, Fit) for fit in fits)
        print(f"market {kind}, {(WARM_UP + days) // 7} weeks: {curves} of {len(fits)} lines have a curve")


def days_of(world: World) -> list[list[Day]]:
    """The days of each line up to the last, the money left as it is."""
    carried = world.budget / MONTH_DAYS
    lines: list[list[Day]] = [[] for _ in carried]
    for place in range(world.days - 1):
        spend = world.budget / MONTH_DAYS * world.pace[:, place]
        day = world.day(place, spend, carried)
        carried = day.carried
        on = date.fromordinal(int(world.ordinals[place]))
        for line, (paid, brought) in enumerate(zip(spend, day.revenue, strict=True)):
            lines[line].append(Day(on, Decimal(str(round(paid, 2))), Decimal(str(round(brought, 2)))))
    return lines


def inside(line: Line, fit: Fit, truth: Truth) -> Iterator[float]:
    """Multiples of the present money at which the band holds the truth."""
    for times in TIMES:
        spend = times * float(line.allocated)
        band = fit.expected(spend)
        if band.low <= truth(spend) <= band.high:
            yield times


def proposal(
    lines: list[Line], rules: Constraints, truth: dict[int, Truth]
) -> tuple[float, float, float, float, float] | None:
    """Confidence, whether better in truth, whether its range holds the gain, gains promised and true."""
    found = optimize(lines, sum((line.allocated for line in lines), Decimal(0)), "USD", constraints=rules)
    if isinstance(found, Refusal) or not found.moved:
        return None
    known = [move for move in found.moves if move.marginal is not None]
    now = sum(truth[move.id](float(move.before)) for move in known)
    gain = sum(truth[move.id](float(move.after)) for move in known) - now
    promised = found.effect.gain
    return (
        found.effect.confidence,
        float(gain > 0),
        float(promised.low <= gain <= promised.high),
        promised.value / now,
        gain / now,
    )


def report(title: str, rows: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    """One kind of proposal: means, then stated and true by class of confidence."""
    stated, better, inside_, promised, true = rows.mean(axis=0)
    print(
        f"{title}: {len(rows)} proposals, stated {stated:.3f}, better in truth {better:.3f}; "
        f"range holds the gain {inside_:.1%}; gain promised {promised:+.1%}, true {true:+.1%}"
    )
    for low, high in pairwise(CLASSES):
        some = rows[(rows[:, 0] > low) & (rows[:, 0] <= high)]
        if len(some):
            print(
                f"    {low:.2f}–{high:.2f}: {len(some):>4}, stated {some[:, 0].mean():.3f}, "
                f"better in truth {some[:, 1].mean():.3f}"
            )


if __name__ == "__main__":
    main()
