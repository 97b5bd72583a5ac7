"""Every page of the desk: its address, and the commands it shows the answers of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assistant.channels.desk.asking import Ask
from assistant.turn import Page as InFront


@dataclass(frozen=True)
class View:
    """What a page is opened with: the words of its address, and the names there are."""

    said: Mapping[str, str]
    ventures: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str | None:
        """A value of the address; None where it is not there or empty."""
        return self.said.get(name, "").strip() or None


Asks = Callable[[View], dict[str, Ask]]


@dataclass(frozen=True)
class Page:
    """A page: a list of commands, shown by its template (its name)."""

    name: str
    path: str
    title: str
    asks: Asks
    main: str
    """The ask that the page is about: "this" and "and last month?" mean it, and its refusal is the page's."""
    picks: tuple[str, ...] = ()
    """What can be chosen at the top: venture, period."""
    in_menu: bool = True

    def in_front(self, asks: Mapping[str, Ask]) -> InFront:
        """What a person who looks at it means by "this"."""
        main = asks[self.main]
        names = {name: value for name, value in main.known.items() if name != "period"}
        return InFront(main.command, names)


HEADLINES = ("spend", "revenue", "roas", "cac", "conversions", "conversion_rate")


def _today(view: View) -> dict[str, Ask]:
    return {
        "now": Ask("show_performance", {"metrics": HEADLINES, "period": view["period"]}),
        "approvals": Ask("list_approvals"),
        "loops": Ask("list_loops"),
        "status": Ask("show_status"),
    }


def _portfolio(view: View) -> dict[str, Ask]:
    period = view["period"]
    ventures = {
        f"venture:{name}": Ask("show_performance", {"venture": name, "metrics": HEADLINES, "period": period})
        for name in view.ventures
    }
    return {"whole": Ask("show_performance", {"metrics": HEADLINES, "period": period}), **ventures}


def _venture(view: View) -> dict[str, Ask]:
    about = {"venture": view["venture"], "period": view["period"]}
    return {
        "now": Ask("show_performance", {**about, "metrics": HEADLINES}),
        "profile": Ask("show_venture", {"venture": view["venture"]}),
        "roas": Ask("show_metric", {**about, "metric": "roas"}),
        "rate": Ask("show_metric", {**about, "metric": "conversion_rate"}),
        "funnel": Ask("show_funnel", about),
        "campaigns": Ask("list_campaigns", about),
        "approvals": Ask("list_approvals", {"venture": view["venture"]}),
    }


PAGES = (
    Page("today", "/", "Today", _today, "now"),
    Page("portfolio", "/portfolio", "Portfolio", _portfolio, "whole", ("period",)),
    Page("venture", "/ventures/{venture}", "Venture", _venture, "now", ("venture", "period"), in_menu=False),
)
"""Every page, in the order of the menu."""
