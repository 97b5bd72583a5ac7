"""A file of days or weeks, an outcome and each channel's spend side by side, as a media mix reads it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from engines.mediamix import Control, Floats, Media, Weeks
from storage.imports.dates import DateStyle, Order, parse_day
from storage.imports.errors import CellRefusedError, ImportRefusedError
from storage.imports.numbers import Style, is_blank_value, parse_decimal
from storage.imports.sources import Cell, open_source

MOST_ROWS = 20_000
"""Days or weeks of a file."""

MOST_WORDS = 20
"""Different words of a control in words (an event's name)."""

_DAY_NAMES = ("date", "week", "day", "time", "week_start", "ds", "datum")


@dataclass(frozen=True)
class Wanted:
    """Which columns are what."""

    outcome: str
    spend: Sequence[str]
    exposure: Mapping[str, str] = field(default_factory=dict)
    """By column of spend: the column of what people saw of it."""
    controls: Sequence[str] = ()
    worth: str | None = None
    """Column the outcome is multiplied by: what a unit of it is worth."""
    day: str | None = None
    """Column of the dates; else the one named like one."""
    date_order: Order | None = None


def read_weeks(path: Path, wanted: Wanted) -> tuple[Weeks, list[str]]:
    """The weeks of a file and what a person should know of how it was read.

    Days are summed to whole weeks (means of controls). A control in words becomes one for each word but the
    commonest. Blank spend is 0. Raises `ImportRefusedError` for columns that are not there, cells that are
    not what they should be, days given twice, and gaps.
    """
    with closing(open_source(path)) as source:
        day = _day_column(source.columns, wanted.day)
        named = [wanted.outcome, *wanted.spend, *wanted.exposure.values(), *wanted.controls]
        named += [wanted.worth] if wanted.worth else []
        _refuse_unknown(source.columns, named)
        rows: list[tuple[int, dict[str, Cell]]] = []
        for line, cells in source.rows():
            if len(rows) >= MOST_ROWS:
                raise ImportRefusedError(
                    "too_many_rows", f"More than {MOST_ROWS:,} days or weeks.", "Cut it."
                )
            if len(cells) != len(source.columns):
                raise ImportRefusedError("ragged_row", f"Line {line} has too few or too many cells.")
            rows.append((line, dict(zip(source.columns, cells, strict=True))))
        notes = list(source.notes)
    return _weeks(_Table(rows, day, wanted.date_order), wanted, notes), notes


def _day_column(columns: Sequence[str], named: str | None) -> str:
    if named is not None:
        _refuse_unknown(columns, [named])
        return named
    found = [one for one in columns if one.strip().casefold().replace(" ", "_") in _DAY_NAMES]
    if len(found) != 1:
        raise ImportRefusedError(
            "which_dates",
            f"{'Several columns look' if found else 'No column looks'} like dates: {', '.join(columns)}.",
            "Say --date COLUMN.",
        )
    return found[0]


def _refuse_unknown(columns: Sequence[str], named: Sequence[str]) -> None:
    missing = [one for one in named if one not in columns]
    if missing:
        raise ImportRefusedError(
            "no_such_column",
            f"The file has no column {', '.join(map(repr, missing))}.",
            f"It has: {', '.join(columns)}.",
        )
    twice = sorted({one for one in named if named.count(one) > 1})
    if twice:
        raise ImportRefusedError("column_twice", f"{', '.join(twice)} is named twice.", "Name it once.")


class _Table:
    """The rows by day, oldest first."""

    def __init__(self, rows: Sequence[tuple[int, dict[str, Cell]]], day: str, order: Order | None) -> None:
        style = DateStyle(told=order)
        for _, cells in rows:
            value = cells[day]
            if isinstance(value, str):
                style.look(value)
        style.decide(day)
        days: list[tuple[date, int, dict[str, Cell]]] = []
        for line, cells in rows:
            try:
                days.append((parse_day(cells[day], style), line, cells))
            except CellRefusedError as error:
                raise _refused(line, day, cells[day], error) from None
        days.sort(key=lambda one: one[0])
        self.ordinals = np.array([one.toordinal() for one, _, _ in days])
        self._rows = [(line, cells) for _, line, cells in days]
        self.step = self._step()

    def _step(self) -> int:
        """Days between rows: 1 or 7."""
        steps = np.diff(self.ordinals)
        if len(steps) and steps.min() == 0:
            twice = date.fromordinal(int(self.ordinals[1:][steps == 0][0]))
            raise ImportRefusedError(
                "day_twice", f"{twice} is there twice.", "Export one row a day or week, channels in columns."
            )
        if len(steps) and (steps == steps[0]).all() and steps[0] in (1, 7):
            return int(steps[0])
        usual = 1 if len(steps) and np.median(steps) == 1 else 7
        gap = steps != usual
        at = date.fromordinal(int(self.ordinals[:-1][gap][0])) if gap.any() else None
        raise ImportRefusedError(
            "gap",
            f"After {at} the next row is not {usual} days later.",
            "Fill the gap, or cut the file there.",
        )

    def numbers(self, column: str, *, blank: float | None) -> Floats:
        """A column's numbers; ``blank`` for blank cells, which are refused where it is None."""
        style = Style()
        for _, cells in self._rows:
            value = cells[column]
            if isinstance(value, str):
                style.look(value)
        return np.array(
            [self._number(line, column, cells[column], style, blank) for line, cells in self._rows]
        )

    @staticmethod
    def _number(line: int, column: str, cell: Cell, style: Style, blank: float | None) -> float:
        if is_blank_value(cell):
            if blank is None:
                raise _refused(line, column, cell, CellRefusedError("is blank"))
            return blank
        try:
            return float(parse_decimal(cell, style))
        except CellRefusedError as error:
            raise _refused(line, column, cell, error) from None

    def words(self, column: str) -> list[str] | None:
        """A column's words; None where every cell that is not blank is a number."""
        cells = ["" if is_blank_value(one[column]) else str(one[column]).strip() for _, one in self._rows]
        try:
            for cell in cells:
                if cell:
                    parse_decimal(cell, Style())
        except CellRefusedError:
            return cells
        return None

    def by_week(self, values: Floats, *, mean: bool = False) -> Floats:
        """Sums, or means, of the whole weeks that end with the last row."""
        if self.step == 7:
            return values
        weeks = len(values) // 7
        whole = values[len(values) - 7 * weeks :].reshape(weeks, 7)
        return np.asarray(whole.mean(axis=1) if mean else whole.sum(axis=1))

    def weeks(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The first day of each week."""
        if self.step == 7:
            return self.ordinals
        return self.ordinals[len(self.ordinals) % 7 :: 7]


def _weeks(table: _Table, wanted: Wanted, notes: list[str]) -> Weeks:
    outcome = table.numbers(wanted.outcome, blank=None)
    if wanted.worth:
        outcome = outcome * table.numbers(wanted.worth, blank=None)
    channels = [
        Media(
            name,
            table.by_week(_positive(table, name)),
            table.by_week(_positive(table, wanted.exposure[name])) if name in wanted.exposure else None,
        )
        for name in wanted.spend
    ]
    controls = [control for name in wanted.controls for control in _controls(table, name, notes)]
    if table.step == 1:
        notes.append(f"{len(table.ordinals)} days summed to {len(table.ordinals) // 7} whole weeks")
    return Weeks(table.weeks(), table.by_week(outcome), tuple(channels), tuple(controls))


def _positive(table: _Table, column: str) -> Floats:
    values = table.numbers(column, blank=0.0)
    if len(values) and values.min() < 0:
        raise ImportRefusedError("negative", f"Column {column!r} has a negative amount.", "Correct it.")
    return values


def _controls(table: _Table, name: str, notes: list[str]) -> Iterator[Control]:
    words = table.words(name)
    if words is None:
        yield Control(name, table.by_week(table.numbers(name, blank=None), mean=True))
        return
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    if len(counts) > MOST_WORDS:
        raise ImportRefusedError(
            "too_many_words",
            f"Column {name!r} holds more than {MOST_WORDS} different words.",
            "Leave it out.",
        )
    usual = max(counts, key=lambda word: counts[word])
    others = [word for word in counts if word != usual]
    notes.append(f"{name} is in words: {', '.join(others)} told apart from {usual or 'blank'}")
    for word in others:
        flags = np.array([float(one == word) for one in words])
        yield Control(f"{name}: {word}", table.by_week(flags, mean=True))


def _refused(line: int, column: str, cell: Cell, error: CellRefusedError) -> ImportRefusedError:
    return ImportRefusedError("bad_cell", f"Line {line}, column {column!r}: {cell!r} {error}.", "Correct it.")
