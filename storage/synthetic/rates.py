"""Exchange rates of every pair of the portfolio's currencies for every day of the history."""

from itertools import permutations

import numpy as np
from numpy.random import Generator

from engines.market import Ints
from storage.synthetic.clock import day_text
from storage.synthetic.portfolio import CURRENCIES
from storage.synthetic.writer import Writer
from storage.ventures import exchange_rates

_SCALE = 10**8


def write_rates(writer: Writer, rng: Generator, ordinals: Ints) -> None:
    """Write rates that wander around their usual level."""
    names = sorted(CURRENCIES)
    worth = np.array([CURRENCIES[name] for name in names])[:, None]
    steps = rng.normal(0, 0.004, (len(names), len(ordinals)))
    steps[names.index("USD")] = 0
    levels = dict(
        zip(names, worth * np.exp(np.cumsum(steps - 0.01 * np.cumsum(steps, axis=1), axis=1)), strict=True)
    )
    pairs = list(permutations(names, 2))
    rates = np.stack([np.rint(levels[quote] / levels[base] * _SCALE) for base, quote in pairs], axis=1)
    writer.add(
        exchange_rates,
        {
            "day": [day_text(ordinal) for ordinal in ordinals.tolist() for _ in pairs],
            "base": [base for base, _ in pairs] * len(ordinals),
            "quote": [quote for _, quote in pairs] * len(ordinals),
            "rate": rates.astype(np.int64).ravel().tolist(),
        },
    )
