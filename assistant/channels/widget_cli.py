"""`gtm widget`: the assistant on other sites, from the terminal."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from assistant.channels.opening import fail, open_database
from assistant.channels.sites import MOST_TURNS, origin_of, tag_of
from assistant.settings import load_settings
from intents.command import Role

widget = typer.Typer(help="The assistant on other sites, by one script tag.", no_args_is_help=True)

console = Console()


@widget.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is for, as intranet.")],
    origin: Annotated[
        list[str], typer.Option(help="A site it may stand on, as https://www.example.com; several times.")
    ],
    role: Annotated[str, typer.Option(help="viewer or operator: what its visitors may ask.")] = "viewer",
    per_minute: Annotated[
        int, typer.Option(min=1, max=10_000, help="Turns a minute of its visitors together.")
    ] = MOST_TURNS,
    days: Annotated[int | None, typer.Option(min=1, help="Days it is valid; default for ever.")] = None,
) -> None:
    """Make a widget and print its script tag; the token is shown only this once."""
    from storage import widgets

    if role not in {one.value for one in widgets.ROLES}:
        fail(f"a widget is {' or '.join(widgets.ROLES)}, not {role!r}: its visitors are not known by name")
    try:
        origins = sorted({origin_of(one) for one in origin})
    except (ValueError, UnicodeError) as error:
        fail(str(error))
    settings = load_settings()
    lifetime = None if days is None else timedelta(days=days)
    with open_database(settings) as database, database.write() as connection:
        try:
            token = widgets.create(
                connection,
                name,
                Role(role),
                origins,
                per_minute,
                settings.time_zone,
                datetime.now(UTC),
                lifetime,
            )
        except widgets.NameTakenError as error:
            fail(f"{error}; `gtm widget list` shows them")
    url = settings.server.url
    console.print(f"{name}: {role} on {', '.join(origins)}. Put this into the page:\n", highlight=False)
    console.print(tag_of(url, token), soft_wrap=True, highlight=False, markup=False)
    console.print(f"\nTry it first: {url}/widget/demo#{token}", soft_wrap=True, highlight=False)


@widget.command("list")
def list_widgets() -> None:
    """List the widgets that are in use."""
    from storage import widgets

    now = datetime.now(UTC)
    with open_database(load_settings()) as database, database.read() as connection:
        for one in widgets.every(connection):
            if one.is_live(now):
                until = f", until {one.expires_at:%Y-%m-%d}" if one.expires_at else ""
                console.print(
                    f"{one.name:<20} {one.person.role:<9} {', '.join(one.origins)} "
                    f"({one.per_minute} a minute{until})",
                    soft_wrap=True,
                    highlight=False,
                )


@widget.command("revoke")
def revoke(name: str) -> None:
    """End a widget: its visitors are told so with the next thing they say."""
    from storage import widgets

    with open_database(load_settings()) as database, database.write() as connection:
        if not widgets.revoke(connection, name, datetime.now(UTC)):
            fail(f"there is no widget {name!r} in use; `gtm widget list` shows them")
    console.print(f"Revoked {name}.", highlight=False)
