"""How ventures, campaigns and channels perform."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field

from assistant import trend, wording
from assistant.handling import Context, handles
from assistant.reply import Answer, Button, Chart, Column, Listed, Problem, Series, Table, Telling
from assistant.reporting import (
    Figure,
    Part,
    Report,
    Subject,
    assumptions,
    evidence,
    facts_of,
    figure,
    figures,
    freshness,
    life,
    portfolio_or,
    report,
    rounded,
)
from engines.metrics import METRICS, Totals, Unit, compute, is_ratio_of_spend, life_model
from engines.terms import Channel, Period
from intents.command import Command
from intents.slots import CampaignName, ChannelName, Count, MetricName, PeriodSlot, VentureName
from storage.campaigns import Campaign
from storage.performance import Scope

OVERVIEW = ("spend", "revenue", "roas", "conversions", "conversion_rate", "ctr", "cpa", "cac")
"""What "performance" means when no metric is named."""

CHANNEL_COLUMNS = ("spend", "revenue", "roas", "conversions", "cpa")


class PerformanceReport(BaseModel):
    """How a subject did in a period."""

    subject: str
    period: Period
    compared_with: Period
    currency: str
    figures: dict[str, Figure]
    channels: list[Part]
    rows: int
    fresh_until: date | None
    converted_from: tuple[str, ...] = ()
    assumptions: list[str] = []


class ShowPerformance(Command):
    """Shows how a venture or the whole portfolio is doing: spend, revenue, ROAS and more, by channel."""

    examples = (
        "show gtm performance for Acme",
        "how did we do last month",
        "spend and revenue of Northwind in Q3",
    )
    suggested = True

    venture: VentureName | None = Field(None, description="Which venture?")
    channel: ChannelName | None = Field(None, description="On which channel?")
    period: PeriodSlot | None = Field(None, description="For which period?")
    metrics: tuple[MetricName, ...] = Field((), description="Which metrics?")


@handles
def show_performance(asked: ShowPerformance, context: Context) -> Answer[PerformanceReport]:
    """Measure the venture, the portfolio or a channel of them; tell the metrics asked for or the overview."""
    subject = portfolio_or(context, context.venture(asked.venture), asked.channel)
    names = asked.metrics or OVERVIEW
    found = report(context, subject, asked.period, names)
    channels = _parts(found.measured.parts, found.subject.currency)
    chart = _by_day(context, found)
    return _answer(context, found, names, channels, chart)


def _parts(parts: dict[str, Totals], currency: str) -> list[Part]:
    ordered = sorted(parts.items(), key=lambda part: (-part[1].revenue, part[0]))
    return [
        Part(name=channel, figures=figures(CHANNEL_COLUMNS, totals, currency)) for channel, totals in ordered
    ]


def _answer(
    context: Context, found: Report, names: tuple[str, ...], channels: list[Part], chart: Chart
) -> Answer[PerformanceReport]:
    shown = {name: found.figure(name) for name in names}
    result = PerformanceReport(
        subject=found.subject.name,
        period=found.window.period,
        compared_with=found.window.period.before(),
        currency=found.subject.currency,
        figures=shown,
        channels=channels,
        rows=found.measured.rows,
        fresh_until=found.measured.fresh_until,
        converted_from=found.measured.converted_from,
        assumptions=assumptions(found),
    )
    lead = f"{wording.sentence(found.subject.name)}, {wording.named(found.window.period)}: "
    told = "; ".join(_with_change(one) for one in shown.values())
    compared = f"Changes are against {wording.days(found.window.period.before())}."
    if all(one.change is None for one in shown.values()):
        compared = ""
    notes = " ".join(
        note for note in (compared, freshness(found, context.today), *assumptions(found)) if note
    )
    return Answer(
        result=result,
        telling=Telling(
            text=f"{lead}{told}. {notes}".strip(),
            speech=_speech(found, names),
            table=channel_table(channels, CHANNEL_COLUMNS),
            chart=chart,
            buttons=[Button(label="Top channels", say=f"what are the top channels{_of(found.subject)}")],
            evidence=evidence(found, names),
        ),
    )


def _of(subject: Subject) -> str:
    return "" if subject.scope.venture_id is None else f" for {subject.name}"


def _with_change(one: Figure) -> str:
    if one.change is None:
        return f"{one.label} {one.shown}"
    return f"{one.label} {one.shown} ({wording.percent(one.change, signed=True)})"


def _speech(found: Report, names: tuple[str, ...]) -> str:
    told = []
    for name in names[:4]:
        value = found.figure(name).value
        told.append(f"{METRICS[name].label} {wording.spoken(name, value, found.subject.currency)}")
    return f"{wording.sentence(found.subject.name)}, {found.window.period.label}: {wording.listed(told)}."


def channel_table(parts: list[Part], names: tuple[str, ...], title: str = "By channel") -> Table:
    """Parts as rows, metrics as columns."""
    return Table(
        title=title,
        columns=[
            Column(key="name", label="Channel"),
            *(Column(key=name, label=METRICS[name].label, numeric=True) for name in names),
        ],
        rows=[[_label(part.name), *(part.figures[name].shown for name in names)] for part in parts],
    )


def _label(name: str) -> str:
    return Channel(name).label if name in set(Channel) else name


def _by_day(context: Context, found: Report) -> Chart:
    title = f"Spend and revenue of {found.subject.name} by day"
    return trend.by_day(context, found.subject, found.window.period, ("spend", "revenue"), title)


class ChannelRanking(BaseModel):
    """Channels from best to worst by one metric."""

    subject: str
    period: Period
    metric: str
    currency: str
    minimum_spend: Decimal
    channels: list[Part]
    left_out: list[Part]
    """Channels without the metric, or below the minimum spend."""
    rows: int
    fresh_until: date | None
    assumptions: list[str] = []


class TopChannels(Command):
    """Ranks the channels of a venture or the portfolio by ROAS or another metric."""

    examples = ("what are the top performing channels this month", "top 3 channels for Acme by conversions")
    suggested = True

    venture: VentureName | None = Field(None, description="Which venture?")
    period: PeriodSlot | None = Field(None, description="For which period?")
    metric: MetricName = Field("roas", description="Ranked by which metric?")
    count: Count | None = Field(None, description="How many?")


@handles
def top_channels(asked: TopChannels, context: Context) -> Answer[ChannelRanking]:
    """Rank channels; those that spent next to nothing do not compete by a ratio of spend."""
    subject = portfolio_or(context, context.venture(asked.venture))
    found = report(context, subject, asked.period, (asked.metric,), compare=False)
    whole = found.measured.whole
    share = Decimal(str(context.settings.reports.min_spend_share))
    least = whole.spend * share if is_ratio_of_spend(asked.metric) else Decimal(0)
    columns = tuple(dict.fromkeys((asked.metric, *CHANNEL_COLUMNS)))
    parts = [
        (totals, _channel_part(context, found, channel, totals, columns))
        for channel, totals in sorted(found.measured.parts.items())
    ]
    ranked = [
        part for totals, part in parts if totals.spend >= least and _value(part, asked.metric) is not None
    ]
    left_out = [part for _, part in parts if part not in ranked]
    best_first = METRICS[asked.metric].higher_is_better is not False
    ranked.sort(key=lambda part: _value(part, asked.metric) or Decimal(0), reverse=best_first)
    return _ranking_answer(context, found, asked, least, ranked[: asked.count or None], left_out, columns)


def _value(part: Part, metric: str) -> Decimal | None:
    return part.figures[metric].value


def _channel_part(
    context: Context, found: Report, channel: str, totals: Totals, names: tuple[str, ...]
) -> Part:
    whole = found.subject
    scope = replace(whole.scope, channel=channel)
    facts = facts_of(context, replace(whole, scope=scope), found.window.period, totals, names)
    values = compute(names, facts)
    return Part(name=channel, figures={n: figure(n, value, whole.currency) for n, value in values.items()})


def _ranking_answer(
    context: Context,
    found: Report,
    asked: TopChannels,
    least: Decimal,
    ranked: list[Part],
    left_out: list[Part],
    columns: tuple[str, ...],
) -> Answer[ChannelRanking]:
    about, currency = METRICS[asked.metric], found.subject.currency
    notes = [
        freshness(found, context.today),
        *assumptions(found),
        _ranking_note(about.label, least, left_out, currency),
    ]
    lead = f"{wording.sentence(found.subject.name)}, {wording.named(found.window.period)}, by {about.label}: "
    listed = [
        Listed(
            label=_label(part.name),
            command="show_metric",
            slots={
                "metric": asked.metric,
                "channel": part.name,
                "period": _as_slot(found.window.period),
                **({} if asked.venture is None else {"venture": asked.venture}),
            },
        )
        for part in ranked
    ]
    order = "; ".join(
        f"{place}. {_label(part.name)} {part.figures[asked.metric].shown}"
        for place, part in enumerate(ranked, start=1)
    )
    best = (
        f"{_label(ranked[0].name)} leads with {ranked[0].figures[asked.metric].shown}"
        if ranked
        else "no channel"
    )
    return Answer(
        result=ChannelRanking(
            subject=found.subject.name,
            period=found.window.period,
            metric=asked.metric,
            currency=currency,
            minimum_spend=rounded(least) or Decimal(0),
            channels=ranked,
            left_out=left_out,
            rows=found.measured.rows,
            fresh_until=found.measured.fresh_until,
            assumptions=assumptions(found),
        ),
        telling=Telling(
            text=" ".join([f"{lead}{order or 'no channel qualifies'}.", *(note for note in notes if note)]),
            speech=f"By {about.label}, {found.window.period.label}: {best}.",
            table=channel_table(ranked, columns, title=f"Channels by {about.label}"),
            chart=_ranking_chart(asked.metric, ranked, currency),
            listed=listed,
            evidence=evidence(found, (asked.metric,)),
        ),
    )


def _as_slot(period: Period) -> dict[str, str]:
    return {"start": period.start.isoformat(), "end": period.end.isoformat(), "label": period.label}


def _ranking_note(label: str, least: Decimal, left_out: list[Part], currency: str) -> str:
    if not left_out:
        return ""
    names = wording.listed([_label(part.name) for part in left_out])
    reason = f"below the minimum spend of {wording.money(least, currency)} or without {label}"
    return f"Not ranked ({reason}): {names}."


def _ranking_chart(metric: str, ranked: list[Part], currency: str) -> Chart:
    unit = {Unit.MONEY: currency, Unit.PERCENT: "%", Unit.RATIO: "x"}.get(METRICS[metric].unit, "")
    scale = 100 if METRICS[metric].unit is Unit.PERCENT else 1
    return Chart(
        kind="bar",
        title=f"{METRICS[metric].label} by channel",
        unit=unit,
        labels=[_label(part.name) for part in ranked],
        series=[
            Series(
                name=METRICS[metric].label,
                values=[float(_value(part, metric) or 0) * scale for part in ranked],
            )
        ],
    )


class MetricReport(BaseModel):
    """One metric of a subject in a period."""

    subject: str
    period: Period
    compared_with: Period
    currency: str
    figure: Figure
    formula: str
    rows: int
    fresh_until: date | None
    assumptions: list[str] = []
    model: str | None = None
    """How a figure that is an estimate was estimated."""
    low: Decimal | None = None
    """Of its 90 % range, where it has one."""
    high: Decimal | None = None


class ShowMetric(Command):
    """Tells one metric (CAC, LTV, ROAS, NRR …) of a venture, campaign or channel, and how it moved."""

    examples = ("what is our CAC for Acme", "roas of email in Spring Launch last month", "LTV of Northwind")

    metric: MetricName = Field(description="Which metric?")
    venture: VentureName | None = Field(None, description="Which venture?")
    campaign: CampaignName | None = Field(None, description="Which campaign?")
    channel: ChannelName | None = Field(None, description="Which channel?")
    period: PeriodSlot | None = Field(None, description="For which period?")


@handles
def show_metric(asked: ShowMetric, context: Context) -> Answer[MetricReport]:
    """Measure one metric now and in the equally long period before."""
    subject = _subject(context, asked)
    found = report(context, subject, asked.period, (asked.metric,))
    shown = found.figure(asked.metric)
    about = METRICS[asked.metric]
    model = life_model(found.facts) if asked.metric == "ltv" else None
    span = model.range if model is not None else None
    if shown.value is None:
        text = f"{about.label} of {subject.name}, {wording.named(found.window.period)}, cannot be computed: "
        text += f"{about.formula}, and one of these is missing or zero there."
    else:
        text = f"{about.label} of {subject.name}, {wording.named(found.window.period)}: {shown.shown}"
        text += f", {_moved(shown, subject.currency)}."
        if model is not None:
            text += f" Estimated {life(model, subject.currency)}."
    notes = [freshness(found, context.today), *assumptions(found)]
    said = wording.spoken(asked.metric, shown.value, subject.currency)
    return Answer(
        result=MetricReport(
            subject=subject.name,
            period=found.window.period,
            compared_with=found.window.period.before(),
            currency=subject.currency,
            figure=shown,
            formula=about.formula,
            rows=found.measured.rows,
            fresh_until=found.measured.fresh_until,
            assumptions=assumptions(found),
            model=None if model is None else model.name,
            low=None if span is None else rounded(Decimal(str(span.low))),
            high=None if span is None else rounded(Decimal(str(span.high))),
        ),
        telling=Telling(
            text=" ".join(part for part in (text, *notes) if part),
            speech=f"{about.label} of {subject.name} is {said}.",
            chart=_trend(context, found, asked.metric),
            evidence=evidence(found, (asked.metric, *about.inputs)),
        ),
    )


def _trend(context: Context, found: Report, metric: str) -> Chart | None:
    if not trend.has_days(metric):
        return None
    title = f"{METRICS[metric].label} of {found.subject.name} by day"
    return trend.by_day(context, found.subject, found.window.period, (metric,), title)


def _moved(shown: Figure, currency: str) -> str:
    if shown.change is None:
        return "with nothing to compare in the period before"
    before = wording.metric(shown.metric, shown.previous, currency)
    if not shown.change:
        return f"as in the period before ({before})"
    word = "up" if shown.change > 0 else "down"
    return f"{word} {wording.percent(abs(shown.change))} from {before} in the period before"


def _subject(context: Context, asked: ShowMetric) -> Subject:
    venture = context.venture(asked.venture)
    if asked.campaign is None:
        return portfolio_or(context, venture, asked.channel)
    campaign = context.campaign(asked.campaign, venture)
    return campaign_subject(context, campaign, asked.campaign, asked.channel)


def campaign_subject(context: Context, campaign: Campaign, label: str, channel: str | None = None) -> Subject:
    """A campaign, or a channel of it, in the campaign's currency. Raises `Problem` for one it lacks."""
    if channel is not None and channel not in {line.channel for line in campaign.lines}:
        has = wording.listed([_label(line.channel) for line in campaign.lines])
        raise Problem("no_such_line", f"{label} has no {_label(channel)} line.", f"It has {has}.")
    name = label if channel is None else f"{_label(channel)} in {label}"
    owner = context.owner(campaign)
    scope = Scope(owner.id, campaign.id, channel, owner.time_zone)
    return Subject(name, scope, campaign.currency, owner.gross_margin)
