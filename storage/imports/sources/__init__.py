"""Files as rows of cells, whatever their format, each row with its line, read in bounded memory."""

from pathlib import Path

from storage.imports.errors import ImportRefusedError
from storage.imports.request import Progress
from storage.imports.sources.excel import open_excel
from storage.imports.sources.header import Cell, Row, Source
from storage.imports.sources.parquet import open_parquet
from storage.imports.sources.text import open_text

__all__ = ["Cell", "Row", "Source", "open_source"]

_ENDINGS = {
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".csv.gz": "gzip",
    ".tsv.gz": "gzip",
    ".txt.gz": "gzip",
    ".xlsx": "excel",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_TAKEN = "Taken are .csv, .tsv (both also .gz), .xlsx and .parquet files."
_SPOKEN = {"text": "a text file", "gzip": "a gzip file", "excel": "an Excel workbook", "parquet": "Parquet"}
_MAGIC = (
    (b"PK\x03\x04", "excel"),
    (b"\x1f\x8b", "gzip"),
    (b"PAR1", "parquet"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls) or a protected one"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstandard file"),
)


def open_source(path: Path, sheet: str | None = None, progress: Progress | None = None) -> Source:
    """The file as rows of cells. Raises `ImportRefusedError` when it cannot be one."""
    _refuse_no_file(path)
    told, found = _told(path), _found(path)
    if found != told:
        raise ImportRefusedError(
            "wrong_extension",
            f"{path.name} is named like {_SPOKEN[told]}, but its content is {_SPOKEN.get(found, found)}.",
            "Give it the right ending, or save it as CSV. " + _TAKEN,
        )
    if sheet is not None and told != "excel":
        raise ImportRefusedError(
            "sheet_without_workbook", f"{path.name} has no sheets.", "Leave out --sheet."
        )
    if told == "excel":
        return open_excel(path, sheet, progress)
    if told == "parquet":
        return open_parquet(path)
    return open_text(path, zipped=told == "gzip")


def _told(path: Path) -> str:
    """The format a file's name promises."""
    name = path.name.lower()
    for ending in sorted(_ENDINGS, key=len, reverse=True):
        if name.endswith(ending):
            return _ENDINGS[ending]
    cure = "Save the workbook as .xlsx. " if name.endswith((".xls", ".xlsm", ".xlsb", ".ods")) else ""
    raise ImportRefusedError(
        "unknown_format", f"{path.name} has no ending that tells its format.", cure + _TAKEN
    )


def _found(path: Path) -> str:
    """The format a file's first bytes show; text where they show none."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not start:
        raise ImportRefusedError("empty_file", f"{path.name} is empty.", "Export it again.")
    return next((name for magic, name in _MAGIC if start.startswith(magic)), "text")


def _refuse_no_file(path: Path) -> None:
    try:
        found = path.exists()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not found:
        raise ImportRefusedError("no_file", f"There is no file {path}.", "Check the name and the folder.")
    if path.is_dir():
        raise ImportRefusedError("is_folder", f"{path} is a folder.", "Name a file in it.")
    if not path.is_file():
        raise ImportRefusedError(
            "not_a_file", f"{path} is not a regular file.", "Copy its content to a file."
        )


def _unreadable(path: Path, error: OSError) -> ImportRefusedError:
    reason = (error.strerror or str(error)).lower()
    return ImportRefusedError(
        "unreadable_file", f"{path} cannot be read: {reason}.", "Check its permissions."
    )
