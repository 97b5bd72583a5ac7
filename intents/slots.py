"""The types a command's slots are declared with.

Each names the entity that fills it and turns what was said, or sent as JSON, into its value. Validation
takes a `Scene` as context (``Model.model_validate(data, context=scene)``); without one only finished values
are accepted, which is how stored commands are read back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from engines.terms import Period
from intents import lexicon, values
from intents.reading import Scene


@dataclass(frozen=True)
class Entity:
    """Marks a slot type with the kind of entity that fills it."""

    kind: str


def slot_error(code: str, message: str, choices: tuple[str, ...] = ()) -> PydanticCustomError:
    """A slot error: a stable code, a sentence for the person, and what could be said instead."""
    return PydanticCustomError(code, "{message}", {"message": message, "choices": list(choices)})


def _said(parse: Callable[[str, Scene], Any], what: str) -> BeforeValidator:
    """Validate strings with ``parse``; anything else is taken as a finished value."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or not isinstance(info.context, Scene):
            return value
        parsed = parse(value, info.context)
        if parsed is None:
            raise slot_error("not_understood", f"I cannot read {value[:80]!r} as {what}.")
        return parsed

    return BeforeValidator(validate)


def _named(kind: str) -> BeforeValidator:
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


def _listed(kind: str) -> BeforeValidator:
    """Resolve a word of a closed list (channel, metric, status …) to its canonical value."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        found = lexicon.canonical(kind, value)
        if found is None:
            choices = lexicon.vocabulary(kind)
            raise slot_error(f"unknown_{kind}", f"I know no {kind} called {value[:80]!r}.", choices)
        return found

    return BeforeValidator(validate)


def _schema(description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description})


VentureName = Annotated[str, Entity("venture"), _named("venture")]
"""A venture's canonical name."""

CampaignName = Annotated[str, Entity("campaign"), _named("campaign")]
"""A campaign's canonical name; with its venture in brackets where two share one."""

ChannelName = Annotated[str, Entity("channel"), _listed("channel")]
"""A value of `engines.terms.Channel`."""

MetricName = Annotated[str, Entity("metric"), _listed("metric")]
"""A name of `engines.metrics`."""

StatusName = Annotated[str, Entity("status"), _listed("status")]
"""A value of `engines.terms.CampaignStatus`."""

TopicName = Annotated[str, Entity("topic"), _listed("topic")]
"""A command's name or an area of the product."""

Count = Annotated[
    int,
    Entity("count"),
    _said(lambda text, scene: values.parse_count(text), "a number"),
    _schema("a whole number, in digits or words"),
]
"""A positive whole number: how many to show."""

PeriodSlot = Annotated[
    Period,
    Entity("period"),
    _said(lambda text, scene: values.parse_period(text, scene.today, scene.fiscal_year_start), "a period"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "description": "a period as people say it: last month, Q3, since March"},
                {
                    "type": "object",
                    "properties": {
                        "start": {"type": "string", "format": "date"},
                        "end": {"type": "string", "format": "date"},
                        "label": {"type": "string"},
                    },
                    "required": ["start", "end"],
                },
            ]
        },
        mode="validation",
    ),
]
"""Inclusive days in the asker's time zone."""
