"""Whether something is meant."""

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from intents.slots.base import Entity, true_for

Everything = Annotated[
    bool,
    Entity("every"),
    BeforeValidator(lambda value: True if value == "every" else value),
    WithJsonSchema({"type": "boolean", "description": "true for all of them"}),
]
"""Whether all are meant, not one."""

Spoken = Annotated[
    bool,
    Entity("spoken"),
    true_for("spoken"),
    WithJsonSchema({"type": "boolean", "description": "true for one to listen to"}),
]
"""Whether it is to be heard as well."""

SkipsHolidays = Annotated[
    bool,
    Entity("skipping"),
    true_for("skip_holidays"),
    WithJsonSchema({"type": "boolean", "description": "true to leave out public holidays"}),
]
"""Whether public holidays are left out."""

Safe = Annotated[bool, Entity("safe")]
"""Whether only brand-safe ones will do."""
