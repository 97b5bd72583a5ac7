"""Keywords, backlinks, trends, link queries and the memory of past campaigns."""

from datetime import date

import numpy as np
from numpy.random import Generator

from engines.market import TRAITS, Floats, Ints
from engines.terms import Channel, VentureStage
from storage.organic import backlinks, campaign_memories, keywords, link_queries, trends
from storage.synthetic.clock import day_texts, moment_texts
from storage.synthetic.faults import Faults
from storage.synthetic.orders import MICRO_A_CENT
from storage.synthetic.portfolio import CURRENCIES, VenturePlan
from storage.synthetic.structure import MICRO
from storage.synthetic.words import CATEGORY_NAMES, OUTLETS, invented, phrases, topics
from storage.synthetic.writer import Writer, canonical

_DAY = 86_400
_FIRST_DOMAIN = 50_000
"""Where their invented names begin: behind those of ventures and competitors."""

_INTENTS = ("informational", "commercial", "transactional", "navigational")
_PLATFORMS = ("tiktok", "instagram", "youtube", "twitter", "linkedin")
_ANCHORS = (
    "{name}",
    "{name} reviews",
    "this guide",
    "{topic}",
    "read more",
    "the {topic} study",
    "{name}.example",
)
_OBJECTIVES = ("awareness", "leads", "conversion", "retention")
_STAGES = tuple(stage.value for stage in VentureStage)
_CHANNELS = tuple(Channel)


def write_keywords(writer: Writer, rng: Generator, plan: VenturePlan, faults: Faults) -> None:
    """Write a venture's keywords."""
    count = plan.keywords
    texts, clusters = phrases(plan.category, 0, count)
    volume = np.clip(rng.lognormal(6.3, 1.3, count), 10, 500_000).astype(np.int64)
    difficulty = np.clip(rng.normal(20 + 4 * np.log(volume), 14), 1, 100).astype(np.int64)
    cpc: list[int | None] = list(
        (np.rint(rng.lognormal(0.2, 0.7, count) * 100 + 5).astype(np.int64) * MICRO_A_CENT).tolist()
    )
    volume[faults.pick("keywords_without_volume", count, rng)] = 0
    wrong = faults.pick("keywords_beyond_difficulty", count, rng)
    difficulty[wrong] = rng.integers(101, 140, len(wrong))
    for place in faults.pick("keywords_without_cpc", count, rng).tolist():
        cpc[place] = None
    now, before = _positions(rng, difficulty)
    site = f"https://{plan.name.lower()}.example/"
    writer.add(
        keywords,
        {
            "venture_id": plan.index + 1,
            "phrase": texts,
            "cluster": clusters,
            "search_intent": [
                _INTENTS[place] for place in rng.choice(4, count, p=[0.45, 0.3, 0.2, 0.05]).tolist()
            ],
            "volume": volume.tolist(),
            "difficulty": difficulty.tolist(),
            "cpc": cpc,
            "position": now,
            "previous_position": before,
            "url": [
                site + about.replace(" ", "-") if place else None
                for about, place in zip(clusters, now, strict=True)
            ],
        },
    )


def _positions(rng: Generator, difficulty: Ints) -> tuple[list[int | None], list[int | None]]:
    """Today's and the earlier rank, better for the easy; None beyond the first hundred."""
    rank = rng.exponential(15 + 1.1 * difficulty).astype(np.int64) + 1
    earlier = np.maximum(rank + np.rint(rng.normal(1, 6, len(rank))).astype(np.int64), 1)
    return _within_hundred(rank), _within_hundred(earlier)


def _within_hundred(ranks: Ints) -> list[int | None]:
    return [rank if rank <= 100 else None for rank in ranks.tolist()]


def write_backlinks(writer: Writer, rng: Generator, plan: VenturePlan, today: int, faults: Faults) -> None:
    """Write a venture's backlinks; ``today`` is a `date.toordinal` number."""
    count = plan.backlinks
    if not count:
        return
    first = _FIRST_DOMAIN + writer.next_id(backlinks)
    domains = [f"{invented(first + place)}.example" for place in (np.arange(count) // 2).tolist()]
    authority = np.clip(rng.beta(2, 3.5, count) * 100, 1, 99).astype(np.int64)
    anchors = [
        _ANCHORS[place].format(name=plan.name, topic=plan.category)
        for place in rng.integers(0, len(_ANCHORS), count).tolist()
    ]
    for place in faults.pick("backlinks_without_anchor", count, rng).tolist():
        anchors[place] = ("", " ")[place % 2]
    seen = today - rng.integers(1, 900, count)
    lost = np.minimum(seen + rng.integers(1, 900, count), today)
    is_lost = rng.random(count) < 0.15
    writer.add(
        backlinks,
        {
            "venture_id": plan.index + 1,
            "source_domain": domains,
            "source_url": [f"https://{domain}/posts/{place}" for place, domain in enumerate(domains)],
            "target_url": f"https://{plan.name.lower()}.example/",
            "anchor": anchors,
            "authority": authority.tolist(),
            "spam_score": np.clip(rng.exponential(12, count), 0, 100).astype(np.int64).tolist(),
            "is_follow": (rng.random(count) < 0.7).astype(np.int64).tolist(),
            "first_seen_on": day_texts(seen),
            "lost_on": [
                text if gone else None for text, gone in zip(day_texts(lost), is_lost.tolist(), strict=True)
            ],
        },
    )


def write_trends(writer: Writer, rng: Generator, count: int, today: int, faults: Faults) -> None:
    """Write the next ``count`` trends, in all states of their lives."""
    texts, categories = topics(writer.next_id(trends) - 1, count)
    age = rng.integers(3, 120, count)
    climb = rng.integers(14, 70, count)
    seen, peak = today - age, today - age + climb
    stage = np.where(age < climb, 0, np.where(age < climb + 10, 1, 2))
    wrong = faults.pick("trends_peaking_before_seen", count, rng)
    peak[wrong] = seen[wrong] - rng.integers(1, 30, len(wrong))
    known = (stage > 0) | np.isin(np.arange(count), wrong)
    growth = np.choose(
        stage, [rng.uniform(0.1, 1.5, count), rng.uniform(-0.05, 0.1, count), rng.uniform(-0.6, -0.05, count)]
    )
    writer.add(
        trends,
        {
            "topic": texts,
            "category": categories,
            "platform": [_PLATFORMS[place] for place in rng.integers(0, len(_PLATFORMS), count).tolist()],
            "stage": [("emerging", "peak", "declining")[place] for place in stage.tolist()],
            "volume": np.clip(rng.lognormal(7.5, 1.4, count), 20, 5_000_000).astype(np.int64).tolist(),
            "growth": np.rint(growth * 10_000).astype(np.int64).tolist(),
            "viral_coefficient": np.rint((0.9 + 0.6 * growth.clip(-0.6, 1.2)) * 10_000)
            .astype(np.int64)
            .tolist(),
            "relevance": rng.integers(1_000, 10_000, count).tolist(),
            "first_seen_on": day_texts(seen),
            "peak_on": [
                text if shown else None for text, shown in zip(day_texts(peak), known.tolist(), strict=True)
            ],
        },
    )


def write_link_queries(writer: Writer, rng: Generator, count: int, end: int) -> None:
    """Write the next ``count`` HARO queries, published before ``end`` (seconds since 1970)."""
    published = end - rng.integers(_DAY // 2, 21 * _DAY, count)
    deadline = published + rng.integers(2, 8, count) * _DAY
    answered = rng.random(count) < 0.3
    status = np.where(answered, 1, np.where(deadline > end, 0, 2))
    categories = [CATEGORY_NAMES[place] for place in rng.integers(0, len(CATEGORY_NAMES), count).tolist()]
    writer.add(
        link_queries,
        {
            "service": "HARO",
            "outlet": [OUTLETS[place] for place in rng.integers(0, len(OUTLETS), count).tolist()],
            "category": categories,
            "summary": [
                f"Looking for people who know {category}: what changed this year?" for category in categories
            ],
            "authority": rng.integers(30, 95, count).tolist(),
            "status": [("open", "answered", "closed")[place] for place in status.tolist()],
            "published_at": moment_texts(published),
            "deadline_at": moment_texts(deadline),
        },
    )


def draw_affinity(rng: Generator) -> Floats:
    """How much better than usual each channel (columns) works in each category (rows); 1 is usual."""
    return rng.lognormal(0, 0.2, (len(CATEGORY_NAMES), len(_CHANNELS)))


def write_memories(
    writer: Writer, rng: Generator, count: int, affinity: Floats, as_of: date, faults: Faults
) -> None:
    """Write the next ``count`` past campaigns, whose outcomes follow the channels' hidden affinity."""
    category, stage = rng.integers(0, len(CATEGORY_NAMES), count), rng.integers(0, len(_STAGES), count)
    chosen = np.sort(np.argsort(rng.random((count, len(_CHANNELS))), axis=1)[:, :4], axis=1)
    parts = _hundredths(rng, count)
    returns = (
        np.array([TRAITS[channel].roas for channel in _CHANNELS])[chosen]
        * affinity[category[:, None], chosen]
    )
    roas = (returns * parts).sum(axis=1) / 100 * rng.lognormal(0, 0.25, count)
    budget = np.rint(rng.lognormal(9.6, 0.8, count) / 50).astype(np.int64) * 50 + 500
    cents = np.rint(budget * roas * 100).astype(np.int64)
    shown = parts.copy()
    wrong = faults.pick("memories_with_wrong_shares", count, rng)
    shown[wrong, 0] += rng.choice(np.array([-4, 8, 15, 30]), len(wrong))
    worked, failed = _lessons(chosen, returns)
    writer.add(
        campaign_memories,
        {
            "category": [CATEGORY_NAMES[place] for place in category.tolist()],
            "stage": [_STAGES[place] for place in stage.tolist()],
            "objective": [_OBJECTIVES[place] for place in rng.integers(0, 4, count).tolist()],
            "channels": _share_texts(chosen, shown),
            "budget": (budget * MICRO).tolist(),
            "currency": [
                tuple(CURRENCIES)[place] for place in rng.choice(3, count, p=[0.7, 0.2, 0.1]).tolist()
            ],
            "days": rng.integers(14, 120, count).tolist(),
            "revenue": (cents * MICRO_A_CENT).tolist(),
            "conversions": (cents // 100 // rng.integers(40, 160, count)).tolist(),
            "tier": [("low", "moderate", "high")[place] for place in np.digitize(roas, [2, 3.5]).tolist()],
            "worked": worked,
            "failed": failed,
            "started_on": day_texts(as_of.toordinal() - rng.integers(130, 1100, count)),
        },
    )


def _hundredths(rng: Generator, count: int) -> Ints:
    """Four parts of 100, each at least 5."""
    parts = 5 + np.floor(rng.dirichlet([2, 2, 2, 2], count) * 80).astype(np.int64)
    parts[:, 3] += 100 - parts.sum(axis=1)
    return parts


def _share_texts(chosen: Ints, parts: Ints) -> list[str]:
    names = [channel.value for channel in _CHANNELS]
    return [
        canonical({names[place]: part / 100 for place, part in zip(places, row, strict=True)})
        for places, row in zip(chosen.tolist(), parts.tolist(), strict=True)
    ]


def _lessons(chosen: Ints, returns: Floats) -> tuple[list[str], list[str]]:
    """The channels that returned 3 and more, and those that returned less than 2."""
    names = [channel.value for channel in _CHANNELS]
    rows = list(zip(chosen.tolist(), returns.tolist(), strict=True))
    worked = [
        canonical([names[p] for p, r in zip(places, some, strict=True) if r >= 3]) for places, some in rows
    ]
    failed = [
        canonical([names[p] for p, r in zip(places, some, strict=True) if r < 2]) for places, some in rows
    ]
    return worked, failed
