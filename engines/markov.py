"""Markov attribution: what would be lost without a channel, from one exact solution of the chain.

Anderl, Becker, von Wangenheim & Schumann, "Mapping the customer journey: Lessons learned from graph-based
online attribution modeling", International Journal of Research in Marketing 33 (2016) 457–474. A path is a
walk from a start to a conversion or to nothing; a state is the last 1, 2 or 3 channels touched (fewer at the
beginning of a path); a transition's probability is its share of the transitions out of its state. The
removal effect of a channel is the part of the conversions that is lost when every walk that comes to it ends
there in nothing.

Nothing is sampled. With transitions Q between states, s the start and r the probabilities to convert next,
``h = (I - Q)^-1 r`` is the probability to convert from each state and ``P = s·h`` the one in all. A walk
comes to a channel's states C first in each of them with the probabilities ``f = n_C N_CC^-1``, where
``N = (I - Q)^-1`` (Kemeny & Snell, "Finite Markov Chains", 1960, chapter 3) and n is the start's row of N;
so ``removal effect = f·h_C / P``. For revenue r holds, in the place of the probability to convert, that times
the mean revenue of the conversions made from the state.

At the edges:

- One channel: its removal effect is 1 and it gets everything.
- No paths without conversion (none known, or not counted): P is 1 and the effect is the probability to come
  to the channel; well defined, but it cannot tell channels that persuade from those that are only frequent.
- A channel on every converting path has the effect 1, as many others may: effects are scaled to sum to 1.
- Loops: the same channel twice in a row is a transition to itself. At order 1 it makes no difference; at 2
  and 3 it does, because "twice" is then another state than "once".
- A channel that is never alone has its effect through the others like any. One from which no walk can come to
  a conversion has the effect 0 and gets nothing; one that was met on lost paths alone may still have one,
  because a chain does not remember all of a path.
- No conversions: no effects. Revenue that sums to 0 or less, over a chain or without a channel: negative
  effects count as 0, and where none is left the conversions' effects stand in.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.journeys import Counts, Floats, Ints, scaled, spread
from engines.paths import Paths

DENSE = 1_500
"""States up to which the chain is inverted; beyond, each channel is a sparse solution of its own."""

_TABLE = 1 << 26
"""Most combinations of states and channels that are counted."""

_CLOSE = 1e-13


@dataclass(frozen=True)
class Effects:
    """The removal effects of channels, by code: 0 to 1 for conversions."""

    conversions: Floats
    revenue: Floats
    probability: float
    """To convert, of a path; 1 where no lost paths were counted, 0 where nothing converted."""
    states: int
    """Of the chain, without its two ends."""

    @property
    def shares(self) -> tuple[Floats, Floats]:
        """Of conversions and revenue, each summing to 1, or to 0 where nothing converted."""
        return scaled(self.conversions, self.revenue)


@dataclass(frozen=True)
class Flow:
    """How often paths went from state to state: all that a chain needs, and it adds up.

    A state is a number in base ``channels + 1`` with a digit a touch, 1 + its channel, the latest last; the
    start is 0.
    """

    channels: int
    order: int
    moves: Floats
    """By state and by digit of the next touch."""
    won: Floats
    """Conversions by state."""
    revenue: Floats
    """Their millionths."""
    lost: Floats
    """Paths that ended by state."""

    def __add__(self, other: "Flow") -> "Flow":
        """Both counts. They must be of the same channels and order."""
        return Flow(
            self.channels,
            self.order,
            self.moves + other.moves,
            self.won + other.won,
            self.revenue + other.revenue,
            self.lost + other.lost,
        )

    def lower(self, order: int) -> "Flow":
        """The same paths remembered less long."""
        base = self.channels + 1
        shape = (base ** (self.order - order), base**order)
        return Flow(
            self.channels,
            order,
            self.moves.reshape(*shape, base).sum(axis=0),
            *(one.reshape(shape).sum(axis=0) for one in (self.won, self.revenue, self.lost)),
        )


class Steps:
    """The transitions of paths, found once, to be counted with any weights of the paths.

    Raises `ValueError` for more channels than the order allows: 8,000, 400 or 89 for 1, 2 and 3.
    """

    def __init__(self, paths: Paths, order: int) -> None:
        self.base = len(paths.names) + 1
        self.order = order
        if self.base ** (order + 1) > _TABLE:
            raise ValueError(f"{len(paths.names)} channels are too many for a chain of order {order}")
        digit = paths.flat.astype(np.int32)
        digit += 1
        self.path = np.repeat(np.arange(len(paths.lengths), dtype=np.int32), paths.lengths)
        starts = np.cumsum(paths.lengths) - paths.lengths
        before = np.zeros(len(digit), dtype=np.int32)
        position = spread(np.zeros_like(starts), paths.lengths).astype(np.int32)
        for back in range(1, order + 1):
            earlier = np.zeros_like(digit)
            earlier[back:] = digit[:-back]
            earlier *= position >= back
            earlier *= self.base ** (back - 1)
            before += earlier
        final = starts + paths.lengths - 1
        self.final = (before[final] % self.base ** (order - 1)) * self.base + digit[final]
        before *= self.base
        before += digit
        self.key = before

    def flow(self, conversions: Counts, revenue: Counts, lost: Counts) -> Flow:
        """The counts where each path has these."""
        size = self.base**self.order
        times = conversions + lost
        weights = None if (times == 1).all() else times[self.path].astype(np.float64)
        return Flow(
            self.base - 1,
            self.order,
            np.bincount(self.key, weights, size * self.base).astype(np.float64).reshape(size, self.base),
            *(_at(self.final, values, size) for values in (conversions, revenue, lost)),
        )


def _at(keys: NDArray[np.int32], values: Counts, size: int) -> Floats:
    return np.asarray(np.bincount(keys, values.astype(np.float64), size), np.float64)


def flow(paths: Paths, order: int = 1, *, with_lost: bool = True) -> Flow:
    """Count the transitions of paths, those that did not convert among them unless they are not wanted."""
    lost = paths.lost if with_lost else np.zeros_like(paths.lost)
    return Steps(paths, order).flow(paths.conversions, paths.revenue, lost)


def removal_effects(flow: Flow, dense: int = DENSE) -> Effects:
    """What each channel's removal would cost, as a part of all conversions and of all revenue."""
    out = flow.moves.sum(axis=1) + flow.won + flow.lost
    states = np.flatnonzero(out)
    none = np.zeros(flow.channels)
    if not flow.won.any():
        return Effects(none, none, 0.0, max(len(states) - 1, 0))
    chain = _Chain(flow, out, states)
    lost = chain.lost_dense() if len(states) <= dense else chain.lost_sparse()
    whole = np.array([flow.won.sum(), flow.revenue.sum()]) / out[0]
    parts = np.divide(lost, whole, out=np.zeros_like(lost), where=whole > 0)
    return Effects(parts[:, 0], parts[:, 1], float(whole[0]), len(states) - 1)


class _Chain:
    """The states that occur, the start first, and the two rewards: a conversion, and its revenue."""

    def __init__(self, flow: Flow, out: Floats, states: Ints) -> None:
        base = flow.channels + 1
        self.channels = flow.channels
        self.digit = states % base
        number = np.zeros(len(out), dtype=np.int64)
        number[states] = np.arange(len(states))
        row, digit = np.nonzero(flow.moves[states])
        target = (states[row] % base ** (flow.order - 1)) * base + digit
        chance = flow.moves[states[row], digit] / out[states[row]]
        self._moves = chance, (row, number[target])
        self.reward = np.column_stack([flow.won[states], flow.revenue[states]]) / out[states][:, None]
        # How often a walk is in each state follows from the counts: what comes in goes out.
        self.visits = out[states] / out[0]

    def lost_dense(self) -> Floats:
        """Rewards that walks through each channel bring, by channel and reward; by one inverse."""
        chance, places = self._moves
        left = np.eye(len(self.digit))
        left[places] -= chance
        inverse = np.linalg.inv(left)
        onward = inverse @ self.reward
        found = np.zeros((self.channels, 2))
        for channel in range(self.channels):
            own = np.flatnonzero(self.digit == channel + 1)
            if len(own) == 1:
                found[channel] = self.visits[own[0]] / inverse[own[0], own[0]] * onward[own[0]]
            elif len(own):
                first = np.linalg.solve(inverse[np.ix_(own, own)].T, self.visits[own])
                found[channel] = first @ onward[own]
        return found

    def lost_sparse(self) -> Floats:
        """The same as what is missing where the channel's states are left out, by one solution each."""
        # Loaded where it is needed: a report has few states, and should not wait for it.
        from scipy import sparse

        moves = sparse.csr_array(self._moves, shape=(len(self.digit), len(self.digit)))
        identity = sparse.eye_array(len(self.digit), format="csr")
        whole = self.visits @ self.reward
        found = np.zeros((self.channels, 2))
        for channel in range(self.channels):
            kept = sparse.diags_array((self.digit != channel + 1).astype(np.float64))
            if not (self.digit == channel + 1).any():
                continue
            left = (identity - kept @ moves @ kept).tocsr()
            for place in range(2):
                onward = _solved(left, kept @ self.reward[:, place])
                found[channel, place] = whole[place] - onward[0]
        return found


def _solved(left: Any, right: Floats) -> Floats:
    """By iteration to the last digits, which a chain that is left soon allows; else by elimination."""
    from scipy.sparse import linalg

    found, failed = linalg.bicgstab(left, right, rtol=_CLOSE, atol=0, maxiter=1_000)
    if failed or np.abs(left @ found - right).max() > 1e3 * _CLOSE * max(np.abs(right).max(), 1e-300):
        found = linalg.spsolve(left.tocsc(), right)
    return np.asarray(found, np.float64)
