"""Where somebody speaks in a recording, and when he has finished."""

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voice.audio import RATE, Audio, VoiceError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WINDOW = 512
"""Samples the model looks at together: 32 ms."""
CONTEXT = 64
"""Samples before a window which it sees again."""
SPEECH, SILENCE = 0.5, 0.35
"""Probabilities at which speech is taken to begin, and under which it has stopped."""
LEAST_SPEECH = 5
"""Windows of speech that are more than a click or a cough."""
LONGEST_GAP = 5
"""Windows without speech after which too little of it is forgotten."""
MARGIN = 0.16
"""Seconds kept before and after the speech: a word begins and ends softer than it is heard."""
HURRIED = 1 / 2
"""Of the silence that ends an utterance, where what was said is known to be whole."""
PAUSE = 0.22
"""Seconds of silence after which an utterance may be over; no less than the margin."""

Samples = NDArray[np.int16]
_State = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class SpeechBegan:
    """Somebody speaks."""

    at: float
    """Seconds from the start of the stream to where the utterance begins."""


@dataclass(frozen=True)
class SpeechPaused:
    """He may have finished: told once in each pause within an utterance."""

    utterance: Audio
    """What he will have said if nothing follows: the same samples that `SpeechEnded` then gives."""


@dataclass(frozen=True)
class SpeechEnded:
    """He has finished."""

    utterance: Audio
    """What he said, with a margin of silence."""
    is_cut: bool = False
    """Whether he was cut off for speaking too long."""


Event = SpeechBegan | SpeechPaused | SpeechEnded


class Endpointer:
    """Finds the utterances in a stream of sound. For one stream; not to be shared by threads."""

    def __init__(self, *, silence: float = 0.6, most_seconds: float = 30.0) -> None:
        """``silence``: seconds after which an utterance has ended. ``most_seconds``: what is cut off."""
        self._silence = max(1, round(silence * RATE / WINDOW))
        self._most = max(LEAST_SPEECH, round(most_seconds * RATE / WINDOW))
        self._margin = round(MARGIN * RATE / WINDOW)
        self._pause = round(PAUSE * RATE / WINDOW)
        self.reset()

    def reset(self) -> None:
        """Forget all that was heard, as for a new stream."""
        self._rest: Samples = np.zeros(0, np.int16)
        self._state = _fresh()
        self._windows: list[Samples] = []
        """The utterance so far with its margin, or the margin that one would have."""
        self._passed = 0
        """Windows heard in all."""
        self._wait()

    def _wait(self) -> None:
        self._speaking = False
        self._voiced = 0
        """Windows of speech in the utterance."""
        self._quiet = 0
        """Windows since the last of them."""
        self._hurried = False

    @property
    def is_speaking(self) -> bool:
        """Whether somebody speaks now."""
        return self._speaking

    @property
    def is_pausing(self) -> bool:
        """Whether nothing was said for a moment of the utterance."""
        return self._quiet >= self._margin

    @property
    def so_far(self) -> Audio:
        """What has been said of an utterance that goes on; empty where nobody speaks."""
        return _joined(self._windows) if self._speaking else _joined([])

    def feed(self, samples: Samples) -> list[Event]:
        """Take the next samples of the stream, any number, and tell what happened in them."""
        heard = np.concatenate([self._rest, samples])
        count = len(heard) // WINDOW
        self._rest = heard[count * WINDOW :].copy()
        windows = heard[: count * WINDOW].reshape(count, WINDOW)
        probabilities, self._state = _probabilities(windows, self._state)
        told: list[Event] = []
        for window, probability in zip(windows, probabilities, strict=True):
            told += self._step(window.copy(), float(probability))
        return told

    def hurry(self) -> None:
        """End the utterance that pauses now after `HURRIED` of the silence, unless he speaks on."""
        self._hurried = self._speaking and self._quiet >= self._pause

    def finish(self) -> list[Event]:
        """Take the end of the stream; an utterance that went on has ended. Begins anew."""
        told = self.feed(np.zeros(-len(self._rest) % WINDOW, np.int16))
        if self._speaking:
            told.append(self._ended())
        self.reset()
        return told

    def _step(self, window: Samples, probability: float) -> list[Event]:
        self._windows.append(window)
        self._passed += 1
        if probability >= (SILENCE if self._speaking else SPEECH):
            self._voiced += 1
            self._quiet = 0
            self._hurried = False
        else:
            self._quiet += 1
        if self._speaking:
            is_cut = len(self._windows) >= self._most
            if is_cut or self._quiet >= self._silence * (HURRIED if self._hurried else 1):
                return [self._ended(is_cut=is_cut)]
            return [SpeechPaused(self._utterance())] if self._quiet == self._pause else []
        if self._voiced >= LEAST_SPEECH:
            self._speaking = True
            return [SpeechBegan((self._passed - len(self._windows)) * WINDOW / RATE)]
        if not self._voiced or self._quiet > LONGEST_GAP:
            self._wait()
            del self._windows[: -self._margin]
        return []

    def _utterance(self) -> Audio:
        return _joined(self._windows[: len(self._windows) - max(0, self._quiet - self._margin)])

    def _ended(self, *, is_cut: bool = False) -> SpeechEnded:
        utterance = self._utterance()
        self._windows = self._windows[-self._margin :]
        self._wait()
        return SpeechEnded(utterance, is_cut)


def trim(audio: Audio) -> Audio:
    """The speech in ``audio``, from its first word to its last, with a margin of silence.

    Raises `VoiceError` ``no_speech`` where there is none: silence, noise, music.
    """
    endpointer = Endpointer(silence=audio.seconds + 1, most_seconds=audio.seconds + 1)
    for event in [*endpointer.feed(audio.samples), *endpointer.finish()]:
        if isinstance(event, SpeechEnded):
            return event.utterance
    raise VoiceError("no_speech", "I heard no speech.", "Check the microphone and say it again.")


def _joined(windows: list[Samples]) -> Audio:
    return Audio(np.concatenate([np.zeros(0, np.int16), *windows]))


def _fresh() -> _State:
    return (
        np.zeros((1, 1, 128), np.float32),
        np.zeros((1, 1, 128), np.float32),
        np.zeros((1, CONTEXT), np.float32),
    )


def _probabilities(windows: Samples, state: _State) -> tuple[NDArray[np.float32], _State]:
    """How probably somebody speaks in each window, and what the model remembers after them."""
    if not len(windows):
        return np.zeros(0, np.float32), state
    hidden, cell, context = state
    scaled = windows.astype(np.float32) / 32_768
    ends = np.concatenate([context, scaled[:, -CONTEXT:]])
    given = {"input": np.concatenate([ends[:-1], scaled], axis=1), "h": hidden, "c": cell}
    found, hidden, cell = (np.asarray(one) for one in _model().run(None, given))
    return found.reshape(-1), (hidden, cell, ends[-1:])


@functools.cache
def _model() -> "InferenceSession":
    """Silero VAD, which faster-whisper brings along; its package is not imported for that."""
    import onnxruntime

    found = importlib.util.find_spec("faster_whisper")
    files = [] if found is None or found.origin is None else _models(Path(found.origin).parent)
    if not files:
        raise VoiceError(
            "ears_unavailable", "The model that finds speech is missing.", "Install faster-whisper again."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(files[-1], options, providers=["CPUExecutionProvider"])


def _models(package: Path) -> list[Path]:
    return sorted((package / "assets").glob("silero_vad*.onnx"))
