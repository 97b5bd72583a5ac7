"""Keeps the trained model in a file, so that only the first start after a change pays for training."""

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from intents.readers.classifier import LinearClassifier
from intents.readers.deep import Deep
from intents.readers.features import Block, Features
from intents.readers.gate import Gate
from intents.readers.meaning import MeaningClassifier
from intents.readers.model import Model

_CODE = Path(__file__).parents[1]


def fingerprint(data: Iterable[Path]) -> str:
    """A hash of the data files and of the code that learns from them."""
    digest = hashlib.sha256()
    for path in (*sorted(_CODE.rglob("*.py")), *data, _CODE / "data" / "lexicon.yml"):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def store(model: Model, path: Path) -> None:
    """Write the model so that a reader of the file sees all of it or none. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **_arrays(model))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def restore(path: Path) -> Model | None:
    """The model in the file; None when there is none or it cannot be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return _model({name: arrays[name] for name in arrays.files})
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _arrays(model: Model) -> dict[str, Any]:
    plain = {
        "blocks": [[block.name, block.pieces] for block in model.features.blocks],
        "classes": model.classifier.classes,
        "temperature": model.classifier.temperature,
        "kinds": model.kinds,
        "is_delexical": model.is_delexical,
        "known": sorted(model.known),
        "gate": [model.gate.intercept, model.gate.temperature, model.gate.threshold],
    }
    return {
        **_deep_arrays(model.deep),
        "plain": np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8),
        "weights": model.classifier.weights,
        "intercepts": model.classifier.intercepts,
        "gate_weights": model.gate.weights,
        "gate_extra": model.gate.extra,
        **{f"idf_{block.name}": block.idf for block in model.features.blocks},
    }


def _model(arrays: dict[str, Any]) -> Model:
    plain = json.loads(arrays["plain"].tobytes())
    features = Features([Block(name, pieces, arrays[f"idf_{name}"]) for name, pieces in plain["blocks"]])
    classifier = LinearClassifier(
        tuple(plain["classes"]), arrays["weights"], arrays["intercepts"], plain["temperature"]
    )
    if len(classifier.weights) != features.size or len(arrays["gate_weights"]) != features.size:
        raise ValueError("the parts of the model do not fit together")
    gate = Gate(arrays["gate_weights"], arrays["gate_extra"], *plain["gate"])
    kinds = {intent: tuple(kinds) for intent, kinds in plain["kinds"].items()}
    known = frozenset(plain["known"])
    return Model(features, classifier, gate, kinds, known, plain["is_delexical"], _deep(arrays))


_PARTS = tuple(field.name for field in fields(MeaningClassifier))


def _deep_arrays(deep: Deep | None) -> dict[str, Any]:
    if deep is None:
        return {}
    return {
        "deep": np.array([deep.temperature, deep.threshold, deep.sure, deep.strange]),
        "deep_judgement": deep.judgement,
        **{f"intents_{part}": getattr(deep.intents, part) for part in _PARTS},
        **({} if deep.scope is None else {f"scope_{part}": getattr(deep.scope, part) for part in _PARTS}),
    }


def _deep(arrays: dict[str, Any]) -> Deep | None:
    if "deep" not in arrays:
        return None
    temperature, threshold, sure, strange = map(float, arrays["deep"])
    intents = MeaningClassifier(**{part: arrays[f"intents_{part}"] for part in _PARTS})
    scope = None
    if "scope_words" in arrays:
        scope = MeaningClassifier(**{part: arrays[f"scope_{part}"] for part in _PARTS})
    return Deep(intents, temperature, scope, arrays["deep_judgement"], threshold, sure, strange)
