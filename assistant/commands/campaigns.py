"""Looking at campaigns."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field

from assistant import collaborating, wording
from assistant.collaborating import CollaborationRow
from assistant.commands.performance import CHANNEL_COLUMNS, OVERVIEW, campaign_subject, channel_table
from assistant.handling import Context, handles
from assistant.reply import Answer, Button, Chart, Column, Listed, Problem, Series, Table, Telling
from assistant.reporting import (
    Figure,
    Part,
    Report,
    assumptions,
    assumptions_of,
    evidence,
    figures,
    freshness,
    measured,
    portfolio_or,
    report,
    rounded,
    window,
)
from engines.metrics import METRICS, Totals, needs
from engines.terms import Channel, Period
from intents.command import Command
from intents.slots import CampaignName, ChannelName, Count, MetricName, PeriodSlot, StatusName, VentureName
from storage import collaborations
from storage.campaigns import Campaign, campaigns_of
from storage.performance import latest_day
from storage.ventures import all_ventures


class LineReport(BaseModel):
    """A channel line: its money a month and what it did in the period."""

    channel: str
    status: str
    planned: Decimal
    allocated: Decimal
    figures: dict[str, Figure]


class CampaignReport(BaseModel):
    """A campaign: what it is, its money and how it does."""

    campaign: str
    venture: str
    objective: str
    status: str
    start_on: date
    end_on: date | None
    currency: str
    planned: Decimal
    allocated: Decimal
    target_cpa: Decimal | None
    period: Period | None
    figures: dict[str, Figure]
    lines: list[LineReport]
    collaborations: list[CollaborationRow] = []
    committed: Decimal = Decimal(0)
    """Agreed to be paid to influencers, in the campaign's currency."""
    rows: int
    fresh_until: date | None
    assumptions: list[str] = []


class ShowCampaign(Command):
    """Shows one campaign: its state, money and performance, channel line by channel line."""

    examples = ("show campaign Spring Launch", "how is Spring Launch doing this month")

    campaign: CampaignName = Field(description="Which campaign?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    channel: ChannelName | None = Field(None, description="Which channel of it?")
    period: PeriodSlot | None = Field(None, description="For which period?")


@handles
def show_campaign(asked: ShowCampaign, context: Context) -> Answer[CampaignReport]:
    """Measure a campaign line by line; one that has not started is shown without figures."""
    campaign = context.campaign(asked.campaign, context.venture(asked.venture))
    subject = campaign_subject(context, campaign, asked.campaign, asked.channel)
    if latest_day(context.connection, subject.scope, context.today) is None:
        return _without_data(context, campaign, asked.campaign)
    found = report(context, subject, asked.period, OVERVIEW)
    shown = {name: found.figure(name) for name in OVERVIEW}
    result = _campaign_report(context, campaign, asked.campaign, found, shown)
    told = "; ".join(f"{one.label} {one.shown}" for one in shown.values())
    works = collaborations.of_campaign(context.connection, campaign.id)
    notes = [collaborating.told(works), freshness(found, context.today), *assumptions(found)]
    when = wording.sentence(wording.named(found.window.period))
    where = "" if asked.channel is None else f", {Channel(asked.channel).label} alone"
    text = f"{_headline(campaign, asked.campaign, result.venture)} {when}{where}: "
    parts = [
        Part(name=line.channel, figures=line.figures)
        for line in result.lines
        if asked.channel in (None, line.channel)
    ]
    return Answer(
        result=result,
        telling=Telling(
            text=" ".join(part for part in (f"{text}{told}.", *notes) if part),
            speech=f"{subject.name} is {campaign.status}. "
            f"ROAS {wording.spoken('roas', shown['roas'].value, campaign.currency)} on "
            f"{wording.spoken('spend', shown['spend'].value, campaign.currency)} spent.",
            table=channel_table(parts, CHANNEL_COLUMNS, title=f"Channel lines of {asked.campaign}"),
            chart=Chart(
                kind="bar",
                title=f"Spend and revenue of {asked.campaign} by channel",
                unit=campaign.currency,
                labels=[Channel(part.name).label for part in parts],
                series=[
                    Series(name=METRICS[name].label, values=[_plain(part.figures[name]) for part in parts])
                    for name in ("spend", "revenue")
                ],
            ),
            buttons=[Button(label="All campaigns", say=f"list campaigns for {result.venture}")],
            evidence=[*evidence(found, OVERVIEW), *collaborating.evidence(works, asked.campaign)],
        ),
    )


def _plain(one: Figure) -> float | None:
    return None if one.value is None else float(one.value)


def _headline(campaign: Campaign, label: str, venture: str) -> str:
    lines = "1 channel" if len(campaign.lines) == 1 else f"{len(campaign.lines)} channels"
    until = f" until {wording.day(campaign.end_on)}" if campaign.end_on else ""
    name = label if label.endswith(f"({venture})") else f"{label} ({venture})"
    return (
        f"{name} is {campaign.status}, for {campaign.objective}, "
        f"from {wording.day(campaign.start_on)}{until}, with "
        f"{wording.money(campaign.allocated, campaign.currency)} a month over {lines}."
    )


def _campaign_report(
    context: Context, campaign: Campaign, label: str, found: Report | None, shown: dict[str, Figure]
) -> CampaignReport:
    by_channel = {} if found is None else found.measured.parts
    works = collaborations.of_campaign(context.connection, campaign.id)
    return CampaignReport(
        campaign=label,
        venture=context.owner(campaign).name,
        objective=campaign.objective,
        status=campaign.status,
        start_on=campaign.start_on,
        end_on=campaign.end_on,
        currency=campaign.currency,
        planned=rounded(campaign.planned) or Decimal(0),
        allocated=rounded(campaign.allocated) or Decimal(0),
        target_cpa=rounded(campaign.target_cpa),
        period=None if found is None else found.window.period,
        figures=shown,
        lines=[
            LineReport(
                channel=line.channel,
                status=line.status,
                planned=rounded(line.planned) or Decimal(0),
                allocated=rounded(line.allocated) or Decimal(0),
                figures=figures(CHANNEL_COLUMNS, by_channel.get(line.channel, Totals()), campaign.currency),
            )
            for line in campaign.lines
        ],
        collaborations=collaborating.rows(works),
        committed=collaborating.committed(works).get(campaign.currency, Decimal(0)),
        rows=0 if found is None else found.measured.rows,
        fresh_until=None if found is None else found.measured.fresh_until,
        assumptions=[] if found is None else assumptions(found),
    )


def _without_data(context: Context, campaign: Campaign, label: str) -> Answer[CampaignReport]:
    result = _campaign_report(context, campaign, label, None, {})
    text = f"{_headline(campaign, label, result.venture)} It has no performance data yet."
    works = collaborations.of_campaign(context.connection, campaign.id)
    text = f"{text} {collaborating.told(works)}".strip()
    rows = [
        [Channel(line.channel).label, line.status, wording.money(line.allocated, campaign.currency)]
        for line in campaign.lines
    ]
    columns = [Column(key="channel", label="Channel"), Column(key="status", label="Status")]
    told = collaborating.evidence(works, label)
    table = Table(
        title=f"Channel lines of {label}",
        columns=[*columns, Column(key="allocated", label="Allocated a month", numeric=True)],
        rows=rows,
    )
    return Answer(result=result, telling=Telling(text=text, speech=text, table=table, evidence=told))


class CampaignRow(BaseModel):
    """One campaign of a list."""

    campaign: str
    venture: str
    status: str
    channels: int
    allocated: Decimal
    """A month, in the campaign's own currency."""
    allocated_currency: str
    figures: dict[str, Figure]


class CampaignList(BaseModel):
    """Campaigns, sorted by a metric; figures in one currency."""

    subject: str
    period: Period
    currency: str
    sorted_by: str
    campaigns: list[CampaignRow]
    found: int
    """How many there are; the list may show fewer."""
    rows: int
    fresh_until: date | None
    assumptions: list[str] = []


class ListCampaigns(Command):
    """Lists campaigns of a venture or the portfolio, by state and sorted by a metric."""

    examples = ("list campaigns", "which campaigns of Acme are active", "paused campaigns by spend")

    venture: VentureName | None = Field(None, description="Which venture?")
    status: StatusName | None = Field(None, description="In which state?")
    metric: MetricName = Field("spend", description="Sorted by which metric?")
    count: Count | None = Field(None, description="How many?")
    period: PeriodSlot | None = Field(None, description="For which period?")


LIST_COLUMNS = ("spend", "revenue", "roas")


@handles
def list_campaigns(asked: ListCampaigns, context: Context) -> Answer[CampaignList]:
    """List campaigns with their figures, the best by the metric first."""
    if needs((asked.metric,)):
        raise Problem(
            "not_sortable",
            f"Campaigns cannot be sorted by {METRICS[asked.metric].label}.",
            "Sort by spend, revenue, ROAS, conversions, CPA or CAC.",
        )
    venture = context.venture(asked.venture)
    subject = portfolio_or(context, venture)
    chosen = window(context, subject.scope, asked.period)
    totals = measured(context, subject, chosen.period, "campaign")
    found = campaigns_of(
        context.connection, venture_id=None if venture is None else venture.id, status=asked.status
    )
    columns = tuple(dict.fromkeys((*LIST_COLUMNS, asked.metric)))
    owners = {one.id: one.name for one in all_ventures(context.connection)}
    labels = context.labels("campaign")
    rows = [
        CampaignRow(
            campaign=labels.get(one.id, one.name),
            venture=owners[one.venture_id],
            status=one.status,
            channels=len(one.lines),
            allocated=rounded(one.allocated) or Decimal(0),
            allocated_currency=one.currency,
            figures=figures(columns, totals.parts.get(one.id, Totals()), subject.currency),
        )
        for one in found
    ]
    best_first = METRICS[asked.metric].higher_is_better is not False
    rows.sort(key=lambda row: _sort_value(row, asked.metric, best_first), reverse=best_first)
    notes = assumptions_of(chosen, totals)
    shown = rows[: asked.count or None]
    return Answer(
        result=CampaignList(
            subject=subject.name,
            period=chosen.period,
            currency=subject.currency,
            sorted_by=asked.metric,
            campaigns=shown,
            found=len(rows),
            rows=totals.rows,
            fresh_until=totals.fresh_until,
            assumptions=notes,
        ),
        telling=_list_telling(asked, subject.name, rows, shown, columns, chosen.period, notes),
    )


def _sort_value(row: CampaignRow, metric: str, best_first: bool) -> Decimal:
    """Campaigns without the metric come last either way."""
    value = row.figures[metric].value
    return Decimal("-Infinity" if best_first else "Infinity") if value is None else value


def _list_telling(
    asked: ListCampaigns,
    subject: str,
    rows: list[CampaignRow],
    shown: list[CampaignRow],
    columns: tuple[str, ...],
    period: Period,
    notes: list[str],
) -> Telling:
    state = f"{asked.status} " if asked.status else ""
    noun = "campaign" if len(rows) == 1 else "campaigns"
    lead = f"{wording.sentence(subject)} has {len(rows)} {state}{noun}"
    if not rows:
        return Telling(text=f"{lead}.", speech=f"{lead}.")
    order = f"by {METRICS[asked.metric].label}, {wording.named(period)}"
    names = [f"{row.campaign} ({row.figures[asked.metric].shown})" for row in shown]
    fewer = f", the first {len(shown)} of them" if len(shown) < len(rows) else ""
    table = Table(
        title=f"Campaigns {order}",
        columns=[
            Column(key="campaign", label="Campaign"),
            Column(key="venture", label="Venture"),
            Column(key="status", label="Status"),
            Column(key="allocated", label="Allocated a month", numeric=True),
            *(Column(key=name, label=METRICS[name].label, numeric=True) for name in columns),
        ],
        rows=[
            [
                row.campaign,
                row.venture,
                row.status,
                wording.money(row.allocated, row.allocated_currency),
                *(row.figures[name].shown for name in columns),
            ]
            for row in shown
        ],
    )
    return Telling(
        text=" ".join([f"{lead}{fewer}, {order}: {'; '.join(names[:10])}.", *notes]),
        speech=f"{lead}. First: {wording.listed([row.campaign for row in shown[:3]])}.",
        table=table,
        buttons=[Button(label=row.campaign, say=f"show campaign {row.campaign}") for row in shown[:3]],
        listed=[
            Listed(label=row.campaign, command="show_campaign", slots={"campaign": row.campaign})
            for row in shown
        ],
    )
