"""First answers: a cold command line, a service's start, and a typed turn over HTTP.

Each figure stands beside a peer of the same run: an interpreter that imports the same database and web
libraries and does nothing. The portfolio is the default one.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

BIN = Path(sys.executable).parent
PORT = 8765 + os.getpid() % 1000
TURNS = 300
SAID = (
    "show gtm performance for Acme",
    "what are the top performing channels this month",
    "how is Spring Launch doing last month",
    "what is the CAC of Northwind in the last 90 days",
    "list active campaigns",
    "and last month?",
)
BARE_CLI = "import sqlalchemy, pydantic_settings, numpy, typer, yaml"
BARE_SERVICE = "import sqlalchemy, fastapi, uvicorn, numpy, pydantic_settings"


def seconds(command: list[str], environment: dict[str, str], runs: int = 5) -> float:
    """Median wall seconds of a command."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else float("nan")


@contextmanager
def service(environment: dict[str, str]) -> Any:
    """A running service: its process and the seconds until it was ready."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [BIN / "gtm", "serve", "--port", str(PORT)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _ready():
            if process.poll() is not None:
                raise RuntimeError("the service ended before it was ready")
            time.sleep(0.02)
        yield process, time.perf_counter() - start
    finally:
        process.terminate()
        process.wait(10)


def _ready() -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{PORT}/readyz", timeout=1).status_code == 200
    except httpx2.TransportError:
        return False


def turns(token: str) -> list[float]:
    """Milliseconds of every turn, one client after another."""
    headers = {"Authorization": f"Bearer {token}"}
    taken = []
    with httpx2.Client(base_url=f"http://127.0.0.1:{PORT}", headers=headers) as client:
        for number in range(TURNS):
            body = {"text": SAID[number % len(SAID)], "conversation_id": f"bench-{number // len(SAID)}"}
            start = time.perf_counter()
            answer = client.post("/api/v1/say", json=body)
            taken.append((time.perf_counter() - start) * 1000)
            if answer.status_code != 200 or answer.json()["status"] != "done":
                raise RuntimeError(answer.text[:300])
    return taken


def main() -> None:
    """Measure on a fresh default portfolio and print JSON."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GTM_DATA_DIR": folder}
        for prepare in (["synth"], ["nlu", "train"]):
            subprocess.run([BIN / "gtm", *prepare], env=environment, check=True, capture_output=True)
        say = seconds([str(BIN / "gtm"), "say", SAID[0]], environment)
        bare = seconds([sys.executable, "-c", BARE_CLI], environment)
        bare_service = seconds([sys.executable, "-c", BARE_SERVICE], environment)
        issued = subprocess.run(
            [BIN / "gtm", "user", "token", "chairman"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        with service(environment) as (process, ready):
            taken = sorted(turns(issued.stdout.strip()))
            memory = resident_mb(process.pid)
    print(
        json.dumps(
            {
                "cold_say_s": round(say, 2),
                "cold_say_over_bare_imports": round(say / bare, 2),
                "ready_s": round(ready, 2),
                "ready_over_bare_imports": round(ready / bare_service, 2),
                "service_rss_mb": round(memory),
                "turn_p50_ms": round(taken[len(taken) // 2], 1),
                "turn_p95_ms": round(taken[int(len(taken) * 0.95)], 1),
                "turns": len(taken),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
