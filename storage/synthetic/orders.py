"""Customers and their orders: who bought when, through which line, for how much."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from engines.market import (
    DAYS_A_MONTH,
    MONTHLY_CHURN,
    Flags,
    History,
    Indicators,
    Ints,
    churn_cause,
    churn_probability,
    draw_indicators,
)
from storage.customers import customers
from storage.journeys import conversions
from storage.synthetic.clock import LocalDays, moment_texts
from storage.synthetic.faults import Faults
from storage.synthetic.portfolio import VenturePlan
from storage.synthetic.words import FAMILY, GIVEN
from storage.synthetic.writer import Writer

MICRO_A_CENT = 10_000
NEVER = np.iinfo(np.int64).max
"""The moment of a churn that has not happened."""

_SECONDS_A_MONTH = DAYS_A_MONTH * 86_400
_TRIES = 80


@dataclass(frozen=True)
class People:
    """A venture's customers in the order they were won; moments are seconds since 1970."""

    won_at: Ints
    lost_at: Ints
    line: Ints
    """Place among the venture's lines."""
    worth: Ints
    """Usual order, in cents."""


@dataclass(frozen=True)
class Orders:
    """A venture's orders by time."""

    at: Ints
    day: Ints
    line: Ints
    customer: Ints
    """Place among the venture's customers."""
    is_first: Flags
    cents: Ints

    def totals(self, shape: tuple[int, int]) -> tuple[Ints, Ints]:
        """Orders and cents of each line and day."""
        counts: Ints = np.zeros(shape, dtype=np.int64)
        cents: Ints = np.zeros(shape, dtype=np.int64)
        np.add.at(counts, (self.line, self.day), 1)
        np.add.at(cents, (self.line, self.day), self.cents)
        return counts, cents


def draw_people(rng: Generator, plan: VenturePlan, history: History, days: LocalDays) -> People:
    """Those won before the history, still there at its start, and those won in it."""
    before = plan.customers_before
    line, day = _occurrences(history.new_orders)
    won = days.moments(day, rng.random(len(day)))
    order = np.argsort(won, kind="stable")
    earlier = np.sort(days.start - rng.integers(1, 360 * 86_400, before))
    won_at = np.concatenate([earlier, won[order]])
    stay = (rng.exponential(_SECONDS_A_MONTH / MONTHLY_CHURN, len(won_at)) + 86_400).astype(np.int64)
    lost_at = np.maximum(won_at, days.start) + stay
    lasting = rng.integers(0, len(plan.campaigns[0].lines), before)
    return People(
        won_at=won_at,
        lost_at=np.where(lost_at < days.end, lost_at, NEVER),
        line=np.concatenate([lasting, line[order]]),
        worth=_draw_worth(rng, history.order_value, len(won_at)),
    )


def _occurrences(counts: Ints) -> tuple[Ints, Ints]:
    """Line and day of every single one of ``counts``."""
    lines, days = np.nonzero(counts)
    times = counts[lines, days]
    return np.repeat(lines, times), np.repeat(days, times)


def _draw_worth(rng: Generator, mean: float, count: int) -> Ints:
    return np.maximum(np.rint(mean * 100 * rng.lognormal(-0.125, 0.5, count)), 100).astype(np.int64)


def draw_orders(rng: Generator, people: People, history: History, days: LocalDays) -> Orders:
    """First orders as the customers were won, and later ones by whoever was a customer then."""
    first = np.flatnonzero(people.won_at >= days.start)
    line, day = _occurrences(history.repeat_orders)
    at = days.moments(day, rng.random(len(day)))
    buyer, found = _draw_buyers(rng, people, at)
    repeated = people.worth[buyer[found]] * rng.uniform(0.8, 1.25, int(found.sum()))
    moments = np.concatenate([people.won_at[first], at[found]])
    order = np.argsort(moments, kind="stable")
    return Orders(
        at=moments[order],
        day=days.days_of(moments[order]),
        line=np.concatenate([people.line[first], line[found]])[order],
        customer=np.concatenate([first, buyer[found]])[order],
        is_first=(np.arange(len(moments)) < len(first))[order],
        cents=np.concatenate([people.worth[first], np.rint(repeated).astype(np.int64)])[order],
    )


def _draw_buyers(rng: Generator, people: People, at: Ints) -> tuple[Ints, Flags]:
    """A living customer for every moment, and where one was found."""
    known = np.searchsorted(people.won_at, at, side="left")
    buyer = np.zeros(len(at), dtype=np.int64)
    open_places = np.flatnonzero(known > 0)
    found = np.zeros(len(at), dtype=np.bool_)
    for _ in range(_TRIES):
        guess = rng.integers(0, known[open_places])
        alive = people.lost_at[guess] > at[open_places]
        buyer[open_places[alive]] = guess[alive]
        found[open_places[alive]] = True
        open_places = open_places[~alive]
    return buyer, found


def visitors(venture: int, numbers: Ints) -> list[str]:
    """The tracking names of a venture's visitors; a customer's number is his place."""
    return [f"{venture:04x}-{number:07x}" for number in numbers.tolist()]


def write_customers(
    writer: Writer, rng: Generator, plan: VenturePlan, people: People, first_line: int, faults: Faults
) -> tuple[list[str], list[float]]:
    """Write the customers; returns the hidden cause and monthly churn probability of each."""
    count = len(people.won_at)
    signs = draw_indicators(rng, lost=people.lost_at < NEVER)
    venture = plan.index + 1
    writer.add(
        customers,
        {
            "venture_id": venture,
            "segment_id": (plan.index * 3 + 1 + rng.integers(0, 3, count)).tolist(),
            "line_id": (first_line + people.line).tolist(),
            "external_id": [f"C{number:06}" for number in range(1, count + 1)],
            "email": _emails(rng, count, faults),
            "country": [plan.country if same else "CA" for same in (rng.random(count) < 0.9).tolist()],
            "plan": _plans(people.worth),
            "monthly_revenue": (people.worth * MICRO_A_CENT).tolist(),
            "acquired_at": moment_texts(people.won_at),
            "churned_at": _churn_texts(rng, people, faults),
            "indicators": _indicator_texts(signs),
        },
    )
    return churn_cause(signs), churn_probability(signs).tolist()


def _emails(rng: Generator, count: int, faults: Faults) -> list[str | None]:
    given, family = rng.integers(0, len(GIVEN), count).tolist(), rng.integers(0, len(FAMILY), count).tolist()
    texts: list[str | None] = [
        f"{GIVEN[g]}.{FAMILY[f]}{n}@mail.example".lower()
        for n, (g, f) in enumerate(zip(given, family, strict=True), start=1)
    ]
    for place in faults.pick("customers_without_email", count, rng).tolist():
        texts[place] = None
    return texts


def _plans(worth: Ints) -> list[str]:
    tiers = np.searchsorted(np.quantile(worth, [0.5, 0.85]), worth)
    return [("starter", "team", "business")[tier] for tier in tiers.tolist()]


def _churn_texts(rng: Generator, people: People, faults: Faults) -> list[str | None]:
    lost = people.lost_at < NEVER
    shown = np.where(lost, people.lost_at, people.won_at)
    wrong = faults.pick("customers_lost_before_won", len(lost), rng)
    shown[wrong] = people.won_at[wrong] - rng.integers(86_400, 30 * 86_400, len(wrong))
    lost[wrong] = True
    return [text if gone else None for text, gone in zip(moment_texts(shown), lost.tolist(), strict=True)]


def _indicator_texts(signs: Indicators) -> list[str]:
    """Canonical JSON."""
    return [
        f'{{"days_since_login":{login},"features_used":{features},'
        f'"payment_failed":{"true" if failed else "false"},"sentiment":{sentiment},"usage_change":{usage}}}'
        for usage, login, sentiment, failed, features in zip(
            signs.usage_change.tolist(),
            signs.days_since_login.tolist(),
            signs.sentiment.tolist(),
            signs.payment_failed.tolist(),
            signs.features_used.tolist(),
            strict=True,
        )
    ]


def write_orders(writer: Writer, orders: Orders, venture: int, first_line: int, first_customer: int) -> None:
    """Write the orders as conversions."""
    writer.add(
        conversions,
        {
            "venture_id": venture,
            "line_id": (first_line + orders.line).tolist(),
            "customer_id": (first_customer + orders.customer).tolist(),
            "visitor": visitors(venture, orders.customer),
            "kind": ["purchase" if first else "renewal" for first in orders.is_first.tolist()],
            "revenue": (orders.cents * MICRO_A_CENT).tolist(),
            "occurred_at": moment_texts(orders.at),
        },
    )
