"""What lies behind the numbers: comparison, the funnel, and why something changed."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from assistant import wording
from assistant.commands.performance import CHANNEL_COLUMNS, campaign_subject
from assistant.handling import Context, handles
from assistant.reply import Answer, Chart, Column, Evidence, Problem, Series, Table, Telling
from assistant.reporting import (
    Figure,
    Subject,
    assumptions,
    evidence,
    facts_of,
    figure,
    freshness,
    measured,
    measured_with_before,
    portfolio_or,
    report,
    rounded,
    window,
)
from assistant.unusual import UnusualDay, unusual, unusual_told
from engines.change import EXPLAINED, Change, explain
from engines.metrics import METRICS, compute
from engines.response import Refusal
from engines.terms import Period
from intents.command import Command
from intents.slots import (
    CampaignName,
    ChannelName,
    MetricName,
    PeriodSlot,
    VentureName,
)


class ComparedRow(BaseModel):
    """One of the things compared."""

    name: str
    period: Period
    currency: str
    figures: dict[str, Figure]


class Comparison(BaseModel):
    """Things side by side, the best by the metric first."""

    metric: str
    rows: list[ComparedRow]


class Compare(Command):
    """Compares campaigns, channels, ventures or periods."""

    examples = (
        "compare Spring Launch and Summer Splash",
        "compare email with paid search for Acme last month",
    )

    campaigns: tuple[CampaignName, ...] = Field((), description="Which campaigns?")
    channels: tuple[ChannelName, ...] = Field((), description="Which channels?")
    ventures: tuple[VentureName, ...] = Field((), description="Which ventures?")
    periods: tuple[PeriodSlot, ...] = Field((), description="Which periods?")
    metric: MetricName = Field("roas", description="By which metric?")


@handles
def compare(asked: Compare, context: Context) -> Answer[Comparison]:
    """Measure each of two or more things of a kind over the same ground."""
    subjects = _compared(asked, context)
    columns = tuple(dict.fromkeys((asked.metric, *CHANNEL_COLUMNS)))
    rows = [_compared_row(context, subject, said, columns) for subject, said in subjects]
    best_first = METRICS[asked.metric].higher_is_better is not False
    known = [row for row in rows if row.figures[asked.metric].value is not None]
    known.sort(key=lambda row: row.figures[asked.metric].value or Decimal(0), reverse=best_first)
    ordered = known + [row for row in rows if row not in known]
    label = METRICS[asked.metric].label
    told = "; ".join(f"{row.name} {row.figures[asked.metric].shown}" for row in ordered)
    periods = {row.period for row in rows}
    when = f", {wording.named(rows[0].period)}" if len(periods) == 1 else ""
    lead = f"{ordered[0].name} is ahead by {label}{when}" if known else f"No {label} to compare{when}"
    return Answer(
        result=Comparison(metric=asked.metric, rows=ordered),
        telling=Telling(
            text=f"{lead}: {told}.",
            speech=f"{lead}.",
            table=Table(
                title=f"By {label}",
                columns=[
                    Column(key="name", label="What"),
                    *(Column(key=name, label=METRICS[name].label, numeric=True) for name in columns),
                ],
                rows=[[row.name, *(row.figures[name].shown for name in columns)] for row in ordered],
            ),
            evidence=[
                Evidence(
                    claim=f"{row.name}: {label} {row.figures[asked.metric].shown}",
                    formula=METRICS[asked.metric].formula,
                    data=f"daily performance of {row.name}",
                    period=row.period,
                )
                for row in ordered
            ],
        ),
    )


def _compared(asked: Compare, context: Context) -> list[tuple[Subject, Period | None]]:
    """The two or more things of one kind, and what they are compared over."""
    period = asked.periods[0] if asked.periods else None
    venture = context.venture(asked.ventures[0]) if asked.ventures else None
    around = portfolio_or(context, venture)
    if len(asked.campaigns) > 1:
        found = [(label, context.campaign(label)) for label in asked.campaigns]
        return [(campaign_subject(context, campaign, label), period) for label, campaign in found]
    if len(asked.campaigns) == 1:
        around = campaign_subject(context, context.campaign(asked.campaigns[0], venture), asked.campaigns[0])
    if len(asked.channels) > 1:
        return [(_channel_of(around, channel), period) for channel in asked.channels]
    if len(asked.channels) == 1:
        around = _channel_of(around, asked.channels[0])
    if len(asked.ventures) > 1:
        return [(portfolio_or(context, context.venture(label)), period) for label in asked.ventures]
    if len(asked.periods) > 1:
        return [(replace(around, name=said.label), said) for said in asked.periods]
    raise Problem(
        "one_thing",
        "I need two things of a kind to compare.",
        "Name two campaigns, channels, ventures or periods.",
    )


def _channel_of(around: Subject, channel: str) -> Subject:
    return replace(around, name=wording.channel(channel), scope=replace(around.scope, channel=channel))


def _compared_row(
    context: Context, subject: Subject, said: Period | None, columns: tuple[str, ...]
) -> ComparedRow:
    chosen = window(context, subject.scope, said)
    totals = measured(context, subject, chosen.period, "channel").whole
    values = compute(columns, facts_of(context, subject, chosen.period, totals, columns))
    return ComparedRow(
        name=subject.name,
        period=chosen.period,
        currency=subject.currency,
        figures={name: figure(name, value, subject.currency) for name, value in values.items()},
    )


class FunnelStep(BaseModel):
    """One step of the funnel, and the share of an earlier step that reached it."""

    name: str
    count: int
    share: Decimal | None
    of: str | None


class Funnel(BaseModel):
    """From being seen to being a customer."""

    subject: str
    period: Period
    steps: list[FunnelStep]


class ShowFunnel(Command):
    """Shows the funnel from impressions to new customers, with the share that goes on at each step."""

    examples = ("show the funnel for Acme", "funnel of Spring Launch last month")

    venture: VentureName | None = Field(None, description="Of which venture?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")
    period: PeriodSlot | None = Field(None, description="For which period?")


FUNNEL = {
    "impressions": None,
    "clicks": "impressions",
    "leads": "clicks",
    "conversions": "clicks",
    "new_customers": "conversions",
}
"""Each step and the one it is a share of; not every conversion was a lead first."""


@handles
def show_funnel(asked: ShowFunnel, context: Context) -> Answer[Funnel]:
    """Measure each step over the same lines and days."""
    subject = _subject(context, asked.venture, asked.campaign)
    found = report(context, subject, asked.period, tuple(FUNNEL), compare=False)
    counts = {name: int(getattr(found.measured.whole, name)) for name in FUNNEL}
    steps = [
        FunnelStep(
            name=name,
            count=counts[name],
            share=rounded(Decimal(counts[name]) / counts[of]) if of and counts[of] else None,
            of=of,
        )
        for name, of in FUNNEL.items()
    ]
    told = "; ".join(_step(one) for one in steps)
    notes = [freshness(found, context.today), *assumptions(found)]
    text = f"{wording.sentence(subject.name)}, {wording.named(found.window.period)}: {told}."
    return Answer(
        result=Funnel(subject=subject.name, period=found.window.period, steps=steps),
        telling=Telling(
            text=" ".join(part for part in (text, *notes) if part),
            speech=f"{'; '.join(_step(one) for one in steps)}.",
            table=Table(
                title="Funnel",
                columns=[
                    Column(key="step", label="Step"),
                    Column(key="count", label="Count", numeric=True),
                    Column(key="share", label="Share", numeric=True),
                ],
                rows=[[METRICS[one.name].label, wording.count(one.count), _of_before(one)] for one in steps],
            ),
            chart=Chart(
                kind="bar",
                title=f"Funnel of {subject.name}",
                unit="",
                labels=[METRICS[one.name].label for one in steps],
                series=[Series(name="Count", values=[float(one.count) for one in steps])],
            ),
            evidence=evidence(found, tuple(FUNNEL)),
        ),
    )


def _step(one: FunnelStep) -> str:
    share = "" if one.share is None else f" ({_of_before(one)})"
    return f"{wording.count(one.count)} {METRICS[one.name].label.lower()}{share}"


def _of_before(one: FunnelStep) -> str:
    if one.share is None or one.of is None:
        return wording.NOTHING
    return f"{wording.percent(one.share)} of {METRICS[one.of].label.lower()}"


def _subject(context: Context, venture: str | None, campaign: str | None) -> Subject:
    owner = context.venture(venture)
    if campaign is None:
        return portfolio_or(context, owner)
    return campaign_subject(context, context.campaign(campaign, owner), campaign)


class ChangePart(BaseModel):
    """What one channel adds to a change."""

    channel: str
    before: Decimal | None
    now: Decimal | None
    contribution: Decimal
    mix: Decimal
    rate: Decimal


class ChangeReport(BaseModel):
    """A metric's change on the period before, split so that the parts sum to it."""

    subject: str
    metric: str
    period: Period
    compared_with: Period
    currency: str
    before: Decimal
    now: Decimal
    difference: Decimal
    parts: list[ChangePart]
    drivers: dict[str, Decimal]
    unusual: list[UnusualDay] = []
    """Days of the period that stand out, the most unusual first."""


class ExplainChange(Command):
    """Explains why a metric rose or fell: which channels, and through how much or how well."""

    examples = ("why did revenue drop last month", "why did the CPA of Acme go up this month")

    metric: MetricName = Field(description="Which metric?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")
    period: PeriodSlot | None = Field(None, description="In which period?")


@handles
def explain_change(asked: ExplainChange, context: Context) -> Answer[ChangeReport]:
    """Split the change against the equally long period before by channel, exactly."""
    if asked.metric not in EXPLAINED:
        options = wording.listed([METRICS[name].label for name in EXPLAINED], "or")
        raise Problem(
            "not_decomposable",
            f"A change of {METRICS[asked.metric].label} cannot be split into parts.",
            f"Ask for {options}.",
        )
    subject = _subject(context, asked.venture, asked.campaign)
    chosen = window(context, subject.scope, asked.period)
    now, before = measured_with_before(context, subject, chosen.period, "channel")
    change = explain(asked.metric, before.parts, now.parts)
    if isinstance(change, Refusal):
        raise Problem(change.code, f"{wording.sentence(change.reason)}.", f"{wording.sentence(change.cure)}.")
    result = _change_report(subject, asked.metric, chosen.period, change)
    result.unusual = unusual(context, subject, asked.metric, chosen.period)
    return Answer(result=result, telling=_change_telling(result, now.rows + before.rows, chosen.note))


def _change_report(subject: Subject, metric: str, period: Period, change: Change[Any]) -> ChangeReport:
    def exact(value: Decimal) -> Decimal:
        return rounded(value) or Decimal(0)

    return ChangeReport(
        subject=subject.name,
        metric=metric,
        period=period,
        compared_with=period.before(),
        currency=subject.currency,
        before=exact(change.before),
        now=exact(change.now),
        difference=exact(change.difference),
        parts=[
            ChangePart(
                channel=part.key,
                before=rounded(part.before),
                now=rounded(part.now),
                contribution=exact(part.contribution),
                mix=exact(part.mix),
                rate=exact(part.rate),
            )
            for part in change.parts
        ],
        drivers={driver.name: exact(driver.contribution) for driver in change.drivers},
    )


def _change_telling(result: ChangeReport, rows: int, note: str) -> Telling:
    label = METRICS[result.metric].label

    def shown(value: Decimal | None) -> str:
        return wording.metric(result.metric, value, result.currency)

    def signed(value: Decimal) -> str:
        return shown(value) if value < 0 else f"+{shown(value)}"

    way = "did not change" if not result.difference else "rose" if result.difference > 0 else "fell"
    lead = f"{label} of {result.subject} {way} from {shown(result.before)} to {shown(result.now)} "
    lead += f"({signed(result.difference)}), {wording.named(result.period)} against the "
    lead += f"{result.period.days} days before."
    drivers = "; ".join(f"{name} {signed(value)}" for name, value in result.drivers.items())
    channels = "; ".join(
        f"{wording.channel(part.channel)} {signed(part.contribution)}" for part in result.parts[:4]
    )
    days = unusual_told(result.unusual, result.metric, result.currency)
    text = f"{lead} By driver: {drivers}. By channel: {channels}.{days} {note}".strip()
    top = f"Most of it is {wording.channel(result.parts[0].channel)}." if result.parts else ""
    return Telling(
        text=text,
        speech=f"{label} of {result.subject} {way}. {top}",
        table=Table(
            title=f"What changed {label}",
            columns=[
                Column(key="channel", label="Channel"),
                Column(key="before", label="Before", numeric=True),
                Column(key="now", label="Now", numeric=True),
                Column(key="contribution", label="Adds", numeric=True),
                Column(key="mix", label="Through how much", numeric=True),
                Column(key="rate", label="Through how well", numeric=True),
            ],
            rows=[
                [
                    wording.channel(part.channel),
                    shown(part.before),
                    shown(part.now),
                    signed(part.contribution),
                    signed(part.mix),
                    signed(part.rate),
                ]
                for part in result.parts
            ],
        ),
        evidence=[
            Evidence(
                claim=f"{label} {signed(result.difference)}",
                formula="the channels' contributions sum to the change; each is a mix part (how much of the "
                "channel there is) and a rate part (how well it does)",
                calculation=f"{shown(result.now)} - {shown(result.before)} = {signed(result.difference)}",
                data=f"daily performance of {result.subject} by channel, in both periods",
                rows=rows,
                period=result.period,
                assumptions=[note] if note else [],
            )
        ],
    )
