"""What a command is, and the catalogue of all of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from intents.slots import Entity


class Effect(StrEnum):
    """What carrying out a command does to the world."""

    READ = "read"
    """Changes nothing."""
    RECORD = "record"
    """Changes our own data and can be undone."""
    CONTROL = "control"
    """Starts and stops our loops and workflows."""
    SPEND = "spend"
    """Moves or commits money."""
    PUBLISH = "publish"
    """Goes to people outside."""


class Role(StrEnum):
    """Who may do what, the lesser included in the greater."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    LEAD = "lead"
    CHAIRMAN = "chairman"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do everything ``other`` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class Command(BaseModel):
    """One thing a person can ask for. Its fields are the slots, its docstring is the help."""

    # Validators are built when a command is first said: a cold start does not pay for all of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    effect: ClassVar[Effect] = Effect.READ
    role: ClassVar[Role] = Role.VIEWER
    examples: ClassVar[tuple[str, ...]] = ()
    """Phrases for help and documentation, the best first."""
    suggested: ClassVar[bool] = False
    """Whether an empty conversation offers it."""
    may_be_negated: ClassVar[bool] = False
    """Whether "don't …" is a way to ask for it, as for stopping and rejecting."""
    sets_ceiling: ClassVar[bool] = False
    """Whether "never … more than" is a way to ask for it, as for a limit of spending."""
    may_be_delegated: ClassVar[bool] = False
    """Whether somebody of a lesser role may ask for it whom the chairman named to act in his place."""
    version: ClassVar[int] = 1
    """Raised when the meaning of a slot changes, so that a frozen command of an older version is noticed."""

    @classmethod
    def command_name(cls) -> str:
        """The catalogue's name: ``ShowPerformance`` is ``show_performance``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def summary(cls) -> str:
        """The docstring's first sentence."""
        return (cls.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ").strip()

    def asks_for(self) -> str | None:
        """An optional slot that is needed after all, given the others; None when nothing is missing."""
        return None

    def needs_approval(self) -> bool:
        """Whether the chairman's yes is needed before this may happen."""
        return self.effect in (Effect.SPEND, Effect.PUBLISH)


class Slot:
    """One slot of a command as the readers see it."""

    def __init__(self, name: str, field: FieldInfo) -> None:
        self.name = name
        self.question = field.description or f"Which {name.replace('_', ' ')}?"
        self.required = field.is_required()
        entity = _entity(field)
        if entity is None:
            raise TypeError(f"slot {name!r} has no Entity: take its type from intents.slots")
        self.entity = entity.kind
        self.entities = (entity.kind, *entity.also)
        self.fits = entity.fits
        self.opened_by = entity.opened_by
        self.opened_first = entity.opened_first
        self.to_the_end = entity.to_the_end
        self.as_said = entity.as_said
        self.many = _is_many(field.annotation)

    def __repr__(self) -> str:
        return f"Slot({self.name}: {self.entity}{'*' if self.many else ''})"


def _is_many(annotation: Any) -> bool:
    """Whether the slot takes a list: ``tuple[MetricName, ...]``."""
    if getattr(annotation, "__origin__", None) is tuple:
        return True
    return any(_is_many(part) for part in getattr(annotation, "__args__", ()))


def _entity(field: FieldInfo) -> Entity | None:
    for found in field.metadata:
        if isinstance(found, Entity):
            return found
    return _entity_within(field.annotation)


def _entity_within(annotation: Any) -> Entity | None:
    """The Entity of ``Annotated[str, Entity(...)] | None``."""
    for found in getattr(annotation, "__metadata__", ()):
        if isinstance(found, Entity):
            return found
    for part in getattr(annotation, "__args__", ()):
        found = _entity_within(part)
        if found is not None:
            return found
    return None


def slots_of(command: type[Command]) -> tuple[Slot, ...]:
    """The slots of a command in the order they are asked for."""
    return tuple(Slot(name, field) for name, field in command.model_fields.items())


class Catalogue(Mapping[str, type[Command]]):
    """Every command by name, in a stable order. Two commands of one name raise `ValueError`."""

    def __init__(self, commands: Iterable[type[Command]]) -> None:
        self._commands: dict[str, type[Command]] = {}
        for command in sorted(commands, key=lambda one: one.command_name()):
            name = command.command_name()
            if name in self._commands:
                raise ValueError(f"two commands are called {name!r}")
            self._commands[name] = command

    def __getitem__(self, name: str) -> type[Command]:
        return self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)
