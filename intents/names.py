"""Live names: what ventures, campaigns and categories are called at this moment."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Name:
    """Something that has a name in the database."""

    kind: str
    """venture, campaign, category …"""
    id: int
    name: str
    parent: str | None = None
    """The venture of a campaign; tells apart two of one name."""


@dataclass(frozen=True)
class Found:
    """What a said name may mean."""

    label: str
    """Canonical spelling, unique within its kind; empty when nothing is near."""
    score: float
    """Similarity from 0 to 1; 1 is the same letters but for case and punctuation."""
    alternatives: tuple[str, ...] = ()
    """Other labels that fit equally well."""
    suggestions: tuple[str, ...] = ()
    """The nearest labels when none is near enough to be meant."""

    @property
    def exact(self) -> bool:
        """Spelled like the name itself."""
        return self.score >= 1

    @property
    def near(self) -> bool:
        """Near enough to be meant: a typing or hearing mistake."""
        return bool(self.label)


class Names:
    """A snapshot of the live names with fuzzy look-up. Immutable; a new snapshot replaces it."""

    def __init__(self, names: Iterable[Name], version: int = 0) -> None:
        self.version = version

    def find(self, kind: str, said: str) -> Found: ...
    def labels(self, kind: str) -> tuple[str, ...]: ...
    def id(self, kind: str, label: str) -> int | None: ...
