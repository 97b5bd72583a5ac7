"""Influencers: each score by hand, filters, risks, ranking, and that scores stay in their range."""

import math
import time
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.influencers import (
    USUAL_CONVERSIONS,
    WEIGHTS,
    Assessment,
    Candidates,
    Filters,
    Floats,
    Influencer,
    Labels,
    Norm,
    Range,
    Sought,
    find,
    fit_norm,
    matching,
    pack,
    rank,
    score,
    token_similarity,
)

NORM = Norm(at_10k=0.04, exponent=-0.2)

ANN = Influencer(
    id=1,
    name="Ann Poe",
    handle="ann.poe",
    platform="instagram",
    category="fitness",
    followers=10_000,
    engagement_rate=0.04,
    average_views=1_000,
    country="US",
    price=Decimal(200),
    topics=("yoga mat", "home workout"),
    audience={"age": {"18-24": 0.3, "25-34": 0.5, "35-44": 0.2}, "gender": {"female": 0.7, "male": 0.3}},
    safety_score=80,
    verified=True,
)


def scored(one: Influencer, sought: Sought | None = None) -> dict[str, float]:
    found = score(pack([one]), sought or Sought(), NORM)
    return {name: float(getattr(found, name)[0]) for name in (*WEIGHTS, "composite", "demographics")}


def assessed(one: Influencer, sought: Sought | None = None) -> Assessment:
    return find([one], sought or Sought(), Filters(blocked=True), norm=NORM)[0]


@pytest.mark.parametrize(
    ("followers", "reach"), [(0, 0), (1, 0), (10, 20), (10_000, 80), (100_000, 100), (9_000_000, 100)]
)
def test_reach_score(followers: int, reach: float) -> None:
    assert scored(replace(ANN, followers=followers))["reach"] == pytest.approx(reach)


@pytest.mark.parametrize(
    ("sought", "relevance"),
    [
        (Sought(), 50),
        (Sought(category="Fitness"), 100),
        (Sought(category="gardening"), 0),
        (Sought(topics=("yoga mats",)), 50),
        (Sought(topics=("yoga", "workouts at home")), 100),
        (Sought(category="fitness", topics=("yoga mat",)), 80),
        (Sought(category="fitness", topics=("fertilizer",)), 60),
    ],
)
def test_relevance(sought: Sought, relevance: float) -> None:
    assert scored(ANN, sought)["relevance"] == pytest.approx(relevance)
    assert assessed(ANN, sought).recommended == (relevance > 80)


def test_another_similarity_can_be_plugged_in() -> None:
    def encoder(texts: object, others: object) -> Floats:
        assert isinstance(texts, tuple | list)
        assert isinstance(others, tuple | list)
        return np.full((len(texts), len(others)), 0.9)

    found = score(pack([ANN]), Sought(category="sport"), NORM, encoder)
    assert found.relevance[0] == pytest.approx(90)
    assert matching(pack([ANN]), Filters(category="sport"), encoder).tolist() == [True]
    assert matching(pack([ANN]), Filters(category="sport")).tolist() == [False]


@pytest.mark.parametrize(
    ("text", "other", "value"),
    [
        ("Health & Fitness", "fitness", 1),
        ("yoga mats", "Yoga mat", 1),
        ("glass press", "gla pres", 0),
        ("trail running", "running shoes", 0.5),
        ("", "yoga", 0),
        ("!!", "!!", 0),
    ],
)
def test_token_similarity(text: str, other: str, value: float) -> None:
    assert token_similarity([text], [other]).tolist() == [[value]]


@pytest.mark.parametrize(
    ("rate", "conversion"), [(0.04, 50), (0.12, 75), (0.0, 0), (0.17, 50), (0.02, 100 / 3)]
)
def test_conversion_score_against_what_is_usual(rate: float, conversion: float) -> None:
    assert scored(replace(ANN, engagement_rate=rate))["conversion"] == pytest.approx(conversion)


def test_past_results_are_weighed_in() -> None:
    usual = 10_000 * 0.04 * USUAL_CONVERSIONS / 1_000
    good = replace(ANN, past_reach=10_000, past_conversions=round(10_000 * usual * 3))
    assert scored(good)["conversion"] == pytest.approx(100 * 2 / 3)
    bad = replace(ANN, past_reach=1_000_000, past_conversions=0)
    assert scored(bad)["conversion"] < 1
    assert "1,000,000 people reached before" in assessed(bad).parts[1].words


def test_cost_score() -> None:
    # 400 interactions: at 0.50 each the price of 200 is on target.
    assert scored(ANN)["cost"] == pytest.approx(50)
    assert scored(replace(ANN, price=Decimal(600)))["cost"] == pytest.approx(25)
    assert scored(replace(ANN, price=Decimal(0)))["cost"] == 100
    assert math.isnan(scored(replace(ANN, price=None))["cost"])
    # 400 × 0.005 = 2 conversions for 200: 100 each.
    assert scored(ANN, Sought(target_cpa=Decimal(100)))["cost"] == pytest.approx(50)
    assert scored(ANN, Sought(target_cpa=Decimal(300)))["cost"] == pytest.approx(75)


def test_bought_engagement_does_not_pay() -> None:
    honest, bought = scored(ANN), scored(replace(ANN, engagement_rate=0.4))
    assert bought["cost"] == honest["cost"]
    assert bought["conversion"] == honest["conversion"]


def test_audience_score_is_the_demographic_match() -> None:
    wanted = Sought(audience={"age": frozenset({"25-34", "35-44"}), "gender": frozenset({"female"})})
    assert scored(ANN, wanted)["audience"] == pytest.approx(70)
    assert assessed(ANN, wanted).demographic_match == pytest.approx(70)
    assert scored(ANN)["audience"] == pytest.approx(50)
    assert math.isnan(scored(ANN)["demographics"])
    assert assessed(ANN).demographic_match is None
    blank = replace(ANN, audience={}, average_views=None)
    assert math.isnan(scored(blank, wanted)["audience"])
    unheard = Sought(audience={"country": frozenset({"US"})})
    assert math.isnan(scored(ANN, unheard)["demographics"])


def test_a_group_nobody_has_counts_as_none_where_the_dimension_is_known() -> None:
    both = score(
        pack([ANN, replace(ANN, id=2, audience={})]), Sought(audience={"age": frozenset({"65+"})}), NORM
    )
    assert both.demographics[0] == 0
    assert math.isnan(both.demographics[1])


def test_audience_separates_the_large() -> None:
    wanted = Sought(audience={"age": frozenset({"25-34"})})
    large = replace(ANN, followers=200_000, average_views=20_000, price=None)
    fits = replace(
        large, id=2, handle="zoe", followers=200_000, audience={"age": {"25-34": 0.9, "18-24": 0.1}}
    )
    assert [one.influencer.handle for one in find([large, fits], wanted)] == ["zoe", "ann.poe"]


def test_brand_score() -> None:
    assert scored(ANN)["brand"] == 80
    assert scored(ANN, Sought(brand=("fitness",)))["brand"] == 90
    assert scored(ANN, Sought(brand=("gardening",)))["brand"] == 40
    assert math.isnan(scored(replace(ANN, safety_score=None))["brand"])


def test_composite_is_the_weighted_mean_of_what_is_known() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    parts = scored(ANN)
    assert parts["composite"] == pytest.approx(sum(parts[name] * weight for name, weight in WEIGHTS.items()))
    blank = scored(replace(ANN, price=None))
    known = {name: weight for name, weight in WEIGHTS.items() if name != "cost"}
    expected = sum(blank[name] * weight for name, weight in known.items()) / sum(known.values())
    assert blank["composite"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("changed", "risk"),
    [
        ({"engagement_rate": 0.2}, "interactions may be bought"),
        ({"engagement_rate": 0.005}, "followers may be fake"),
        ({"safety_score": 59}, "low brand safety (59)"),
        ({"safety_score": None}, "brand safety not known"),
        ({"verified": False}, "not verified"),
        ({"blocked": True}, "blocked"),
        ({"price": None}, "price not known"),
    ],
)
def test_risks(changed: dict[str, object], risk: str) -> None:
    assert assessed(ANN).risks == ()
    risks = assessed(replace(ANN, **changed)).risks  # type: ignore[arg-type]
    assert len(risks) == 1
    assert risk in risks[0]


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        (Filters(), True),
        (Filters(category="FITNESS"), True),
        (Filters(category="gardening"), False),
        (Filters(followers=Range(10_000, 10_000)), True),
        (Filters(followers=Range(10_001)), False),
        (Filters(followers=Range(None, 9_999)), False),
        (Filters(engagement=Range(0.03, 0.05)), True),
        (Filters(engagement=Range(0.05)), False),
        (Filters(price=Range(None, Decimal(200))), True),
        (Filters(price=Range(None, Decimal("199.99"))), False),
        (Filters(platforms=frozenset({"instagram", "tiktok"})), True),
        (Filters(platforms=frozenset({"tiktok"})), False),
        (Filters(countries=frozenset({"us"})), True),
        (Filters(countries=frozenset({"DE"})), False),
        (Filters(safe=True), True),
        (Filters(verified=True), True),
        (Filters(verified=False), False),
    ],
)
def test_filters(filters: Filters, passes: bool) -> None:
    assert matching(pack([ANN]), filters).tolist() == [passes]


def test_what_is_unknown_passes_no_filter_on_it() -> None:
    blank = pack([replace(ANN, price=None, safety_score=None, country=None)])
    for filters in (Filters(price=Range(0)), Filters(safe=True), Filters(countries=frozenset({"US"}))):
        assert matching(blank, filters).tolist() == [False]
    assert matching(blank, Filters()).tolist() == [True]


def test_blocked_are_excluded_unless_asked_for() -> None:
    blocked = replace(ANN, blocked=True)
    assert find([blocked], Sought(category="fitness")) == []
    assert not find([blocked], Sought(category="fitness"), Filters(blocked=True))[0].recommended


def test_estimates_name_their_assumptions() -> None:
    estimates = assessed(ANN, Sought(order_value=Decimal(250))).estimates
    assert (estimates.people, estimates.engagements) == (1_000, 400)
    assert estimates.conversions == pytest.approx(2)
    assert estimates.revenue == Decimal("500.00")
    assert estimates.roi == pytest.approx(1.5)
    assert estimates.assumptions == (
        "0.50% of interactions convert",
        "a conversion is worth 250.00",
    )
    blank = assessed(replace(ANN, average_views=None, price=None)).estimates
    assert (blank.people, blank.cost, blank.revenue, blank.roi) == (1_000, None, None, None)
    assert "a post reaches 10% of the followers" in blank.assumptions


def test_every_score_is_put_in_words() -> None:
    parts = {part.name: part for part in assessed(ANN, Sought(category="fitness")).parts}
    assert parts.keys() == WEIGHTS.keys()
    assert parts["relevance"].words == "about fitness (yoga mat, home workout); sought: fitness"
    assert parts["conversion"].words == "engagement of 4.0% is 1.0 times what is usual for the size"
    assert parts["cost"].words == "0.50 an interaction; 0.50 is usual"
    assert parts["audience"].words == "a post is seen by 10% of the followers"
    assert parts["brand"].words == "brand safety 80"
    assert parts["reach"].words == "10,000 followers"


def test_ranking_breaks_ties_by_handle_and_identity() -> None:
    same = [replace(ANN, id=n, handle=handle) for n, handle in enumerate(["cy", "al", "bo", "al"], start=1)]
    found = find(same, Sought(), count=3)
    assert [(one.influencer.handle, one.influencer.id) for one in found] == [("al", 2), ("al", 4), ("bo", 3)]
    assert find(same, Sought(), count=0) == []
    assert find([], Sought()) == []


def test_norm_is_learned_from_enough_candidates() -> None:
    rng = np.random.default_rng(1)
    many = [
        replace(ANN, followers=int(size), engagement_rate=float(0.06 * (size / 10_000) ** -0.3))
        for size in rng.lognormal(10, 1.5, 200)
    ]
    # A few with bought engagement do not bend it.
    many += [replace(ANN, engagement_rate=0.9)] * 5
    learned = fit_norm(pack(many))
    assert (learned.at_10k, learned.exponent) == pytest.approx((0.06, -0.3), rel=0.03)
    assert fit_norm(pack(many[:20])) == Norm()
    assert fit_norm(pack([ANN] * 50)) == Norm()


def test_negative_counts_are_rejected() -> None:
    for changed in ({"followers": -1}, {"engagement_rate": -0.1}):
        with pytest.raises(ValueError, match="negative"):
            pack([replace(ANN, **changed)])


def test_a_million_are_scored_in_well_under_a_second() -> None:
    rng = np.random.default_rng(0)
    count = 1_000_000

    def labels(distinct: int, length: int = count) -> Labels:
        return Labels(tuple(f"word{n} other{n}" for n in range(distinct)), rng.integers(0, distinct, length))

    candidates = Candidates(
        ids=np.arange(count),
        handles=[f"h{n}" for n in range(count)],
        platforms=labels(7),
        categories=labels(12),
        countries=labels(10),
        topics=labels(150, 3 * count),
        topic_counts=np.full(count, 3),
        followers=rng.integers(0, 10**6, count),
        engagement=rng.random(count) * 0.1,
        views=rng.random(count) * 10**5,
        price=rng.random(count) * 10**3,
        safety=rng.random(count) * 100,
        verified=rng.random(count) < 0.5,
        blocked=rng.random(count) < 0.01,
        past_reach=np.zeros(count),
        past_conversions=np.zeros(count),
        audience={("age", group): rng.random(count) / 3 for group in ("18-24", "25-34", "35-44")},
    )
    sought = Sought(category="word1", topics=("word3", "word4"), audience={"age": frozenset({"18-24"})})
    started = time.process_time()
    scores = score(candidates, sought, NORM)
    places = rank(candidates, scores, matching(candidates, Filters(safe=True)), 50)
    took = time.process_time() - started
    assert len(places) == 50
    best = np.where(matching(candidates, Filters(safe=True)), scores.composite, -1).max()
    assert scores.composite[places[0]] == pytest.approx(best)
    assert took < 2, f"{took:.2f} s"


texts = st.text(max_size=12)
influencers = st.builds(
    Influencer,
    id=st.integers(1, 5),
    name=texts,
    handle=texts,
    platform=st.sampled_from(["instagram", "tiktok"]),
    category=texts,
    followers=st.integers(0, 10**10),
    engagement_rate=st.floats(0, 5),
    average_views=st.none() | st.integers(0, 10**10),
    country=st.none() | texts,
    price=st.none() | st.decimals(0, 10**9, places=2),
    topics=st.lists(texts, max_size=4).map(tuple),
    audience=st.dictionaries(
        st.sampled_from(["age", "gender", "country"]),
        st.dictionaries(texts, st.floats(0, 1), max_size=3),
    ),
    safety_score=st.none() | st.integers(0, 100),
    verified=st.booleans(),
    blocked=st.booleans(),
    past_reach=st.integers(0, 10**9),
    past_conversions=st.integers(0, 10**6),
)
soughts = st.builds(
    Sought,
    category=st.none() | texts,
    topics=st.lists(texts, max_size=3).map(tuple),
    brand=st.lists(texts, max_size=2).map(tuple),
    audience=st.dictionaries(st.sampled_from(["age", "gender"]), st.frozensets(texts, max_size=3)),
    target_cpa=st.none() | st.decimals(0, 10**6, places=2),
    order_value=st.none() | st.decimals(0, 10**6, places=2),
)


@given(st.lists(influencers, max_size=5), soughts)
def test_scores_stay_in_their_range(many: list[Influencer], sought: Sought) -> None:
    found = find(many, sought)
    assert len(found) == sum(not one.blocked for one in many)
    order = [round(one.composite, 6) for one in found]
    assert order == sorted(order, reverse=True)
    for one in found:
        assert 0 <= one.composite <= 100 + 1e-9
        assert 0 <= one.engagement_rate <= 1
        assert all(part.value is None or -1e-9 <= part.value <= 100 + 1e-9 for part in one.parts)
        assert all(part.words for part in one.parts)


@given(st.lists(influencers, min_size=2, max_size=6))
def test_ranking_does_not_depend_on_the_order_given(many: list[Influencer]) -> None:
    unique = [replace(one, id=n) for n, one in enumerate(many)]
    backwards = unique[::-1]
    forth = [one.influencer.id for one in find(unique, Sought(), norm=NORM)]
    assert forth == [one.influencer.id for one in find(backwards, Sought(), norm=NORM)]
