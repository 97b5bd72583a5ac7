"""Sound of another rate as `Audio`."""

import numpy as np
from numpy.typing import NDArray

from voice.audio import RATE, Audio
from voice.decoder import Resampler


def resampled(samples: NDArray[np.int16], rate: int) -> Audio:
    """One channel of ``rate`` samples a second."""
    if rate == RATE or not len(samples):
        return Audio(samples)
    from av.audio.frame import AudioFrame

    frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = Resampler()
    return Audio(np.frombuffer(b"".join([*resampler.take(frame), *resampler.take(None)]), np.int16))
