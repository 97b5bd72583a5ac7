"""Slack: who its users are, what it sent us to act on, and which messages of ours show what."""

from dataclasses import dataclass
from datetime import datetime
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
    UniqueConstraint,
    and_,
    delete,
    exists,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Json, Key, UtcDateTime, metadata
from storage.people import Person, person

slack_people = Table(
    "slack_people",
    metadata,
    Column("slack_id", String(30), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("linked_at", UtcDateTime, nullable=False),
    Index(None, "user_id"),
)

slack_events = Table(
    "slack_events",
    metadata,
    Column("id", Key, primary_key=True),
    Column(
        "event_id", String(200), nullable=False, unique=True, comment="what is delivered again has it again"
    ),
    Column("kind", String(10), nullable=False, comment="event, press, view or command"),
    Column("line", String(80), nullable=False, comment="what is done in order: all that one person does"),
    Column("said_at", String(30), nullable=False, comment="Slack's own time stamp"),
    Column("body", Json, comment="what Slack sent; gone once it is done"),
    Column("progress", Json, nullable=False, comment="what of the answer was sent already"),
    Column("state", String(10), nullable=False, comment="waiting, running, done or failed"),
    Column("attempts", Integer, nullable=False),
    Column("claimed_by", String(100)),
    Column("lease_until", UtcDateTime, comment="when it may be taken over"),
    Column("next_attempt_at", UtcDateTime),
    Column("problem", Text),
    Column("received_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    Index(None, "state", "line"),
    Index(None, "settled_at"),
)

slack_messages = Table(
    "slack_messages",
    metadata,
    Column("id", Key, primary_key=True),
    Column("subject", String(60), nullable=False, comment="what it shows: proposal:3, alert:7"),
    Column("channel", String(30), nullable=False),
    Column("ts", String(30), nullable=False, comment="Slack's name of the message in its channel"),
    Column("text", Text, nullable=False),
    Column("blocks", Json, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    UniqueConstraint("channel", "ts"),
    Index(None, "subject"),
)

slack_homes = Table(
    "slack_homes",
    metadata,
    Column("slack_id", String(30), primary_key=True),
    Column("shown", String(64), nullable=False, comment="SHA-256 of the blocks shown last"),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("looked_at", UtcDateTime, comment="when somebody last saw to it that it is up to date"),
)

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
OPEN = (WAITING, RUNNING)


@dataclass(frozen=True)
class Incoming:
    """Something Slack sent that is to be acted on, once."""

    event_id: str
    kind: str
    line: str
    said_at: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """The same in the hands of a worker."""

    id: int
    event_id: str
    kind: str
    body: dict[str, Any]
    progress: dict[str, Any]
    attempts: int
    """This one included."""
    received_at: datetime


@dataclass(frozen=True)
class Shown:
    """A message of ours in Slack."""

    subject: str
    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]


@dataclass(frozen=True)
class Home:
    """A home page that somebody has opened."""

    slack_id: str
    shown: str


_EVENT = [slack_events.c[name] for name in Event.__annotations__]
_SHOWN = [slack_messages.c[name] for name in Shown.__annotations__]


def link(connection: Connection, slack_id: str, user_id: int, now: datetime) -> None:
    """A Slack user is a person from now on, whoever it was before."""
    values = {"user_id": user_id, "linked_at": now}
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(
        insert(slack_people)
        .values(slack_id=slack_id, **values)
        .on_conflict_do_update(index_elements=["slack_id"], set_=values)
    )


def unlink(connection: Connection, slack_id: str) -> bool:
    """A Slack user is nobody we know any longer; False when it was nobody before."""
    return bool(connection.execute(delete(slack_people).where(slack_people.c.slack_id == slack_id)).rowcount)


def linked(connection: Connection) -> list[tuple[str, int]]:
    """Every Slack user with the person it is."""
    query = select(slack_people.c.slack_id, slack_people.c.user_id).order_by(slack_people.c.slack_id)
    return [(slack_id, user_id) for slack_id, user_id in connection.execute(query)]


def person_of(connection: Connection, slack_id: str) -> Person | None:
    """The active person a Slack user is."""
    user_id = connection.scalar(select(slack_people.c.user_id).where(slack_people.c.slack_id == slack_id))
    return None if user_id is None else person(connection, user_id)


def slack_id_of(connection: Connection, user_id: int) -> str | None:
    """The Slack user a person is; of several the one linked last."""
    query = select(slack_people.c.slack_id).where(slack_people.c.user_id == user_id)
    return connection.scalar(query.order_by(slack_people.c.linked_at.desc()).limit(1))


def receive(connection: Connection, new: Incoming, now: datetime) -> bool:
    """Write something down that is to be acted on; False when it was written down before."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    written = connection.execute(
        insert(slack_events)
        .values(
            event_id=new.event_id,
            kind=new.kind,
            line=new.line,
            said_at=new.said_at,
            body=new.body,
            progress={},
            state=WAITING,
            attempts=0,
            received_at=now,
        )
        .on_conflict_do_nothing(index_elements=["event_id"])
    )
    return bool(written.rowcount)


def _free(now: datetime) -> Select[Any]:
    """What may be acted on: of each line what was said first, where nothing of the line is in hand."""
    row, other = slack_events.c, slack_events.alias("other")
    is_before = or_(other.c.said_at < row.said_at, and_(other.c.said_at == row.said_at, other.c.id < row.id))
    in_hand = and_(other.c.state == RUNNING, other.c.id != row.id)
    blocked = exists().where(
        other.c.line == row.line,
        or_(in_hand, and_(other.c.state == WAITING, other.c.id != row.id, is_before)),
    )
    is_time = or_(row.next_attempt_at.is_(None), row.next_attempt_at <= now)
    is_free = or_(and_(row.state == WAITING, is_time), and_(row.state == RUNNING, row.lease_until < now))
    return select(row.id).where(is_free, ~blocked).order_by(row.id).limit(1)


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether there is something to act on; asking takes no lock."""
    return connection.scalar(_free(now)) is not None


def claim(connection: Connection, by: str, now: datetime, lease_until: datetime) -> Event | None:
    """Take what is next; nobody else gets it until it is settled or the lease runs out.

    To be called in a write transaction; two callers never get the same, nor two of one line.
    """
    if connection.dialect.name != "sqlite":
        # Who claims must see what others claimed of the same line: claims take turns.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CLAIMS})")
    found = connection.scalar(_free(now))
    if found is None:
        return None
    row = slack_events.c
    connection.execute(
        update(slack_events)
        .where(row.id == found)
        .values(state=RUNNING, claimed_by=by, lease_until=lease_until, attempts=row.attempts + 1)
    )
    return Event(*connection.execute(select(*_EVENT).where(row.id == found)).one())


_CLAIMS = 7_313_001
"""The number of the lock that claims of Slack's events take on PostgreSQL."""


def note(connection: Connection, event: Event, by: str, progress: dict[str, Any]) -> bool:
    """Note what of the answer was sent; False when somebody else has the event by now."""
    noted = connection.execute(_held(event, by).values(progress=progress))
    return bool(noted.rowcount)


def settle(
    connection: Connection, event: Event, by: str, state: str, problem: str | None, now: datetime
) -> None:
    """It was acted on, or cannot be; what Slack sent is not kept any longer."""
    over = {"state": state, "problem": problem, "settled_at": now, "body": null(), "lease_until": None}
    connection.execute(_held(event, by).values(**over))


def retry(connection: Connection, event: Event, by: str, at: datetime, problem: str) -> None:
    """Act on it again at a later time."""
    again = {"state": WAITING, "claimed_by": None, "lease_until": None, "next_attempt_at": at}
    connection.execute(_held(event, by).values(**again, problem=problem))


def _held(event: Event, by: str) -> Any:
    row = slack_events.c
    return update(slack_events).where(row.id == event.id, row.claimed_by == by, row.state == RUNNING)


def holders(connection: Connection) -> list[str]:
    """Who has events in hand."""
    query = select(slack_events.c.claimed_by).where(slack_events.c.state == RUNNING).distinct()
    return [one for one in connection.scalars(query) if one is not None]


def release(connection: Connection, gone: list[str]) -> int:
    """Give back everything in the hands of processes that are no more, and say how much."""
    row = slack_events.c
    freed = connection.execute(
        update(slack_events)
        .where(row.state == RUNNING, row.claimed_by.in_(gone))
        .values(state=WAITING, claimed_by=None, lease_until=None)
    )
    return freed.rowcount


def forget(connection: Connection, before: datetime) -> int:
    """Forget what was settled before a moment: Slack delivers nothing again after so long."""
    return connection.execute(delete(slack_events).where(slack_events.c.settled_at < before)).rowcount


def remember(connection: Connection, shown: Shown, now: datetime) -> None:
    """Keep where a message of ours stands, to change it when what it shows changes."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"subject": shown.subject, "text": shown.text, "blocks": shown.blocks, "sent_at": now}
    connection.execute(
        insert(slack_messages)
        .values(channel=shown.channel, ts=shown.ts, **values)
        .on_conflict_do_update(index_elements=["channel", "ts"], set_=values)
    )


def messages_about(connection: Connection, subject: str) -> list[Shown]:
    """The messages of ours that show something, the oldest first."""
    query = select(*_SHOWN).where(slack_messages.c.subject == subject).order_by(slack_messages.c.id)
    return [Shown(*row) for row in connection.execute(query)]


def home_shown(connection: Connection, slack_id: str, shown: str, now: datetime) -> None:
    """Somebody opened their home page, or pressed a button on it, and saw this."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(
        insert(slack_homes)
        .values(slack_id=slack_id, shown=shown, opened_at=now)
        .on_conflict_do_update(index_elements=["slack_id"], set_={"shown": shown, "opened_at": now})
    )


def homes(connection: Connection) -> list[Home]:
    """Every home page that was opened."""
    query = select(slack_homes.c.slack_id, slack_homes.c.shown).order_by(slack_homes.c.slack_id)
    return [Home(*row) for row in connection.execute(query)]


def claim_home(connection: Connection, slack_id: str, now: datetime, before: datetime) -> Home | None:
    """Take a home page to see to it; None where somebody did later than ``before``, or it is gone."""
    row = slack_homes.c
    is_time = or_(row.looked_at.is_(None), row.looked_at <= before)
    taken = connection.execute(
        update(slack_homes).where(row.slack_id == slack_id, is_time).values(looked_at=now)
    )
    if not taken.rowcount:
        return None
    return Home(*connection.execute(select(row.slack_id, row.shown).where(row.slack_id == slack_id)).one())


def home_refreshed(connection: Connection, slack_id: str, shown: str) -> None:
    """The page shows this now."""
    connection.execute(update(slack_homes).where(slack_homes.c.slack_id == slack_id).values(shown=shown))


def look_later(connection: Connection, slack_id: str, at: datetime) -> None:
    """See to a page as if somebody had at a moment, which may be to come."""
    connection.execute(update(slack_homes).where(slack_homes.c.slack_id == slack_id).values(looked_at=at))


def forget_home(connection: Connection, slack_id: str) -> None:
    """Slack shows that page to nobody any more."""
    connection.execute(delete(slack_homes).where(slack_homes.c.slack_id == slack_id))
