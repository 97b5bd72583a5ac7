"""From the end of speech to the reply on the line that listens: embedded ears, sound in real time.

``python -m benchmarks.voice_latency [--clips 24] [--silence 0.6]`` prints JSON. The line is fed blocks of 20
ms as a microphone would. The last sample of speech is the last one that is not near silence; from the moment
it was sent to the reply's message counts. ``found``: the line finds the end by itself. ``button``: the button
is let go with the last sample.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from websockets.sync.client import ClientConnection, connect

from benchmarks.kills import Service, database_of
from benchmarks.turns import prepare
from tests.postgres import free_port
from voice.audio import RATE, Audio
from voice.espeak import EspeakSpeaker

BLOCK = RATE // 50
QUIET = 0.01
"""Of the loudest sample: what is fainter at the end is no speech."""
SAID = (
    "show gtm performance for Acme",
    "what are the top performing channels this month",
    "find influencers for fitness with fifty thousand followers",
    "how is Northwind doing",
)
VOICES = ("en-us", "en-gb", "en-us+m7")


def spoken(count: int) -> list[Audio]:
    """Questions, said in several voices."""
    mouth = EspeakSpeaker()
    return [
        mouth.speak(SAID[at % len(SAID)], voice=VOICES[at % len(VOICES)], speed=0.9) for at in range(count)
    ]


def milliseconds(line: ClientConnection, speech: Audio, *, button: bool) -> float | None:
    """How long one reply took; None where nothing was understood."""
    samples = speech.samples
    samples = samples[: 1 + np.flatnonzero(np.abs(samples) > QUIET * np.abs(samples).max())[-1]]
    rest = np.random.default_rng(1).normal(0, 3, 4 * RATE).astype(np.int16)
    ended, replied = 0.0, threading.Event()

    def play() -> None:
        nonlocal ended
        begun = time.monotonic()
        whole = np.concatenate([rest[: RATE // 2], samples, rest])
        last = RATE // 2 + len(samples)
        for at in range(0, len(whole), BLOCK):
            time.sleep(max(0.0, begun + (at + BLOCK) / RATE - time.monotonic()))
            line.send(whole[at : at + BLOCK].astype("<i2").tobytes())
            if not ended and at + BLOCK >= last:
                ended = time.monotonic()
                if button:
                    line.send(json.dumps({"type": "end"}))
                    return
            if replied.is_set():
                return

    player = threading.Thread(target=play)
    player.start()
    try:
        while True:
            got = line.recv(timeout=60)
            frame = {} if isinstance(got, bytes) else json.loads(got)
            if frame.get("type") == "reply":
                took = (time.monotonic() - ended) * 1000
                return took if frame["reply"]["status"] == "done" else None
    finally:
        replied.set()
        player.join()


def measured(service: Service, token: str, clips: Sequence[Audio], silence: float) -> dict[str, Any]:
    """Both ways of ending, one clip after the other."""
    headers = {"Authorization": f"Bearer {token}"}
    url = service.url.replace("http", "ws") + "/api/v1/voice/stream"
    figures: dict[str, Any] = {"silence_ms": silence * 1000}
    for way in ("found", "button"):
        with connect(url, additional_headers=headers) as line:
            line.send(json.dumps({"type": "start", "silence": silence}))
            took = [milliseconds(line, clip, button=way == "button") for clip in [clips[0], *clips]][1:]
        done = [one for one in took if one is not None]
        figures[way] = {
            "clips": len(took),
            "answered": len(done),
            "p50_ms": round(statistics.median(done)),
            "p95_ms": round(float(np.percentile(done, 95))),
        }
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--silence", type=float, default=0.6)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, database_of("sqlite", Path(name)) as url:
        folder = Path(name) / "data"
        token = prepare(url, folder)
        service = Service(url, folder, free_port(), "")
        service.environment = {
            key: value for key, value in service.environment.items() if "NOTIFY" not in key
        }
        service.start()
        try:
            print(json.dumps(measured(service, token, spoken(asked.clips), asked.silence), indent=1))
        finally:
            service.stop()


if __name__ == "__main__":
    main()
