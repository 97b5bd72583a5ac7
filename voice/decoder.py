"""Reads recordings with FFmpeg. Imports nothing of ours: it also runs as a program in a process of its own.

As a program it takes the recording on its standard input and the most seconds as its argument. It answers
with a line of JSON, the code of what is wrong or an empty text, and the samples.
"""

import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

RATE = 16_000
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
RATES = range(4_000, 384_001)
MOST_CHANNELS = 8
MOST_BYTES = 64 * 2**20
"""Of what comes through a pipe: two minutes at 48 kHz take 46 MB at the most."""
MOST_WORK = 6
"""Seconds a recording may take to be read; two minutes of sound take a quarter of one."""
MOST_MEMORY = 512 * 2**20
"""Bytes of address space of the process. Ten kilobytes of MPEG-4 can claim tables of gigabytes."""

EMPTY, UNREADABLE, TOO_LONG = "audio_empty", "audio_unreadable", "audio_too_long"


class DecodingError(Exception):
    """Its argument is a code."""


def decoded(file: BinaryIO, most_seconds: float) -> bytes:
    """16-bit samples at `RATE` of one channel, never none. Raises `DecodingError`."""
    import av

    options = {"format_whitelist": ",".join(FORMATS), "codec_whitelist": ",".join(CODECS)}
    try:
        if _is_empty(file):
            raise DecodingError(EMPTY)
        with av.open(file, mode="r", container_options=options, metadata_errors="ignore") as container:
            samples = _samples(container, _stream(container), most_seconds)
    except (av.FFmpegError, OSError, ValueError, OverflowError, MemoryError) as error:
        raise DecodingError(UNREADABLE) from error
    if not samples:
        raise DecodingError(EMPTY)
    return samples


def _is_empty(file: BinaryIO) -> bool:
    """Whether nothing is in it, as far as can be told of what can be read again."""
    return file.seekable() and file.seek(0, io.SEEK_END) == file.seek(0)


def _stream(container: "InputContainer") -> "AudioStream":
    if not container.streams.audio:
        raise DecodingError(EMPTY)
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or context.name not in CODECS:
        raise DecodingError(UNREADABLE)
    context.thread_count = 1  # Each thread takes address space, which is limited.
    # Where the header does not say, the frames will.
    _check(context.sample_rate or RATE, context.channels or 1)
    return stream


def _check(rate: int, channels: int) -> None:
    """What is resampled from an absurd rate fills the memory."""
    if rate not in RATES or not 1 <= channels <= MOST_CHANNELS:
        raise DecodingError(UNREADABLE)


def _samples(container: "InputContainer", stream: "AudioStream", most_seconds: float) -> bytes:
    resampler = Resampler()
    heard = bytearray()
    for frame in _frames(container, stream):
        for part in resampler.take(frame):
            heard += part
        if len(heard) > most_seconds * RATE * 2:
            raise DecodingError(TOO_LONG)
    return bytes(heard)


def _frames(container: "InputContainer", stream: "AudioStream") -> Iterator["AudioFrame | None"]:
    """Each frame that can be decoded, and None at the end."""
    import av

    deadline = time.monotonic() + MOST_WORK
    with suppress(av.FFmpegError):  # What there was before the damage counts.
        for packet in container.demux(stream):
            if time.monotonic() > deadline:
                raise DecodingError(UNREADABLE)
            with suppress(av.error.InvalidDataError):
                for frame in packet.decode():
                    _check(frame.sample_rate, len(frame.layout.channels))
                    frame.pts = None  # Times in a recording may be anything.
                    yield frame
    yield None


class Resampler:
    """Frames of one stream to 16-bit samples at `RATE`, even where their form changes on the way."""

    def __init__(self) -> None:
        self._form: tuple[str, str, int] | None = None
        self._inner: AudioResampler | None = None

    def take(self, frame: "AudioFrame | None") -> Iterator[bytes]:
        """What is ready after ``frame``; after None, which ends the stream, the rest."""
        form = None if frame is None else (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            if self._inner is not None:
                yield from _bytes(self._inner.resample(None))
            self._form, self._inner = form, _resampler()
        if self._inner is not None and frame is not None:
            yield from _bytes(self._inner.resample(frame))


def _resampler() -> "AudioResampler":
    from av.audio.resampler import AudioResampler

    return AudioResampler("s16", "mono", RATE)


def _bytes(frames: list["AudioFrame"]) -> Iterator[bytes]:
    for frame in frames:
        yield bytes(frame.planes[0])[: frame.samples * 2]


def _limit() -> None:
    """Whatever the recording holds, this process takes no more than this, and writes no file."""
    try:
        import resource
    except ImportError:  # Windows; there the parent's time-out has to do.
        return
    for kind, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_WORK),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def _seekable(file: BinaryIO) -> BinaryIO:
    """Some kinds of recording cannot be read from the start to the end alone."""
    if file.seekable():
        return file
    held = io.BytesIO(file.read(MOST_BYTES + 1))
    if len(held.getbuffer()) > MOST_BYTES:
        raise DecodingError(TOO_LONG)
    return held


def _run(most_seconds: float) -> None:
    import av  # noqa: F401 - before no file may be written, so that Python keeps its compiled modules.

    _limit()
    code, samples = "", b""
    try:
        samples = decoded(_seekable(sys.stdin.buffer), most_seconds)
    except DecodingError as error:
        code = str(error)
    except MemoryError:
        code = UNREADABLE
    sys.stdout.buffer.write(json.dumps(code).encode() + b"\n" + samples)


if __name__ == "__main__":
    _run(float(sys.argv[1]))
