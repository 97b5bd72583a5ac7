"""What every engine of speech recognition takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from voice.audio import Audio


@dataclass(frozen=True)
class Vocabulary:
    """What can be said at this moment."""

    patterns: tuple[str, ...] = ()
    """Whole utterances with places for names and values: "put {money} into {campaign}"."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By kind of place, the live names as people say them; the most important first."""
    values: Mapping[str, str] = field(default_factory=dict)
    """By kind of place, the JSGF of what else may stand there: amounts, counts, periods."""
    names_version: int = 0
    """Rises when a name changes."""


@dataclass(frozen=True)
class Transcript:
    """What was heard."""

    text: str
    """In the words of a typed utterance; amounts may be spelled out."""
    engine: str
    """whisper, endpoint or embedded."""
    confidence: float
    """Probability that the text says what was said, from 0 to 1."""
    second: str | None = None
    """What a second opinion of the same engine heard, where it has one: equal meaning makes both sure.
    Empty where that heard nothing that can be said."""
    seconds: float = 0.0
    """Length of the speech."""
    is_whole: bool = False
    """Whether it is known to be a whole sentence, to which nothing need follow."""


class Transcriber(Protocol):
    """Speech to text. Safe to be called from several threads."""

    @property
    def name(self) -> str:
        """``whisper``, ``endpoint`` or ``embedded``."""
        ...

    @property
    def hears(self) -> Literal["commands", "anything"]:
        """Whether it understands closed commands only, or free speech."""
        ...

    def transcribe(self, audio: Audio, vocabulary: Vocabulary) -> Transcript:
        """Hear ``audio``, one utterance.

        Raises `VoiceError`: ``no_speech`` where nobody speaks, ``not_understood`` for speech that is none of
        what can be said, ``ears_unavailable`` where the engine does not answer.
        """
        ...

    def prepare(self, vocabulary: Vocabulary) -> None:
        """Get ready to hear, so that the first utterance is not kept waiting.

        Raises `VoiceError` ``ears_unavailable``.
        """
        ...

    def guess(self, audio: Audio, vocabulary: Vocabulary) -> str:
        """What an utterance that still goes on may be so far: quick rather than right, empty for no idea.

        Raises `VoiceError` ``ears_unavailable``.
        """
        ...
