"""Touchpoints and conversions, and what a row of a journey is."""

from typing import Any

from storage.imports.kinds.events import CONVERSION, LONGEST_VISITOR, TOUCH, Events
from storage.imports.reading import Cells, Getter


class Touchpoints(Events):
    """Impressions, clicks and visits; rows that are conversions become conversions as well."""

    targets = (TOUCH, CONVERSION)

    def prepare(self) -> None:
        """Getters, and whether conversions are also touches."""
        super().prepare()
        self._touches_too = self.context.options.get("conversion_touches") != "no"
        self._converted = 0

    def events(self, values: dict[str, Any], cells: Cells) -> list[tuple[int, str]]:
        """A conversion is also a click of its channel unless the request says otherwise."""
        for name in ("visitor", "channel"):
            if values[name] is None:
                raise self.refusal(name, cells, "is blank")
        kind = values["kind"]
        if kind in ("conversion", "purchase", "renewal") or values["conversion"]:
            self.refuse_blank_revenue(cells, values)
            self._converted += 1
            bought = "renewal" if kind == "renewal" else "purchase"
            touch = kind if kind in ("impression", "click", "visit") else "click"
            return [(CONVERSION, bought), *([(TOUCH, touch)] if self._touches_too else [])]
        return [(TOUCH, kind or "visit")]

    def notes(self) -> list[str]:
        """Also what conversions became."""
        notes = super().notes()
        if self._converted and self._touches_too:
            notes.append(
                f"{self._converted:,} rows are conversions; each is also a click of its channel then "
                "(--set conversion_touches=no leaves those out)"
            )
        elif self._converted:
            notes.append(f"{self._converted:,} rows are conversions and no touchpoints")
        if not self.plan.has("kind"):
            notes.append("nothing tells the kind of a touchpoint, so all are visits")
        return notes


class Conversions(Events):
    """Orders; rows of a journey that are no conversions are skipped."""

    targets = (CONVERSION,)

    def events(self, values: dict[str, Any], cells: Cells) -> list[tuple[int, str]]:
        """The order, if the row is one."""
        kind, flag = values["kind"], values["conversion"]
        if kind in ("impression", "click", "visit") and not flag:
            return []
        if kind is None and flag is False:
            return []
        values["visitor"] = values["visitor"] or values["customer"]
        if values["visitor"] is None:
            raise self.refusal("visitor" if self.plan.has("visitor") else "customer", cells, "is blank")
        self.refuse_blank_revenue(cells, values)
        return [(CONVERSION, "renewal" if kind == "renewal" else "purchase")]

    def people(self) -> dict[str, Getter]:
        """Either may be missing."""
        return {
            name: self.text(name, LONGEST_VISITOR) if self.plan.has(name) else lambda _cells: None
            for name in ("visitor", "customer")
        }
