"""The hidden truth of a portfolio, kept in a file and never in the database."""

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


class Truth:
    """Collects what is hidden, section by section, in one JSON document."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self._begun: str | None = None
        self._put("{")

    def add(self, section: str, entries: dict[Any, Any]) -> None:
        """Add ``entries`` to a section; calls for one section must follow each other."""
        if self._file is None:
            return
        if section != self._begun:
            self._put(f"{'},' if self._begun else ''}\n{json.dumps(section)}: {{")
        separator = ",\n" if section == self._begun else "\n"
        self._begun = section
        self._put(
            separator
            + ",\n".join(f"{json.dumps(str(key))}: {json.dumps(entry)}" for key, entry in entries.items())
        )

    def finish(self) -> None:
        """Close the document."""
        self._put("}}\n" if self._begun else "}\n")

    def _put(self, text: str) -> None:
        if self._file is not None:
            self._file.write(text)


@contextmanager
def truth_writer(path: Path | None) -> Iterator[Truth]:
    """Write ``path`` (gzip) whole, or not at all when the block fails."""
    if path is None:
        yield Truth(None)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with gzip.open(part, "wt", encoding="utf-8", compresslevel=3) as file:
            truth = Truth(file)
            yield truth
            truth.finish()
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_truth(path: Path) -> dict[str, Any]:
    """The document a fill wrote: ``portfolio``, ``affinity``, ``influencers``, ``ventures``, ``faults``."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document
