"""Influencers, known by platform and handle."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ColumnElement, String, literal

from storage.database import Json
from storage.imports.errors import CellRefusedError
from storage.imports.kinds.base import parse_flag
from storage.imports.kinds.state import State, as_json
from storage.imports.numbers import is_blank_value, parse_share
from storage.imports.reading import Cells, Getter, as_text, identity
from storage.imports.sources import Cell
from storage.imports.stage import stage_table
from storage.imports.words import country_code, platform_word
from storage.influencers import influencers

_MICRO = Decimal("0.000001")
_NO_CATEGORY = "uncategorized"


class Influencers(State):
    """Rows of influencer lists."""

    stage = stage_table(
        Column("platform", String, nullable=False),
        Column("handle", String, nullable=False),
        Column("name", String, nullable=False),
        Column("category", String),
        Column("followers", BigInteger, nullable=False),
        Column("engagement_rate", BigInteger, nullable=False),
        Column("average_views", BigInteger),
        Column("country", String),
        Column("price", BigInteger),
        Column("currency", String),
        Column("topics", Json),
        Column("verified", Boolean),
    )
    target = influencers
    id_field = "handle"
    keys = ("platform", "handle")
    compared = ("name", "category", "followers", "engagement_rate", "average_views", "country", "price")

    def prepare(self) -> None:
        """Getters; averages may be fractions and are rounded."""
        share = self.number_style("engagement")
        self._getters: dict[str, Getter] = {
            "handle": self.get("handle", _handle),
            "name": self.text("name") if self.plan.has("name") else lambda _cells: None,
            "platform": self.get("platform", _platform),
            "followers": self.count("followers"),
            "engagement": self.get("engagement", lambda cell: parse_share(cell, share)),
            **{
                name: self.count(name, rounds=True)
                for name in ("interactions", "likes", "comments", "shares", "average_views")
            },
            "country": self.text("country"),
            "price": self.money("price"),
            "currency": self.currency() if self.plan.has("currency") else lambda _cells: None,
            "verified": self.get("verified", parse_flag),
        }
        self._categories = self.plan.places.get("category", ())
        self._fixed_category = self.plan.constants.get("category")
        self._cut = self._uncategorized = 0
        self._countries: set[str] = set()
        self._is_percent = self._looks_percent()

    def _looks_percent(self) -> bool:
        """A column of bare rates above 1 is in percent."""
        name = self.plan.column("engagement").casefold()
        return "%" in name or "percent" in name

    def read(self, line: int, cells: Cells) -> list[tuple[Any, ...]]:
        """One influencer."""
        values = self.collect(cells, self._getters)
        for name in ("handle", "platform", "followers"):
            if values[name] is None:
                raise self.refusal(name, cells, "is blank")
        topics = self._topics(cells)
        category = topics[0] if topics else self._fixed_category
        if category is None:
            self._uncategorized += 1
        rate = self._rate(cells, values)
        return [
            (
                line,
                identity("influencer", values["platform"], values["handle"]),
                0,
                0,
                values["handle"],
                0,
                values["platform"],
                values["handle"],
                values["name"] or values["handle"],
                category,
                values["followers"],
                int(rate.quantize(_MICRO, ROUND_HALF_EVEN).scaleb(6)),
                values["average_views"],
                self._country(values["country"]),
                values["price"],
                (values["currency"] or self.context.places.settings.currency) if values["price"] else None,
                as_json(topics) if topics else None,
                values["verified"],
            )
        ]

    def _topics(self, cells: Cells) -> list[str]:
        said = [as_text(cells[place], 100) for place in self._categories if not is_blank_value(cells[place])]
        return list(dict.fromkeys(said))

    def _rate(self, cells: Cells, values: dict[str, Any]) -> Decimal:
        """Interactions a follower and post; viral posts reach beyond one's own, so it is cut at 1."""
        rate: Decimal | None = values["engagement"]
        if rate is None:
            rate = self._counted_rate(cells, values)
        elif self._is_percent and "%" not in str(cells[self.plan.places["engagement"][0]]):
            rate /= 100
        if rate > 1:
            self._cut += 1
            return Decimal(1)
        return rate

    def _counted_rate(self, cells: Cells, values: dict[str, Any]) -> Decimal:
        interactions, likes, followers = values["interactions"], values["likes"], values["followers"]
        if interactions is None:
            if likes is None:
                name = next(one for one in ("interactions", "likes", "engagement") if self.plan.has(one))
                raise self.refusal(name, cells, "is blank")
            interactions = likes + (values["comments"] or 0) + (values["shares"] or 0)
        return Decimal(interactions) / Decimal(followers) if followers else Decimal(0)

    def _country(self, said: str | None) -> str | None:
        if said is None:
            return None
        code = country_code(said)
        if code is None:
            self._countries.add(said)
        return code

    def provided(self) -> list[str]:
        """What the file gives."""
        columns = ["name", "followers", "engagement_rate"]
        columns += [
            name
            for name in ("category", "average_views", "country", "price", "verified")
            if self.plan.has(name)
        ]
        if self._categories:
            columns.append("topics")
        if self.plan.has("price"):
            columns.append("currency")
        return columns

    def made_with(self) -> dict[str, Any]:
        """Of new influencers."""
        return {
            "category": _NO_CATEGORY,
            "topics": [],
            "audience": {},
            "verified": False,
            "blocked": False,
            "updated_at": self.context.now,
            "version": 1,
        }

    def touched(self) -> dict[str, ColumnElement[Any]]:
        """Of changed ones."""
        now = literal(self.context.now, influencers.c.updated_at.type)
        return {"updated_at": now, "version": influencers.c.version + 1}

    def notes(self) -> list[str]:
        """Also what was made of engagement and categories."""
        notes = super().notes()
        if not self.plan.has("engagement"):
            source = "interactions" if self.plan.has("interactions") else "likes, comments and shares"
            notes.append(f"engagement is {source} a follower")
        if self._cut:
            notes.append(f"{self._cut:,} engagement rates above 1 were cut to 1")
        if not self.plan.has("category"):
            notes.append(f"the category is {_NO_CATEGORY!r}; --set category=NAME gives another")
        elif self._uncategorized:
            notes.append(f"{self._uncategorized:,} rows without a category are {_NO_CATEGORY!r}")
        if self._countries:
            listed = ", ".join(sorted(self._countries)[:5])
            notes.append(f"countries not known here were left out: {listed}")
        return notes


def _handle(cell: Cell) -> str:
    handle = as_text(cell, 101).lstrip("@").lower()
    if not handle or len(handle) > 100:
        raise CellRefusedError("is no handle")
    return handle


def _platform(cell: Cell) -> str:
    platform = platform_word(as_text(cell))
    if platform is None:
        raise CellRefusedError("is no platform known here")
    return platform
