"""Touchpoints: the ways visitors took to an order, or to none."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from engines.market import Flags, Floats, Ints
from engines.terms import Channel
from storage.journeys import touchpoints
from storage.synthetic.clock import LocalDays, moment_texts
from storage.synthetic.faults import Faults
from storage.synthetic.orders import Orders, visitors
from storage.synthetic.writer import Writer

_DAY = 86_400
_WITHOUT_ORDER = 0.35
"""Journeys that lead nowhere, for each that ends in an order."""

_SEEN = {Channel.DISPLAY, Channel.VIDEO, Channel.INFLUENCER, Channel.BRAND, Channel.PR}
_VISITED = {Channel.SEO, Channel.CONTENT, Channel.ORGANIC_SOCIAL, Channel.COMMUNITY, Channel.EVENTS}


@dataclass(frozen=True)
class Touches:
    """A venture's touchpoints; moments are seconds since 1970, lines places among the venture's."""

    at: Ints
    line: Ints
    visitor: Ints
    acted: Flags
    """Clicked or visited rather than only seen."""

    def since(self, start: int, keep: Flags) -> "Touches":
        """Those from ``start`` on; earlier ones to ``keep`` are moved there."""
        kept = keep | (self.at >= start)
        return Touches(
            np.maximum(self.at, start)[kept], self.line[kept], self.visitor[kept], self.acted[kept]
        )


def draw_touches(
    rng: Generator, orders: Orders, spend: Ints, days: LocalDays, first_stranger: int
) -> Touches:
    """One to eight touches before every order, the last through its line, and journeys without an order."""
    chances = _line_chances(spend)
    bought = _before_orders(rng, orders, days, chances)
    strayed = _without_order(rng, orders, days, chances, first_stranger)
    at = np.concatenate([bought.at, strayed.at])
    order = np.argsort(at, kind="stable")
    return Touches(
        at=at[order],
        line=np.concatenate([bought.line, strayed.line])[order],
        visitor=np.concatenate([bought.visitor, strayed.visitor])[order],
        acted=np.concatenate([bought.acted, strayed.acted])[order],
    )


def _before_orders(rng: Generator, orders: Orders, days: LocalDays, chances: Floats) -> Touches:
    count = len(orders.at)
    more = np.where(orders.is_first, rng.binomial(7, 0.33, count), rng.binomial(4, 0.25, count))
    lengths = 1 + more
    owner = np.repeat(np.arange(len(lengths)), lengths)
    is_last = np.ones(len(owner), dtype=np.bool_)
    is_last[:-1] = owner[1:] != owner[:-1]
    ahead = rng.exponential(np.where(is_last, _DAY / 12, 5 * _DAY)) + np.where(is_last, 60, _DAY / 4)
    at = orders.at[owner] - np.minimum(ahead, 30 * _DAY).astype(np.int64)
    same = is_last | (rng.random(len(owner)) < 0.3)
    line = np.where(same, orders.line[owner], _draw_lines(rng, chances, days.days_of(at)))
    touches = Touches(at, line, orders.customer[owner], is_last | (rng.random(len(owner)) < 0.5))
    return touches.since(days.start, keep=is_last)


def _without_order(rng: Generator, orders: Orders, days: LocalDays, chances: Floats, first: int) -> Touches:
    journeys = int(len(orders.at) * _WITHOUT_ORDER)
    starts = rng.choice(orders.at, journeys) - rng.integers(0, 3 * _DAY, journeys)
    lengths = 1 + rng.binomial(4, 0.3, journeys)
    owner = np.repeat(np.arange(journeys), lengths)
    at = starts[owner] + rng.exponential(3 * _DAY, len(owner)).astype(np.int64)
    at = np.where(at < days.end, at, starts[owner])
    line = _draw_lines(rng, chances, days.days_of(at))
    touches = Touches(at, line, first + owner, rng.random(len(owner)) < 0.5)
    return touches.since(days.start, keep=np.zeros(len(at), dtype=np.bool_))


def _line_chances(spend: Ints) -> Floats:
    """Running sums over the lines of each day's share of spend, days by lines."""
    weights = spend.T.astype(np.float64)
    weights[weights.sum(axis=1) == 0] = 1.0
    return np.asarray(np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True))


def _draw_lines(rng: Generator, chances: Floats, days: Ints) -> Ints:
    """A line for each day, likelier the more it spent."""
    days_before = np.arange(len(chances))[:, None]
    lines = chances.shape[1]
    places = np.searchsorted(
        (chances + days_before).ravel(), days + rng.random(len(days)) * (1 - 1e-9), side="right"
    )
    found: Ints = np.clip(places - days * lines, 0, lines - 1).astype(np.int64)
    return found


def write_touches(
    writer: Writer,
    rng: Generator,
    touches: Touches,
    channels: list[Channel],
    venture: int,
    first_line: int,
    faults: Faults,
) -> None:
    """Write the touchpoints."""
    lines: list[int | None] = list((first_line + touches.line).tolist())
    for place in faults.pick("touchpoints_without_line", len(lines), rng).tolist():
        lines[place] = None
    names = [channel.value for channel in channels]
    kinds = [(_kind(channel, acted=False), _kind(channel, acted=True)) for channel in channels]
    places = touches.line.tolist()
    writer.add(
        touchpoints,
        {
            "venture_id": venture,
            "line_id": lines,
            "visitor": visitors(venture, touches.visitor),
            "channel": [names[place] for place in places],
            "kind": [
                kinds[place][acted] for place, acted in zip(places, touches.acted.tolist(), strict=True)
            ],
            "occurred_at": moment_texts(touches.at),
        },
    )


def _kind(channel: Channel, *, acted: bool) -> str:
    if channel in _VISITED:
        return "visit"
    return "click" if acted or channel not in _SEEN else "impression"
