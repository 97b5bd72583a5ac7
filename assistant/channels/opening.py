"""What the commands of the terminal begin with: the assistant, whoever speaks, and how failures are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console

from assistant.settings import Settings, load_settings

if TYPE_CHECKING:
    from assistant.bootstrap import Assistant
    from storage.database import Database
    from storage.people import Person

errors = Console(stderr=True)


def fail(message: str) -> NoReturn:
    """Print what is wrong and leave with status 2."""
    errors.print(f"gtm: {message}", style="red", soft_wrap=True, markup=False)
    raise typer.Exit(2)


@contextmanager
def open_assistant(settings: Settings | None = None) -> Iterator["Assistant"]:
    """The wired assistant of the settings, closed at the end of the block."""
    from assistant.bootstrap import build

    assistant = build(settings or load_settings())
    try:
        yield assistant
    finally:
        assistant.close()


@contextmanager
def open_database(settings: Settings) -> Iterator["Database"]:
    """The settings' database, its schema up to date, closed at the end of the block."""
    from storage import migrate
    from storage.database import Database

    database = Database(settings.database_url)
    try:
        migrate.upgrade(database)
        yield database
    finally:
        database.close()


def speaker_of(assistant: "Assistant", name: str | None) -> "Person":
    """Whom the command line speaks as: the chairman where nobody is named."""
    from storage import people

    with assistant.database.read() as connection:
        found = people.person_named(connection, name) if name else people.chairman(connection)
    if found is None:
        fail(f"there is no active user {name!r}; `gtm user list` shows who there is")
    return found
