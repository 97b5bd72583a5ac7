"""Daily performance of a venture's lines."""

import numpy as np
from numpy.random import Generator

from engines.market import Flags, History
from storage.performance import daily_performance
from storage.synthetic.clock import LocalDays, day_text
from storage.synthetic.faults import Faults
from storage.synthetic.orders import MICRO_A_CENT, Orders
from storage.synthetic.writer import Writer


def write_performance(
    writer: Writer,
    rng: Generator,
    history: History,
    orders: Orders,
    running: Flags,
    days: LocalDays,
    first_line: int,
    faults: Faults,
) -> None:
    """Write a row for every day a line ran; orders and revenue are those of the conversions."""
    counts, cents = orders.totals((running.shape[0], running.shape[1]))
    line, day = np.nonzero(running)
    impressions, clicks = history.impressions[line, day].copy(), history.clicks[line, day].copy()
    # Impressions that got lost: more clicks than there were would swamp a month's rates.
    wrong = faults.pick("days_with_more_clicks_than_impressions", len(line), rng)
    clicks[wrong] = np.maximum(clicks[wrong], 1)
    impressions[wrong] = clicks[wrong] - 1
    texts = [day_text(ordinal) for ordinal in days.ordinals.tolist()]
    writer.add(
        daily_performance,
        {
            "line_id": (first_line + line).tolist(),
            "day": [texts[place] for place in day.tolist()],
            "reach": np.minimum(history.reach[line, day], impressions).tolist(),
            "impressions": impressions.tolist(),
            "clicks": clicks.tolist(),
            "leads": history.leads[line, day].tolist(),
            "conversions": counts[line, day].tolist(),
            "revenue": (cents[line, day] * MICRO_A_CENT).tolist(),
            "spend": (history.spend[line, day] * MICRO_A_CENT).tolist(),
        },
    )
