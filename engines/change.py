"""Why a metric changed between two periods: by part (channel, campaign …) and by driver, adding up exactly.

A total is taken as volume times rate a part (revenue = spend × ROAS), a ratio as the parts' rates weighted by
their shares of the denominator. Effects are those of the symmetric two-factor split without a remainder,
``ΔV·(R0+R1)/2 + ΔR·(V0+V1)/2``: Sun, "A complete decomposition model" (Energy Economics 20, 1998); for two
factors it is the Shapley value (Ang, Liu & Chew, Energy Policy 31, 2003). They describe; they prove no cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from engines.metrics import METRICS, Facts, Totals
from engines.response import Refusal

K = TypeVar("K")

_ZERO = Decimal(0)

_VOLUMES = {
    "revenue": ("spend", "ROAS"),
    "conversions": ("clicks", "conversion rate"),
    "new_customers": ("spend", "new customers a unit of spend"),
    "leads": ("clicks", "leads a click"),
    "clicks": ("impressions", "CTR"),
    "impressions": ("spend", "impressions a unit of spend"),
    "reach": ("impressions", "reach an impression"),
    "spend": ("clicks", "CPC"),
}
"""What a total is taken to be a multiple of, and the name of the rate between them."""

_RATIOS = ("roas", "roi", "ctr", "conversion_rate", "cpc", "cpa", "cpl", "cpm", "aov", "cac")

EXPLAINED = (*_VOLUMES, "profit", *_RATIOS)
"""The metrics whose change can be explained."""


@dataclass(frozen=True)
class PartChange(Generic[K]):
    """What one part adds to the change."""

    key: K
    before: Decimal | None
    """The metric of the part alone; None where it cannot be computed."""
    now: Decimal | None
    contribution: Decimal
    """``mix + rate``."""
    mix: Decimal
    """Through how much of it there is: its volume, or for a ratio its share of the denominator."""
    rate: Decimal
    """Through how well it does."""


@dataclass(frozen=True)
class Driver:
    """A cause named in the metric's own terms, over all parts."""

    name: str
    contribution: Decimal


@dataclass(frozen=True)
class Change(Generic[K]):
    """A metric's change; the parts' contributions sum to it, and so do the drivers'."""

    metric: str
    before: Decimal
    now: Decimal
    parts: tuple[PartChange[K], ...]
    """Greatest contribution either way first."""
    drivers: tuple[Driver, ...]

    @property
    def difference(self) -> Decimal:
        """Now less before."""
        return self.now - self.before

    @property
    def relative(self) -> Decimal | None:
        """The difference over the size of what was before; None where that is 0."""
        return self.difference / abs(self.before) if self.before else None


def explain(metric: str, before: Mapping[K, Totals], now: Mapping[K, Totals]) -> Change[K] | Refusal:
    """Split the change of ``metric`` between two periods' totals by part; a part missing in one is all zeros.

    - A total (revenue, conversions …): drivers are the volume as a whole, its mix between parts, and the
      rates. A part without volume in one period changes by mix alone; outcome without volume counts as rate.
    - A ratio (ROAS, CPA …): a part's mix effect is its change of share times how much its rate differs from
      the whole's, so that growing where it is better than average counts for it.
    - Profit: drivers are revenue and spend.

    Exact but for the last digits of 28-digit decimals. Money is in one currency. Refuses a metric that is not
    in `EXPLAINED` and a ratio that is undefined in either period.
    """
    keys = list(dict.fromkeys([*before, *now]))
    pairs = {key: (before.get(key, Totals()), now.get(key, Totals())) for key in keys}
    if metric == "profit":
        return _profit(pairs)
    if metric in _VOLUMES:
        return _total(metric, pairs)
    if metric in _RATIOS:
        return _ratio(metric, pairs)
    return Refusal(
        "not_decomposable",
        f"a change of {METRICS[metric].label if metric in METRICS else metric} cannot be split into parts",
        f"ask for one of {', '.join(METRICS[name].label for name in EXPLAINED)}",
    )


@dataclass(frozen=True)
class _Pair:
    """A volume and an outcome, in two periods."""

    volumes: tuple[Decimal, Decimal]
    outcomes: tuple[Decimal, Decimal]

    @property
    def rates(self) -> tuple[Decimal | None, Decimal | None]:
        old, new = (y / x if x else None for x, y in zip(self.volumes, self.outcomes, strict=True))
        return old, new

    @property
    def mean_rate(self) -> Decimal:
        """Mean of the two rates; of one where the other is undefined, 0 where both are."""
        known = [rate for rate in self.rates if rate is not None]
        return sum(known, _ZERO) / len(known) if known else _ZERO

    @property
    def added_volume(self) -> Decimal:
        return self.volumes[1] - self.volumes[0]

    @property
    def added_outcome(self) -> Decimal:
        return self.outcomes[1] - self.outcomes[0]


def _values(pair: tuple[Totals, Totals], name: str) -> tuple[Decimal, Decimal]:
    old, new = (Decimal(getattr(totals, name)) for totals in pair)
    return old, new


def _whole(pairs: Mapping[K, tuple[Totals, Totals]]) -> tuple[Totals, Totals]:
    old, new = Totals(), Totals()
    for first, second in pairs.values():
        old, new = old + first, new + second
    return old, new


def _metric(name: str, totals: Totals) -> Decimal | None:
    return METRICS[name].compute(Facts(totals))


def _part(metric: str, key: K, pair: tuple[Totals, Totals], mix: Decimal, rate: Decimal) -> PartChange[K]:
    return PartChange(key, _metric(metric, pair[0]), _metric(metric, pair[1]), mix + rate, mix, rate)


def _ranked(parts: list[PartChange[K]]) -> tuple[PartChange[K], ...]:
    return tuple(sorted(parts, key=lambda part: (-abs(part.contribution), str(part.key))))


def _total(metric: str, pairs: Mapping[K, tuple[Totals, Totals]]) -> Change[K]:
    volume, rate_name = _VOLUMES[metric]
    parts = []
    for key, pair in pairs.items():
        one = _Pair(_values(pair, volume), _values(pair, metric))
        mix = one.added_volume * one.mean_rate
        parts.append(_part(metric, key, pair, mix, one.added_outcome - mix))
    whole = _whole(pairs)
    both = _Pair(_values(whole, volume), _values(whole, metric))
    overall = both.added_volume * both.mean_rate
    mixed = sum((part.mix for part in parts), _ZERO)
    drivers = (
        Driver(volume, overall),
        Driver(f"mix of {volume}", mixed - overall),
        Driver(rate_name, sum((part.rate for part in parts), _ZERO)),
    )
    return Change(metric, *both.outcomes, _ranked(parts), drivers)


def _profit(pairs: Mapping[K, tuple[Totals, Totals]]) -> Change[K]:
    parts, earned, saved = [], _ZERO, _ZERO
    for key, pair in pairs.items():
        (sold_before, sold), (spent_before, spent) = _values(pair, "revenue"), _values(pair, "spend")
        earned += sold - sold_before
        saved += spent_before - spent
        parts.append(_part("profit", key, pair, spent_before - spent, sold - sold_before))
    old, new = _whole(pairs)
    drivers = (Driver("revenue", earned), Driver("spend", saved))
    return Change("profit", old.revenue - old.spend, new.revenue - new.spend, _ranked(parts), drivers)


def _ratio(metric: str, pairs: Mapping[K, tuple[Totals, Totals]]) -> Change[K] | Refusal:
    top, bottom, times = _terms(metric)
    whole = _whole(pairs)
    sums = _values(whole, bottom)
    before, now = (_metric(metric, totals) for totals in whole)
    if before is None or now is None:
        period = "earlier" if before is None else "later"
        return Refusal(
            "undefined",
            f"{METRICS[metric].label} has no value in the {period} period: no {bottom.replace('_', ' ')}",
            "choose periods in which there is some",
        )
    tops = _values(whole, top)
    average = (tops[0] / sums[0] + tops[1] / sums[1]) / 2
    parts = []
    for key, pair in pairs.items():
        volumes, outcomes = _values(pair, bottom), _values(pair, top)
        one = _Pair(
            (volumes[0] / sums[0], volumes[1] / sums[1]), (outcomes[0] / sums[0], outcomes[1] / sums[1])
        )
        contribution = one.added_outcome - average * one.added_volume
        mix = one.added_volume * (one.mean_rate - average)
        parts.append(_part(metric, key, pair, mix * times, (contribution - mix) * times))
    drivers = (
        Driver(f"mix of {bottom.replace('_', ' ')}", sum((part.mix for part in parts), _ZERO)),
        Driver(f"{METRICS[metric].label} of the parts", sum((part.rate for part in parts), _ZERO)),
    )
    return Change(metric, before, now, _ranked(parts), drivers)


def _terms(metric: str) -> tuple[str, str, int]:
    """Numerator, denominator and factor; ROI moves as ROAS does."""
    if metric == "roi":
        return "revenue", "spend", 1
    top, bottom = METRICS[metric].inputs
    return top, bottom, 1000 if metric == "cpm" else 1
