"""What both kinds of backup share: their names, reports and refusals."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

Progress = Callable[[str, int, int], None]
"""Told the stage, what is done and the total; a total of 0 is not known."""

EMPTY_BUT_FOR = frozenset({"alembic_version", "users", "tokens", "name_versions"})
"""Tables a first start fills: a database with nothing in the others has no content."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""


class _BackupError(Exception):
    def __init__(self, code: str, message: str, cure: str) -> None:
        super().__init__(f"{message} {cure}")
        self.code = code
        self.message = message
        self.cure = cure

    def to_json(self) -> dict[str, str]:
        """The error as every channel shows it."""
        return {"code": self.code, "message": self.message, "cure": self.cure}


class UnusableError(_BackupError):
    """A backup or restore that is refused; ``cure`` says what would help."""


class UnavailableError(_BackupError):
    """A backup or restore that cannot be done because something is missing or failed."""


class Kind(StrEnum):
    """A kind of backup, by the database it is of."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"

    @property
    def label(self) -> str:
        """The name as its makers write it."""
        return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[self.value]


_BEGINNINGS = {b"SQLite format 3\0": Kind.SQLITE, b"PGDMP": Kind.POSTGRESQL}


def kind_of(file: Path) -> Kind:
    """The kind of backup a file is, by its first bytes. Raises `UnavailableError`, `UnusableError`."""
    try:
        with file.open("rb") as opened:
            first = opened.read(16)
    except OSError as error:
        raise UnavailableError(
            "no_file", f"{file} cannot be read: {error.strerror}.", "Name a file."
        ) from error
    for beginning, kind in _BEGINNINGS.items():
        if first.startswith(beginning):
            return kind
    raise UnusableError("not_a_backup", f"{file} is not a backup.", "Name a file `gtm backup` wrote.")


def broken(file: Path, why: str) -> UnusableError:
    """The refusal of a damaged file."""
    return UnusableError(
        "broken_file", f"{file} is damaged: {why.strip().rstrip('.')}.", "Take another backup."
    )


@dataclass(frozen=True)
class _Report:
    def to_json(self) -> dict[str, Any]:
        """The report as programs read it."""
        return asdict(self)


@dataclass(frozen=True)
class BackupReport(_Report):
    """A backup that was written."""

    kind: Kind
    file: str
    bytes: int
    revision: str
    """Of the schema."""


@dataclass(frozen=True)
class RestoreReport(_Report):
    """A backup that was restored."""

    kind: Kind
    file: str
    revision: str
    """Of the schema in the backup."""
    revision_now: str
    """After the migrations."""


@contextmanager
def side_file(path: Path) -> Iterator[Path]:
    """A private file beside ``path`` to be renamed to it; gone at the end of the block if it still is there.

    What an earlier, killed attempt left is removed first.
    """
    side = path.with_name(path.name + ".part")
    _remove(side)
    side.touch(0o600)
    try:
        yield side
    finally:
        _remove(side)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    remove_logs(path)


def remove_logs(path: Path) -> None:
    """Remove what SQLite keeps beside a database that is no longer wanted."""
    for ending in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
