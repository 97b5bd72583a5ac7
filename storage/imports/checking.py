"""A first look at a file: whether its columns can become the kind of data that is asked for."""

from contextlib import closing
from pathlib import Path

from storage.imports.columns import choose
from storage.imports.errors import ImportRefusedError
from storage.imports.fields import OPTIONS, SHAPES
from storage.imports.request import Column, ImportRequest
from storage.imports.sources import open_source

_SAMPLE = 500


def check(request: ImportRequest) -> list[Column]:
    """Where each field would come from. Raises `ImportRefusedError` as the import itself would."""
    shape = SHAPES.get(request.kind)
    if shape is None:
        raise ImportRefusedError(
            "unknown_kind", f"There is no kind of data {request.kind!r}.", f"Kinds are {', '.join(SHAPES)}."
        )
    given = {
        name: value
        for name, value in request.set.items()
        if name not in OPTIONS and not name.startswith("channel:")
    }
    with closing(open_source(Path(request.file), request.sheet)) as source:
        sample = [cells for _, cells in source.sample(_SAMPLE)]
        return choose(shape, source.columns, sample, request.map, given, Path(request.file).name).chosen
