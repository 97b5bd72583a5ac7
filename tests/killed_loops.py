"""Runs a loop in processes that are killed in the middle of writing, until it is done.

``python -m tests.killed_loops URL FOLDER SEED`` prints how often it was killed. A process counts the
statements of its writing transactions, commits too, and kills itself (SIGKILL) before one of them, chosen by
the seed.
"""

import importlib
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

import assistant.loops
from assistant import commands
from assistant.bootstrap import build_bus, build_loops
from assistant.handling import find_handlers
from assistant.recurring import find_loops
from assistant.settings import Rules, Settings
from storage import loops

NOW = datetime(2026, 3, 15, 18, 0, tzinfo=UTC)
DUE = NOW + timedelta(hours=1)
LOOP = "campaign_optimization"
DONE, NOT_YET = 0, 3
KILLS = 50
LATEST = 28
"""A process is killed before one of so many statements: a change that is written takes about twenty."""
MOST_STARTS = 200


def settings(url: str, folder: Path) -> Settings:
    """One rule that cuts every campaign by a tenth, and limits that allow it."""
    rule = {
        "name": "dear_customers",
        "metric": "cac",
        "above": 100,
        "days": 30,
        "action": "budget",
        "change": "-0.1",
        "confidence": "0.85",
        "risk": "low",
    }
    return Settings(
        data_dir=folder,
        database_url=url,
        rules=Rules.model_validate({"campaigns": [rule], "most_of_venture": 1}),
    )


def once(url: str, folder: Path, fatal: int | None) -> int:
    """Tick once, dying before the writing statement of that number."""
    bus = build_bus(settings(url, folder), lambda: DUE)
    if fatal is not None:
        _arm(bus.database.engine, fatal)
    build_loops(bus).tick(DUE)
    with bus.database.read() as connection:
        done = loops.all_loops(connection)[LOOP].due_at > DUE
    bus.database.close()
    return DONE if done else NOT_YET


def _arm(engine: Any, fatal: int) -> None:
    met = 0

    def count(connection: Connection) -> None:
        nonlocal met
        if not connection.get_execution_options().get("gtm_write"):
            return
        met += 1
        if met == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(connection: Connection, *_: Any) -> None:
        count(connection)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "commit", count)


def apart(work: Callable[[], int]) -> int:
    """Do it in a process of its own, and give its end: a status, or minus the signal it died of."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = work()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Kill until it is done."""
    url, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)  # noqa: S311 - where to die is no secret
    # What every process would load is loaded once, before they part.
    find_handlers(commands)
    find_loops(assistant.loops)
    importlib.import_module("psycopg")
    once(f"sqlite:///{folder / 'warm.db'}", folder, None)
    kills = starts = 0
    ended = NOT_YET
    while ended != DONE and starts < MOST_STARTS:
        starts += 1
        fatal = chance.randint(1, LATEST) if kills < KILLS else None
        ended = apart(partial(once, url, folder, fatal))
        kills += ended == -signal.SIGKILL
        if ended not in (-signal.SIGKILL, DONE, NOT_YET):
            sys.exit(f"a process ended with {ended}")
    sys.stdout.write(json.dumps({"kills": kills, "starts": starts}) + "\n")


if __name__ == "__main__":
    main()
