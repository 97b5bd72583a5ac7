"""Who works on a campaign or for a venture, at what cost: what several commands tell of it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

from assistant import wording
from assistant.reply import Column, Evidence, Table
from assistant.reporting import rounded
from storage.collaborations import Collaboration


class CollaborationRow(BaseModel):
    """An influencer on a campaign."""

    influencer: str
    handle: str
    platform: str
    campaign: str
    state: str
    kind: str
    cost: Decimal | None
    """Agreed, in ``currency``; None where no price was known."""
    currency: str | None
    committed: Decimal | None
    """The cost in ``campaign_currency``, at the rate of the day it was agreed on."""
    campaign_currency: str
    expected_reach: int
    expected_engagements: int
    score: float | None
    """When they were added."""
    risks: list[str]
    blocked: bool
    """Since then."""
    asked_by: str
    added_at: datetime


def rows(found: Sequence[Collaboration]) -> list[CollaborationRow]:
    """Collaborations as results tell them."""
    return [
        CollaborationRow(
            influencer=one.name,
            handle=one.handle,
            platform=one.platform,
            campaign=one.campaign,
            state=one.state,
            kind=one.kind,
            cost=rounded(one.cost),
            currency=one.currency,
            committed=rounded(one.committed),
            campaign_currency=one.currency_of_campaign,
            expected_reach=one.reach,
            expected_engagements=one.engagements,
            score=one.reasons.get("score"),
            risks=one.reasons.get("risks", []),
            blocked=one.blocked,
            asked_by=one.asked_by,
            added_at=one.added_at,
        )
        for one in found
    ]


def committed(found: Sequence[Collaboration]) -> dict[str, Decimal]:
    """What is agreed to be paid, exact, by currency of the campaigns; nothing for unknown prices."""
    sums: dict[str, Decimal] = {}
    for one in found:
        known = sums.setdefault(one.currency_of_campaign, Decimal(0))
        sums[one.currency_of_campaign] = known + (one.committed or Decimal(0))
    return {currency: rounded(amount) or Decimal(0) for currency, amount in sums.items()}


def told(found: Sequence[Collaboration]) -> str:
    """``2 influencers work on it, $1,200.00 committed.``; empty for nobody."""
    if not found:
        return ""
    whole = f"{len(found)} influencer works" if len(found) == 1 else f"{len(found)} influencers work"
    sums = [wording.money(amount, currency) for currency, amount in committed(found).items()]
    unknown = sum(one.committed is None for one in found)
    without = f", {unknown} of them at no known price" if unknown else ""
    return f"{whole} on it, {wording.listed(sums)} committed{without}."


def evidence(found: Sequence[Collaboration], subject: str) -> list[Evidence]:
    """Where the committed money comes from."""
    parts: dict[str, list[str]] = {}
    for one in found:
        if one.committed is not None:
            shown = wording.money(one.committed, one.currency_of_campaign)
            parts.setdefault(one.currency_of_campaign, []).append(f"{shown} ({one.name})")
    return [
        Evidence(
            claim=f"{wording.money(amount, currency)} committed to influencers",
            formula="sum of the costs agreed on, each in the campaign's currency at the rate of its day",
            calculation=" + ".join(parts.get(currency, [])),
            data=f"collaborations of {subject}",
            rows=sum(one.currency_of_campaign == currency for one in found),
        )
        for currency, amount in committed(found).items()
    ]


def on_which(found: Sequence[Collaboration]) -> str:
    """``Spring Launch and Black Friday``."""
    return wording.listed([one.campaign for one in found])


def table(found: Sequence[CollaborationRow], title: str) -> Table:
    """Who works on what, at what cost."""
    return Table(
        title=title,
        columns=[
            Column(key="influencer", label="Influencer"),
            Column(key="campaign", label="Campaign"),
            Column(key="state", label="State"),
            Column(key="cost", label="Cost", numeric=True),
            Column(key="reach", label="Expected reach", numeric=True),
            Column(key="engagements", label="Expected interactions", numeric=True),
            Column(key="risks", label="Risks"),
        ],
        rows=[
            [
                f"{one.influencer} (@{one.handle})",
                one.campaign,
                f"{one.state}; blocked since" if one.blocked else one.state,
                wording.NOTHING if one.cost is None else wording.money(one.cost, one.currency or ""),
                wording.count(one.expected_reach),
                wording.count(one.expected_engagements),
                wording.listed(one.risks) or wording.NOTHING,
            ]
            for one in found
        ],
    )
