"""Keywords, known by venture and phrase; of several pages for one phrase the best placed stands for it."""

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Date, Integer, String, func, select, update

from storage.imports.dates import parse_day
from storage.imports.errors import CellRefusedError
from storage.imports.kinds.base import same_currency
from storage.imports.kinds.state import State
from storage.imports.numbers import Style, is_blank_value, parse_count, parse_decimal
from storage.imports.reading import Cells, Getter, identity
from storage.imports.sources import Cell
from storage.imports.stage import Fate, stage_table
from storage.imports.words import search_intent
from storage.organic import keywords

_LAST_RANK = 1_000
_MOST_SEARCHES = 2_000_000_000
_UNRANKED = frozenset(
    {"not found", "not_found", "notfound", "not ranked", "not in top 100", ">100", "100+", "lost"}
)
_LONGEST_URL = 2_000
_MADE_WITH = {"volume": 0, "difficulty": 0, "search_intent": "informational", "cluster": "unsorted"}


class Keywords(State):
    """Rows of rank and keyword exports."""

    stage = stage_table(
        Column("venture", Integer, nullable=False),
        Column("phrase", String, nullable=False),
        Column("day", Date),
        Column("volume", BigInteger),
        Column("difficulty", Integer),
        Column("cpc", BigInteger),
        Column("position", Integer),
        Column("previous_position", Integer),
        Column("url", String),
        Column("search_intent", String),
        Column("cluster", String),
    )
    target = keywords
    id_field = "phrase"
    keys = ("venture_id", "phrase")

    def prepare(self) -> None:
        """Getters."""
        day, difficulty = self.day_style("date"), self.number_style("difficulty")
        self._getters: dict[str, Getter] = {
            "venture": self.venture(),
            "phrase": self.text("phrase", 300),
            "date": self.get("date", lambda cell: parse_day(cell, day)),
            "volume": self.count("volume", rounds=True),
            "difficulty": self.get("difficulty", lambda cell: _difficulty(cell, difficulty)),
            "cpc": self.money("cpc"),
            "position": self.get("position", _rank),
            "previous_position": self.get("previous_position", _rank),
            "url": self.text("url", _LONGEST_URL),
            "search_intent": self.get("search_intent", _intent),
            "cluster": self.text("cluster"),
            "currency": self.currency(),
        }

    def read(self, line: int, cells: Cells) -> list[tuple[Any, ...]]:
        """One phrase on one page."""
        values = self.collect(cells, self._getters)
        phrase, venture = values["phrase"], values["venture"]
        if phrase is None:
            raise self.refusal("phrase", cells, "is blank")
        if values["volume"] is not None and values["volume"] > _MOST_SEARCHES:
            raise self.refusal("volume", cells, f"is beyond {_MOST_SEARCHES:,}")
        if values["cpc"]:
            same_currency(self, cells, values["currency"], venture)
        said = (
            "volume",
            "difficulty",
            "cpc",
            "position",
            "previous_position",
            "url",
            "search_intent",
            "cluster",
        )
        day = values["date"]
        return [
            (
                line,
                identity("keyword", venture.key, phrase),
                0,
                0,
                phrase,
                0,
                venture.number,
                phrase,
                day.isoformat() if day else None,
                *(_nothing_is_zero(name, values[name]) for name in said),
            )
        ]

    def settle(self, connection: Connection) -> None:
        """Keep the latest, and of those the best placed, row of each phrase."""
        stage = self.stage
        best = func.row_number().over(
            partition_by=stage.c.identity,
            order_by=(stage.c.day.desc(), func.coalesce(stage.c.position, _LAST_RANK + 1), stage.c.seq),
        )
        ranked = select(stage.c.seq, best.label("number")).subquery("ranked")
        connection.execute(
            update(stage).where(stage.c.seq == ranked.c.seq, ranked.c.number > 1).values(fate=Fate.MERGED)
        )

    def provided(self) -> list[str]:
        """What the file gives."""
        names = (
            "volume",
            "difficulty",
            "cpc",
            "position",
            "previous_position",
            "url",
            "search_intent",
            "cluster",
        )
        return [name for name in names if self.plan.has(name)]

    def made_with(self) -> dict[str, Any]:
        """Of new keywords."""
        return dict(_MADE_WITH)

    def notes(self) -> list[str]:
        """Also what is missing."""
        notes = super().notes()
        if self.context.report.merged:
            notes.append(
                f"{self.context.report.merged:,} rows are further pages or earlier days of a keyword: "
                "the latest and best placed stands for it"
            )
        lacking = [f"{name} {value!r}" for name, value in _MADE_WITH.items() if not self.plan.has(name)]
        if lacking:
            notes.append(f"new keywords get {', '.join(lacking)}, which the file does not tell")
        return notes


def _nothing_is_zero(name: str, value: Any) -> Any:
    """A position of 0 means that the page did not rank."""
    return None if name.endswith("position") and not value else value


def _rank(cell: Cell) -> int:
    if isinstance(cell, str) and cell.strip().casefold() in _UNRANKED:
        return 0
    rank = parse_count(cell, Style(), rounds=True)
    if rank > _LAST_RANK:
        raise CellRefusedError(f"is beyond place {_LAST_RANK:,}")
    return rank


def _difficulty(cell: Cell, style: Any) -> int:
    number = parse_decimal(cell, style) * (100 if "%" in str(cell) else 1)
    if not 0 <= number <= 100:
        raise CellRefusedError("is not from 0 to 100")
    return round(number)


def _intent(cell: Cell) -> str | None:
    return None if is_blank_value(cell) else search_intent(str(cell))
