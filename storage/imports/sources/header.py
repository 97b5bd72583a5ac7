"""What all formats share: cells, rows, and finding the header."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import TypeAlias

from storage.imports.errors import ImportRefusedError

Cell: TypeAlias = str | int | float | bool | Decimal | date | datetime | None
"""A cell as its format keeps it: text formats know only text."""

Row: TypeAlias = tuple[int, Sequence[Cell]]
"""The line a row starts on, and its cells."""

MOST_COLUMNS = 1_000
MOST_ROWS = 20_000_000
_HEADER_WITHIN = 20
"""Titles above the header are at most this many rows."""


class Source(ABC):
    """An opened file. ``columns`` are unique names; every row has as many cells, or is ragged."""

    format: str
    encoding: str | None = None
    sheet: str | None = None
    columns: list[str]
    notes: list[str]
    """What a person should know about how the file was read."""
    total: int
    """Size for progress, in the unit of `position`."""
    position: int = 0

    def close(self) -> None:  # noqa: B027 - most formats keep nothing open
        """Give back what was kept."""

    @abstractmethod
    def lines(self) -> Iterator[Row]:
        """Every row of the file that is not blank, the header too; may be asked for again."""

    def rows(self) -> Iterator[Row]:
        """The rows below the header."""
        below = (row for row in self.lines() if row[0] > self._header_line)
        for count, row in enumerate(below):
            if count >= MOST_ROWS:
                raise ImportRefusedError(
                    "too_many_rows", f"The file has more than {MOST_ROWS:,} rows.", "Split it."
                )
            yield row

    def sample(self, count: int) -> list[Row]:
        """The first rows."""
        return list(islice(self.rows(), count))

    def read_header(self) -> None:
        """Find the header among the first rows and name the columns after it."""
        first = list(islice(self.lines(), _HEADER_WITHIN))
        if not first:
            raise ImportRefusedError("empty_file", "The file has no row at all.", "Export it again.")
        widest = max(_filled(cells) for _, cells in first)
        place = next(at for at, (_, cells) in enumerate(first) if _filled(cells) * 2 >= widest)
        self._header_line, names = first[place]
        if len(first) == place + 1:
            raise ImportRefusedError(
                "no_rows", "The file has a header and no rows below it.", "Export it again."
            )
        if len(names) > MOST_COLUMNS:
            raise ImportRefusedError(
                "too_many_columns", f"The file has more than {MOST_COLUMNS:,} columns.", "Export fewer."
            )
        if place:
            self.notes.append(f"{place} {'lines' if place > 1 else 'line'} above the header left out")
        self.columns = _unique(names, self.notes)

    _header_line: int = 0


def is_blank(cell: Cell) -> bool:
    """Whether there is nothing in a cell."""
    return cell is None or (isinstance(cell, str) and (not cell or cell.isspace()))


def _filled(cells: Sequence[Cell]) -> int:
    return sum(not is_blank(cell) for cell in cells)


def _unique(names: Sequence[Cell], notes: list[str]) -> list[str]:
    """Column names, numbered where they repeat and made where they are missing."""
    while names and is_blank(names[-1]):
        names = names[:-1]
    columns: list[str] = []
    twice: list[str] = []
    for number, cell in enumerate(names, 1):
        name = " ".join(str(cell).split()) if not is_blank(cell) else f"column {number}"
        unique, copy = name, 1
        while unique in columns:
            copy += 1
            unique = f"{name} ({copy})"
        if copy == 2:
            twice.append(name)
        columns.append(unique)
    if twice:
        notes.append("columns of one name were numbered: " + ", ".join(f"{one} (2)" for one in twice))
    return columns
