"""The joint media mix on files of others, and against businesses whose truth is known.

``python -m benchmarks.mediamix [--robyn FILE] [--meridian FILE] [--businesses 60]``

The files are ``dt_simulated_weekly.csv`` of Robyn (github.com/facebookexperimental/Robyn, MIT) and
``national_all_channels.csv`` of Meridian (github.com/google/meridian, Apache-2.0). Each is checked on four
quarters, every one foretold from the weeks before it.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from engines.mediamix import Mix, Weeks, fit_mix
from engines.mixcheck import HELD_OUT, check
from engines.response import Refusal
from storage.imports.weekly import Wanted, read_weeks
from tests.test_mediamix import business

ORIGINS = 4
ROBYN = Wanted(
    "revenue",
    ("tv_S", "ooh_S", "print_S", "facebook_S", "search_S"),
    {"facebook_S": "facebook_I", "search_S": "search_clicks_P"},
    ("competitor_sales_B", "newsletter", "events"),
)
MERIDIAN = Wanted(
    "conversions",
    tuple(f"Channel{place}_spend" for place in range(5)),
    {f"Channel{place}_spend": f"Channel{place}_impression" for place in range(5)},
    ("competitor_sales_control", "sentiment_score_control", "Promo", "Organic_channel0_impression"),
    worth="revenue_per_conversion",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robyn", type=Path)
    parser.add_argument("--meridian", type=Path)
    parser.add_argument("--businesses", type=int, default=60)
    options = parser.parse_args()
    for file, wanted in ((options.robyn, ROBYN), (options.meridian, MERIDIAN)):
        if file is not None:
            weeks, _ = read_weeks(file, wanted)
            tell(file.name, weeks)
    known(options.businesses)


def fitted(weeks: Weeks, seed: int = 0) -> Mix:
    found = fit_mix(weeks, seed=seed)
    assert isinstance(found, Mix), found
    return found


def tell(name: str, weeks: Weeks) -> None:
    begun = time.process_time()
    mix = fitted(weeks)
    took = time.process_time() - begun
    print(
        f"{name}: {mix.weeks} weeks, R² {mix.r_squared:.3f}, error {mix.error:.3f}, R-hat {mix.spread:.3f}, ",
        end="",
    )
    print(f"{took:.1f} CPU s, no channel {mix.base.value:.1%} ({mix.base.low:.1%} to {mix.base.high:.1%})")
    for part in mix.parts:
        share, before, returns = part.share, part.share_before, part.returns
        assert returns is not None
        print(
            f"  {part.name}: share {share.value:.1%} ({share.low:.1%} to {share.high:.1%}), before "
            f"{before.low:.1%} to {before.high:.1%}; return {returns.value:.2f} "
            f"({returns.low:.2f} to {returns.high:.2f}), told {part.told}"
        )
    rows = []
    for back in range(ORIGINS):
        found = check(weeks.until(len(weeks.outcome) - HELD_OUT * back))
        assert not isinstance(found, Refusal), found
        rows.append((found.mix, found.regression, found.seasonal_naive or np.nan, found.inside))
    mix_error, regression, naive, inside = np.array(rows).mean(axis=0)
    print(
        f"  {ORIGINS} quarters foretold: error {mix_error:.3f}, regression {regression:.3f}, seasonal naive "
        f"{naive:.3f}; inside the 90 % range {inside:.0%}"
    )


def known(businesses: int) -> None:
    held, base, missed, before = [], [], [], []
    for seed in range(100, 100 + businesses):
        weeks, truth = business(seed, weeks=130, channels=4)
        mix = fitted(weeks, seed)
        for part, share in zip(mix.parts, truth, strict=True):
            held.append(part.share.low <= share <= part.share.high)
            missed.append(abs(part.share.value - share))
            before.append(abs(part.share_before.value - share))
        base.append(mix.base.low <= 1 - truth.sum() <= mix.base.high)
    print(
        f"{businesses} businesses of 130 weeks and 4 channels: range holds a channel's share "
        f"{np.mean(held):.1%}, the rest's {np.mean(base):.1%}; mean error of a share {np.mean(missed):.3f}, "
        f"of what was assumed before {np.mean(before):.3f}"
    )


if __name__ == "__main__":
    main()
