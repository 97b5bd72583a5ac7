"""`gtm rasa`: what a Rasa server needs to know of us."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assistant.settings import Settings, load_settings

if TYPE_CHECKING:
    from intents.names import Names
    from intents.rasa_project import Configuration

rasa = typer.Typer(no_args_is_help=True)

console = Console()
errors = Console(stderr=True)


@rasa.callback()
def about() -> None:
    """Rasa 3.6 as reader, or as the whole dialogue with our commands as its actions.

    \b
    gtm rasa export DIR                      a project, from the commands and their sentences
    cd DIR && rasa train                     learn it (Python 3.10; `make rasa` does all of this)
    rasa run --enable-api                    serve it on port 5005
    gtm understand --reader rasa "…"         ask it
    GTM_UNDERSTANDING__FIRST=rasa gtm serve  ask it first; where it does not answer the embedded reader does

    docs/rasa.md has the same with Rasa's container, and how to run the whole dialogue there.
    """


@rasa.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the project goes.", file_okay=False)],
    names: Annotated[
        bool, typer.Option("--names/--no-names", help="Whether to list the names in the database, too.")
    ] = True,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Rounds of learning; default as config.yml says.")
    ] = None,
    actions: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Our action server as Rasa reaches it; default as we listen."),
    ] = None,
) -> None:
    """Write a Rasa project: domain, sentences, look-ups, rules, config.yml, endpoints.yml, credentials.yml.

    Files of these names are written over; everything else in DIR stays as it is.
    """
    from assistant.documents import catalogue
    from intents.rasa_project import files
    from intents.readers.embedded import DATA
    from intents.training import load, load_lists

    settings = load_settings()
    configuration = _configuration(settings, actions)
    if epochs is not None:
        configuration = configuration.quick(epochs)
    live = _names(settings) if names else None
    project = files(catalogue(), load(DATA), load_lists(DATA), configuration, live)
    try:
        for name, content in project.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    except OSError as error:
        errors.print(f"gtm: {error}", style="red", soft_wrap=True, markup=False)
        raise typer.Exit(2) from error
    console.print(f"Wrote {len(project)} files to {folder}.", highlight=False, soft_wrap=True)


def _configuration(settings: Settings, actions: str | None) -> "Configuration":
    from intents.rasa_project import WEBHOOK, Configuration

    if not settings.pipeline or not settings.policies:
        errors.print("gtm: config.yml has no pipeline and policies for Rasa", style="red", soft_wrap=True)
        raise typer.Exit(2)
    return Configuration(
        recipe=settings.recipe or "default.v1",
        assistant_id=settings.assistant_id or "gtm-assistant",
        language=settings.language,
        pipeline=settings.pipeline,
        policies=settings.policies,
        actions_url=actions or settings.server.url + WEBHOOK,
    )


def _names(settings: Settings) -> "Names":
    from storage import migrate
    from storage import names as live
    from storage.database import Database

    database = Database(settings.database_url)
    try:
        migrate.upgrade(database)
        with database.read() as connection:
            return live.load(connection)
    finally:
        database.close()
