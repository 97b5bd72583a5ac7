"""Attribution: which touches a conversion is credited to, by rules and by models of all journeys.

The rules (first touch, last touch, linear, time decay, position based) are conventions of the field; Shao &
Li, "Data-driven multi-touch attribution models" (KDD 2011), section 2, describes them, `engines.crediting`
holds them. `engines.markov` and `engines.shapley` look at all journeys. None of them is an experiment: they
say how credit is divided, not what a channel caused. Revenue is in one currency a calculation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

import numpy as np

from engines import paths as walks
from engines.crediting import UNITS, Model, Rules, apportioned, split, sums
from engines.journeys import Codes, Counts, Floats, Ints, Journey, Packed, Touch, money, pack_journeys
from engines.markov import Steps, removal_effects
from engines.paths import Paths, PathStatistics, statistics
from engines.resampling import RESAMPLES, Boot, Share, normal, of_counts, of_sums
from engines.shapley import Game, Worth


@dataclass(frozen=True, slots=True)
class TouchCredit:
    """What one touch gets of one conversion."""

    touch: Touch
    credit: Decimal
    revenue: Decimal


@dataclass(frozen=True)
class ChannelCredit:
    """What a channel is credited with."""

    channel: str
    conversions: Decimal
    revenue: Decimal
    share: Share
    """Of credited conversions."""
    revenue_share: Share
    """Of credited revenue; zeros where no revenue was credited."""
    touched: int
    """Conversions with at least one touch of the channel in the window: 0 where it was met on lost paths
    alone, which in a Markov chain can be worth something."""
    assisted: int
    """Those of them whose last touch was another channel's."""


@dataclass(frozen=True)
class CampaignCredit:
    """What a campaign is credited with on one channel; no campaign where a touch belonged to none."""

    channel: str
    campaign_id: int | None
    conversions: Decimal
    revenue: Decimal


@dataclass(frozen=True)
class Attribution:
    """Credits of a set of conversions under one model."""

    model: Model
    rules: Rules
    conversions: int
    revenue: Decimal
    unattributed: int
    """Conversions without a touch in the window: direct, or not tracked."""
    unattributed_revenue: Decimal
    lost: int | None
    """Paths without a conversion that the model counted; None where it counts none."""
    channels: tuple[ChannelCredit, ...]
    """Most credited conversions first."""
    campaigns: tuple[CampaignCredit, ...]
    paths: PathStatistics | None
    """None where nothing was attributed."""
    confidence: float | None
    """See `engines.resampling.CONFIDENCE_MEANING`; None where nothing was attributed."""


def credit_touches(
    journeys: Sequence[Journey], model: Model, rules: Rules | None = None, lost: Paths | None = None
) -> dict[int, tuple[TouchCredit, ...]]:
    """Credits by conversion, first touch first; an empty tuple for a conversion without touches.

    The credits of a conversion sum to exactly 1 and their revenue to exactly its revenue. Raises `ValueError`
    for revenue finer than a millionth.
    """
    rules = rules or Rules()
    packed = pack_journeys(journeys, rules.look_back_days, rules.session_minutes)
    units, micros = _each(packed, model, rules, _whole(packed, model, rules, lost))
    touches = [touch for journey in journeys for touch in journey.touches]
    rows = zip(packed.places[packed.claimed].tolist(), units.tolist(), micros.tolist(), strict=True)
    parts = [TouchCredit(touches[place], _credit(unit), money(micro)) for place, unit, micro in rows]
    bounds = [0, *np.cumsum(packed.lengths).tolist()]
    return {
        journey.conversion_id: tuple(parts[start:end])
        for journey, (start, end) in zip(journeys, pairwise(bounds), strict=True)
    }


def attribute(
    journeys: Sequence[Journey],
    model: Model,
    rules: Rules | None = None,
    *,
    lost: Paths | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Attribution:
    """Credits by channel and by channel and campaign, with intervals and path statistics.

    A rule's credits are sums over conversions. A model of all journeys (Markov, and Shapley of rates) divides
    the attributed conversions and their revenue as a whole in proportion to its values, by largest remainder;
    a channel's part then goes to its campaigns in proportion to what they get conversion by conversion.
    ``lost`` are the paths without a conversion, for the models that can use them.

    Of touches at the same moment, the one given first comes first. Conversions without a touch in the window
    are counted as unattributed. Intervals are percentile bootstrap intervals over conversions (and lost
    paths), repeatable by ``seed``. Raises `ValueError` for revenue finer than a millionth.
    """
    rules = rules or Rules()
    packed = pack_journeys(journeys, rules.look_back_days, rules.session_minutes)
    direct = packed.lengths == 0
    uses_lost = _of_all_journeys(model, rules) and rules.with_lost and lost is not None
    credited = _credited(packed, journeys, model, rules, lost, np.random.default_rng(seed), resamples)
    return Attribution(
        model=model,
        rules=rules,
        conversions=len(journeys),
        revenue=money(int(packed.revenue.sum())),
        unattributed=int(direct.sum()),
        unattributed_revenue=money(int(packed.revenue[direct].sum())),
        lost=int(lost.lost.sum()) if uses_lost and lost is not None else None,
        channels=credited.channels,
        campaigns=credited.campaigns,
        paths=statistics(packed),
        confidence=credited.boot.confidence,
    )


def by_day(
    journeys: Sequence[Journey],
    days: Sequence[date],
    model: Model,
    rules: Rules | None = None,
    *,
    lost: Paths | None = None,
) -> dict[date, dict[str, tuple[Decimal, Decimal]]]:
    """Credited conversions and revenue by day and channel; ``days`` are those of the conversions, in order.

    They are sums of each conversion's own credits, as `credit_touches` gives them: for a model of all
    journeys they need not sum to its channels' totals, but to the same conversions and money in all.
    """
    rules = rules or Rules()
    packed = pack_journeys(journeys, rules.look_back_days, rules.session_minutes)
    units, micros = _each(packed, model, rules, _whole(packed, model, rules, lost))
    known = sorted(set(days))
    place = {day: number for number, day in enumerate(known)}
    width = len(packed.names)
    of_day = np.array([place[day] for day in days], dtype=np.int64)
    keys = of_day[packed.owner] * width + packed.channel[packed.claimed]
    credit, revenue = (sums(keys, one, len(known) * width).tolist() for one in (units, micros))
    return {
        day: {
            name: (_credit(credit[at]), money(revenue[at]))
            for at, name in enumerate(packed.names, number * width)
            if credit[at] or revenue[at]
        }
        for number, day in enumerate(known)
    }


def side_by_side(
    journeys: Sequence[Journey],
    rules: Rules | None = None,
    *,
    lost: Paths | None = None,
    models: Iterable[Model] = Model,
) -> dict[Model, dict[str, float]]:
    """Each model's shares of the conversions by channel; empty where nothing is attributed."""
    rules = rules or Rules()
    packed = pack_journeys(journeys, rules.look_back_days, rules.session_minutes)
    if not packed.lengths.any():
        return {model: {} for model in models}
    channel = packed.channel[packed.claimed]
    found = {}
    for model in models:
        whole = _whole(packed, model, rules, lost)
        if whole is not None:
            names, shares = whole.paths.names, whole.shares()[0]
        else:
            units, _ = _each(packed, model, rules, None)
            names = packed.names
            shares = normal(sums(channel, units, len(names))[None, :].astype(np.float64))[0]
        found[model] = dict(zip(names, shares.tolist(), strict=True))
    return found


def _of_all_journeys(model: Model, rules: Rules) -> bool:
    """Whether a model divides the conversions as a whole instead of one by one."""
    return model is Model.MARKOV or (model is Model.SHAPLEY and rules.shapley_worth is Worth.RATE)


class _Whole:
    """A model of all journeys, on the conversions' paths and those that did not convert."""

    def __init__(self, packed: Packed, model: Model, rules: Rules, lost: Paths | None) -> None:
        won = walks.converting(packed)
        self.paths = (won + lost if rules.with_lost and lost is not None else won).collapsed()
        self.steps = Steps(self.paths, rules.markov_order) if model is Model.MARKOV else None
        self.worth = rules.shapley_worth
        self.game = Game(self.paths)

    def values(self, won: Counts, revenue: Counts, lost: Counts) -> tuple[Floats, Floats]:
        """Shares of conversions and revenue by channel where the paths have these."""
        if self.steps is not None:
            return removal_effects(self.steps.flow(won, revenue, lost)).shares
        return self.game.values(self.worth, won, revenue, lost).shares

    def shares(self) -> tuple[Floats, Floats]:
        """Of conversions and revenue by channel, those that were only met on lost paths last."""
        paths = self.paths
        return self.values(
            *(one.astype(np.float64) for one in (paths.conversions, paths.revenue, paths.lost))
        )

    def boot(self, rng: np.random.Generator, resamples: int) -> Boot:
        """Converting and lost paths are drawn together, each kind as often as it was gone."""
        paths, kinds = self.paths, len(self.paths.lengths)
        mean = paths.revenue / np.maximum(paths.conversions, 1)

        def shares(counts: Floats) -> tuple[Floats, Floats]:
            won, lost = counts[:kinds], counts[kinds:]
            return self.values(won, won * mean, lost)

        counts = np.concatenate([paths.conversions, paths.lost]).astype(np.float64)
        return of_counts(counts, shares, rng, resamples)


@dataclass(frozen=True)
class _Credited:
    channels: tuple[ChannelCredit, ...]
    campaigns: tuple[CampaignCredit, ...]
    boot: Boot


def _credited(
    packed: Packed,
    journeys: Sequence[Journey],
    model: Model,
    rules: Rules,
    lost: Paths | None,
    rng: np.random.Generator,
    resamples: int,
) -> _Credited:
    attributed = np.flatnonzero(packed.lengths)
    if not len(attributed):
        return _Credited((), (), Boot((), (), None))
    names = packed.names
    whole = _whole(packed, model, rules, lost)
    units, micros = _each(packed, model, rules, whole)
    channel = packed.channel[packed.claimed]
    if whole is not None:
        names = whole.paths.names
        totals = (len(attributed) * UNITS, int(packed.revenue[attributed].sum()))
        conversions, revenue = (apportioned(*one) for one in zip(totals, whole.shares(), strict=True))
        boot = whole.boot(rng, resamples)
    else:
        conversions, revenue = (sums(channel, one, len(names)).tolist() for one in (units, micros))
        credit, amounts = (_matrix(packed, channel, one)[attributed] for one in (units, micros))
        boot = of_sums(credit, amounts, rng, resamples)
    by_campaign = _by_campaign(packed, journeys, channel, units, micros)
    return _Credited(
        _by_channel(packed, names, conversions, revenue, boot),
        _campaigns(names, by_campaign, conversions, revenue),
        boot,
    )


def _whole(packed: Packed, model: Model, rules: Rules, lost: Paths | None) -> _Whole | None:
    """None for a rule, and where nothing is attributed."""
    of_all = _of_all_journeys(model, rules) and packed.lengths.any()
    return _Whole(packed, model, rules, lost) if of_all else None


def _each(packed: Packed, model: Model, rules: Rules, whole: _Whole | None) -> tuple[Ints, Ints]:
    """Credit in billionths and revenue in millionths of each claimed touch, journey by journey."""
    worths = whole.shares()[0] if whole is not None else None
    starts = np.cumsum(packed.lengths) - packed.lengths
    units, micros = (np.empty(int(packed.lengths.sum()), dtype=np.int64) for _ in range(2))
    for part in split(packed, model, rules, worths):
        places = starts[part.journeys] + np.arange(len(part.touches))[:, None]
        units[places], micros[places] = part.units, part.micros
    return units, micros


def _credit(units: int) -> Decimal:
    return Decimal(units).scaleb(-9)


def _matrix(packed: Packed, channel: Codes, values: Ints) -> Floats:
    """Journeys by channels."""
    width = len(packed.names)
    flat = np.bincount(packed.owner * width + channel, values.astype(np.float64), len(packed.lengths) * width)
    return np.asarray(flat, np.float64).reshape(-1, width)


def _by_channel(
    packed: Packed, names: Sequence[str], conversions: Sequence[int], revenue: Sequence[int], boot: Boot
) -> tuple[ChannelCredit, ...]:
    """In a chain a channel met on lost paths alone can have a part too."""
    width = len(names)
    met = np.unique(packed.owner * width + packed.channel[packed.claimed]) % width
    touched = np.bincount(met, minlength=width)
    last = (packed.firsts + packed.lengths - 1)[packed.lengths > 0]
    closed = np.bincount(packed.channel[last], minlength=width)
    found = [
        ChannelCredit(
            name,
            _credit(conversions[code]),
            money(revenue[code]),
            boot.shares[code],
            boot.revenue_shares[code],
            int(touched[code]),
            int(touched[code] - closed[code]),
        )
        for code, name in enumerate(names)
        if touched[code] or conversions[code] or revenue[code]
    ]
    return tuple(sorted(found, key=lambda one: (-one.conversions, -one.revenue, one.channel)))


_Amounts = dict[tuple[int, int], tuple[int, int]]
"""Billionths and millionths by channel and campaign, -1 where there is none."""


def _by_campaign(
    packed: Packed, journeys: Sequence[Journey], channel: Codes, units: Ints, micros: Ints
) -> _Amounts:
    width = len(packed.names)
    given = [-1 if t.campaign_id is None else t.campaign_id for one in journeys for t in one.touches]
    campaign = np.array(given, dtype=np.int64)[packed.places[packed.claimed]]
    pairs, keys = np.unique((campaign + 1) * width + channel, return_inverse=True)
    totals = (sums(keys, one, len(pairs)).tolist() for one in (units, micros))
    return {
        (pair % width, pair // width - 1): amounts
        for pair, amounts in zip(pairs.tolist(), zip(*totals, strict=True), strict=True)
    }


def _campaigns(
    names: Sequence[str], found: Mapping[tuple[int, int], tuple[int, int]], *totals: Sequence[int]
) -> tuple[CampaignCredit, ...]:
    """A channel's totals by campaign, as they came about or else in proportion to that."""
    divided: list[CampaignCredit] = []
    for code, name in enumerate(names):
        own = {campaign: amounts for (channel, campaign), amounts in found.items() if channel == code}
        if not own and any(total[code] for total in totals):
            own = {-1: (0, 0)}
        parts = [
            _in_proportion(total[code], [amounts[place] for amounts in own.values()])
            for place, total in enumerate(totals)
        ]
        divided += [
            CampaignCredit(name, None if campaign < 0 else campaign, _credit(units), money(micros))
            for campaign, units, micros in zip(own, *parts, strict=True)
        ]
    return tuple(sorted(divided, key=lambda c: (-c.conversions, -c.revenue, c.channel, c.campaign_id or -1)))


def _in_proportion(total: int, amounts: Sequence[int]) -> Sequence[int]:
    whole = sum(amounts)
    if whole == total:
        return amounts
    weights = np.maximum(np.array(amounts, dtype=np.float64), 0)
    return apportioned(total, weights / weights.sum() if weights.any() else weights)
