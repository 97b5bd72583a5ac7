"""Ventures and new campaigns: created, shown, changed."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from assistant import collaborating, wording
from assistant.collaborating import CollaborationRow
from assistant.commands.budget import in_proportion, money_of
from assistant.handling import Context, handles
from assistant.reply import Action, Answer, Button, Column, Problem, Table, Telling
from assistant.reporting import rounded
from engines.terms import CampaignStatus, Channel, VentureStage
from intents.command import Command, Effect, Role
from intents.slots import (
    BusinessKind,
    ChannelName,
    ComingPeriod,
    CurrencyCode,
    FreeText,
    MoneySlot,
    NewName,
    StageName,
    TimeZoneName,
    VentureName,
)
from storage import collaborations
from storage.campaigns import Line, campaigns_of
from storage.changes import RowChange, added, changed
from storage.ventures import Venture

DEFAULT_MARGIN = Decimal("0.5")
"""Gross margin assumed of a new venture until it is told; the answer says so."""

LONGEST_NAME = 100


class VentureProfile(BaseModel):
    """A venture as it is, or would be."""

    name: str
    stage: str
    category: str
    kind: str
    currency: str
    time_zone: str
    monthly_budget: Decimal | None
    gross_margin: Decimal
    campaigns: list[str] = []
    collaborations: list[CollaborationRow] = []
    committed: dict[str, Decimal] = {}
    """Agreed to be paid to influencers, by currency of the campaigns."""


class CreateVenture(Command):
    """Creates a venture."""

    effect = Effect.RECORD
    role = Role.LEAD
    examples = (
        "create a venture called Solstice",
        "create a venture called Solstice in fitness with $20k a month",
    )

    name: NewName = Field(description="What is it called?")
    stage: StageName = Field(VentureStage.PRE_REVENUE.value, description="At which stage is it?")
    category: FreeText = Field("general", description="In which category?")
    kind: BusinessKind = Field("b2c_mass", description="For whom: B2B or B2C?")
    currency: CurrencyCode | None = Field(None, description="In which currency?")
    time_zone: TimeZoneName | None = Field(None, description="In which time zone?")
    monthly_budget: MoneySlot | None = Field(None, description="With which budget a month?")


@handles
def create_venture(asked: CreateVenture, context: Context) -> Answer[VentureProfile]:
    """Plan a new venture; its name must be free."""
    name = _free_name(asked.name, context, "venture")
    currency = asked.currency or context.settings.currency
    budget = None if asked.monthly_budget is None else money_of(asked.monthly_budget, currency)
    profile = VentureProfile(
        name=name,
        stage=asked.stage,
        category=asked.category,
        kind=asked.kind,
        currency=currency,
        time_zone=asked.time_zone or context.person.time_zone,
        monthly_budget=budget,
        gross_margin=DEFAULT_MARGIN,
    )
    change = added(
        "ventures",
        name_key=name.casefold(),
        fiscal_year_start=1,
        is_local=False,
        created_at=context.now,
        version=1,
        **profile.model_dump(exclude={"campaigns", "collaborations", "committed"}),
    )
    done = f"Created the venture {name}: {_described(profile)}."
    return Answer(
        result=profile,
        telling=Telling(
            text=f"{done} A gross margin of {wording.percent(DEFAULT_MARGIN)} is assumed until you set it.",
            speech=f"Created the venture {name}.",
            buttons=[Button(label="Undo", say="undo that")],
        ),
        action=Action(
            summary=f"create the venture {name}", done=done, changes=[change], kind="campaign", renames=True
        ),
    )


def _free_name(said: str, context: Context, kind: str) -> str:
    name = " ".join(said.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise Problem("bad_name", f"A name has 1 to {LONGEST_NAME} characters.", "Choose another.")
    taken = {label.casefold() for label in context.names.labels(kind)}
    if name.casefold() in taken:
        raise Problem("name_taken", f"There is a {kind} {name} already.", "Choose another name.")
    return name


def _described(profile: VentureProfile) -> str:
    money = "no budget yet"
    if profile.monthly_budget is not None:
        money = f"{wording.money(profile.monthly_budget, profile.currency)} a month"
    stage = profile.stage.replace("_", " ")
    return f"{stage}, {profile.category}, {profile.kind.replace('_', ' ')}, {money}, {profile.time_zone}"


class ShowVenture(Command):
    """Shows a venture's profile: stage, category, currency, time zone, budget and campaigns."""

    examples = ("show the venture Acme",)

    venture: VentureName = Field(description="Which venture?")


@handles
def show_venture(asked: ShowVenture, context: Context) -> Answer[VentureProfile]:
    """Look the venture up."""
    venture = _venture(asked.venture, context)
    names = [one.name for one in campaigns_of(context.connection, venture_id=venture.id)]
    works = collaborations.of_venture(context.connection, venture.id)
    told = {"collaborations": collaborating.rows(works), "committed": collaborating.committed(works)}
    profile = _profile(venture, names).model_copy(update=told)
    busy = collaborating.told(works).replace(" on it,", " on its campaigns,")
    listed = f" Campaigns: {wording.listed(names)}." if names else " It has no campaigns yet."
    text = f"{venture.name}: {_described(profile)}.{listed} {busy}".strip()
    return Answer(
        result=profile,
        telling=Telling(
            text=text,
            speech=f"{venture.name}: {_described(profile)}.",
            table=collaborating.table(profile.collaborations, "Influencers") if works else None,
            buttons=[Button(label="Performance", say=f"show gtm performance for {venture.name}")],
            evidence=collaborating.evidence(works, venture.name),
        ),
    )


def _venture(label: str, context: Context) -> Venture:
    found = context.venture(label)
    if found is None:
        raise Problem("unknown_venture", f"There is no venture {label}.", "List the ventures.")
    return found


def _profile(venture: Venture, campaigns: list[str]) -> VentureProfile:
    return VentureProfile(
        name=venture.name,
        stage=venture.stage,
        category=venture.category,
        kind=venture.kind,
        currency=venture.currency,
        time_zone=venture.time_zone,
        monthly_budget=rounded(venture.monthly_budget),
        gross_margin=venture.gross_margin,
        campaigns=campaigns,
    )


class UpdateVenture(Command):
    """Changes a venture's stage, category, kind, time zone or monthly budget."""

    effect = Effect.RECORD
    role = Role.LEAD
    examples = ("change the stage of Acme to scale", "set the monthly budget of Acme to 80k")

    venture: VentureName = Field(description="Which venture?")
    stage: StageName | None = Field(None, description="To which stage?")
    category: FreeText | None = Field(None, description="To which category?")
    kind: BusinessKind | None = Field(None, description="For whom: B2B or B2C?")
    time_zone: TimeZoneName | None = Field(None, description="To which time zone?")
    monthly_budget: MoneySlot | None = Field(None, description="To which budget a month?")


@handles
def update_venture(asked: UpdateVenture, context: Context) -> Answer[VentureProfile]:
    """Plan the changes that differ from how things are."""
    venture = _venture(asked.venture, context)
    wanted: dict[str, Any] = {
        "stage": asked.stage,
        "category": asked.category,
        "kind": asked.kind,
        "time_zone": asked.time_zone,
    }
    if asked.monthly_budget is not None:
        wanted["monthly_budget"] = money_of(asked.monthly_budget, venture.currency)
    moves = {
        name: (getattr(venture, name), value)
        for name, value in wanted.items()
        if value is not None and value != getattr(venture, name)
    }
    if not moves:
        raise Problem(
            "nothing_to_change", f"Nothing of {venture.name} would change.", "Say what and to which value."
        )
    told = wording.listed(
        [f"{name.replace('_', ' ')} from {old} to {new}" for name, (old, new) in moves.items()]
    )
    done = f"Changed {venture.name}: {told}."
    profile = _profile(venture, []).model_copy(update={name: new for name, (_, new) in moves.items()})
    return Answer(
        result=profile,
        telling=Telling(text=done, speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"change {told} of {venture.name}",
            done=done,
            changes=[changed("ventures", venture.id, **moves)],
            venture_id=venture.id,
        ),
    )


class CampaignPlan(BaseModel):
    """A new campaign: planned, it spends nothing until it is launched."""

    campaign: str
    venture: str
    objective: str
    currency: str
    start_on: date
    end_on: date | None
    lines: dict[str, Decimal]


class CreateCampaign(Command):
    """Creates a planned campaign with its channels; it spends nothing until it is launched."""

    effect = Effect.RECORD
    role = Role.OPERATOR
    examples = ("create a campaign called Autumn Push for Acme on email and paid search with 20k",)

    venture: VentureName = Field(description="For which venture?")
    channels: tuple[ChannelName, ...] = Field(description="On which channels?", min_length=1)
    name: NewName | None = Field(None, description="What is it called?")
    budget: MoneySlot | None = Field(None, description="With which budget a month?")
    period: ComingPeriod | None = Field(None, description="From when to when?")


@handles
def create_campaign(asked: CreateCampaign, context: Context) -> Answer[CampaignPlan]:
    """Plan the campaign and a line a channel, the budget split evenly to the cent."""
    venture = _venture(asked.venture, context)
    channels = list(dict.fromkeys(asked.channels))
    start = asked.period.start if asked.period else context.today + timedelta(days=1)
    name = asked.name or wording.sentence(f"{Channel(channels[0]).label} {start:%B %Y}")
    name = _free_name(name, context, "campaign")
    total = Decimal(0) if asked.budget is None else money_of(asked.budget, venture.currency)
    even = [
        Line(place, channel, "planned", Decimal(0), Decimal(0), 1) for place, channel in enumerate(channels)
    ]
    split = dict(zip(channels, in_proportion(total, even, venture.currency), strict=True))
    end = asked.period.end if asked.period else None
    plan = CampaignPlan(
        campaign=name,
        venture=venture.name,
        objective="conversion",
        currency=venture.currency,
        start_on=start,
        end_on=end,
        lines=split,
    )
    done = f"Created the campaign {name} for {venture.name}, planned from {wording.day(start)}."
    table = Table(
        title=f"Channel lines of {name}",
        columns=[
            Column(key="channel", label="Channel"),
            Column(key="planned", label="Planned a month", numeric=True),
        ],
        rows=[[Channel(one).label, wording.money(part, venture.currency)] for one, part in split.items()],
    )
    return Answer(
        result=plan,
        telling=Telling(text=done, speech=done, table=table, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"create the campaign {name} for {venture.name}",
            done=done,
            changes=_new_campaign(plan, venture, context),
            kind="campaign",
            venture_id=venture.id,
            renames=True,
        ),
    )


def _new_campaign(plan: CampaignPlan, venture: Venture, context: Context) -> list[RowChange]:
    planned = CampaignStatus.PLANNED.value
    campaign = added(
        "campaigns",
        venture_id=venture.id,
        name=plan.campaign,
        name_key=plan.campaign.casefold(),
        objective=plan.objective,
        status=planned,
        currency=plan.currency,
        start_on=plan.start_on,
        end_on=plan.end_on,
        created_at=context.now,
        version=1,
    )
    lines = [
        added(
            "channel_lines",
            campaign_id={"new": 0},
            channel=channel,
            status=planned,
            planned=amount,
            allocated=Decimal(0),
            created_at=context.now,
            version=1,
        )
        for channel, amount in plan.lines.items()
    ]
    return [campaign, *lines]
