"""What a command's handler is given, and how handlers are found."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from types import ModuleType
from typing import Any, TypeVar, get_args, get_type_hints
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import Connection

from assistant.memory import Memory
from assistant.reply import Answer, Problem, Reply
from assistant.settings import Settings
from assistant.voicing import Facts
from intents.command import Catalogue, Command
from intents.names import Names
from storage.campaigns import Campaign, campaign
from storage.people import Person
from storage.ventures import Venture, venture


@dataclass(frozen=True)
class Context:
    """Everything a handler may use besides its command."""

    person: Person
    now: datetime
    """UTC."""
    connection: Connection
    """A read-only snapshot of the database."""
    settings: Settings
    catalogue: Catalogue
    names: Names
    memory: Memory
    conversation_id: str | None
    previous: Callable[[], Reply | None]
    """The conversation's last answer."""
    told: Callable[[], Reply | None]
    """Its last reply of any kind: a question, too."""
    voice: Callable[[], Facts | None]
    """What the assistant hears and speaks with; None where it has no voice."""
    plan: "Callable[[Command], Answer[Any]]"
    """What another command would answer and do, by the same rules; nothing is carried out."""

    @property
    def today(self) -> date:
        """The asker's calendar day."""
        return self.now.astimezone(ZoneInfo(self.person.time_zone)).date()

    def venture(self, label: str | None) -> Venture | None:
        """The venture of a canonical name. Raises `Problem` when it has gone since it was said."""
        if label is None:
            return None
        key = self.names.id("venture", label)
        found = None if key is None else venture(self.connection, key)
        if found is None:
            raise Problem("unknown_venture", f"There is no venture {label} any more.", "List the ventures.")
        return found

    def campaign(self, label: str, of: Venture | None = None) -> Campaign:
        """The campaign of a canonical name. Raises `Problem` when it has gone, or is another venture's."""
        key = self.names.id("campaign", label)
        found = None if key is None else campaign(self.connection, key)
        if found is None:
            raise Problem(
                "unknown_campaign", f"There is no campaign {label} any more.", "List the campaigns."
            )
        if of is not None and found.venture_id != of.id:
            message = f"{label} is not a campaign of {of.name}."
            raise Problem("contradictory_slots", message, "Ask for one of them.")
        return found

    def labels(self, kind: str) -> dict[int, str]:
        """Canonical names by number."""
        named = {self.names.id(kind, label): label for label in self.names.labels(kind)}
        return {key: label for key, label in named.items() if key is not None}

    def owner(self, campaign: Campaign) -> Venture:
        """The venture a campaign belongs to."""
        found = venture(self.connection, campaign.venture_id)
        if found is None:
            raise Problem("unknown_venture", "The campaign's venture is gone.", "List the ventures.")
        return found


@dataclass(frozen=True)
class Handler:
    """A command's function and the type of its result."""

    command: type[Command]
    result: type[BaseModel]
    function: Callable[[Any, Context], Answer[Any]]


F = TypeVar("F", bound=Callable[..., Answer[Any]])

_MARK = "__gtm_handler__"


def handles(function: F) -> F:
    """Mark ``function(asked: SomeCommand, context: Context) -> Answer[SomeResult]`` as its handler."""
    setattr(function, _MARK, True)
    return function


def find_handlers(package: ModuleType) -> dict[str, Handler]:
    """Every handler of a package's modules by command name. Two for one command raise `ValueError`."""
    return dict(_found(package))


@cache
def _found(package: ModuleType) -> dict[str, Handler]:
    found: dict[str, Handler] = {}
    for handler in _marked(package):
        name = handler.command.command_name()
        if name in found:
            raise ValueError(f"two handlers for {name}")
        found[name] = handler
    return found


def _marked(package: ModuleType) -> Iterable[Handler]:
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for _, function in inspect.getmembers(module, inspect.isfunction):
            if hasattr(function, _MARK) and function.__module__ == module.__name__:
                yield _handler(function)


def _handler(function: Callable[..., Answer[Any]]) -> Handler:
    hints = get_type_hints(function)
    command = next(iter(hints.values()))
    arguments = get_args(hints["return"])
    return Handler(command, arguments[0], function)
