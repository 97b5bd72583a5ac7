"""What every kind of data shares."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Column, Connection, Table, select, update

from storage.imports.columns import Plan
from storage.imports.dates import DateStyle
from storage.imports.errors import CellRefusedError, ImportRefusedError
from storage.imports.numbers import CURRENCIES, Style, parse_count, parse_money
from storage.imports.places import LinePlace, Places, VenturePlace, same_money
from storage.imports.reading import Cells, Getter, RowRefusedError, Styles, as_text, getter
from storage.imports.request import ImportReport
from storage.imports.sources import Cell
from storage.imports.stage import Fate, fill_map, line_map, settle_repeats, venture_map
from storage.imports.words import channel_meant, yes_or_no

WEAK_IDS = frozenset({"id", "row id", "record id"})
"""Id columns that number the rows of one file rather than things of the source."""


@dataclass
class Context:
    """All a kind needs to know about one import."""

    plan: Plan
    styles: Styles
    options: Mapping[str, str]
    places: Places
    report: ImportReport
    now: datetime
    is_sqlite: bool
    notes: list[str] = field(default_factory=list)


class Kind(ABC):
    """One import of one kind: reads rows into stage rows, then merges the stage."""

    stage: ClassVar[Table]
    id_field: ClassVar[str] = "id"
    """What a clash is reported under."""
    compared: ClassVar[tuple[str, ...]] = ()
    """Stage columns that must be equal for two rows of one id to say the same."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.plan, self.styles = context.plan, context.styles
        self._translated: dict[str, str] = {}
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Make the getters. Raises `ImportRefusedError` for a constant that makes no sense."""

    @abstractmethod
    def read(self, line: int, cells: Cells) -> list[tuple[Any, ...]]:
        """Stage rows of a row of the file, none to skip it. Raises `RowRefusedError`."""

    @abstractmethod
    def merge(self, connection: Connection, run_id: int, *, again: bool) -> None:
        """Join the stage with what is there, inside a write transaction; ``again``: apply no corrections."""

    def settle(self, connection: Connection) -> None:
        """Tell apart rows of one identity, before any lock is taken."""
        settle_repeats(connection, self.stage, [self.stage.c[name] for name in self.compared])

    def sums(self, connection: Connection) -> None:  # noqa: B027 - a kind may have nothing to sum
        """Fill the report's totals and period from the stage."""

    def notes(self) -> list[str]:
        """What was decided while reading, as sentences."""
        words = ", ".join(
            f"{said!r} as {meant.replace('_', ' ')}" for said, meant in self._translated.items()
        )
        return [*self.context.notes, *([f"channels: {words}"] if words else [])]

    def get(self, name: str, parse: Callable[[Cell], Any]) -> Getter:
        """The getter of a field; its constant is parsed now."""
        places = self.plan.places.get(name)
        constant = None
        if name in self.plan.constants:
            text = self.plan.constants[name]
            try:
                constant = parse(text)
            except CellRefusedError as error:
                raise ImportRefusedError("bad_value", f"--set {name}={text}: {text!r} {error}.") from error
        if places is None or name in self.styles.blank:
            return getter(None, constant, parse)
        return getter(places[0], constant, parse)

    def text(self, name: str, longest: int = 200) -> Getter:
        """The getter of a text."""
        return self.get(name, lambda cell: as_text(cell, longest))

    def count(self, name: str, *, rounds: bool = False) -> Getter:
        """The getter of a count; averages may be fractions, which are rounded."""
        style = self.number_style(name)
        rounds = rounds or self.context.options.get("fractions") == "round"
        return self.get(name, lambda cell: parse_count(cell, style, rounds=rounds))

    def money(self, name: str) -> Getter:
        """The getter of an amount in millionths."""
        style = self.number_style(name)
        return self.get(name, lambda cell: parse_money(cell, style))

    def number_style(self, name: str) -> Style:
        """How a field's numbers are written."""
        return self.styles.numbers.get(name) or Style()

    def day_style(self, name: str) -> DateStyle:
        """How a field's dates are written."""
        order = self.context.options.get("date_order")
        return self.styles.days.get(name) or DateStyle(told=order)  # type: ignore[arg-type]

    def channel(self) -> Getter:
        """The getter of a channel."""
        return self.get("channel", self._channel)

    def _channel(self, cell: Cell) -> str:
        said = as_text(cell)
        meant: str | None = self.context.options.get(f"channel:{said}")
        misspelled = False
        if meant is None:
            meant, misspelled = channel_meant(said)
        if meant is None:
            raise CellRefusedError(
                f"is no channel known here; --set 'channel:{said}=CHANNEL' says what it is"
            )
        if said.casefold().replace(" ", "_") != meant and (misspelled or len(self._translated) < 40):
            self._translated[said] = meant
        return meant

    def currency(self) -> Getter:
        """The getter of a row's currency, where anything tells it."""
        if "currency" not in self.plan.places and "currency" not in self.plan.constants:
            return getter(None, self.styles.currency, as_text)
        return self.get("currency", parse_currency)

    def venture(self) -> Callable[[Cells], VenturePlace]:
        """The getter of a row's venture."""
        name, places = self.text("venture"), self.context.places
        known: dict[str, VenturePlace] = {}

        def get(cells: Cells) -> VenturePlace:
            said = name(cells)
            if said is None:
                raise CellRefusedError("is blank")
            place = known.get(said)
            if place is None:
                place = known[said] = places.venture(said)
            else:
                place.spellings[" ".join(said.split())] += 1
            return place

        return get

    def collect(self, cells: Cells, getters: Mapping[str, Getter]) -> dict[str, Any]:
        """The values of a row. Raises `RowRefusedError` with every faulty column."""
        try:
            return {name: get(cells) for name, get in getters.items()}
        except CellRefusedError:
            faults = []
            for name, get in getters.items():
                try:
                    get(cells)
                except CellRefusedError as error:
                    faults.append((name, str(error)))
            first, reason = faults[0]
            others = ", ".join(self.plan.column(name) for name, _ in faults[1:])
            raise self.refusal(first, cells, reason + (f"; faulty too: {others}" if others else "")) from None

    def refusal(self, name: str, cells: Cells, reason: str) -> RowRefusedError:
        """The row refused for one field."""
        places = self.plan.places.get(name)
        value = cells[places[0]] if places and places[0] < len(cells) else self.plan.constants.get(name)
        return RowRefusedError(self.plan.column(name), value, reason)

    def map_places(self, connection: Connection) -> None:
        """Tell the stage the ids of its ventures and lines."""
        places = self.context.places
        lines = {line.number: line.id for line in places.lines if line.id is not None}
        found = {venture.number: venture.id for venture in places.ventures if venture.id is not None}
        fill_map(connection, line_map, lines)
        fill_map(connection, venture_map, found)

    def used(self, connection: Connection, column: Column[Any]) -> list[int]:
        """The places rows need that are not known yet."""
        query = select(column).where(self.stage.c.fate == Fate.NEW, column.is_not(None)).distinct()
        return list(connection.scalars(query))

    def mark_known(self, connection: Connection, condition: Any) -> None:
        """Mark the rows a condition joins to what is there as known."""
        stage = self.stage
        connection.execute(update(stage).where(condition, stage.c.fate == Fate.NEW).values(fate=Fate.KNOWN))

    def mark_changed(self, connection: Connection, condition: Any, differs: Any) -> None:
        """Mark known rows that say something else than what is there as changed."""
        stage = self.stage
        connection.execute(
            update(stage).where(condition, stage.c.fate == Fate.KNOWN, differs).values(fate=Fate.CHANGED)
        )


class LineFinder:
    """Finds the line of a row by its texts, remembering what was found."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._known: dict[tuple[int, str, str, str | None], tuple[LinePlace, Counter[str], str]] = {}

    def __call__(self, venture: VenturePlace, campaign: str, channel: str, currency: str | None) -> LinePlace:
        """The line. Raises `CellRefusedError`."""
        key = (venture.number, campaign, channel, currency)
        found = self._known.get(key)
        if found is None:
            line = self._places.line(venture, campaign, channel, currency)
            self._known[key] = line, line.campaign.spellings, " ".join(campaign.split())
            return line
        found[1][found[2]] += 1
        return found[0]


def parse_currency(cell: Cell) -> str:
    """An ISO 4217 code."""
    code = as_text(cell).upper()
    if code not in CURRENCIES:
        raise CellRefusedError("is no currency known here, such as USD")
    return code


def parse_flag(cell: Cell) -> bool:
    """Yes or no."""
    if isinstance(cell, (bool, int, float)):
        return bool(cell)
    flag = yes_or_no(as_text(cell))
    if flag is None:
        raise CellRefusedError("is neither yes nor no")
    return flag


def same_currency(kind: Kind, cells: Cells, currency: str | None, venture: VenturePlace) -> None:
    """Refuse amounts in another currency than the venture's, in which they would be kept."""
    venture.take(currency)
    if currency and not same_money(currency, venture.currency):
        raise kind.refusal(
            "currency", cells, f"is {currency}, but this venture is kept in {venture.currency}"
        )
