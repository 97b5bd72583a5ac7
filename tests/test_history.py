"""The relational steps on DuckDB against the packed ones in memory."""

from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow
import pyarrow.dataset
import pytest

from engines.crediting import UNITS, Model, Rules, channel_totals
from engines.journeys import Packed, pack
from engines.markov import flow, removal_effects
from engines.paths import converting, lost
from storage import history

NAMES = ("email", "seo", "display", "video")


class Events:
    """Made-up touches and conversions, some at the same moment and some far apart."""

    def __init__(self, seed: int, count: int = 3_000) -> None:
        rng = np.random.default_rng(seed)
        hours = history.DAY // 24
        self.visitor = rng.integers(0, 300, count)
        self.moment = rng.integers(0, 24 * 150, count) * hours
        self.channel = rng.integers(0, len(NAMES), count)
        self.buyer = rng.integers(0, 330, 250)
        self.won = rng.integers(0, 24 * 150, 250) * hours
        self.revenue = rng.integers(-(10**6), 10**9, 250)

    def packed(self, rules: Rules) -> Packed:
        return pack(
            NAMES,
            self.visitor,
            self.moment,
            self.channel,
            self.buyer,
            self.won,
            self.revenue,
            day=history.DAY,
            look_back_days=rules.look_back_days,
            session_minutes=rules.session_minutes,
        )

    def tables(self) -> tuple[pyarrow.Table, pyarrow.Table]:
        touches = {
            "id": np.arange(len(self.visitor)),
            "visitor": [f"v{one}" for one in self.visitor],
            "moment": self.moment,
            "channel": [NAMES[code] for code in self.channel],
        }
        conversions = {
            "id": np.arange(len(self.buyer)),
            "visitor": [f"v{one}" for one in self.buyer],
            "moment": self.won,
            "revenue": self.revenue,
        }
        return pyarrow.table(touches), pyarrow.table(conversions)


@pytest.fixture
def duckdb() -> Any:
    return ibis.duckdb.connect()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "rules",
    [
        Rules(),
        Rules(look_back_days=4, decay_days=2, position_weights=(0.6, 0.1, 0.3)),
        Rules(session_minutes=60 * 24),
    ],
)
def test_both_ways_give_the_same_credits(duckdb: Any, seed: int, rules: Rules) -> None:
    events = Events(seed)
    touches, conversions = (
        duckdb.create_table(name, one)
        for name, one in zip(("touches", "conversions"), events.tables(), strict=True)
    )
    if rules.session_minutes:
        touches = history.sessions(touches, rules.session_minutes)
    claims = history.claimed(touches, conversions, rules.look_back_days)
    rows = {row["channel"]: row for row in history.credits_by_channel(claims, rules).to_pyarrow().to_pylist()}
    packed = events.packed(rules)
    models = [model for model in Model if model is not Model.MARKOV]
    for model, (units, micros) in channel_totals(packed, models, rules).items():
        for name, unit, micro in zip(NAMES, units.tolist(), micros.tolist(), strict=True):
            assert rows[name][model] == pytest.approx(unit / UNITS, abs=1e-6, rel=1e-9)
            assert rows[name][f"{model}_revenue"] == pytest.approx(micro, abs=300)
    here = flow(converting(packed)) + flow(lost(packed))
    there = history.flow(history.steps(touches, claims, rules.look_back_days), NAMES)
    for part in ("moves", "won", "revenue", "lost"):
        np.testing.assert_array_equal(getattr(there, part), getattr(here, part))
    for one, other in zip(removal_effects(there).shares, removal_effects(here).shares, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_folder_of_days_is_a_history(duckdb: Any, tmp_path: Path) -> None:
    touches, conversions = Events(7).tables()
    days = pyarrow.array([f"day-{moment // history.DAY:03}" for moment in touches["moment"].to_pylist()])
    pyarrow.dataset.write_dataset(
        touches.append_column("day", days),
        tmp_path / "touches",
        format="parquet",
        partitioning=["day"],
        partitioning_flavor="hive",
        max_partitions=200,
    )
    assert len(list((tmp_path / "touches").glob("day=*"))) == 150
    stored = history.partitioned(duckdb, tmp_path / "touches")
    won = duckdb.create_table("conversions", conversions)
    plain = duckdb.create_table("touches", touches)
    found = [
        history.credits_by_channel(history.claimed(one, won)).order_by("channel").to_pyarrow().to_pylist()
        for one in (stored, plain)
    ]
    assert [row["channel"] for row in found[0]] == sorted(NAMES)
    for row, other in zip(*found, strict=True):
        assert {k: v for k, v in row.items() if k != "channel"} == pytest.approx(
            {k: v for k, v in other.items() if k != "channel"}
        )
