"""The rules of the settings, and what is known of a campaign when they are held against it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from assistant import settings
from engines.effect import Risk
from engines.metrics import Totals
from engines.restraint import Record, Restraint
from engines.rules import Observed, Remedy, Rule
from engines.terms import CampaignStatus, Period
from storage import promises
from storage.campaigns import Campaign, campaigns_of
from storage.performance import Scope, latest_day, measure
from storage.ventures import RATE_EXPONENT, RateMissingError, Rates, Venture

DAY = timedelta(hours=24)


def rules_of(chosen: settings.Rules) -> tuple[Rule, ...]:
    """The rules as the engine takes them."""
    return tuple(
        Rule(
            name=one.name,
            metric=one.metric,
            is_above=one.above is not None,
            level=_level(one),
            of_target=one.of == "target",
            days=one.days,
            remedy=Remedy(one.action),
            confidence=one.confidence,
            risk=Risk(one.risk),
            change=one.change,
            in_steps=one.in_steps,
            least={str(name): value for name, value in one.least.items()},
        )
        for one in chosen.campaigns
    )


def _level(one: settings.Rule) -> Decimal:
    level = one.below if one.above is None else one.above
    if level is None:
        raise ValueError(f"the rule {one.name} has no level")
    return level


def restraint_of(chosen: settings.Rules) -> Restraint:
    """The limits inside which a change needs no person."""
    return Restraint(
        above=chosen.above_confidence,
        of_campaign=chosen.most_of_campaign,
        of_venture=chosen.most_of_venture,
        cool_down=timedelta(hours=chosen.cool_down_hours),
    )


@dataclass(frozen=True)
class Watched:
    """An active campaign with what the rules need of it."""

    campaign: Campaign
    label: str
    venture: Venture
    until: date
    """Its latest full day with data."""
    seen: Observed


@dataclass(frozen=True)
class Stale:
    """An active campaign without data of late."""

    label: str
    why: str


def watch(
    connection: Connection,
    chosen: settings.Settings,
    venture: Venture,
    campaign: Campaign,
    label: str,
    today: date,
) -> Watched | Stale:
    """Measure a campaign over the windows of every rule, in its own currency; ``today`` is the venture's."""
    yesterday = today - timedelta(days=1)
    until = latest_day(connection, Scope(campaign_id=campaign.id), yesterday)
    if until is None:
        return Stale(label, "it has no data yet")
    if until < yesterday - timedelta(days=chosen.rules.stale_days):
        return Stale(label, f"its data end on {until}")
    try:
        rate = _rate(connection, chosen.currency, campaign.currency, until)
    except RateMissingError as error:
        return Stale(label, str(error))
    windows = {rule.days for rule in chosen.rules.campaigns}
    targets = {} if campaign.target_cpa is None else {"cpa": campaign.target_cpa}
    totals = {days: totals_of(connection, campaign, Period.last_days(days, until)) for days in windows}
    seen = Observed(campaign.id, label, campaign.currency, totals, targets, rate)
    return Watched(campaign, label, venture, until, seen)


def _rate(connection: Connection, base: str, quote: str, day: date) -> Decimal:
    if base == quote:
        return Decimal(1)
    return Decimal(Rates(connection, quote, Period(day, day)).scaled(base, day)).scaleb(RATE_EXPONENT)


def totals_of(connection: Connection, campaign: Campaign, period: Period) -> Totals:
    """A campaign's totals in its own currency."""
    rates = Rates(connection, campaign.currency, period)
    scope = Scope(campaign_id=campaign.id)
    found = measure(connection, scope, period, by="campaign", currency=campaign.currency, rates=rates)
    return found.whole


def by_day(connection: Connection, campaign: Campaign, period: Period) -> list[tuple[date, Totals]]:
    """A campaign's totals day by day, in order."""
    rates = Rates(connection, campaign.currency, period)
    found = measure(
        connection,
        Scope(campaign_id=campaign.id),
        period,
        by="day",
        currency=campaign.currency,
        rates=rates,
        with_customers=False,
    )
    return sorted(found.parts.items())


def record_of(connection: Connection, campaign: Campaign, source: str, days: int, now: datetime) -> Record:
    """What happened lately to a campaign and its venture, all money in the campaign's currency.

    ``source`` is the rule or command that is to change it, ``days`` how long a person's no to it counts.
    """
    lately = promises.of_campaign(connection, campaign.id, now - max(DAY, timedelta(days=days)))
    active = campaigns_of(connection, venture_id=campaign.venture_id, status=CampaignStatus.ACTIVE)
    day = (now - DAY).date()
    rates = Rates(connection, campaign.currency, Period(day, now.date()))

    def own(amount: Decimal, currency: str) -> Decimal:
        return rates.convert(amount, currency, now.date())

    moved = promises.moved_by_loops(connection, campaign.venture_id, now - DAY)
    return Record(
        last_change=last_change(connection, campaign),
        moved=sum(
            (one.moved for one, _ in lately if one.by_loop is not None and one.made_at > now - DAY),
            Decimal(0),
        ),
        moved_of_venture=sum((own(amount, currency) for currency, amount in moved), Decimal(0)),
        budget=campaign.allocated,
        budget_of_venture=sum((own(one.allocated, one.currency) for one in active), Decimal(0)),
        was_taken_back=any(undone and one.source == source for one, undone in lately),
    )


def left_to_do(connection: Connection, campaign: Campaign, rule: Rule, now: datetime) -> tuple[Decimal, bool]:
    """How much money a rule may still move of a campaign within its own window, and whether it moved any."""
    since = now - timedelta(days=rule.days)
    found = [
        one
        for one, undone in promises.of_campaign(connection, campaign.id, since)
        if one.source == rule.name and not undone
    ]
    base = found[-1].before if found else campaign.allocated
    wanted = base * abs(Decimal(-1) if rule.change is None else rule.change)
    moved = sum((one.moved for one in found), Decimal(0))
    return max(wanted - moved, Decimal(0)), bool(found)


def last_change(connection: Connection, campaign: Campaign) -> datetime | None:
    """When anybody last changed a campaign or one of its lines."""
    found = [
        promises.last_changes(connection, "campaigns", [campaign.id]),
        promises.last_changes(connection, "channel_lines", [line.id for line in campaign.lines]),
    ]
    return max((one for one in found if one is not None), default=None)
