"""Customers, known by venture and their number there; what else the file says are their indicators."""

import re
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Date, DateTime, Integer, String, func, select

from storage.customers import customers
from storage.database import Json
from storage.imports.dates import months_before, parse_day, parse_moment, refuse_future
from storage.imports.errors import CellRefusedError, ImportRefusedError
from storage.imports.kinds.base import LineFinder, parse_flag, same_currency
from storage.imports.kinds.state import State, as_json
from storage.imports.numbers import Style, is_blank_value, parse_decimal
from storage.imports.places import LineFacts, VenturePlace
from storage.imports.reading import Cells, Getter, identity, plain_text
from storage.imports.sources import Cell
from storage.imports.stage import Fate, line_map, stage_table
from storage.imports.words import country_code, fold, yes_or_no

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST_TENURE = 1_200


class Customers(State):
    """Rows of customer lists."""

    stage = stage_table(
        Column("venture", Integer, nullable=False),
        Column("external_id", String, nullable=False),
        Column("place", Integer),
        Column("email", String),
        Column("country", String),
        Column("plan", String),
        Column("monthly_revenue", BigInteger, nullable=False),
        Column("acquired_at", DateTime(timezone=True), nullable=False),
        Column("churned_at", DateTime(timezone=True)),
        Column("indicators", Json, nullable=False),
    )
    target = customers
    id_field = "customer"
    keys = ("venture_id", "external_id")
    compared = ("email", "plan", "monthly_revenue", "acquired_at", "churned_at")
    merged_json = ("indicators",)

    def prepare(self) -> None:
        """Getters, and the day tenure and churn are counted back from."""
        day = self.day_style("date")
        self._date = self.get("date", lambda cell: parse_day(cell, day))
        self._needs_day = not self.plan.has("acquired") or (
            self.plan.has("churned") and not self.plan.has("churned_on")
        )
        if self._needs_day and not self.plan.has("date"):
            raise ImportRefusedError(
                "missing_fields",
                f"{self.plan.column('tenure')!r} and churn count back from a day the file does not tell.",
                "Say --set date=DAY, the day the list was made.",
            )
        self._getters: dict[str, Getter] = {
            "venture": self.venture(),
            "customer": self.text("customer", 64),
            "email": self.get("email", _email),
            "country": self.text("country"),
            "plan": self.text("plan", 40),
            "monthly_revenue": self.money("monthly_revenue"),
            "tenure": self.count("tenure", rounds=True),
            "churned": self.get("churned", parse_flag),
            "acquired": self.get("acquired", lambda cell: cell),
            "churned_on": self.get("churned_on", lambda cell: cell),
            "date": self._date,
            "campaign": self.text("campaign"),
            "channel": self.channel() if self.plan.has("channel") else lambda _cells: None,
            "currency": self.currency(),
        }
        self._line = LineFinder(self.context.places)
        taken = {place for found in self.plan.places.values() for place in found}
        self._rest = [
            (place, fold(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)).replace(" ", "_"))
            for place, name in enumerate(self.plan.columns)
            if place not in taken
        ]

    def read(self, line: int, cells: Cells) -> list[tuple[Any, ...]]:
        """One customer."""
        values = self.collect(cells, self._getters)
        for name in ("customer", "monthly_revenue"):
            if values[name] is None:
                raise self.refusal(name, cells, "is blank")
        venture = values["venture"]
        if values["monthly_revenue"]:
            same_currency(self, cells, values["currency"], venture)
        acquired = self._acquired(cells, values, venture)
        churned = self._churned(cells, values, venture)
        if churned and churned < acquired:
            name = "churned_on" if self.plan.has("churned_on") else "churned"
            raise self.refusal(name, cells, "lies before the customer was won")
        place = None
        if values["campaign"] and values["channel"]:
            place = self._line(venture, values["campaign"], values["channel"], None).number
        country = values["country"]
        return [
            (
                line,
                identity("customer", venture.key, values["customer"]),
                0,
                0,
                values["customer"],
                0,
                venture.number,
                values["customer"],
                place,
                values["email"],
                country_code(country) if country else None,
                values["plan"],
                values["monthly_revenue"],
                self._stored(acquired),
                self._stored(churned) if churned else None,
                as_json(self._indicators(cells)),
            )
        ]

    def _acquired(self, cells: Cells, values: dict[str, Any], venture: VenturePlace) -> datetime:
        if values["acquired"] is not None:
            return self._moment("acquired", cells, values["acquired"], venture)
        if values["tenure"] is None:
            name = "acquired" if self.plan.has("acquired") else "tenure"
            raise self.refusal(name, cells, "is blank")
        if values["tenure"] > _LONGEST_TENURE:
            raise self.refusal("tenure", cells, f"is more than {_LONGEST_TENURE:,} months")
        day = months_before(self._day(cells, values), values["tenure"])
        return datetime.combine(day, time(), venture.zone).astimezone(UTC)

    def _churned(self, cells: Cells, values: dict[str, Any], venture: VenturePlace) -> datetime | None:
        if values["churned_on"] is not None:
            return self._moment("churned_on", cells, values["churned_on"], venture)
        if not values["churned"]:
            return None
        return datetime.combine(self._day(cells, values), time(), venture.zone).astimezone(UTC)

    def _day(self, cells: Cells, values: dict[str, Any]) -> date:
        day: date | None = values["date"]
        if day is None:
            raise self.refusal("date", cells, "is blank")
        return day

    def _moment(self, name: str, cells: Cells, said: Cell, venture: VenturePlace) -> datetime:
        try:
            return refuse_future(parse_moment(said, self.day_style(name), venture.zone), self.context.now)
        except CellRefusedError as error:
            raise self.refusal(name, cells, str(error)) from error

    def _stored(self, moment: datetime) -> str:
        text = moment.isoformat(sep=" ", timespec="microseconds")
        return text[:26] if self.context.is_sqlite else text

    def _indicators(self, cells: Cells) -> dict[str, Any]:
        return {
            name: _indicator(cells[place]) for place, name in self._rest if not is_blank_value(cells[place])
        }

    def line_facts(self, connection: Connection) -> dict[int, LineFacts]:
        """Lines customers were won through."""
        stage = self.stage.c
        query = (
            select(stage.place, func.min(func.date(stage.acquired_at), type_=Date))
            .where(stage.place.is_not(None), stage.fate == Fate.NEW)
            .group_by(stage.place)
        )
        return {place: LineFacts(day) for place, day in connection.execute(query)}

    def provided(self) -> list[str]:
        """What the file gives."""
        columns = ["monthly_revenue", "acquired_at", "indicators"]
        columns += [name for name in ("email", "country", "plan") if self.plan.has(name)]
        if self.plan.has("churned") or self.plan.has("churned_on"):
            columns.append("churned_at")
        if self.plan.has("campaign") and self.plan.has("channel"):
            columns.append("line_id")
        return columns

    def _column(self, name: str) -> Any:
        if name != "line_id":
            return self.stage.c[name]
        query = select(line_map.c.id).where(line_map.c.place == self.stage.c.place)
        return query.correlate(self.stage).scalar_subquery()

    def notes(self) -> list[str]:
        """Also how moments were reckoned."""
        notes = super().notes()
        if not self.plan.has("acquired"):
            notes.append(f"{self.plan.column('tenure')!r} is in months, counted back from the list's day")
        if self.plan.has("churned") and not self.plan.has("churned_on"):
            notes.append("customers who left are taken to have left on the list's day")
        if self._rest:
            notes.append(f"{len(self._rest)} other columns are kept as indicators")
        return notes


def _email(cell: Cell) -> str:
    text = plain_text(cell)
    if len(text) > 320 or not _EMAIL.fullmatch(text):
        raise CellRefusedError("is no e-mail address")
    return text


def _indicator(cell: Cell) -> Any:
    """A number, yes or no as such, anything else as text."""
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, str) and not cell.strip()[:1].isdigit():
        cell = cell.replace("\0", "")
        flag = yes_or_no(cell) if cell.strip().casefold() in ("yes", "no", "true", "false") else None
        return cell.strip()[:500] if flag is None else flag
    try:
        number = parse_decimal(cell, Style())
    except CellRefusedError:
        return plain_text(cell).replace("\0", "")[:500]
    return int(number) if number == number.to_integral_value() else float(number)
