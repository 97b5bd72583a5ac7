"""Who people are at a provider of sign-in: its word for a user stands for one of ours."""

from datetime import datetime

from sqlalchemy import Column, Connection, ForeignKey, Index, String, Table, UniqueConstraint, select, update

from storage.database import Key, UtcDateTime, metadata
from storage.people import PERSON, Person, person_of, users

identities = Table(
    "identities",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("issuer", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("email", String(255), nullable=False, comment="as it was when they were linked"),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("issuer", "subject", name="uq_identities_issuer"),
    Index(None, "user_id"),
)


def person_known_as(connection: Connection, issuer: str, subject: str) -> Person | None:
    """The active user of a provider's subject."""
    query = (
        select(*PERSON)
        .join(identities, identities.c.user_id == users.c.id)
        .where(identities.c.issuer == issuer, identities.c.subject == subject, users.c.active)
    )
    row = connection.execute(query).first()
    return None if row is None else person_of(row)


def is_known(connection: Connection, issuer: str, subject: str) -> bool:
    """Whether a subject was linked to somebody, be they no longer active."""
    query = select(identities.c.id).where(identities.c.issuer == issuer, identities.c.subject == subject)
    return connection.execute(query).first() is not None


def invited(email: str) -> str:
    """What stands for the subject of somebody whose e-mail address alone is known yet."""
    return f"mailto:{email.strip().lower()}"


def accept(connection: Connection, issuer: str, email: str, subject: str) -> None:
    """Now the subject of an e-mail address is known, and the address counts no more."""
    connection.execute(
        update(identities)
        .where(identities.c.issuer == issuer, identities.c.subject == invited(email))
        .values(subject=subject, email=email)
    )


def link(connection: Connection, user_id: int, issuer: str, subject: str, email: str, now: datetime) -> None:
    """From now on the subject is that user. Raises `sqlalchemy.exc.IntegrityError` when it is somebody."""
    connection.execute(
        identities.insert().values(
            user_id=user_id, issuer=issuer, subject=subject, email=email[:255], created_at=now
        )
    )
