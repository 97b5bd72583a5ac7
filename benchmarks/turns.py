"""Typed turns over HTTP on the default portfolio, the audit committed: how quick for one, how many for 16.

``python -m benchmarks.turns [--seconds 20] [--turns 0] [--workers N] [sqlite|postgresql]``

The mix is 40 % reads, 20 % optimising, 20 % influencers, 20 % follow-ups. Each rate stands beside a peer of
the same run: the rate at which one bare FastAPI route of the same process count answers.
"""

import argparse
import json
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from benchmarks.kills import BIN, Service, database_of
from benchmarks.spine import resident_mb
from intents.command import Role
from storage import migrate, people
from storage.database import Database
from storage.synthetic import DEFAULT_RECORDS, fill
from tests.postgres import free_port

READS = (
    "show gtm performance for Acme",
    "what are the top performing channels this month",
    "how is Spring Launch doing last month",
    "what is the CAC of Northwind in the last 90 days",
    "list active campaigns",
    "show the funnel for Acme",
    "what is the ROAS of Acme last month",
    "which campaigns of Acme are active",
)
TIMELESS = ("list active campaigns", "which campaigns of Acme are active")
"""Reads that no other period can be asked of."""
OPTIMISING = (
    "optimize budget allocation for Spring Launch",
    "optimize budget for campaign Spring Launch",
)
INFLUENCERS = (
    "find influencers for fitness with fifty thousand followers",
    "find fitness influencers on instagram with at least 20k followers",
    "find influencers for food with over 3% engagement",
)
FOLLOW_UPS = ("and last month?", "and for Northwind?", "the last 90 days", "and last week?")
CLIENTS = 16
PEER = """
from fastapi import FastAPI
app = FastAPI()
@app.post("/say")
def say(said: dict) -> dict:
    return {"text": said["text"]}
"""


Took = list[tuple[str, float]]
"""What was said, and how many milliseconds the answer took."""


def prepare(url: str, folder: Path) -> str:
    """The default portfolio, and a chairman's token."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(Path("var/models").resolve())
    database = Database(url)
    migrate.upgrade(database)
    now = datetime.now(UTC)
    truth = folder / "truth.json.gz"
    fill(database, records=DEFAULT_RECORDS, seed=1, as_of=now.date(), now=now, truth_file=truth)
    with database.write() as connection:
        person = people.add_person(connection, "bench", Role.CHAIRMAN, "UTC", now)
        token = people.issue_token(connection, person.id, people.API, "bench", now)
    database.close()
    return token


def in_mix(seed: int) -> Any:
    """Utterances without end: 40 % reads, 20 % optimising, 20 % influencers, 20 % follow-ups to a read."""
    chance = random.Random(seed)
    while True:
        ten = [*chance.sample(READS, 4), *chance.choices(OPTIMISING, k=2), *chance.choices(INFLUENCERS, k=2)]
        chance.shuffle(ten)
        at = [place for place, words in enumerate(ten) if words in READS and words not in TIMELESS]
        for place in sorted(chance.sample(at, 2), reverse=True):
            ten.insert(place + 1, chance.choice(FOLLOW_UPS))
        yield from ten


_ANSWERED = re.compile(rb'"status":"(done|confirm|refused|question|unknown)"')


def talk(url: str, token: str, number: int, seconds: float, turns: int) -> Took:
    """Speak until time is up, or so many turns; the milliseconds of each by what was said.

    The replies are not parsed: whoever asks shares the two cores with the service.
    """
    took: Took = []
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    said = in_mix(number)
    until = time.monotonic() + seconds
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=60)) as http:
        while time.monotonic() < until and (not turns or len(took) < turns):
            text = next(said)
            body = json.dumps({"text": text, "conversation_id": f"c{number}"})
            start = time.perf_counter()
            http.request("POST", "/api/v1/say", body, headers)
            reply = http.getresponse().read()
            took.append((text, (time.perf_counter() - start) * 1000))
            if not _ANSWERED.search(reply):
                raise RuntimeError(f"{text}: {reply[:2000]!r}")
    return took


def speak(url: str, token: str, first: int, clients: int, seconds: float, turns: int) -> Took:
    """Several clients as threads of one process."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(clients) as pool:
        told = [pool.submit(talk, url, token, first + one, seconds, turns) for one in range(clients)]
        return [took for one in told for took in one.result()]


def measured(took: Took, seconds: float) -> dict[str, Any]:
    """Rate and quantiles."""
    times = sorted(ms for _, ms in took)
    cuts = statistics.quantiles(times, n=100)
    groups = {"reads": READS, "optimising": OPTIMISING, "influencers": INFLUENCERS, "follow_ups": FOLLOW_UPS}
    return {
        "turns": len(times),
        "turns_a_second": round(len(times) / seconds, 1),
        "p50_ms": round(cuts[49], 1),
        "p95_ms": round(cuts[94], 1),
        "p50_by_kind": {
            name: round(statistics.median(found), 1)
            for name, texts in groups.items()
            if (found := [ms for text, ms in took if text in texts])
        },
    }


def load(url: str, token: str, clients: int, seconds: float, turns: int = 0) -> dict[str, Any]:
    """So many clients, in processes of eight."""
    groups = max(1, clients // 8)
    with multiprocessing.get_context("spawn").Pool(groups) as pool:
        asked = [(url, token, 100 * group, clients // groups, seconds, turns) for group in range(groups)]
        took = [one for found in pool.starmap(speak, asked) for one in found]
    return measured(took, seconds)


def peer(seconds: float) -> float:
    """Turns a second of a bare route."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "bare.py").write_text(PEER)
        port = free_port()
        command: list[str | Path] = [
            BIN / "uvicorn",
            "bare:app",
            "--port",
            str(port),
            "--log-level",
            "warning",
        ]
        process = subprocess.Popen(command, cwd=name)
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx2.get(url)
                break
            except httpx2.HTTPError:
                time.sleep(0.05)
        count, until = 0, time.monotonic() + seconds
        with httpx2.Client(base_url=url) as http:
            while time.monotonic() < until:
                http.post("/say", json={"text": "status"})
                count += 1
        process.terminate()
        process.wait()
    return round(count / seconds, 1)


def main() -> None:
    """Measure, on both databases unless one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--turns", type=int, default=0, help="Then go on to so many turns, watching memory.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("database", nargs="?", choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    print(json.dumps({"bare_route_turns_a_second": peer(3)}))
    for kind in ("sqlite", "postgresql"):
        if asked.database in (None, kind):
            with tempfile.TemporaryDirectory() as name, database_of(kind, Path(name)) as url:
                _measure(kind, url, Path(name) / "data", asked)


def _measure(kind: str, url: str, folder: Path, asked: argparse.Namespace) -> None:
    token = prepare(url, folder)
    service = Service(url, folder, free_port(), "")
    service.environment = {name: value for name, value in service.environment.items() if "NOTIFY" not in name}
    service.start("--workers", str(asked.workers))
    try:
        load(service.url, token, 1, 3)
        figures: dict[str, Any] = {
            "database": kind,
            "workers": asked.workers,
            "cores": os.cpu_count(),
            "one_client": load(service.url, token, 1, asked.seconds),
            "sixteen_clients": load(service.url, token, CLIENTS, asked.seconds),
        }
        if asked.turns:
            figures["memory"] = _memory(service, token, asked.turns)
        print(json.dumps(figures, indent=2))
    finally:
        service.stop()


def _memory(service: Service, token: str, turns: int) -> dict[str, Any]:
    """Resident memory of the service's processes every tenth of so many turns."""
    sizes = []
    for _ in range(10):
        load(service.url, token, CLIENTS, 3600, turns // 10 // CLIENTS)
        sizes.append(round(sum(resident_mb(pid) for pid in _family(service.pid)), 1))
    return {"turns": turns, "mb_each_tenth": sizes}


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


if __name__ == "__main__":
    main()
