"""How much CPU and memory attribution of ten million touches takes, beside two packages of the field.

``python -m benchmarks.attribution [TOUCHES]`` makes the touches itself (seeded, in the order they arrived),
credits them in a process of its own and prints CPU seconds and peak memory; and how far Markov is from the
closed form. The peers are ChannelAttribution 2.2.5 and marketing_attribution_models 2.1.1, each in a process
too, where ``.peers`` holds them::

    .venv/bin/uv venv .peers
    .venv/bin/uv pip install --python .peers ChannelAttribution==2.2.5 matplotlib
    .venv/bin/uv pip install --python .peers marketing_attribution_models==2.1.1

They get finished paths, in the shape they want, and only their models are counted; ours begins with unsorted
touches.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from engines.crediting import UNITS, Model, channel_totals
from engines.journeys import Packed, pack
from engines.markov import Steps, removal_effects
from engines.paths import Paths, converting, lost
from engines.shapley import Game, Worth
from engines.terms import Channel

TOUCHES = 10_000_000
CHANNELS = tuple(Channel)[:12]
PEERS = Path(".peers/bin/python")
DAY = 86_400


def made(touches: int, path: Path) -> None:
    """A year of a market in which some channels persuade and others are only frequent."""
    rng = np.random.default_rng(11)
    visitors = touches // 4
    lengths = np.minimum(rng.geometric(0.25, visitors), 60)
    starts = np.cumsum(lengths) - lengths
    count = int(lengths.sum())
    visitor = np.repeat(np.arange(visitors, dtype=np.int32), lengths)
    common = rng.dirichlet(np.full(len(CHANNELS), 4.0))
    channel = rng.choice(len(CHANNELS), count, p=common).astype(np.int8)
    again = rng.random(count) < 0.25
    again[starts] = False
    channel[1:][again[1:]] = channel[:-1][again[1:]]
    gaps = rng.exponential(2.5 * DAY, count).astype(np.int64) + 1
    gaps[starts] = rng.integers(0, 300 * DAY, visitors)
    moment = np.cumsum(gaps)
    moment -= np.repeat(moment[starts] - gaps[starts], lengths)
    pull = rng.normal(0, 0.5, len(CHANNELS))
    chance = 1 / (1 + np.exp(2.2 - np.add.reduceat(pull[channel], starts)))
    won_visitor = np.flatnonzero(rng.random(visitors) < chance).astype(np.int32)
    last = (starts + lengths - 1)[won_visitor]
    won = moment[last] + rng.exponential(DAY, len(won_visitor)).astype(np.int64)
    revenue = (rng.lognormal(4, 0.8, len(won_visitor)) * 100).astype(np.int64) * 10_000
    arrived = np.argsort(moment, kind="stable")
    np.savez(
        path,
        visitor=visitor[arrived],
        moment=moment[arrived],
        channel=channel[arrived],
        won_visitor=won_visitor,
        won=won,
        revenue=revenue,
    )


@contextmanager
def timed(name: str, taken: dict[str, float]) -> Iterator[None]:
    """CPU seconds of the block, all threads counted."""
    start = time.process_time()
    yield
    taken[name] = time.process_time() - start


def credited(path: Path) -> None:
    """Every model, from unsorted touches; prints what it took as JSON."""
    with np.load(path) as held:
        given = {name: held[name] for name in held.files}
    taken: dict[str, float] = {}
    with timed("sort and join", taken):
        packed = pack(CHANNELS, **given)
        del given
    with timed("five rules", taken):
        rules = channel_totals(packed, [m for m in Model if m not in (Model.MARKOV, Model.SHAPLEY)])
    with timed("paths", taken):
        won, gone = converting(packed), lost(packed)
        both = joined(packed, won, gone)
    with timed("Shapley of conversions", taken):
        game, counts = Game(both), (both.conversions, both.revenue, both.lost)
        values = game.values(Worth.CONVERSIONS, *counts)
    with timed("Shapley of rates, on the same sets", taken):
        game.values(Worth.RATE, *counts)
    with timed("Markov 1, 2 and 3", taken):
        flow = Steps(both, 3).flow(*counts)
        effects = [removal_effects(flow.lower(order)) for order in (1, 2, 3)]
    credited = int((packed.lengths > 0).sum())
    assert all(int(units.sum()) == credited * UNITS for units, _ in rules.values())
    assert abs(values.conversions.sum() - credited) < 1e-3
    told = {
        "taken": taken,
        "touches": len(packed.moment),
        "conversions": credited,
        "lost": len(gone.lengths),
        "first": rules[Model.FIRST_TOUCH][0].tolist(),
        "markov": [one.shares[0].tolist() for one in effects],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(told))


def joined(packed: Packed, won: Paths, gone: Paths) -> Paths:
    """Both kinds of paths on the same touches."""
    columns = ("firsts", "lengths", "conversions", "revenue", "lost")
    return Paths(
        packed.names,
        packed.channel,
        *(np.concatenate([getattr(won, name), getattr(gone, name)]) for name in columns),
    )


def for_peers(source: Path, target: Path) -> None:
    """The finished paths as the peers take them: a line a different path with its counts."""
    with np.load(source) as held:
        packed = pack(CHANNELS, **{name: held[name] for name in held.files})
    paths = joined(packed, converting(packed), lost(packed)).collapsed()
    names = np.array(CHANNELS, dtype=object)
    flat = names[paths.flat]
    ends = np.cumsum(paths.lengths).tolist()
    with target.open("w", encoding="utf-8") as file:
        file.write("path,conversions,revenue,lost\n")
        start = 0
        rows = zip(ends, paths.conversions.tolist(), paths.revenue.tolist(), paths.lost.tolist(), strict=True)
        for end, conversions, revenue, gone in rows:
            file.write(f"{' > '.join(flat[start:end])},{conversions},{revenue / 1e6},{gone}\n")
            start = end


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("touches", nargs="?", type=int, default=TOUCHES)
    parser.add_argument("--data", type=Path, help="credit these made touches, and print JSON")
    asked = parser.parse_args()
    if asked.data is not None:
        credited(asked.data)
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "touches.npz"
        made(asked.touches, data)
        ours = json.loads(run([sys.executable, "-m", "benchmarks.attribution", "--data", str(data)]))
        print(
            f"{ours['touches']:,} touches, {ours['conversions']:,} conversions, {ours['lost']:,} lost paths"
        )
        for name, seconds in ours["taken"].items():
            print(f"  {name}: {seconds:.2f} CPU-s")
        whole = sum(ours["taken"].values())
        print(f"all models: {whole:.2f} CPU-s, {ours['megabytes']:,} MB at the most")
        print(f"  of that, from sorted touches on: {whole - ours['taken']['sort and join']:.2f} CPU-s")
        if not PEERS.exists():
            print("the peers are not installed in .peers: not measured")
            return
        paths = Path(folder) / "paths.csv"
        for_peers(data, paths)
        for peer in ("ChannelAttribution", "marketing_attribution_models"):
            told = run([str(PEERS), "benchmarks/attribution_peers.py", peer, str(paths)])
            compared(peer, json.loads(told.splitlines()[-1]), ours)


def run(command: list[str]) -> str:
    """What a process of its own prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def compared(peer: str, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """What it took, and how far its Markov shares are from the exact ones."""
    print(f"{peer}: {sum(theirs['taken'].values()):.1f} CPU-s, {theirs['megabytes']:,} MB at the most")
    for name, seconds in theirs["taken"].items():
        print(f"  {name}: {seconds:.1f} CPU-s")
    for order, (shares, exact) in enumerate(zip(theirs["markov"], ours["markov"], strict=False), 1):
        apart = max(abs(shares[name] / share - 1) for name, share in zip(CHANNELS, exact, strict=True))
        print(f"  Markov {order}: shares up to {apart:.2%} from ours")


if __name__ == "__main__":
    main()
