"""Every page of the desk: its address, and the commands it shows the answers of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from starlette.datastructures import FormData

from assistant.channels.desk.asking import Ask
from assistant.turn import Page as InFront


@dataclass(frozen=True)
class View:
    """What a page is opened with: the words of its address, and the names there are."""

    said: Mapping[str, str]
    today: date
    ventures: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str | None:
        """A value of the address; None where it is not there or empty."""
        # Databases store no NUL characters, and half characters not either.
        return clean(self.said.get(name, "")).strip() or None


def clean(said: str) -> str:
    """Words of an address or a form as they can be stored."""
    return said.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def field_of(form: FormData, name: str) -> str:
    """A field of a form; empty where it is not there."""
    return clean(str(form.get(name, ""))).strip()


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


HEADLINES = ("spend", "revenue", "roi", "cac", "roas", "conversions", "conversion_rate", "reach")
MOVED = ("revenue", "spend", "roas", "cac", "conversions", "conversion_rate")
"""Metrics whose change is taken apart on pages."""


WATCHED = (
    "cac",
    "roas",
    "roi",
    "spend",
    "revenue",
    "conversions",
    "conversion_rate",
    "cpa",
    "ctr",
    "ltv_cac",
)
"""Metrics a level can be set for on the page of alerts; words may name any other."""


def _moved(view: View) -> Ask:
    """What moved a metric: of the venture, if there is one, or the portfolio."""
    return Ask(
        "explain_change",
        {"metric": view["moved"] or MOVED[0], "venture": view["venture"], "period": view["period"]},
    )


def _today(view: View) -> dict[str, Ask]:
    return {
        "briefing": Ask("brief_me"),
        "briefings": Ask("list_briefings"),
        "now": Ask("show_performance", {"metrics": HEADLINES, "period": view["period"]}),
        "approvals": Ask("list_approvals"),
        "alerts": Ask("list_alerts"),
        "loops": Ask("list_loops"),
        "status": Ask("show_status"),
    }


def _alerts(view: View) -> dict[str, Ask]:
    return {"alerts": Ask("list_alerts", {"venture": view["venture"]})}


def _briefings(view: View) -> dict[str, Ask]:
    del view
    return {"briefings": Ask("list_briefings")}


def _briefing(view: View) -> dict[str, Ask]:
    return {"now": Ask("brief_me", {"briefing": view["briefing"], "length": "in full"})}


def _portfolio(view: View) -> dict[str, Ask]:
    period = view["period"]
    ventures = {
        f"venture:{name}": Ask("show_performance", {"venture": name, "metrics": HEADLINES, "period": period})
        for name in view.ventures
    }
    whole = Ask("show_performance", {"metrics": HEADLINES, "period": period})
    return {"whole": whole, "moved": _moved(view), **ventures}


def _venture(view: View) -> dict[str, Ask]:
    about = {"venture": view["venture"], "period": view["period"]}
    return {
        "now": Ask("show_performance", {**about, "metrics": HEADLINES}),
        "profile": Ask("show_venture", {"venture": view["venture"]}),
        "roas": Ask("show_metric", {**about, "metric": "roas"}),
        "rate": Ask("show_metric", {**about, "metric": "conversion_rate"}),
        "moved": _moved(view),
        "funnel": Ask("show_funnel", about),
        "campaigns": Ask("list_campaigns", about),
        "approvals": Ask("list_approvals", {"venture": view["venture"]}),
    }


def _campaign(view: View) -> dict[str, Ask]:
    about = {"campaign": view["campaign"], "period": view["period"]}
    since = view.today - timedelta(days=CHANGES_DAYS)
    return {
        "now": Ask("show_campaign", about),
        **{name: Ask("show_metric", {**about, "metric": name}) for name in ("spend", "revenue", "roas")},
        "funnel": Ask("show_funnel", about),
        "audit": Ask("show_audit", {"period": f"since {since}", "count": MOST_ENTRIES}),
    }


def _influencers(view: View) -> dict[str, Ask]:
    slots = {
        name: view[name]
        for name in ("category", "followers", "platform", "country", "engagement", "price", "campaign")
    }
    return {"found": Ask("find_influencers", {**slots, "safe": view["safe"], "count": view["count"] or "12"})}


def _influencer(view: View) -> dict[str, Ask]:
    return {"now": Ask("show_influencer", {"influencer": view["influencer"]})}


def _attribution(view: View) -> dict[str, Ask]:
    venture = view["venture"] or next(iter(view.ventures), None)
    return {
        "now": Ask(
            "report_attribution", {"venture": venture, "model": view["model"], "period": view["period"]}
        )
    }


def _budget(view: View) -> dict[str, Ask]:
    campaign = view["campaign"]
    if campaign is None and view["venture"] is None:
        campaign = next(iter(view.campaigns), None)
    slots = {"campaign": campaign, "venture": None if campaign else view["venture"]}
    return {"plan": Ask("optimize_budget", {**slots, "budget": view["budget"], "risk": view["risk"]})}


def _loops(view: View) -> dict[str, Ask]:
    one = {"one": Ask("list_loops", {"loop": view["loop"]})} if view["loop"] else {}
    return {"loops": Ask("list_loops"), "status": Ask("show_status"), **one}


def _audit(view: View) -> dict[str, Ask]:
    slots = {"person": view["person"], "period": view["period"], "count": view["count"] or "50"}
    return {"audit": Ask("show_audit", slots)}


def _settings(view: View) -> dict[str, Ask]:
    del view
    return {"status": Ask("show_status"), "approvals": Ask("list_approvals")}


CHANGES_DAYS = 90
"""How far back the changes of a campaign are shown."""
MOST_ENTRIES = "200"
"""Entries of the audit that are looked through for those about a campaign."""

PAGES = (
    Page("today", "/", "Today", _today, "now"),
    Page("briefings", "/briefings", "Briefings", _briefings, "briefings"),
    Page("briefing", "/briefings/{briefing}", "Briefing", _briefing, "now", in_menu=False),
    Page("portfolio", "/portfolio", "Portfolio", _portfolio, "whole", ("period",)),
    Page("venture", "/ventures/{venture}", "Venture", _venture, "now", ("venture", "period"), in_menu=False),
    Page("campaign", "/campaigns/{campaign}", "Campaign", _campaign, "now", ("period",), in_menu=False),
    Page("budget", "/budget", "Budget", _budget, "plan"),
    Page("attribution", "/attribution", "Attribution", _attribution, "now", ("period",)),
    Page("alerts", "/alerts", "Alerts", _alerts, "alerts"),
    Page("influencers", "/influencers", "Influencers", _influencers, "found"),
    Page("influencer", "/influencers/{influencer}", "Influencer", _influencer, "now", in_menu=False),
    Page("loops", "/loops", "Loops and jobs", _loops, "loops"),
    Page("audit", "/audit", "Audit", _audit, "audit"),
    Page("settings", "/settings", "Settings", _settings, "status"),
)
"""Every page, in the order of the menu."""
