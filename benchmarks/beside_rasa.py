"""Our embedded reader and a real Rasa server on the same sentences, in one run.

``python -m benchmarks.beside_rasa [--epochs N]`` exports a Rasa project, trains it, serves it and reads
``tests/data/held_out_8.jsonl`` with both; Rasa's intents are given our layer of names and values. It needs
the environment that ``make test-rasa`` sets up, and prints JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from assistant.bootstrap import load_reader
from assistant.settings import Settings
from benchmarks.held_out import FILE, SCENE, alone, measure
from benchmarks.spine import resident_mb
from intents.evaluation import read_sentences
from intents.readers.rasa import RasaReader
from intents.reading import Reader
from tests.postgres import free_port

ROOT = Path(__file__).parents[1]
RASA = ROOT / ".rasa" / "venv" / "bin" / "rasa"
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
OURS = """
import sys, time
from datetime import date
from assistant.bootstrap import load_reader
from assistant.settings import Settings
from intents.names import Names
from intents.reading import Scene
reader = load_reader(Settings())
print(reader.read("who wants what from me today", Scene(Names([]), date(2026, 6, 17))).intent, flush=True)
sys.stdin.read()
"""


def ours_alone() -> tuple[float, float]:
    """Seconds from nothing to the first sentence read in a process of its own, and that process's memory."""
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", OURS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        took, memory = time.perf_counter() - begun, resident_mb(process.pid)
        process.communicate("")
    return took, memory


def quantiles(read: Callable[[str], Any], texts: list[str]) -> dict[str, float]:
    """Milliseconds of reading one text after another."""
    took = []
    for text in texts:
        start = time.perf_counter()
        read(text)
        took.append((time.perf_counter() - start) * 1000)
    return {
        "p50_ms": round(statistics.median(took), 2),
        "p95_ms": round(statistics.quantiles(took, n=20)[18], 2),
    }


def figures(reader: Reader) -> dict[str, Any]:
    """Accuracy with intervals."""
    sentences = read_sentences(FILE)
    return measure(sentences, [alone(reader.read(one.text, SCENE)) for one in sentences])


def served(folder: Path, port: int) -> "tuple[subprocess.Popen[bytes], float]":
    """Rasa's server, and the seconds until it answered."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [RASA, "run", "--enable-api", "--interface", "127.0.0.1", "--port", str(port)],
        cwd=folder,
        env={**os.environ, **QUIET, "RASA_ACTION_TOKEN": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        try:
            if httpx2.post(f"http://127.0.0.1:{port}/model/parse", json={"text": "hi"}).status_code == 200:
                return process, time.perf_counter() - begun
        except httpx2.HTTPError:
            time.sleep(0.05)
    raise RuntimeError("Rasa's server ended")


def main() -> None:
    """Measure both and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=None)
    asked = parser.parse_args()
    if not RASA.exists():
        sys.exit(f"{RASA}: not there; make test-rasa sets it up")
    embedded = load_reader(Settings())
    texts = [one.text for one in read_sentences(FILE)]
    start, memory = ours_alone()
    told: dict[str, Any] = {
        "embedded": {
            "start_s": round(start, 2),
            "rss_mb": round(memory),
            **quantiles(lambda text: embedded.read(text, SCENE), texts),
            **figures(embedded),
        }
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        epochs = [] if asked.epochs is None else ["--epochs", str(asked.epochs)]
        gtm: list[str | Path] = [
            Path(sys.executable).parent / "gtm",
            "rasa",
            "export",
            folder,
            "--no-names",
            *epochs,
        ]
        subprocess.run(gtm, check=True, stdout=subprocess.DEVNULL)
        begun = time.perf_counter()
        environment = {**os.environ, **QUIET, "RASA_ACTION_TOKEN": "none"}
        train: list[str | Path] = [RASA, "train", "--fixed-model-name", "gtm"]
        subprocess.run(train, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        trained = time.perf_counter() - begun
        port = free_port()
        process, ready = served(folder, port)
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                speed = quantiles(lambda text: http.post("/model/parse", json={"text": text}), texts)
            rasa = RasaReader(f"http://127.0.0.1:{port}", embedded.layer, seconds=10, token=None)
            told["rasa"] = {
                "train_s": round(trained),
                "start_s": round(ready, 2),
                "rss_mb": round(resident_mb(process.pid)),
                **speed,
                **figures(rasa),
            }
            rasa.close()
        finally:
            process.terminate()
            process.wait()
    ours, theirs = told["embedded"], told["rasa"]
    told["rasa / embedded"] = {
        name: round(theirs[name] / ours[name], 1) for name in ("start_s", "rss_mb", "p50_ms", "p95_ms")
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
