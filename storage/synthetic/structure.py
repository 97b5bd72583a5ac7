"""Rows of ventures, segments, competitors, campaigns and channel lines."""

from datetime import date, timedelta

from numpy.random import Generator

from storage.campaigns import campaigns, channel_lines
from storage.synthetic.portfolio import VenturePlan
from storage.synthetic.words import invented
from storage.synthetic.writer import Writer, canonical
from storage.ventures import competitors, segments, ventures

MICRO = 1_000_000
"""Stored units in one unit of a currency."""

_SEGMENTS = {
    "b2b": ("Owner-led firms", "Growing teams", "Established groups"),
    "b2c": ("Young professionals", "Busy parents", "Enthusiasts"),
}
_FIRST_COMPETITOR = 10_000
"""Where their invented names begin: behind those of the ventures."""

_STRENGTHS = ("price", "brand", "range", "service", "integrations", "delivery", "reviews", "design")


def write_structure(writer: Writer, rng: Generator, plan: VenturePlan, as_of: date) -> int:
    """Write a venture with all that hangs on it but people and history; returns the key of its first line."""
    made = f"{as_of - timedelta(days=1000)} 09:00:00.000000"
    venture = _write_venture(writer, plan, made)
    _write_segments(writer, rng, plan, venture)
    _write_competitors(writer, rng, plan, venture)
    return _write_campaigns(writer, plan, venture)


def _write_venture(writer: Writer, plan: VenturePlan, made: str) -> int:
    running = sum(line.allocated for line in plan.lines if line.status == "active")
    return writer.add(
        ventures,
        {
            "name": [plan.name],
            "name_key": plan.name.casefold(),
            "stage": plan.stage.value,
            "category": plan.category,
            "kind": plan.kind,
            "currency": plan.currency,
            "time_zone": plan.zone,
            "monthly_budget": -(-running * 23 // 20_000) * 1000 * MICRO,
            "gross_margin": plan.margin,
            "fiscal_year_start": plan.fiscal_year_start,
            "is_local": int(plan.index % 4 == 2),
            "created_at": made,
            "version": 1,
        },
    )


def _write_segments(writer: Writer, rng: Generator, plan: VenturePlan, venture: int) -> None:
    names = _SEGMENTS[plan.kind[:3]]
    preferred = sorted({line.channel.value for line in plan.campaigns[0].lines})[:3]
    writer.add(
        segments,
        {
            "venture_id": venture,
            "name": list(names),
            "kind": plan.kind,
            "priority_rank": [1, 2, 3],
            "size": (rng.integers(20, 900, 3) * 1000).tolist(),
            "growth": rng.integers(-200, 2500, 3).tolist(),
            "accessibility": rng.integers(3000, 9500, 3).tolist(),
            "status": ["validated", "validated", "draft"],
            "channel_preferences": [_shares(rng, preferred) for _ in names],
            "value_proposition": [
                f"{plan.name} gives {name.lower()} better {plan.category} for less effort." for name in names
            ],
        },
    )


def _shares(rng: Generator, channels: list[str]) -> str:
    order = rng.permutation(len(channels)).tolist()
    return canonical({channels[place]: share for place, share in zip(order, (0.5, 0.3, 0.2), strict=True)})


def _write_competitors(writer: Writer, rng: Generator, plan: VenturePlan, venture: int) -> None:
    first = _FIRST_COMPETITOR + 4 * plan.index
    names = [invented(first + place).capitalize() for place in range(4)]
    picks = [sorted(rng.permutation(len(_STRENGTHS))[:2].tolist()) for _ in names]
    writer.add(
        competitors,
        {
            "venture_id": venture,
            "name": names,
            "domain": [f"{name.lower()}.example" for name in names],
            "market_share": rng.integers(100, 2200, 4).tolist(),
            "price_level": rng.integers(7000, 14000, 4).tolist(),
            "strengths": [canonical([_STRENGTHS[place] for place in pick]) for pick in picks],
        },
    )


def _write_campaigns(writer: Writer, plan: VenturePlan, venture: int) -> int:
    made = [f"{campaign.start_on - timedelta(days=70)} 09:00:00.000000" for campaign in plan.campaigns]
    target = round(plan.cost_of_customer) * MICRO
    first = writer.add(
        campaigns,
        {
            "venture_id": venture,
            "name": [campaign.name for campaign in plan.campaigns],
            "name_key": [campaign.name.casefold() for campaign in plan.campaigns],
            "objective": [campaign.objective for campaign in plan.campaigns],
            "status": [campaign.status.value for campaign in plan.campaigns],
            "currency": plan.currency,
            "target_cpa": target,
            "start_on": [campaign.start_on.isoformat() for campaign in plan.campaigns],
            "end_on": [campaign.end_on and campaign.end_on.isoformat() for campaign in plan.campaigns],
            "created_at": made,
            "version": 1,
        },
    )
    owners = [place for place, campaign in enumerate(plan.campaigns) for _ in campaign.lines]
    return writer.add(
        channel_lines,
        {
            "campaign_id": [first + place for place in owners],
            "channel": [line.channel.value for line in plan.lines],
            "status": [line.status.value for line in plan.lines],
            "planned": [line.planned * MICRO for line in plan.lines],
            "allocated": [line.allocated * MICRO for line in plan.lines],
            "created_at": [made[place] for place in owners],
            "version": 1,
        },
    )
