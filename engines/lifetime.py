"""What a customer will buy over a life whose end nobody records: BG/NBD and Gamma-Gamma.

Purchases follow Fader, Hardie & Lee, "Counting your customers the easy way: an alternative to the Pareto/NBD
model" (Marketing Science 24, 2005): each customer buys at a rate of their own (gamma: ``r``, ``alpha``) and
after each purchase is gone for good with a chance of their own (beta: ``a``, ``b``). Money follows Fader &
Hardie, "The Gamma-Gamma model of monetary value" (2013): each purchase varies around a mean of the
customer's own (``p``; ``q``, ``v``), which has nothing to do with how often they buy. Both by maximum
likelihood. Ranges come from draws of the parameters' normal approximation on the logarithms.

Time is in weeks, money in one currency.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engines.response import Estimate, Refusal, estimate

Floats = NDArray[np.float64]

MIN_CUSTOMERS = 200
"""Customers below which no model is fitted."""

MIN_REPEATING = 50
"""Customers who came back below which none is."""

MIN_WEEKS = 26.0
"""Weeks the eldest customer must have been watched for."""

MOST_DOUBT = 0.6
"""Half-width of the revenue's range, over its value, beyond which nothing is told."""

DRAWS = 400

WEEKS_A_YEAR = 365.25 / 7

_LOG_LIMIT = 9.0
"""Logarithms of parameters are sought within this: beyond, customers are all alike."""


@dataclass(frozen=True, eq=False)
class Purchases:
    """What customers bought, one element a customer; a day's purchases are one."""

    repeats: Floats
    """Days with a purchase after the first."""
    last: Floats
    """Weeks from the first to the last purchase; 0 without repeats."""
    age: Floats
    """Weeks from the first purchase to the end of watching."""
    mean: Floats
    """Money a day with a purchase, the first among them."""

    def __len__(self) -> int:
        return len(self.repeats)


@dataclass(frozen=True)
class Buying:
    """Parameters of BG/NBD; ``alpha`` in weeks."""

    r: float
    alpha: float
    a: float
    b: float

    def expected(self, weeks: float) -> float:
        """Repeat purchases expected of a new customer within ``weeks`` (equation 9)."""
        return float(_expected(np.array([[self.r, self.alpha, self.a, self.b]]), weeks)[0])

    def expected_of(self, repeats: float, last: float, age: float, weeks: float) -> float:
        """Purchases expected within the next ``weeks`` of a customer with this past (equation 10)."""
        from scipy.special import hyp2f1

        r, alpha, a, b = self.r, self.alpha, _apart(self.a, 1.0), self.b
        x = repeats
        reached = hyp2f1(r + x, b + x, a + b + x - 1, weeks / (alpha + age + weeks))
        still = ((alpha + age) / (alpha + age + weeks)) ** (r + x) * reached
        return float((a + b + x - 1) / (a - 1) * (1 - still) * self.alive(repeats, last, age))

    def alive(self, repeats: float, last: float, age: float) -> float:
        """Probability that a customer with this past is still one; 1 without repeats, by assumption."""
        if repeats <= 0:
            return 1.0
        gone = self.a / (self.b + repeats - 1)
        return float(1 / (1 + gone * ((self.alpha + age) / (self.alpha + last)) ** (self.r + repeats)))


@dataclass(frozen=True)
class Spending:
    """Parameters of Gamma-Gamma; the mean purchase of all customers is ``p * v / (q - 1)``."""

    p: float
    q: float
    v: float

    @property
    def mean(self) -> float:
        """Money a purchase expected of a new customer; infinite at a ``q`` of 1 and below."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else float("inf")


@dataclass(frozen=True)
class Lifetime:
    """What a new customer is expected to bring within a horizon, the first purchase among it."""

    weeks: float
    orders: Estimate
    revenue: Estimate
    buying: Buying
    spending: Spending
    customers: int
    repeating: int


def lifetime(purchases: Purchases, weeks: float, *, seed: int = 0) -> Lifetime | Refusal:
    """Fit both models and look ``weeks`` ahead of a first purchase.

    Refuses with fewer than `MIN_CUSTOMERS`, `MIN_REPEATING` who came back, or `MIN_WEEKS` of watching, where
    the likelihood has no maximum to trust, and where the range is wider than ±`MOST_DOUBT`. Raises
    `ValueError` for pasts that cannot be.
    """
    _check(purchases)
    repeating = int((purchases.repeats > 0).sum())
    watched = float(purchases.age.max()) if len(purchases) else 0.0
    if len(purchases) < MIN_CUSTOMERS or repeating < MIN_REPEATING or watched < MIN_WEEKS:
        return Refusal(
            "too_few_purchases",
            f"{len(purchases)} customers, {repeating} of whom came back, watched for up to {watched:.0f} "
            f"weeks; {MIN_CUSTOMERS}, {MIN_REPEATING} and {MIN_WEEKS:.0f} are needed",
            "ask again when more have bought twice",
        )
    kept = (purchases.repeats, purchases.last, purchases.age, purchases.mean)
    return _lifetime(*(values.tobytes() for values in kept), weeks, seed)


@lru_cache(maxsize=64)
def _lifetime(
    repeats: bytes, last: bytes, age: bytes, mean: bytes, weeks: float, seed: int
) -> Lifetime | Refusal:
    bought = Purchases(*(np.frombuffer(values) for values in (repeats, last, age, mean)))
    buying, spending = _most_likely(*_buying(bought)), _most_likely(*_spending(bought))
    if buying is None or spending is None or spending.best[1] <= 1.01:
        return Refusal(
            "no_pattern",
            "how the customers buy fits no pattern of rates that differ between them",
            "rely on the cohort's recorded churn",
        )
    rng = np.random.default_rng(seed)
    orders = 1 + _expected(buying.best[None], weeks)
    drawn_orders = 1 + _expected(buying.drawn(rng), weeks)
    spent = spending.drawn(rng)
    drawn_mean = spent[:, 0] * spent[:, 2] / np.maximum(spent[:, 1] - 1, 1e-2)
    money = Spending(*spending.best.tolist())
    revenue = estimate(float(orders[0]) * money.mean, drawn_orders * drawn_mean)
    doubt = (revenue.high - revenue.low) / 2 / revenue.value
    if doubt > MOST_DOUBT:
        return Refusal(
            "too_noisy",
            f"what the purchases say of {weeks / WEEKS_A_YEAR:.0f} years is known to ±{doubt:.0%} only",
            "ask again when more time has passed, or record when customers leave",
        )
    return Lifetime(
        weeks=weeks,
        orders=estimate(float(orders[0]), drawn_orders),
        revenue=revenue,
        buying=Buying(*buying.best.tolist()),
        spending=money,
        customers=len(bought),
        repeating=int((bought.repeats > 0).sum()),
    )


def fit_buying(purchases: Purchases) -> Buying | None:
    """The likeliest BG/NBD; None where the likelihood has no maximum to trust."""
    found = _most_likely(*_buying(purchases))
    return None if found is None else Buying(*found.best.tolist())


def fit_spending(purchases: Purchases) -> Spending | None:
    """The likeliest Gamma-Gamma; None likewise."""
    found = _most_likely(*_spending(purchases))
    return None if found is None else Spending(*found.best.tolist())


def _check(bought: Purchases) -> None:
    if not len(bought):
        return
    sound = (
        (bought.repeats >= 0)
        & (bought.last >= 0)
        & (bought.last <= bought.age + 1e-9)
        & (bought.mean > 0)
        & ((bought.repeats > 0) | (bought.last == 0))
    )
    if not sound.all():
        raise ValueError("a customer's past contradicts itself")


def _apart(value: float, pole: float) -> float:
    """Away from where the closed form divides by zero; it is smooth there."""
    return value if abs(value - pole) > 1e-6 else pole + 1e-6


def _expected(parameters: Floats, weeks: float) -> Floats:
    """Of each row of BG/NBD's parameters."""
    from scipy.special import hyp2f1

    r, alpha, a, b = parameters.T
    a = np.where(np.abs(a - 1) > 1e-6, a, 1 + 1e-6)
    reached = hyp2f1(r, b, a + b - 1, weeks / (alpha + weeks))
    return np.asarray((a + b - 1) / (a - 1) * (1 - (alpha / (alpha + weeks)) ** r * reached))


_Loss = Callable[[Floats], tuple[float, Floats]]


@dataclass(frozen=True, eq=False)
class _Found:
    best: Floats
    spread: Floats
    """Covariance of the logarithms."""

    def drawn(self, rng: np.random.Generator) -> Floats:
        logs = rng.multivariate_normal(np.log(self.best), self.spread, DRAWS, method="eigh")
        return np.asarray(np.exp(np.clip(logs, -_LOG_LIMIT, _LOG_LIMIT)))


def _most_likely(loss: _Loss, start: Floats) -> _Found | None:
    """The least of a negative log-likelihood of logarithms, and its curvature there."""
    from scipy.optimize import minimize

    limits = [(-_LOG_LIMIT, _LOG_LIMIT)] * len(start)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 500})
    step = 1e-4
    rows = []
    for place in range(len(start)):
        move = np.zeros(len(start))
        move[place] = step
        rows.append((loss(found.x + move)[1] - loss(found.x - move)[1]) / (2 * step))
    curvature = (np.array(rows) + np.array(rows).T) / 2
    if not np.isfinite(curvature).all() or np.linalg.eigvalsh(curvature).min() <= 1e-6:
        return None
    return _Found(np.exp(found.x), np.asarray(np.linalg.inv(curvature), np.float64))


def _buying(bought: Purchases) -> tuple[_Loss, Floats]:
    from scipy.special import digamma, gammaln

    x, last, age = bought.repeats, bought.last, bought.age
    again = x > 0

    def loss(logs: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = np.exp(logs)
        stays = -(r + x) * np.log(alpha + age)
        share = np.where(again, b + x - 1, 1.0)
        leaves = np.where(again, np.log(a / share) - (r + x) * np.log(alpha + last), -np.inf)
        both = np.logaddexp(stays, leaves)
        gone = np.exp(leaves - both)
        value = (
            gammaln(r + x) - gammaln(r) + r * np.log(alpha)
            + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x) + both
        )  # fmt: skip
        by_r = digamma(r + x) - digamma(r) + np.log(alpha)
        by_r = by_r - (1 - gone) * np.log(alpha + age) - gone * np.log(alpha + last)
        by_alpha = r / alpha - (r + x) * ((1 - gone) / (alpha + age) + gone / (alpha + last))
        by_a = digamma(a + b) - digamma(a + b + x) + gone / a
        by_b = digamma(a + b) + digamma(b + x) - digamma(b) - digamma(a + b + x) - gone / share
        slopes = np.array([by_r.sum() * r, by_alpha.sum() * alpha, by_a.sum() * a, by_b.sum() * b])
        return -float(value.sum()), -slopes

    return loss, np.log([1.0, max(float(age.mean()) / (float(x.mean()) + 0.1), 0.1), 1.0, 2.0])


def _spending(bought: Purchases) -> tuple[_Loss, Floats]:
    from scipy.special import digamma, gammaln

    count, mean = bought.repeats + 1, bought.mean
    # In times of the usual purchase, so that no currency is far from 1.
    usual = float(mean.mean())
    relative = mean / usual

    def loss(logs: Floats) -> tuple[float, Floats]:
        p, q, v = np.exp(logs)
        v = v / usual
        shape, total = p * count, v + count * relative
        value = (
            gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v)
            + (shape - 1) * np.log(relative) + shape * np.log(count) - (shape + q) * np.log(total)
        )  # fmt: skip
        by_p = count * (digamma(shape + q) - digamma(shape) + np.log(relative * count / total))
        by_q = digamma(shape + q) - digamma(q) + np.log(v / total)
        by_v = q / v - (shape + q) / total
        return -float(value.sum()), -np.array([by_p.sum() * p, by_q.sum() * q, by_v.sum() * v])

    return loss, np.log([4.0, 3.0, usual / 2])
