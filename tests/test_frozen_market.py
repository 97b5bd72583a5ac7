"""The frozen market stays as it was before anything was measured on it, and its parts mean what they say."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from benchmarks import frozen_market
from benchmarks.frozen_market import (
    BUDGET,
    CHANNELS,
    EvenSplit,
    Floats,
    Proportional,
    Thompson,
    best_split,
    market,
    oracle,
    run,
)

FROZEN = "25a50114713251f6969e6f72bfd2bdbaf09b9e47a6084c3244d4c835f117d851"


def test_the_market_is_the_one_that_was_frozen() -> None:
    source = Path(frozen_market.__file__).read_bytes()
    assert hashlib.sha256(source).hexdigest() == FROZEN


def test_nobody_beats_the_oracle_and_a_seed_says_everything() -> None:
    found = market(3)
    best = oracle(found)
    for policy in (EvenSplit(), Proportional(), Thompson(3), Thompson(3, parts=20)):
        assert 0.7 * best < run(found, policy) < best
    assert run(found, Thompson(3)) == run(market(3), Thompson(3))
    assert oracle(market(4)) != best


def test_the_oracle_s_split_is_beaten_by_no_random_one() -> None:
    found, rng = market(5), np.random.default_rng(0)
    split = best_split(found, 40, BUDGET)
    assert split.sum() == pytest.approx(BUDGET)
    best = found.expected(40, split).sum()
    tried = found.expected(40, BUDGET * rng.dirichlet(np.full(CHANNELS, 0.8), 5000)).sum(axis=1)
    assert tried.max() <= best * 1.001


def test_a_policy_that_spends_what_it_was_not_given_is_refused() -> None:
    class Spender:
        def split(self, budget: float, spent: Floats, earned: Floats) -> Floats:
            return np.full(CHANNELS, budget)

    with pytest.raises(ValueError, match="not given"):
        run(market(1), Spender())
