"""eSpeak NG from its wheel: speech at once and everywhere, in a voice that is plainly a machine's."""

import ctypes
import functools
import threading
import unicodedata

import numpy as np

from voice.audio import Audio, VoiceError
from voice.espeak_library import EspeakLibrary, espeak_library
from voice.resampling import resampled

MOST_CHARACTERS = 10_000
"""Of a text: some ten minutes."""
MOST_SECONDS = 600
"""Of speech: figures are written shorter than they are said."""
WORDS_A_MINUTE = 175
SLOWEST, FASTEST = 0.5, 2.5

_ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-us-nyc", "en-gb-x-gbcwmd")
_VARIANTS = ("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8")

# From speak_lib.h.
_RATE = 1
_UTF8, _END_PAUSE = 1, 0x1000
_BY_CHARACTER = 1
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakSpeaker:
    """A `Speaker` on eSpeak NG.

    It synthesises at 22 kHz and gives 16 kHz: what lies above 8 kHz, a little of each "s", is lost.
    """

    name = "espeak"
    voices: tuple[str, ...] = (
        *_ACCENTS,
        *(f"{accent}+{variant}" for accent in _ACCENTS for variant in _VARIANTS),
    )

    def __init__(self) -> None:
        """Raises `VoiceError` ``mouth_unavailable`` where the package is missing or broken."""
        _library()

    def speak(self, text: str, *, voice: str | None = None, speed: float = 1.0) -> Audio:
        """As `Speaker.speak`; also raises `VoiceError` ``too_long_to_say``."""
        chosen = self.voices[0] if voice is None else voice
        if chosen not in self.voices:
            raise VoiceError(
                "unknown_voice", f"There is no voice {chosen}.", f"Voices: {', '.join(_ACCENTS)}."
            )
        if len(text) > MOST_CHARACTERS:
            raise _too_long()
        said = _sayable(text)
        words_a_minute = round(WORDS_A_MINUTE * min(max(speed, SLOWEST), FASTEST))
        return _library().speak(said, chosen, words_a_minute) if said else Audio(np.zeros(0, np.int16))


def _sayable(text: str) -> str:
    """Without control characters: some are commands to eSpeak, and one ends the text."""
    kept = (" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)
    return "".join(kept).strip()


def _file(voice: str) -> str:
    """The library knows British English as plain English."""
    accent, plus, variant = voice.partition("+")
    return ("en" if accent == "en-gb" else accent) + plus + variant


class _Library:
    """The C library. It is one for the process and has one state, so it serves one text at a time."""

    def __init__(self, library: EspeakLibrary) -> None:
        self._library = library
        self._lock = library.lock
        self._parts: list[bytes] = []
        self._left = 0
        self._inner = library.handle
        self._rate = library.rate
        self._callback = _Callback(self._take)
        """Kept, or it is freed while the library still calls it."""
        self._inner.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str, words_a_minute: int) -> Audio:
        written = text.encode("utf-8", "replace") + b"\0"
        with self._lock:
            self._parts, self._left = [], MOST_SECONDS * self._rate
            known = self._library.use_voice(_file(voice))
            self._inner.espeak_SetParameter(_RATE, words_a_minute, 0)
            failed = self._inner.espeak_Synth(
                written, ctypes.c_size_t(len(written)), 0, _BY_CHARACTER, 0, _UTF8 | _END_PAUSE, None, None
            )
            said, is_cut, self._parts = b"".join(self._parts), self._left < 0, []
        if not known or (failed and not is_cut):
            raise _unavailable("eSpeak NG failed.")
        if is_cut:
            raise _too_long()
        return resampled(np.frombuffer(said, np.int16), self._rate)

    def _take(
        self, samples: "ctypes._Pointer[ctypes.c_short] | None", count: int, _events: int | None
    ) -> int:
        """Called by the library with each piece; what is not 0 stops it."""
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, count * 2))
            self._left -= count
        return int(self._left < 0)


_starting = threading.Lock()


def _library() -> _Library:
    with _starting:
        return _started()


@functools.cache
def _started() -> _Library:
    library = espeak_library()
    if library is None:
        raise _unavailable("eSpeak NG is not there.")
    try:
        return _Library(library)
    except AttributeError as error:
        raise _unavailable(f"eSpeak NG is another than expected ({error}).") from error


def _unavailable(message: str) -> VoiceError:
    return VoiceError("mouth_unavailable", message, 'Install it: pip install "gtm-assistant[voice]".')


def _too_long() -> VoiceError:
    return VoiceError("too_long_to_say", "That is too long to be said aloud.", "Ask for a shorter answer.")
