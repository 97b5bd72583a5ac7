"""The faults a synthetic portfolio is given on purpose, at known rates."""

from collections import defaultdict

import numpy as np
from numpy.random import Generator

from engines.market import Ints

RATES = {
    "keywords_without_cpc": 0.04,
    "keywords_without_volume": 0.02,
    "keywords_beyond_difficulty": 0.01,
    "influencers_twice": 0.02,
    "influencers_without_views": 0.05,
    "customers_without_email": 0.02,
    "customers_lost_before_won": 0.008,
    "leads_with_bad_email": 0.015,
    "touchpoints_without_line": 0.03,
    "days_with_more_clicks_than_impressions": 0.004,
    "backlinks_without_anchor": 0.06,
    "memories_with_wrong_shares": 0.025,
    "trends_peaking_before_seen": 0.025,
}
"""Share of a table's rows each fault is put into; each is named as the quality check that finds it."""


class Faults:
    """Chooses the rows that get a fault, so that each rate is met to the row over any number of chunks."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = defaultdict(int)
        self.injected: dict[str, int] = defaultdict(int)

    def pick(self, name: str, rows: int, rng: Generator, after: int = 0) -> Ints:
        """Which of the next ``rows`` rows to spoil, sorted; the first ``after`` of them are left alone."""
        self.rows[name] += rows
        due = min(rows - after, int(self.rows[name] * RATES[name] + 0.5) - self.injected[name])
        self.injected[name] += due
        return np.sort(after + rng.choice(rows - after, size=due, replace=False))

    def report(self) -> dict[str, dict[str, float]]:
        """For each fault its rate, the rows it was drawn over and how many got it."""
        return {
            name: {"rate": rate, "rows": self.rows[name], "injected": self.injected[name]}
            for name, rate in RATES.items()
        }
