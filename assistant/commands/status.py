"""How the assistant itself is."""

from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import version

from pydantic import AwareDatetime, BaseModel

from assistant import wording
from assistant.handling import Context, handles
from assistant.reply import Answer, Telling
from intents.command import Command
from storage import outbox
from storage.audit import last_at
from storage.jobs import latest
from storage.performance import Scope, latest_day


class JobStatus(BaseModel):
    """Work in the background."""

    job_id: str
    summary: str
    state: str
    progress: Decimal
    """0 to 1."""
    message: str


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
    )
    fresh = f"Data reach to {wording.day(until)}." if until else "There are no performance data yet."
    text = f"Operational: {result.ventures} ventures, {result.campaigns} campaigns. {fresh}"
    for job in result.jobs:
        text += f"\nUnder way: {job.summary}, {round(job.progress * 100)} % ({job.message})."
    lost = result.notices.get(outbox.FAILED)
    if lost:
        text += f"\n{lost} {'notice' if lost == 1 else 'notices'} could not be delivered."
    return Answer(result=result, telling=Telling(text=text, speech=text))
