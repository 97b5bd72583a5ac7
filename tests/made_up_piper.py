"""A Piper voice with made-up weights: real files, which hum a tone for each phoneme.

The model's file is written by hand, field by field of ONNX's protocol buffers, so that no package is needed
for it.
"""

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

INT64, FLOAT = 7, 1
SAMPLES = 1_200
"""A phoneme's, of which there is one for each sound and one between."""


def make_piper(
    folder: Path, name: str = "hum", *, rate: int = 22_050, speakers: tuple[str, ...] = ()
) -> Path:
    """The ``.onnx`` of a voice, with its settings beside it."""
    from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    path.write_bytes(_model(has_speakers=bool(speakers)))
    settings: dict[str, Any] = {
        "audio": {"sample_rate": rate},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "num_symbols": 256,
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {speaker: place for place, speaker in enumerate(speakers)},
    }
    (folder / f"{name}.onnx.json").write_text(json.dumps(settings))
    return path


def _model(*, has_speakers: bool) -> bytes:
    nodes = [
        _node("Cast", ["input"], "ids", to=FLOAT),
        _node("Add", ["ids", "base"], "raised"),
        _node("Mul", ["raised", "pitch"], "tones"),
        _node("Unsqueeze", ["tones", "last"], "column"),
        _node("Slice", ["scales", "one", "two", "zero"], "length"),
        _node("Mul", ["length", "samples"], "wanted"),
        _node("Cast", ["wanted"], "count", to=INT64),
        _node("Concat", ["one", "one", "count"], "repeats", axis=0),
        _node("Tile", ["column", "repeats"], "tiled"),
        _node("Reshape", ["tiled", "flat"], "steps"),
        _node("CumSum", ["steps", "axis"], "phase"),
        _node("Sin", ["phase"], "hum"),
    ]
    if has_speakers:
        nodes += [
            _node("Cast", ["sid"], "who", to=FLOAT),
            _node("Add", ["who", "unit"], "factor"),
            _node("Mul", ["phase", "factor"], "higher"),
            _node("Sin", ["higher"], "output"),
        ]
    else:
        nodes.append(_node("Identity", ["hum"], "output"))
    constants = [
        _floats("base", [40.0]),
        _floats("pitch", [0.0007]),
        _floats("samples", [float(SAMPLES)]),
        _floats("unit", [1.0]),
        _whole("zero", [0]),
        _whole("one", [1]),
        _whole("two", [2]),
        _whole("last", [2]),
        _whole("flat", [1, 1, -1]),
        _whole("axis", [2]),
    ]
    inputs: list[tuple[str, int, list[str | int]]] = [
        ("input", INT64, ["batch", "phonemes"]),
        ("input_lengths", INT64, ["batch"]),
        ("scales", FLOAT, [3]),
    ]
    if has_speakers:
        inputs.append(("sid", INT64, ["batch"]))
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"hum"),
            *(_bytes(5, constant) for constant in constants),
            *(_bytes(11, _value(*one)) for one in inputs),
            _bytes(12, _value("output", FLOAT, ["batch", 1, "time"])),
        ]
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 17))


def _varint(value: int) -> bytes:
    written = bytearray()
    value &= 2**64 - 1
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _node(kind: str, inputs: list[str], output: str, **attributes: int) -> bytes:
    parts = [_bytes(1, name.encode()) for name in inputs]
    parts += [_bytes(2, output.encode()), _bytes(4, kind.encode())]
    parts += [
        _bytes(5, _bytes(1, name.encode()) + _number(3, value) + _number(20, 2))
        for name, value in attributes.items()
    ]
    return b"".join(parts)


def _floats(name: str, values: list[float]) -> bytes:
    return _tensor(name, FLOAT, len(values), struct.pack(f"<{len(values)}f", *values))


def _whole(name: str, values: list[int]) -> bytes:
    return _tensor(name, INT64, len(values), np.array(values, "<i8").tobytes())


def _tensor(name: str, kind: int, count: int, data: bytes) -> bytes:
    return _number(1, count) + _number(2, kind) + _bytes(8, name.encode()) + _bytes(9, data)


def _value(name: str, kind: int, shape: Iterable[str | int]) -> bytes:
    sizes = b"".join(
        _bytes(1, _bytes(2, size.encode()) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, sizes)))
