"""Moving money: budgets of campaigns and their channel lines, pausing, resuming, stopping."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from pydantic import BaseModel, Field

from assistant import wording
from assistant.handling import Context, handles
from assistant.reply import Action, Answer, Column, Evidence, Problem, Table, Telling
from assistant.reporting import rounded
from engines.money import spread
from engines.moves import Pace
from engines.moves import set_budget as spread_over
from engines.response import Refusal
from engines.terms import CampaignStatus, Channel, minor_units
from intents.command import Command, Effect, Role
from intents.slots import (
    Amount,
    AmountSlot,
    CampaignName,
    ChannelName,
    MoneySlot,
    PaceName,
    SourceName,
    TargetName,
    VentureName,
)
from storage.campaigns import Campaign, Line, campaigns_of
from storage.changes import RowChange, changed


class LineMove(BaseModel):
    """A channel line's money a month, before and after."""

    campaign: str
    channel: str
    before: Decimal
    after: Decimal


class BudgetPlan(BaseModel):
    """What happens to the money of channel lines."""

    currency: str
    lines: list[LineMove]
    total_before: Decimal
    total_after: Decimal


class SetBudget(Command):
    """Sets what a campaign, or one channel of it, may spend a month (or a day, a week, in total)."""

    effect = Effect.SPEND
    role = Role.OPERATOR
    examples = ("set the budget of Spring Launch to $50,000", "set email in Spring Launch to $300 a day")

    campaign: CampaignName = Field(description="Of which campaign?")
    amount: MoneySlot = Field(description="How much a month?")
    pace: PaceName = Field(Pace.MONTH.value, description="A day, a week, a month or in total?")
    channel: ChannelName | None = Field(None, description="Of which channel?")
    venture: VentureName | None = Field(None, description="Of which venture?")


@handles
def set_budget(asked: SetBudget, context: Context) -> Answer[BudgetPlan]:
    """Set one line, or all lines of a campaign in their present proportions; money is kept a month."""
    campaign = context.campaign(asked.campaign, context.venture(asked.venture))
    amount = money_of(asked.amount, campaign.currency)
    lines = list(campaign.lines)
    what = f"the budget of {asked.campaign}"
    if asked.channel is not None:
        lines = [line_of(campaign, asked.channel, asked.campaign)]
        what = f"{Channel(asked.channel).label} in {asked.campaign}"
    days = None if campaign.end_on is None else (campaign.end_on - context.today).days + 1
    found = spread_over(
        {line.id: line.allocated for line in lines}, amount, campaign.currency, Pace(asked.pace), days=days
    )
    if isinstance(found, Refusal):
        raise Problem(found.code, f"{wording.sentence(found.reason)}.", f"{wording.sentence(found.cure)}.")
    shown = wording.money(found.after, campaign.currency)
    said = (
        ""
        if asked.pace == Pace.MONTH
        else f" ({wording.money(amount, campaign.currency)} {_PACES[asked.pace]})"
    )
    return budget_answer(
        {asked.campaign: campaign},
        dict(found.lines),
        summary=f"set {what} to {shown} a month{said}",
        done=f"Set {what} to {shown} a month{said}.",
    )


_PACES = {"day": "a day", "week": "a week", "total": "until its end"}


class ReallocateBudget(Command):
    """Moves money a month from one channel or campaign to another."""

    effect = Effect.SPEND
    role = Role.OPERATOR
    examples = ("move ten thousand from display to email in Spring Launch",)

    amount: AmountSlot = Field(description="How much?")
    source: SourceName = Field(description="From which channel or campaign?")
    target: TargetName = Field(description="To which channel or campaign?")
    campaign: CampaignName | None = Field(None, description="In which campaign?")
    venture: VentureName | None = Field(None, description="Of which venture?")


@handles
def reallocate_budget(asked: ReallocateBudget, context: Context) -> Answer[BudgetPlan]:
    """Take from one side, give to the other; the total stays."""
    between_channels = asked.source in set(Channel) and asked.target in set(Channel)
    if between_channels:
        return _between_channels(asked, context)
    if asked.source in set(Channel) or asked.target in set(Channel):
        raise Problem(
            "contradictory_slots",
            "Money moves between two channels of a campaign, or between two campaigns.",
            "Name two of a kind.",
        )
    return _between_campaigns(asked, context)


def _between_channels(asked: ReallocateBudget, context: Context) -> Answer[BudgetPlan]:
    label, campaign = _campaign_with(asked, context)
    source, target = line_of(campaign, asked.source, label), line_of(campaign, asked.target, label)
    if source.id == target.id:
        raise Problem("same_line", "That is one and the same channel.", "Name two.")
    amount = _taken(asked.amount, source.allocated, campaign.currency)
    if amount > source.allocated:
        raise _too_little(asked.source, label, source.allocated, campaign.currency)
    words = f"{wording.money(amount, campaign.currency)} a month from {Channel(source.channel).label} to "
    words += f"{Channel(target.channel).label} in {label}"
    return budget_answer(
        {label: campaign},
        {source.id: source.allocated - amount, target.id: target.allocated + amount},
        summary=f"move {words}",
        done=f"Moved {words}.",
        amount=amount,
    )


def _campaign_with(asked: ReallocateBudget, context: Context) -> tuple[str, Campaign]:
    """The campaign said, or the only active one that has both channels."""
    venture = context.venture(asked.venture)
    if asked.campaign is not None:
        return asked.campaign, context.campaign(asked.campaign, venture)
    found = campaigns_of(
        context.connection,
        venture_id=None if venture is None else venture.id,
        status=CampaignStatus.ACTIVE,
    )
    both = {asked.source, asked.target}
    fitting = [one for one in found if both <= {line.channel for line in one.lines}]
    labels = context.labels("campaign")
    if len(fitting) == 1:
        return labels[fitting[0].id], fitting[0]
    several = f"{len(fitting)} active campaigns have both channels."
    raise Problem(
        "which_campaign",
        several if fitting else "No active campaign has both channels.",
        "Say in which campaign.",
        choices=[labels[one.id] for one in fitting],
    )


def _between_campaigns(asked: ReallocateBudget, context: Context) -> Answer[BudgetPlan]:
    source, target = context.campaign(asked.source), context.campaign(asked.target)
    if source.id == target.id:
        raise Problem("same_campaign", "That is one and the same campaign.", "Name two.")
    if source.currency != target.currency:
        raise Problem(
            "currency_mismatch",
            f"{asked.source} is in {source.currency}, {asked.target} in {target.currency}.",
            "Set each budget in its own currency.",
        )
    amount = _taken(asked.amount, source.allocated, source.currency)
    if amount > source.allocated:
        raise _too_little(None, asked.source, source.allocated, source.currency)
    wanted: dict[int, Decimal] = {}
    for campaign, total in ((source, source.allocated - amount), (target, target.allocated + amount)):
        shares = in_proportion(total, campaign.lines, campaign.currency)
        wanted |= dict(zip((line.id for line in campaign.lines), shares, strict=True))
    words = f"{wording.money(amount, source.currency)} a month from {asked.source} to {asked.target}"
    return budget_answer(
        {asked.source: source, asked.target: target},
        wanted,
        summary=f"move {words}",
        done=f"Moved {words}.",
        amount=amount,
    )


def _taken(said: Amount, available: Decimal, currency: str) -> Decimal:
    if said.share is not None:
        return to_cents(available * said.share, currency)
    return money_of(said, currency)


def _too_little(channel: str | None, label: str, available: Decimal, currency: str) -> Problem:
    what = label if channel is None else f"{Channel(channel).label} in {label}"
    shown = wording.money(available, currency)
    return Problem("too_little", f"{what} has {shown} a month.", f"Move at most {shown}.")


def money_of(said: Amount, currency: str) -> Decimal:
    """An amount in a currency, in whole minor units. Raises `Problem` for another currency or a fraction."""
    amount = said.amount or Decimal(0)
    if said.currency not in (None, currency):
        raise Problem(
            "currency_mismatch",
            f"That is in {currency}, you said {said.currency}.",
            f"Say the amount in {currency}.",
        )
    if to_cents(amount, currency) != amount:
        raise Problem(
            "too_precise", f"{currency} has no smaller parts than {_smallest(currency)}.", "Round it."
        )
    return amount


def _smallest(currency: str) -> Decimal:
    return Decimal(1).scaleb(-minor_units(currency))


def to_cents(amount: Decimal, currency: str) -> Decimal:
    """Rounded down to the currency's smallest unit."""
    return amount.quantize(_smallest(currency), ROUND_DOWN)


def in_proportion(total: Decimal, lines: Sequence[Line], currency: str) -> list[Decimal]:
    """``total`` over lines in their present proportions, exact to the cent."""
    return spread(total, [line.allocated for line in lines], currency)


def line_of(campaign: Campaign, channel: str, label: str) -> Line:
    """The line of a channel. Raises `Problem` when the campaign has none."""
    for line in campaign.lines:
        if line.channel == channel:
            return line
    has = wording.listed([Channel(line.channel).label for line in campaign.lines])
    raise Problem("no_such_line", f"{label} has no {Channel(channel).label} line.", f"It has {has}.")


def budget_answer(
    campaigns: dict[str, Campaign],
    wanted: dict[int, Decimal],
    *,
    summary: str,
    done: str,
    amount: Decimal | None = None,
) -> Answer[BudgetPlan]:
    """The answer that plans new monthly allocations of lines."""
    first = next(iter(campaigns.values()))
    moves = [
        LineMove(
            campaign=label,
            channel=line.channel,
            before=rounded(line.allocated) or Decimal(0),
            after=rounded(wanted.get(line.id, line.allocated)) or Decimal(0),
        )
        for label, campaign in campaigns.items()
        for line in campaign.lines
    ]
    plan = BudgetPlan(
        currency=first.currency,
        lines=moves,
        total_before=sum((move.before for move in moves), Decimal(0)),
        total_after=sum((move.after for move in moves), Decimal(0)),
    )
    evidence = [_allocations(list(campaigns), plan)]
    if all(move.before == move.after for move in moves):
        text = "That is how it is already; nothing would change."
        return Answer(result=plan, telling=Telling(text=text, speech=text, evidence=evidence))
    return Answer(
        result=plan,
        telling=Telling(text="", table=moves_table(plan), evidence=evidence),
        action=budget_action(
            campaigns,
            wanted,
            summary=summary,
            done=done,
            amount=plan.total_after if amount is None else amount,
        ),
    )


def budget_action(
    campaigns: dict[str, Campaign],
    wanted: dict[int, Decimal],
    *,
    summary: str,
    done: str,
    amount: Decimal,
    confidence: Decimal | None = None,
    risk: str | None = None,
) -> Action:
    """New monthly allocations by line; every line of the campaigns is checked against what it is now."""
    first = next(iter(campaigns.values()))
    return Action(
        summary=summary,
        done=done,
        changes=[
            changed("channel_lines", line.id, allocated=(line.allocated, wanted[line.id]))
            for campaign in campaigns.values()
            for line in campaign.lines
            if wanted.get(line.id, line.allocated) != line.allocated
        ],
        kind="budget",
        venture_id=first.venture_id,
        campaign_id=first.id,
        amount=amount,
        currency=first.currency,
        confidence=confidence,
        risk=risk,
    )


def moves_table(plan: BudgetPlan) -> Table:
    """Lines with their money before and after."""
    return Table(
        title="Money a month",
        columns=[
            Column(key="campaign", label="Campaign"),
            Column(key="channel", label="Channel"),
            Column(key="before", label="Now", numeric=True),
            Column(key="after", label="Then", numeric=True),
            Column(key="change", label="Change", numeric=True),
        ],
        rows=[
            [
                move.campaign,
                Channel(move.channel).label,
                wording.money(move.before, plan.currency),
                wording.money(move.after, plan.currency),
                wording.money(move.after - move.before, plan.currency),
            ]
            for move in plan.lines
        ],
    )


def _allocations(labels: list[str], plan: BudgetPlan) -> Evidence:
    return Evidence(
        claim=f"{wording.money(plan.total_before, plan.currency)} a month now",
        formula="sum of what the channel lines may spend a month",
        data=f"channel lines of {wording.listed(labels)}",
        rows=len(plan.lines),
    )


class StateChange(BaseModel):
    """Campaigns whose state changes."""

    campaigns: list[str]
    channel: str | None
    status: str


class PauseCampaign(Command):
    """Pauses a campaign, or one channel of it: it spends nothing until it is resumed."""

    effect = Effect.RECORD
    role = Role.OPERATOR
    examples = ("pause Spring Launch", "pause display in Spring Launch")

    campaign: CampaignName = Field(description="Which campaign?")
    channel: ChannelName | None = Field(None, description="Which channel?")
    venture: VentureName | None = Field(None, description="Of which venture?")


@handles
def pause_campaign(asked: PauseCampaign, context: Context) -> Answer[StateChange]:
    """Plan the change from active to paused."""
    campaign = context.campaign(asked.campaign, context.venture(asked.venture))
    return _switched(asked.campaign, campaign, asked.channel, CampaignStatus.ACTIVE, CampaignStatus.PAUSED)


class ResumeCampaign(Command):
    """Lets a paused campaign, or a channel of it, spend again."""

    effect = Effect.SPEND
    role = Role.OPERATOR
    examples = ("resume Spring Launch",)

    campaign: CampaignName = Field(description="Which campaign?")
    channel: ChannelName | None = Field(None, description="Which channel?")
    venture: VentureName | None = Field(None, description="Of which venture?")


@handles
def resume_campaign(asked: ResumeCampaign, context: Context) -> Answer[StateChange]:
    """Plan the change from paused to active."""
    campaign = context.campaign(asked.campaign, context.venture(asked.venture))
    return _switched(asked.campaign, campaign, asked.channel, CampaignStatus.PAUSED, CampaignStatus.ACTIVE)


def _switched(
    label: str, campaign: Campaign, channel: str | None, before: CampaignStatus, after: CampaignStatus
) -> Answer[StateChange]:
    verb = "Pause" if after is CampaignStatus.PAUSED else "Resume"
    if channel is None:
        what, table, row, now = label, "campaigns", campaign.id, campaign.status
    else:
        line = line_of(campaign, channel, label)
        what = f"{Channel(channel).label} in {label}"
        table, row, now = "channel_lines", line.id, line.status
    if now != before:
        raise Problem(f"not_{before}", f"{what} is {now}, not {before}.", "Nothing was changed.")
    done = f"{verb}d {what}."
    return Answer(
        result=StateChange(campaigns=[label], channel=channel, status=after.value),
        telling=Telling(text=done if after is CampaignStatus.PAUSED else "", speech=done),
        action=Action(
            summary=f"{verb.lower()} {what}",
            done=done,
            changes=[changed(table, row, status=(now, after.value))],
            kind="campaign",
            venture_id=campaign.venture_id,
            campaign_id=campaign.id,
        ),
    )


class StopSpending(Command):
    """Stops all spending, of a venture or everywhere, at once: every active campaign is paused."""

    effect = Effect.RECORD
    role = Role.OPERATOR
    examples = ("stop all spending", "stop spending for Acme")
    may_be_negated = True

    venture: VentureName | None = Field(None, description="Of which venture?")


@handles
def stop_spending(asked: StopSpending, context: Context) -> Answer[StateChange]:
    """Pause every active campaign."""
    venture = context.venture(asked.venture)
    found = campaigns_of(
        context.connection,
        venture_id=None if venture is None else venture.id,
        status=CampaignStatus.ACTIVE,
    )
    where = "the portfolio" if venture is None else venture.name
    if not found:
        raise Problem("nothing_active", f"No campaign of {where} is active.", "Nothing is spent there.")
    noun = "campaign" if len(found) == 1 else "campaigns"
    done = f"Stopped all spending of {where}: paused {len(found)} {noun}."
    labels = context.labels("campaign")
    return Answer(
        result=StateChange(campaigns=[labels[one.id] for one in found], channel=None, status="paused"),
        telling=Telling(text=done, speech=done),
        action=Action(
            summary=f"pause {len(found)} active {noun} of {where}",
            done=done,
            changes=[_paused(one) for one in found],
            kind="campaign",
            venture_id=None if venture is None else venture.id,
        ),
    )


def _paused(campaign: Campaign) -> RowChange:
    return changed("campaigns", campaign.id, status=(campaign.status, CampaignStatus.PAUSED.value))
