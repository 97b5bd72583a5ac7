"""Attribution: which channels brought a venture's conversions, and how the models differ about it."""

from datetime import date
from decimal import Decimal
from math import log
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from assistant import wording
from assistant.handling import Context, handles
from assistant.reply import Answer, Chart, Column, Evidence, Problem, Series, Table, Telling
from assistant.reporting import Window, latest_window, rounded
from assistant.settings import Attribution as Settings
from engines.attribution import Attribution, attribute, by_day, side_by_side
from engines.crediting import Model, Rules
from engines.resampling import CONFIDENCE_MEANING
from engines.terms import Period
from intents.command import Command
from intents.slots import CampaignName, ModelName, PeriodSlot, VentureName
from storage.journeys import journeys_in, latest_conversion, linked_visitors, lost_in
from storage.ventures import Venture


class ChannelCreditRow(BaseModel):
    """What a channel is credited with."""

    channel: str
    conversions: Decimal
    revenue: Decimal
    share: float
    share_low: float
    share_high: float
    assisted: int


class ModelShares(BaseModel):
    """A channel's share of the conversions under every model."""

    channel: str
    shares: dict[str, float]


class PathRow(BaseModel):
    """A sequence of channels that led to conversions; the same channel twice in a row is named once."""

    channels: list[str]
    conversions: int
    revenue: Decimal


class DayRow(BaseModel):
    """A day's credits by channel."""

    day: date
    conversions: dict[str, Decimal]
    revenue: dict[str, Decimal]


class AttributionReport(BaseModel):
    """Credits of a venture's conversions under one model, and how they came about."""

    subject: str
    model: str
    basis: str = Field("", description="what the model was computed on, where that can differ")
    period: Period
    currency: str
    conversions: int
    revenue: Decimal
    unattributed: int
    unattributed_revenue: Decimal
    lost: int | None = Field(None, description="paths without a conversion that the model counted")
    confidence: float | None
    channels: list[ChannelCreditRow]
    models: list[ModelShares] = Field([], description="all models side by side, of all conversions")
    assisted: int = Field(0, description="conversions with touches of more than one channel")
    lengths: dict[int, int] = Field({}, description="conversions by number of touches")
    mean_length: float | None
    mean_days: float | None
    median_days: float | None = None
    slow_days: float | None = Field(None, description="nine of ten conversions took no longer")
    paths: list[PathRow] = Field([], description="the most frequent paths")
    days: list[DayRow] = Field(
        [],
        description="each conversion's own credits, by its day; days without are left out",
    )


class ReportAttribution(Command):
    """Tells which channels brought a venture's conversions, under an attribution model."""

    examples = ("attribution report for Acme", "which channels bring conversions for Acme under first touch")

    venture: VentureName | None = Field(None, description="Of which venture?")
    model: ModelName = Field(Model.LINEAR.value, description="Under which model?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")
    period: PeriodSlot | None = Field(None, description="For which period?")

    def asks_for(self) -> str | None:
        """Attribution is within one venture."""
        return "venture" if self.venture is None and self.campaign is None else None


@handles
def report_attribution(asked: ReportAttribution, context: Context) -> Answer[AttributionReport]:
    """Credit a venture's conversions to the touches before them; of a campaign, show its own credits."""
    venture, campaign_id, name = _attributed(asked, context)
    chosen = _window(context, venture, asked.period)
    counted = context.settings.attribution
    linked = linked_visitors(context.connection, venture.id) if counted.across_devices else {}
    window: dict[str, Any] = {"look_back_days": counted.look_back_days, "linked": linked}
    of_period = (context.connection, chosen.period, venture.time_zone, venture.id)
    journeys = journeys_in(*of_period, **window)
    if not journeys:
        raise Problem("no_conversions", f"{name} has no conversions for {wording.named(chosen.period)}.")
    lost = lost_in(*of_period, **window, session_minutes=counted.session_minutes)
    rules, model = rules_of(counted), Model(asked.model)
    found = attribute(journeys, model, rules, lost=lost, seed=0)
    zone = ZoneInfo(venture.time_zone)
    days = by_day(journeys, [one.moment.astimezone(zone).date() for one in journeys], model, rules, lost=lost)
    paths = found.paths
    result = AttributionReport(
        subject=name,
        model=asked.model,
        basis=_basis(found),
        period=chosen.period,
        currency=venture.currency,
        conversions=found.conversions,
        revenue=found.revenue,
        unattributed=found.unattributed,
        unattributed_revenue=found.unattributed_revenue,
        lost=found.lost,
        confidence=found.confidence,
        channels=_credits(found, campaign_id),
        models=_models(found, side_by_side(journeys, rules, lost=lost)),
        days=_days(days),
        assisted=paths.assisted if paths else 0,
        lengths=dict(paths.lengths) if paths else {},
        mean_length=paths.mean_length if paths else None,
        mean_days=paths.mean_days if paths else None,
        median_days=paths.median_days if paths else None,
        slow_days=paths.slow_days if paths else None,
        paths=[
            PathRow(channels=list(one.channels), conversions=one.conversions, revenue=one.revenue)
            for one in (paths.top if paths else ())
        ],
    )
    return Answer(result=result, telling=_telling(result, chosen.note, rules))


def rules_of(said: Settings) -> Rules:
    """The settings as the engines take them."""
    between = round(1 - said.first_weight - said.last_weight, 9)
    return Rules(
        look_back_days=said.look_back_days,
        decay_days=said.decay_days,
        position_weights=(said.first_weight, between, said.last_weight),
        markov_order=said.markov_order,
        with_lost=said.lost_paths,
        session_minutes=said.session_minutes,
    )


def _days(found: dict[date, dict[str, tuple[Decimal, Decimal]]]) -> list[DayRow]:
    return [
        DayRow(
            day=day,
            conversions={name: rounded(credit) or Decimal(0) for name, (credit, _) in of_day.items()},
            revenue={name: revenue for name, (_, revenue) in of_day.items()},
        )
        for day, of_day in found.items()
    ]


def _attributed(asked: ReportAttribution, context: Context) -> tuple[Venture, int | None, str]:
    venture = context.venture(asked.venture)
    if asked.campaign is not None:
        campaign = context.campaign(asked.campaign, venture)
        return context.owner(campaign), campaign.id, asked.campaign
    if venture is None:
        raise Problem("which_venture", "Attribution is within one venture.", "Say which.")
    return venture, None, venture.name


def _window(context: Context, venture: Venture, said: Period | None) -> Window:
    """Journeys may be older than the daily figures: without a period, the latest conversions count."""
    if said is not None:
        return Window(said)
    latest = latest_conversion(context.connection, venture.id, venture.time_zone, context.today)
    return latest_window(context, latest, "conversions")


def _basis(found: Attribution) -> str:
    if found.model is Model.MARKOV:
        order = f"order {found.rules.markov_order}"
        if not found.lost:
            return f"{order}, without paths that did not convert"
        return f"{order}, with {wording.count(found.lost)} paths that did not convert"
    if found.model is Model.SHAPLEY:
        return "exact, on conversions alone"
    return ""


def _credits(found: Attribution, campaign_id: int | None) -> list[ChannelCreditRow]:
    by_channel = {one.channel: one for one in found.channels}
    if campaign_id is None:
        amounts = [(one.channel, one.conversions, one.revenue) for one in found.channels]
    else:
        own = [one for one in found.campaigns if one.campaign_id == campaign_id]
        amounts = [(one.channel, one.conversions, one.revenue) for one in own]
    return [
        ChannelCreditRow(
            channel=channel,
            conversions=rounded(conversions) or Decimal(0),
            revenue=revenue,
            share=by_channel[channel].share.value,
            share_low=by_channel[channel].share.low,
            share_high=by_channel[channel].share.high,
            assisted=by_channel[channel].assisted,
        )
        for channel, conversions, revenue in amounts
    ]


def _models(found: Attribution, shares: dict[Model, dict[str, float]]) -> list[ModelShares]:
    """The channels of the answer first, then those that only another model credits."""
    credited = [name for of_model in shares.values() for name, share in of_model.items() if share]
    names = dict.fromkeys([*(one.channel for one in found.channels), *credited])
    return [
        ModelShares(
            channel=name, shares={model.value: round(shares[model].get(name, 0.0), 6) for model in shares}
        )
        for name in names
    ]


def _telling(result: AttributionReport, note: str, rules: Rules) -> Telling:
    model = Model(result.model).label
    best = result.channels[0] if result.channels else None
    lead = f"{result.subject}, {wording.named(result.period)}, {model} attribution of "
    lead += f"{wording.count(result.conversions)} conversions{f' ({result.basis})' if result.basis else ''}: "
    told = "; ".join(
        f"{wording.channel(row.channel)} {wording.number(row.conversions, 1)} "
        f"({wording.money(row.revenue, result.currency)})"
        for row in result.channels
    )
    direct = ""
    if result.unattributed:
        direct = f" {wording.count(result.unattributed)} had no touch in the {_look_back(rules)} before."
    return Telling(
        text=f"{lead}{told or 'no credits'}.{direct} {note}".strip(),
        speech=f"By {model}, {wording.channel(best.channel)} leads." if best else "There are no credits.",
        table=_credit_table(result),
        chart=Chart(
            kind="bar",
            title=f"Revenue credited by {model}",
            unit=result.currency,
            labels=[wording.channel(row.channel) for row in result.channels],
            series=[Series(name="Revenue", values=[float(row.revenue) for row in result.channels])],
        ),
        evidence=_evidence(result, note, rules),
    )


_FORMULAS = {
    Model.FIRST_TOUCH: "all credit to the first touch",
    Model.LAST_TOUCH: "all credit to the last touch",
    Model.LINEAR: "equal credit to every touch",
    Model.MARKOV: "each channel's removal effect, the part of the conversions that is lost when every path "
    "through it ends there, divided by the sum of all channels'",
    Model.SHAPLEY: "the mean of what a channel adds over all orders in which the channels may join: each "
    "conversion is shared equally by the channels it met",
}


def _look_back(rules: Rules) -> str:
    return f"{rules.look_back_days:g} day{'' if rules.look_back_days == 1 else 's'}"


def _formula(model: Model, rules: Rules) -> str:
    if model is Model.TIME_DECAY:
        half = rules.decay_days * log(2)
        return f"credit by e^(-days/{rules.decay_days:g}), divided by the sum: a half-life of {half:.2f} days"
    if model is Model.POSITION_BASED:
        first, between, last = rules.position_weights
        return f"{first:.0%} to the first touch, {last:.0%} to the last, {between:.0%} between"
    return _FORMULAS[model]


def _evidence(result: AttributionReport, note: str, rules: Rules) -> list[Evidence]:
    data = f"conversions of {result.subject} and the touches of their visitors in the "
    data += f"{_look_back(rules)} before each"
    if rules.session_minutes:
        data += f", touches of a channel within {rules.session_minutes:g} minutes as one"
    credit = Evidence(
        claim=f"{wording.count(result.conversions)} conversions credited by {Model(result.model).label}",
        formula=_formula(Model(result.model), rules),
        data=data,
        rows=result.conversions,
        period=result.period,
        assumptions=[
            *([note] if note else []),
            *([f"It was computed at {result.basis}."] if result.model == Model.MARKOV else []),
            CONFIDENCE_MEANING,
        ],
    )
    if not result.channels or result.mean_length is None:
        return [credit]
    attributed = result.conversions - result.unattributed
    first = result.models[0]
    told = [
        (
            f"The share of {wording.channel(first.channel)}",
            "its credited conversions over all credited ones, by model",
            ", ".join(f"{Model(name).label} {_share(one)}" for name, one in first.shares.items()),
        ),
        (
            f"{wording.count(result.assisted)} assisted conversions",
            "those with touches of two channels or more in the window",
            f"{wording.count(result.assisted)} of {wording.count(attributed)}",
        ),
        (
            f"A path length of {result.mean_length:.1f} touches",
            "touches in the window, mean over conversions",
            _lengths(result.lengths),
        ),
        (
            f"A time to convert of {result.median_days or 0:.1f} days",
            "from the first touch in the window to the conversion, median",
            f"mean {result.mean_days or 0:.1f}, nine of ten within {result.slow_days or 0:.1f} days",
        ),
    ]
    return [
        credit,
        *(
            Evidence(
                claim=claim,
                formula=formula,
                calculation=sums,
                data=data,
                rows=attributed,
                period=result.period,
            )
            for claim, formula, sums in told
        ),
    ]


_LONG = 5


def _lengths(lengths: dict[int, int]) -> str:
    """How many conversions took one touch, two …"""
    short = [f"{touches}: {wording.count(times)}" for touches, times in lengths.items() if touches < _LONG]
    long = sum(times for touches, times in lengths.items() if touches >= _LONG)
    return ", ".join([*short, *([f"{_LONG} or more: {wording.count(long)}"] if long else [])])


def _credit_table(result: AttributionReport) -> Table:
    return Table(
        title=f"Credits by {Model(result.model).label}",
        columns=[
            Column(key="channel", label="Channel"),
            Column(key="conversions", label="Conversions", numeric=True),
            Column(key="revenue", label="Revenue", numeric=True),
            Column(key="share", label="Share of conversions", numeric=True),
            Column(key="range", label="90 % range", numeric=True),
            Column(key="assisted", label="Assisted", numeric=True),
        ],
        rows=[
            [
                wording.channel(row.channel),
                wording.number(row.conversions, 2),
                wording.money(row.revenue, result.currency),
                _share(row.share),
                f"{_share(row.share_low)} – {_share(row.share_high)}",
                wording.count(row.assisted),
            ]
            for row in result.channels
        ],
    )


def models_table(result: AttributionReport) -> Table:
    """Every model's share of the conversions by channel."""
    names = list(result.models[0].shares) if result.models else []
    return Table(
        title="The models side by side",
        columns=[
            Column(key="channel", label="Channel"),
            *(Column(key=name, label=Model(name).label.capitalize(), numeric=True) for name in names),
        ],
        rows=[
            [wording.channel(row.channel), *(_share(row.shares[name]) for name in names)]
            for row in result.models
        ],
    )


def paths_table(result: AttributionReport) -> Table:
    """The most frequent paths."""
    return Table(
        title="The most frequent paths",
        columns=[
            Column(key="path", label="Path"),
            Column(key="conversions", label="Conversions", numeric=True),
            Column(key="revenue", label="Revenue", numeric=True),
        ],
        rows=[
            [
                " → ".join(wording.channel(one) for one in row.channels),
                wording.count(row.conversions),
                wording.money(row.revenue, result.currency),
            ]
            for row in result.paths
        ],
    )


def _share(value: float) -> str:
    return wording.percent(Decimal(str(round(value, 6))))
