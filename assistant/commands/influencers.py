"""Finding and judging influencers."""

from decimal import Decimal

import numpy as np
from pydantic import BaseModel, Field

from assistant import wording
from assistant.handling import Context, handles
from assistant.reply import Action, Answer, Button, Column, Evidence, Listed, Problem, Table, Telling
from engines.influencers import (
    WEIGHTS,
    Assessment,
    Filters,
    Range,
    Sought,
    assess,
    choose,
    fit_norm,
    score,
)
from intents.command import Command, Effect, Role
from intents.slots import (
    CampaignName,
    CategoryName,
    Count,
    CountryCode,
    EngagementRange,
    FollowersRange,
    InfluencerName,
    PlatformName,
    PriceRange,
    Reason,
    Safe,
    VentureName,
)
from intents.values import NumberRange
from storage.changes import changed
from storage.influencers import Stored, called, numbered, search

SHOWN = 10


class ScorePart(BaseModel):
    """One of the scores a composite is made of."""

    name: str
    score: float | None
    weight: float
    words: str


class InfluencerCard(BaseModel):
    """An influencer as found: who, how fitting, at what price."""

    id: int
    name: str
    handle: str
    platform: str
    category: str
    country: str | None
    followers: int
    engagement_rate: float
    composite: float
    recommended: bool
    demographic_match: float | None
    scores: list[ScorePart]
    risks: list[str]
    price: Decimal | None
    currency: str | None
    expected_reach: int
    expected_engagements: int
    assumptions: list[str]
    blocked: bool


class InfluencerList(BaseModel):
    """Influencers that fit, the best first."""

    found: int
    influencers: list[InfluencerCard]
    filters: dict[str, str]


class FindInfluencers(Command):
    """Finds influencers by category, followers, platform, place, engagement and price, the best first."""

    examples = ("find influencers for fitness with fifty thousand followers",)
    suggested = True

    category: CategoryName | None = Field(None, description="In which category?")
    followers: FollowersRange | None = Field(None, description="With how many followers?")
    platform: PlatformName | None = Field(None, description="On which platform?")
    country: CountryCode | None = Field(None, description="In which country?")
    engagement: EngagementRange | None = Field(None, description="With what engagement?")
    price: PriceRange | None = Field(None, description="At what price a post?")
    safe: Safe = Field(False, description="Only brand-safe ones?")
    count: Count | None = Field(None, description="How many?")
    campaign: CampaignName | None = Field(None, description="For which campaign?")
    venture: VentureName | None = Field(None, description="For which venture?")


@handles
def find_influencers(asked: FindInfluencers, context: Context) -> Answer[InfluencerList]:
    """Filter, score and rank; blocked ones are never shown."""
    candidates = search(
        context.connection, category=asked.category, platform=asked.platform, country=asked.country
    )
    filters = Filters(
        followers=_range(asked.followers),
        engagement=_range(asked.engagement),
        price=_range(asked.price),
        safe=asked.safe,
    )
    sought = Sought(category=asked.category)
    scores, places, fitting = choose(candidates, sought, filters, asked.count or SHOWN)
    stored = numbered(context.connection, candidates.ids[places].tolist())
    found = [stored[number] for number in candidates.ids[places].tolist()]
    cards = [
        _card(assess(one.influencer, candidates, scores, place, sought), one)
        for place, one in zip(places, found, strict=True)
    ]
    told = _filters(asked)
    lead = _lead(fitting, told)
    if not cards:
        cure = "Widen the range of followers, or leave a condition out."
        raise Problem("none_found", f"No influencer fits {wording.listed(list(told.values()))}.", cure)
    names = "; ".join(
        f"{card.name} (@{card.handle}, {card.platform}, {card.composite:.0f})" for card in cards[:5]
    )
    return Answer(
        result=InfluencerList(found=fitting, influencers=cards, filters=told),
        telling=Telling(
            text=f"{lead} The best by score: {names}.",
            speech=f"{lead} The best is {cards[0].name}, score {cards[0].composite:.0f}.",
            table=_table(cards),
            buttons=[Button(label=card.name, say=f"show influencer {card.handle}") for card in cards[:3]],
            listed=[
                Listed(label=card.name, command="show_influencer", slots={"influencer": card.handle})
                for card in cards
            ],
            evidence=[_evidence(len(candidates), fitting)],
        ),
    )


def _range(said: NumberRange | None) -> Range:
    return Range() if said is None else Range(said.min, said.max)


def _filters(asked: FindInfluencers) -> dict[str, str]:
    """The conditions in words."""
    words = {
        "category": asked.category,
        "followers": None if asked.followers is None else f"{_between(asked.followers)} followers",
        "platform": asked.platform,
        "country": asked.country,
        "engagement": None if asked.engagement is None else f"engagement {_between(asked.engagement)}",
        "price": None if asked.price is None else f"{_between(asked.price)} a post",
        "safe": "brand safe" if asked.safe else None,
    }
    return {name: said for name, said in words.items() if said is not None}


def _between(said: NumberRange) -> str:
    def shown(value: Decimal) -> str:
        return wording.percent(value) if said.unit == "percent" else wording.count(value)

    if said.min is None:
        return f"up to {shown(said.max or Decimal(0))}"
    if said.max is None:
        return f"at least {shown(said.min)}"
    return f"{shown(said.min)} to {shown(said.max)}"


def _lead(found: int, told: dict[str, str]) -> str:
    noun = "influencer fits" if found == 1 else "influencers fit"
    return f"{wording.count(found)} {noun} {wording.listed(list(told.values())) or 'without conditions'}."


def _card(one: Assessment, stored: Stored) -> InfluencerCard:
    who = one.influencer
    return InfluencerCard(
        id=who.id,
        name=who.name,
        handle=who.handle,
        platform=who.platform,
        category=who.category,
        country=who.country,
        followers=who.followers,
        engagement_rate=round(one.engagement_rate, 6),
        composite=round(one.composite, 2),
        recommended=one.recommended,
        demographic_match=one.demographic_match,
        scores=[
            ScorePart(
                name=part.name,
                score=None if part.value is None else round(part.value, 2),
                weight=part.weight,
                words=part.words,
            )
            for part in one.parts
        ],
        risks=list(one.risks),
        price=who.price,
        currency=stored.currency,
        expected_reach=one.estimates.people,
        expected_engagements=one.estimates.engagements,
        assumptions=list(one.estimates.assumptions),
        blocked=who.blocked,
    )


def _table(cards: list[InfluencerCard]) -> Table:
    return Table(
        title="Influencers",
        columns=[
            Column(key="name", label="Name"),
            Column(key="handle", label="Handle"),
            Column(key="platform", label="Platform"),
            Column(key="followers", label="Followers", numeric=True),
            Column(key="engagement", label="Engagement", numeric=True),
            Column(key="price", label="A post", numeric=True),
            Column(key="score", label="Score", numeric=True),
            Column(key="risks", label="Risks"),
        ],
        rows=[
            [
                card.name,
                f"@{card.handle}",
                card.platform,
                wording.count(card.followers),
                wording.percent(Decimal(str(card.engagement_rate))),
                wording.NOTHING if card.price is None else wording.money(card.price, card.currency or ""),
                f"{card.composite:.0f}",
                wording.listed(card.risks) or wording.NOTHING,
            ]
            for card in cards
        ],
    )


def _evidence(looked_at: int, found: int) -> Evidence:
    weights = " + ".join(f"{weight:g} × {name}" for name, weight in WEIGHTS.items())
    return Evidence(
        claim=f"{wording.count(found)} influencers fit",
        formula=f"score = {weights}, each 0 to 100",
        data=f"{wording.count(looked_at)} influencers of the category, platform and country asked for",
        rows=looked_at,
    )


class ShowInfluencer(Command):
    """Shows one influencer: scores with their reasons, risks, expected reach and price."""

    examples = ("show influencer fitwithlena",)

    influencer: InfluencerName = Field(description="Which influencer?")


@handles
def show_influencer(asked: ShowInfluencer, context: Context) -> Answer[InfluencerCard]:
    """Judge one influencer among those of the same category."""
    stored = _one(asked.influencer, context)
    who = stored.influencer
    peers = search(context.connection, category=who.category, platform=None, country=None)
    sought = Sought(category=who.category)
    scores = score(peers, sought, fit_norm(peers))
    place = int(np.flatnonzero(peers.ids == who.id)[0])
    card = _card(assess(who, peers, scores, place, sought), stored)
    parts = "; ".join(f"{part.name} {_score(part)} ({part.words})" for part in card.scores)
    risks = f" Risks: {wording.listed(card.risks)}." if card.risks else ""
    blocked = " Blocked." if card.blocked else ""
    text = (
        f"{card.name} (@{card.handle}, {card.platform}): score {card.composite:.0f}. {parts}.{risks}{blocked}"
    )
    return Answer(
        result=card,
        telling=Telling(
            text=text,
            speech=f"{card.name} scores {card.composite:.0f} of 100.",
            table=_table([card]),
            evidence=[_evidence(len(peers), 1)],
        ),
    )


def _score(part: ScorePart) -> str:
    return wording.NOTHING if part.score is None else f"{part.score:.0f}"


def _one(said: str, context: Context) -> Stored:
    found = called(context.connection, said)
    if not found:
        raise Problem(
            "unknown_influencer", f"I know no influencer called {said[:80]!r}.", "Find influencers first."
        )
    if len(found) > 1:
        choices = [f"@{one.influencer.handle} on {one.influencer.platform}" for one in found]
        raise Problem(
            "ambiguous_influencer",
            f"{len(found)} influencers are called {said}: {wording.listed(choices, 'or')}.",
            "Say the handle.",
            choices=[one.influencer.handle for one in found],
        )
    return found[0]


class Blocked(BaseModel):
    """An influencer that is not to be proposed any more."""

    influencer: str
    reason: str | None


class BlockInfluencer(Command):
    """Blocks an influencer: never found or proposed again, until that is undone."""

    effect = Effect.RECORD
    role = Role.OPERATOR
    examples = ("block influencer fitwithlena",)
    may_be_negated = True

    influencer: InfluencerName = Field(description="Which influencer?")
    reason: Reason | None = Field(None, description="Why?")


@handles
def block_influencer(asked: BlockInfluencer, context: Context) -> Answer[Blocked]:
    """Plan the change from not blocked to blocked."""
    who = _one(asked.influencer, context).influencer
    if who.blocked:
        raise Problem("already_blocked", f"{who.name} is blocked already.")
    done = f"Blocked {who.name} (@{who.handle})."
    return Answer(
        result=Blocked(influencer=who.handle, reason=asked.reason),
        telling=Telling(text=done, speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"block {who.name}",
            done=done,
            changes=[
                changed("influencers", who.id, blocked=(False, True), blocked_reason=(None, asked.reason))
            ],
            kind="influencer",
        ),
    )
