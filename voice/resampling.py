"""Sound of any rate and form as samples at `RATE`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voice.audio import RATE, Audio

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler


class Resampler:
    """For the frames of one stream, even where their form changes on the way."""

    def __init__(self) -> None:
        self._form: tuple[str, str, int] | None = None
        self._inner: AudioResampler | None = None

    def take(self, frame: "AudioFrame | None") -> Iterator[NDArray[np.int16]]:
        """What is ready after ``frame``; after None, which ends the stream, the rest."""
        form = None if frame is None else (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            if self._inner is not None:
                yield from _arrays(self._inner.resample(None))
            self._form, self._inner = form, _resampler()
        if self._inner is not None and frame is not None:
            yield from _arrays(self._inner.resample(frame))


def resampled(samples: NDArray[np.int16], rate: int) -> Audio:
    """One channel of ``rate`` samples a second as `Audio`."""
    if rate == RATE or not len(samples):
        return Audio(samples)
    from av.audio.frame import AudioFrame

    frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = Resampler()
    return Audio(np.concatenate([*resampler.take(frame), *resampler.take(None)]))


def _resampler() -> "AudioResampler":
    from av.audio.resampler import AudioResampler

    return AudioResampler("s16", "mono", RATE)


def _arrays(frames: list["AudioFrame"]) -> Iterator[NDArray[np.int16]]:
    for frame in frames:
        yield frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)


class SampleStream:
    """Brings a stream of samples, one channel at any rate, to `RATE` piece by piece."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler = Resampler()

    def take(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """What is ready after ``samples``."""
        if self._rate == RATE or not len(samples):
            return samples
        from av.audio.frame import AudioFrame

        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rate
        return np.concatenate([np.zeros(0, np.int16), *self._resampler.take(frame)])
