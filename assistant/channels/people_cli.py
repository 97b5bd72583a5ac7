"""`gtm user`: tokens, sessions and identities of people, and who came in, from the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assistant.channels.opening import fail, open_database
from assistant.settings import load_settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from storage.people import Person

console = Console()

Who = Annotated[str, typer.Argument(metavar="NAME", help="As `gtm user list` shows them.")]


@contextmanager
def _writing(name: str) -> Iterator[tuple["Connection", "Person"]]:
    from storage import people

    with open_database(load_settings()) as database, database.write() as connection:
        found = people.person_named(connection, name)
        if found is None:
            fail(f"there is no active user {name!r}; `gtm user list` shows who there is")
        yield connection, found


def link(
    name: Who,
    who: Annotated[str, typer.Argument(metavar="E-MAIL|SUBJECT", help="Who they are at the provider.")],
) -> None:
    """Let somebody sign in at the provider: by an e-mail address it vouches for, or its subject."""
    from sqlalchemy.exc import IntegrityError

    from storage import identities

    issuer = load_settings().sign_in.issuer
    if issuer is None:
        fail("no provider is set up: set sign_in.issuer (docs/signing-in.md)")
    subject = identities.invited(who) if "@" in who else who
    try:
        with _writing(name) as (connection, person):
            email = who if "@" in who else ""
            identities.link(connection, person.id, issuer, subject, email, datetime.now(UTC))
    except IntegrityError:
        fail(f"{who} is linked already")
    console.print(f"{who} signs in as {name}.", highlight=False)


def list_tokens(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Of this person; default of all.")
    ] = None,
) -> None:
    """List the API tokens that are in use."""
    from storage import people

    now = datetime.now(UTC)
    with open_database(load_settings()) as database, database.read() as connection:
        for one in people.tokens_in_use(connection, now, name):
            until = f"until {one.expires_at:%Y-%m-%d}" if one.expires_at else "for ever"
            console.print(
                f"{one.id:<6} {one.person:<20} {one.label:<20} made {one.created_at:%Y-%m-%d}, {until}",
                soft_wrap=True,
                highlight=False,
            )


def revoke_token(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="As `gtm user tokens` lists it.")],
) -> None:
    """End an API token."""
    from storage import accesses, people

    now = datetime.now(UTC)
    with open_database(load_settings()) as database, database.write() as connection:
        ended = people.revoke_token(connection, number, now)
        if ended is None:
            fail(f"there is no token {number} in use; `gtm user tokens` lists them")
        user_id, label = ended
        accesses.note(connection, accesses.What.TOKEN_ENDED, accesses.TERMINAL, now, user_id, label)
    console.print(f"Revoked token {number}.", highlight=False)


def list_sessions(name: Who) -> None:
    """List where somebody is signed in."""
    from storage import sessions

    with _writing(name) as (connection, person):
        for one in sessions.begun(connection, datetime.now(UTC), person.id):
            console.print(
                f"{one.id:<6} {one.how:<5} from {one.place}, {one.started_at:%Y-%m-%d %H:%M} to "
                f"{one.until:%Y-%m-%d %H:%M} UTC  {one.browser[:60]}",
                soft_wrap=True,
                highlight=False,
            )


def sign_out(name: Who) -> None:
    """Sign somebody out everywhere; one-time links that were not used yet are void."""
    from storage import accesses, people, sessions

    now = datetime.now(UTC)
    with _writing(name) as (connection, person):
        count = sessions.end(connection, person.id, now)
        people.void_links(connection, person.id, now)
        accesses.note(
            connection, accesses.What.SESSIONS_ENDED, accesses.TERMINAL, now, person.id, f"all {count}"
        )
    console.print(f"Ended {count} session{'' if count == 1 else 's'} of {name}.", highlight=False)


def list_accesses(
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
) -> None:
    """List who came in, who was refused, and which keys were made and ended; the latest first."""
    from storage import accesses

    with open_database(load_settings()) as database, database.read() as connection:
        for one in accesses.latest(connection, last):
            who = one.person or "nobody known"
            console.print(
                f"{one.at:%Y-%m-%d %H:%M:%S} {one.what:<14} {who:<20} {one.place:<18} {one.detail}",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
