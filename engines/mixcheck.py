"""Whether a media mix foretells weeks it has not seen, beside two simple methods."""

from dataclasses import dataclass

import numpy as np

from engines.mediamix import Floats, Weeks, fit_mix
from engines.response import Refusal

HELD_OUT = 13
"""Last weeks kept from the fit: a quarter."""

_YEAR = 52


@dataclass(frozen=True)
class Check:
    """Errors over the weeks kept from the fit: root of the mean squared error over their mean outcome."""

    weeks: int
    mix: float
    """Of the media mix, given what was spent and the controls."""
    regression: float
    """Of an ordinary regression on level, trend, two waves of the year, controls and spend as it is."""
    seasonal_naive: float | None
    """Of the same week a year before; None where the weeks fitted are less than a year."""
    inside: float
    """Share of the weeks inside the mix's 90 % prediction interval."""


def check(weeks: Weeks, *, held_out: int = HELD_OUT, seed: int = 0) -> Check | Refusal:
    """Fit all but the last ``held_out`` weeks and foretell those.

    Refuses what `fit_mix` refuses of the weeks that are left. Raises `ValueError` without weeks to hold out.
    """
    if held_out < 1:
        raise ValueError("there must be a week to foretell")
    seen = len(weeks.outcome) - held_out
    mix = fit_mix(weeks.until(max(seen, 0)), seed=seed)
    if isinstance(mix, Refusal):
        return mix
    real = weeks.outcome[seen:]
    expected = mix.drawn.predicted(weeks)[:, seen:]
    noise = np.random.default_rng([seed, 1]).standard_normal(expected.shape)
    counted = expected + np.sqrt(mix.drawn.sample.variance)[:, None] * noise
    low, high = np.quantile(counted, (0.05, 0.95), axis=0)
    naive = None
    if seen >= _YEAR:
        naive = _error(weeks.outcome[seen - _YEAR + np.arange(held_out) % _YEAR], real)
    return Check(
        weeks=held_out,
        mix=_error(expected.mean(axis=0), real),
        regression=_error(_regression(weeks, seen), real),
        seasonal_naive=naive,
        inside=float(((low <= real) & (real <= high)).mean()),
    )


def _error(expected: Floats, real: Floats) -> float:
    return float(np.sqrt(((expected - real) ** 2).mean()) / real.mean())


def _regression(weeks: Weeks, seen: int) -> Floats:
    years = (weeks.ordinals - weeks.ordinals[0]) / 365.25
    angle = 2 * np.pi * years
    columns = [np.ones(len(years)), years]
    for wave in (1, 2):
        columns += [np.cos(wave * angle), np.sin(wave * angle)]
    columns += [one.values for one in weeks.controls]
    columns += [one.spend for one in weeks.channels]
    table = np.stack(columns, axis=1)
    table = table / np.maximum(np.abs(table).max(axis=0), 1e-300)
    found = np.linalg.lstsq(table[:seen], weeks.outcome[:seen], rcond=None)[0]
    return np.asarray(table[seen:] @ found)
