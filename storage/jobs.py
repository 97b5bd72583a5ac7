"""Jobs: work that outlives a turn, each a row that one process at a time holds."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    and_,
    func,
    or_,
    select,
    update,
)

from storage.database import Json, Scaled, UtcDateTime, metadata

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
OPEN = (WAITING, RUNNING)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("command", String(60), nullable=False),
    Column("arguments", Json, nullable=False, comment="frozen: all the work needs to know"),
    Column("summary", Text, nullable=False, comment="what it does, as said to the person"),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("conversation_id", String(64)),
    Column("audit_id", ForeignKey("audit.id"), comment="the turn that asked for it"),
    Column("state", String(10), nullable=False, comment="waiting, running, done, failed or cancelled"),
    Column("progress", Scaled(4), nullable=False, comment="0 to 1"),
    Column("message", Text, nullable=False),
    Column("attempts", Integer, nullable=False, comment="how often it was begun"),
    Column("cancel_asked", UtcDateTime),
    Column("claimed_by", String(100)),
    Column("lease_until", UtcDateTime, comment="when it may be taken over"),
    Column("reply", Json, comment="what it came to"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index(None, "state", "created_at"),
    Index(None, "user_id", "created_at"),
)


@dataclass(frozen=True)
class NewJob:
    """Work to be done, frozen."""

    id: str
    command: str
    arguments: dict[str, Any]
    summary: str
    user_id: int
    channel: str
    conversation_id: str | None


@dataclass(frozen=True)
class Job:
    """A job as it stands."""

    id: str
    command: str
    arguments: dict[str, Any]
    summary: str
    user_id: int
    channel: str
    conversation_id: str | None
    state: str
    progress: Decimal
    message: str
    attempts: int
    cancel_asked: datetime | None
    claimed_by: str | None
    reply: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in OPEN


_COLUMNS = [jobs.c[name] for name in Job.__annotations__]


def _jobs() -> Select[Any]:
    return select(*_COLUMNS)


def start(connection: Connection, new: NewJob, now: datetime) -> None:
    """Write a job down; whoever runs jobs finds it once the transaction is committed."""
    values = {**asdict(new), "state": WAITING, "progress": 0, "message": "waiting", "attempts": 0}
    connection.execute(jobs.insert().values(**values, created_at=now))


def asked_in(connection: Connection, job_id: str, audit_id: int) -> None:
    """Note which turn asked for a job."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(audit_id=audit_id))


def job(connection: Connection, job_id: str) -> Job | None:
    """One job."""
    row = connection.execute(_jobs().where(jobs.c.id == job_id)).first()
    return None if row is None else Job(*row)


def latest(
    connection: Connection,
    *,
    user_id: int | None = None,
    conversation_id: str | None = None,
    only_open: bool = False,
    count: int = 20,
) -> list[Job]:
    """Jobs of everybody, a person or a conversation, the latest first."""
    query = _jobs().order_by(jobs.c.created_at.desc(), jobs.c.id).limit(count)
    if user_id is not None:
        query = query.where(jobs.c.user_id == user_id)
    if conversation_id is not None:
        query = query.where(jobs.c.conversation_id == conversation_id)
    if only_open:
        query = query.where(jobs.c.state.in_(OPEN))
    return [Job(*row) for row in connection.execute(query)]


def _free(now: datetime, only: str | None) -> Select[Any]:
    free = or_(jobs.c.state == WAITING, and_(jobs.c.state == RUNNING, jobs.c.lease_until < now))
    query = select(jobs.c.id).where(free).order_by(jobs.c.created_at, jobs.c.id).limit(1)
    return query if only is None else query.where(jobs.c.id == only)


def is_free(connection: Connection, now: datetime, only: str | None = None) -> bool:
    """Whether there is a job to take; asking takes no lock."""
    return connection.scalar(_free(now, only)) is not None


def claim(
    connection: Connection, by: str, now: datetime, lease_until: datetime, only: str | None = None
) -> Job | None:
    """Take the oldest job that waits, or whose holder let its lease run out; None when there is none.

    To be called in a write transaction; two callers never get the same job.
    """
    found = connection.scalar(_free(now, only).with_for_update(skip_locked=True))
    if found is None:
        return None
    connection.execute(
        update(jobs)
        .where(jobs.c.id == found)
        .values(state=RUNNING, claimed_by=by, lease_until=lease_until, attempts=jobs.c.attempts + 1)
    )
    return job(connection, found)


@dataclass(frozen=True)
class Held:
    """What a holder learns when it tells how far it is."""

    is_ours: bool
    cancel_asked: bool


def tell(
    connection: Connection, job_id: str, by: str, progress: Decimal, message: str, lease_until: datetime
) -> Held:
    """Renew the lease and tell how far the work is."""
    ours = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.claimed_by == by, jobs.c.state == RUNNING)
        .values(progress=progress, message=message, lease_until=lease_until)
        .returning(jobs.c.cancel_asked)
    ).first()
    return Held(ours is not None, ours is not None and ours[0] is not None)


def settle(
    connection: Connection, job_id: str, by: str, state: str, reply: dict[str, Any], now: datetime
) -> bool:
    """End a job; False when somebody else holds it by now, or it ended."""
    ended = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.claimed_by == by, jobs.c.state == RUNNING)
        .values(
            state=state,
            reply=reply,
            message=state,
            finished_at=now,
            progress=Decimal(1) if state == DONE else jobs.c.progress,
        )
    )
    return bool(ended.rowcount)


def give_back(connection: Connection, job_id: str, by: str) -> None:
    """Let others take a job that was begun but cannot be finished here and now."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.claimed_by == by, jobs.c.state == RUNNING)
        .values(state=WAITING, claimed_by=None, lease_until=None)
    )


def release(connection: Connection, holders: list[str]) -> int:
    """Give back everything held by processes that are known to be gone, and say how much."""
    freed = connection.execute(
        update(jobs)
        .where(jobs.c.state == RUNNING, jobs.c.claimed_by.in_(holders))
        .values(state=WAITING, claimed_by=None, lease_until=None)
    )
    return freed.rowcount


def holders(connection: Connection) -> list[str]:
    """Who holds running jobs."""
    query = select(jobs.c.claimed_by).where(jobs.c.state == RUNNING).distinct()
    return [one for one in connection.scalars(query) if one is not None]


def ask_cancel(connection: Connection, job_id: str, now: datetime) -> bool:
    """Ask for an end; False when there is nothing left to end. The holder ends a job that runs."""
    asked = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state.in_(OPEN))
        .values(cancel_asked=func.coalesce(jobs.c.cancel_asked, now))
    )
    return bool(asked.rowcount)
