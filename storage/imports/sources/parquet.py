"""Parquet files, read in batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from storage.imports.errors import ImportRefusedError
from storage.imports.sources.header import MOST_COLUMNS, MOST_ROWS, Row, Source

MOST_BYTES = 8 << 30
"""Size of all columns once unpacked."""
_BATCH = 5_000


def open_parquet(path: Path) -> Source:
    """A Parquet file. Raises `ImportRefusedError`."""
    return _Parquet(path)


class _Parquet(Source):
    def __init__(self, path: Path) -> None:
        self._path = path
        self.format = "parquet"
        self.notes = []
        described = self._open().metadata
        self.total = described.num_rows
        self._refuse_bombs(described)
        self.read_header()

    def lines(self) -> Iterator[Row]:
        """The column names as line 0, then every row."""
        arrow, file = _arrow(), self._open()
        yield 0, [str(name) for name in file.schema_arrow.names]
        line = 1
        try:
            for batch in file.iter_batches(_BATCH):
                for cells in zip(*(_cells(column) for column in batch.columns), strict=True):
                    if any(cell is not None for cell in cells):
                        yield line, cells
                    line += 1
                self.position = line
        except (arrow.ArrowException, OSError, ValueError) as error:
            raise self._damaged() from error

    def _open(self) -> Any:
        arrow = _arrow()
        try:
            return arrow.parquet.ParquetFile(self._path)
        except (arrow.ArrowException, OSError, ValueError) as error:
            raise self._damaged() from error

    def _damaged(self) -> ImportRefusedError:
        return ImportRefusedError(
            "damaged_file", f"{self._path.name} is cut off or damaged.", "Copy or export it again."
        )

    def _refuse_bombs(self, described: Any) -> None:
        size = sum(described.row_group(at).total_byte_size for at in range(described.num_row_groups))
        if size > MOST_BYTES or described.num_rows > MOST_ROWS or described.num_columns > MOST_COLUMNS:
            raise ImportRefusedError(
                "too_large",
                f"{self._path.name} unpacks to {described.num_rows:,} rows and {size:,} bytes.",
                f"Split it: at most {MOST_ROWS:,} rows and {MOST_BYTES >> 30} GB.",
            )


def _arrow() -> Any:
    # Imported here: no other format pays for it.
    import pyarrow
    import pyarrow.parquet

    return pyarrow


def _cells(column: Any) -> list[Any]:
    """Values of a column; nested ones as text, moments to the microsecond."""
    arrow = _arrow()
    if arrow.types.is_timestamp(column.type):
        column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)
    values = column.to_pylist()
    if arrow.types.is_nested(column.type):
        return [None if value is None else str(value) for value in values]
    if arrow.types.is_binary(column.type) or arrow.types.is_large_binary(column.type):
        return [None if value is None else value.decode("utf-8", "replace") for value in values]
    return [str(value) if hasattr(value, "total_seconds") else value for value in values]
