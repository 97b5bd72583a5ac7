"""CLINC150: in scope through the gate against what is refused out of scope, and the cost of reading.

``python -m benchmarks.understanding [FILE]`` trains on the training sentences, chooses every threshold on the
validation sentences and prints JSON. FILE is ``clinc150_data_full.json`` of clinc/oos-eval (CC BY 3.0); by
default it is looked for beside this repository.
"""

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from assistant.channels.nlu import resident_mb
from assistant.settings import Settings
from intents.encoder import SentenceEncoder, find_encoder
from intents.evaluation import Sentence, score
from intents.readers.foreign import learn_apart, with_gate_cost

FILE = Path(__file__).parents[2] / "shared" / "data" / "intents" / "clinc150_data_full.json"
COSTS = (0.3, 0.5, 1.0, 2.0, 5.0)
"""Points of accuracy in scope that the gate may cost on the validation sentences."""


def write_training(pairs: list[list[str]], folder: Path) -> None:
    """Write training sentences as Rasa has them."""
    by_intent: dict[str, list[str]] = {}
    for text, intent in pairs:
        by_intent.setdefault("out_of_scope" if intent == "oos" else intent, []).append(text)
    entries = [
        {"intent": intent, "examples": "".join(f"- {text}\n" for text in texts)}
        for intent, texts in by_intent.items()
    ]
    (folder / "clinc.yml").write_text(yaml.safe_dump({"version": "3.1", "nlu": entries}), encoding="utf-8")


def sentences(pairs: list[list[str]]) -> list[Sentence]:
    """Test sentences as the score wants them."""
    return [Sentence(text, None if intent == "oos" else intent) for text, intent in pairs]


def measure(file: Path, encoder: SentenceEncoder | None) -> dict[str, Any]:
    """The figures at every cost, and the seconds of training."""
    data = json.loads(file.read_text(encoding="utf-8"))
    validation = sentences(data["val"] + data["oos_val"])
    test = sentences(data["test"] + data["oos_test"])
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        write_training(data["train"] + data["oos_train"], Path(folder))
        reader = learn_apart(Path(folder), validation, encoder=encoder)
    seconds = time.perf_counter() - start
    figures = {}
    for cost in COSTS:
        reader = with_gate_cost(reader, validation, cost)
        readings, took = [], []
        for one in test:
            started = time.perf_counter()
            readings.append(reader.read(one.text))
            took.append((time.perf_counter() - started) * 1000)
        found = asdict(score(test, readings, took, resident_mb()))
        figures[f"gate may cost {cost}"] = {
            name: round(value, 4) for name, value in found.items() if value is not None
        }
    return {"train_s": round(seconds, 1), **figures}


def main() -> None:
    """Measure and print JSON."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    if not file.exists():
        sys.exit(f"{file}: not there; give the path of clinc150_data_full.json")
    encoder = find_encoder(Settings().data_dir / "models")
    figures = {"words alone": measure(file, None)}
    if encoder is not None:
        figures["with the sentence encoder"] = measure(file, encoder)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
