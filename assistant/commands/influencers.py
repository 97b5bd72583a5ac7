"""Finding and judging influencers."""

from dataclasses import dataclass
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
    Spread,
    assess,
    choose,
    fit_norm,
    score,
    usual_engagements,
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
from storage.collaborations import Collaboration, of_influencers
from storage.influencers import Stored, called, like, numbered, search
from storage.ventures import Venture

SHOWN = 10
MOST_LIKE = 3
"""Names offered for one that nobody has."""


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
    works_on: list[str] = []
    """Campaigns they were added to."""


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
    campaign = None if asked.campaign is None else context.campaign(asked.campaign)
    venture = context.venture(asked.venture) if campaign is None else context.owner(campaign)
    candidates = search(
        context.connection, category=asked.category, platform=asked.platform, country=asked.country
    )
    filters = Filters(
        followers=_range(asked.followers),
        engagement=_range(asked.engagement),
        price=_range(asked.price),
        safe=asked.safe,
    )
    wanted = None if venture is None else _category_of(venture, context)
    sought = Sought(category=asked.category or wanted)
    scores, places, fitting = choose(candidates, sought, filters, asked.count or SHOWN)
    stored = numbered(context.connection, candidates.ids[places].tolist())
    found = [stored[number] for number in candidates.ids[places].tolist()]
    busy = of_influencers(context.connection, [one.influencer.id for one in found])
    cards = [
        _card(assess(one.influencer, candidates, scores, place, sought), one, busy)
        for place, one in zip(places, found, strict=True)
    ]
    told = _filters(asked)
    lead = _lead(fitting, told)
    if venture is not None and sought.category is not None and asked.category is None:
        lead += f" Scored for {sought.category}, which {venture.name} is about."
    if not cards:
        cure = "Widen the range of followers, or leave a condition out."
        raise Problem("none_found", f"No influencer fits {wording.listed(list(told.values()))}.", cure)
    names = "; ".join(
        f"{card.name} (@{card.handle}, {card.platform}, {card.composite:.0f})" for card in cards[:5]
    )
    there = _already_there(cards, None if venture is None else venture.id, busy)
    return Answer(
        result=InfluencerList(found=fitting, influencers=cards, filters=told),
        telling=Telling(
            text=f"{lead} The best by score: {names}.{there}",
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


def _category_of(venture: Venture, context: Context) -> str | None:
    """What a venture is about, where influencers post about that."""
    found = context.names.find("category", venture.category)
    return found.label if found.exact else None


def _already_there(cards: list[InfluencerCard], venture_id: int | None, busy: list[Collaboration]) -> str:
    """Who of those found works on campaigns already: of the venture they are sought for, else of any."""
    names = {card.id: card.name for card in cards}
    there = [one for one in busy if one.influencer_id in names]
    if venture_id is not None:
        there = [one for one in there if one.venture_id == venture_id]
    told = wording.listed([f"{one.name} works on {one.campaign}" for one in there])
    return f" Already: {told}." if told else ""


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


def _card(one: Assessment, stored: Stored, busy: list[Collaboration]) -> InfluencerCard:
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
        works_on=[work.campaign for work in busy if work.influencer_id == who.id],
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
            Column(key="works_on", label="Works on"),
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
                wording.listed(card.works_on) or wording.NOTHING,
            ]
            for card in cards
        ],
    )


_WEIGHTS_TOLD = " + ".join(f"{weight:g} × {name}" for name, weight in WEIGHTS.items()) + ", each 0 to 100"


def _evidence(looked_at: int, found: int) -> Evidence:
    return Evidence(
        claim=f"The order of the {wording.count(found)} influencers that fit",
        formula=f"by score, {_WEIGHTS_TOLD}",
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
    stored = one_called(asked.influencer, context)
    found = judged(stored, stored.influencer.category, context)
    card = found.card
    risks = f" Risks: {wording.listed(card.risks)}." if card.risks else ""
    blocked = " Blocked." if card.blocked else ""
    works = f" Works on {wording.listed(card.works_on)}." if card.works_on else ""
    text = (
        f"{card.name} (@{card.handle}, {card.platform}): score {card.composite:.0f}. "
        f"{parts_told(card)}.{risks}{blocked}{works}"
    )
    return Answer(
        result=card,
        telling=Telling(
            text=text,
            speech=f"{card.name} scores {card.composite:.0f} of 100.",
            table=_table([card]),
            evidence=[found.evidence],
        ),
    )


@dataclass(frozen=True)
class Judged:
    """An influencer among those of the same category."""

    stored: Stored
    card: InfluencerCard
    sought: str
    """The category they were judged for."""
    engagement_ratio: float
    """Their engagement over what is usual for the size."""
    usual: Spread | None
    """What a post of accounts of the size brings; None for too few to tell."""
    accounts: int
    """How many they were held against."""
    evidence: Evidence


def judged(stored: Stored, sought_for: str, context: Context) -> Judged:
    """Judge one influencer for a category that influencers post about; for their own, where none does."""
    who = stored.influencer
    known = context.names.find("category", sought_for)
    wanted = known.label if known.exact else who.category
    peers = search(context.connection, category=who.category, platform=None, country=None)
    norm, sought = fit_norm(peers), Sought(category=wanted)
    scores = score(peers, sought, norm)
    place = int(np.flatnonzero(peers.ids == who.id)[0])
    busy = of_influencers(context.connection, [who.id])
    card = _card(assess(who, peers, scores, place, sought), stored, busy)
    return Judged(
        stored=stored,
        card=card,
        sought=wanted,
        engagement_ratio=float(scores.engagement_ratio[place]),
        usual=usual_engagements(peers, who.followers, norm),
        accounts=len(peers),
        evidence=_evidence(len(peers), 1).model_copy(update=_calculation(card)),
    )


def _calculation(card: InfluencerCard) -> dict[str, str]:
    """The score with its numbers; weights of unknown parts are shared out among the known ones."""
    known = [part for part in card.scores if part.score is not None]
    sums = " + ".join(f"{part.weight:g} × {part.score:.0f}" for part in known)
    whole = sum(part.weight for part in known)
    shown = f"({sums}) / {whole:g}" if len(known) < len(card.scores) else sums
    claim = f"{card.name}'s score of {card.composite:.0f}"
    return {"claim": claim, "formula": _WEIGHTS_TOLD, "calculation": shown}


def parts_told(card: InfluencerCard) -> str:
    """Each score with its reason."""
    return "; ".join(f"{part.name} {_score(part)} ({part.words})" for part in card.scores)


def _score(part: ScorePart) -> str:
    return wording.NOTHING if part.score is None else f"{part.score:.0f}"


def one_called(said: str, context: Context) -> Stored:
    """The influencer of a name or handle. Raises `Problem` for nobody and for several."""
    found = called(context.connection, said)
    if not found:
        near = like(context.connection, said, MOST_LIKE)
        cure = f"Did you mean {wording.listed(near, 'or')}?" if near else "Find influencers first."
        raise Problem("unknown_influencer", f"I know no influencer called {said[:80]!r}.", cure, choices=near)
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
    works_on: list[str] = []
    """Campaigns they were added to, and stay on."""


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
    who = one_called(asked.influencer, context).influencer
    if who.blocked:
        raise Problem("already_blocked", f"{who.name} is blocked already.")
    done = f"Blocked {who.name} (@{who.handle})."
    works_on = [one.campaign for one in of_influencers(context.connection, [who.id])]
    stays = f" What was agreed stays: {who.name} works on {wording.listed(works_on)}." if works_on else ""
    return Answer(
        result=Blocked(influencer=who.handle, reason=asked.reason, works_on=works_on),
        telling=Telling(text=f"{done}{stays}", speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"block {who.name}",
            done=done,
            changes=[
                changed("influencers", who.id, blocked=(False, True), blocked_reason=(None, asked.reason))
            ],
            kind="influencer",
        ),
    )
