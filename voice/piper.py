"""Piper: a natural voice on this machine, from the two files of a voice."""

import importlib.util
import json
import re
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from voice.audio import Audio, VoiceError
from voice.resampling import resampled
from voice.saying import chosen_voice, sayable, too_long

if TYPE_CHECKING:
    from piper import PiperVoice, SynthesisConfig

MOST_CHARACTERS = 10_000
MOST_SECONDS = 600
LONGEST_PIECE = 400
"""Characters said in one go: the model's memory grows with their square."""
PAUSE = 0.25
"""Seconds between two pieces."""
SLOWEST, FASTEST = 0.5, 2.5
PHONEMES = ("espeak", "text")
"""Kinds of voice that need nothing but their files."""


class PiperSpeaker:
    """A `Speaker` on a Piper voice: NAME.onnx and NAME.onnx.json.

    The voice is called NAME; one of several speakers also NAME followed by a colon and the speaker's name.
    """

    name: Literal["piper"] = "piper"

    def __init__(self, file: Path, *, threads: int = 2) -> None:
        """Only looks whether it is there; `load` or the first text loads it.

        Raises `VoiceError` ``mouth_unavailable``.
        """
        self._file = file
        self._threads = threads
        self._loading = threading.Lock()
        self._voice: PiperVoice | None = None
        self._speakers = {file.stem: None, **_speakers(file)}
        self.voices = tuple(self._speakers)

    def load(self) -> None:
        """Have it ready. Raises `VoiceError` ``mouth_unavailable`` where its files are damaged."""
        self._loaded()

    def speak(self, text: str, *, voice: str | None = None, speed: float = 1.0) -> Audio:
        """As `Speaker.speak`; also raises `VoiceError` ``too_long_to_say``."""
        speaker = self._speakers[chosen_voice(voice, self.voices)]
        said = sayable(text, MOST_CHARACTERS).replace("[[", "[ [")  # Between them would stand phonemes.
        model = self._loaded()
        from piper import SynthesisConfig

        rate = model.config.sample_rate
        how = SynthesisConfig(
            speaker_id=speaker, length_scale=model.config.length_scale / min(max(speed, SLOWEST), FASTEST)
        )
        pause = np.zeros(round(PAUSE * rate), np.int16)
        parts: list[NDArray[np.int16]] = [pause[:0]]
        for part in self._synthesised(model, said, how):
            parts += [part, pause]
            if sum(map(len, parts)) > MOST_SECONDS * rate:
                raise too_long()
        return resampled(np.concatenate(parts[:-1] or parts), rate)

    def _synthesised(
        self, model: "PiperVoice", text: str, how: "SynthesisConfig"
    ) -> Iterator[NDArray[np.int16]]:
        try:
            for piece in _pieces(text):
                for chunk in model.synthesize(piece, how):
                    yield chunk.audio_int16_array.reshape(-1)
        except Exception as error:  # The runtime's errors have no base of their own.
            raise _broken(self._file, error) from error

    def _loaded(self) -> "PiperVoice":
        with self._loading:
            if self._voice is None:
                self._voice = _load(self._file, self._threads)
            return self._voice


def _pieces(text: str) -> Iterator[str]:
    """Sentences, the long ones in parts."""
    for sentence in re.split(r"(?<=[.!?;:])\s+", text):
        yield from textwrap.wrap(sentence, LONGEST_PIECE)


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec("piper") is not None
    except ValueError:  # What was taken out of the interpreter.
        return False


def _settings(file: Path) -> Path:
    return file.with_name(file.name + ".json")


def _speakers(file: Path) -> dict[str, int]:
    """The speakers of a voice that has several, by the voice's name and theirs."""
    if not _is_installed():
        raise _unavailable("Piper is not installed.", 'Install it: pip install "gtm-assistant[voice]".')
    if lacking := [one for one in (file, _settings(file)) if not one.is_file() or not one.stat().st_size]:
        raise _unavailable(
            f"The Piper voice lacks {' and '.join(str(one) for one in lacking)}.",
            "Put the .onnx file and its .onnx.json side by side.",
        )
    try:
        told = json.loads(_settings(file).read_bytes())
        kind = told.get("phoneme_type", PHONEMES[0])
        speakers = {f"{file.stem}:{name}": int(place) for name, place in told["speaker_id_map"].items()}
        several = told["num_speakers"] > 1
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _broken(file, error) from error
    if kind not in PHONEMES:
        raise _unavailable(f"Voices of the kind {kind} cannot be used.", "Choose an English voice.")
    return speakers if several else {}


def _load(file: Path, threads: int) -> "PiperVoice":
    try:
        import onnxruntime
        from piper import PiperConfig, PiperVoice
    except ImportError as error:
        raise _unavailable(
            "Piper is not installed.", 'Install it: pip install "gtm-assistant[voice]".'
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        return PiperVoice(session, PiperConfig.from_dict(json.loads(_settings(file).read_bytes())))
    except Exception as error:  # The runtime's errors have no base of their own.
        raise _broken(file, error) from error


def _unavailable(message: str, cure: str) -> VoiceError:
    return VoiceError("mouth_unavailable", message, cure)


def _broken(file: Path, error: Exception) -> VoiceError:
    return _unavailable(f"The Piper voice {file} cannot be used ({error}).", "Copy its two files again.")
