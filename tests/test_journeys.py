"""Journeys as columns against journeys one by one: what the columns say, a plain loop must say."""

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.crediting import UNITS, Model, Rules, apportioned, channel_totals, split
from engines.journeys import Packed, pack
from engines.paths import Paths, converting, lost
from tests.test_markov import tables

NAMES = ("email", "seo", "display")
LOOK_BACK = 10

Touched = tuple[int, int, int]
"""Visitor, moment, channel."""
Won = tuple[int, int, int]
"""Visitor, moment, revenue."""


@dataclass(frozen=True)
class Events:
    touches: list[Touched]
    won: list[Won]
    scale: int
    """Large, the times do not fit beside the visitor into 64 bits."""

    def packed(self) -> Packed:
        touches = np.array(self.touches, dtype=np.int64).reshape(-1, 3).T
        won = np.array(self.won, dtype=np.int64).reshape(-1, 3).T
        return pack(
            NAMES,
            touches[0],
            touches[1] * self.scale,
            touches[2].astype(np.int8),
            won[0],
            won[1] * self.scale,
            won[2],
            day=self.scale,
            look_back_days=LOOK_BACK,
        )

    def journey(self, won: Won) -> list[int]:
        """The places of its touches in the order of time, those of one moment as given."""
        inside = [
            place
            for place, (visitor, moment, _) in enumerate(self.touches)
            if visitor == won[0] and won[1] - LOOK_BACK <= moment <= won[1]
        ]
        return sorted(inside, key=lambda place: self.touches[place][1])

    def lost(self, since: int, until: int) -> Counter[tuple[str, ...]]:
        claimed = {place for one in self.won for place in self.journey(one)}
        found: Counter[tuple[str, ...]] = Counter()
        for visitor in {one[0] for one in self.touches}:
            own = [place for place, one in enumerate(self.touches) if one[0] == visitor]
            path: list[str] = []
            before = None
            for place in sorted(own, key=lambda place: self.touches[place][1]):
                moment = self.touches[place][1]
                free = place not in claimed and since <= moment < until
                if path and (not free or before is None or moment - before > LOOK_BACK):
                    found[tuple(path)] += 1
                    path = []
                if free:
                    path.append(NAMES[self.touches[place][2]])
                before = moment
            if path:
                found[tuple(path)] += 1
        return found


events = st.builds(
    Events,
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 2)), max_size=25),
    st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 60), st.integers(-(10**6), 10**15)), max_size=6),
    st.sampled_from([1, 1000, 2**57]),
)


@given(events)
def test_the_columns_hold_the_journeys(given_: Events) -> None:
    packed = given_.packed()
    places = packed.places[packed.claimed].tolist()
    assert places == [place for won in given_.won for place in given_.journey(won)]
    assert packed.lengths.tolist() == [len(given_.journey(won)) for won in given_.won]
    assert packed.owner.tolist() == [n for n, won in enumerate(given_.won) for _ in given_.journey(won)]


@given(events, st.integers(-1, 30), st.integers(10, 50))
def test_what_no_conversion_claims_is_lost(given_: Events, since: int, until: int) -> None:
    packed = given_.packed()
    table = lost(packed, since * given_.scale, until * given_.scale).table()
    assert {path: counts[2] for path, counts in table.items()} == given_.lost(since, until)
    assert all(counts[:2] == (0, 0) for counts in table.values())


def weights(model: Model, ages: list[int], channels: list[int]) -> list[Fraction]:
    """What each touch weighs, in fractions where the rule is one."""
    count = len(ages)
    ends = [place in (0, count - 1) for place in range(count)]
    match model:
        case Model.FIRST_TOUCH:
            return [Fraction(place == 0) for place in range(count)]
        case Model.LAST_TOUCH:
            return [Fraction(place == count - 1) for place in range(count)]
        case Model.LINEAR:
            return [Fraction(1)] * count
        case Model.TIME_DECAY:
            return [Fraction(math.exp(-age / 7)) for age in ages]
        case Model.POSITION_BASED if count < 3:
            return [Fraction(1)] * count
        case Model.POSITION_BASED:
            return [Fraction(2, 5) if end else Fraction(1, 5 * (count - 2)) for end in ends]
        case _:
            return [Fraction(1, channels.count(channel)) for channel in channels]


RULES = [model for model in Model if model is not Model.MARKOV]


@given(events, st.sampled_from(RULES))
def test_split_is_the_rule_and_exact(given_: Events, model: Model) -> None:
    packed = given_.packed()
    seen = set()
    for part in split(packed, model):
        units = np.broadcast_to(part.units, part.touches.shape)
        for column, number in enumerate(part.journeys.tolist()):
            seen.add(number)
            won = given_.won[number]
            places = packed.places[part.touches[:, column]].tolist()
            assert places == given_.journey(won)
            own = [int(one) for one in units[:, column]]
            money = [int(one) for one in part.micros[:, column]]
            assert (sum(own), sum(money)) == (UNITS, won[2])
            ages = [won[1] - given_.touches[place][1] for place in places]
            ideal = weights(model, ages, [given_.touches[place][2] for place in places])
            for unit, micro, weight in zip(own, money, ideal, strict=True):
                assert abs(unit - weight / sum(ideal) * UNITS) < 1 + 1e-3
                assert abs(micro - Fraction(won[2] * unit, UNITS)) < 1
    assert seen == {number for number, won in enumerate(given_.won) if given_.journey(won)}


@given(events)
def test_totals_are_the_sums_of_the_split(given_: Events) -> None:
    packed = given_.packed()
    for model, totals in channel_totals(packed, RULES).items():
        units, micros = [0, 0, 0], [0, 0, 0]
        for part in split(packed, model):
            rows = np.broadcast_to(part.units, part.touches.shape)
            for place, unit, micro in zip(part.touches.flat, rows.flat, part.micros.flat, strict=True):
                units[packed.channel[place]] += int(unit)
                micros[packed.channel[place]] += int(micro)
        assert [one.tolist() for one in totals] == [units, micros]


@pytest.mark.parametrize("count", [15, 16, 17, 40])
@pytest.mark.parametrize("model", RULES)
def test_long_journeys_keep_the_order_of_ties(count: int, model: Model) -> None:
    given_ = Events([(0, 0, 0)] * count, [(0, 5, 10**7 + 3)], 1)
    [part] = split(given_.packed(), model)
    units = part.units[:, 0].tolist()
    assert sum(units) == UNITS
    assert int(part.micros.sum()) == 10**7 + 3
    if model in (Model.LINEAR, Model.TIME_DECAY, Model.SHAPLEY):
        assert units == sorted(units, reverse=True)


@given(events)
def test_paths_of_conversions(given_: Events) -> None:
    expected: dict[tuple[str, ...], tuple[int, int, int]] = {}
    for won in given_.won:
        path = tuple(NAMES[given_.touches[place][2]] for place in given_.journey(won))
        if path:
            before = expected.get(path, (0, 0, 0))
            expected[path] = (before[0] + 1, before[1] + won[2], 0)
    found = converting(given_.packed())
    assert found.table() == expected
    collapsed = found.collapsed()
    assert collapsed.table() == expected
    assert len(collapsed.lengths) == len(expected)


@given(tables, tables)
def test_paths_add_up_whatever_their_codes(
    one: dict[tuple[str, ...], tuple[int, int, int]], other: dict[tuple[str, ...], tuple[int, int, int]]
) -> None:
    both = (Paths.of(one) + Paths.of(other)).collapsed()
    expected = {
        path: tuple(a + b for a, b in zip(one.get(path, (0, 0, 0)), other.get(path, (0, 0, 0)), strict=True))
        for path in one | other
    }
    assert both.table() == expected
    assert len(both.lengths) == len(expected)


@given(st.integers(-(10**18), 10**18), st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_apportioning_loses_nothing(total: int, shares: list[float]) -> None:
    whole = sum(shares)
    scaled = np.array([one / whole for one in shares]) if whole > 1e-6 else np.zeros(len(shares))
    parts = apportioned(total, scaled)
    assert sum(parts) == total
    if whole > 1e-6:
        assert all(
            abs(part - total * share) <= 1 + abs(total) * 1e-12
            for part, share in zip(parts, scaled, strict=True)
        )


def test_nothing_at_all() -> None:
    packed = Events([], [], 1).packed()
    assert converting(packed).table() == lost(packed).table() == {}
    assert list(split(packed, Model.LINEAR, Rules())) == []
    direct = Events([], [(0, 1, 5)], 1).packed()
    assert direct.lengths.tolist() == [0]
