"""A simulated market: hidden truth, and the history it leaves behind, as arrays.

Carry-over and saturation follow Jin, Wang, Sun, Chan and Koehler (2017), "Bayesian Methods for Media Mix
Modeling with Carryover and Shape Effects": normalized geometric adstock, then a Hill curve. Everything random
comes from the generator passed in. Matrices have one row a channel line and one column a day.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engines.terms import Channel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAYS_A_MONTH = 365.25 / 12

MONTHLY_CHURN = 0.035
"""Share of living customers lost in a month."""

LEAD_ROWS_DAYS = 60
"""The leads asked for are spread over this many last days; days before follow the same rate."""

CHURN_CAUSES = ("usage", "login", "sentiment", "payment", "features", "none")
"""What drives a customer away; "none" where no indicator stands out."""

_CHURN_WEIGHTS = np.array([0.30, 0.25, 0.15, 0.20, 0.10])
_CHURN_STEEPNESS = 7.0
_CHURN_INTERCEPT = -5.505
_TROUBLED = 0.15


@dataclass(frozen=True)
class Traits:
    """What is typical of a channel."""

    roas: float
    decay: float
    """Share of yesterday's effect that is still there today."""
    click_rate: float
    """Clicks an impression."""
    order_rate: float
    """Orders a click."""


TRAITS = {
    Channel.EMAIL: Traits(4.6, 0.30, 0.040, 0.045),
    Channel.SEO: Traits(4.2, 0.85, 0.035, 0.030),
    Channel.PAID_SEARCH: Traits(3.2, 0.20, 0.045, 0.040),
    Channel.PAID_SOCIAL: Traits(2.6, 0.40, 0.014, 0.022),
    Channel.DISPLAY: Traits(1.2, 0.55, 0.005, 0.012),
    Channel.VIDEO: Traits(1.5, 0.65, 0.008, 0.012),
    Channel.AFFILIATE: Traits(3.4, 0.15, 0.025, 0.035),
    Channel.INFLUENCER: Traits(2.8, 0.50, 0.018, 0.020),
    Channel.ORGANIC_SOCIAL: Traits(3.0, 0.50, 0.015, 0.018),
    Channel.CONTENT: Traits(3.5, 0.80, 0.030, 0.025),
    Channel.COMMUNITY: Traits(3.8, 0.75, 0.030, 0.030),
    Channel.PR: Traits(1.8, 0.70, 0.010, 0.015),
    Channel.EVENTS: Traits(1.6, 0.60, 0.030, 0.040),
    Channel.PARTNERSHIPS: Traits(3.0, 0.60, 0.020, 0.040),
    Channel.DIRECT_SALES: Traits(2.4, 0.50, 0.050, 0.080),
    Channel.BRAND: Traits(1.1, 0.90, 0.006, 0.015),
}
"""The middle each hidden curve is drawn around."""


def adstock(spend: Floats, decay: Floats, carried: Floats | None = None) -> Floats:
    """Spend with its carry-over: ``a[t] = (1 - decay) * spend[t] + decay * a[t-1]``.

    ``carried`` is the adstock of the day before the first (0 without it). A constant spend keeps its level.
    """
    level = np.zeros(len(spend)) if carried is None else carried
    result = np.empty_like(spend)
    for day in range(spend.shape[1]):
        level = (1 - decay) * spend[:, day] + decay * level
        result[:, day] = level
    return result


def hill(amount: Floats, half_saturation: Floats, slope: Floats) -> Floats:
    """Share of the greatest effect reached: ``x^s / (x^s + k^s)``, one half at ``k``, between 0 and 1."""
    powered = amount**slope
    reached: Floats = powered / (powered + half_saturation**slope)
    return reached


@dataclass(frozen=True)
class Response:
    """Hidden response curves, one element a line."""

    decay: Floats
    half_saturation: Floats
    """Adstocked money a day that brings half of `max_effect`."""
    slope: Floats
    max_effect: Floats
    """Orders a day that no spend can exceed, in a neutral season."""

    def orders(self, spend: Floats, carried: Floats | None = None) -> Floats:
        """Expected orders for each line and day of ``spend``, in a neutral season."""
        held = adstock(spend, self.decay, carried)
        reached = hill(held, self.half_saturation[:, None], self.slope[:, None])
        expected: Floats = self.max_effect[:, None] * reached
        return expected

    def scaled(self, factor: float) -> "Response":
        """The same curves with `max_effect` times ``factor``."""
        return replace(self, max_effect=self.max_effect * factor)


@dataclass(frozen=True)
class Season:
    """How demand moves with the calendar."""

    weekday: tuple[float, ...]
    """Factor of Monday to Sunday; their mean is 1."""
    swing: float
    """Height of the yearly wave, as a share."""
    peak: int
    """Day of the year of its top."""

    def factors(self, ordinals: Ints) -> Floats:
        """The factor of each day, given as `date.toordinal` numbers."""
        week = np.array(self.weekday)[(ordinals - 1) % 7]
        year = 1 + self.swing * np.cos(2 * np.pi * (ordinals - self.peak) / 365.25)
        return np.asarray(week * year)


def draw_season(rng: Generator, *, weekends: bool) -> Season:
    """A season; ``weekends`` says whether people buy more on them (consumers) or less (firms)."""
    weekday = np.array(
        [1.0, 1.05, 1.05, 1.0, 0.95, 1.1, 1.1] if weekends else [1.1, 1.2, 1.2, 1.15, 1.0, 0.6, 0.6]
    )
    weekday = weekday * rng.normal(1, 0.03, 7)
    return Season(
        weekday=tuple((weekday / weekday.mean()).tolist()),
        swing=float(rng.uniform(0.05, 0.25)),
        peak=int(rng.integers(1, 366)),
    )


@dataclass(frozen=True)
class Brief:
    """What is known of a venture before its history is simulated; arrays have one element a line."""

    channels: tuple[Channel, ...]
    daily: Floats
    """Usual spend a day, in the venture's currency."""
    running: Flags
    """Lines by days."""
    ordinals: Ints
    """The days, as `date.toordinal` numbers."""
    affinity: Floats
    """How much better than usual each channel works here; 1 is usual."""
    roas: float
    """Return on ad spend over the whole history."""
    new_customers: int
    leads: int
    """Leads of the last `LEAD_ROWS_DAYS` days."""
    season: Season


@dataclass(frozen=True)
class History:
    """What happened, lines by days, and the truth behind it."""

    response: Response
    new_share: Floats
    """Share of each line's orders that come from new customers."""
    order_value: float
    """Mean revenue of an order that gives the brief its return."""
    spend: Ints
    """In cents."""
    expected: Floats
    """Orders the truth expects."""
    new_orders: Ints
    """Sums to the brief's new customers exactly."""
    repeat_orders: Ints
    clicks: Ints
    impressions: Ints
    reach: Ints
    leads: Ints
    """Sums to the brief's leads exactly over the last `LEAD_ROWS_DAYS` days."""


def simulate(rng: Generator, brief: Brief) -> History:
    """Let the market run. Some line must be running on some of the last `LEAD_ROWS_DAYS` days."""
    spend = _draw_spend(rng, brief)
    money = spend / 100
    roas = _draw_roas(rng, brief, money.sum(axis=1))
    worth = _draw_response(rng, brief, roas)
    revenue = worth.orders(money, brief.daily * brief.running[:, 0]) * brief.season.factors(brief.ordinals)
    revenue = revenue * _noise(rng, revenue.shape, 0.12) * brief.running
    new_share = rng.uniform(0.07, 0.10, len(brief.daily))
    order_value = float((revenue * new_share[:, None]).sum()) / brief.new_customers
    expected = revenue / order_value
    new_orders = _spread(rng, brief.new_customers, expected * new_share[:, None])
    repeat_orders = rng.poisson(expected * (1 - new_share[:, None]))
    clicks, impressions, reach = _draw_traffic(
        rng, brief, money * (roas / order_value)[:, None], new_orders + repeat_orders
    )
    return History(
        response=worth.scaled(1 / order_value),
        new_share=new_share,
        order_value=order_value,
        spend=spend,
        expected=expected,
        new_orders=new_orders,
        repeat_orders=repeat_orders,
        clicks=clicks,
        impressions=impressions,
        reach=reach,
        leads=_draw_leads(rng, brief.leads, expected),
    )


def _noise(rng: Generator, shape: tuple[int, ...], sigma: float) -> Floats:
    return rng.lognormal(-sigma * sigma / 2, sigma, shape)


def _draw_spend(rng: Generator, brief: Brief) -> Ints:
    """Weekly changes, experiments (a dark week, a doubled one) and a little daily noise."""
    lines, days = brief.running.shape
    weeks = days // 7 + 2
    weekly = 0.92 * _noise(rng, (lines, weeks), 0.25)
    dice = rng.random((lines, weeks))
    weekly = np.where(dice < 0.03, 0.0, np.where(dice > 0.95, weekly * 1.8, weekly))
    week = (brief.ordinals - brief.ordinals[0]) // 7
    daily = brief.daily[:, None] * weekly[:, week] * _noise(rng, (lines, days), 0.06)
    cents: Ints = np.rint(daily * brief.running * 100).astype(np.int64)
    return cents


def _draw_roas(rng: Generator, brief: Brief, spent: Floats) -> Floats:
    typical = np.array([TRAITS[channel].roas for channel in brief.channels])
    drawn = typical * brief.affinity * _noise(rng, typical.shape, 0.25)
    for _ in range(3):
        drawn = np.clip(drawn * brief.roas * spent.sum() / (drawn * spent).sum(), 0.5, 7.0)
    return drawn


def _draw_response(rng: Generator, brief: Brief, roas: Floats) -> Response:
    """Curves whose effect is revenue: each meets its line's return at the usual spend."""
    count = len(brief.daily)
    decay = np.array([TRAITS[channel].decay for channel in brief.channels]) + rng.uniform(-0.08, 0.08, count)
    half = brief.daily * rng.uniform(0.6, 1.8, count)
    slope = rng.uniform(0.9, 1.9, count)
    return Response(decay, half, slope, roas * brief.daily / hill(brief.daily, half, slope))


def _spread(rng: Generator, total: int, weights: Floats) -> Ints:
    shares = weights.ravel() / weights.sum()
    return rng.multinomial(total, shares).reshape(weights.shape)


def _draw_traffic(rng: Generator, brief: Brief, paced: Floats, orders: Ints) -> tuple[Ints, Ints, Ints]:
    """Clicks, impressions and reach; ``paced`` is the orders that spend buys at a constant return."""
    traits = [TRAITS[channel] for channel in brief.channels]
    count = len(traits)
    order_rate = np.array([trait.order_rate for trait in traits]) * _noise(rng, (count,), 0.2)
    click_rate = np.array([trait.click_rate for trait in traits]) * _noise(rng, (count,), 0.2)
    clicks = np.maximum(rng.poisson(paced / order_rate[:, None] * _noise(rng, paced.shape, 0.08)), orders)
    shown = clicks / click_rate[:, None] * _noise(rng, paced.shape, 0.08)
    impressions = np.maximum(np.rint(shown).astype(np.int64), clicks)
    reach = (impressions * rng.uniform(0.45, 0.85, paced.shape)).astype(np.int64)
    return clicks, impressions, reach


def _draw_leads(rng: Generator, total: int, expected: Floats) -> Ints:
    recent = np.zeros_like(expected)
    recent[:, -LEAD_ROWS_DAYS:] = expected[:, -LEAD_ROWS_DAYS:]
    leads: Ints = rng.poisson(expected * (total / recent.sum()))
    leads[:, -LEAD_ROWS_DAYS:] = _spread(rng, total, recent)[:, -LEAD_ROWS_DAYS:]
    return leads


@dataclass(frozen=True)
class Indicators:
    """Signs of how customers fare, one element a customer."""

    usage_change: Floats
    """Against the month before, as a share."""
    days_since_login: Ints
    sentiment: Floats
    """Of support tickets, -1 to 1."""
    payment_failed: Flags
    features_used: Ints

    def __len__(self) -> int:
        return len(self.usage_change)

    def chosen(self, which: Flags) -> "Indicators":
        """Those customers where ``which`` holds."""
        return Indicators(
            self.usage_change[which],
            self.days_since_login[which],
            self.sentiment[which],
            self.payment_failed[which],
            self.features_used[which],
        )


def churn_probability(indicators: Indicators) -> Floats:
    """The true probability of leaving within a month: a logistic function of the weighted signs."""
    logit = _CHURN_INTERCEPT + _CHURN_STEEPNESS * _signs(indicators).sum(axis=1)
    return np.asarray(1 / (1 + np.exp(-logit)))


def churn_cause(indicators: Indicators) -> list[str]:
    """The sign that weighs most for each customer, or "none" where all are weak."""
    signs = _signs(indicators)
    weak = (signs < _CHURN_WEIGHTS).all(axis=1)
    strongest = np.where(weak, len(CHURN_CAUSES) - 1, signs.argmax(axis=1))
    return [CHURN_CAUSES[index] for index in strongest.tolist()]


def _signs(indicators: Indicators) -> Floats:
    """Each sign over its threshold, capped, times its weight."""
    over = np.stack(
        [
            -indicators.usage_change / 0.3,
            indicators.days_since_login / 14,
            -indicators.sentiment / 0.5,
            indicators.payment_failed * 2.0,
            3.0 - indicators.features_used,
        ],
        axis=1,
    )
    return np.asarray(np.clip(over, 0, 2.5) * _CHURN_WEIGHTS)


def draw_indicators(rng: Generator, *, lost: Flags) -> Indicators:
    """Indicators as they stood last: of those who left where ``lost``, of those who stay elsewhere.

    Both follow `churn_probability`: in the population drawn from, each customer leaves with that probability.
    """
    signs = _population(rng, 0)
    left, stayed = signs, signs
    missing_left, missing_stayed = int(lost.sum()), int((~lost).sum())
    while len(left) < missing_left or len(stayed) < missing_stayed:
        drawn = _population(rng, 4_000)
        leaves = rng.random(len(drawn)) < churn_probability(drawn)
        left = _joined(left, drawn.chosen(leaves))
        stayed = _joined(stayed, drawn.chosen(~leaves)) if len(stayed) < missing_stayed else stayed
    order = np.where(lost, np.cumsum(lost) - 1, len(left) + np.cumsum(~lost) - 1)
    both = _joined(left, stayed)
    return Indicators(
        both.usage_change[order],
        both.days_since_login[order],
        both.sentiment[order],
        both.payment_failed[order],
        both.features_used[order],
    )


def _joined(first: Indicators, second: Indicators) -> Indicators:
    return Indicators(
        np.concatenate([first.usage_change, second.usage_change]),
        np.concatenate([first.days_since_login, second.days_since_login]),
        np.concatenate([first.sentiment, second.sentiment]),
        np.concatenate([first.payment_failed, second.payment_failed]),
        np.concatenate([first.features_used, second.features_used]),
    )


def _population(rng: Generator, count: int) -> Indicators:
    """Customers of whom some have one kind of trouble each."""
    trouble = np.where(rng.random(count) < _TROUBLED, rng.integers(0, 5, count), -1)
    usage = np.where(trouble == 0, -rng.uniform(0.3, 0.9, count), rng.normal(0.03, 0.15, count))
    login = np.where(trouble == 1, 14 + rng.exponential(15, count), rng.exponential(4, count))
    sentiment = np.where(trouble == 2, -rng.uniform(0.4, 1, count), rng.normal(0.3, 0.3, count))
    payment = (trouble == 3) | (rng.random(count) < 0.01)
    features = np.where(trouble == 4, rng.integers(0, 3, count), 2 + rng.binomial(8, 0.5, count))
    return Indicators(
        np.round(np.clip(usage, -0.95, 1), 2) + 0.0,
        login.astype(np.int64),
        np.round(np.clip(sentiment, -1, 1), 2) + 0.0,
        payment,
        features.astype(np.int64),
    )


def draw_quality(rng: Generator, count: int) -> Floats:
    """Hidden quality of influencers, 0 to 1: how far their audience trusts them."""
    return rng.beta(2, 2.5, count)


def engagement_rate(rng: Generator, quality: Floats, followers: Ints) -> Floats:
    """Interactions a follower and post: higher with quality, lower for the large, with noise."""
    size = (np.maximum(followers, 100) / 10_000) ** -0.22
    rate: Floats = (0.012 + 0.06 * quality) * size * _noise(rng, quality.shape, 0.3)
    return np.clip(rate, 0.0005, 0.4)
