"""Journeys on an engine that holds years of them: the same steps as in memory, written once for all engines.

The expressions are Ibis': DuckDB, Spark, ClickHouse and warehouses run them where the data are, and only sums
by channel come back. They need the extra ``history``. Two tables go in, with times in whole microseconds:

- touches: ``id`` (the order within a moment), ``visitor``, ``moment``, ``channel``
- conversions: ``id``, ``visitor``, ``moment``, ``revenue`` in millionths

Credits are floating point here: the exact ones of a report but for their rounding, a billionth a touch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.crediting import Model, Rules
from engines.journeys import LOOK_BACK_DAYS
from engines.markov import Flow

DAY = 86_400_000_000
"""Microseconds."""


def partitioned(connection: Any, folder: Path) -> Any:
    """A folder of Parquet files, partitioned as ``day=2026-03-15/…`` or not at all, as a table on DuckDB."""
    return connection.read_parquet(f"{folder}/**/*.parquet", hive_partitioning=True)


def claimed(touches: Any, conversions: Any, look_back_days: float = LOOK_BACK_DAYS) -> Any:
    """A row a touch and conversion that claims it: ``conversion``, ``won``, ``revenue``, and of the touch
    ``id``, ``moment``, ``channel``, its ``position`` from 0, the ``length`` of the journey, and how often the
    journey ``met`` its channel."""
    import ibis

    won = conversions.select(
        conversion=conversions.id,
        buyer=conversions.visitor,
        won=conversions.moment,
        revenue=conversions.revenue,
    )
    look_back = int(look_back_days * DAY)
    joined = won.join(
        touches,
        [
            won.buyer == touches.visitor,
            touches.moment <= won.won,
            touches.moment >= won.won - look_back,
        ],
    )
    in_order = ibis.window(group_by="conversion", order_by=["moment", "id"])
    return joined.select(
        "conversion", "won", "revenue", "id", "visitor", "moment", "channel",
        position=ibis.row_number().over(in_order),
        length=joined.id.count().over(ibis.window(group_by="conversion")),
        met=joined.id.count().over(ibis.window(group_by=["conversion", "channel"])),
        before=joined.channel.lag().over(in_order),
    )  # fmt: skip


def sessions(touches: Any, session_minutes: float) -> Any:
    """Of a visitor's touches of one channel with no longer pause from each to the next, the first alone."""
    import ibis

    pause = int(session_minutes * DAY / 1440)
    in_order = ibis.window(group_by="visitor", order_by=["moment", "id"])
    beside = touches.mutate(
        _channel=touches.channel.lag().over(in_order), _moment=touches.moment.lag().over(in_order)
    )
    goes_on = (beside._channel == beside.channel) & (beside.moment - beside._moment <= pause)
    return beside.filter(~goes_on.fill_null(False)).drop("_channel", "_moment")


def credits_by_channel(claims: Any, rules: Rules | None = None) -> Any:
    """A row a channel with its conversions under every rule, and its revenue (millionths) as ``…_revenue``.

    Shapley's are those of the game of conversions.
    """
    import ibis

    rules = rules or Rules()
    weights = _weights(claims, rules)
    weighted = claims.mutate(**weights)
    whole = ibis.window(group_by="conversion")
    shares = {name: weighted[name] / weighted[name].sum().over(whole) for name in weights}
    shared = weighted.select("channel", "revenue", **shares)
    return shared.group_by("channel").aggregate(
        **{name: shared[name].sum() for name in weights},
        **{f"{name}_revenue": (shared[name] * shared.revenue).sum() for name in weights},
    )


def _weights(claims: Any, rules: Rules) -> dict[str, Any]:
    import ibis

    is_first, is_last = claims.position == 0, claims.position == claims.length - 1
    first, between, last = rules.position_weights
    short = (first / (first + last), last / (first + last)) if first + last else (0.5, 0.5)
    by_position = ibis.cases(
        (claims.length == 1, 1.0),
        ((claims.length == 2) & is_first, short[0]),
        (claims.length == 2, short[1]),
        (is_first, first),
        (is_last, last),
        else_=between / (claims.length - 2),
    )
    # Counted from the last touch, as in memory: old journeys do not underflow to nothing.
    latest = claims.moment.max().over(ibis.window(group_by="conversion"))
    age = (latest - claims.moment).cast("float64") / (rules.decay_days * DAY)
    return {
        Model.FIRST_TOUCH.value: is_first.cast("float64"),
        Model.LAST_TOUCH.value: is_last.cast("float64"),
        Model.LINEAR.value: ibis.literal(1.0),
        Model.TIME_DECAY.value: (-age).exp(),
        Model.POSITION_BASED.value: by_position,
        Model.SHAPLEY.value: 1.0 / claims.met.cast("float64"),
    }


@dataclass(frozen=True)
class Steps:
    """What a chain of order 1 needs, by channel; ``before`` is null at the start of a path."""

    moves: Any
    """``before``, ``channel``, ``times``."""
    ends: Any
    """``channel``, ``won``, ``revenue``, ``lost``."""


def steps(touches: Any, claims: Any, look_back_days: float = LOOK_BACK_DAYS) -> Steps:
    """The transitions of converting paths, and of those that no conversion claims."""
    lost = _lost(touches, claims, int(look_back_days * DAY))
    both = claims.select("before", "channel").union(lost.select("before", "channel"))
    moves = both.group_by(["before", "channel"]).aggregate(times=both.count())
    last = claims.filter(claims.position == claims.length - 1)
    gone = lost.filter(lost.is_last)
    ends = last.select("channel", "revenue", won=1, lost=0).union(
        gone.select("channel", revenue=gone.moment * 0, won=0, lost=1)
    )
    sums = {name: ends[name].sum() for name in ("won", "revenue", "lost")}
    return Steps(moves, ends.group_by("channel").aggregate(**sums))


def _lost(touches: Any, claims: Any, look_back: int) -> Any:
    """A row a touch that no conversion claims, with the one before it on its path."""
    import ibis

    known = claims.select("id").distinct().mutate(claimed=True)
    marked = touches.left_join(known, "id")
    # Where nothing matches ClickHouse has false, others have null.
    marked = marked.select("id", "visitor", "moment", "channel", free=~marked.claimed.fill_null(False))
    in_order = ibis.window(group_by="visitor", order_by=["moment", "id"])
    beside = marked.mutate(
        earlier=marked.channel.lag().over(in_order),
        earlier_free=marked.free.lag().over(in_order),
        pause=marked.moment - marked.moment.lag().over(in_order),
        later_free=marked.free.lead().over(in_order),
        rest=marked.moment.lead().over(in_order) - marked.moment,
    )
    free = beside.filter(beside.free)
    goes_on = (free.earlier_free & (free.pause <= look_back)).fill_null(False)
    return free.select(
        "channel",
        "moment",
        before=ibis.ifelse(goes_on, free.earlier, ibis.null("string")),
        is_last=~(free.later_free & (free.rest <= look_back)).fill_null(False),
    )


def flow(found: Steps, names: Sequence[str]) -> Flow:
    """Run the steps where the data are and bring their counts here, for `engines.markov.removal_effects`."""
    code = {name: place for place, name in enumerate(names, 1)}
    width = len(names) + 1
    moves = np.zeros((width, width))
    for row in found.moves.to_pyarrow().to_pylist():
        moves[code.get(row["before"], 0), code[row["channel"]]] = row["times"]
    ends = np.zeros((3, width))
    for row in found.ends.to_pyarrow().to_pylist():
        ends[:, code[row["channel"]]] = [float(row[name]) for name in ("won", "revenue", "lost")]
    return Flow(len(names), 1, moves, *ends)
