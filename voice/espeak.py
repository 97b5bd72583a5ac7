"""eSpeak NG from its wheel: speech at once and everywhere, in a voice that is plainly a machine's."""

import ctypes

import numpy as np

from voice.audio import Audio, VoiceError
from voice.espeak_library import EspeakLibrary, espeak_library
from voice.resampling import resampled
from voice.saying import chosen_voice, sayable, too_long

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
        chosen = chosen_voice(voice, self.voices)
        said = sayable(text, MOST_CHARACTERS)
        words_a_minute = round(WORDS_A_MINUTE * min(max(speed, SLOWEST), FASTEST))
        return _spoken(_library(), said, chosen, words_a_minute) if said else Audio(np.zeros(0, np.int16))


def _spoken(library: EspeakLibrary, text: str, voice: str, words_a_minute: int) -> Audio:
    parts: list[bytes] = []
    left = MOST_SECONDS * library.rate

    def take(samples: "ctypes._Pointer[ctypes.c_short] | None", count: int, _events: int | None) -> int:
        """Called with each piece; what is not 0 ends the speech."""
        nonlocal left
        if samples and count > 0:
            parts.append(ctypes.string_at(samples, count * 2))
            left -= count
        return int(left < 0)

    callback = _Callback(take)
    written = text.encode("utf-8", "replace") + b"\0"
    with library.lock:
        is_there = library.use_voice(_file(voice))
        library.handle.espeak_SetParameter(_RATE, words_a_minute, 0)
        library.handle.espeak_SetSynthCallback(callback)
        failed = library.handle.espeak_Synth(
            written, ctypes.c_size_t(len(written)), 0, _BY_CHARACTER, 0, _UTF8 | _END_PAUSE, None, None
        )
    if left < 0:
        raise too_long()
    if failed or not is_there:
        raise _unavailable("eSpeak NG failed.")
    return resampled(np.frombuffer(b"".join(parts), np.int16), library.rate)


def _file(voice: str) -> str:
    """The library knows British English as plain English."""
    accent, plus, variant = voice.partition("+")
    return ("en" if accent == "en-gb" else accent) + plus + variant


def _library() -> EspeakLibrary:
    found = espeak_library()
    if found is None:
        raise _unavailable("eSpeak NG is not installed.")
    return found


def _unavailable(message: str) -> VoiceError:
    return VoiceError("mouth_unavailable", message, 'Install it: pip install "gtm-assistant[voice]".')
