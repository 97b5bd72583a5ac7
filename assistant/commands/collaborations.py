"""Putting influencers on campaigns."""

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from assistant import collaborating, wording
from assistant.commands.influencers import InfluencerCard, Judged, judged, one_called, parts_told
from assistant.handling import Context, handles
from assistant.reply import Action, Answer, Column, Evidence, Problem, Table, Telling
from assistant.reporting import rounded
from engines.effect import Risk
from engines.influencers import LOW_SAFETY, SUSPICIOUS
from engines.terms import CampaignStatus, Channel, Period, to_minor
from intents.command import Command, Effect, Role
from intents.slots import CampaignName, CollaboratorName
from storage import collaborations
from storage.campaigns import Campaign
from storage.changes import NOW, added
from storage.collaborations import Collaboration
from storage.influencers import Stored
from storage.requirements import Requirement
from storage.ventures import RateMissingError, Rates, Venture

OPEN = (CampaignStatus.PLANNED, CampaignStatus.CONFIGURED, CampaignStatus.ACTIVE, CampaignStatus.PAUSED)
"""States of a campaign in which somebody can still be added."""


class CollaborationPlan(BaseModel):
    """An influencer on a campaign, as they would be added: cost, reasons, expected effect and risk."""

    influencer: InfluencerCard
    campaign: str
    venture: str
    kind: str
    """A post: what the price is for."""
    cost: Decimal | None
    """In ``currency``; None where no price is known."""
    currency: str | None
    committed: Decimal | None
    """The cost in the campaign's currency."""
    campaign_currency: str
    committed_before: Decimal
    """To other influencers of the campaign, in its currency."""
    expected_reach: int
    expected_engagements: int
    engagements_low: int | None
    """Eight in ten accounts of the size and category lie between the two; None for too few to tell."""
    engagements_high: int | None
    risk: str
    """low, medium or high, by `RISK_RULE`."""


RISK_RULE = (
    f"high: brand safety below {LOW_SAFETY}, or engagement {SUSPICIOUS:g} times the usual either way; "
    "medium: brand safety or price not known, or another category than the venture's; else low"
)


class AddInfluencer(Command):
    """Adds an influencer to a campaign, for a post at the price they are known to take."""

    effect = Effect.SPEND
    role = Role.OPERATOR
    examples = ("add Maya Fields to Spring Launch", "hire @fitwithlena for Spring Launch")

    influencer: CollaboratorName = Field(description="Which influencer?")
    campaign: CampaignName = Field(description="To which campaign?")


@handles
def add_influencer(asked: AddInfluencer, context: Context) -> Answer[CollaborationPlan]:
    """Plan the collaboration with its cost and reasons; all it rests on must still hold when it is done."""
    stored = one_called(asked.influencer, context)
    campaign = context.campaign(asked.campaign)
    venture = context.owner(campaign)
    who = stored.influencer
    if who.blocked:
        why = f": {stored.blocked_reason}" if stored.blocked_reason else ""
        raise Problem("influencer_blocked", f"{who.name} is blocked{why}.", "Choose somebody else.")
    _refuse_ended(campaign, asked.campaign, context)
    there = collaborations.of_campaign(context.connection, campaign.id)
    if any(one.influencer_id == who.id for one in there):
        raise _already(who.name, asked.campaign)
    found = judged(stored, venture.category, context)
    plan = _plan(found, stored, campaign, asked.campaign, venture, there, context)
    cost = "at no known price"
    if plan.cost is not None:
        cost = f"for {wording.money(plan.cost, str(plan.currency))} a post"
        if plan.committed is not None and plan.currency != plan.campaign_currency:
            cost += f" ({wording.money(plan.committed, plan.campaign_currency)})"
    name = f"{who.name} (@{who.handle})"
    text = " ".join(_told(plan, campaign, asked.campaign))
    return Answer(
        result=plan,
        telling=Telling(text=text, table=_table(plan), evidence=_evidence(plan, found, there)),
        action=Action(
            summary=f"add {name} to {asked.campaign} {cost}",
            done=f"Added {name} to {asked.campaign} {cost}.",
            changes=[
                added(
                    "collaborations",
                    influencer_id=who.id,
                    campaign_id=campaign.id,
                    kind=collaborations.POST,
                    state=collaborations.ADDED,
                    cost=plan.cost,
                    currency=plan.currency,
                    committed=plan.committed,
                    reach=plan.expected_reach,
                    engagements=plan.expected_engagements,
                    reasons=_reasons(plan),
                    asked_by=context.person.id,
                    added_at=NOW,
                    version=1,
                )
            ],
            kind="influencer",
            venture_id=campaign.venture_id,
            campaign_id=campaign.id,
            amount=plan.committed,
            currency=None if plan.committed is None else campaign.currency,
            risk=plan.risk,
            requires=_requirements(stored, campaign, asked.campaign),
        ),
    )


def _refuse_ended(campaign: Campaign, label: str, context: Context) -> None:
    if campaign.status not in OPEN:
        raise Problem(
            "campaign_over", f"{label} is {campaign.status}.", "Choose a campaign that is not over."
        )
    if campaign.end_on is not None and campaign.end_on < context.today:
        ended = f"{label} ended on {wording.day(campaign.end_on)}."
        raise Problem("campaign_over", ended, "Choose a campaign that is not over.")


def _already(name: str, label: str) -> Problem:
    message = f"{name} works on {label} already; nobody is added twice."
    return Problem("already_added", message, "Nothing was changed.")


def _requirements(stored: Stored, campaign: Campaign, label: str) -> list[Requirement]:
    """What a yes said later still needs: the influencer as free and as dear, the campaign not over."""
    who = stored.influencer
    unchanged = "Nothing was changed."
    pair = {"influencer_id": who.id, "campaign_id": campaign.id}
    already = _already(who.name, label)
    price = None if who.price is None else str(who.price)
    return [
        Requirement(
            table="influencers",
            where={"id": who.id},
            among={"blocked": [False]},
            code="influencer_blocked",
            message=f"{who.name} was blocked meanwhile.",
            cure=unchanged,
        ),
        Requirement(
            table="influencers",
            where={"id": who.id},
            among={"price": [price], "currency": [stored.currency]},
            code="changed_since",
            message=f"The price of {who.name} changed since.",
            cure=f"{unchanged} Ask again at the price of now.",
        ),
        Requirement(
            table="campaigns",
            where={"id": campaign.id},
            among={"status": [one.value for one in OPEN]},
            not_over="end_on",
            code="campaign_over",
            message=f"{label} is over by now.",
            cure=unchanged,
        ),
        Requirement(
            table="collaborations",
            where=pair,
            code=already.code,
            message=already.message,
            cure=already.cure,
        ),
    ]


def _plan(
    found: Judged,
    stored: Stored,
    campaign: Campaign,
    label: str,
    venture: Venture,
    there: list[Collaboration],
    context: Context,
) -> CollaborationPlan:
    cost = stored.influencer.price
    currency = None if cost is None else stored.currency or campaign.currency
    spread = found.usual
    return CollaborationPlan(
        influencer=found.card,
        campaign=label,
        venture=venture.name,
        kind=collaborations.POST,
        cost=rounded(cost),
        currency=currency,
        committed=None if cost is None else _converted(cost, str(currency), campaign.currency, context),
        campaign_currency=campaign.currency,
        committed_before=collaborating.committed(there).get(campaign.currency, Decimal(0)),
        expected_reach=found.card.expected_reach,
        expected_engagements=found.card.expected_engagements,
        engagements_low=None if spread is None else spread.low,
        engagements_high=None if spread is None else spread.high,
        risk=_risk(found, venture),
    )


def _converted(cost: Decimal, currency: str, into: str, context: Context) -> Decimal:
    """The cost in the campaign's currency, in whole minor units. Raises `Problem` without a rate."""
    day = context.now.date()
    try:
        return to_minor(Rates(context.connection, into, Period(day, day)).convert(cost, currency, day), into)
    except RateMissingError as error:
        message = f"The price is in {currency}, the campaign in {into}, and no rate is stored."
        raise Problem("no_rate", message, "Add a rate, or the price in the campaign's currency.") from error


def _risk(found: Judged, venture: Venture) -> str:
    who = found.stored.influencer
    is_odd = not 1 / SUSPICIOUS <= found.engagement_ratio <= SUSPICIOUS
    if is_odd or (who.safety_score is not None and who.safety_score < LOW_SAFETY):
        return Risk.HIGH.value
    is_foreign = found.sought == venture.category and not found.card.recommended
    if who.safety_score is None or who.price is None or is_foreign:
        return Risk.MEDIUM.value
    return Risk.LOW.value


def _reasons(plan: CollaborationPlan) -> dict[str, Any]:
    """Why, as it was found, in numbers and words that JSON has."""
    card = plan.influencer
    return {
        "score": card.composite,
        "parts": [part.model_dump() for part in card.scores],
        "risk": plan.risk,
        "risks": card.risks,
        "assumptions": card.assumptions,
        "engagements": [plan.engagements_low, plan.engagements_high],
    }


def _told(plan: CollaborationPlan, campaign: Campaign, label: str) -> list[str]:
    """Reasons, expected effect, risk and money, a sentence each."""
    card = plan.influencer
    about = f"{card.name} (@{card.handle}, {card.platform}) scores {card.composite:.0f} of 100"
    expected = f"A post is expected to reach {wording.count(plan.expected_reach)} people and to bring "
    expected += f"{wording.count(plan.expected_engagements)} interactions"
    if plan.engagements_low is not None and plan.engagements_high is not None:
        low, high = wording.count(plan.engagements_low), wording.count(plan.engagements_high)
        expected += f"; eight in ten accounts of that size and category get {low} to {high}"
    risks = wording.listed(card.risks)
    money = f"{label} may spend {wording.money(campaign.allocated, campaign.currency)} a month"
    line = next((one for one in campaign.lines if one.channel == Channel.INFLUENCER), None)
    if line is not None:
        money += f", {wording.money(line.allocated, campaign.currency)} of it on influencers"
    before = wording.money(plan.committed_before, campaign.currency)
    money += f"; {before} is committed to influencers so far"
    said = [f"{about}: {parts_told(card)}.", f"{expected}."]
    said.append(f"Risk {plan.risk}: {risks}." if risks else f"Risk {plan.risk}.")
    if plan.committed is None:
        said.append("No price is known, so no cost is committed.")
    elif plan.committed_before + plan.committed > campaign.allocated:
        money += ", and with this it would be more than a month's money"
    return [*said, f"{money}."]


def _table(plan: CollaborationPlan) -> Table:
    return Table(
        title=f"Scores of {plan.influencer.name}",
        columns=[
            Column(key="part", label="Part"),
            Column(key="score", label="Score", numeric=True),
            Column(key="weight", label="Weight", numeric=True),
            Column(key="why", label="Why"),
        ],
        rows=[
            [
                wording.sentence(part.name),
                wording.NOTHING if part.score is None else f"{part.score:.0f}",
                f"{part.weight:g}",
                part.words,
            ]
            for part in plan.influencer.scores
        ],
    )


def _evidence(plan: CollaborationPlan, found: Judged, there: list[Collaboration]) -> list[Evidence]:
    expected = Evidence(
        claim=f"{wording.count(plan.expected_engagements)} interactions expected of a post",
        formula="followers × engagement rate; accounts of the size differ as those of the category do",
        calculation=f"{wording.count(plan.influencer.followers)} × {plan.influencer.engagement_rate:.2%}",
        data=f"influencers about {plan.influencer.category}",
        rows=found.accounts if found.usual is None else found.usual.accounts,
        assumptions=plan.influencer.assumptions,
    )
    risk = Evidence(
        claim=f"risk {plan.risk}",
        formula=RISK_RULE,
        data=wording.listed(plan.influencer.risks) or "no sign of fraud, brand safety known",
    )
    return [found.evidence, expected, risk, *collaborating.evidence(there, plan.campaign)]
