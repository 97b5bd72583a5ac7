"""How a slot type says which entity fills it, and how its values are read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from intents import lexicon
from intents.reading import EntityMatch, Scene

Fits = Callable[[EntityMatch, str], bool]
"""Whether a match, in its utterance, is meant for a slot."""


@dataclass(frozen=True)
class Entity:
    """Marks a slot type with the kinds of entity that fill it."""

    kind: str
    also: tuple[str, ...] = ()
    """Other kinds that do as well."""
    fits: Fits | None = None
    """Which of several matches; a slot that says so chooses before one that takes any."""
    opened_by: tuple[str, ...] = ()
    """For a name nobody knows yet: the words it follows (``called``, ``named``)."""
    opened_first: bool = False
    """Whether such words come before a name that was only guessed among them."""
    to_the_end: bool = False
    """Whether such words go on to the end of the text, joining words and all."""
    as_said: bool = False
    """Whether the slot reads the words itself: they mean something else here than elsewhere."""


def said_after(*words: str) -> Fits:
    """Matches that directly follow one of these words (an article may stand between)."""
    pattern = re.compile(rf"\b(?:{'|'.join(words)})\s+(?:the\s+|our\s+)?$", re.IGNORECASE)
    return lambda match, text: pattern.search(text[: match.start]) is not None


def said_before(*words: str) -> Fits:
    """Matches that are directly followed by one of these words."""
    pattern = re.compile(rf"^\s*(?:{'|'.join(words)})\b", re.IGNORECASE)
    return lambda match, text: pattern.search(text[match.end :]) is not None


def written_with(*signs: str) -> Fits:
    """Matches whose own words hold one of these signs."""
    return lambda match, text: any(sign in match.text.casefold() for sign in signs)


def slot_error(code: str, message: str, choices: tuple[str, ...] = ()) -> PydanticCustomError:
    """A slot error: a stable code, a sentence for the person, and what could be said instead."""
    return PydanticCustomError(code, "{message}", {"message": message, "choices": list(choices)})


def said_as(parse: Callable[[str, Scene], Any], what: str) -> BeforeValidator:
    """Validate strings with ``parse``; anything else is taken as a finished value."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or not isinstance(info.context, Scene):
            return value
        parsed = parse(value, info.context)
        if parsed is None:
            raise slot_error("not_understood", f"I cannot read {value[:80]!r} as {what}.")
        return parsed

    return BeforeValidator(validate)


def named(kind: str) -> BeforeValidator:
    """Resolve a name against the live names: one canonical spelling, or an error with the choices."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or not isinstance(info.context, Scene):
            return value
        found = info.context.names.find(kind, value)
        if found.exact or found.near:
            if found.alternatives:
                choices = (found.label, *found.alternatives)
                raise slot_error("ambiguous_name", f"{value!r} could be more than one {kind}.", choices)
            return found.label
        raise slot_error(f"unknown_{kind}", f"I know no {kind} called {value[:80]!r}.", found.suggestions)

    return BeforeValidator(validate)


def listed(kind: str) -> BeforeValidator:
    """Resolve a word of a closed list (channel, metric, status …) to its canonical value."""

    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = lexicon.canonical(kind, value)
        if found is None:
            choices = lexicon.vocabulary(kind)
            raise slot_error(f"unknown_{kind}", f"I know no {kind} called {value[:80]!r}.", choices)
        return found

    return BeforeValidator(validate)


def schema(description: str) -> WithJsonSchema:
    """What programs may send: words that say it."""
    return WithJsonSchema({"type": "string", "description": description})


def true_for(word: str) -> BeforeValidator:
    """The word of a closed list that stands for yes."""
    return BeforeValidator(lambda value: True if value == word else value)
