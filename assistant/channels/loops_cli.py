"""`gtm loops`: what the service does by itself, from the terminal."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from assistant.channels.opening import fail
from assistant.settings import load_settings

if TYPE_CHECKING:
    from assistant.bus import Bus
    from assistant.reply import Reply

loops = typer.Typer(help="What the service does by itself: list, pause, resume, run.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="LOOP", help="As `gtm loops` lists it, or all.")]

console = Console()


@contextmanager
def _door() -> Iterator["Bus"]:
    from assistant.bootstrap import build_bus, build_loops

    bus = build_bus(load_settings())
    try:
        build_loops(bus).prepare(bus.clock())
        yield bus
    finally:
        bus.database.close()


def _carried_out(bus: "Bus", name: str, **slots: Any) -> "Reply":
    """A command of the chairman's, through the one door."""
    from pydantic import ValidationError

    from assistant.turn import Turn
    from storage import people

    with bus.database.read() as connection:
        person = people.chairman(connection)
    if person is None:
        fail("there is no chairman; `gtm user add` adds one")
    try:
        command = bus.catalogue[name].model_validate(slots)
    except ValidationError:
        fail(f"there is no loop {slots.get('loop')!r}; `gtm loops` lists them")
    return bus.dispatch(command, Turn(person=person, channel="terminal", text=f"gtm loops: {name}"))


def _show(reply: "Reply", *, as_json: bool = False) -> None:
    from assistant.channels import terminal

    if as_json:
        sys.stdout.write(json.dumps(reply.model_dump(mode="json"), ensure_ascii=False) + "\n")
    else:
        terminal.show(reply, console)
    raise typer.Exit(terminal.exit_status(reply))


@loops.callback(invoke_without_command=True)
def overview(
    context: typer.Context,
    as_json: Json = False,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Whether what changes promised came true, and where from.")
    ] = False,
) -> None:
    """List the loops: when they run, what they last came to, and what to look at."""
    if context.invoked_subcommand is not None:
        return
    with _door() as bus:
        reply = _carried_out(bus, "list_loops")
        if calibration and not as_json:
            from assistant.channels import terminal

            result: Any = reply.result
            if result is None or result.calibration is None:
                console.print("No change with a promise was judged yet.")
                raise typer.Exit
            for line in reply.reply.text.split("\n"):
                if "stated" in line.lower():
                    console.print(line, soft_wrap=True, highlight=False)
            terminal.show_evidence(reply, console)
            raise typer.Exit
        _show(reply, as_json=as_json)


@loops.command("list")
def list_all(as_json: Json = False) -> None:
    """List the loops."""
    with _door() as bus:
        _show(_carried_out(bus, "list_loops"), as_json=as_json)


@loops.command()
def pause(name: Name) -> None:
    """Pause a loop, or all of them."""
    with _door() as bus:
        _show(_carried_out(bus, "pause_loop", loop=name))


@loops.command()
def resume(name: Name) -> None:
    """Let a paused loop, or all of them, run again."""
    with _door() as bus:
        _show(_carried_out(bus, "resume_loop", loop=name))


@loops.command()
def run(name: Name, as_json: Json = False) -> None:
    """Run a loop here and now, and show what it came to. Status 1 when it failed or runs elsewhere."""
    from assistant.bootstrap import build_loops
    from intents import lexicon

    with _door() as bus:
        ours = build_loops(bus)
        found = lexicon.canonical("loop", name)
        if found is None or (found != "all" and found not in ours.declared):
            fail(f"there is no loop {name!r}; `gtm loops` lists them")
        held = [one for one in ours.declared if found in ("all", one) and not ours.run_now(one)]
        if held:
            fail(f"{', '.join(held)} is being done by another process")
        reply = _carried_out(bus, "list_loops", loop=found)
        result: Any = reply.result
        failed = any(one.last_outcome == "failed" for one in getattr(result, "loops", ()))
        try:
            _show(reply, as_json=as_json)
        except typer.Exit as leaving:
            raise typer.Exit(1 if failed else leaving.exit_code) from None
