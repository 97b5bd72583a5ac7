"""Attribution: the rules on small journeys, and what must hold for any journeys."""

import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.attribution import attribute, by_day, credit_touches, side_by_side
from engines.crediting import Model, Rules
from engines.journeys import Conversion, Journey, Touch, journeys
from engines.paths import Paths
from engines.shapley import Worth

WON = datetime(2026, 3, 15, 12, tzinfo=UTC)


def touch(channel: str, days: float, campaign: int | None = None) -> Touch:
    return Touch(channel, None, campaign, WON - timedelta(days=days))


def journey(*touches: Touch, revenue: str = "100", number: int = 1) -> Journey:
    return Journey(number, WON, Decimal(revenue), touches)


def split(model: Model, *touches: Touch, rules: Rules | None = None) -> list[float]:
    return [float(part.credit) for part in credit_touches([journey(*touches)], model, rules)[1]]


FOUR = (touch("email", 9), touch("seo", 5), touch("display", 2), touch("email", 1))


@pytest.mark.parametrize(
    ("model", "credits_"),
    [
        (Model.FIRST_TOUCH, [1, 0, 0, 0]),
        (Model.LAST_TOUCH, [0, 0, 0, 1]),
        (Model.LINEAR, [0.25, 0.25, 0.25, 0.25]),
        (Model.POSITION_BASED, [0.4, 0.1, 0.1, 0.4]),
    ],
)
def test_rules_on_four_touches(model: Model, credits_: list[float]) -> None:
    assert split(model, *FOUR) == credits_


def test_time_decay_halves_every_half_life() -> None:
    half_life = 7 * math.log(2)
    assert half_life == pytest.approx(4.852, abs=1e-3)
    older, newer = split(Model.TIME_DECAY, touch("email", 3 + half_life), touch("seo", 3))
    assert newer == pytest.approx(2 * older, abs=1e-8)
    shares = split(Model.TIME_DECAY, *FOUR)
    weights = [math.exp(-days / 7) for days in (9, 5, 2, 1)]
    assert shares == pytest.approx([weight / sum(weights) for weight in weights], abs=1e-8)


def test_time_decay_does_not_vanish_in_a_long_window() -> None:
    rules = Rules(look_back_days=20_000, decay_days=1)
    shares = split(Model.TIME_DECAY, touch("email", 10_001), touch("seo", 10_000), rules=rules)
    assert shares == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)], abs=1e-8)


def test_position_based_on_one_and_two_touches() -> None:
    assert split(Model.POSITION_BASED, touch("seo", 1)) == [1]
    assert split(Model.POSITION_BASED, touch("seo", 2), touch("email", 1)) == [0.5, 0.5]
    rules = Rules(position_weights=(0.6, 0.2, 0.2))
    assert split(Model.POSITION_BASED, touch("seo", 2), touch("email", 1), rules=rules) == [0.75, 0.25]
    middle = Rules(position_weights=(0, 1, 0))
    assert split(Model.POSITION_BASED, touch("seo", 2), touch("email", 1), rules=middle) == [0.5, 0.5]


def test_order_of_time_decides_and_order_given_breaks_ties() -> None:
    shuffled = [FOUR[2], FOUR[0], FOUR[3], FOUR[1]]
    assert [part.touch for part in credit_touches([journey(*shuffled)], Model.LINEAR)[1]] == list(FOUR)
    first = credit_touches([journey(touch("seo", 1), touch("email", 1))], Model.FIRST_TOUCH)[1]
    assert [(part.touch.channel, part.credit) for part in first] == [
        ("seo", Decimal(1)),
        ("email", Decimal(0)),
    ]


def test_window_keeps_both_ends_and_drops_what_lies_outside() -> None:
    rules = Rules(look_back_days=10)
    touches = (touch("video", 10.01), touch("email", 10), touch("seo", 0), touch("display", -0.01))
    parts = credit_touches([journey(*touches)], Model.LINEAR, rules)[1]
    assert [part.touch.channel for part in parts] == ["email", "seo"]


def test_a_session_is_one_touch() -> None:
    minute = 1 / 1440
    clicks = [touch("email", 1), touch("email", 1 - 20 * minute), touch("email", 1 - 40 * minute)]
    rules = Rules(session_minutes=30)
    credits_ = credit_touches([journey(*clicks, touch("seo", 0.5))], Model.LINEAR, rules)[1]
    assert [(part.touch.channel, part.touch.moment, float(part.credit)) for part in credits_] == [
        ("email", WON - timedelta(days=1), 0.5),
        ("seo", WON - timedelta(days=0.5), 0.5),
    ]
    # Another channel between, or a longer pause, begins another session.
    assert len(split(Model.LINEAR, clicks[0], touch("seo", 1 - minute), clicks[1], rules=rules)) == 3
    assert len(split(Model.LINEAR, clicks[0], clicks[2], rules=rules)) == 2
    assert len(split(Model.LINEAR, *clicks)) == 3


def test_direct_conversions_are_reported() -> None:
    report = attribute(
        [
            journey(touch("email", 1), revenue="70"),
            journey(revenue="20", number=2),
            journey(touch("email", 90), revenue="10", number=3),
        ],
        Model.LINEAR,
    )
    assert (report.conversions, report.unattributed) == (3, 2)
    assert (report.revenue, report.unattributed_revenue) == (Decimal(100), Decimal(30))
    assert [(one.channel, one.conversions) for one in report.channels] == [("email", Decimal(1))]


def test_nothing_to_attribute() -> None:
    for given_ in ([], [journey()]):
        report = attribute(given_, Model.TIME_DECAY)
        assert not report.channels
        assert not report.campaigns
        assert report.paths is None
        assert report.confidence is None
        assert report.unattributed == len(given_)
    assert credit_touches([journey()], Model.LINEAR) == {1: ()}


def test_thirds_of_a_cent_are_not_lost() -> None:
    parts = credit_touches(
        [journey(touch("a", 3), touch("b", 2), touch("c", 1), revenue="0.01")], Model.LINEAR
    )
    assert [part.revenue for part in parts[1]] == [
        Decimal("0.003334"),
        Decimal("0.003333"),
        Decimal("0.003333"),
    ]
    assert sum(part.credit for part in parts[1]) == 1


def test_money_beyond_floating_point_is_exact() -> None:
    revenue = "9000000000000.000001"
    parts = credit_touches([journey(*FOUR, revenue=revenue)], Model.TIME_DECAY)[1]
    assert sum(part.revenue for part in parts) == Decimal(revenue)


def test_results_by_channel_campaign_and_path() -> None:
    report = attribute(
        [
            journey(touch("email", 4, 7), touch("seo", 2), touch("email", 1, 8), revenue="90"),
            journey(touch("seo", 10), touch("seo", 9), revenue="10", number=2),
        ],
        Model.LINEAR,
    )
    by_channel = {one.channel: one for one in report.channels}
    assert by_channel["seo"].conversions == Decimal("1.333333333")
    assert by_channel["seo"].revenue == Decimal(40)
    assert (by_channel["seo"].touched, by_channel["seo"].assisted) == (2, 1)
    assert (by_channel["email"].touched, by_channel["email"].assisted) == (1, 0)
    campaigns = {(one.channel, one.campaign_id): one.revenue for one in report.campaigns}
    assert campaigns == {("seo", None): Decimal(40), ("email", 7): Decimal(30), ("email", 8): Decimal(30)}
    paths = report.paths
    assert paths is not None
    assert paths.lengths == {2: 1, 3: 1}
    assert (paths.mean_length, paths.mean_days, paths.median_days, paths.assisted) == (2.5, 7, 7, 1)
    assert [(path.channels, path.revenue) for path in paths.top] == [
        (("email", "seo", "email"), Decimal(90)),
        (("seo",), Decimal(10)),
    ]


def test_journeys_join_conversions_to_earlier_touches_in_the_window() -> None:
    touches = {"ann": [touch("seo", 40), touch("email", 5), touch("display", -1)]}
    won = [Conversion(1, "ann", WON, Decimal(5)), Conversion(2, "bob", WON, Decimal(6))]
    first, second = journeys(touches, won)
    assert [one.channel for one in first.touches] == ["email"]
    assert second == Journey(2, WON, Decimal(6), ())
    again = replace(won[0], id=3, moment=WON + timedelta(days=2))
    assert [one.channel for one in journeys(touches, [again])[0].touches] == ["email", "display"]


@pytest.mark.parametrize(
    "bad",
    [
        {"look_back_days": 0},
        {"decay_days": -1},
        {"decay_days": math.nan},
        {"session_minutes": -1},
        {"session_minutes": math.nan},
        {"position_weights": (0.5, 0.5, 0.5)},
        {"position_weights": (1.5, -1, 0.5)},
    ],
)
def test_bad_rules_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        Rules(**bad)  # type: ignore[arg-type]


def test_revenue_finer_than_stored_is_refused() -> None:
    with pytest.raises(ValueError, match="millionth"):
        attribute([journey(touch("seo", 1), revenue="0.0000001")], Model.LINEAR)


def test_intervals_hold_the_share_and_repeat_by_seed() -> None:
    many = [journey(touch("email" if n % 4 else "seo", 1), number=n) for n in range(200)]
    report = attribute(many, Model.LAST_TOUCH, seed=3)
    email = report.channels[0].share
    assert email.value == 0.75
    # The binomial interval of 150 out of 200.
    spread = 1.645 * math.sqrt(0.75 * 0.25 / 200)
    assert email.low == pytest.approx(0.75 - spread, abs=0.02)
    assert email.high == pytest.approx(0.75 + spread, abs=0.02)
    assert report.confidence == 1
    assert attribute(many, Model.LAST_TOUCH, seed=3) == report
    assert attribute(many, Model.LAST_TOUCH, seed=4) != report


def test_confidence_is_low_where_channels_are_level() -> None:
    level = [journey(touch(channel, 1), number=n) for n in range(30) for channel in ("seo", "email")]
    confidence = attribute(level, Model.LINEAR).confidence
    assert confidence is not None
    assert 0.3 < confidence < 0.7


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(100):
        emails = rng.random(120) < 0.3
        drawn = [journey(touch("email" if one else "seo", 1), number=n) for n, one in enumerate(emails)]
        report = attribute(drawn, Model.LINEAR, resamples=100)
        share = next(one.share for one in report.channels if one.channel == "email")
        held += share.low <= 0.3 <= share.high
    assert 80 <= held <= 98


amounts = st.integers(-(10**12), 10**15).map(lambda micros: Decimal(micros).scaleb(-6))
touches_ = st.lists(
    st.builds(
        touch,
        st.sampled_from(["email", "seo", "display"]),
        st.floats(-5, 60),
        st.one_of(st.none(), st.integers(1, 4)),
    ),
    max_size=8,
)
many_journeys = st.lists(st.tuples(touches_, amounts), max_size=8).map(
    lambda rows: [Journey(n, WON, revenue, tuple(found)) for n, (found, revenue) in enumerate(rows)]
)


@given(many_journeys, st.sampled_from(Model))
def test_credits_sum_to_one_and_money_to_the_revenue(given_: list[Journey], model: Model) -> None:
    found = credit_touches(given_, model)
    assert list(found) == [one.conversion_id for one in given_]
    for one in given_:
        parts = found[one.conversion_id]
        inside = [t for t in one.touches if timedelta(0) <= WON - t.moment <= timedelta(days=30)]
        assert len(parts) == len(inside)
        assert all(part.credit >= 0 for part in parts)
        if parts:
            assert sum(part.credit for part in parts) == 1
            assert sum(part.revenue for part in parts) == one.revenue


@given(many_journeys, st.sampled_from(Model))
def test_report_adds_up(given_: list[Journey], model: Model) -> None:
    report = attribute(given_, model, resamples=5)
    for parts in (report.channels, report.campaigns):
        assert sum(part.conversions for part in parts) + report.unattributed == len(given_)
        revenue = sum((part.revenue for part in parts), report.unattributed_revenue)
        assert revenue == report.revenue == sum(one.revenue for one in given_)
    if report.paths is not None:
        assert sum(report.paths.lengths.values()) == len(given_) - report.unattributed


lost_paths = st.dictionaries(
    st.lists(st.sampled_from(["email", "seo", "video"]), min_size=1, max_size=4).map(tuple),
    st.tuples(st.just(0), st.just(0), st.integers(1, 5)),
    max_size=5,
).map(Paths.of)
rules = st.builds(
    Rules,
    markov_order=st.sampled_from([1, 2, 3]),
    with_lost=st.booleans(),
    shapley_worth=st.sampled_from(Worth),
)


@given(many_journeys, st.sampled_from(Model))
def test_days_add_up_to_what_was_attributed(given_: list[Journey], model: Model) -> None:
    days = [(WON - timedelta(days=place % 3)).date() for place in range(len(given_))]
    found = by_day(given_, days, model)
    whole = attribute(given_, model, resamples=2)
    assert set(found) == set(days)
    parts = [part for of_day in found.values() for part in of_day.values()]
    assert sum(credit for credit, _ in parts) == whole.conversions - whole.unattributed
    assert sum(money for _, money in parts) == whole.revenue - whole.unattributed_revenue


@given(many_journeys, lost_paths, rules, st.sampled_from([Model.MARKOV, Model.SHAPLEY]))
def test_models_of_all_journeys_add_up(
    given_: list[Journey], lost: Paths, rules: Rules, model: Model
) -> None:
    report = attribute(given_, model, rules, lost=lost, resamples=3)
    for parts in (report.channels, report.campaigns):
        assert sum(part.conversions for part in parts) + report.unattributed == len(given_)
        assert sum((part.revenue for part in parts), report.unattributed_revenue) == report.revenue
        assert all(part.conversions >= 0 for part in parts)
    for one in report.channels:
        own = [part.conversions for part in report.campaigns if part.channel == one.channel]
        assert sum(own) == one.conversions
    for credited in credit_touches(given_, model, rules, lost).values():
        assert not credited or sum(part.credit for part in credited) == 1
    beside = side_by_side(given_, rules, lost=lost)
    shares = {one.channel: one.share.value for one in report.channels if one.share.value}
    assert shares == pytest.approx({name: one for name, one in beside[model].items() if one}, abs=1e-8)


def test_markov_credits_are_the_removal_effects_scaled() -> None:
    # By hand: P = 1/3, without email 1/6, without seo 0: effects of a half and one.
    won = [journey(touch("email", 2), touch("seo", 1), revenue="90")]
    lost = Paths.of({("email",): (0, 0, 1), ("seo",): (0, 0, 1)})
    report = attribute(won, Model.MARKOV, lost=lost)
    assert report.lost == 2
    assert [(one.channel, one.conversions, one.revenue) for one in report.channels] == [
        ("seo", Decimal("0.666666667"), Decimal(60)),
        ("email", Decimal("0.333333333"), Decimal(30)),
    ]
    without = attribute(won, Model.MARKOV, Rules(with_lost=False), lost=lost)
    assert without.lost is None
    assert [one.conversions for one in without.channels] == [Decimal("0.5")] * 2


def test_shapley_shares_a_conversion_between_the_channels_it_met() -> None:
    parts = credit_touches([journey(*FOUR)], Model.SHAPLEY)[1]
    third = Decimal("0.333333333")
    # Email was met twice: its third is halved, and the rounding goes where most was lost.
    assert [part.credit for part in parts] == [Decimal("0.166666667"), third, third, Decimal("0.166666667")]


def test_intervals_of_markov_hold_its_shares_and_repeat() -> None:
    many = [journey(touch("email" if n % 4 else "seo", 1), number=n) for n in range(200)]
    lost = Paths.of({("email",): (0, 0, 300), ("seo",): (0, 0, 50)})
    report = attribute(many, Model.MARKOV, lost=lost, seed=3)
    email = report.channels[0].share
    assert email.value == pytest.approx(0.75)
    assert 0.65 < email.low < 0.72
    assert 0.78 < email.high < 0.85
    assert attribute(many, Model.MARKOV, lost=lost, seed=3) == report


def test_intervals_of_markov_cover_the_truth_about_as_often_as_they_say() -> None:
    # Of walks that begin with email half go on to seo; seo converts three in ten: the effects are known.
    rng = np.random.default_rng(8)
    held = 0
    for _ in range(60):
        begins, goes_on, wins = rng.random((3, 400)) < np.array([[0.6], [0.5], [0.3]])
        walks = [
            (
                ("email", "seo") if first and on else ("email",) if first else ("seo",),
                bool(won and (on or not first)),
            )
            for first, on, won in zip(begins, goes_on, wins, strict=True)
        ]
        won = [
            journey(*(touch(channel, 2 - n) for n, channel in enumerate(path)), number=number)
            for number, (path, won) in enumerate(walks)
            if won
        ]
        counts = Counter(path for path, won in walks if not won)
        lost = Paths.of({path: (0, 0, times) for path, times in counts.items()})
        report = attribute(won, Model.MARKOV, lost=lost, resamples=100)
        share = next(one.share for one in report.channels if one.channel == "email")
        effect = 0.6 * 0.5 / (0.6 * 0.5 + 0.4)
        held += share.low <= effect / (1 + effect) <= share.high
    assert 47 <= held <= 60
