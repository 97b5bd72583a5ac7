"""Whatever a person has recorded, as `Audio`; within bounds, whatever it is."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from voice.audio import RATE, Audio, VoiceError
from voice.resampling import Resampler

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

FORMATS = ("webm", "matroska", "ogg", "mp3", "aac", "mov", "mp4", "m4a", "wav", "flac")
"""Containers of sound. A playlist, which would make the library fetch what it names, is none."""
CODECS = (
    "opus",
    "libopus",
    "vorbis",
    "mp3",
    "mp3float",
    "aac",
    "alac",
    "flac",
    "pcm_u8",
    "pcm_s16le",
    "pcm_s24le",
    "pcm_s32le",
    "pcm_f32le",
    "pcm_f64le",
    "pcm_mulaw",
    "pcm_alaw",
    "adpcm_ms",
    "adpcm_ima_wav",
)
MOST_SECONDS = 120.0
MOST_WORK = 20.0
"""Seconds a file may take to be read; two minutes of sound take a quarter of one."""
RATES = range(4_000, 384_001)
MOST_CHANNELS = 8
KINDS = "Send webm, ogg, mp3, m4a, wav or flac."


def decode(source: bytes | BinaryIO | Path, *, most_seconds: float = MOST_SECONDS) -> Audio:
    """The sound in ``source``; of a damaged one, what can still be heard.

    Raises `VoiceError`: ``audio_empty`` where there is no sound in it, ``audio_unreadable`` where it is
    nothing we can read, ``audio_too_long`` as soon as it has lasted longer than ``most_seconds``.
    """
    with _opened(source) as file:
        samples = _samples(file, most_seconds)
    if not len(samples):
        raise VoiceError("audio_empty", "There is no sound in this recording.", "Record it again.")
    return Audio(samples)


@contextmanager
def _opened(source: bytes | BinaryIO | Path) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                yield file
        except OSError as error:
            raise _unreadable(f"{source} cannot be read ({error.strerror}).", "Name a file.") from error
    elif isinstance(source, bytes):
        yield io.BytesIO(source)
    else:
        yield source


def _samples(file: BinaryIO, most_seconds: float) -> NDArray[np.int16]:
    import av

    try:
        if not _has_bytes(file):
            return np.zeros(0, np.int16)
        options = {"format_whitelist": ",".join(FORMATS), "codec_whitelist": ",".join(CODECS)}
        with av.open(file, mode="r", container_options=options, metadata_errors="ignore") as container:
            return _decoded(container, _stream(container), most_seconds)
    except (av.FFmpegError, OSError, ValueError, OverflowError, MemoryError) as error:
        raise _unreadable("This is not a recording that can be read.", KINDS) from error


def _has_bytes(file: BinaryIO) -> bool:
    """Whether there is anything in it, as far as can be told without reading what cannot be read again."""
    if not file.seekable():
        return True
    start = file.tell()
    first = file.read(1)
    file.seek(start)
    return bool(first)


def _stream(container: "InputContainer") -> "AudioStream":
    if not container.streams.audio:
        raise VoiceError("audio_empty", "There is no sound in this file.", "Send a recording of speech.")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or context.name not in CODECS:
        raise _unreadable("This kind of sound cannot be read.", KINDS)
    # Where the header says nothing yet, the frames are looked at.
    _check(context.sample_rate or RATE, context.channels or 1)
    return stream


def _check(rate: int, channels: int) -> None:
    """What is resampled from an absurd rate fills the memory."""
    if rate not in RATES or not 1 <= channels <= MOST_CHANNELS:
        raise _unreadable(f"A recording with {channels} channels at {rate} Hz cannot be read.", KINDS)


def _decoded(container: "InputContainer", stream: "AudioStream", most_seconds: float) -> NDArray[np.int16]:
    resampler = Resampler()
    parts: list[NDArray[np.int16]] = []
    heard = 0
    for frame in _frames(container, stream):
        for part in resampler.take(frame):
            parts.append(part)
            heard += len(part)
        if heard > most_seconds * RATE:
            raise VoiceError(
                "audio_too_long",
                f"The recording is longer than {most_seconds:g} seconds.",
                "Say it in shorter parts.",
            )
    return np.concatenate([np.zeros(0, np.int16), *parts])


def _frames(container: "InputContainer", stream: "AudioStream") -> Iterator["AudioFrame | None"]:
    """Each frame that can be decoded, and None at the end."""
    import av

    deadline = time.monotonic() + MOST_WORK
    with suppress(av.FFmpegError):  # What there was before the damage counts.
        for packet in container.demux(stream):
            if time.monotonic() > deadline:
                raise _unreadable("The recording takes too long to read.", KINDS)
            with suppress(av.error.InvalidDataError):
                for frame in packet.decode():
                    _check(frame.sample_rate, len(frame.layout.channels))
                    frame.pts = None  # Times in a recording may be anything.
                    yield frame
    yield None


def _unreadable(message: str, cure: str) -> VoiceError:
    return VoiceError("audio_unreadable", message, cure)
