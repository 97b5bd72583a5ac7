"""Where somebody's mail goes: an address counts once whoever reads its mail has said yes to it."""

from datetime import datetime, timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from uuid import uuid4

from sqlalchemy import Connection

from assistant import notices
from assistant.reply import Problem
from assistant.settings import Settings
from storage import mail_addresses, outbox
from storage.people import Person

LIFETIME = timedelta(days=1)
"""How long a mailed link confirms."""
PAUSE = timedelta(minutes=1)
"""Between two of them for one person: nobody is flooded with mails from here."""
LONGEST = 254
"""Characters of an address (RFC 5321)."""


def ask(
    connection: Connection, settings: Settings, person: Person, said: str, by: Person, now: datetime
) -> str:
    """Mail a link to an address; until it is used nothing else is sent there. Raises `Problem`."""
    if settings.notify.email.host is None:
        raise Problem("no_mail", "There is no mail server.", "Set notify.email.host.")
    address = valid(said)
    known = mail_addresses.of(connection, person.id)
    if known.address == address:
        raise Problem("address_known", f"Mail for {person.name} goes to {address} already.")
    if known.asked_at is not None and now - known.asked_at < PAUSE:
        raise Problem(
            "asked_lately", "A mail was sent a moment ago.", "Look for it, or try again in a minute."
        )
    secret = mail_addresses.want(connection, person.id, address, now)
    who = "You" if by.id == person.id else by.name
    text = (
        f"Is this the address of {person.name}?\n\n"
        f"{who} asked that briefings for {person.name} come here. To say yes, open within a day:\n"
        f"{settings.server.url}/mail/{secret}\n\n"
        "If you know nothing of it, do nothing: then nothing more is sent."
    )
    outbox.request(
        connection,
        notices.EMAIL,
        notices.ADDRESS_PROOF,
        {
            "type": notices.ADDRESS_PROOF,
            "timestamp": now.isoformat(),
            "data": {"text": text, "to": [address]},
        },
        key=f"{notices.ADDRESS_PROOF}:{uuid4()}",
        audit_id=None,
        now=now,
    )
    return address


def valid(said: str) -> str:
    """An address as it is written. Raises `Problem` for what is none."""
    told = said.strip()
    try:
        address = Address(addr_spec=told)
    except (HeaderParseError, ValueError, IndexError):
        address = None
    host = "" if address is None else address.domain
    is_plain = told.isascii() and told.isprintable() and " " not in told and "," not in told
    if address is None or not address.username or "." not in host.strip(".") or not is_plain:
        raise Problem("no_address", "That is no e-mail address.", "Write it like anna@example.com.")
    if len(told) > LONGEST:
        raise Problem("no_address", "That address is too long.", f"At most {LONGEST} characters.")
    return told
