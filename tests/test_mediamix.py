"""A joint media mix against businesses whose truth is known, and its command on files."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from assistant.channels.cli import cli
from engines.mediamix import (
    MIN_SPENT_WEEKS,
    MIN_WEEKS,
    Control,
    Floats,
    Media,
    Mix,
    Weeks,
    carried_over,
    fit_mix,
)
from engines.mixcheck import check
from engines.response import Refusal

FIRST = date(2023, 1, 2)
BUSINESSES = 4


def business(seed: int, weeks: int = 120, channels: int = 3) -> tuple[Weeks, Floats]:
    """Weekly figures with a season, a trend and a price in them, and each channel's share in truth."""
    rng = np.random.default_rng([77, seed])
    ordinals = FIRST.toordinal() + 7 * np.arange(weeks)
    wave = 0.12 * np.cos(2 * np.pi * (ordinals - rng.integers(365)) / 365.25)
    shares = rng.uniform(0.2, 0.5) * rng.dirichlet(np.full(channels, 2.0))
    media, brought = [], np.zeros((channels, weeks))
    for place in range(channels):
        spend = rng.uniform(2_000, 20_000) * rng.lognormal(0, 0.4, weeks)
        if place == 1:
            spend *= (rng.random((weeks + 3) // 4) < 0.5).repeat(4)[:weeks]
        if place == 2:
            spend *= np.exp(2 * wave)
        usual = float(spend[spend > 0].mean())
        carried = carried_over(
            spend / usual, np.array([rng.uniform(0, 0.7)]), float(spend[:4].mean() / usual)
        )
        reached = 1 / (1 + (rng.uniform(0.5, 2) / np.maximum(carried[0], 1e-9)) ** rng.uniform(0.8, 1.8))
        brought[place] = reached / reached.mean() * shares[place]
        media.append(Media(f"channel {place}", np.round(spend, 2)))
    price = rng.standard_normal(weeks)
    base = (1 - shares.sum()) * (1 + 0.1 * np.linspace(-1, 1, weeks)) + wave - 0.05 * price
    outcome = 1e5 * (base + brought.sum(axis=0) + 0.05 * rng.standard_normal(weeks))
    truth = 1e5 * brought.sum(axis=1) / outcome.sum()
    return Weeks(ordinals, np.round(outcome, 2), tuple(media), (Control("price", price),)), truth


def mixed(weeks: Weeks, seed: int = 0) -> Mix:
    found = fit_mix(weeks, seed=seed)
    assert isinstance(found, Mix), found
    return found


def test_ranges_hold_the_shares_and_the_data_say_more_than_the_prior() -> None:
    held, missed, before = [], [], []
    for seed in range(BUSINESSES):
        weeks, truth = business(seed)
        found = mixed(weeks, seed)
        assert found.spread < 1.1
        for part, share in zip(found.parts, truth, strict=True):
            held.append(part.share.low <= share <= part.share.high)
            missed.append(abs(part.share.value - share))
            before.append(abs(part.share_before.value - share))
            assert part.returns is not None
            assert part.returns.value * part.spend == pytest.approx(part.share.value * weeks.outcome.sum())
        assert sum(part.share.value for part in found.parts) + found.base.value == pytest.approx(1)
    assert np.mean(held) >= 0.75, np.mean(held)
    assert np.mean(missed) < 0.75 * np.mean(before), (np.mean(missed), np.mean(before))


def test_a_channel_that_brings_nothing_is_found_to_bring_little() -> None:
    weeks, _ = business(1)
    idle = Media("idle", 10_000 * np.random.default_rng(5).lognormal(0, 0.6, len(weeks.outcome)))
    found = mixed(replace(weeks, channels=(*weeks.channels, idle)))
    part = found.parts[-1]
    assert part.share.value < 0.5 * part.share_before.value
    assert part.told


def test_channels_that_always_run_together_are_named() -> None:
    weeks, _ = business(2)
    twin = Media("twin", weeks.channels[0].spend * 1.5)
    found = mixed(replace(weeks, channels=(*weeks.channels, twin)))
    assert [pair[:2] for pair in found.alike] == [("channel 0", "twin")]
    assert found.alike[0][2] == pytest.approx(1)


def test_unseen_weeks_are_foretold_better_than_by_the_year_before() -> None:
    weeks, _ = business(3)
    found = check(weeks)
    assert not isinstance(found, Refusal)
    assert found.seasonal_naive is not None
    assert found.mix < 0.9 * found.seasonal_naive
    assert found.inside >= 0.6


def test_a_mix_repeats_by_seed_in_any_currency() -> None:
    weeks, _ = business(4)
    first = mixed(weeks)
    yen = replace(
        weeks,
        outcome=weeks.outcome * 150,
        channels=tuple(Media(one.name, one.spend * 150) for one in weeks.channels),
    )
    for part, other in zip(first.parts, mixed(yen).parts, strict=True):
        assert other.share.value == pytest.approx(part.share.value, rel=1e-6)
        assert other.returns is not None
        assert part.returns is not None
        assert other.returns.value == pytest.approx(part.returns.value, rel=1e-6)


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        (np.full(MIN_WEEKS, 100.0), "no_variation"),
        (np.where(np.arange(MIN_WEEKS) < MIN_SPENT_WEEKS - 1, 100.0, 0.0), "too_little_spend"),
    ],
)
def test_what_cannot_be_told_is_refused(channel: Floats, code: str) -> None:
    ordinals = FIRST.toordinal() + 7 * np.arange(MIN_WEEKS)
    outcome = 100 + np.random.default_rng(0).standard_normal(MIN_WEEKS)
    found = fit_mix(Weeks(ordinals, outcome, (Media("tv", channel),)))
    assert isinstance(found, Refusal)
    assert found.code == code
    assert found.cure


def test_too_few_weeks_no_channels_and_no_outcome_are_refused() -> None:
    weeks, _ = business(0)
    codes = []
    for one in (
        weeks.until(MIN_WEEKS - 1),
        replace(weeks, channels=()),
        replace(weeks, outcome=np.zeros(len(weeks.outcome))),
    ):
        found = fit_mix(one)
        assert isinstance(found, Refusal)
        codes.append(found.code)
    assert codes == ["too_little_history", "no_channels", "no_outcome"]


def test_impossible_weeks_are_rejected() -> None:
    weeks, _ = business(0)
    with pytest.raises(ValueError, match="seven days"):
        fit_mix(replace(weeks, ordinals=weeks.ordinals * 2))
    with pytest.raises(ValueError, match="negative"):
        fit_mix(replace(weeks, channels=(Media("tv", -weeks.channels[0].spend),)))
    with pytest.raises(ValueError, match="differ"):
        fit_mix(replace(weeks, outcome=weeks.outcome[1:]))


def written(path: Path, weeks: Weeks, *, days: bool = False, events: Sequence[str] = ()) -> Path:
    """A file of the weeks, or of their days, each a seventh of its week."""
    parts = 7 if days else 1
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Week", "Revenue", "tv spend", "radio", "search", "price", "event"])
        for place, start in enumerate(weeks.ordinals.tolist()):
            for day in range(parts):
                rows.writerow(
                    [
                        (date.fromordinal(start) + timedelta(days=day)).isoformat(),
                        f"{weeks.outcome[place] / parts:,.6f}",
                        *(f"{one.spend[place] / parts or ''}" for one in weeks.channels),
                        weeks.controls[0].values[place],
                        events[place] if events else "",
                    ]
                )
    return path


ASKED = ["--outcome", "Revenue", "--spend", "tv spend,radio,search", "--controls", "price"]


def gtm(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["fit-mix", *words])
    return done.exit_code, done.output


def test_a_file_is_told_as_the_engine_tells_it(tmp_path: Path) -> None:
    weeks, _ = business(3)
    file = written(tmp_path / "weeks.csv", weeks)
    status, said = gtm(str(file), *ASKED, "--json")
    assert status == 0, said
    report = json.loads(said)
    expected = mixed(weeks)
    for told, part in zip(report["channels"], expected.parts, strict=True):
        assert told["share"]["value"] == pytest.approx(part.share.value, abs=1e-3)
    assert report["weeks"] == len(weeks.outcome)
    assert report["first_week"] == FIRST.isoformat()
    assert report["held_out"]["weeks"] == 13
    assert report["r_squared"] == pytest.approx(expected.r_squared, abs=1e-3)


def test_days_become_weeks_and_words_become_controls(tmp_path: Path) -> None:
    weeks, _ = business(3)
    events = ["sale" if place % 9 == 0 else "" for place in range(len(weeks.outcome))]
    file = written(tmp_path / "days.csv", weeks, days=True, events=events)
    status, said = gtm(str(file), *ASKED[:-1], "price,event", "--held-out", "0", "--date", "Week")
    assert status == 0, said
    assert f"{len(weeks.outcome) * 7} days summed to {len(weeks.outcome)} whole weeks" in said
    assert "Event is in words: sale told apart from blank." in said
    assert "tv spend" in said
    assert "no channel" in said


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    weeks, _ = business(3)
    file = written(tmp_path / "weeks.csv", weeks)
    status, said = gtm(str(file), "--outcome", "sales", "--spend", "radio")
    assert status == 2
    assert "no column 'sales'" in said
    lines = file.read_text().splitlines()
    gap = tmp_path / "gap.csv"
    gap.write_text("\n".join([*lines[:20], *lines[21:]]))
    assert "the next row is not 7 days later" in " ".join(gtm(str(gap), *ASKED)[1].split())
    twice = tmp_path / "twice.csv"
    twice.write_text("\n".join([*lines[:20], lines[19], *lines[20:]]))
    assert "is there twice" in gtm(str(twice), *ASKED)[1]
    broken = tmp_path / "broken.csv"
    broken.write_text("\n".join([*lines[:20], lines[20].replace(',"', ',"x', 1), *lines[21:]]))
    assert "Line 21, column 'Revenue'" in gtm(str(broken), *ASKED)[1]
    assert gtm(str(file), *ASKED, "--exposure", "tv=price")[0] == 2
    assert gtm(str(file), *ASKED, "--date-order", "ymd")[0] == 2


def test_a_refusal_is_status_1(tmp_path: Path) -> None:
    weeks, _ = business(3)
    file = written(tmp_path / "short.csv", weeks.until(30))
    status, said = gtm(str(file), *ASKED)
    assert status == 1
    assert "only 30 weeks" in said
    status, said = gtm(str(file), *ASKED, "--json")
    assert status == 1
    assert json.loads(said)["refused"]["code"] == "too_little_history"
