"""One package of the field on finished paths, for `benchmarks.attribution`; runs where that package is.

``python benchmarks/attribution_peers.py PACKAGE PATHS.csv`` prints CPU seconds by model, the peak memory and
Markov's shares as JSON. Reading the file is not counted.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

Told = dict[str, Any]


def timed(taken: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    start = time.process_time()
    result = work()
    taken[name] = time.process_time() - start
    return result


def channel_attribution(path: str) -> Told:
    import ChannelAttribution
    import pandas

    data = pandas.read_csv(path)
    taken: dict[str, float] = {}
    quiet = {"flg_pro": False}
    timed(
        taken,
        "first, last, linear",
        lambda: ChannelAttribution.heuristic_models(data, "path", "conversions", "revenue", **quiet),
    )
    shares = []
    model = partial(ChannelAttribution.markov_model, data, "path", "conversions", "revenue", "lost")
    for order in (1, 2, 3):
        found = timed(taken, f"Markov {order}", partial(model, order=order, verbose=False, **quiet))
        whole = found["total_conversions"].sum()
        shares.append(dict(zip(found["channel_name"], found["total_conversions"] / whole, strict=True)))
    return {"taken": taken, "markov": shares}


def marketing_attribution_models(path: str) -> Told:
    import polars
    from mam import MAM

    data = polars.read_csv(path)
    won = data.filter(polars.col("conversions") > 0).with_columns(times="conversions", has=True)
    lost = data.filter(polars.col("lost") > 0).with_columns(times="lost", has=False, revenue=polars.lit(0.0))
    rows = polars.concat([won, lost]).select("path", "times", "has", "revenue")
    del data, won, lost
    taken: dict[str, float] = {}
    mam = timed(
        taken,
        "its own form",
        lambda: MAM(rows, "grouped_journey", "path", "has", occurrences_colname="times"),
    )
    for name in ("first_click", "last_click", "linear", "position_based"):
        timed(taken, name.replace("_", " "), getattr(mam, f"run_{name}"))
    markov = timed(taken, "Markov 1", mam.run_markov)
    effects = markov.metadata["removal_effect"]["removal_effect"]
    timed(taken, "Shapley of rates, to size 4", mam.run_shapley)
    return {"taken": taken, "markov": [(effects / effects.sum()).to_dict()]}


def main() -> None:
    package, path = sys.argv[1:]
    told = {
        "ChannelAttribution": channel_attribution,
        "marketing_attribution_models": marketing_attribution_models,
    }[package](path)
    told["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(told))


if __name__ == "__main__":
    main()
