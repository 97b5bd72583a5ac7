"""The reader that somebody told the intent: names, values and slots are still read from the words."""

from collections.abc import Mapping
from typing import Any

from intents.command import Command
from intents.filling import SlotErrors, slots_from
from intents.readers.entities import explain
from intents.readers.layer import Layer
from intents.reading import EntityMatch, Reading, Scene

LONGEST_TEXT = 2000
"""Characters of an utterance that are read; the rest is ignored."""


class ToldReader:
    """Gives one intent to whatever it reads."""

    def __init__(
        self,
        name: str,
        layer: Layer,
        intent: str | None,
        confidence: float,
        *,
        ranking: tuple[tuple[str, float], ...] = (),
        in_scope: float = 1.0,
    ) -> None:
        """``name`` is whose word it is; ``intent`` None means out of scope."""
        self.name = name
        self.layer = layer
        self.intent = intent
        self.confidence = confidence
        self.ranking = ranking
        self.in_scope = in_scope

    def read(self, text: str, scene: Scene) -> Reading:
        """The reading of ``text`` with the intent as told."""
        heard = text[:LONGEST_TEXT]
        explained = explain(heard, scene)
        is_fragment = explained.words.is_fragment()
        likeliest = self.intent or next((name for name, _ in self.ranking), "")
        entities = self.layer.entities(likeliest, explained, is_fragment, scene.names)
        return Reading(
            text=text,
            intent=self.intent,
            confidence=self.confidence,
            entities=entities,
            ranking=self.ranking,
            in_scope=self.in_scope,
            unknown=tuple(heard[start:end] for start, end in explained.unknown),
            is_fragment=is_fragment,
            reader=self.name,
            arguments=self.arguments(entities, heard),
        )

    def arguments(self, entities: tuple[EntityMatch, ...], text: str) -> dict[str, Any] | None:
        """The slots, where they do not follow from the entities alone."""
        del entities, text
        return None


class ToldSlotsReader(ToldReader):
    """Was told some slots besides; what the words say goes before them."""

    def __init__(
        self, name: str, layer: Layer, command: type[Command], confidence: float, known: Mapping[str, Any]
    ) -> None:
        super().__init__(name, layer, command.command_name(), confidence)
        self.command = command
        self.known = known

    def arguments(self, entities: tuple[EntityMatch, ...], text: str) -> dict[str, Any] | None:
        """The slots of the words and those that were told; None where the words contradict themselves."""
        if not self.known:
            return None
        try:
            said = slots_from(self.command, entities, text)
        except SlotErrors:
            return None
        return {**self.known, **said}
