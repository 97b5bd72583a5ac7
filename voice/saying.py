"""What every mouth does with what it is asked."""

import unicodedata

from voice.audio import VoiceError


def chosen_voice(voice: str | None, voices: tuple[str, ...]) -> str:
    """The voice, by default the first. Raises `VoiceError` ``unknown_voice``."""
    if voice is None:
        return voices[0]
    if voice not in voices:
        some = ", ".join(voices[:8])
        raise VoiceError("unknown_voice", f"There is no voice {voice}.", f"Voices: {some}.")
    return voice


def sayable(text: str, most: int) -> str:
    """``text`` without control characters: some are commands to an engine, and one ends the text.

    Raises `VoiceError` ``too_long_to_say`` beyond ``most`` characters.
    """
    if len(text) > most:
        raise too_long()
    kept = (" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)
    return "".join(kept).strip()


def too_long() -> VoiceError:
    """What is said would go on for minutes."""
    return VoiceError("too_long_to_say", "That is too long to be said aloud.", "Ask for a shorter answer.")
