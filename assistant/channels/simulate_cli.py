"""`gtm simulate`: the loops and the optimizer in a market whose truth only the simulator knows."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from assistant.channels.opening import fail
from assistant.settings import load_settings

console = Console()
errors = Console(stderr=True)


def simulate(
    days: Annotated[int, typer.Option(min=14, max=730, help="Days to decide in.")] = 120,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Seeds of each market.")] = 20,
    ways: Annotated[
        str, typer.Option("--with", help="Who acts: optimizer, triggers, or both.")
    ] = "optimizer,triggers",
    against: Annotated[str, typer.Option(help="What it is compared with: static.")] = "static",
    markets: Annotated[
        str, typer.Option(help="Kinds of market: moving, broken, tuned, flat, noise.")
    ] = "moving,broken,tuned,flat,noise",
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes at once; by default one a core.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the report goes; by default the data folder.")
    ] = None,
) -> None:
    """Prove the loops in simulated markets: with and without, by seed, with intervals and pictures.

    Cut off and given the same --out again, it goes on where it was.
    """
    from assistant.simulation import report
    from assistant.simulation.arena import WAYS
    from assistant.simulation.outcome import figures, kinds, of_kind
    from assistant.simulation.running import Job, keep, kept, pairs
    from engines.worlds import Kind

    chosen = tuple(dict.fromkeys(part.strip() for part in ways.split(",") if part.strip()))
    if not chosen or set(chosen) - set(WAYS):
        fail(f"--with takes {' and '.join(WAYS)}, not {ways!r}")
    if against != "static":
        fail("--against takes static: the money as it was split at the start")
    known = [kind.value for kind in Kind]
    wanted = list(dict.fromkeys(part.strip() for part in markets.split(",") if part.strip()))
    if not wanted or set(wanted) - set(known):
        fail(f"--markets takes {', '.join(known)}, not {markets!r}")
    settings = load_settings()
    begun = datetime.now(UTC)
    folder = out or settings.data_dir / "simulations" / f"{begun:%Y%m%d-%H%M%S}"
    # Seed by seed, so that a run that is cut off has been to all markets alike.
    jobs = [Job(Kind(kind), seed, days, chosen, settings) for seed in range(1, seeds + 1) for kind in wanted]
    found = kept(folder, jobs)
    done = {(one.kind, one.seed) for one in found}
    left = [job for job in jobs if (job.kind, job.seed) not in done]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as progress:
        task = progress.add_task("markets", total=len(jobs), completed=len(found))
        for one in pairs(left, min(processes or os.cpu_count() or 1, max(len(left), 1))):
            keep(folder, one)
            found.append(one)
            told_of = f"{one.kind.value}, seed {one.seed}"
            progress.update(task, advance=1, description=told_of)
            if not errors.is_terminal:
                errors.print(f"{len(found)} of {len(jobs)}: {told_of}, {one.seconds:.0f} s")
    path = report.write(folder, found, begun=f"{begun:%Y-%m-%d %H:%M} UTC")
    for kind in kinds(found):
        told = []
        for figure in figures(of_kind(found, kind)):
            shape = "+.1%" if figure.relative else "+.2f"
            change, low, high = (f"{value:{shape}}" for value in (figure.change, figure.low, figure.high))
            told.append(f"{figure.name} {change} ({low} to {high})")
        console.print(f"{kind.value}: {'; '.join(told)}", highlight=False, soft_wrap=True)
    console.print(f"Report: {path}", highlight=False, soft_wrap=True)
