"""Paths kept up to date against paths computed anew from everything so far."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.journeys import pack
from engines.live import LivePaths
from engines.markov import flow, removal_effects
from engines.paths import Paths, converting, lost
from engines.shapley import Worth, shapley_values

NAMES = ("email", "seo", "display")
LOOK_BACK = 10

Touched = tuple[int, int, int]
events = st.lists(
    st.one_of(
        st.tuples(st.just("touch"), st.integers(0, 2), st.integers(0, 40), st.integers(0, 2)),
        st.tuples(st.just("convert"), st.integers(0, 3), st.integers(-5, 60), st.integers(0, 10**9)),
    ),
    max_size=30,
)
Event = tuple[str, int, int, int]


def anew(so_far: list[Event]) -> Paths:
    touches = np.array([one[1:] for one in so_far if one[0] == "touch"], dtype=np.int64).reshape(-1, 3).T
    won = np.array([one[1:] for one in so_far if one[0] == "convert"], dtype=np.int64).reshape(-1, 3).T
    packed = pack(
        NAMES, touches[0], touches[1], touches[2], won[0], won[1], won[2], day=1, look_back_days=LOOK_BACK
    )
    return (converting(packed) + lost(packed)).collapsed()


def apply(live: LivePaths, event: Event) -> None:
    kind, visitor, moment, what = event
    if kind == "touch":
        live.touch(str(visitor), moment, NAMES[what])
    else:
        live.convert(str(visitor), moment, what)


@settings(deadline=None)
@given(events)
def test_every_event_leaves_what_a_new_computation_finds(given_: list[Event]) -> None:
    live = LivePaths(LOOK_BACK)
    for count, event in enumerate(given_, 1):
        apply(live, event)
        assert live.table() == anew(given_[:count]).table()


@settings(deadline=None, max_examples=50)
@given(events, st.sampled_from([1, 2, 3]))
def test_models_agree_on_both(given_: list[Event], order: int) -> None:
    live = LivePaths(LOOK_BACK)
    for event in given_:
        apply(live, event)
    kept, new = live.paths(NAMES), anew(given_)
    pairs = [
        (removal_effects(flow(one, order)).shares, shapley_values(one, Worth.RATE).shares)
        for one in (kept, new)
    ]
    for markov_and_shapley in zip(*pairs, strict=True):
        for one, other in zip(*markov_and_shapley, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_late_conversion_claims_what_was_lost() -> None:
    live = LivePaths(LOOK_BACK)
    live.touch("ann", 1, "seo")
    live.touch("ann", 5, "email")
    assert live.table() == {("seo", "email"): (0, 0, 1)}
    live.convert("ann", 6, 900)
    assert live.table() == {("seo", "email"): (1, 900, 0)}
    # A touch reported late moves in between; another visitor changes nothing of this.
    live.touch("ann", 3, "display")
    live.touch("bob", 3, "display")
    assert live.table() == {("seo", "display", "email"): (1, 900, 0), ("display",): (0, 0, 1)}
