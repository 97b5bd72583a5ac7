"""How long Whisper takes for a spoken command, at the shapes of its real models.

    python -m benchmarks.whisper_speed [--shapes tiny,base,small] [--threads 2]
    python -m benchmarks.whisper_speed --model FOLDER

The models are built here with made-up weights, which take as long as real ones; what they answer is made up,
too: as many tokens as a command has. Prints JSON: by shape, or for a real model's folder, the seconds of
processor and of the clock for a command of four seconds, the seconds to load the model, and its megabytes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.spine import resident_mb
from tests.made_up_whisper import BASE, END, SMALL, TINY, make_whisper
from voice.audio import RATE, Audio
from voice.endpointing import trim
from voice.espeak import EspeakSpeaker
from voice.transcriber import Vocabulary
from voice.whisper import WhisperTranscriber

SHAPES = {"tiny": TINY, "base": BASE, "small": SMALL}
ANSWER = [f"w{place}" for place in range(14)]
"""As many tokens as "put five thousand into spring launch at Northwind" and the like."""
TIMES = 5


def main() -> None:
    """Measure each shape, or one model, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", default="tiny,base,small")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", type=Path, help="a folder with a model, instead of made-up ones")
    given = parser.parse_args()
    if given.model is not None:
        print(json.dumps(_measured(given.model, given.threads)))
        return
    names = given.shapes.split(",")
    print(json.dumps({name: _of_shape(name, given.threads) for name in names}, indent=2))


def _of_shape(name: str, threads: int) -> dict[str, float]:
    """In a process of its own, whose memory holds nothing of the making."""
    with tempfile.TemporaryDirectory() as folder:
        model = make_whisper(Path(folder) / name, ["-", *ANSWER, END], SHAPES[name])
        command = [sys.executable, "-m", "benchmarks.whisper_speed", "--model", str(model)]
        done = subprocess.run([*command, "--threads", str(threads)], check=True, capture_output=True)
    figures: dict[str, float] = json.loads(done.stdout)
    assert figures.pop("words") == len(ANSWER)
    return figures


def _measured(model: Path, threads: int) -> dict[str, float]:
    command = _command()
    before, start = resident_mb(os.getpid()), time.perf_counter()
    ears = WhisperTranscriber(model, cpu_threads=threads)
    ears.prepare(Vocabulary())
    load = time.perf_counter() - start
    words = len(ears.transcribe(command, Vocabulary()).text.split())
    clock, processor = [], []
    for _ in range(TIMES):
        start, used = time.perf_counter(), time.process_time()
        ears.transcribe(command, Vocabulary())
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return {
        "seconds_of_processor": round(statistics.median(processor), 3),
        "seconds_of_the_clock": round(statistics.median(clock), 3),
        "seconds_to_load": round(load, 2),
        "megabytes": round(resident_mb(os.getpid()) - before),
        "words": words,
    }


def _command() -> Audio:
    """Four seconds, nearly all of them speech; what finds speech is loaded after this."""
    said = EspeakSpeaker().speak(
        "put five thousand dollars into spring launch at Northwind, from next Monday on"
    )
    rest = max(0, 4 * RATE - len(said.samples))
    return trim(Audio(np.concatenate([said.samples, np.zeros(rest, np.int16)])[: 4 * RATE]))


if __name__ == "__main__":
    main()
