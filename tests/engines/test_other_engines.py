"""The relational steps on Spark and on ClickHouse's own engine against DuckDB."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pyarrow
import pyarrow.parquet
import pytest

from engines.crediting import Rules
from storage import history
from tests.test_history import Events

pytestmark = [
    # Spark's client against pandas 3, and its sockets.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RULES = Rules(look_back_days=12, decay_days=3, session_minutes=60 * 24)
Rows = list[dict[str, Any]]


def parts(touches: Any, conversions: Any) -> list[Any]:
    """Credits, moves and ends as expressions."""
    touches = history.sessions(touches, RULES.session_minutes)
    claims = history.claimed(touches, conversions, RULES.look_back_days)
    found = history.steps(touches, claims, RULES.look_back_days)
    return [history.credits_by_channel(claims, RULES), found.moves, found.ends]


def in_order(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: (str(row.get("before")), row["channel"]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("history")
    for name, table in zip(("touches", "conversions"), Events(3).tables(), strict=True):
        pyarrow.parquet.write_table(table, made / f"{name}.parquet")
    return made


@pytest.fixture(scope="module")
def on_duckdb(folder: Path) -> list[Rows]:
    connection = ibis.duckdb.connect()
    tables = (connection.read_parquet(folder / f"{name}.parquet") for name in ("touches", "conversions"))
    return [in_order(one.to_pyarrow().to_pylist()) for one in parts(*tables)]


def check(found: list[Rows], expected: list[Rows]) -> None:
    for rows, others in zip(found, expected, strict=True):
        assert len(rows) == len(others)
        for row, other in zip(rows, others, strict=True):
            assert set(row) == set(other)
            for name, value in other.items():
                if isinstance(value, float):
                    assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9)
                else:
                    assert row[name] == value


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none")
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield session
    session.stop()


def test_spark_gives_the_same(spark: Any, folder: Path, on_duckdb: list[Rows]) -> None:
    connection = ibis.pyspark.connect(spark)
    tables = (connection.read_parquet(str(folder / f"{name}.parquet")) for name in ("touches", "conversions"))
    check([in_order(one.to_pyarrow().to_pylist()) for one in parts(*tables)], on_duckdb)


def test_clickhouse_gives_the_same(folder: Path, on_duckdb: list[Rows]) -> None:
    import chdb

    query: Any = chdb.query
    tables = []
    for name in ("touches", "conversions"):
        schema = pyarrow.parquet.read_schema(folder / f"{name}.parquet")
        tables.append(ibis.table(ibis.schema(schema), name=name))
    found = []
    for one in parts(*tables):
        sql = str(ibis.to_sql(one, dialect="clickhouse"))
        for name in ("touches", "conversions"):
            sql = sql.replace(f'"{name}"', f"file('{folder / name}.parquet', Parquet)")
        made = query(sql, "ArrowTable")
        found.append(in_order(made.to_pylist()))
    check(found, on_duckdb)
