"""`Audio` in the forms in which it leaves the house."""

import io
import wave
from typing import TYPE_CHECKING, cast

import numpy as np

from voice.audio import RATE, Audio
from voice.speaker import Form

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

MEDIA_TYPES: dict[Form, str] = {"wav": "audio/wav", "mp3": "audio/mpeg", "opus": "audio/ogg"}

_CODECS: dict[Form, tuple[str, str, int]] = {
    "mp3": ("mp3", "libmp3lame", 48_000),
    "opus": ("ogg", "libopus", 32_000),
}
"""Container, codec, bits a second: plenty for speech at this rate."""


def encode(audio: Audio, form: Form) -> bytes:
    """A whole file of ``audio``. Of no sound at all, a compressed file holds a moment of silence."""
    return _wav(audio) if form == "wav" else _compressed(audio, form)


def _wav(audio: Audio) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(audio.samples.astype("<i2", copy=False).tobytes())
    return written.getvalue()


def _compressed(audio: Audio, form: Form) -> bytes:
    import av
    from av.audio.frame import AudioFrame

    container_format, codec, bit_rate = _CODECS[form]
    samples = audio.samples if len(audio.samples) else np.zeros(RATE // 50, np.int16)
    written = io.BytesIO()
    with av.open(written, mode="w", format=container_format) as container:
        stream = cast("AudioStream", container.add_stream(codec, rate=RATE, layout="mono", bit_rate=bit_rate))
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return written.getvalue()
