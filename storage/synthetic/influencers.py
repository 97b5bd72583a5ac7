"""Influencers, some of them twice."""

from datetime import datetime
from typing import Any

import numpy as np
from numpy.random import Generator

from engines.market import Floats, Ints, draw_quality, engagement_rate
from engines.terms import Platform
from storage.influencers import influencers
from storage.synthetic.clock import moment_text
from storage.synthetic.faults import Faults
from storage.synthetic.structure import MICRO
from storage.synthetic.words import CATEGORIES, CATEGORY_NAMES, FAMILY, GIVEN
from storage.synthetic.writer import Writer, canonical

_PLATFORMS = (
    (Platform.INSTAGRAM, 0.28),
    (Platform.TIKTOK, 0.24),
    (Platform.YOUTUBE, 0.2),
    (Platform.LINKEDIN, 0.08),
    (Platform.TWITTER, 0.08),
    (Platform.FACEBOOK, 0.07),
    (Platform.TWITCH, 0.05),
)
_COUNTRIES = ("US", "GB", "DE", "ES", "FR", "CA", "AU", "SG", "BR", "IN")
_CURRENCY = {"GB": "GBP", "DE": "EUR", "ES": "EUR", "FR": "EUR"}
_AGES = ("13-17", "18-24", "25-34", "35-44", "45+")


def write_influencers(
    writer: Writer, rng: Generator, count: int, now: datetime, faults: Faults
) -> list[float]:
    """Write the next ``count`` influencers; returns the hidden quality of each."""
    first = writer.next_id(influencers)
    quality = draw_quality(rng, count)
    followers = np.clip(rng.lognormal(10.6, 1.2, count), 800, 20_000_000).astype(np.int64)
    columns = _columns(rng, quality, followers)
    columns["handle"] = [
        f"{name.replace(' ', '.').lower()}.{number}"
        for number, name in enumerate(columns["name"], start=first)
    ]
    _spoil(rng, columns, quality, faults)
    writer.add(influencers, columns | {"updated_at": moment_text(now), "version": 1})
    hidden: list[float] = quality.tolist()
    return hidden


def _columns(rng: Generator, quality: Floats, followers: Ints) -> dict[str, list[Any]]:
    count = len(quality)
    rate = engagement_rate(rng, quality, followers)
    places = rng.choice(len(_PLATFORMS), count, p=[share for _, share in _PLATFORMS])
    categories = _draw_categories(rng, count)
    countries = [_COUNTRIES[place] for place in rng.choice(10, count, p=[0.4, *[0.6 / 9] * 9]).tolist()]
    price = np.rint(followers**0.82 * rng.lognormal(-2.6, 0.4, count) / 5).astype(np.int64) * 5 + 20
    blocked = rng.random(count) < 0.01
    return {
        "name": _names(rng, count),
        "platform": [_PLATFORMS[place][0].value for place in places.tolist()],
        "category": categories,
        "followers": followers.tolist(),
        "engagement_rate": np.rint(rate * 1_000_000).astype(np.int64).tolist(),
        "average_views": (followers * rng.uniform(0.05, 0.2, count) * (0.5 + quality))
        .astype(np.int64)
        .tolist(),
        "country": countries,
        "price": (price * MICRO).tolist(),
        "currency": [_CURRENCY.get(country, "USD") for country in countries],
        "topics": [canonical(sorted(_topics(category, place))) for place, category in enumerate(categories)],
        "audience": _audiences(rng, countries),
        "safety_score": np.clip(rng.normal(80, 12, count), 0, 100).astype(np.int64).tolist(),
        "verified": (rng.random(count) < 0.35).astype(np.int64).tolist(),
        "blocked": blocked.astype(np.int64).tolist(),
        "blocked_reason": ["brand safety" if held else None for held in blocked.tolist()],
    }


def _draw_categories(rng: Generator, count: int) -> list[str]:
    """Fitness most often."""
    weights = np.where(np.array(CATEGORY_NAMES) == "fitness", 2.0, 1.0)
    places = rng.choice(len(CATEGORY_NAMES), count, p=weights / weights.sum())
    return [CATEGORY_NAMES[place] for place in places.tolist()]


def _names(rng: Generator, count: int) -> list[str]:
    given, family = rng.integers(0, len(GIVEN), count).tolist(), rng.integers(0, len(FAMILY), count).tolist()
    return [f"{GIVEN[g]} {FAMILY[f]}" for g, f in zip(given, family, strict=True)]


def _topics(category: str, place: int) -> list[str]:
    known = CATEGORIES[category]
    return [known[(place * 5 + step) % len(known)] for step in (0, 3, 7)]


def _audiences(rng: Generator, countries: list[str]) -> list[str]:
    """Shares by age, gender and country, in hundredths."""
    count = len(countries)
    ages = np.floor(rng.dirichlet([1, 4, 5, 2, 1], count) * 95).astype(np.int64) + 1
    ages[:, 2] += 100 - ages.sum(axis=1)
    women, home = rng.integers(10, 91, count), rng.integers(40, 90, count)
    return [
        canonical(
            {
                "age": {name: part / 100 for name, part in zip(_AGES, parts, strict=True)},
                "country": {country: here / 100, "other": (100 - here) / 100},
                "gender": {"female": female / 100, "male": (100 - female) / 100},
            }
        )
        for parts, country, female, here in zip(
            ages.tolist(), countries, women.tolist(), home.tolist(), strict=True
        )
    ]


def _spoil(rng: Generator, columns: dict[str, list[Any]], quality: Floats, faults: Faults) -> None:
    """Views go missing, and some rows become an earlier one under another handle."""
    count = len(quality)
    half = (count + 1) // 2
    for place in faults.pick("influencers_twice", count, rng, after=half).tolist():
        for name, cells in columns.items():
            if name != "handle":
                cells[place] = cells[place - half]
        quality[place] = quality[place - half]
    for place in faults.pick("influencers_without_views", count, rng).tolist():
        columns["average_views"][place] = None
