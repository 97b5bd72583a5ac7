"""CSV and TSV files, plain and gzipped: encoding and delimiter found out, read line by line."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from storage.imports.errors import ImportRefusedError
from storage.imports.sources.header import Row, Source

LONGEST_LINE = 1 << 20
"""Characters of one line; longer ones are no table."""
MOST_BYTES = 4 << 30
"""Size of a gzipped file once unpacked."""

_BLOCK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = ",;\t|"
_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
_SNIFFED = 30
_ANY_BYTES = ("cp1252", "latin-1")
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x19\x1b-\x1f]")
"""What no text holds, but bytes of any other file, read as one, do."""


def open_text(path: Path, *, zipped: bool) -> Source:
    """A CSV or TSV file. Raises `ImportRefusedError`."""
    return _Text(path, zipped=zipped)


class _Text(Source):
    def __init__(self, path: Path, *, zipped: bool) -> None:
        self._path, self._zipped = path, zipped
        self.format = "csv.gz" if zipped else "csv"
        self.notes = []
        self.total = path.stat().st_size
        self.encoding = self._detect()
        self._delimiter = self._sniff()
        if self._delimiter != ",":
            self.notes.append(f"columns are divided by {_NAMES[self._delimiter]}s")
        self.read_header()

    def lines(self) -> Iterator[Row]:
        with self._bytes() as raw, io.TextIOWrapper(raw, self.encoding, newline="") as text:
            lines = _Lines(text)
            reader = csv.reader(lines, delimiter=self._delimiter, strict=False)
            start = 1
            try:
                for cells in reader:
                    self.position = self._file.tell()
                    if any(cells) and not all(cell.isspace() or not cell for cell in cells):
                        yield start, cells
                    start = reader.line_num + 1
            except csv.Error as error:
                raise ImportRefusedError(
                    "malformed_csv",
                    f"The row that starts on line {start} never ends: {error}.",
                    "Look for a quotation mark that is not closed.",
                ) from error

    @contextmanager
    def _bytes(self) -> Iterator[IO[bytes]]:
        """The file's content, unpacked."""
        try:
            with self._path.open("rb") as self._file:
                if not self._zipped:
                    yield self._file
                    return
                with gzip.open(self._file, "rb") as unpacked:
                    yield cast("IO[bytes]", unpacked)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ImportRefusedError(
                "damaged_file", f"{self._path.name} is cut off or damaged.", "Copy or export it again."
            ) from error
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ImportRefusedError(
                "unreadable_file", f"{self._path.name} cannot be read: {reason}."
            ) from error

    def _detect(self) -> str:
        """The encoding, from the whole file: the first byte that is not UTF-8 may stand at its end."""
        with self._bytes() as raw:
            start = raw.read(4096)
        if not start:
            raise ImportRefusedError("empty_file", f"{self._path.name} is empty.", "Export it again.")
        for mark, name in _BOMS:
            if start.startswith(mark):
                self._check(name)
                return name
        encoding = _wide(start)
        if encoding:
            self._check(encoding)
            return encoding
        for name in ("utf-8", "cp1252"):
            try:
                self._check(name)
            except UnicodeDecodeError:
                continue
            return name
        self._check("latin-1")
        return "latin-1"

    def _refuse_binary(self, text: str, encoding: str) -> None:
        if "\0" in text or (encoding in _ANY_BYTES and _CONTROLS.search(text)):
            raise ImportRefusedError(
                "not_text",
                f"{self._path.name} holds NUL or control characters: it is no text file, or a damaged one.",
                "Export it again as CSV.",
            )

    def _check(self, encoding: str) -> None:
        """Decode everything once. Raises `UnicodeDecodeError` where another encoding may fit."""
        decoder, read = codecs.getincrementaldecoder(encoding)(), 0
        with self._bytes() as raw:
            while block := raw.read(_BLOCK):
                read += len(block)
                if self._zipped and read > MOST_BYTES:
                    raise ImportRefusedError(
                        "too_large",
                        f"{self._path.name} unpacks to more than {MOST_BYTES >> 30} GB.",
                        "Split it.",
                    )
                try:
                    text = decoder.decode(block)
                except UnicodeDecodeError as error:
                    if encoding in ("utf-8", "cp1252"):
                        raise
                    raise self._undecodable(encoding) from error
                self._refuse_binary(text, encoding)
        try:
            decoder.decode(b"", True)
        except UnicodeDecodeError as error:
            if encoding == "utf-8":
                raise
            raise self._undecodable(encoding) from error

    def _undecodable(self, encoding: str) -> ImportRefusedError:
        return ImportRefusedError(
            "wrong_encoding",
            f"{self._path.name} begins like {encoding} text but is not.",
            "Save it as UTF-8.",
        )

    def _sniff(self) -> str:
        """The delimiter that divides the first lines best."""
        if ".tsv" in self._path.name.lower():
            return "\t"
        with self._bytes() as raw, io.TextIOWrapper(raw, self.encoding, newline="") as text:
            lines = [line for _, line in zip(range(_SNIFFED), _Lines(text), strict=False)]
        return max(_DELIMITERS, key=lambda delimiter: _fit(lines, delimiter))


class _Lines:
    """Lines of a text, none longer than a table's can be."""

    def __init__(self, text: IO[str]) -> None:
        self._read = text.readline
        self._count = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._read(LONGEST_LINE)
        self._count += 1
        if not line:
            raise StopIteration
        if len(line) >= LONGEST_LINE and not line.endswith("\n"):
            raise ImportRefusedError(
                "line_too_long",
                f"Line {self._count} is longer than {LONGEST_LINE:,} characters.",
                "Check that the file is a table with a line a row.",
            )
        return line


def _wide(start: bytes) -> str | None:
    """UTF-16 without its mark shows as text with every other byte zero."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > len(start) // 4 and not even:
        return "utf-16-le"
    if even > len(start) // 4 and not odd:
        return "utf-16-be"
    return None


def _fit(lines: list[str], delimiter: str) -> tuple[int, int]:
    """How many of the rows have the most usual width, and that width."""
    try:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells]
    except csv.Error:
        return 0, 0
    wide = [width for width in widths if width > 1]
    if not wide:
        return 0, 0
    usual = max(set(wide), key=wide.count)
    return wide.count(usual), usual
