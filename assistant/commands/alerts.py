"""Alerts: what somebody should look at, putting it off, and the levels that are watched."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from assistant import coming, wording
from assistant.alerting import OPEN_DAYS
from assistant.handling import Context, handles
from assistant.reply import Action, Answer, Button, Column, Evidence, Listed, Problem, Table, Telling
from assistant.reporting import Subject
from assistant.watched import Reading, read_level, subject_of
from engines.metrics import METRICS, Unit
from intents.command import Command, Effect, Role
from intents.slots import (
    AlertNumber,
    CampaignName,
    ComingPeriod,
    ComparisonName,
    Everything,
    Level,
    LevelSlot,
    MetricName,
    PeriodSlot,
    SpanCount,
    SpanName,
    VentureName,
)
from storage import alerts, people
from storage.changes import RowChange, added, changed
from storage.thresholds import Threshold, all_thresholds, same_place

SHOWN = 10
"""Alerts told in one answer; the table has them all."""

PLACES = Decimal("0.000001")
"""A level is kept to a millionth."""


class AlertRow(BaseModel):
    """An alert and how it stands."""

    number: int
    kind: str
    told: str
    raised_at: datetime
    state: str
    """open, acknowledged or snoozed."""
    until: datetime | None = None
    """When a snoozed one comes back."""
    acknowledged_by: str | None = None

    @property
    def headline(self) -> str:
        """Its first line: enough to know whether to look closer."""
        return self.told.partition("\n")[0]


class LevelRow(BaseModel):
    """A level that is watched."""

    subject: str
    metric: str
    comparison: str
    value: Decimal
    currency: str
    days: int
    venture: str | None
    campaign: str | None

    @property
    def shown(self) -> str:
        """The level as people read it."""
        return wording.metric(self.metric, self.value, self.currency)

    @property
    def named(self) -> dict[str, str]:
        """The slots that mean it and no other."""
        names = {"metric": self.metric, "venture": self.venture, "campaign": self.campaign}
        return {name: value for name, value in names.items() if value is not None}


class AlertList(BaseModel):
    """What is open, and what is watched."""

    alerts: list[AlertRow]
    levels: list[LevelRow]


class ListAlerts(Command):
    """Lists what somebody should look at, and the levels that are watched."""

    examples = ("list the alerts", "which alerts are open for Acme")

    alert: AlertNumber | None = Field(None, description="Which alert?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")


@handles
def list_alerts(asked: ListAlerts, context: Context) -> Answer[AlertList]:
    """Tell what is open, what waits to come back, and which levels are watched."""
    if asked.alert is not None:
        return _one_told(_numbered(asked.alert, context), context)
    about = _About(asked.venture, asked.campaign, context)
    rows = [_row(one, context) for one in about.open()]
    rows.sort(key=lambda row: row.state != "open")
    found = [one for one in all_thresholds(context.connection) if about.covers(one)]
    levels = [_level_row(one, context) for one in found]
    return Answer(
        result=AlertList(alerts=rows, levels=levels),
        telling=Telling(
            text=_told(rows, levels, about.name),
            speech=_aloud(rows, about.name),
            table=_table(rows, context) if rows else None,
            buttons=_buttons(rows),
            evidence=_evidence(about.open()),
            listed=[
                Listed(label=row.headline, command="list_alerts", slots={"alert": row.number}) for row in rows
            ],
        ),
    )


class _About:
    """The venture or campaign that alerts are asked for; everything where none is named."""

    def __init__(self, venture: str | None, campaign: str | None, context: Context) -> None:
        owner = context.venture(venture)
        found = None if campaign is None else context.campaign(campaign, owner)
        self.campaign_id = None if found is None else found.id
        self.venture_id = None if owner is None or found is not None else owner.id
        self.name = campaign or venture
        self._context = context

    def open(self) -> list[alerts.Alert]:
        """Its open alerts, the latest first."""
        return alerts.open_alerts(
            self._context.connection,
            self._context.now - timedelta(days=OPEN_DAYS),
            venture_id=self.venture_id,
            campaign_id=self.campaign_id,
        )

    def covers(self, one: Threshold) -> bool:
        """Whether a level is about it."""
        if self.campaign_id is not None:
            return one.campaign_id == self.campaign_id
        return self.venture_id is None or one.venture_id == self.venture_id


def _row(one: alerts.Alert, context: Context) -> AlertRow:
    state, until = "open", None
    if one.sleeps(context.now):
        state, until = "snoozed", one.snoozed_until
    elif one.acknowledged_at is not None:
        state = "acknowledged"
    by = None if one.acknowledged_by is None else people.person(context.connection, one.acknowledged_by)
    return AlertRow(
        number=one.id,
        kind=one.kind,
        told=one.told,
        raised_at=one.raised_at,
        state=state,
        until=until,
        acknowledged_by=None if by is None else by.name,
    )


def _level_row(one: Threshold, context: Context) -> LevelRow:
    try:
        label = subject_of(context, one)[1]
    except Problem:
        label = wording.NOTHING
    return LevelRow(
        subject=label,
        metric=one.metric,
        comparison=one.comparison,
        value=one.value,
        currency=one.currency,
        days=one.days,
        venture=None if one.campaign_id else context.labels("venture").get(one.venture_id or 0),
        campaign=context.labels("campaign").get(one.campaign_id or 0),
    )


def _level_told(one: LevelRow) -> str:
    return f"{METRICS[one.metric].label} of {one.subject} {one.comparison} {one.shown} over {_days(one.days)}"


def _days(count: int) -> str:
    return "a day" if count == 1 else f"{count} days"


def _told(rows: list[AlertRow], levels: list[LevelRow], name: str | None) -> str:
    of = f" for {name}" if name else ""
    news = [row for row in rows if row.state == "open"]
    lines = [f"{_count(len(news), 'open alert')}{of}." if news else f"No alert is open{of}."]
    lines += [f"{row.number}: {row.headline}" for row in news[:SHOWN]]
    if len(news) > SHOWN:
        lines.append(f"And {len(news) - SHOWN} more.")
    for state in ("acknowledged", "snoozed"):
        numbers = [str(row.number) for row in rows if row.state == state]
        if numbers:
            lines.append(f"{wording.sentence(state)}: {wording.listed(numbers)}.")
    if levels:
        lines.append(f"Watched: {'; '.join(_level_told(one) for one in levels)}.")
    return "\n".join(lines)


def _aloud(rows: list[AlertRow], name: str | None) -> str:
    news = [row for row in rows if row.state == "open"]
    of = f" for {name}" if name else ""
    if not news:
        return f"No alert is open{of}."
    first = f"Alert {news[0].number}: {news[0].headline}"
    return first if len(news) == 1 else f"{_count(len(news), 'open alert')}{of}. The latest, {first}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _table(rows: list[AlertRow], context: Context) -> Table:
    zone = ZoneInfo(context.person.time_zone)
    return Table(
        title="Alerts",
        columns=[
            Column(key="number", label="Alert", numeric=True),
            Column(key="state", label="State"),
            Column(key="told", label="What"),
            Column(key="since", label="Since"),
        ],
        rows=[
            [
                str(row.number),
                f"snoozed until {wording.moment(row.until, zone)}" if row.until else row.state,
                row.headline,
                wording.moment(row.raised_at, zone),
            ]
            for row in rows
        ],
    )


def _buttons(rows: list[AlertRow]) -> list[Button]:
    first = next((row.number for row in rows if row.state == "open"), None)
    if first is None:
        return []
    return [
        Button(label=f"Acknowledge {first}", say=f"acknowledge alert {first}"),
        Button(label=f"Snooze {first}", say=f"snooze alert {first} until tomorrow"),
    ]


def _evidence(found: list[alerts.Alert]) -> list[Evidence]:
    return [Evidence.model_validate(piece) for one in found for piece in one.evidence or ()]


def _one_told(one: alerts.Alert, context: Context) -> Answer[AlertList]:
    row, zone = _row(one, context), ZoneInfo(context.person.time_zone)
    stands = f"snoozed until {wording.moment(row.until, zone)}" if row.until else row.state
    by = f" by {row.acknowledged_by}" if row.acknowledged_by else ""
    over = f" It was over on {wording.moment(one.closed_at, zone)}." if one.closed_at else ""
    text = f"Alert {one.id}: {one.told}\nRaised {wording.moment(one.raised_at, zone)}, {stands}{by}.{over}"
    return Answer(
        result=AlertList(alerts=[row], levels=[]),
        telling=Telling(
            text=text,
            speech=f"Alert {one.id}: {row.headline}",
            buttons=[] if one.closed_at else _buttons([row]),
            evidence=_evidence([one]),
        ),
    )


def _numbered(number: int, context: Context) -> alerts.Alert:
    found = alerts.alert(context.connection, number)
    if found is None:
        raise Problem("unknown_alert", f"There is no alert {number}.", "List the alerts.")
    return found


class AlertsChanged(BaseModel):
    """Alerts that were acknowledged or put off."""

    alerts: list[int]
    state: str
    until: datetime | None = None


class AcknowledgeAlert(Command):
    """Notes that an alert was seen: it is told and escalated no more while it lasts."""

    effect = Effect.RECORD
    role = Role.OPERATOR
    examples = ("acknowledge alert 3", "acknowledge all alerts")

    alert: AlertNumber | None = Field(None, description="Which alert?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")
    every: Everything | None = Field(None, description="All of them?")


@handles
def acknowledge_alert(asked: AcknowledgeAlert, context: Context) -> Answer[AlertsChanged]:
    """Note who saw it, and when."""
    chosen = _chosen(asked, context, lambda one: one.acknowledged_at is None, "acknowledge alert {}")
    if asked.alert is not None and chosen[0].acknowledged_at is not None:
        raise Problem("acknowledged_already", f"Alert {asked.alert} is acknowledged already.")
    done = f"Acknowledged {_named(chosen)}."
    return Answer(
        result=AlertsChanged(alerts=[one.id for one in chosen], state="acknowledged"),
        telling=Telling(
            text=f"{done} {chosen[0].headline}" if len(chosen) == 1 else done,
            speech=done,
            buttons=[Button(label="Undo", say="undo that")],
        ),
        action=Action(
            summary=f"acknowledge {_named(chosen)}",
            done=done,
            changes=[
                changed(
                    "alerts",
                    one.id,
                    acknowledged_at=(None, context.now),
                    acknowledged_by=(None, context.person.id),
                )
                for one in chosen
            ],
            kind="campaign",
        ),
    )


def _chosen(
    asked: "AcknowledgeAlert | SnoozeAlert",
    context: Context,
    wanted: Callable[[alerts.Alert], bool],
    say: str,
) -> list[alerts.Alert]:
    """The alerts meant: of a number, all of a thing, or the only one there is. Raises `Problem`.

    ``say`` is what asks the same for the number in its braces.
    """
    if asked.alert is not None:
        one = _numbered(asked.alert, context)
        if one.closed_at is not None:
            raise Problem("alert_over", f"Alert {one.id} is over already.", "List the alerts.")
        return [one]
    about = _About(asked.venture, asked.campaign, context)
    found = [one for one in about.open() if wanted(one)]
    if about.name is None and not asked.every:
        found = [one for one in found if one.id == _looked_at(context)] or found
    if not found:
        of = f" for {about.name}" if about.name else ""
        raise Problem("nothing_open", f"No alert is open{of} that nobody has dealt with.")
    if len(found) > 1 and not asked.every:
        told = " ".join(f"{one.id}, {one.headline}" for one in found[:SHOWN])
        raise Problem(
            "ambiguous_alert",
            f"{len(found)} alerts are open: {told}",
            f"Say “{say.format(found[0].id)}”, or all of them.",
            choices=[say.format(one.id) for one in found[:SHOWN]],
        )
    return found


_ABOUT_ALERTS = ("list_alerts", "acknowledge_alert", "snooze_alert")


def _looked_at(context: Context) -> int | None:
    """The alert the conversation has just been about: what "it" means."""
    memory = context.memory
    number = memory.slots.get("alert") if memory.command in _ABOUT_ALERTS else None
    return number if isinstance(number, int) else None


def _named(chosen: list[alerts.Alert]) -> str:
    numbers = [str(one.id) for one in chosen]
    return f"alert{'' if len(chosen) == 1 else 's'} {wording.listed(numbers)}"


class SnoozeAlert(Command):
    """Puts an alert off until a day, or for a while."""

    effect = Effect.RECORD
    role = Role.OPERATOR
    examples = ("snooze it until Monday", "snooze alert 3 for two hours")
    may_be_negated = True

    alert: AlertNumber | None = Field(None, description="Which alert?")
    until: ComingPeriod | None = Field(None, description="Until when?")
    count: SpanCount | None = Field(None, description="For how long?")
    span: SpanName | None = Field(None, description="Hours, days, weeks or months?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")
    every: Everything | None = Field(None, description="All of them?")


@handles
def snooze_alert(asked: SnoozeAlert, context: Context) -> Answer[AlertsChanged]:
    """Put it off; then it is told again, if its cause still lasts."""
    until, note = coming.until(asked.until, asked.count, asked.span, context), ""
    if until is None:
        until, note = coming.tomorrow(context), " No time was said: until tomorrow."
    when = wording.moment(until, ZoneInfo(context.person.time_zone))
    chosen = _chosen(asked, context, lambda one: not one.sleeps(context.now), _again(asked, when))
    done = f"Snoozed {_named(chosen)} until {when}.{note}"
    return Answer(
        result=AlertsChanged(alerts=[one.id for one in chosen], state="snoozed", until=until),
        telling=Telling(text=done, speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"snooze {_named(chosen)} until {when}",
            done=done,
            changes=[
                changed(
                    "alerts",
                    one.id,
                    snoozed_until=(one.snoozed_until, until),
                    # Whoever puts it off wants to hear of it then.
                    notified_at=(one.notified_at, None),
                    escalated_at=(one.escalated_at, None),
                    acknowledged_at=(one.acknowledged_at, None),
                    acknowledged_by=(one.acknowledged_by, None),
                )
                for one in chosen
            ],
            kind="campaign",
        ),
    )


def _again(asked: SnoozeAlert, when: str) -> str:
    """How the same is said with a number."""
    if asked.span is None:
        return f"snooze alert {{}} until {when}"
    count = asked.count or 1
    return f"snooze alert {{}} for {count} {asked.span}{'' if count == 1 else 's'}"


class AlertSet(BaseModel):
    """A level that is watched from now on."""

    level: LevelRow
    before: Decimal | None
    """The level so far; None where there was none."""
    now: Decimal | None
    """What the metric is now."""


class SetAlert(Command):
    """Watches a metric, and raises an alert when it crosses a level."""

    effect = Effect.RECORD
    role = Role.OPERATOR
    examples = (
        "tell me when the CAC of Acme goes above 120",
        "alert me if ROAS of Spring Launch drops under 2",
    )

    metric: MetricName = Field(description="Which metric shall I watch?")
    value: LevelSlot = Field(description="At which level?")
    comparison: ComparisonName | None = Field(None, description="Above or below that?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")
    period: PeriodSlot | None = Field(None, description="Measured over how many days?")

    def asks_for(self) -> str | None:
        """Which side of the level, where the words do not tell it."""
        return "comparison" if self.comparison is None and self.value.side is None else None


@handles
def set_alert(asked: SetAlert, context: Context) -> Answer[AlertSet]:
    """Watch a level, in place of the one on the same side; tell how the metric stands now."""
    side = asked.comparison or asked.value.side or ""
    if asked.value.side not in (None, side):
        raise Problem("contradictory_slots", f"You said {side} and {asked.value.side}.", "Say one of them.")
    venture = context.venture(asked.venture)
    campaign = None if asked.campaign is None else context.campaign(asked.campaign, venture)
    venture_id = campaign.venture_id if campaign else venture.id if venture else None
    campaign_id = None if campaign is None else campaign.id
    days = context.settings.alerts.days if asked.period is None else asked.period.days
    draft = Threshold(0, venture_id, campaign_id, asked.metric, side, Decimal(0), "", days, 1)
    subject, label = subject_of(context, draft)
    value, note = _level_of(asked.metric, asked.value, subject)
    known = same_place(context.connection, venture_id, campaign_id, asked.metric, side)
    if known is None:
        change = added(
            "thresholds",
            venture_id=venture_id,
            campaign_id=campaign_id,
            metric=asked.metric,
            comparison=side,
            value=value,
            currency=subject.currency,
            days=days,
            version=1,
        )
    else:
        change = changed(
            "thresholds",
            known.id,
            value=(known.value, value),
            days=(known.days, days),
            currency=(known.currency, subject.currency),
        )
    row = LevelRow(
        subject=label,
        metric=asked.metric,
        comparison=side,
        value=value,
        currency=subject.currency,
        days=days,
        venture=None if asked.campaign is not None else asked.venture,
        campaign=asked.campaign,
    )
    reading = read_level(context, subject, asked.metric, days)
    shown = wording.metric(asked.metric, value, subject.currency)
    done = f"I tell you when the {METRICS[asked.metric].label} of {label} is {side} {shown}"
    done += f" over {'the last full day' if days == 1 else f'the last {days} full days'}."
    before = ""
    if known is not None:
        before = f" Until now it was {wording.metric(asked.metric, known.value, known.currency)}."
    return Answer(
        result=AlertSet(level=row, before=None if known is None else known.value, now=reading.value),
        telling=Telling(
            text=f"{done}{note}{before} {_stands(reading, draft, value)}",
            speech=f"{done} {_stands(reading, draft, value)}",
            buttons=[Button(label="Undo", say="undo that")],
            evidence=list(reading.evidence),
        ),
        action=Action(
            summary=f"watch {_level_told(row)}",
            done=done,
            changes=[change],
            kind="campaign",
            venture_id=venture_id,
            campaign_id=campaign_id,
        ),
    )


def _stands(reading: Reading, draft: Threshold, value: Decimal) -> str:
    if reading.value is None:
        return reading.why
    above = draft.comparison == "above"
    crossed = reading.value > value if above else reading.value < value
    already = f", {draft.comparison} it already" if crossed else ""
    return f"It is {reading.shown} over {reading.over}{already}."


_WHOLE = ("spend", "revenue", "profit")
"""Money that is a sum: a level below one unit of it is a slip."""


def _level_of(metric: str, said: Level, subject: Subject) -> tuple[Decimal, str]:
    """The level in the metric's own unit, and a note on how it was read. Raises `Problem` for another."""
    about, number, note = METRICS[metric], said.number, ""
    is_money = said.unit not in (None, "percent")
    if about.unit is Unit.MONEY:
        if said.unit == "percent" or (metric in _WHOLE and 0 < abs(number) < 1):
            raise _wrong_unit(about.label, "an amount of money")
        if is_money and said.unit != subject.currency:
            raise Problem(
                "other_currency",
                f"{about.label} of {subject.name} is in {subject.currency}, not {said.unit}.",
                f"Say the level in {subject.currency}.",
            )
    elif is_money:
        raise _wrong_unit(about.label, "no amount of money")
    elif about.unit is Unit.PERCENT:
        if said.unit is None and abs(number) > 1:
            number, note = number / 100, f" I read {number.normalize():f} as percent."
    elif said.unit == "percent" and about.unit is not Unit.RATIO:
        raise _wrong_unit(about.label, "a number")
    return number.quantize(PLACES), note


def _wrong_unit(label: str, what: str) -> Problem:
    return Problem(
        "wrong_unit",
        f"{label} is {what}. I watch levels; days that differ from what is usual are told anyway.",
        "Say the level itself.",
    )


class AlertsDeleted(BaseModel):
    """Levels that are watched no longer."""

    levels: list[LevelRow]


class DeleteAlert(Command):
    """Stops watching a level that an alert was set for."""

    effect = Effect.RECORD
    role = Role.OPERATOR
    may_be_negated = True
    examples = ("delete the CAC alert of Acme", "stop alerting me about ROAS")

    alert: AlertNumber | None = Field(None, description="Which alert?")
    metric: MetricName | None = Field(None, description="Of which metric?")
    venture: VentureName | None = Field(None, description="Of which venture?")
    campaign: CampaignName | None = Field(None, description="Of which campaign?")
    every: Everything | None = Field(None, description="All of them?")


@handles
def delete_alert(asked: DeleteAlert, context: Context) -> Answer[AlertsDeleted]:
    """Forget one level, or all that are meant where that was said."""
    found = _meant(asked, context)
    rows = [_level_row(one, context) for one in found]
    if not found:
        raise Problem("no_such_alert", "No such level is watched.", "List the alerts.")
    if len(found) > 1 and not asked.every:
        raise Problem(
            "ambiguous_alert",
            f"{len(found)} levels are watched: {'; '.join(_level_told(one) for one in rows)}.",
            "Say which metric of what, or all of them.",
            choices=[f"delete the {METRICS[one.metric].label} alert of {one.subject}" for one in rows],
        )
    told = wording.listed([_level_told(one) for one in rows])
    done = f"I no longer watch {told}."
    return Answer(
        result=AlertsDeleted(levels=rows),
        telling=Telling(text=done, speech=done, buttons=[Button(label="Undo", say="undo that")]),
        action=Action(
            summary=f"stop watching {told}",
            done=done,
            changes=[_removed(one) for one in found],
            kind="campaign",
        ),
    )


def _meant(asked: DeleteAlert, context: Context) -> list[Threshold]:
    everything = all_thresholds(context.connection, metric=asked.metric)
    if asked.alert is not None:
        one = _numbered(asked.alert, context)
        if one.kind != alerts.THRESHOLD:
            raise Problem(
                "not_set_by_anybody",
                f"Nobody set alert {one.id}: it was found in the figures.",
                f"Say “acknowledge alert {one.id}” or “snooze alert {one.id} for a week”.",
            )
        return [level for level in everything if level.cause == one.cause]
    about = _About(asked.venture, asked.campaign, context)
    found = [one for one in everything if about.covers(one)]
    whole = [one for one in found if one.campaign_id is None]
    # "The CAC alert of Acme" is the venture's own, if it has one.
    return whole if about.venture_id is not None and len(whole) == 1 and not asked.every else found


def _removed(one: Threshold) -> RowChange:
    columns = {name: getattr(one, name) for name in Threshold.__annotations__ if name != "id"}
    return RowChange(table="thresholds", row_id=one.id, before=added("thresholds", **columns).after)
