"""Simulated markets: the hidden stays hidden, the fair is fair, and what comes out is told as it is."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from assistant.channels.cli import cli
from assistant.settings import Settings, load_settings
from assistant.simulation import arena, report
from assistant.simulation.outcome import Pair, Sums, figures
from assistant.simulation.running import PAIRS
from engines.market import DAYS_A_MONTH
from engines.worlds import WARM_UP, Kind, World, draw_world, from_document
from storage.performance import daily_performance
from storage.synthetic.world import read_truth, write_truth

FIRST = date(2026, 1, 5)
DAYS = 14


def world(kind: Kind = Kind.MOVING, seed: int = 1) -> World:
    return draw_world(kind, seed, FIRST.toordinal(), DAYS)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market with its history; to be copied."""
    folder = tmp_path_factory.mktemp("market") / "prepared"
    arena.prepare(folder, world())
    return folder


def start_of(made: World) -> date:
    return date.fromordinal(int(made.ordinals[made.start]))


def test_changing_the_hidden_truth_alone_changes_no_decision(
    prepared: Path, settings: Settings, tmp_path: Path
) -> None:
    decided, lived = [], []
    for name in ("true", "scrambled"):
        folder = arena.copied(prepared, tmp_path / name)
        made, carried, place = read_truth(folder / arena.TRUTH)
        if name == "scrambled":
            other = replace(made, effect=made.effect[::-1] * 3, half=made.half[::-1], decay=made.decay[::-1])
            write_truth(folder / arena.TRUTH, other, carried, place)
        there = arena.Arena(folder, settings, start_of(made))
        there.decide(arena.WAYS, 0)
        decided.append((there.course.acts, there.allocated().tolist()))
        there.live()
        lived.append(there.course.revenue)
        there.close()
    assert decided[0] == decided[1]
    assert decided[0][0], "nothing was decided, so nothing was shown"
    assert lived[0] != lived[1]


def test_who_decides_needs_no_truth_at_all(prepared: Path, settings: Settings, tmp_path: Path) -> None:
    folder = arena.copied(prepared, tmp_path / "without")
    (folder / arena.TRUTH).unlink()
    there = arena.Arena(folder, settings, start_of(world()))
    there.decide(arena.WAYS, 0)
    assert there.course.acts
    there.close()


def test_the_same_seed_is_the_same_course_and_static_stays_static(
    prepared: Path, settings: Settings, tmp_path: Path
) -> None:
    made = world()
    first, again = (
        arena.run(arena.copied(prepared, tmp_path / name), settings, made, ()) for name in ("one", "two")
    )
    assert first == again
    assert not first.acts
    spent = (made.budget / DAYS_A_MONTH) @ made.pace[:, made.start :]
    assert first.spend == pytest.approx(spent.tolist(), abs=0.1)


def test_the_loops_act_through_the_door_and_keep_the_total(
    prepared: Path, settings: Settings, tmp_path: Path
) -> None:
    folder = arena.copied(prepared, tmp_path / "acting")
    there = arena.Arena(folder, settings, start_of(world()))
    before = there.allocated()
    there.decide((arena.OPTIMIZER,), 0)
    after = there.allocated()
    with there.bus.database.read() as connection:
        commands = {row[0] for row in connection.exec_driver_sql("select command from audit")}
    there.close()
    assert {"optimize_budget", "approve"} <= commands
    assert after.sum() == pytest.approx(before.sum(), abs=0.01)
    assert not np.allclose(after, before)
    assert (np.abs(after - before) <= 0.3 * before + 0.01).all()


def test_a_broken_tracker_hides_what_was_earned_but_not_from_the_truth(
    settings: Settings, tmp_path: Path
) -> None:
    made = world(Kind.BROKEN)
    line = int(np.flatnonzero(made.broken.any(axis=1))[0])
    assert made.broken[:, : made.start].sum() == 0
    arena.prepare(tmp_path / "broken", made)
    course = arena.run(tmp_path / "broken", settings, made, ())
    there = arena.Arena(tmp_path / "broken", settings, start_of(made))
    with there.bus.database.read() as connection:
        seen = connection.execute(
            select(func.sum(daily_performance.c.revenue), func.sum(daily_performance.c.clicks)).where(
                daily_performance.c.line_id == line + 1,
                daily_performance.c.day >= date.fromordinal(int(made.ordinals[made.start + DAYS // 4])),
            )
        ).one()
        recorded = connection.scalar(
            select(func.sum(daily_performance.c.revenue)).where(daily_performance.c.day >= start_of(made))
        )
    there.close()
    assert seen[0] == 0
    assert seen[1] > 0
    assert float(recorded or 0) < sum(course.revenue)


def expected(made: World, budget: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Revenue a day of a steady spend, over many draws of a day."""
    daily = budget / DAYS_A_MONTH
    return float(
        np.mean([made.day(place, daily, daily).revenue.sum() for place in range(made.start, made.days)])
    )


def test_the_markets_are_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    for kind in (Kind.FLAT, Kind.NOISE):
        made = world(kind)
        moved = made.budget * rng.uniform(0.6, 1.4, len(made.budget))
        assert expected(made, moved) == pytest.approx(expected(made, made.budget), rel=0.02)
    tuned = world(Kind.TUNED)
    best = expected(tuned, tuned.budget)
    assert tuned.budget.sum() == pytest.approx(world().budget.sum(), abs=0.1)
    worse = 0
    for _ in range(20):
        other = rng.permutation(tuned.budget)
        worse += expected(tuned, other) < best
    assert worse >= 19
    moving = world(Kind.MOVING)
    assert expected(moving, moving.budget * 2) > 1.1 * expected(moving, moving.budget)


def test_a_world_can_be_written_down() -> None:
    made = world(Kind.BROKEN, seed=3)
    back = from_document(json.loads(json.dumps(made.as_document())))
    spend = made.budget / DAYS_A_MONTH
    ours, theirs = (one.day(WARM_UP + 5, spend, spend) for one in (made, back))
    assert (ours.revenue == theirs.revenue).all()
    assert (back.broken == made.broken).all()


def pair(seed: int, acting: Sums, kind: Kind = Kind.MOVING) -> Pair:
    static = Sums(spend=1000, revenue=3000, customers=10, margin=0.5)
    return Pair(
        kind=kind,
        seed=seed,
        days=3,
        ways=("optimizer",),
        acting=acting,
        static=static,
        gained=[1.0, 2.0, 3.0],
        acts=["a"],
        seconds=1.0,
    )


BETTER = Sums(spend=1000, revenue=4000, customers=12, margin=0.5)
WORSE = Sums(spend=1000, revenue=2800, customers=9, margin=0.5)


def test_figures_are_paired_and_say_who_is_better() -> None:
    found = {one.name: one for one in figures([pair(1, BETTER), pair(2, WORSE)])}
    assert found["CAC"].change == pytest.approx((10 / 12 + 10 / 9) / 2 - 1)
    assert found["ROI"].acting == pytest.approx(2.4)
    assert not found["ROI"].relative
    assert found["contribution"].change == pytest.approx((1000 / 500 + 400 / 500) / 2 - 1)
    assert (found["CAC"].better, found["spend"].better, found["CAC"].seeds) == (1, 0, 2)
    assert found["ROAS"].low <= found["ROAS"].change <= found["ROAS"].high


def test_a_report_says_where_a_claim_does_not_hold_and_draws(tmp_path: Path) -> None:
    pairs = [pair(1, BETTER), pair(2, BETTER), pair(1, WORSE, Kind.NOISE), pair(2, WORSE, Kind.NOISE)]
    path = report.write(tmp_path / "out", pairs, begun="now")
    told = path.read_text(encoding="utf-8")
    assert "moving: CAC -16.7% (-16.7% to -16.7%), as claimed; ROI 3.00 with" in told
    assert "noise: CAC +11.1% (+11.1% to +11.1%), not the −15 to −35 % claimed" in told
    for name in ("cac", "contribution", "gained"):
        drawn = ElementTree.fromstring((path.parent / f"{name}.svg").read_text(encoding="utf-8"))  # noqa: S314
        assert drawn.attrib["role"] == "img"
    kept = json.loads((path.parent / "record.json").read_text(encoding="utf-8"))
    assert [Pair.model_validate(one) for one in kept["markets"]["noise"]["seeds"]] == pairs[2:]


def test_the_terminal_runs_it_whole(tmp_path: Path) -> None:
    asked = ["simulate", "--days", "14", "--seeds", "1", "--markets", "flat", "--with", "triggers"]
    done = CliRunner().invoke(cli, [*asked, "--processes", "1", "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "flat: CAC" in done.output
    first = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    with (tmp_path / "run" / PAIRS).open("a", encoding="utf-8") as file:
        file.write('{"kind": "flat", "seed"')
    again = CliRunner().invoke(cli, [*asked, "--processes", "1", "--out", str(tmp_path / "run")])
    assert again.exit_code == 0
    assert (tmp_path / "run" / "report.md").read_text(encoding="utf-8").splitlines()[4:] == (
        first.splitlines()[4:]
    )
    assert len((tmp_path / "run" / PAIRS).read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize(
    "options", [["--with", "magic"], ["--against", "nobody"], ["--markets", "moon"], ["--with", ""]]
)
def test_what_it_does_not_know_it_says(options: list[str]) -> None:
    assert CliRunner().invoke(cli, ["simulate", *options]).exit_code == 2
