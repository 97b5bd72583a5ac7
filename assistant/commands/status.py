"""How the assistant itself is."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version

from pydantic import AwareDatetime, BaseModel

from assistant import wording
from assistant.alerting import OPEN_DAYS
from assistant.handling import Context, handles
from assistant.reply import Answer, Telling
from intents.command import Command
from storage import alerts, outbox
from storage.audit import last_at
from storage.jobs import latest
from storage.performance import Scope, latest_day
from storage.spending import month_of, spent

LANGUAGE_MODEL = "language_model"
MOST_ALERTS = 3
"""Alerts told with the status; the list has them all."""


class JobStatus(BaseModel):
    """Work in the background."""

    job_id: str
    summary: str
    state: str
    progress: Decimal
    """0 to 1."""
    message: str


class ReaderCost(BaseModel):
    """What a reader that is paid for took this month."""

    reader: str
    model: str
    month: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost: Decimal
    """USD; calls under way or cut off count with the most they can cost."""
    monthly_limit: Decimal


class OpenAlert(BaseModel):
    """Something somebody should look at."""

    number: int
    kind: str
    told: str


class VoiceStatus(BaseModel):
    """What the assistant hears and speaks with."""

    ears: str | None
    """The engine that hears: whisper, endpoint or embedded."""
    hears: str
    """What it understands, in words."""
    mouth: str | None
    """The engine that speaks: espeak, piper or endpoint."""
    notes: list[str]
    """Why an engine of the settings is not in use."""


class ServiceStatus(BaseModel):
    """Whether the assistant works, and how fresh what it knows is."""

    status: str
    last_updated: AwareDatetime
    """When something last happened: the latest turn, else now."""
    version: str
    ventures: int
    campaigns: int
    data_until: date | None
    """Latest day with performance data."""
    jobs: list[JobStatus] = []
    """What is under way in the background, the latest first."""
    notices: dict[str, int] = {}
    """Notices to others by state: requested, confirmed, failed."""
    alerts: list[OpenAlert] = []
    """That are open, neither acknowledged nor snoozed; unusual days and broken trackers among them."""
    reader_costs: list[ReaderCost] = []
    """Of readers that are paid for, where there are any."""
    voice: VoiceStatus | None = None


class ShowStatus(Command):
    """Tells whether the assistant works and how fresh its data are."""

    examples = ("status", "are you working")


@handles
def show_status(asked: ShowStatus, context: Context) -> Answer[ServiceStatus]:
    """Look at the database through the same connection every answer uses."""
    del asked
    updated: datetime = last_at(context.connection) or context.now
    until = latest_day(context.connection, Scope(), context.today)
    result = ServiceStatus(
        status="operational",
        last_updated=updated,
        version=version("gtm-assistant"),
        ventures=len(context.names.labels("venture")),
        campaigns=len(context.names.labels("campaign")),
        data_until=until,
        jobs=[
            JobStatus(
                job_id=job.id,
                summary=job.summary,
                state=job.state,
                progress=job.progress,
                message=job.message,
            )
            for job in latest(context.connection, only_open=True)
        ],
        notices=outbox.counts(context.connection),
        alerts=_alerts(context),
        reader_costs=_reader_costs(context),
        voice=_voice(context),
    )
    fresh = f"Data reach to {wording.day(until)}." if until else "There are no performance data yet."
    text = f"Operational: {result.ventures} ventures, {result.campaigns} campaigns. {fresh}"
    if result.alerts:
        noun = "alert is" if len(result.alerts) == 1 else "alerts are"
        text += f"\n{len(result.alerts)} {noun} open."
        text += "".join(f"\n{one.number}: {one.told}" for one in result.alerts[:MOST_ALERTS])
    for job in result.jobs:
        text += f"\nUnder way: {job.summary}, {round(job.progress * 100)} % ({job.message})."
    lost = result.notices.get(outbox.FAILED)
    if lost:
        text += f"\n{lost} {'notice' if lost == 1 else 'notices'} could not be delivered."
    for one in result.reader_costs:
        took, most = (wording.money(amount, "USD") for amount in (one.cost, one.monthly_limit))
        text += f"\nThe language model {one.model} took {took} of {most} this month."
    speech = text
    if result.voice is not None:
        text += f"\n{_told_of(result.voice)}"
    return Answer(result=result, telling=Telling(text=text, speech=speech))


def _alerts(context: Context) -> list[OpenAlert]:
    since = context.now - timedelta(days=OPEN_DAYS)
    return [
        OpenAlert(number=one.id, kind=one.kind, told=one.told)
        for one in alerts.open_alerts(context.connection, since)
        if one.acknowledged_at is None and not one.sleeps(context.now)
    ]


def _voice(context: Context) -> VoiceStatus | None:
    facts = context.voice()
    if facts is None:
        return None
    return VoiceStatus(ears=facts.ears, hears=facts.told, mouth=facts.mouth, notes=list(facts.notes))


def _told_of(voice: VoiceStatus) -> str:
    ears = f"Ears: {voice.ears}, {voice.hears}." if voice.ears else "Nothing is heard."
    mouth = f"Mouth: {voice.mouth}." if voice.mouth else "Nothing is spoken."
    return "\n".join([f"{ears} {mouth}", *voice.notes])


def _reader_costs(context: Context) -> list[ReaderCost]:
    terms, month = context.settings.understanding.language_model, month_of(context.now)
    if terms.model is None:
        return []
    took = spent(context.connection, month, LANGUAGE_MODEL)
    return [
        ReaderCost(
            reader=LANGUAGE_MODEL,
            model=terms.model,
            month=month,
            calls=took.calls,
            input_tokens=took.input_tokens,
            output_tokens=took.output_tokens,
            cost=took.cost,
            monthly_limit=terms.monthly_limit,
        )
    ]
