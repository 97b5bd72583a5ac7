"""Refused rows: the first for the report, all of them for the file that was asked for."""

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from uuid import uuid4

from storage.imports.errors import ImportRefusedError
from storage.imports.numbers import is_blank_value
from storage.imports.request import SHOWN_REJECTS, Reject
from storage.imports.sources import Cell

_LONGEST_VALUE = 200
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Rejects:
    """Collects refused rows. The file appears, whole, when all rows were read."""

    def __init__(self, path: Path | None, source: Path) -> None:
        if path is not None and (path.is_dir() or path.resolve() == source.resolve()):
            what = "is a folder" if path.is_dir() else "is the file to import"
            raise ImportRefusedError("rejects_unwritable", f"{path} {what}.", "Name another --rejects file.")
        self.first: list[Reject] = []
        self.count = 0
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        self._temporary = self._path.with_name(f".{self._path.name}.{uuid4().hex}")
        try:
            self._file = self._temporary.open("x", encoding="utf-8", newline="")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ImportRefusedError(
                "rejects_unwritable",
                f"{self._path} cannot be written: {reason}.",
                "Name another --rejects file.",
            ) from error
        self._writer = csv.writer(self._file)
        self._writer.writerow(["line", "column", "value", "reason"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None or self._path is None:
            return
        self._file.close()
        if kind is None:
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink(missing_ok=True)

    def add(self, line: int, column: str, value: Cell, reason: str) -> None:
        """Refuse a row."""
        self.count += 1
        said = "" if value is None else str(value)
        said = said if len(said) <= _LONGEST_VALUE else said[:_LONGEST_VALUE] + "…"
        if len(self.first) < SHOWN_REJECTS:
            self.first.append(Reject(line, column, said, reason))
        if self._file is not None:
            self._writer.writerow([line, _inert(column), _inert(said), reason])


def _inert(text: str) -> str:
    """A value that a spreadsheet shows rather than computes."""
    starts_formula = text.startswith(_FORMULA_STARTS) and not is_blank_value(text)
    is_number = text[1:].replace(".", "", 1).isdecimal() and text[:1] in "+-"
    return f"'{text}" if starts_formula and not is_number else text
