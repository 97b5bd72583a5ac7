"""Whatever a person has recorded, as `Audio`; within bounds, whatever it is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, BinaryIO

import numpy as np

from voice import decoder
from voice.audio import Audio, VoiceError

MOST_SECONDS = 120.0
KINDS = "Send webm, ogg, mp3, m4a, wav or flac."
START = 10
"""Seconds the process may take beside its work, on a busy machine."""

_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP")
"""What the process is told of ours: no secrets."""
_together = BoundedSemaphore(os.cpu_count() or 1)


def decode(source: bytes | BinaryIO | Path, *, most_seconds: float = MOST_SECONDS) -> Audio:
    """The sound in ``source``; of a damaged one, what can still be heard.

    It is read in a process of its own, which takes a tenth of a second to start: whatever a hostile file does
    to the reader stays there.

    Raises `VoiceError`: ``audio_empty`` where there is no sound in it, ``audio_unreadable`` where it is
    nothing we can read, ``audio_too_long`` as soon as it has lasted longer than ``most_seconds``.
    """
    if not isinstance(source, Path):
        return _audio(
            *_asked(source if isinstance(source, bytes) else _read(source), most_seconds), most_seconds
        )
    try:
        with source.open("rb") as file:
            return _audio(*_asked(file, most_seconds), most_seconds)
    except OSError as error:
        raise _unreadable_file(source, error) from error


def decode_trusted(file: Path, *, most_seconds: float = MOST_SECONDS) -> Audio:
    """As `decode`, in this process: sooner, and only for files of which one knows where they are from."""
    try:
        with file.open("rb") as opened:
            return _audio("", decoder.decoded(opened, most_seconds), most_seconds)
    except decoder.DecodingError as error:
        return _audio(str(error), b"", most_seconds)
    except OSError as error:
        raise _unreadable_file(file, error) from error


def _read(source: BinaryIO) -> bytes:
    try:
        return source.read(decoder.MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _error(decoder.UNREADABLE, 0) from error


def _asked(source: bytes | BinaryIO, most_seconds: float) -> tuple[str, bytes]:
    """The code of what is wrong, and the samples where nothing is."""
    command = [sys.executable, "-I", str(Path(decoder.__file__).resolve()), str(most_seconds)]
    given: dict[str, Any] = {"input": source} if isinstance(source, bytes) else {"stdin": source}
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    with _together:
        try:
            done = subprocess.run(  # noqa: S603 - our own program
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                timeout=decoder.MOST_WORK + START,
                check=True,
                **given,
            )
        except subprocess.SubprocessError:
            return decoder.UNREADABLE, b""
    head, _, samples = done.stdout.partition(b"\n")
    return json.loads(head), samples


def _audio(code: str, samples: bytes, most_seconds: float) -> Audio:
    if code:
        raise _error(code, most_seconds)
    return Audio(np.frombuffer(samples, np.int16))


def _error(code: str, most_seconds: float) -> VoiceError:
    if code == decoder.EMPTY:
        return VoiceError(code, "There is no sound in this recording.", "Record it again.")
    if code == decoder.TOO_LONG:
        most = f"The recording is longer than {most_seconds:g} seconds."
        return VoiceError(code, most, "Say it in shorter parts.")
    return VoiceError(decoder.UNREADABLE, "This is not a recording that can be read.", KINDS)


def _unreadable_file(file: Path, error: OSError) -> VoiceError:
    return VoiceError(decoder.UNREADABLE, f"{file} cannot be read ({error.strerror}).", "Name a file.")
