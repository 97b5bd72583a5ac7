"""A briefing said aloud: made once, kept as a file, and given to what is sent."""

import logging
from pathlib import Path

from assistant.aloud import said
from assistant.briefing import words
from assistant.briefing.facts import Briefing
from assistant.voicing import Voicing
from voice.audio import VoiceError
from voice.speaker import Form

log = logging.getLogger(__name__)


def file_name(facts: Briefing, form: Form) -> str:
    """What the file is called where people keep it."""
    return f"briefing-{facts.number}.{form}"


class Sounds:
    """Says briefings with the mouth of the settings."""

    def __init__(self, voicing: Voicing, data_dir: Path) -> None:
        self._voicing = voicing
        self._folder = data_dir / "briefings"

    def of(self, facts: Briefing, form: Form) -> bytes:
        """The briefing said aloud; one that was made is kept, to be said once. Raises `VoiceError`."""
        file = self._folder / f"{facts.number}.{form}"
        if facts.number is not None and file.is_file():
            return file.read_bytes()
        sound = self._voicing.spoken(said(words.speech(facts)), form)
        if facts.number is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            # Another process may write the same: the whole file is there or none.
            part = file.with_suffix(f".{form}.part")
            part.write_bytes(sound)
            part.replace(file)
        return sound

    def wanted(self, facts: Briefing, form: Form) -> bytes | None:
        """The same for what goes out with it or without: None where nobody here can speak."""
        try:
            return self.of(facts, form)
        except (VoiceError, OSError) as error:
            log.warning("briefing %s is sent without its sound: %s", facts.number, error)
            return None
