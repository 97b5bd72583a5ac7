"""Which column gives which field: as mapped, else guessed by name and content, else set for all rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from shlex import quote

from rapidfuzz.process import extractOne

from storage.imports.dates import DateStyle, parse_day
from storage.imports.errors import CellRefusedError, ImportRefusedError
from storage.imports.fields import DEFAULTS, OPTIONS, Field, Shape, full, plain
from storage.imports.numbers import Style, is_blank_value, parse_decimal
from storage.imports.request import Column
from storage.imports.sources import Cell
from storage.imports.words import channel_word, platform_in, platform_word, touch_word, yes_or_no

_BY_PART = 0.5
_BY_CONTENT = 0.4
_LEAST_FITTING = 0.5
_SURELY_FITTING = 0.8
_RATIOS = {
    "per",
    "rate",
    "avg",
    "average",
    "cpc",
    "cpm",
    "cpa",
    "ctr",
    "share",
    "target",
    "previous",
    "percent",
}
_PEOPLE = {"name", "youtuber", "tiktoker", "channel", "influencer", "creator", "account", "user", "profile"}
_HANDLE = re.compile(r"@?[A-Za-z0-9._\-]{2,100}")
_NUMBERS = ("count", "money", "share", "rank")
_SAME = Decimal("0.02")
_OWN_OF_ROWS = frozenset({"handle", "visitor", "customer", "phrase", "followers", "monthly_revenue", "time"})
"""What no two rows share, so that setting it for all of them makes no sense."""


@dataclass(frozen=True)
class Plan:
    """Where every field's value comes from."""

    shape: Shape
    columns: list[str]
    """Of the file."""
    places: dict[str, tuple[int, ...]]
    """Of the columns that give a field."""
    constants: dict[str, str]
    """The value of a field for rows that have none of their own."""
    chosen: list[Column]
    unused: list[str]
    notes: list[str]

    def has(self, field: str) -> bool:
        """Whether anything gives the field."""
        return field in self.places or field in self.constants

    def column(self, field: str) -> str:
        """The name of the column that gives a field, else the field's own."""
        return self.columns[self.places[field][0]] if field in self.places else field


def choose(
    shape: Shape,
    columns: list[str],
    sample: Sequence[Sequence[Cell]],
    mapped: Mapping[str, str],
    constants: Mapping[str, str],
    file_name: str,
) -> Plan:
    """The plan for a file. Raises `ImportRefusedError`, which names every field that is missing at once."""
    _check_names(shape, columns, mapped, constants)
    wanted = {
        name: tuple(_place(columns, one) for one in _named(shape, columns, name, column))
        for name, column in mapped.items()
        if column
    }
    chooser = _Chooser(shape, columns, sample, taken={place for one in wanted.values() for place in one})
    left = [one for one in shape.fields if one.name not in mapped and one.name not in constants]
    guessed = chooser.guess(left)
    places = wanted | guessed
    own = {name: value for name, value in constants.items() if name in shape.by_name}
    chosen = [Column(name, columns[place], "mapped") for name, found in wanted.items() for place in found]
    chosen += [Column(name, columns[place], "guessed") for name, found in guessed.items() for place in found]
    chosen += [Column(name, value, "set") for name, value in own.items()]
    if shape.name == "influencers" and "platform" not in own and "platform" not in places:
        named = _platform(columns, file_name)
        if named:
            own["platform"] = str(named)
            chosen.append(Column("platform", str(named), "assumed"))
    chosen.sort(key=lambda one: list(shape.by_name).index(one.field))
    used = {place for found in places.values() for place in found}
    unused = [name for place, name in enumerate(columns) if place not in used]
    plan = Plan(shape, columns, places, own, chosen, unused, chooser.notes)
    _refuse_missing(plan, chooser.ambiguous)
    return plan


def _check_names(
    shape: Shape, columns: list[str], mapped: Mapping[str, str], constants: Mapping[str, str]
) -> None:
    settable = [*shape.by_name, *DEFAULTS, *OPTIONS]
    for option, given, known in (("--map", mapped, list(shape.by_name)), ("--set", constants, settable)):
        for name in given:
            if name not in known and not (option == "--set" and name.startswith("channel:")):
                raise ImportRefusedError(
                    "unknown_field",
                    f"{option} {name}=…: {shape.name} have no field {name!r}.",
                    f"Fields are {', '.join(dict.fromkeys(known))}.",
                )
    for name, value in constants.items():
        if not value.strip():
            raise ImportRefusedError("bad_value", f"--set {name}= says nothing.", "Give it a value.")
    for name, said in mapped.items():
        for column in _named(shape, columns, name, said):
            if _place(columns, column) >= 0:
                continue
            near = extractOne(column, columns, score_cutoff=60)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise ImportRefusedError(
                "unknown_column",
                f"--map {name}={column}: the file has no column {column!r}.{meant}",
                f"Its columns are {', '.join(map(repr, columns))}.",
            )


def _named(shape: Shape, columns: list[str], name: str, said: str) -> list[str]:
    """The columns a mapping names: several, with commas, where the field takes several."""
    if not said:
        return []
    if not shape.by_name[name].many or _place(columns, said) >= 0:
        return [said]
    return [one.strip() for one in said.split(",") if one.strip()]


def _place(columns: list[str], name: str) -> int:
    if name in columns:
        return columns.index(name)
    wanted = " ".join(name.split()).casefold()
    return next((place for place, column in enumerate(columns) if column.casefold() == wanted), -1)


class _Chooser:
    """Guesses columns and remembers which fields several would fit equally well."""

    def __init__(
        self, shape: Shape, columns: list[str], sample: Sequence[Sequence[Cell]], taken: set[int]
    ) -> None:
        self._shape, self._columns, self._taken = shape, columns, taken
        self._values = [
            [row[place] for row in sample if place < len(row) and _tells(row[place])]
            for place in range(len(columns))
        ]
        self.ambiguous: dict[str, list[str]] = {}
        self.notes: list[str] = []

    def guess(self, fields: list[Field]) -> dict[str, tuple[int, ...]]:
        """The columns of each field that has any."""
        found: dict[str, tuple[int, ...]] = {}
        scores = sorted(
            (
                (score, -place, one)
                for one in fields
                if not one.many
                for place in range(len(self._columns))
                if place not in self._taken and (score := self._score(one, place)) > 0
            ),
            key=lambda item: (-item[0], -item[1]),
        )
        for score, minus_place, one in scores:
            if one.name in found or -minus_place in self._taken or one.name in self.ambiguous:
                continue
            equal = [
                -minus
                for other, minus, field in scores
                if field is one and abs(other - score) < 1e-9 and -minus not in self._taken
            ]
            best = self._best(one, equal)
            if best is not None:
                found[one.name] = (best,)
                self._taken.add(best)
        if self._shape.name == "influencers":
            self._guess_people({one.name for one in fields} - found.keys(), found)
        for one in fields:
            if one.many:
                places = self._all(one)
                if places:
                    found[one.name] = places
        return found

    def _all(self, field: Field) -> tuple[int, ...]:
        named = [
            (field.ranks[name], place)
            for place, column in enumerate(self._columns)
            if place not in self._taken and (name := plain(column)) in field.ranks
        ]
        self._taken.update(place for _, place in named)
        return tuple(place for _, place in sorted(named))

    def _best(self, field: Field, places: list[int]) -> int | None:
        """The one of equally fitting columns to take, if they say the same or there is but one."""
        if len(places) == 1:
            return places[0]
        if field.type in _NUMBERS and all(self._agree(places[0], other) for other in places[1:]):
            best = max(places, key=lambda place: (self._exactness(place), -place))
            others = ", ".join(repr(self._columns[place]) for place in places if place != best)
            self.notes.append(f"{field.name} comes from {self._columns[best]!r}, exacter than {others}")
            self._taken.update(places)
            return best
        self.ambiguous[field.name] = [self._columns[place] for place in places]
        return None

    def _agree(self, one: int, other: int) -> bool:
        pairs = list(zip(self._values[one], self._values[other], strict=False))
        return bool(pairs) and all(_close(first, second) for first, second in pairs)

    def _exactness(self, place: int) -> float:
        values = self._values[place]
        return sum(str(value).strip().replace(".", "", 1).isdigit() for value in values) / max(1, len(values))

    def _score(self, field: Field, place: int) -> float:
        header = self._columns[place]
        names = (plain(header), full(header))
        ranks = [field.ranks[name] for name in names if name in field.ranks]
        words = set(names[1].split())
        if ranks:
            score = 1 - 0.005 * min(ranks)
        elif field.words & words and not (words & _RATIOS):
            score = _BY_PART
        else:
            return _BY_CONTENT if self._shows(field, place) else 0.0
        if self._fitting(field, place) >= _LEAST_FITTING:
            return score
        # A required field of that very name is that field, however little of it can be taken.
        return _BY_CONTENT if ranks and field.required else 0.0

    def _shows(self, field: Field, place: int) -> bool:
        """Whether a column's values alone tell the field."""
        values = [value for value in self._values[place] if isinstance(value, str)]
        if field.type == "channel" and field.required:
            return bool(values) and self._fitting(field, place) >= _SURELY_FITTING
        if field.type in ("day", "moment") and field.required:
            dates = [value for value in values if re.search(r"\d[-/.]\d", value)]
            return len(dates) > len(values) / 2 and self._fitting(field, place) >= _SURELY_FITTING
        return False

    def _fitting(self, field: Field, place: int) -> float:
        """The share of a column's values the field could take."""
        values = self._values[place]
        return sum(_fits(field, value) for value in values) / len(values) if values else 1.0

    def _guess_people(self, wanted: set[str], found: dict[str, tuple[int, ...]]) -> None:
        """Handle and name: of the columns that name people, the one most like handles is the handle."""
        places = [
            place
            for place, column in enumerate(self._columns)
            if place not in self._taken and set(full(column).split()) & _PEOPLE
        ]
        places.sort(key=lambda place: -self._handles(place))
        for name in ("handle", "name"):
            if name in wanted and places:
                found[name] = (places.pop(0),)
                self._taken.update(found[name])

    def _handles(self, place: int) -> float:
        values = self._values[place]
        return sum(bool(_HANDLE.fullmatch(str(value))) for value in values) / max(1, len(values))


def _tells(value: Cell) -> bool:
    """Whether a cell says anything about its column: not a blank, nor a spreadsheet's error."""
    return not is_blank_value(value) and not (isinstance(value, str) and value.startswith("#"))


def _close(one: Cell, other: Cell) -> bool:
    try:
        first, second = parse_decimal(one, Style()), parse_decimal(other, Style())
    except CellRefusedError:
        return False
    return abs(first - second) <= max(abs(first), abs(second)) * _SAME


def _fits(field: Field, value: Cell) -> bool:
    text = value if isinstance(value, str) else str(value)
    match field.type:
        case "count" | "money" | "share":
            return _is_number(value)
        case "rank":
            return True
        case "day" | "moment":
            return _is_day(value)
        case "channel":
            return channel_word(text) is not None
        case "platform":
            return platform_word(text) is not None
        case "kind":
            return touch_word(text) is not None or text.casefold() in ("purchase", "renewal")
        case "flag":
            return yes_or_no(text) is not None
        case "currency":
            return len(text.strip()) == 3 and text.strip().isalpha()
        case _:
            return True


def _is_number(value: Cell) -> bool:
    try:
        parse_decimal(value, Style())
    except CellRefusedError:
        return False
    return True


def _is_day(value: Cell) -> bool:
    try:
        parse_day(value, DateStyle(told="dmy"))
    except CellRefusedError as error:
        return "exist" in str(error)
    return True


def _platform(columns: list[str], file_name: str) -> str | None:
    """The platform the column names, else the file's name, speak of."""
    for text in (" ".join(columns), file_name):
        named = platform_in(text)
        if len(named) == 1:
            return named.pop()
    return None


def _refuse_missing(plan: Plan, ambiguous: dict[str, list[str]]) -> None:
    missing = [one.name for one in plan.shape.fields if one.required and not plan.has(one.name)]
    said, cures = [], []
    for name, columns in ambiguous.items():
        said.append(f"{name} may be {' or '.join(map(repr, columns))}")
        leaving = "" if plan.shape.by_name[name].required else f" (or --map {name}= to leave it out)"
        cures.append(f"--map {quote(f'{name}={columns[0]}')}{leaving}")
    lacking = [name for name in missing if name not in ambiguous]
    if lacking:
        said.append(f"{plan.shape.name} need {_listed(lacking)}")
        cures += [_cure(name) for name in lacking]
    one_of = plan.shape.one_of
    if one_of and not any(plan.has(name) or name in ambiguous for name in one_of):
        said.append(f"{plan.shape.name} need at least one of {', '.join(one_of)}")
        cures.append(f"--map {one_of[0]}=COLUMN")
    if said:
        raise ImportRefusedError(
            "ambiguous_columns" if ambiguous and not lacking else "missing_fields",
            f"{'; '.join(said)}. The file's columns are {', '.join(map(repr, plan.columns))}.",
            f"Say {', '.join(cures)}.",
        )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _cure(name: str) -> str:
    mapping = f"--map {name}=COLUMN"
    return mapping if name in _OWN_OF_ROWS else f"--set {name}=VALUE or {mapping}"
