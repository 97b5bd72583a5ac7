"""The live names in the order in which an engine should expect them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest


def ranked(names: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Each name once; the most important of every kind before the second of any."""
    return iter(dict.fromkeys(name for rank in zip_longest(*names.values()) for name in rank if name))
