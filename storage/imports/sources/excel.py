"""Excel workbooks (.xlsx): one sheet streamed out of the package, cell by cell, into an unnamed file.

Formulas are never evaluated: a cell holds the value its program stored with it, or `FORMULA` where none was.
"""

import pickle
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from storage.imports.errors import ImportRefusedError
from storage.imports.request import Progress
from storage.imports.sources.header import MOST_COLUMNS, Cell, Row, Source
from storage.imports.sources.workbook import Workbook, refuse_doctype

FORMULA = "#FORMULA!"
"""Stands for a formula without a stored value."""

MOST_BYTES = 2 << 30
"""Size of a workbook once unpacked; a sheet of the most rows and ten columns takes a quarter."""
MOST_STRINGS = 256 << 20
"""Size of the texts its cells share, which are kept in memory."""
MOST_PARTS = 10_000

_BLOCK = 1 << 16
_KEPT_AT_ONCE = 1_000
_DAY_ZERO, _DAY_ZERO_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a wall clock
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    expat.ExpatError,
    ParseError,
    KeyError,
    ValueError,
    OverflowError,
    NotImplementedError,
    OSError,
)
_READING = "reading the workbook"


def open_excel(path: Path, sheet: str | None, progress: Progress | None = None) -> Source:
    """A sheet of a workbook. Raises `ImportRefusedError`."""
    try:
        with zipfile.ZipFile(path) as package:
            _refuse_bombs(path, package)
            return _Excel(path, package, sheet, progress)
    except _DAMAGE as error:
        raise ImportRefusedError(
            "damaged_file",
            f"{path.name} is no workbook Excel could open: it is cut off or damaged.",
            "Copy or save it again.",
        ) from error


def _refuse_bombs(path: Path, package: zipfile.ZipFile) -> None:
    parts = package.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise ImportRefusedError(
            "protected_file", f"{path.name} is encrypted.", "Save it without a password."
        )
    size = sum(part.file_size for part in parts)
    strings = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    if len(parts) > MOST_PARTS or size > MOST_BYTES or strings > MOST_STRINGS:
        raise ImportRefusedError(
            "too_large",
            f"{path.name} would unpack to {size:,} bytes in {len(parts):,} parts; it was not opened.",
            "Save the sheet as CSV.",
        )


class _Excel(Source):
    def __init__(
        self, path: Path, package: zipfile.ZipFile, sheet: str | None, progress: Progress | None
    ) -> None:
        self._path = path
        self.format = "xlsx"
        self.notes = []
        workbook = Workbook(package)
        self.sheet = workbook.choose(sheet)
        others = [name for name in workbook.sheets if name != self.sheet]
        if others and sheet is None:
            self.notes.append(f"sheet {self.sheet!r} was read, not {', '.join(map(repr, others[:5]))}")
        # Unnamed and ours alone, so what is read back is what was written.
        self._kept = tempfile.TemporaryFile(prefix="gtm-import-")  # noqa: SIM115 - lives as long as the source
        self.total = 0
        try:
            self._keep(package, workbook, progress)
            self.read_header()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._kept.close()

    def lines(self) -> Iterator[Row]:
        offset, self.position = 0, 0
        while self.position < self.total:
            self._kept.seek(offset)
            rows: list[Row] = pickle.load(self._kept)  # noqa: S301 - our own unnamed file
            offset = self._kept.tell()
            yield from rows
            self.position += len(rows)

    def _keep(self, package: zipfile.ZipFile, workbook: Workbook, progress: Progress | None) -> None:
        part = workbook.part(self.sheet or "")
        size = package.getinfo(part).file_size
        reader, waiting = _SheetReader(workbook), list[Row]()
        with package.open(part) as content:
            while block := content.read(_BLOCK):
                waiting += reader.feed(block)
                if len(waiting) >= _KEPT_AT_ONCE:
                    self._write(waiting)
                    waiting = []
                    if progress:
                        progress(_READING, content.tell(), size)
        waiting += reader.feed(b"", last=True)
        self._write(waiting)
        if progress:
            progress(_READING, size, size)

    def _write(self, rows: list[Row]) -> None:
        if rows:
            try:
                pickle.dump(rows, self._kept, pickle.HIGHEST_PROTOCOL)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise ImportRefusedError(
                    "no_room",
                    f"The sheet could not be set aside: {reason}.",
                    "Make room for temporary files.",
                ) from error
            self.total += len(rows)


class _SheetReader:
    """Turns a sheet's XML, given block by block, into rows of cells."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._rows: list[Row] = []
        self._cells: dict[int, Cell] = {}
        self._row = self._place = 0
        self._kind, self._style = "n", 0
        self._text: list[str] = []
        self._takes = self._has_formula = self._is_phonetic = False
        self._letters: dict[str, int] = {}
        self._zero = _DAY_ZERO_1904 if workbook.starts_1904 else _DAY_ZERO
        self._prefix: int | None = None
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        self._parser = parser

    def feed(self, block: bytes, *, last: bool = False) -> list[Row]:
        """The rows complete after this block."""
        self._parser.Parse(block, last)
        rows, self._rows = self._rows, []
        return rows

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._prefix is None:
            self._prefix = tag.rfind(":") + 1
        tag = tag[self._prefix :] if self._prefix else tag
        if tag == "c":
            self._kind = attributes.get("t", "n")
            self._style = int(attributes.get("s", 0))
            place = attributes.get("r")
            self._place = self._place + 1 if place is None else self._column(place)
            self._text, self._has_formula = [], False
        elif tag in ("v", "t"):
            self._takes = not self._is_phonetic
        elif tag == "f":
            self._has_formula = True
        elif tag == "rPh":
            self._is_phonetic = True
        elif tag == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._cells, self._place = {}, 0

    def _end(self, tag: str) -> None:
        tag = tag[self._prefix :] if self._prefix else tag
        if tag in ("v", "t"):
            self._takes = False
        elif tag == "c":
            value = self._value()
            if value is not None:
                self._cells[self._place] = value
        elif tag == "rPh":
            self._is_phonetic = False
        elif tag == "row" and self._cells:
            self._finish_row()

    def _data(self, text: str) -> None:
        if self._takes:
            self._text.append(text)

    def _finish_row(self) -> None:
        last = max(self._cells)
        if last > MOST_COLUMNS:
            raise ImportRefusedError(
                "too_many_columns",
                f"Row {self._row} has a cell in column {last:,}.",
                f"Keep the table within {MOST_COLUMNS:,} columns.",
            )
        self._rows.append((self._row, tuple(map(self._cells.get, range(1, last + 1)))))

    def _column(self, place: str) -> int:
        letters = place.rstrip("0123456789")
        number = self._letters.get(letters)
        if number is None:
            number = 0
            for letter in letters:
                number = number * 26 + ord(letter.upper()) - 64
            self._letters[letters] = number
        return number

    def _value(self) -> Cell:
        text = "".join(self._text)
        if not text:
            return FORMULA if self._has_formula else None
        if self._kind == "n":
            return self._number(text)
        if self._kind == "s":
            return self._workbook.string(int(text))
        if self._kind == "b":
            return text.strip() == "1"
        return text

    def _number(self, text: str) -> Cell:
        number: Any = float(text)
        if self._workbook.is_day(self._style):
            return self._moment(number)
        return int(number) if number.is_integer() and abs(number) < 1e15 else number

    def _moment(self, days: float) -> Cell:
        try:
            moment = self._zero + timedelta(seconds=round(days * 86_400))
        except (OverflowError, ValueError):
            return days
        return date(moment.year, moment.month, moment.day) if not days % 1 else moment
