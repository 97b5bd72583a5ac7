"""Who came in, who was refused, and which keys were made and taken away: apart from what was said."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, Connection, ForeignKey, Index, String, Table, func, select

from storage.database import Key, UtcDateTime, metadata
from storage.people import users

accesses = Table(
    "accesses",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("what", String(20), nullable=False),
    Column(
        "user_id", ForeignKey("users.id", ondelete="CASCADE"), comment="whom it is about; empty: nobody known"
    ),
    Column("place", String(60), nullable=False, comment="an address, or terminal"),
    Column("detail", String(300), nullable=False),
    Index(None, "at"),
    Index(None, "place", "at"),
)


class What(StrEnum):
    """What happened."""

    SIGNED_IN = "signed in"
    SIGNED_OUT = "signed out"
    REFUSED = "refused"
    LOCKED = "locked out"
    LINK_MADE = "link made"
    TOKEN_MADE = "token made"  # noqa: S105 - no password
    TOKEN_ENDED = "token ended"  # noqa: S105 - no password
    SESSIONS_ENDED = "sessions ended"
    ADDRESS_ASKED = "address asked for"
    ADDRESS_SET = "address confirmed"
    ADDRESS_ENDED = "address taken away"


TERMINAL = "terminal"
"""The place of what is done on the machine itself."""
KEPT_DAYS = 365


@dataclass(frozen=True)
class Access:
    """One of them."""

    at: datetime
    what: str
    person: str | None
    place: str
    detail: str


def note(
    connection: Connection,
    what: What,
    place: str,
    now: datetime,
    user_id: int | None = None,
    detail: str = "",
) -> None:
    """Write one down."""
    connection.execute(
        accesses.insert().values(
            at=now, what=what.value, user_id=user_id, place=place[:60], detail=detail[:300]
        )
    )


def latest(connection: Connection, most: int, *, user_id: int | None = None) -> list[Access]:
    """The latest ones, of somebody or of all, the newest first."""
    query = (
        select(accesses.c.at, accesses.c.what, users.c.name, accesses.c.place, accesses.c.detail)
        .outerjoin(users, users.c.id == accesses.c.user_id)
        .order_by(accesses.c.id.desc())
        .limit(most)
    )
    if user_id is not None:
        query = query.where(accesses.c.user_id == user_id)
    return [Access(*row) for row in connection.execute(query)]


def refusals(connection: Connection, place: str, since: datetime) -> tuple[int, datetime | None]:
    """How many sign-ins from a place were refused since then, and when the first of them was."""
    query = select(func.count(), func.min(accesses.c.at)).where(
        accesses.c.place == place, accesses.c.at > since, accesses.c.what == What.REFUSED.value
    )
    count, first = connection.execute(query).one()
    return count, first


def forget(connection: Connection, before: datetime) -> None:
    """Take away what is older."""
    connection.execute(accesses.delete().where(accesses.c.at < before))
