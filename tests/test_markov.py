"""Markov attribution against the closed form in exact fractions, and what must hold for any paths."""

from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.markov import Effects, Flow, flow, removal_effects
from engines.paths import Paths, Table

State = tuple[str, ...]


def effects(table: Table, order: int = 1, *, with_lost: bool = True) -> dict[str, float]:
    paths = Paths.of(table)
    found = removal_effects(flow(paths, order, with_lost=with_lost))
    return dict(zip(paths.names, found.conversions.tolist(), strict=True))


def in_fractions(table: Table, order: int, without: str | None, worth: int = 0) -> Fraction:
    """What a walk is expected to bring, by elimination in fractions: nothing shared with the engine."""
    moves: dict[State, Counter[State]] = defaultdict(Counter)
    won: Counter[State] = Counter()
    out: Counter[State] = Counter()
    for path, counts in table.items():
        times = counts[0] + counts[2]
        state: State = ()
        for channel in path:
            after = (*state, channel)[-order:]
            moves[state][after] += times
            out[state] += times
            state = after
        won[state] += counts[worth]
        out[state] += times
    states = list(dict.fromkeys([(), *(one for row in moves.values() for one in row)]))
    rows: list[list[Fraction]] = []
    for state in states:
        row = [Fraction(int(one == state)) for one in states] + [Fraction(0)]
        if out[state] and (not state or state[-1] != without):
            for after, times in moves[state].items():
                row[states.index(after)] -= Fraction(times, out[state])
            row[-1] = Fraction(won[state], out[state])
        rows.append(row)
    for place in range(len(rows)):
        swap = next(one for one in range(place, len(rows)) if rows[one][place])
        rows[place], rows[swap] = rows[swap], rows[place]
        rows[place] = [value / rows[place][place] for value in rows[place]]
        for other in range(len(rows)):
            if other != place and rows[other][place]:
                factor = rows[other][place]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[place], strict=True)]
    return rows[0][-1]


counts = st.tuples(st.integers(0, 3), st.integers(0, 10**9), st.integers(0, 3)).map(
    lambda one: (one[0], one[1] if one[0] else 0, one[2])
)
tables = st.dictionaries(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(tuple), counts, min_size=1, max_size=7
).filter(lambda table: any(won for won, _, _ in table.values()))


@settings(deadline=None)
@given(tables, st.sampled_from([1, 2, 3]))
def test_removal_effects_are_the_closed_form(table: Table, order: int) -> None:
    paths = Paths.of(table)
    counted = flow(paths, order)
    whole = [in_fractions(table, order, None, worth) for worth in (0, 1)]
    for found in (removal_effects(counted), removal_effects(counted, dense=0)):
        assert found.probability == pytest.approx(float(whole[0]), abs=1e-9)
        for code, name in enumerate(paths.names):
            left = [in_fractions(table, order, name, worth) for worth in (0, 1)]
            assert found.conversions[code] == pytest.approx(float(1 - left[0] / whole[0]), abs=1e-9)
            if whole[1]:
                assert found.revenue[code] == pytest.approx(float(1 - left[1] / whole[1]), abs=1e-9)


@given(tables, st.sampled_from([1, 2, 3]))
def test_probability_is_the_share_of_paths_that_converted(table: Table, order: int) -> None:
    won = sum(one[0] for one in table.values())
    gone = sum(one[2] for one in table.values())
    assert removal_effects(flow(Paths.of(table), order)).probability == pytest.approx(won / (won + gone))


@given(tables, tables, st.sampled_from([1, 2, 3]))
def test_flows_add_up_and_remember_less(one: Table, other: Table, order: int) -> None:
    first, second = Paths.of(one, "abcd"), Paths.of(other, "abcd")
    assert same(flow(first, order) + flow(second, order), flow(first + second, order))
    assert same(flow(first, 3).lower(order), flow(first, order))
    assert same(flow((first + second).collapsed(), order), flow(first + second, order))


def same(one: Flow, other: Flow) -> bool:
    names = ("moves", "won", "revenue", "lost")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@given(tables, st.sampled_from([1, 2, 3]), st.booleans())
def test_shares_sum_to_one(table: Table, order: int, with_lost: bool) -> None:
    found = removal_effects(flow(Paths.of(table), order, with_lost=with_lost))
    for shares in found.shares:
        assert shares.sum() == pytest.approx(1)
        assert (shares >= 0).all()
    assert (found.conversions <= 1 + 1e-9).all()


def test_the_example_worked_by_hand() -> None:
    # From the start to a (2 of 3) or b (1 of 3); from a to b or nothing, half each; from b half convert.
    table: Table = {("a", "b"): (1, 0, 0), ("a",): (0, 0, 1), ("b",): (0, 0, 1)}
    # P = (2/3·1/2 + 1/3)·1/2 = 1/3; without a 1/3·1/2 = 1/6; without b nothing.
    assert effects(table) == pytest.approx({"a": 0.5, "b": 1.0})


def test_one_channel_gets_everything() -> None:
    assert effects({("a",): (3, 0, 5)}) == pytest.approx({"a": 1})
    assert effects({("a", "a", "a"): (3, 0, 5)}, order=3) == pytest.approx({"a": 1})


def test_without_lost_paths_an_effect_is_the_share_of_walks_that_meet_the_channel() -> None:
    table: Table = {("a",): (3, 0, 9), ("b",): (1, 0, 0)}
    assert effects(table, with_lost=False) == pytest.approx({"a": 0.75, "b": 0.25})
    # With them a brings the same conversions, because each path is one touch.
    assert effects(table) == pytest.approx({"a": 0.75, "b": 0.25})
    mixed: Table = {("a", "b"): (2, 0, 0), ("a",): (0, 0, 8), ("b",): (2, 0, 0)}
    # Of the walks that convert, half come from a; of all walks that meet a, most are lost.
    assert effects(mixed, with_lost=False) == pytest.approx({"a": 0.5, "b": 1})


def test_loops_make_no_difference_at_order_one() -> None:
    plain: Table = {("a", "b"): (2, 0, 1), ("b", "a"): (1, 0, 3), ("b",): (1, 0, 2), ("a",): (2, 0, 5)}
    looped = {tuple(name for name in path for _ in "12"[: len(path)]): one for path, one in plain.items()}
    looped[("a", "a", "a")] = looped.pop(("a",))
    assert effects(looped) == pytest.approx(effects(plain))
    assert effects(looped, 2) != pytest.approx(effects(plain, 2))


def test_order_tells_apart_what_order_one_mixes() -> None:
    # c after a converts, c after b does not: order 1 credits b for conversions that never followed it.
    table: Table = {("a", "c"): (10, 0, 0), ("b", "c"): (0, 0, 10)}
    assert effects(table)["b"] == pytest.approx(0.5)
    assert effects(table, 2) == pytest.approx({"a": 1, "b": 0, "c": 1})


def test_nothing_converted() -> None:
    found = removal_effects(flow(Paths.of({("a",): (0, 0, 4)})))
    assert (found.probability, found.conversions.tolist()) == (0, [0])
    assert [shares.tolist() for shares in found.shares] == [[0], [0]]
    empty = removal_effects(flow(Paths.of({})))
    assert (empty.probability, empty.states) == (0, 0)


def test_revenue_that_is_lost_in_refunds_falls_back_on_conversions() -> None:
    found: Effects = removal_effects(flow(Paths.of({("a",): (1, -500, 0), ("b",): (1, 100, 0)})))
    assert found.shares[1].tolist() == found.shares[0].tolist() == [0.5, 0.5]


def test_too_many_channels_are_refused() -> None:
    many: Table = {(str(one),): (1, 0, 0) for one in range(90)}
    with pytest.raises(ValueError, match="too many for a chain of order 3"):
        flow(Paths.of(many), 3)
    assert removal_effects(flow(Paths.of(many), 2)).conversions.sum() == pytest.approx(1)
