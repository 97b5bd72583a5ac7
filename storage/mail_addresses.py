"""Where people's mail goes: addresses that whoever reads their mail has confirmed."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, ForeignKey, String, Table, delete, select, update

from storage.database import UtcDateTime, metadata

mail_addresses = Table(
    "mail_addresses",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("address", String(254), comment="mail goes there; empty until the first is confirmed"),
    Column("wanted", String(254), comment="waits for its confirmation; nothing else is sent there"),
    Column("digest", String(64), unique=True, comment="SHA-256 of the secret that was mailed to it"),
    Column("asked_at", UtcDateTime),
)


@dataclass(frozen=True)
class MailAddress:
    """Somebody's address, and the one that is to be."""

    user_id: int
    address: str | None
    wanted: str | None
    asked_at: datetime | None


_COLUMNS = [mail_addresses.c[name] for name in MailAddress.__annotations__]


def of(connection: Connection, user_id: int) -> MailAddress:
    """What is known of somebody."""
    row = connection.execute(select(*_COLUMNS).where(mail_addresses.c.user_id == user_id)).first()
    return MailAddress(user_id, None, None, None) if row is None else MailAddress(*row)


def every(connection: Connection) -> dict[int, MailAddress]:
    """All that is known, by user."""
    return {row[0]: MailAddress(*row) for row in connection.execute(select(*_COLUMNS))}


def want(connection: Connection, user_id: int, address: str, now: datetime) -> str:
    """Note an address that waits to be confirmed, and give the secret that confirms it, this once."""
    secret = secrets.token_urlsafe(32)
    values = {"wanted": address, "digest": _digest(secret), "asked_at": now}
    changed = connection.execute(
        update(mail_addresses).where(mail_addresses.c.user_id == user_id).values(**values)
    )
    if not changed.rowcount:
        connection.execute(mail_addresses.insert().values(user_id=user_id, **values))
    return secret


def wanted(connection: Connection, secret: str, now: datetime, lifetime: timedelta) -> MailAddress | None:
    """Whose address a secret confirms; None where it is used, too old or made up."""
    row = mail_addresses.c
    is_it = (row.digest == _digest(secret)) & (row.asked_at > now - lifetime)
    found = connection.execute(select(*_COLUMNS).where(is_it)).first()
    return None if found is None else MailAddress(*found)


def confirm(connection: Connection, secret: str, now: datetime, lifetime: timedelta) -> MailAddress | None:
    """Mail goes there from now on; None where the secret confirms nothing."""
    found = wanted(connection, secret, now, lifetime)
    if found is None:
        return None
    row = mail_addresses.c
    done = connection.execute(
        update(mail_addresses)
        .where(row.digest == _digest(secret))
        .values(address=found.wanted, wanted=None, digest=None, asked_at=None)
    )
    return found if done.rowcount else None


def forget(connection: Connection, user_id: int) -> bool:
    """Take away somebody's address, and the one that waits; False where there was none."""
    return bool(
        connection.execute(delete(mail_addresses).where(mail_addresses.c.user_id == user_id)).rowcount
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
