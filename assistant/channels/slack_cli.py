"""`gtm slack`: who is who in Slack, codes to become known, and the app's manifest."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assistant.channels.opening import fail
from assistant.settings import load_settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from storage.people import Person

slack = typer.Typer(help="People in Slack, and the app's manifest.", no_args_is_help=True)

CODE_MINUTES = 10
EVENTS_PATH = "/slack/events"

console = Console()

SlackId = Annotated[str, typer.Argument(metavar="U123", help="The member ID, from the profile in Slack.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `gtm user list` shows it.")]


@slack.command("link")
def link_user(slack_id: SlackId, name: Name) -> None:
    """Let a Slack user be a person, with that person's role."""
    from storage import slack as stored

    if not (slack_id.isalnum() and slack_id[:1] in "UW"):
        fail(f"{slack_id!r} is no member ID of Slack: those begin with U or W")
    with _writing() as connection:
        person = _known(connection, name)
        stored.link(connection, slack_id, person.id, datetime.now(UTC))
    console.print(f"{slack_id} is {person.name}, {person.role}.", highlight=False)


@slack.command("unlink")
def unlink_user(slack_id: SlackId) -> None:
    """Let a Slack user be nobody."""
    from storage import slack as stored

    with _writing() as connection:
        if not stored.unlink(connection, slack_id):
            fail(f"{slack_id} is nobody here; `gtm slack people` lists who is known")
    console.print(f"{slack_id} is nobody here any more.", highlight=False)


@slack.command("people")
def list_people() -> None:
    """List the Slack users who are known."""
    from storage import people
    from storage import slack as stored

    with _writing() as connection:
        for slack_id, user_id in stored.linked(connection):
            person = people.person(connection, user_id)
            told = "deactivated" if person is None else f"{person.name:<24} {person.role}"
            console.print(f"{slack_id:<14} {told}", highlight=False)


@slack.command("code")
def make_code(name: Name) -> None:
    """Print a code that somebody sends with `/gtm link CODE` in Slack, once and within ten minutes."""
    from storage import people

    with _writing() as connection:
        person = _known(connection, name)
        code = people.issue_token(
            connection,
            person.id,
            people.SLACK,
            "Slack",
            datetime.now(UTC),
            timedelta(minutes=CODE_MINUTES),
        )
    sys.stdout.write(f"/gtm link {code}\n")


@slack.command("manifest")
def print_manifest(
    url: Annotated[
        str | None,
        typer.Option(help="How Slack reaches the service; default server.public_url. Not for Socket Mode."),
    ] = None,
    socket: Annotated[bool, typer.Option("--socket", help="For Socket Mode: no way in is needed.")] = False,
) -> None:
    """Print the manifest to create the app from."""
    address = None if socket else (url or load_settings().server.public_url)
    if not socket and (address is None or not address.startswith("https://")):
        fail("Slack needs an address that begins with https://: say --url, or --socket for Socket Mode")
    sys.stdout.write(manifest(address))


def manifest(url: str | None) -> str:
    """The app's manifest as YAML; without an address, for Socket Mode."""
    import yaml

    text = files("assistant.channels.slack").joinpath("manifest.yml").read_text(encoding="utf-8")
    made = yaml.safe_load(text)
    address = None if url is None else url.rstrip("/") + EVENTS_PATH
    places = (
        (made["features"]["slash_commands"][0], "url"),
        (made["settings"]["event_subscriptions"], "request_url"),
    )
    for place, name in (*places, (made["settings"]["interactivity"], "request_url")):
        if address is None:
            del place[name]
        else:
            place[name] = address
    made["settings"]["socket_mode_enabled"] = address is None
    return yaml.safe_dump(made, sort_keys=False, allow_unicode=True)


@contextmanager
def _writing() -> Iterator["Connection"]:
    from storage import migrate
    from storage.database import Database

    database = Database(load_settings().database_url)
    try:
        migrate.upgrade(database)
        with database.write() as connection:
            yield connection
    finally:
        database.close()


def _known(connection: "Connection", name: str) -> "Person":
    from storage import people

    found = people.person_named(connection, name)
    if found is None:
        fail(f"there is no active user {name!r}; `gtm user list` shows who there is")
    return found
