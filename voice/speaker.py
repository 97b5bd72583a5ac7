"""What every engine of speech synthesis takes and gives."""

from typing import Literal, Protocol

from voice.audio import Audio

Form = Literal["wav", "mp3", "opus"]
"""How sound leaves the house; opus comes in an Ogg container."""


class Speaker(Protocol):
    """Text to speech. Safe to be called from several threads."""

    @property
    def name(self) -> str:
        """``espeak``, ``piper`` or ``endpoint``."""
        ...

    @property
    def voices(self) -> tuple[str, ...]:
        """The names of its voices, the default first."""
        ...

    def speak(self, text: str, *, voice: str | None = None, speed: float = 1.0) -> Audio:
        """Say ``text``, which is in words: no markup.

        Raises `VoiceError`: ``unknown_voice``, or ``mouth_unavailable`` where the engine does not answer.
        """
        ...
