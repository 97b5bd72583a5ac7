"""Recorded sound in the one form everything here works on: 16 kHz, one channel, 16-bit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples a second."""


class VoiceError(Exception):
    """Why nothing could be heard or said: a stable ``code``, what is wrong, and what cures it."""

    def __init__(self, code: str, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.cure = cure


@dataclass(frozen=True, eq=False)
class Audio:
    """Sound at `RATE`: one channel of 16-bit samples, shape (n,)."""

    samples: NDArray[np.int16]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE
