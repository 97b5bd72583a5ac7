"""What the work of a job is given, and how the functions that do it are found."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import ModuleType
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel
from sqlalchemy import Connection

from assistant.reply import Answer, Reply
from assistant.settings import Settings
from storage.changes import RowChange
from storage.database import Database
from storage.jobs import Job
from storage.people import Person


class CancelledError(Exception):
    """Somebody asked for the end of the job; nothing more is to be done."""


class StoppedError(Exception):
    """The process ends; the job goes on elsewhere."""


class LostError(Exception):
    """Another process has taken the job over; what was about to be written must not be."""


Conclude = Callable[[Connection, Answer[Any], list[RowChange]], Reply]


@dataclass
class Work:
    """A job in hand."""

    job: Job
    person: Person
    now: datetime
    """When it was begun, UTC."""
    database: Database
    settings: Settings
    conclude: Conclude
    """Write what the work came to into the caller's transaction: answer, audit entry, changes to undo, the
    job's end. Raises `LostError`. Whoever changes data calls it in the transaction of the change, so that
    work which is begun twice is done once; other work just returns its answer."""
    progress: Decimal = Decimal(0)
    message: str = ""
    ended_by: type[Exception] | None = field(default=None)

    def tell(self, progress: float, message: str) -> None:
        """Say how far it is, 0 to 1; cheap. Raises `CancelledError` or `StoppedError` when it shall end."""
        self.progress = round(Decimal(min(max(progress, 0.0), 1.0)), 4)
        self.message = message
        if self.ended_by is not None:
            raise self.ended_by


@dataclass(frozen=True)
class Worker:
    """The function that does a command's work, and the type of what it is told."""

    command: str
    arguments: type[BaseModel]
    function: Callable[[Any, Work], Answer[Any] | None]


_MARK = "__gtm_works__"

F = TypeVar("F", bound=Callable[..., Answer[Any] | None])


def works(command: str) -> Callable[[F], F]:
    """Mark ``function(arguments: SomeModel, work: Work) -> Answer | None`` as the work of a command.

    It may be begun again after a crash. None says that it called ``work.conclude`` itself.
    """

    def mark(function: F) -> F:
        setattr(function, _MARK, command)
        return function

    return mark


def find_workers(package: ModuleType) -> dict[str, Worker]:
    """The work of every command that has any, by the command's name."""
    return {worker.command: worker for worker in _marked(package)}


def _marked(package: ModuleType) -> Iterator[Worker]:
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for _, function in inspect.getmembers(module, inspect.isfunction):
            if hasattr(function, _MARK) and function.__module__ == module.__name__:
                arguments = next(iter(get_type_hints(function).values()))
                yield Worker(getattr(function, _MARK), arguments, function)
