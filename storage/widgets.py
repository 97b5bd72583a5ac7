"""Widgets: tokens that may only talk, on named sites, each under an identity of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from intents.command import Role
from storage import accesses
from storage.accesses import What
from storage.people import (
    PERSON,
    WIDGET,
    Person,
    issue_token,
    person_of,
    service,
    tokens,
    users,
)
from storage.people import digest as digest_of

ROLES = (Role.VIEWER, Role.OPERATOR)
"""What a widget may be: nobody's yes that is given on another site may spend."""


class NameTakenError(ValueError):
    """There is a widget of that name already, or somebody of the name it would act under."""


@dataclass(frozen=True)
class Widget:
    """A widget and whom it acts as."""

    id: int
    name: str
    person: Person
    origins: tuple[str, ...]
    per_minute: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def stands_on(self, origin: str | None) -> bool:
        """Whether it may stand on a site."""
        return origin is not None and origin in self.origins


_WIDGET = (
    tokens.c.id,
    tokens.c.label,
    tokens.c.origins,
    tokens.c.per_minute,
    tokens.c.created_at,
    tokens.c.expires_at,
    tokens.c.revoked_at,
)
_FOUND = select(*_WIDGET, *PERSON).join(users, users.c.id == tokens.c.user_id).where(tokens.c.kind == WIDGET)


def _widget(row: Sequence[Any]) -> Widget:
    key, name, origins, per_minute, created_at, expires_at, revoked_at, *person = row
    return Widget(
        key, name, person_of(tuple(person)), tuple(origins), per_minute, created_at, expires_at, revoked_at
    )


def create(
    connection: Connection,
    name: str,
    role: Role,
    origins: Sequence[str],
    per_minute: int,
    time_zone: str,
    now: datetime,
    lifetime: timedelta | None = None,
    place: str = accesses.TERMINAL,
) -> str:
    """The token of a new widget, told once; ``place`` is where it was made.

    Raises `NameTakenError`, and `ValueError` for a role too high.
    """
    if role not in ROLES:
        raise ValueError(f"a widget is {' or '.join(ROLES)}, not {role}")
    if any(one.name == name and one.is_live(now) for one in every(connection)):
        raise NameTakenError(f"there is a widget {name!r} already")
    person = service(connection, f"widget {name}", time_zone, now)
    if not person.is_service:
        raise NameTakenError(f"there is a person called {person.name!r}")
    # The name may have been another widget's before.
    connection.execute(update(users).where(users.c.id == person.id).values(role=role.value, active=True))
    token = issue_token(connection, person.id, WIDGET, name, now, lifetime)
    connection.execute(
        update(tokens)
        .where(tokens.c.digest == digest_of(token))
        .values(origins=list(origins), per_minute=per_minute)
    )
    detail = f"widget on {', '.join(origins)}"
    accesses.note(connection, What.TOKEN_MADE, place, now, person.id, detail)
    return token


def every(connection: Connection) -> list[Widget]:
    """All widgets there ever were, the latest first."""
    return [_widget(row) for row in connection.execute(_FOUND.order_by(tokens.c.id.desc()))]


def widget_of(connection: Connection, token: str) -> Widget | None:
    """The widget of a token, be it revoked or expired; None when there never was one."""
    row = connection.execute(_FOUND.where(tokens.c.digest == digest_of(token), users.c.active)).first()
    return None if row is None else _widget(row)


def is_known_site(connection: Connection, origin: str) -> bool:
    """Whether any widget, be it revoked, names a site."""
    found = connection.scalars(select(tokens.c.origins).where(tokens.c.kind == WIDGET))
    return any(origin in origins for origins in found)


def revoke(connection: Connection, name: str, now: datetime, place: str = accesses.TERMINAL) -> bool:
    """End the live widget of a name; False where there is none."""
    ended = connection.execute(
        update(tokens)
        .where(tokens.c.kind == WIDGET, tokens.c.label == name, tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(tokens.c.user_id)
    ).all()
    for (user_id,) in ended:
        accesses.note(connection, What.TOKEN_ENDED, place, now, user_id, "widget")
    return bool(ended)
