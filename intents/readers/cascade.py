"""Several readers as one: somebody else's first or for what is unsure, the embedded one in any case."""

from dataclasses import replace

from intents.readers.embedded import EmbeddedReader
from intents.reading import Reader, ReaderUnavailableError, Reading, Scene

ANSWERS = ("affirm", "deny", "cancel")
"""What only the embedded reader may hear: nobody else says yes for a person."""


class Cascade:
    """Asks other readers beside the embedded one, whose answer stands where they do not answer.

    ``first`` is asked about every utterance, ``unsure`` about those the reader before it is less sure of than
    ``sure``. A follow-up, a yes and a no are the embedded reader's alone.
    """

    name = "cascade"

    def __init__(
        self,
        embedded: EmbeddedReader,
        *,
        first: Reader | None = None,
        unsure: Reader | None = None,
        sure: float,
    ) -> None:
        self.embedded = embedded
        self.first = first
        self.unsure = unsure
        self.sure = sure

    def read(self, text: str, scene: Scene) -> Reading:
        """Understand ``text``; ``notes`` of the reading say why others did not answer, or what they heard."""
        reading = self.embedded.read(text, scene)
        if reading.is_fragment or reading.intent in ANSWERS:
            return reading
        if self.first is not None:
            reading = _asked(self.first, text, scene, reading)
        if self.unsure is not None and (reading.intent is None or reading.confidence < self.sure):
            reading = _asked(self.unsure, text, scene, reading)
        return reading


def _asked(reader: Reader, text: str, scene: Scene, otherwise: Reading) -> Reading:
    try:
        found = reader.read(text, scene)
    except ReaderUnavailableError as error:
        return replace(otherwise, notes=(*otherwise.notes, f"{reader.name}: {error}"))
    if found.intent in ANSWERS and otherwise.intent != found.intent:
        return replace(otherwise, notes=(*otherwise.notes, f"{reader.name}: may not say {found.intent}"))
    heard = f"{otherwise.reader}: {otherwise.intent or 'out of scope'} at {otherwise.confidence:.2f}"
    return replace(
        found, ranking=found.ranking or otherwise.ranking, notes=(*otherwise.notes, heard, *found.notes)
    )
