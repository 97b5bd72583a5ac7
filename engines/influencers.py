"""Influencers: filters, scores from 0 to 100, risks, and what a post may bring.

Candidates are columns, so that a million are scored at once; words are made only for those shown. Prices are
in one currency a calculation. Weights and usual figures below are assumptions of this product, named where
they are used; a venture's own figures replace them through `Sought`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"relevance": 0.30, "conversion": 0.20, "audience": 0.15, "cost": 0.15, "reach": 0.10, "brand": 0.10}
)
"""Weights of the composite; those of unknown scores are shared out among the known ones."""

RECOMMENDED_RELEVANCE = 80.0
"""Recommended influencers are more relevant than this."""

CATEGORY_WEIGHT = 0.6
"""Of relevance, where both a category and topics are sought; topics get the rest."""

CATEGORY_MATCH = 0.8
"""Similarity from which a category counts as the one filtered for."""

SAFE_SCORE = 70
"""Brand-safety score from which an influencer counts as safe."""

LOW_SAFETY = 60
"""Brand-safety score below which it is a risk."""

SUSPICIOUS = 4.0
"""Times the usual engagement, either way, from which followers or interactions may not be real."""

USUAL_VIEW_SHARE = 0.10
"""Share of followers one post reaches, where average views are not known."""

USUAL_CONVERSIONS = 0.005
"""Conversions an interaction, where the venture has no rate of its own."""

USUAL_ENGAGEMENT_COST = Decimal("0.50")
"""Money an interaction, where no target cost a conversion is given."""

PRIOR_REACH = 10_000.0
"""Past results of so many people reached weigh as much as the estimate from engagement."""

MIN_FOR_NORM = 30
"""Candidates from which `fit_norm` learns; with fewer it keeps the default."""

_DIMENSIONS = ("age", "gender", "country")


class Similarity(Protocol):
    """How alike texts are; a sentence encoder can stand in for the tokens."""

    def __call__(self, texts: Sequence[str], others: Sequence[str]) -> Floats:
        """Similarities from 0 to 1, texts by others."""
        ...


def token_similarity(texts: Sequence[str], others: Sequence[str]) -> Floats:
    """Overlap coefficient of the words (Szymkiewicz-Simpson): shared words over those of the shorter text.

    Case and a plural "s" do not matter; an empty text is like nothing.
    """
    left, right = [_words(text) for text in texts], [_words(text) for text in others]
    return np.array(
        [[len(a & b) / min(len(a), len(b)) if a and b else 0.0 for b in right] for a in left],
        dtype=np.float64,
    ).reshape(len(left), len(right))


def _words(text: str) -> frozenset[str]:
    spaced = "".join(sign if sign.isalnum() else " " for sign in text.casefold())
    return frozenset(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
        for word in spaced.split()
    )


@dataclass(frozen=True)
class Influencer:
    """What is known of one influencer; unknown fields are None or empty."""

    id: int
    name: str
    handle: str
    platform: str
    category: str
    followers: int
    engagement_rate: float
    """Interactions a follower and post, a share."""
    average_views: int | None = None
    country: str | None = None
    price: Decimal | None = None
    """For one post."""
    topics: tuple[str, ...] = ()
    audience: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Shares by ``age``, ``gender`` and ``country``."""
    safety_score: int | None = None
    """0 to 100."""
    verified: bool = False
    blocked: bool = False
    past_reach: int = 0
    """People reached in past collaborations."""
    past_conversions: int = 0


@dataclass(frozen=True)
class Range:
    """Bounds, both included; None is open."""

    least: Decimal | int | float | None = None
    most: Decimal | int | float | None = None

    def holds(self, values: Floats | Ints) -> Flags:
        """Whether each value lies inside; an unknown one (NaN) does so only if both ends are open."""
        inside = np.ones(len(values), dtype=np.bool_)
        if self.least is not None:
            inside &= values >= float(self.least)
        if self.most is not None:
            inside &= values <= float(self.most)
        return inside


@dataclass(frozen=True)
class Filters:
    """What a candidate must be. Blocked ones never pass unless asked for."""

    category: str | None = None
    followers: Range = Range()
    engagement: Range = Range()
    price: Range = Range()
    platforms: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    safe: bool = False
    """A safety score of at least `SAFE_SCORE`, known."""
    verified: bool | None = None
    blocked: bool = False


@dataclass(frozen=True)
class Sought:
    """What the influencers are for."""

    category: str | None = None
    topics: tuple[str, ...] = ()
    brand: tuple[str, ...] = ()
    """What the brand stands for, in words."""
    audience: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Wanted groups by ``age``, ``gender`` or ``country``."""
    target_cpa: Decimal | None = None
    """Money a conversion may cost, in the prices' currency."""
    order_value: Decimal | None = None
    """Revenue a conversion, in the prices' currency."""
    conversions_an_engagement: float = USUAL_CONVERSIONS


@dataclass(frozen=True)
class Norm:
    """What engagement is usual: ``at_10k * (followers / 10,000) ** exponent``.

    That larger accounts engage a smaller share is well known; the default figures are assumptions. `fit_norm`
    learns them from candidates.
    """

    at_10k: float = 0.035
    exponent: float = -0.2

    def usual(self, followers: Ints) -> Floats:
        """Usual interactions a follower and post, by followers."""
        return np.asarray(self.at_10k * (np.maximum(followers, 1) / 10_000) ** self.exponent)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Influencers as columns; unknown numbers are NaN."""

    ids: Ints
    handles: Sequence[str]
    platforms: "Labels"
    categories: "Labels"
    countries: "Labels"
    topics: "Labels"
    """All topics of all candidates, one after another."""
    topic_counts: Ints
    followers: Ints
    engagement: Floats
    views: Floats
    price: Floats
    safety: Floats
    verified: Flags
    blocked: Flags
    past_reach: Floats
    past_conversions: Floats
    audience: Mapping[tuple[str, str], Floats]
    """Share of each (dimension, group); NaN where the dimension is not known."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Labels:
    """Texts of which many are the same."""

    names: tuple[str, ...]
    codes: Ints

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Labels":
        """Number the distinct texts in the order they come."""
        codes: defaultdict[str, int] = defaultdict(lambda: len(codes))
        coded = np.array([codes[text] for text in texts], dtype=np.int64)
        return cls(tuple(codes), coded)

    def among(self, wanted: frozenset[str]) -> Flags:
        """Whether each text is one of ``wanted``, whatever its case."""
        folded = {name.casefold() for name in wanted}
        known = np.array([name.casefold() in folded for name in self.names], dtype=np.bool_)
        return known[self.codes]


def pack(influencers: Sequence[Influencer]) -> Candidates:
    """Candidates in the order given. Raises `ValueError` for negative followers or engagement."""
    followers = np.array([one.followers for one in influencers], dtype=np.int64)
    engagement = np.array([one.engagement_rate for one in influencers], dtype=np.float64)
    if (followers < 0).any() or (engagement < 0).any():
        raise ValueError("followers and engagement cannot be negative")
    return Candidates(
        ids=np.array([one.id for one in influencers], dtype=np.int64),
        handles=[one.handle for one in influencers],
        platforms=Labels.of([one.platform for one in influencers]),
        categories=Labels.of([one.category for one in influencers]),
        countries=Labels.of([one.country or "" for one in influencers]),
        topics=Labels.of([topic for one in influencers for topic in one.topics]),
        topic_counts=np.array([len(one.topics) for one in influencers], dtype=np.int64),
        followers=followers,
        engagement=engagement,
        views=_numbers([one.average_views for one in influencers]),
        price=_numbers([one.price for one in influencers]),
        safety=_numbers([one.safety_score for one in influencers]),
        verified=np.array([one.verified for one in influencers], dtype=np.bool_),
        blocked=np.array([one.blocked for one in influencers], dtype=np.bool_),
        past_reach=_numbers([one.past_reach for one in influencers]),
        past_conversions=_numbers([one.past_conversions for one in influencers]),
        audience=_audience([one.audience for one in influencers]),
    )


def _numbers(values: Sequence[Decimal | int | None]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)


def _audience(rows: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[tuple[str, str], Floats]:
    columns: dict[tuple[str, str], Floats] = {}
    known = {name: np.array([bool(row.get(name)) for row in rows]) for name in _DIMENSIONS}
    for place, row in enumerate(rows):
        for name in _DIMENSIONS:
            for group, share in row.get(name, {}).items():
                if (name, group) not in columns:
                    columns[name, group] = np.where(known[name], 0.0, np.nan)
                columns[name, group][place] = share
    return columns


def matching(candidates: Candidates, filters: Filters, similarity: Similarity = token_similarity) -> Flags:
    """Which candidates pass every filter; what is unknown does not pass a filter on it.

    A category passes when its name is equal or similar from `CATEGORY_MATCH` on.
    """
    passed = filters.followers.holds(candidates.followers) & filters.engagement.holds(candidates.engagement)
    passed &= filters.price.holds(candidates.price)
    if not filters.blocked:
        passed &= ~candidates.blocked
    if filters.category is not None:
        passed &= _likeness(candidates.categories, [filters.category], similarity) >= CATEGORY_MATCH
    for wanted, labels in (
        (filters.platforms, candidates.platforms),
        (filters.countries, candidates.countries),
    ):
        if wanted:
            passed &= labels.among(wanted)
    if filters.safe:
        passed &= candidates.safety >= SAFE_SCORE
    if filters.verified is not None:
        passed &= candidates.verified == filters.verified
    return passed


def _likeness(labels: Labels, wanted: Sequence[str], similarity: Similarity) -> Floats:
    """Of each text, its best similarity to any of ``wanted``; 1 where it is the same."""
    if not labels.names or not wanted:
        return np.zeros(len(labels.codes))
    best = np.clip(similarity(labels.names, wanted).max(axis=1), 0, 1)
    folded = {text.casefold() for text in wanted}
    same = np.array([name.casefold() in folded for name in labels.names])
    return np.asarray(np.where(same, 1.0, best)[labels.codes])


def fit_norm(candidates: Candidates) -> Norm:
    """Usual engagement learned from ``candidates``: a line through logarithms, refitted to its middle half.

    Engagement or followers of 0 are left out. With fewer than `MIN_FOR_NORM`, or all of one size, the
    default.
    """
    usable = (candidates.followers > 0) & (candidates.engagement > 0)
    size = np.log(candidates.followers[usable] / 10_000)
    rate = np.log(candidates.engagement[usable])
    if len(size) < MIN_FOR_NORM or np.ptp(size) == 0:
        return Norm()
    slope, level = np.polyfit(size, rate, 1)
    residuals = rate - (level + slope * size)
    low, high = np.quantile(residuals, (0.25, 0.75))
    middle = (residuals >= low) & (residuals <= high)
    if np.ptp(size[middle]) > 0:
        slope, level = np.polyfit(size[middle], rate[middle], 1)
    return Norm(float(np.exp(level)), float(slope))


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of candidates, 0 to 100, NaN where unknown; and what a post may bring."""

    reach: Floats
    relevance: Floats
    conversion: Floats
    cost: Floats
    audience: Floats
    brand: Floats
    composite: Floats
    demographics: Floats
    """Share of the audience in the wanted groups, 0 to 100; NaN where none is wanted or it is not known."""
    engagement_ratio: Floats
    """Engagement over what is usual for the size."""
    people: Floats
    """Reached by a post."""
    engagements: Floats
    conversions: Floats


def score(
    candidates: Candidates,
    sought: Sought,
    norm: Norm | None = None,
    similarity: Similarity = token_similarity,
) -> Scores:
    """Score every candidate.

    - reach: ``min(100, 20 * log10(followers))``, 0 at no followers (001); it saturates at 100,000.
    - relevance: similarity of the category and mean best similarity of the topics, `CATEGORY_WEIGHT` to the
      category where both are sought; 50 where nothing is.
    - conversion: ``100 * r / (1 + r)``, ``r`` expected conversions a person reached over what is usual for
      the size: 50 is usual. Past results are weighed in by `PRIOR_REACH`.
    - cost: ``100 * t / (t + c)``, ``c`` the cost of an expected conversion against ``t`` the target, or of an
      interaction against `USUAL_ENGAGEMENT_COST`: 50 is on target; unknown without a price. Engagement
      beyond `SUSPICIOUS` times the usual counts as usual.
    - audience: the demographic match; without one, the same form of the share of followers a post reaches.
      Reach cannot separate accounts above 100,000 followers; this does.
    - brand: the safety score, joined half and half by similarity to the brand's words where there are any.
    - composite: the mean weighted by `WEIGHTS` of those known.
    """
    norm = norm or Norm()
    usual = norm.usual(candidates.followers)
    ratio = candidates.engagement / usual
    known = ~np.isnan(candidates.views)
    people = np.where(known, candidates.views, candidates.followers * USUAL_VIEW_SHARE)
    ordinary = candidates.followers * usual
    trusted = np.where(ratio > SUSPICIOUS, 1.0, ratio)
    chance = _chance(candidates, trusted, people, ordinary * sought.conversions_an_engagement)
    engagements, conversions = trusted * ordinary, chance * ordinary * sought.conversions_an_engagement
    demographics = _demographics(candidates, sought)
    parts = {
        "reach": np.minimum(100, 20 * np.log10(np.maximum(candidates.followers, 1))),
        "relevance": _relevance(candidates, sought, similarity),
        "conversion": 100 * chance / (1 + chance),
        "cost": _cost(candidates, sought, engagements, conversions),
        "audience": np.where(np.isnan(demographics), _attention(candidates), demographics),
        "brand": _brand(candidates, sought, similarity),
    }
    return Scores(
        **parts,
        composite=_composite(parts),
        demographics=demographics,
        engagement_ratio=ratio,
        people=people,
        engagements=engagements,
        conversions=conversions,
    )


def _composite(parts: Mapping[str, Floats]) -> Floats:
    total = weight = np.zeros(1)
    for name, values in parts.items():
        known = ~np.isnan(values)
        total = total + WEIGHTS[name] * np.where(known, values, 0)
        weight = weight + WEIGHTS[name] * known
    return np.asarray(total / weight)


def _topic_likeness(candidates: Candidates, wanted: Sequence[str], similarity: Similarity) -> Floats:
    """Mean over each candidate's topics of their best similarity; 0 without topics."""
    likeness = _likeness(candidates.topics, wanted, similarity)
    sums = np.concatenate([[0.0], np.cumsum(likeness)])
    ends = np.cumsum(candidates.topic_counts)
    return np.asarray(
        (sums[ends] - sums[ends - candidates.topic_counts]) / np.maximum(candidates.topic_counts, 1)
    )


def _relevance(candidates: Candidates, sought: Sought, similarity: Similarity) -> Floats:
    by_topic = _topic_likeness(candidates, sought.topics, similarity) if sought.topics else None
    if sought.category is None:
        return np.full(len(candidates), 50.0) if by_topic is None else 100 * by_topic
    by_category = _likeness(candidates.categories, [sought.category], similarity)
    if by_topic is None:
        return 100 * by_category
    return 100 * (CATEGORY_WEIGHT * by_category + (1 - CATEGORY_WEIGHT) * by_topic)


def _chance(candidates: Candidates, trusted: Floats, people: Floats, ordinary: Floats) -> Floats:
    """Expected conversions over the size's ``ordinary`` ones: from engagement, past results weighed in."""
    past = candidates.past_reach
    a_person = np.divide(ordinary, people, out=np.zeros_like(people), where=people > 0)
    expected = trusted * a_person * PRIOR_REACH + candidates.past_conversions
    weighed = (past > 0) & (a_person > 0)
    usual = (PRIOR_REACH + past) * a_person
    return np.asarray(np.divide(expected, usual, out=trusted.copy(), where=weighed))


def _cost(candidates: Candidates, sought: Sought, engagements: Floats, conversions: Floats) -> Floats:
    if sought.target_cpa is None:
        worth = engagements * float(USUAL_ENGAGEMENT_COST)
    else:
        worth = conversions * float(sought.target_cpa)
    whole = worth + candidates.price
    return np.asarray(np.divide(100 * worth, whole, out=np.full_like(worth, np.nan), where=whole != 0))


def _attention(candidates: Candidates) -> Floats:
    share = np.divide(
        candidates.views,
        candidates.followers,
        out=np.full(len(candidates), np.nan),
        where=candidates.followers > 0,
    )
    return np.asarray(100 * share / (share + USUAL_VIEW_SHARE))


def _demographics(candidates: Candidates, sought: Sought) -> Floats:
    """Mean over the dimensions wanted, and known, of the audience's share in the wanted groups."""
    total, count = np.zeros(len(candidates)), np.zeros(len(candidates))
    for name, groups in sought.audience.items():
        columns = [shares for (dimension, _), shares in candidates.audience.items() if dimension == name]
        if not columns:
            continue
        known = ~np.isnan(columns[0])
        matched = np.zeros(len(candidates))
        for group in groups:
            matched += np.nan_to_num(candidates.audience.get((name, group), np.zeros(1)))
        total += np.where(known, np.minimum(matched, 1), 0)
        count += known
    unknown = np.full(len(candidates), np.nan)
    return np.asarray(np.divide(100 * total, count, out=unknown, where=count > 0))


def _brand(candidates: Candidates, sought: Sought, similarity: Similarity) -> Floats:
    if not sought.brand:
        return candidates.safety
    likeness = np.maximum(
        _topic_likeness(candidates, sought.brand, similarity),
        _likeness(candidates.categories, sought.brand, similarity),
    )
    return np.asarray(
        np.where(np.isnan(candidates.safety), likeness * 100, (candidates.safety + 100 * likeness) / 2)
    )


def rank(candidates: Candidates, scores: Scores, among: Flags, count: int) -> list[int]:
    """Places of the best ``count`` by composite; ties by handle, then by identity."""
    places = np.flatnonzero(among)
    rounded = np.round(scores.composite[places], 6)
    if len(places) > count > 0:
        edge = np.partition(rounded, len(places) - count)[len(places) - count]
        kept = rounded >= edge
        places, rounded = places[kept], rounded[kept]
    order = sorted(
        zip((-rounded).tolist(), places.tolist(), strict=True),
        key=lambda pair: (pair[0], candidates.handles[pair[1]], int(candidates.ids[pair[1]])),
    )
    return [place for _, place in order[: max(count, 0)]]


@dataclass(frozen=True)
class Part:
    """One score, in words."""

    name: str
    value: float | None
    weight: float
    words: str


@dataclass(frozen=True)
class Estimates:
    """What one post may bring and cost; money in the prices' currency."""

    people: int
    engagements: int
    conversions: float
    cost: Decimal | None
    revenue: Decimal | None
    """None without an order value."""
    roi: float | None
    """``(revenue - cost) / cost``; None without a price or an order value."""
    assumptions: tuple[str, ...]


@dataclass(frozen=True)
class Assessment:
    """An influencer with scores, risks and estimates, in words."""

    influencer: Influencer
    composite: float
    parts: tuple[Part, ...]
    engagement_rate: float
    """0 to 1."""
    demographic_match: float | None
    """0 to 100."""
    recommended: bool
    """Relevance above `RECOMMENDED_RELEVANCE`, not blocked."""
    risks: tuple[str, ...]
    estimates: Estimates


def assess(
    influencer: Influencer, candidates: Candidates, scores: Scores, place: int, sought: Sought
) -> Assessment:
    """One candidate in words; ``place`` is its place among ``candidates``, and ``scores`` are theirs."""
    parts = _parts(influencer, scores, place, sought)
    relevance = float(scores.relevance[place])
    return Assessment(
        influencer=influencer,
        composite=float(scores.composite[place]),
        parts=parts,
        engagement_rate=min(float(candidates.engagement[place]), 1.0),
        demographic_match=_known(scores.demographics[place]),
        recommended=relevance > RECOMMENDED_RELEVANCE and not influencer.blocked,
        risks=_risks(influencer, float(scores.engagement_ratio[place])),
        estimates=_estimates(influencer, scores, place, sought),
    )


def choose(
    candidates: Candidates,
    sought: Sought,
    filters: Filters,
    count: int,
    similarity: Similarity = token_similarity,
) -> tuple[Scores, list[int], int]:
    """Scores of all, places of the best ``count`` that pass the filters, and how many pass.

    The usual is learned from all.
    """
    scores = score(candidates, sought, fit_norm(candidates), similarity)
    among = matching(candidates, filters, similarity)
    return scores, rank(candidates, scores, among, count), int(among.sum())


def find(
    influencers: Sequence[Influencer],
    sought: Sought,
    filters: Filters | None = None,
    count: int = 10,
    norm: Norm | None = None,
    similarity: Similarity = token_similarity,
) -> list[Assessment]:
    """The best ``count`` influencers that pass the filters; the usual is learned from all, unless given."""
    candidates = pack(influencers)
    scores = score(candidates, sought, norm or fit_norm(candidates), similarity)
    places = rank(candidates, scores, matching(candidates, filters or Filters(), similarity), count)
    return [assess(influencers[place], candidates, scores, place, sought) for place in places]


@dataclass(frozen=True)
class Spread:
    """What a post of accounts of a size brings: between the tenth and the ninetieth of a hundred."""

    low: int
    high: int
    accounts: int
    """How many it was learned from."""


def usual_engagements(candidates: Candidates, followers: int, norm: Norm) -> Spread | None:
    """Interactions a post, as accounts of so many followers get them; None for too few to tell.

    The candidates' engagement over what ``norm`` expects of their size tells how far apart accounts lie.
    That is how accounts differ, not how one account's posts do, of which nothing is stored.
    """
    usable = (candidates.followers > 0) & (candidates.engagement > 0)
    if usable.sum() < MIN_FOR_NORM:
        return None
    ratios = candidates.engagement[usable] / norm.usual(candidates.followers[usable])
    ordinary = followers * float(norm.usual(np.array([followers]))[0])
    low, high = np.quantile(ratios, (0.1, 0.9)) * ordinary
    return Spread(int(low), int(np.ceil(high)), int(usable.sum()))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _parts(one: Influencer, scores: Scores, place: int, sought: Sought) -> tuple[Part, ...]:
    words = {
        "relevance": _relevance_words(one, sought),
        "conversion": _conversion_words(one, float(scores.engagement_ratio[place])),
        "audience": _audience_words(one, _known(scores.demographics[place])),
        "cost": _cost_words(one, scores, place, sought),
        "reach": f"{one.followers:,} followers"
        + ("; the score is full from 100,000 on" if one.followers >= 100_000 else ""),
        "brand": "brand safety is not known"
        if one.safety_score is None
        else f"brand safety {one.safety_score}",
    }
    return tuple(
        Part(name, _known(getattr(scores, name)[place]), weight, words[name])
        for name, weight in WEIGHTS.items()
    )


def _relevance_words(one: Influencer, sought: Sought) -> str:
    if sought.category is None and not sought.topics:
        return "nothing was sought, so it counts as middling"
    about = f"about {one.category}" + (f" ({', '.join(one.topics)})" if one.topics else "")
    asked = ", ".join(filter(None, [sought.category, *sought.topics[:5]]))
    return f"{about}; sought: {asked}"


def _conversion_words(one: Influencer, ratio: float) -> str:
    words = f"engagement of {one.engagement_rate:.1%} is {ratio:.1f} times what is usual for the size"
    if one.past_reach:
        words += f"; {one.past_conversions:,} conversions from {one.past_reach:,} people reached before"
    return words


def _audience_words(one: Influencer, match: float | None) -> str:
    if match is not None:
        return f"{match:.0f}% of the audience is who is wanted"
    if one.average_views is not None and one.followers:
        return f"a post is seen by {one.average_views / one.followers:.0%} of the followers"
    return "neither the audience nor its attention is known"


def _cost_words(one: Influencer, scores: Scores, place: int, sought: Sought) -> str:
    if one.price is None:
        return "the price is not known"
    engagements, conversions = float(scores.engagements[place]), float(scores.conversions[place])
    if sought.target_cpa is not None and conversions:
        each = one.price / Decimal(str(conversions))
        return f"{each:,.2f} an expected conversion against a target of {sought.target_cpa:,.2f}"
    if not engagements:
        return f"{one.price:,.2f} a post without interactions"
    each = one.price / Decimal(str(engagements))
    return f"{each:,.2f} an interaction; {USUAL_ENGAGEMENT_COST:,.2f} is usual"


def _risks(one: Influencer, ratio: float) -> tuple[str, ...]:
    found = {
        "blocked": one.blocked,
        f"engagement {ratio:.1f} times what is usual for the size: interactions may be bought": ratio
        > SUSPICIOUS,
        f"engagement {ratio:.2f} times what is usual for the size: followers may be fake": ratio
        < 1 / SUSPICIOUS,
        f"low brand safety ({one.safety_score})": one.safety_score is not None
        and one.safety_score < LOW_SAFETY,
        "brand safety not known": one.safety_score is None,
        "not verified": not one.verified,
        "price not known": one.price is None,
    }
    return tuple(words for words, holds in found.items() if holds)


def _estimates(one: Influencer, scores: Scores, place: int, sought: Sought) -> Estimates:
    conversions = float(scores.conversions[place])
    revenue = None if sought.order_value is None else sought.order_value * Decimal(str(conversions))
    roi = float((revenue - one.price) / one.price) if revenue is not None and one.price else None
    assumptions = [f"{sought.conversions_an_engagement:.2%} of interactions convert"]
    if one.average_views is None:
        assumptions.append(f"a post reaches {USUAL_VIEW_SHARE:.0%} of the followers")
    if sought.order_value is not None:
        assumptions.append(f"a conversion is worth {sought.order_value:,.2f}")
    if scores.engagement_ratio[place] > SUSPICIOUS:
        assumptions.append("engagement beyond belief is counted as usual")
    if one.past_reach:
        assumptions.append("past results are weighed in")
    return Estimates(
        people=round(float(scores.people[place])),
        engagements=round(float(scores.engagements[place])),
        conversions=conversions,
        cost=one.price,
        revenue=None if revenue is None else round(revenue, 2),
        roi=roi,
        assumptions=tuple(assumptions),
    )
