"""Shapley values against all orders of joining, counted one by one."""

from fractions import Fraction
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.paths import Paths, Table
from engines.shapley import Game, Worth, shapley_values
from tests.test_markov import counts, tables


def worth_of(table: Table, coalition: frozenset[str], worth: Worth, place: int) -> Fraction:
    inside = [one for path, one in table.items() if set(path) <= coalition]
    amount = sum(one[place] for one in inside)
    if worth is Worth.CONVERSIONS:
        return Fraction(amount)
    gone = sum(one[0] + one[2] for one in inside)
    return Fraction(amount, gone) if gone else Fraction(0)


def over_all_orders(table: Table, worth: Worth, place: int) -> dict[str, float]:
    channels = sorted({channel for path in table for channel in path})
    values = dict.fromkeys(channels, Fraction(0))
    worths = {
        frozenset(some): worth_of(table, frozenset(some), worth, place)
        for count in range(len(channels) + 1)
        for some in combinations(channels, count)
    }
    orders = list(permutations(channels))
    for order in orders:
        for joined, channel in enumerate(order):
            before = frozenset(order[:joined])
            values[channel] += (worths[before | {channel}] - worths[before]) / len(orders)
    return {channel: float(value) for channel, value in values.items()}


@settings(deadline=None)
@given(tables, st.sampled_from(Worth))
def test_values_are_those_over_all_orders(table: Table, worth: Worth) -> None:
    paths = Paths.of(table)
    found = shapley_values(paths, worth)
    for place, values in enumerate((found.conversions, found.revenue)):
        expected = over_all_orders(table, worth, place)
        assert dict(zip(paths.names, values.tolist(), strict=True)) == pytest.approx(expected, abs=1e-6)
    assert found.error == 0


wide = st.dictionaries(
    st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=5).map(tuple),
    counts,
    min_size=4,
    max_size=30,
).filter(lambda table: any(won for won, _, _ in table.values()))


@settings(deadline=None, max_examples=20)
@given(wide, st.integers(0, 100))
def test_a_sample_keeps_its_bound_and_its_sum(table: Table, seed: int) -> None:
    paths = Paths.of(table)
    given_ = (paths.conversions, paths.revenue, paths.lost)
    exact = Game(paths).values(Worth.RATE, *given_)
    sample = Game(paths, seed=seed, exact=0, permutations=300).values(Worth.RATE, *given_)
    assert 0 < sample.error < 1
    assert np.abs(sample.conversions - exact.conversions).max() <= sample.error
    assert sample.conversions.sum() == pytest.approx(exact.conversions.sum())
    assert sample.revenue.sum() == pytest.approx(exact.revenue.sum())


@pytest.mark.parametrize("count", [24, 70])
def test_more_than_twenty_channels(count: int) -> None:
    rng = np.random.default_rng(3)
    names = [f"c{one}" for one in range(count)]
    table: Table = {}
    for _ in range(400):
        path = tuple(rng.choice(names, rng.integers(1, 6)).tolist())
        table[path] = (int(rng.integers(0, 3)), 0, int(rng.integers(0, 6)))
    paths = Paths.of(table)
    rates = shapley_values(paths, Worth.RATE)
    assert 0 < rates.error < 0.1
    won, gone = int(paths.conversions.sum()), int((paths.conversions + paths.lost).sum())
    assert rates.conversions.sum() == pytest.approx(won / gone)
    # The game of conversions stays exact.
    plain = shapley_values(paths)
    assert plain.error == 0
    shares = dict.fromkeys(paths.names, 0.0)
    for path, (conversions, _, _) in table.items():
        for channel in set(path):
            shares[channel] += conversions / len(set(path))
    assert dict(zip(paths.names, plain.conversions.tolist(), strict=True)) == pytest.approx(shares)


def test_twenty_channels_are_exact() -> None:
    names = [f"c{one}" for one in range(20)]
    table: Table = {(name,): (one, 0, 20 - one) for one, name in enumerate(names, 1)}
    values = shapley_values(Paths.of(table), Worth.RATE)
    assert values.error == 0
    assert values.conversions.sum() == pytest.approx(210 / 400)
    assert (np.diff(values.conversions) > 0).all()


def test_one_channel_one_that_hurts_and_one_never_alone() -> None:
    assert shapley_values(Paths.of({("a",): (3, 9, 1)})).conversions.tolist() == [3]
    hurts = shapley_values(Paths.of({("a",): (9, 0, 1), ("a", "b"): (1, 0, 9)}), Worth.RATE)
    assert hurts.conversions.tolist() == pytest.approx([0.7, -0.2])
    assert hurts.shares[0].tolist() == [1, 0]
    together = shapley_values(Paths.of({("a", "b", "a"): (4, 8, 0)}))
    assert together.conversions.tolist() == [2, 2]
    assert together.revenue.tolist() == [4, 4]


def test_nothing_to_share() -> None:
    for worth in Worth:
        assert shapley_values(Paths.of({}), worth).conversions.tolist() == [0]
        lost = shapley_values(Paths.of({("a",): (0, 0, 4)}), worth)
        assert [one.tolist() for one in lost.shares] == [[0], [0]]
