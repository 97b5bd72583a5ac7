"""A spoken turn: a recording becomes words, the words a turn like any other, the answer words for the ear."""

from dataclasses import dataclass

from assistant.aloud import aloud
from assistant.dialogue import Dialogue
from assistant.doubting import Heard
from assistant.reply import Problem, Reply, Status
from assistant.turn import Turn
from assistant.voicing import Voicing
from voice.audio import Audio, VoiceError
from voice.speaker import Form
from voice.transcriber import Transcript

NOTHING_HEARD = ("no_speech", "not_understood")
"""What a person can mend by saying it again; other errors are of the recording or of the engine."""

LISTENED_TO = {"brief_me": 60}
"""Seconds that the answer of a command is spoken for at least: who asks for it wants to listen."""


@dataclass(frozen=True)
class Exchange:
    """A spoken turn and its answer."""

    transcript: Transcript | None
    """What was heard; None for nothing, and where the turn was answered before."""
    reply: Reply


class SpokenDialogue:
    """The dialogue by ear and mouth."""

    def __init__(self, dialogue: Dialogue, voicing: Voicing) -> None:
        self._dialogue = dialogue
        self._voicing = voicing

    def turn(self, sound: bytes | Audio, turn: Turn) -> Exchange:
        """Answer what is said in a recording; ``turn`` says who speaks where, its text is filled in here.

        Raises `VoiceError` for a recording that cannot be read or an engine that does not answer; then
        nothing was done and nothing is on record.
        """
        earlier = self._dialogue.bus.earlier(turn)
        if earlier is not None:
            return Exchange(None, earlier)
        return self.taken(self.heard(sound), turn)

    def heard(self, sound: bytes | Audio) -> Transcript | VoiceError:
        """What is said in a recording, or why nothing was heard; nothing is done about it, nothing raised."""
        try:
            return self._voicing.hear_audio(sound) if isinstance(sound, Audio) else self._voicing.hear(sound)
        except VoiceError as error:
            return error

    def taken(self, heard: Transcript | VoiceError, turn: Turn) -> Exchange:
        """Answer what `heard` gave; it raises what `turn` does."""
        if isinstance(heard, Transcript):
            return Exchange(heard, self.answer(heard, turn))
        if heard.code not in NOTHING_HEARD:
            raise heard
        return Exchange(None, self._dialogue.unheard(turn, _problem(heard)))

    def answer(self, transcript: Transcript, turn: Turn) -> Reply:
        """Answer what was heard."""
        turn.text = transcript.text
        turn.heard = Heard(transcript.engine, transcript.confidence, transcript.second)
        return self._dialogue.turn(turn)

    def unheard(self, error: VoiceError, turn: Turn) -> Reply:
        """Say that nothing was heard, and why."""
        return self._dialogue.unheard(turn, _problem(error))

    def words(self, reply: Reply, *, in_full: bool = False) -> str:
        """What is said aloud for a reply."""
        longest = self._voicing.terms.longest_answer
        longest = max(longest, LISTENED_TO.get(reply.command or "", 0))
        return aloud(reply, longest * 10 if in_full else longest)

    def speech(self, reply: Reply, form: Form) -> bytes:
        """A reply said aloud, as a file. Raises `VoiceError`."""
        return self.speech_of(reply, form)[0]

    def speech_of(self, reply: Reply, form: Form) -> tuple[bytes, float]:
        """A reply said aloud, as a file, and how many seconds it lasts. Raises `VoiceError`."""
        from voice.encoding import encode

        audio = self._voicing.speak(self.words(reply))
        return encode(audio, form), audio.seconds


def _problem(error: VoiceError) -> Problem:
    return Problem(error.code, error.message, error.cure, status=Status.UNKNOWN)
