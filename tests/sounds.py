"""Sounds for the tests: speech, things that are none, and recordings of them in every form."""

import functools
import io
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from voice.audio import RATE, Audio
from voice.espeak import EspeakSpeaker


@functools.cache
def speech(words: str = "show gtm performance for Acme", voice: str = "en-us") -> Audio:
    """A synthetic voice."""
    return EspeakSpeaker().speak(words, voice=voice)


def silence(seconds: float) -> Audio:
    """Nothing at all."""
    return Audio(np.zeros(round(seconds * RATE), np.int16))


def joined(*parts: Audio) -> Audio:
    """One after the other."""
    return Audio(np.concatenate([part.samples for part in parts]))


def noises(seconds: float = 4) -> dict[str, Audio]:
    """What is not speech, by name."""
    count = round(seconds * RATE)
    at = np.arange(count) / RATE
    chance = np.random.default_rng(1)
    white = chance.standard_normal(count)
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(1, np.arange(count // 2 + 1)))
    pink = np.fft.irfft(spectrum, count)

    def chord(*tones: float) -> NDArray[np.float64]:
        waves = [np.sin(2 * np.pi * tone * over * at) / over for tone in tones for over in range(1, 7)]
        return np.asarray(np.sum(waves, axis=0), np.float64)

    music = np.zeros(count)
    for start in range(0, count, RATE // 4):
        root = 220 * 2 ** (chance.integers(0, 24) / 12)
        struck = chord(root, root * 5 / 4, root * 3 / 2) * np.exp(-5 * at)
        music[start:] += struck[: count - start]
    clicks = np.zeros(count)
    clicks[:: RATE // 2] = 1
    waves = {
        "silence": np.zeros(count),
        "white noise": white * 0.2,
        "pink noise": pink * 0.8 / np.abs(pink).max(),
        "pink noise in waves": pink * 0.8 / np.abs(pink).max() * (1 + np.sin(2 * np.pi * 4 * at)) / 2,
        "a faint hiss": white * 0.0001,
        "hum": chord(50) * 0.1,
        "a chord": chord(220, 277, 330) * 0.1,
        "music": music * 0.8 / np.abs(music).max(),
        "a siren": 0.5 * np.sin(2 * np.pi * np.cumsum(500 + 300 * np.sin(np.pi * at)) / RATE),
        "clicks": clicks,
    }
    return {name: Audio((np.clip(wave, -1, 1) * 32_767).astype(np.int16)) for name, wave in waves.items()}


def recorded(
    audio: Audio, container: str, codec: str, rate: int, layout: str = "mono", **options: str
) -> bytes:
    """A file of ``audio``."""
    written = io.BytesIO()
    with av.open(written, mode="w", format=container, container_options=options) as file:
        more: dict[str, Any] = {"strict": "experimental"} if codec == "vorbis" else {}
        stream = cast("AudioStream", file.add_stream(codec, rate=rate, layout=layout, options=more))
        frame = AudioFrame.from_ndarray(audio.samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = AudioResampler(stream.codec_context.format.name, layout, rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return written.getvalue()


def likeness(one: Audio, other: Audio) -> float:
    """The correlation of two recordings, wherever the one begins in the other."""
    length = 2 ** int(np.ceil(np.log2(len(one.samples) + len(other.samples))))
    first, second = (np.fft.rfft(sound.samples.astype(float), length) for sound in (one, other))
    scale = np.linalg.norm(one.samples.astype(float)) * np.linalg.norm(other.samples.astype(float))
    return float(np.fft.irfft(first * np.conj(second), length).max() / scale)
