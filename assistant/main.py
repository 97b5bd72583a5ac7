"""The ``gtm`` command."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.channels.cli import cli, console, errors, fill_database, sign_in_link
from assistant.channels.opening import open_database
from assistant.settings import ConfigurationError, load_settings

if TYPE_CHECKING:
    from storage.database import Database


@cli.command()
def serve(
    fill: Annotated[bool, typer.Option("--fill", help="Fill an empty database first.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
) -> None:
    """Start the service and print a one-time sign-in link."""
    import uvicorn

    from assistant.app import create_app, server_options
    from assistant.bootstrap import build, set_up_log
    from storage.synthetic import DEFAULT_RECORDS

    settings = load_settings()
    place = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=place)})
    set_up_log(settings)
    if fill:
        with open_database(settings) as database:
            if _is_empty(database):
                errors.print("The database is empty: filling it with a synthetic portfolio.")
                fill_database(database, settings, DEFAULT_RECORDS, 1, None, as_json=False)
    assistant = build(settings)
    link = sign_in_link(assistant, None)
    console.print(f"Sign in (once, within the hour): {link}", soft_wrap=True, highlight=False)
    options = server_options(settings.server)
    if workers == 1:
        try:
            uvicorn.run(create_app(assistant), **options)
        finally:
            assistant.close()
        return
    assistant.close()
    if assistant.database.is_sqlite:
        errors.print("SQLite takes one writer at a time: several workers help only on PostgreSQL.")
    # The workers read the settings again, and shall find the same ones.
    os.environ.update(GTM_SERVER__HOST=settings.server.host, GTM_SERVER__PORT=str(settings.server.port))
    uvicorn.run("assistant.app:factory", factory=True, workers=workers, **options)


def _is_empty(database: "Database") -> bool:
    from storage.ventures import all_ventures

    with database.read() as connection:
        return not all_ventures(connection)


def run() -> None:
    """Run the command line; a wrong setting ends it with its cure and status 2."""
    try:
        cli()
    except ConfigurationError as error:
        print(f"gtm: {error}", file=sys.stderr)  # noqa: T201 - the terminal is the channel here
        sys.exit(2)


if __name__ == "__main__":
    run()
