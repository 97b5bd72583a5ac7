"""Web sessions: each is a row that can be ended."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, ForeignKey, Index, String, Table, bindparam, select, update

from storage.database import Key, UtcDateTime, metadata
from storage.people import PERSON, Person, digest, person_of, users

sessions = Table(
    "sessions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("digest", String(64), nullable=False, unique=True, comment="SHA-256 of the session's own name"),
    Column("how", String(10), nullable=False, comment="link or oidc"),
    Column("place", String(60), nullable=False, comment="the address it was begun from"),
    Column("browser", String(200), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index(None, "user_id"),
)

LINK = "link"
OIDC = "oidc"


@dataclass(frozen=True)
class Begun:
    """A session that has neither ended nor expired."""

    id: int
    person: str
    how: str
    place: str
    browser: str
    started_at: datetime
    until: datetime
    is_own: bool = False
    """Whether it is the one that asks."""


def begin(
    connection: Connection,
    user_id: int,
    name: str,
    how: str,
    place: str,
    browser: str,
    now: datetime,
    until: datetime,
) -> None:
    """Keep a session that begins; its name itself is not kept."""
    connection.execute(
        sessions.insert().values(
            user_id=user_id,
            digest=digest(name),
            how=how,
            place=place[:60],
            browser=browser[:200],
            started_at=now,
            until=until,
        )
    )


_PERSON_OF = (
    select(*PERSON)
    .join(sessions, sessions.c.user_id == users.c.id)
    .where(
        sessions.c.digest == bindparam("name"),
        sessions.c.user_id == bindparam("user"),
        sessions.c.ended_at.is_(None),
        users.c.active,
    )
)


def person_in(connection: Connection, user_id: int, name: str) -> Person | None:
    """The user of a session; None when it was ended, or the user is no longer active."""
    row = connection.execute(_PERSON_OF, {"name": digest(name), "user": user_id}).first()
    return None if row is None else person_of(row)


def begun(
    connection: Connection, now: datetime, user_id: int | None = None, own: str | None = None
) -> list[Begun]:
    """The sessions of a user, or of all, that hold, the newest first; ``own`` names the one that asks."""
    mine = None if own is None else digest(own)
    query = (
        select(
            sessions.c.id,
            users.c.name,
            sessions.c.how,
            sessions.c.place,
            sessions.c.browser,
            sessions.c.started_at,
            sessions.c.until,
            sessions.c.digest,
        )
        .join(users, users.c.id == sessions.c.user_id)
        .where(sessions.c.ended_at.is_(None), sessions.c.until > now)
        .order_by(sessions.c.id.desc())
    )
    if user_id is not None:
        query = query.where(sessions.c.user_id == user_id)
    return [Begun(*row[:-1], is_own=row[-1] == mine) for row in connection.execute(query)]


def end(
    connection: Connection,
    user_id: int,
    now: datetime,
    *,
    name: str | None = None,
    number: int | None = None,
    but: str | None = None,
) -> int:
    """End a user's sessions: the one of a name or number, or all ``but`` one; how many."""
    query = update(sessions).where(
        sessions.c.user_id == user_id, sessions.c.ended_at.is_(None), sessions.c.until > now
    )
    if name is not None:
        query = query.where(sessions.c.digest == digest(name))
    if number is not None:
        query = query.where(sessions.c.id == number)
    if but is not None:
        query = query.where(sessions.c.digest != digest(but))
    return connection.execute(query.values(ended_at=now)).rowcount


def forget(connection: Connection, before: datetime) -> None:
    """Take away the rows of sessions that were over by then."""
    connection.execute(sessions.delete().where(sessions.c.until < before))
