"""The command line: every part of it translates words into calls and results into print."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console

from assistant.channels.backup import backup, restore
from assistant.channels.fetch_cli import fetch
from assistant.channels.importing import import_file
from assistant.channels.listen_cli import listen
from assistant.channels.loops_cli import loops
from assistant.channels.mix_cli import fit_mix
from assistant.channels.nlu import lint_sentences, measure_reader
from assistant.channels.opening import fail, open_assistant, open_database, speaker_of
from assistant.channels.people_cli import (
    link,
    list_accesses,
    list_sessions,
    list_tokens,
    revoke_token,
    sign_out,
)
from assistant.channels.rasa_cli import rasa
from assistant.channels.simulate_cli import simulate
from assistant.channels.slack_cli import slack
from assistant.channels.voice_cli import measure_ears
from assistant.channels.widget_cli import widget
from assistant.channels.wyoming_cli import wyoming
from assistant.settings import Settings, load_settings

if TYPE_CHECKING:
    from assistant.bootstrap import Assistant
    from storage.database import Database

# Parts are imported where they are used: `gtm say` shall answer within two seconds of a cold start.

cli = typer.Typer(
    name="gtm",
    help="The assistant for go-to-market work across a portfolio of ventures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
nlu = typer.Typer(
    help="Train and measure the embedded reader, and check its sentences.", no_args_is_help=True
)
user = typer.Typer(help="People and their tokens.", no_args_is_help=True)
voice = typer.Typer(help="Ears and mouth.", no_args_is_help=True)
cli.add_typer(nlu, name="nlu")
cli.add_typer(user, name="user")
cli.add_typer(rasa, name="rasa")
cli.add_typer(voice, name="voice")
cli.add_typer(loops, name="loops")
cli.add_typer(widget, name="widget")
cli.add_typer(slack, name="slack")
user.command()(link)
user.command("tokens")(list_tokens)
user.command("revoke")(revoke_token)
user.command("sessions")(list_sessions)
user.command("sign-out")(sign_out)
user.command("accesses")(list_accesses)
voice.command()(fetch)
voice.command()(wyoming)
voice.command("test")(measure_ears)
cli.command("import")(import_file)
nlu.command("test")(measure_reader)
nlu.command("lint")(lint_sentences)
cli.command()(listen)
cli.command()(simulate)
cli.command()(fit_mix)
cli.command()(backup)
cli.command()(restore)

SIGN_IN_HOURS = 1

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[str | None, typer.Option("--as", metavar="USER", help="Speak as this user.")]

console = Console()
errors = Console(stderr=True)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


@cli.command()
def say(
    text: Annotated[str, typer.Argument(help="What you would say.")],
    as_json: Json = False,
    speaker: As = None,
    conversation: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with this conversation.")
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Show where the numbers come from.")] = False,
) -> None:
    """Say one thing and read the answer. Status 1 when it was refused, not understood or failed."""
    from assistant.channels import terminal
    from assistant.turn import Turn

    with open_assistant() as assistant:
        turn = Turn(
            person=speaker_of(assistant, speaker),
            channel="terminal",
            text=text,
            conversation_id=conversation or str(uuid4()),
        )
        reply = assistant.dialogue.turn(turn)
        if reply.job_id is not None:
            from assistant.channels.following import followed

            reply = followed(assistant, reply, errors)
    if as_json:
        _print_json(reply.model_dump(mode="json"))
    else:
        terminal.show(reply, console)
        if why:
            terminal.show_evidence(reply, console)
    raise typer.Exit(terminal.exit_status(reply))


@cli.command()
def chat(speaker: As = None) -> None:
    """Talk: history with the arrow keys, names and phrases with Tab, Ctrl-D to leave."""
    from assistant.channels.chat import converse

    with open_assistant() as assistant:
        converse(assistant, speaker_of(assistant, speaker), console)


@cli.command()
def understand(
    text: Annotated[str | None, typer.Argument(help="What somebody might say.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="A file of utterances, a line each.", exists=True, dir_okay=False)
    ] = None,
    reader: Annotated[
        str | None, typer.Option(metavar="NAME", help="embedded or rasa; default from the settings.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how an utterance is understood, and by which reader, without doing anything."""
    from assistant.understanding import parse, read_by

    if (text is None) == (file is None):
        fail("say either a text or --file")
    settings = load_settings()
    if reader is not None:
        try:
            settings = read_by(settings, reader)
        except ValueError as error:
            fail(str(error))
    with open_assistant(settings) as assistant:
        person = speaker_of(assistant, None)
        for line in [text or ""] if file is None else _lines(file):
            parsed = parse(assistant.dialogue, person, line)
            if as_json or file is not None:
                _print_json(parsed)
            else:
                console.print_json(json.dumps(parsed))


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as opened:
        for line in opened:
            yield line.rstrip("\n")


@cli.command("commands")
def list_commands(as_json: Json = False) -> None:
    """List everything that can be asked for."""
    from assistant import commands as package
    from assistant.commands.conversation import help_entries
    from assistant.derive import slot_schema
    from assistant.handling import find_handlers
    from intents.command import Catalogue

    catalogue = Catalogue(handler.command for handler in find_handlers(package).values())
    entries = help_entries(catalogue)
    if as_json:
        listed = [
            {**entry.model_dump(mode="json"), "schema": slot_schema(catalogue[entry.command])}
            for entry in entries
        ]
        _print_json(listed)
        return
    for entry in entries:
        console.print(f"[bold]{entry.command}[/bold]  {entry.summary}")
        for example in entry.examples:
            console.print(f"    {example}", style="dim")


@cli.command()
def synth(
    records: Annotated[int, typer.Option(help="How many records, the history on top.")] = 71_297,
    seed: Annotated[int, typer.Option(help="The same seed and date give the same portfolio.")] = 1,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The portfolio's last day; default today.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fill an empty database with a synthetic portfolio and score its quality."""
    settings = load_settings()
    with open_database(settings) as database:
        fill_database(database, settings, records, seed, as_of.date() if as_of else None, as_json=as_json)


def fill_database(
    database: "Database", settings: Settings, records: int, seed: int, as_of: date | None, *, as_json: bool
) -> None:
    """Fill a database, showing progress, and tell its quality. An unfit database ends the command."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from storage.quality import measure
    from storage.synthetic import NotEmpty, TooFewRecords, fill

    now = datetime.now(UTC)
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors) as bar:
        stages: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bar.add_task(stage, total=total)
            bar.update(stages[stage], completed=done, total=total)

        try:
            filled = fill(
                database,
                records=records,
                seed=seed,
                as_of=as_of or now.date(),
                now=now,
                truth_file=settings.data_dir / "truth.json.gz",
                progress=progress,
            )
        except (NotEmpty, TooFewRecords) as error:
            fail(str(error))
    with errors.status("scoring the data"):
        report = measure(database)
    if as_json:
        _print_json({"filled": _plain(filled), "quality": _plain(report)})
        return
    console.print(
        f"{filled.records:,} records and {filled.history:,} of history in {filled.seconds:.1f} s "
        f"({filled.rows_per_second:,.0f} a second)",
        highlight=False,
    )
    console.print(f"Data quality {report.score:.1f}/100", highlight=False)
    for reason in report.reasons:
        console.print(f"  • {reason}", soft_wrap=True, highlight=False)


def _plain(value: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(type(value)).dump_python(value, mode="json")


@cli.command("sign-in")
def sign_in(speaker: As = None) -> None:
    """Print a link that signs you in to the web page, once."""
    with open_assistant() as assistant:
        console.print(sign_in_link(assistant, speaker), soft_wrap=True, highlight=False)


def sign_in_link(assistant: "Assistant", speaker: str | None) -> str:
    """A link that signs somebody in once: the chairman when nobody is named."""
    from storage import accesses, people

    person = speaker_of(assistant, speaker)
    lifetime, now = timedelta(hours=SIGN_IN_HOURS), assistant.clock()
    with assistant.database.write() as connection:
        token = people.issue_token(connection, person.id, people.SIGN_IN, "sign-in link", now, lifetime)
        accesses.note(connection, accesses.What.LINK_MADE, accesses.TERMINAL, now, person.id)
    return f"{assistant.settings.server.url}/sign-in?token={token}"


@user.command("add")
def add_user(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, operator, lead or chairman.")] = "viewer",
    time_zone: Annotated[
        str | None, typer.Option(help="As Europe/Berlin; default from the settings.")
    ] = None,
) -> None:
    """Add a person."""
    from sqlalchemy.exc import IntegrityError

    from assistant.settings import known_zone
    from intents.command import Role
    from storage import people

    settings = load_settings()
    if role not in set(Role):
        fail(f"there is no role {role!r}; roles are {', '.join(Role)}")
    try:
        zone = known_zone(time_zone or settings.time_zone)
    except ValueError as error:
        fail(f"time zone {time_zone!r} {error}")
    with open_database(settings) as database:
        try:
            with database.write() as connection:
                people.add_person(connection, name, Role(role), zone, datetime.now(UTC))
        except IntegrityError:
            fail(f"there is a user {name!r} already")
    console.print(f"Added {name}, {role}.", highlight=False)


@user.command("list")
def list_users() -> None:
    """List everybody."""
    from storage import people

    with open_database(load_settings()) as database, database.read() as connection:
        for one in people.people(connection):
            console.print(f"{one.name:<24} {one.role:<10} {one.time_zone}", highlight=False)


@user.command("token")
def make_token(
    name: str,
    label: Annotated[str, typer.Option(help="What the token is for.")] = "api",
    days: Annotated[int | None, typer.Option(help="Days it is valid; default for ever.")] = None,
) -> None:
    """Print a new API token of a person; it is shown only this once."""
    from storage import accesses, people

    with open_database(load_settings()) as database, database.write() as connection:
        found = people.person_named(connection, name)
        if found is None:
            fail(f"there is no active user {name!r}; `gtm user list` shows who there is")
        lifetime, now = None if days is None else timedelta(days=days), datetime.now(UTC)
        token = people.issue_token(connection, found.id, people.API, label, now, lifetime)
        accesses.note(connection, accesses.What.TOKEN_MADE, accesses.TERMINAL, now, found.id, label)
    sys.stdout.write(token + "\n")


@nlu.command()
def train() -> None:
    """Train the embedded reader, if its sentences changed since the last time."""
    from assistant.bootstrap import load_reader

    settings = load_settings()
    with errors.status("training the reader"):
        load_reader(settings)
