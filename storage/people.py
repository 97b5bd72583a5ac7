"""Users, their roles and the tokens that prove who they are."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from intents.command import Role
from storage.database import Json, Key, UtcDateTime, metadata

users = Table(
    "users",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("is_service", Boolean, nullable=False),
    Column("time_zone", String(60), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(10), nullable=False, comment="api, widget, or sign_in: good for one use"),
    Column("label", String(100), nullable=False),
    Column(
        "digest", String(64), nullable=False, unique=True, comment="SHA-256; the token itself is not kept"
    ),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("origins", Json, comment="of a widget: the sites it may stand on"),
    Column("per_minute", Integer, comment="of a widget: its most turns"),
    Index(None, "user_id"),
)

API = "api"
SIGN_IN = "sign_in"
WIDGET = "widget"
SLACK = "slack"
"""Good for one use, too: links a Slack user."""


@dataclass(frozen=True)
class Person:
    """Somebody, or a service, who may give commands."""

    id: int
    name: str
    role: Role
    time_zone: str
    is_service: bool = False


PERSON = (users.c.id, users.c.name, users.c.role, users.c.time_zone, users.c.is_service)


def person_of(row: tuple[int, str, str, str, bool]) -> Person:
    """Who is in a row of `PERSON`."""
    key, name, role, time_zone, is_service = row
    return Person(key, name, Role(role), time_zone, is_service)


def person_named(connection: Connection, name: str) -> Person | None:
    """The active user of that name."""
    query = select(*PERSON).where(users.c.name == name, users.c.active)
    row = connection.execute(query).first()
    return None if row is None else person_of(row)


def person(connection: Connection, user_id: int) -> Person | None:
    """The active user of that number."""
    row = connection.execute(select(*PERSON).where(users.c.id == user_id, users.c.active)).first()
    return None if row is None else person_of(row)


def people(connection: Connection) -> list[Person]:
    """Every active user, by name."""
    query = select(*PERSON).where(users.c.active).order_by(users.c.name)
    return [person_of(row) for row in connection.execute(query)]


def everybody(connection: Connection) -> list[Person]:
    """Every user, be they no longer active."""
    return [person_of(row) for row in connection.execute(select(*PERSON))]


def chairman(connection: Connection) -> Person | None:
    """The first chairman there is."""
    query = select(*PERSON).where(users.c.role == Role.CHAIRMAN, users.c.active).order_by(users.c.id)
    row = connection.execute(query).first()
    return None if row is None else person_of(row)


def add_person(connection: Connection, name: str, role: Role, time_zone: str, now: datetime) -> Person:
    """A new user. Raises `sqlalchemy.exc.IntegrityError` when the name is taken."""
    values = {"name": name, "role": role.value, "is_service": False, "time_zone": time_zone, "active": True}
    insert = users.insert().values(**values, created_at=now).returning(users.c.id)
    return Person(connection.execute(insert).scalar_one(), name, role, time_zone)


def issue_token(
    connection: Connection,
    user_id: int,
    kind: str,
    label: str,
    now: datetime,
    lifetime: timedelta | None = None,
) -> str:
    """A new token, told once: only its digest is kept."""
    token = f"gtm_{secrets.token_urlsafe(32)}"
    connection.execute(
        tokens.insert().values(
            user_id=user_id,
            kind=kind,
            label=label,
            digest=digest(token),
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
    )
    return token


def valid(at: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether a token is neither expired nor revoked."""
    alive = or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > at)
    return alive & tokens.c.revoked_at.is_(None)


_BEARER = (
    select(*PERSON)
    .join(tokens, tokens.c.user_id == users.c.id)
    .where(
        tokens.c.digest == bindparam("token"),
        tokens.c.kind == API,
        users.c.active,
        valid(bindparam("at", type_=UtcDateTime)),
    )
)


def bearer(connection: Connection, token: str, now: datetime) -> Person | None:
    """Whom an API token belongs to; None when it is unknown, expired or revoked."""
    row = connection.execute(_BEARER, {"token": digest(token), "at": now}).first()
    return None if row is None else person_of(row)


@dataclass(frozen=True)
class TokenInUse:
    """An API token, but for the token itself."""

    id: int
    person: str
    label: str
    created_at: datetime
    expires_at: datetime | None


def tokens_in_use(connection: Connection, now: datetime, name: str | None = None) -> list[TokenInUse]:
    """The API tokens that are neither revoked nor expired, of somebody or of all."""
    query = (
        select(tokens.c.id, users.c.name, tokens.c.label, tokens.c.created_at, tokens.c.expires_at)
        .join(users, users.c.id == tokens.c.user_id)
        .where(tokens.c.kind == API, valid(literal(now, UtcDateTime)))
        .order_by(users.c.name, tokens.c.id)
    )
    if name is not None:
        query = query.where(users.c.name == name)
    return [TokenInUse(*row) for row in connection.execute(query)]


def revoke_token(connection: Connection, number: int, now: datetime) -> tuple[int, str] | None:
    """End an API token; whose it was and its label, or None where none of that number is in use."""
    ended = connection.execute(
        update(tokens)
        .where(tokens.c.id == number, tokens.c.kind == API, valid(literal(now, UtcDateTime)))
        .values(revoked_at=now)
        .returning(tokens.c.user_id, tokens.c.label)
    ).first()
    return None if ended is None else (ended[0], ended[1])


def void_links(connection: Connection, user_id: int, now: datetime) -> None:
    """End the one-time links of somebody that were not used."""
    connection.execute(
        update(tokens)
        .where(tokens.c.user_id == user_id, tokens.c.kind == SIGN_IN, tokens.c.used_at.is_(None))
        .where(tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def redeem_sign_in(connection: Connection, token: str, now: datetime) -> Person | None:
    """Whom a sign-in token belongs to, the first time it is shown; None afterwards. Needs a write."""
    return redeem(connection, token, SIGN_IN, now)


def redeem(connection: Connection, token: str, kind: str, now: datetime) -> Person | None:
    """The same of a token of any kind that is good for one use."""
    used = connection.execute(
        update(tokens)
        .where(tokens.c.digest == digest(token), tokens.c.kind == kind, tokens.c.used_at.is_(None))
        .where(valid(literal(now, UtcDateTime)))
        .values(used_at=now)
    )
    if not used.rowcount:
        return None
    user_id = connection.scalar(select(tokens.c.user_id).where(tokens.c.digest == digest(token)))
    return None if user_id is None else person(connection, user_id)


def count_people(connection: Connection) -> int:
    """How many users there are, active or not."""
    return connection.scalar(select(func.count()).select_from(users)) or 0


def digest(token: str) -> str:
    """What is kept of a token."""
    # Tokens are 256 random bits: a fast hash is as good as a slow one.
    return hashlib.sha256(token.encode()).hexdigest()


def service(connection: Connection, name: str, time_zone: str, now: datetime) -> Person:
    """The service of a name that gives commands by itself, added when it is first asked for."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"name": name, "role": Role.OPERATOR.value, "is_service": True, "time_zone": time_zone}
    connection.execute(
        insert(users)
        .values(**values, active=True, created_at=now)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    row = connection.execute(select(*PERSON).where(users.c.name == name)).one()
    return person_of(row)
