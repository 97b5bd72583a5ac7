"""The espeak-ng library of the optional wheel: loaded once, as its state is the process's."""

import ctypes
from functools import lru_cache
from threading import RLock

_SYNCHRONOUS = 2
"""Sound is handed to the callback within the call that asks for it, and goes to no device."""
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_IPA = 2


class EspeakLibrary:
    """The loaded library. Whoever calls ``handle`` holds ``lock`` from `use_voice` to the last call.

    The library knows one voice and one callback at a time: set yours each time, for somebody else may have
    set theirs since.
    """

    def __init__(self, handle: ctypes.CDLL, rate: int) -> None:
        self.handle = handle
        self.rate = rate
        """Samples a second of what it says."""
        self.lock = RLock()
        self._voice: str | None = None
        handle.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        handle.espeak_TextToPhonemes.argtypes = [
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.c_int,
            ctypes.c_int,
        ]
        handle.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def use_voice(self, name: str) -> bool:
        """Choose a voice ("en-us", "en-gb+f3"); whether there is such a one."""
        with self.lock:
            if name != self._voice:
                if self.handle.espeak_SetVoiceByName(name.encode()) != 0:
                    return False
                self._voice = name
            return True

    def ipa(self, text: str, voice: str = "en-us") -> str:
        """How ``text`` is pronounced, in the International Phonetic Alphabet; clauses apart by a blank."""
        buffer = ctypes.create_string_buffer(text.encode("utf-8", "ignore"))
        place = ctypes.c_void_p(ctypes.addressof(buffer))
        said: list[str] = []
        with self.lock:
            self.use_voice(voice)
            while place.value:
                clause = self.handle.espeak_TextToPhonemes(ctypes.byref(place), _UTF8, _IPA)
                said.append((clause or b"").decode("utf-8", "ignore"))
        return " ".join(said).strip()


@lru_cache(maxsize=1)
def _load() -> EspeakLibrary | None:
    try:
        import espeakng_loader
    except ImportError:
        return None
    try:
        handle = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path()
    except (OSError, RuntimeError):
        return None
    handle.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    rate = handle.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DO_NOT_EXIT)
    return EspeakLibrary(handle, rate) if rate > 0 else None


_loading = RLock()


def espeak_library() -> EspeakLibrary | None:
    """The library, initialised; None where the extra ``voice`` is not installed or does not load."""
    with _loading:
        return _load()
