"""Rules for campaigns: when a measured figure calls for a remedy, and how sure that is.

A rule says what is too much or too little. Whether a remedy may be carried out without a person is decided in
`engines.restraint`, what it is expected to bring in `engines.remedy`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from math import exp

from engines.effect import Risk
from engines.metrics import METRICS, Facts, Totals, Unit


class Remedy(StrEnum):
    """What a rule calls for."""

    BUDGET = "budget"
    """Change the campaign's money."""
    PAUSE = "pause"
    """Pause the campaign."""
    BIDS = "bids"
    AUDIENCE = "audience"
    CREATIVES = "creatives"

    @property
    def is_ours(self) -> bool:
        """Whether it can be carried out here; bids, audiences and creatives are with the ad platforms."""
        return self in (Remedy.BUDGET, Remedy.PAUSE)


@dataclass(frozen=True)
class Rule:
    """A metric, the level it must not cross, and what is to be done where it does."""

    name: str
    metric: str
    is_above: bool
    """Whether the metric is too high above the level; else it is too low below it."""
    level: Decimal
    of_target: bool
    """Whether the level is a multiple of the campaign's target for the metric."""
    days: int
    """Full days the metric is measured over."""
    remedy: Remedy
    confidence: Decimal
    """Stated: that the remedy makes the campaign bring more."""
    risk: Risk
    change: Decimal | None = None
    """Of budget or bids, as a share: -0.2 takes a fifth away."""
    in_steps: bool = False
    """Whether a change greater than is allowed a day is made in steps, as long as the rule holds."""
    least: Mapping[str, Decimal] = field(default_factory=dict)
    """Totals there must be before the metric means anything."""


@dataclass(frozen=True)
class Observed:
    """What is known of a campaign; money in its own currency."""

    id: int
    name: str
    currency: str
    totals: Mapping[int, Totals]
    """Of its last full days, by how many."""
    targets: Mapping[str, Decimal] = field(default_factory=dict)
    """Targets by metric."""
    rate: Decimal = Decimal(1)
    """Units of its currency for one of the currency that levels of money are written in."""


@dataclass(frozen=True)
class Breach:
    """A rule that a campaign is on the wrong side of."""

    rule: Rule
    value: Decimal | None
    """None where money was spent and nothing at all came of it."""
    level: Decimal
    """In the campaign's currency, where it is money."""
    totals: Totals
    by_chance: float | None
    """Probability of counts this bad though the true metric is at the level; None where none is counted."""


@dataclass(frozen=True)
class Unjudged:
    """A rule that cannot be held against a campaign, and why."""

    rule: Rule
    why: str


def hold(rule: Rule, seen: Observed) -> Breach | Unjudged | None:
    """Hold a rule against a campaign; None where all is well. Nothing is guessed where data are missing."""
    totals = seen.totals[rule.days]
    for name, least in rule.least.items():
        if getattr(totals, name) < least:
            return Unjudged(rule, f"only {getattr(totals, name):,.0f} {_plain(name)}, it needs {least:,.0f}")
    metric = METRICS[rule.metric]
    level = rule.level
    if rule.of_target:
        target = seen.targets.get(rule.metric)
        if target is None:
            return Unjudged(rule, f"no target {metric.label} is known")
        level *= target
    elif metric.unit is Unit.MONEY:
        level *= seen.rate
    value = metric.compute(Facts(totals))
    top, bottom = metric.inputs if len(metric.inputs) == 2 else ("", "")
    if value is None:
        return _without_value(rule, totals, level, top, bottom)
    if value <= level if rule.is_above else value >= level:
        return None
    return Breach(rule, value, level, totals, _by_chance(rule, totals, level, top, bottom))


def _without_value(rule: Rule, totals: Totals, level: Decimal, top: str, bottom: str) -> Breach | Unjudged:
    """A metric that cannot be computed: money for nothing is a breach where something was to be expected."""
    chance = _by_chance(rule, totals, level, top, bottom)
    if rule.is_above and top == "spend" and chance is not None and chance < MOST_CHANCE:
        return Breach(rule, None, level, totals, chance)
    missing = _plain(bottom) if bottom else METRICS[rule.metric].label
    return Unjudged(rule, f"no {missing} are recorded")


MOST_CHANCE = 0.05
"""Probability of none at all by chance up to which none counts as too few."""

_COUNTS = ("clicks", "leads", "conversions", "new_customers")


def _by_chance(rule: Rule, totals: Totals, level: Decimal, top: str, bottom: str) -> float | None:
    """Poisson probability of counts at least as bad as seen, were the true metric at the level.

    Of a cost a count (CPC, CAC …) the counts are what the money should have brought; of a rate of counts
    (CTR, conversion rate) what the ones below should have brought. Other metrics are not counted.
    """
    if level <= 0:
        return None
    if top == "spend" and bottom in _COUNTS and rule.is_above:
        return _at_most(getattr(totals, bottom), float(totals.spend / level))
    if top in _COUNTS and bottom in ("impressions", *_COUNTS) and not rule.is_above:
        return _at_most(getattr(totals, top), float(getattr(totals, bottom) * level))
    return None


def _at_most(count: int, expected: float) -> float:
    """Probability of at most ``count`` where so many are expected; beyond 500 by the normal curve."""
    if expected > 500:
        from statistics import NormalDist

        return NormalDist(expected, expected**0.5).cdf(count + 0.5)
    term = total = exp(-expected)
    for number in range(1, count + 1):
        term *= expected / number
        total += term
    return min(total, 1.0)


def _plain(name: str) -> str:
    return name.replace("_", " ")


LEAST_EXPECTED = 10.0
"""Conversions that silent days should have brought from which on their silence is the tracking's."""


def silent_since(days: Sequence[tuple[date, Totals]]) -> date | None:
    """The day from which on money is spent and no conversion is recorded though `LEAST_EXPECTED` were due.

    ``days`` in order of time. What was due goes by the conversions a unit of money of the days before: with
    ten expected, none is seen in one of 22,000 cases.
    """
    silent: list[tuple[date, Totals]] = []
    for day, totals in reversed(days):
        if totals.conversions or totals.revenue:
            break
        if totals.spend:
            silent.insert(0, (day, totals))
    if not silent:
        return None
    before = sum((totals for day, totals in days if day < silent[0][0]), Totals())
    if not before.spend:
        return None
    spent = sum((totals.spend for _, totals in silent), Decimal(0))
    due = float(Decimal(before.conversions) * spent / before.spend)
    return silent[0][0] if due >= LEAST_EXPECTED else None
