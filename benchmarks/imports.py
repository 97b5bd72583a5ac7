"""How fast, and in how much memory, a file of performance rows is imported; twice, on SQLite.

``python -m benchmarks.imports [ROWS]`` makes the file itself and prints a line a format and round.
"""

import csv
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from storage import migrate
from storage.database import Database
from storage.imports import ImportRequest, run

ROWS = 50_000
_HEADER = ("ad_id", "date", "campaign", "channel", "impressions", "clicks", "spend", "conversions", "revenue")
_CHANNELS = ("Paid Search", "Facebook", "email", "Online Display")


def write(path: Path, rows: int) -> None:
    """A file as an ad platform exports it."""
    drawn = random.Random(1)
    first = date(2024, 1, 1)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        for number in range(rows):
            clicks = drawn.randrange(2_000)
            writer.writerow(
                (
                    f"ad{number}",
                    first + timedelta(days=number % 700),
                    f"Campaign {number % 40}",
                    _CHANNELS[number % 4],
                    clicks * 50,
                    clicks,
                    round(drawn.random() * 500, 2),
                    clicks // 50,
                    round(drawn.random() * 3000, 2),
                )
            )


def main() -> None:
    """Measure."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        write(path, rows)
        database = Database(f"sqlite:///{Path(folder) / 'gtm.db'}")
        migrate.upgrade(database)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        for _ in range(2):
            started = time.perf_counter()
            request = ImportRequest("performance", path, set={"venture": "Acme"})
            report = run(database, request, now=datetime.now(UTC))
            seconds = time.perf_counter() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(
                f"{report.rows:,} rows, {report.status}: {seconds:.1f} s, "
                f"{rows / seconds:,.0f} rows a second, {peak - before} MB on top of {before} MB"
            )
        database.close()


if __name__ == "__main__":
    main()
