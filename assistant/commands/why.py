"""Where an answer's numbers come from, deeper with every "why?": the formula, its parts, the rows."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from assistant import wording
from assistant.commands.attribution import AttributionReport, models_table, paths_table
from assistant.commands.performance import campaign_subject
from assistant.deeds import DeedTold, account
from assistant.handling import Context, handles
from assistant.reply import Answer, Button, Column, Evidence, Problem, Reply, Table, Telling
from assistant.reporting import Subject, figures, measured, portfolio_or, rounded
from engines.metrics import METRICS, needs
from engines.terms import Channel, Period
from intents.command import Command
from intents.slots import CampaignName, DeedName, VentureName
from storage.records import DailyRecord, largest

SHOWN_ROWS = 10
"""Records shown at the bottom, those with the most spend."""

TOLD = 4
"""Parts or rows told in words; the table has the others."""


class Depth(StrEnum):
    """How far down an answer was explained."""

    FORMULA = "formula"
    PARTS = "parts"
    ROWS = "rows"


class RecordRow(BaseModel):
    """One daily record of a channel line."""

    day: str
    campaign: str
    channel: str
    currency: str
    spend: Decimal
    revenue: Decimal
    impressions: int
    clicks: int
    conversions: int
    source: str


class Reasons(BaseModel):
    """Where the numbers of an answer come from."""

    turn_id: str
    command: str | None
    evidence: list[Evidence]
    depth: Depth = Depth.FORMULA
    rows: list[RecordRow] = []
    """The daily records with the most spend, at the bottom."""
    deed: DeedTold | None = None
    """The change that was asked about, where it was one."""


class Why(Command):
    """Explains the last answer, ever deeper, or a change: who made it, by which rule, on which figures."""

    examples = ("why?", "where does that number come from", "why did you change the budget of Spring Launch")

    deed: DeedName | None = Field(None, description="Which change?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")


@handles
def why(asked: Why, context: Context) -> Answer[Reasons]:
    """Tell the evidence of the conversation's last answer; the next time its parts, then its records."""
    # A name alone is what "it" stands for in "why is it so low": that is about the answer.
    if asked.deed is not None:
        return _deed(asked, context)
    earlier = context.previous()
    if earlier is None:
        raise Problem("nothing_to_explain", "There is no answer to explain yet.", "Ask me something first.")
    evidence = earlier.reply.evidence
    if not evidence:
        raise Problem("no_evidence", "That answer rests on no figures.", "Ask about a number.")
    levels = [_formula(earlier, evidence)]
    if context.memory.whys > 0:
        levels += [one for one in (_parts(earlier, context), _rows(earlier, context)) if one is not None]
    if context.memory.whys >= len(levels):
        data = wording.listed(list(dict.fromkeys(one.data for one in evidence))[:3])
        raise Problem(
            "nothing_deeper",
            f"That is the bottom: nothing lies below the {levels[-1].result.depth} I told, from {data}.",
            "Ask about another number.",
        )
    return levels[context.memory.whys]


def _deed(asked: Why, context: Context) -> Answer[Reasons]:
    """A change somebody or a loop made, from the audit."""
    found = account(context, asked.deed, asked.venture, asked.campaign)
    return Answer(
        result=Reasons(turn_id="", command=None, evidence=found.evidence, deed=found.told),
        telling=Telling(text=found.text, speech=found.speech, evidence=found.evidence),
    )


_DEEPER = [Button(label="Why?", say="why?")]


def _formula(earlier: Reply, evidence: list[Evidence]) -> Answer[Reasons]:
    return Answer(
        result=Reasons(turn_id=earlier.turn_id, command=earlier.command, evidence=evidence),
        telling=Telling(
            text="\n".join(_told(one) for one in evidence),
            speech=f"{evidence[0].claim}: {evidence[0].formula}, from {evidence[0].data}.",
            evidence=evidence,
            buttons=_DEEPER,
        ),
    )


def _told(one: Evidence) -> str:
    calculation = f": {one.calculation}" if one.calculation else ""
    period = f", {wording.days(one.period)}" if one.period else ""
    fresh = f", data until {wording.day(one.fresh_until)}" if one.fresh_until else ""
    rows = f" ({wording.count(one.rows)} records)" if one.rows is not None else ""
    notes = "".join(f" {note}" for note in one.assumptions)
    return f"{one.claim} is {one.formula}{calculation}. From {one.data}{rows}{period}{fresh}.{notes}"


def _parts(earlier: Reply, context: Context) -> Answer[Reasons] | None:
    """The parts that sum to the answer: channels, or campaigns of one channel; else the answer's table."""
    subjects, period = _subjects(earlier, context), _period(earlier)
    credited = _credited(earlier)
    table = models_table(credited) if credited is not None else earlier.reply.table
    if len(subjects) == 1 and period is not None:
        table = _measured(subjects[0], period, _metrics(earlier), context)
    if table is None or not table.rows:
        return None
    rows = [f"{row[0]} {_cells(table, row)}" for row in table.rows[:TOLD]]
    when = f", {wording.named(period)}" if period is not None else ""
    more = f" and {len(table.rows) - TOLD} more" if len(table.rows) > TOLD else ""
    text = f"Its parts{when}: {'; '.join(rows)}{more}."
    return Answer(
        result=Reasons(
            turn_id=earlier.turn_id,
            command=earlier.command,
            evidence=earlier.reply.evidence,
            depth=Depth.PARTS,
        ),
        telling=Telling(
            text=text, speech=text, table=table, evidence=earlier.reply.evidence, buttons=_DEEPER
        ),
    )


def _cells(table: Table, row: Sequence[str]) -> str:
    return ", ".join(
        f"{column.label} {cell}" for column, cell in zip(table.columns[1:], row[1:], strict=True)
    )


def _measured(subject: Subject, period: Period, names: tuple[str, ...], context: Context) -> Table:
    by = "channel" if subject.scope.channel is None else "campaign"
    found = measured(context, subject, period, by)
    labels = context.labels("campaign")
    rows = []
    for key, totals in sorted(found.parts.items(), key=lambda part: (-part[1].spend, str(part[0]))):
        told = figures(names, totals, subject.currency)
        name = Channel(key).label if by == "channel" else labels.get(key, str(key))
        rows.append([name, *(told[one].shown for one in names)])
    return Table(
        title=f"What {subject.name} sums up",
        columns=[
            Column(key="name", label=by.capitalize()),
            *(Column(key=one, label=METRICS[one].label, numeric=True) for one in names),
        ],
        rows=rows,
    )


def _metrics(earlier: Reply) -> tuple[str, ...]:
    """The metrics of the answer that a part has by itself, with what they are computed from."""
    named = earlier.slots.get("metrics") or earlier.slots.get("metric") or ()
    said = [named] if isinstance(named, str) else list(named)
    with_inputs = dict.fromkeys([*said, *(one for name in said for one in METRICS[name].inputs)])
    own = tuple(name for name in with_inputs if not needs((name,)))
    return own or ("spend", "revenue", "roas", "conversions")


def _rows(earlier: Reply, context: Context) -> Answer[Reasons] | None:
    """The daily records with the most spend, and where each came from; of an attribution, the paths."""
    credited = _credited(earlier)
    if credited is not None:
        return _paths(earlier, credited)
    subjects, period = _subjects(earlier, context), _period(earlier)
    if not subjects or period is None:
        return None
    found = largest(context.connection, [one.scope for one in subjects], period, SHOWN_ROWS)
    if not found:
        return None
    labels = context.labels("campaign")
    rows = [_row(one, labels) for one in found]
    first = rows[0]
    of = wording.listed([one.name for one in subjects])
    formula = earlier.reply.evidence[0].formula
    lead = f"The rows of {of}, {wording.named(period)}, most spend first: "
    told = "; ".join(
        f"{row.day} {Channel(row.channel).label} in {row.campaign}: spend "
        f"{wording.money(row.spend, row.currency)}, revenue {wording.money(row.revenue, row.currency)}"
        for row in rows[:TOLD]
    )
    source = f"Source: {wording.listed(list(dict.fromkeys(row.source for row in rows)))}. Model: {formula}."
    return Answer(
        result=Reasons(
            turn_id=earlier.turn_id,
            command=earlier.command,
            evidence=earlier.reply.evidence,
            depth=Depth.ROWS,
            rows=rows,
        ),
        telling=Telling(
            text=f"{lead}{told}. {source}",
            speech=f"The largest row is {first.day}, {Channel(first.channel).label} in {first.campaign}.",
            table=_table(rows),
            evidence=earlier.reply.evidence,
        ),
    )


def _credited(earlier: Reply) -> AttributionReport | None:
    """The attribution that was told, when it was one."""
    if earlier.command != "report_attribution" or earlier.result is None:
        return None
    told = earlier.result if isinstance(earlier.result, dict) else earlier.result.model_dump()
    return AttributionReport.model_validate(told)


def _paths(earlier: Reply, credited: AttributionReport) -> Answer[Reasons] | None:
    table = paths_table(credited)
    if not table.rows:
        return None
    told = "; ".join(f"{path} {conversions}" for path, conversions, _ in table.rows[:TOLD])
    text = f"The paths of {credited.subject} that converted most often: {told}."
    return Answer(
        result=Reasons(
            turn_id=earlier.turn_id,
            command=earlier.command,
            evidence=earlier.reply.evidence,
            depth=Depth.ROWS,
        ),
        telling=Telling(
            text=text,
            speech=f"The most frequent path is {table.rows[0][0]}.",
            table=table,
            evidence=earlier.reply.evidence,
        ),
    )


def _row(one: DailyRecord, labels: dict[int, str]) -> RecordRow:
    return RecordRow(
        day=one.day.isoformat(),
        campaign=labels.get(one.campaign_id, str(one.campaign_id)),
        channel=one.channel,
        currency=one.currency,
        spend=rounded(one.spend) or Decimal(0),
        revenue=rounded(one.revenue) or Decimal(0),
        impressions=one.impressions,
        clicks=one.clicks,
        conversions=one.conversions,
        source=wording.listed([f"import of {file}" for file in one.files])
        or "the table of daily performance",
    )


def _table(rows: list[RecordRow]) -> Table:
    return Table(
        title="Daily records",
        columns=[
            Column(key="day", label="Day"),
            Column(key="campaign", label="Campaign"),
            Column(key="channel", label="Channel"),
            Column(key="spend", label="Spend", numeric=True),
            Column(key="revenue", label="Revenue", numeric=True),
            Column(key="clicks", label="Clicks", numeric=True),
            Column(key="conversions", label="Conversions", numeric=True),
            Column(key="source", label="Source"),
        ],
        rows=[
            [
                row.day,
                row.campaign,
                Channel(row.channel).label,
                wording.money(row.spend, row.currency),
                wording.money(row.revenue, row.currency),
                wording.count(row.clicks),
                wording.count(row.conversions),
                row.source,
            ]
            for row in rows
        ],
    )


def _period(earlier: Reply) -> Period | None:
    return next((one.period for one in earlier.reply.evidence if one.period is not None), None)


_WITHOUT_PERFORMANCE = (
    "find_influencers",
    "show_influencer",
    "block_influencer",
    "list_approvals",
    "report_attribution",
)
"""Answers that rest on other records than daily performance."""


def _subjects(earlier: Reply, context: Context) -> list[Subject]:
    """What the answer measured; empty where it did not rest on daily performance."""
    if earlier.command in _WITHOUT_PERFORMANCE or _period(earlier) is None:
        return []
    slots = earlier.slots
    channels = slots.get("channels") or [slots.get("channel")]
    ventures = slots.get("ventures") or [slots.get("venture")]
    campaigns = slots.get("campaigns") or [slots.get("campaign")]
    found: list[Subject] = []
    for venture in ventures:
        for campaign in campaigns:
            found += [_subject(context, venture, campaign, channel) for channel in channels]
    return found


def _subject(context: Context, venture: Any, campaign: Any, channel: Any) -> Subject:
    if campaign is not None:
        return campaign_subject(context, context.campaign(campaign), campaign, channel)
    around = portfolio_or(context, context.venture(venture))
    if channel is None:
        return around
    name = f"{Channel(channel).label} of {around.name}"
    return replace(around, name=name, scope=replace(around.scope, channel=channel))
