"""A portfolio of millions: how fast it is filled, in how much memory, and how long people wait for answers.

``python -m benchmarks.large [RECORDS]`` works on the database of the settings (``GTM_DATA_DIR``,
``GTM_DATABASE_URL``) and fills it first when it is empty. Every read is the whole way through the door, its
audit entry committed. ``-k WORD`` leaves all reads but those of a name out.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select

from assistant.bootstrap import Assistant, build
from assistant.reply import Status
from assistant.settings import Settings, load_settings
from assistant.turn import Turn
from storage import migrate, people
from storage.database import Database
from storage.influencers import influencers
from storage.performance import Scope, latest_day
from storage.ventures import exchange_rates

RECORDS = 5_000_000
ROUNDS = 5
YEAR = "last 365 days"
READS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("show_performance", {"venture": "Acme", "period": YEAR}),
    ("show_performance", {"venture": "Northwind", "period": YEAR}),
    ("show_performance", {"venture": "Acme"}),
    ("show_performance", {}),
    ("show_performance", {"period": YEAR}),
    ("top_channels", {"venture": "Acme"}),
    ("top_channels", {}),
    ("show_campaign", {"campaign": "Spring Launch"}),
    ("list_campaigns", {"venture": "Acme"}),
    ("list_campaigns", {}),
    ("show_funnel", {"venture": "Acme"}),
    ("show_funnel", {}),
    ("explain_change", {"metric": "revenue", "venture": "Acme"}),
    ("compare", {"channels": ["email", "paid_search"], "ventures": ["Acme"], "metric": "roas"}),
    ("show_metric", {"metric": "ltv", "venture": "Acme"}),
    ("show_metric", {"metric": "ltv"}),
    ("show_metric", {"metric": "nrr", "venture": "Acme"}),
    ("show_metric", {"metric": "nrr"}),
    ("show_metric", {"metric": "synergy", "venture": "Acme"}),
    ("show_metric", {"metric": "synergy"}),
    ("report_attribution", {"venture": "Acme", "period": "last month"}),
    ("report_attribution", {"venture": "Acme", "period": YEAR}),
    ("find_influencers", {"category": "fitness"}),
    ("find_influencers", {"category": "fitness", "followers": "50k", "platform": "instagram"}),
    ("find_influencers", {}),
    ("show_influencer", {"influencer": "a handle"}),
)


def filled(settings: Settings, records: int) -> date:
    """The last day of the portfolio, made when there is none."""
    database = Database(settings.database_url)
    migrate.upgrade(database)
    try:
        if _last_day(database) is None:
            start = time.perf_counter()
            gtm = Path(sys.executable).parent / "gtm"
            subprocess.run([gtm, "synth", "--records", str(records)], check=True)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            add_earlier_rates(database)
            print(f"filled in {time.perf_counter() - start:.0f} s, quality included, {peak} MB at the most")
        last = _last_day(database)
        assert last is not None
        return last
    finally:
        database.close()


def _last_day(database: Database) -> date | None:
    with database.read() as connection:
        return latest_day(connection, Scope(), date.max)


def add_earlier_rates(database: Database) -> None:
    """The first day's rates for the month before, as whoever converts a whole year needs them."""
    table = exchange_rates
    with database.write() as connection:
        first = connection.scalar(select(func.min(table.c.day)))
        rows = connection.execute(select(table).where(table.c.day == first)).mappings().all()
        earlier = [{**row, "day": row["day"] - timedelta(days=30)} for row in rows]
        connection.execute(table.insert(), earlier)


def milliseconds(assistant: Assistant, command: str, slots: dict[str, Any]) -> list[float]:
    """How long each of some rounds took, the first one first."""
    with assistant.database.read() as connection:
        person = people.chairman(connection)
        if "influencer" in slots:
            slots = {"influencer": connection.scalar(select(influencers.c.handle).limit(1))}
    assert person is not None
    taken: list[float] = []
    while len(taken) < ROUNDS and sum(taken) < 20_000:
        turn = Turn(person, "benchmark", command, conversation_id=uuid4().hex)
        start = time.perf_counter()
        reply = assistant.dialogue.run(command, slots, turn)
        taken.append((time.perf_counter() - start) * 1000)
        assert reply.status is Status.DONE, reply.reply.text
        assert reply.audit_id is not None
    return taken


def at_the_end_of(day: date) -> Callable[[], datetime]:
    """A clock that stands still in the evening of a day."""
    moment = datetime.combine(day, clock_time(18), UTC)
    return lambda: moment


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("records", nargs="?", type=int, default=RECORDS)
    parser.add_argument("-k", dest="only", default="")
    wanted = parser.parse_args()
    settings = load_settings()
    last = filled(settings, wanted.records)
    assistant = build(settings, at_the_end_of(last))
    try:
        for command, slots in READS:
            if wanted.only not in command:
                continue
            taken = milliseconds(assistant, command, slots)
            said = ", ".join(f"{name} {value}" for name, value in slots.items()) or "the portfolio"
            print(
                f"{command} ({said}): median {statistics.median(taken):,.0f} ms, first {taken[0]:,.0f} ms",
                flush=True,
            )
    finally:
        assistant.close()


if __name__ == "__main__":
    main()
