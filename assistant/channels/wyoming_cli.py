"""`gtm voice wyoming`: ears and mouth for satellites, without the rest of the service."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assistant.settings import load_settings

if TYPE_CHECKING:
    from assistant.voicing import Voicing

USUAL_PORT = 10300
"""Where Home Assistant expects ears."""
FAILED = 2

console = Console()
errors = Console(stderr=True)


def wyoming(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; default voice.wyoming_host, 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help=f"Port; default voice.wyoming_port, or {USUAL_PORT}."),
    ] = None,
) -> None:
    """Hear and speak for Wyoming clients, such as Home Assistant, until Ctrl-C.

    The protocol has no passwords: whoever reaches the port may use both. No command is carried out.
    """
    import asyncio

    from assistant.bootstrap import build, set_up_log

    settings = load_settings()
    set_up_log(settings)
    at = host or settings.voice.wyoming_host, port or settings.voice.wyoming_port or USUAL_PORT
    assistant = build(settings)
    try:
        asyncio.run(_serve(assistant.voicing, *at))
    except OSError as error:
        errors.print(
            f"gtm: cannot listen on {at[0]}:{at[1]}: {error}", style="red", soft_wrap=True, markup=False
        )
        raise typer.Exit(FAILED) from error
    finally:
        assistant.close()


async def _serve(voicing: "Voicing", host: str, port: int) -> None:
    import asyncio
    import signal

    from assistant.channels.lane import Lane
    from assistant.channels.wyoming import WyomingServer

    server = WyomingServer(voicing, Lane())
    await server.start(host, port)
    console.print(f"Wyoming: tcp://{host}:{server.port}", soft_wrap=True, highlight=False)
    over = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, over.set)
    try:
        await over.wait()
    finally:
        await server.stop()
