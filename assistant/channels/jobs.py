"""Jobs over HTTP: how far they are, what they came to, and their end."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, Field

from assistant.channels.access import Asked
from assistant.channels.errors import Refused, documented
from assistant.channels.service import Here
from assistant.channels.strict import StrictRoute
from intents.command import Role
from storage import jobs
from storage.database import Database
from storage.jobs import Job
from storage.people import Person

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], route_class=StrictRoute)

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]+$", max_length=36)]


class JobState(BaseModel):
    """A job as it stands."""

    job_id: str
    command: str
    summary: str
    state: str = Field(description="waiting, running, done, failed or cancelled")
    progress: Decimal = Field(description="0 to 1")
    message: str
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    conversation_id: str | None
    reply: dict[str, Any] | None = Field(description="what it came to, in the shape of every reply")


def state_of(job: Job) -> JobState:
    """The job as it is shown."""
    return JobState(
        job_id=job.id,
        command=job.command,
        summary=job.summary,
        state=job.state,
        progress=job.progress,
        message=job.message,
        created_at=job.created_at,
        finished_at=job.finished_at,
        conversation_id=job.conversation_id,
        reply=job.reply,
    )


@router.get("", responses=documented(), operation_id="list_jobs")
def list_jobs(here: Here, asker: Asked) -> list[JobState]:
    """Your latest jobs; those of everybody for the chairman."""
    everybody = asker.person.role is Role.CHAIRMAN
    with here.assistant.database.read() as connection:
        found = jobs.latest(connection, user_id=None if everybody else asker.person.id)
    return [state_of(job) for job in found]


@router.get("/{job_id}", responses=documented(404), operation_id="show_job")
def show_job(job_id: JobId, here: Here, asker: Asked) -> JobState:
    """One job."""
    return state_of(own_job(here.assistant.database, job_id, asker.person))


@router.post("/{job_id}/cancel", responses=documented(404, 409), operation_id="cancel_job")
def cancel_job(job_id: JobId, here: Here, asker: Asked) -> JobState:
    """Ask for the end of a job; it ends at the next step of its work, and changes nothing then."""
    own_job(here.assistant.database, job_id, asker.person)
    with here.assistant.database.write() as connection:
        asked = jobs.ask_cancel(connection, job_id, here.assistant.clock())
    if not asked:
        raise Refused(409, "already_ended", "That job has ended already.", "Ask to undo it instead.")
    here.assistant.jobs.loop.wake()
    return state_of(own_job(here.assistant.database, job_id, asker.person))


def own_job(database: Database, job_id: str, person: Person) -> Job:
    """A job a person may see: their own, for the chairman anybody's. Raises `Refused`."""
    with database.read() as connection:
        found = jobs.job(connection, job_id)
    if found is None or (found.user_id != person.id and person.role is not Role.CHAIRMAN):
        raise Refused(404, "unknown_job", "There is no such job of yours.", "List the jobs.")
    return found
