"""Markets that move while somebody acts in them: the hidden truth behind `gtm simulate`.

A world is one venture's channel lines with curves nobody sees (`engines.market`: carry-over, then Hill), and
what happens to them day by day: drift, season, weekdays, a competitor's launch, a tracker that breaks. Days
before `World.start` are history. Nothing here knows what is decided; nothing that decides may import this.
"""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engines.market import DAYS_A_MONTH, TRAITS, draw_season, hill
from engines.terms import Channel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WARM_UP = 168
"""Days of history before anybody decides."""

CAMPAIGNS = ("Spring Launch", "Always On", "Brand Push")
LINES_A_CAMPAIGN = 4
_CHANNELS = (
    Channel.EMAIL,
    Channel.PAID_SEARCH,
    Channel.PAID_SOCIAL,
    Channel.DISPLAY,
    Channel.VIDEO,
    Channel.AFFILIATE,
    Channel.SEO,
    Channel.INFLUENCER,
)

MONTHLY_BUDGET = 60_000.0
ORDER_VALUE = 80.0
_DRIFT = 0.03 / 7**0.5
"""Standard deviation of a day's change of a line's effect, in its logarithm."""


class Kind(StrEnum):
    """What kind of market it is."""

    MOVING = "moving"
    """Drift, season, a competitor's launch."""
    BROKEN = "broken"
    """The same, and the tracker of the line that earns most breaks for four weeks."""
    TUNED = "tuned"
    """Nothing drifts, and the money is split best already: whoever acts can only lose."""
    FLAT = "flat"
    """Every line is saturated: money brings the same wherever it is."""
    NOISE = "noise"
    """What is earned has nothing to do with what is spent."""


@dataclass(frozen=True, eq=False)
class World:
    """The hidden truth of a market; arrays have an element a line, or are lines by days."""

    kind: Kind
    seed: int
    ordinals: Ints
    """The days, as `date.toordinal` numbers."""
    channels: tuple[Channel, ...]
    campaign: tuple[int, ...]
    """Place of each line's campaign in `CAMPAIGNS`."""
    budget: Floats
    """Money a month of each line at the start."""
    decay: Floats
    half: Floats
    slope: Floats
    effect: Floats
    """Revenue a day that no spend exceeds, lines by days."""
    new_share: Floats
    """Share of orders that come from new customers."""
    broken: Flags
    """Where no outcome is recorded, lines by days."""
    pace: Floats
    """What is spent over what may be, lines by days."""

    @property
    def start(self) -> int:
        """Place of the first day on which somebody decides."""
        return WARM_UP

    @property
    def days(self) -> int:
        """Days in all."""
        return len(self.ordinals)

    def day(self, place: int, spend: Floats, carried: Floats) -> "Day":
        """What a day brings; ``carried`` is the adstock of the day before."""
        level = (1 - self.decay) * spend + self.decay * carried
        if self.kind is Kind.NOISE:
            expected = self.effect[:, place]
        else:
            expected = self.effect[:, place] * hill(level, self.half, self.slope)
        rows = [
            self._line(np.random.default_rng([self.seed, place, line, 3]), line, place, spend, expected)
            for line in range(len(spend))
        ]
        orders, new, revenue, clicks, impressions = (np.array(column) for column in zip(*rows, strict=True))
        return Day(level, orders, new, revenue, clicks, impressions, self.broken[:, place])

    def _line(
        self, rng: Generator, line: int, place: int, spend: Floats, expected: Floats
    ) -> tuple[int, int, float, int, int]:
        traits = TRAITS[self.channels[line]]
        sigma = 0.6 if self.kind is Kind.NOISE else 0.12
        noise = float(rng.lognormal(-sigma * sigma / 2, sigma))
        value = float(rng.normal(1.0, 0.05))
        orders = int(rng.poisson(expected[line] * noise / ORDER_VALUE))
        new = int(rng.binomial(orders, self.new_share[line]))
        cost = ORDER_VALUE * traits.order_rate / traits.roas
        clicks = max(int(rng.poisson(spend[line] / cost)), orders)
        impressions = round(clicks / traits.click_rate)
        return orders, new, orders * ORDER_VALUE * value, clicks, max(impressions, clicks)

    def as_document(self) -> dict[str, Any]:
        """Everything, for a file; `from_document` reads it."""
        return {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in asdict(self).items()
        }


def from_document(document: dict[str, Any]) -> World:
    """The world of `World.as_document`."""
    arrays = {
        key: np.array(document[key])
        for key in ("budget", "decay", "half", "slope", "effect", "new_share", "broken", "pace", "ordinals")
    }
    return World(
        kind=Kind(document["kind"]),
        seed=int(document["seed"]),
        channels=tuple(Channel(name) for name in document["channels"]),
        campaign=tuple(document["campaign"]),
        **arrays,
    )


@dataclass(frozen=True, eq=False)
class Day:
    """What a day brought, an element a line: the truth, of which only some is recorded."""

    carried: Floats
    orders: Ints
    new: Ints
    """Orders of new customers."""
    revenue: Floats
    clicks: Ints
    impressions: Ints
    unrecorded: Flags


def draw_world(kind: Kind, seed: int, first_ordinal: int, days: int) -> World:
    """A world of ``days`` to decide in after `WARM_UP` days from ``first_ordinal`` on."""
    rng = np.random.default_rng([seed, 41])
    count, length = len(CAMPAIGNS) * LINES_A_CAMPAIGN, WARM_UP + days
    ordinals = np.arange(first_ordinal, first_ordinal + length)
    picked = [rng.permutation(len(_CHANNELS))[:LINES_A_CAMPAIGN] for _ in CAMPAIGNS]
    channels = tuple(_CHANNELS[place] for of_campaign in picked for place in of_campaign.tolist())
    shares = rng.dirichlet(np.full(count, 6.0))
    budget = np.round(MONTHLY_BUDGET * shares, 2)
    daily = budget / DAYS_A_MONTH
    returns = np.array([TRAITS[channel].roas for channel in channels]) * rng.lognormal(-0.06, 0.35, count)
    decay = np.clip(np.array([TRAITS[channel].decay for channel in channels]), 0, 0.85)
    half, slope = daily * rng.uniform(0.5, 2.0, count), rng.uniform(0.9, 1.7, count)
    ceiling = returns * daily / hill(daily, half, slope)
    walk = np.cumsum(rng.normal(0, _DRIFT, (count, length)), axis=1)
    season = draw_season(rng, weekends=True).factors(ordinals)
    events = _launch(rng, count, length)
    world = World(
        kind=kind,
        seed=seed,
        ordinals=ordinals,
        channels=channels,
        campaign=tuple(place // LINES_A_CAMPAIGN for place in range(count)),
        budget=budget,
        decay=decay,
        half=half,
        slope=slope,
        effect=ceiling[:, None] * np.exp(walk) * season * events,
        new_share=rng.uniform(0.25, 0.45, count),
        broken=np.zeros((count, length), bool),
        pace=_pace(rng, count, length),
    )
    return _of_kind(world, ceiling, season)


def _launch(rng: Generator, count: int, length: int) -> Floats:
    """A competitor takes part of most lines for weeks."""
    factors = np.ones((count, length))
    begins = WARM_UP + int(rng.uniform(0.25, 0.6) * (length - WARM_UP))
    hit = rng.random(count) < 0.6
    factors[np.flatnonzero(hit)[:, None], np.arange(begins, min(begins + 45, length))] = rng.uniform(0.6, 0.8)
    return factors


def _pace(rng: Generator, count: int, length: int) -> Floats:
    """Before the start weeks of more, less and nothing, as people try things; then little."""
    week = np.arange(length) // 7
    weekly = rng.lognormal(-0.03, 0.25, (count, week[-1] + 1))
    dice = rng.random(weekly.shape)
    weekly = np.where(dice < 0.03, 0.0, np.where(dice > 0.95, weekly * 1.8, weekly))
    calm = rng.lognormal(-0.005, 0.1, weekly.shape)
    weekly = np.where(np.arange(weekly.shape[1]) * 7 < WARM_UP, weekly, calm)
    return np.asarray(weekly[:, week] * rng.lognormal(-0.00125, 0.05, (count, length)))


def _of_kind(world: World, ceiling: Floats, season: Floats) -> World:
    if world.kind is Kind.BROKEN:
        broken = world.broken.copy()
        usual = hill(world.budget / DAYS_A_MONTH, world.half, world.slope)
        best = int((ceiling * usual).argmax())
        begins = world.start + (world.days - world.start) // 4
        broken[best, begins : begins + 28] = True
        return replace(world, broken=broken)
    if world.kind is Kind.TUNED:
        still = replace(world, effect=ceiling[:, None] * season)
        return replace(still, budget=best_budget(still))
    if world.kind is Kind.FLAT:
        earned = ceiling * hill(world.budget / DAYS_A_MONTH, world.half, world.slope)
        return replace(
            world, half=world.half * 0.01, slope=world.slope * 0 + 1, effect=earned[:, None] * season
        )
    if world.kind is Kind.NOISE:
        earned = ceiling * hill(world.budget / DAYS_A_MONTH, world.half, world.slope)
        return replace(world, effect=earned[:, None] * season)
    return world


def best_budget(world: World) -> Floats:
    """The best split of the same money by the truth at the start, at most 30 % a channel, in whole cents."""
    from engines.allocation import Curves, Problem, allocate

    names = list(dict.fromkeys(world.channels))
    total = round(float(world.budget.sum()) * 100)
    count = len(world.budget)
    problem = Problem(
        Curves.certain(world.effect[:, world.start], world.half * 100 * DAYS_A_MONTH, world.slope),
        total=total,
        low=np.full(count, total // 200),
        high=np.full(count, total),
        now=np.rint(world.budget * 100).astype(np.int64),
        group=np.array([names.index(channel) for channel in world.channels]),
        floors=np.zeros(len(names), np.int64),
        limits=np.full(len(names), total * 3 // 10),
    )
    return allocate(problem).units / 100
