"""Speech of the service as a microphone takes it."""

import numpy as np

from voice.audio import RATE, Audio

COMMAND = "find influencers with fifty thousand followers"
VOICE = "en-us"


def in_a_room(audio: Audio) -> Audio:
    """With the noise and the pauses of a quiet room: no microphone gives the bare zeros of a synthesiser."""
    silence = np.zeros(RATE * 3 // 8)
    samples = np.concatenate([silence, audio.samples / 2, silence])
    noise = np.random.default_rng(1).normal(0, 40, len(samples))
    return Audio((samples + noise).astype(np.int16))
