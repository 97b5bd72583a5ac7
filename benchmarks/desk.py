"""The desk in Chromium on the default portfolio: bytes, when charts are there, how quick a hand is answered.

``python -m benchmarks.desk [--rounds 5]``

Beside each page stands, from the same run, the time of the sign-in notice: a page with nothing to
compute. What a person does is timed from the key or click to the next paint by the browser itself (Event
Timing, as INP counts it), and to the answer on the page.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from intents.command import Role
from storage import people
from storage.synthetic import DEFAULT_RECORDS, fill
from tests.conftest import Server, assistant_on, serving
from tests.test_page import chromium

PAGES = {
    "Today": "/",
    "Portfolio": "/portfolio",
    "Venture": "/ventures/Acme",
    "Campaign": "/campaigns/Spring%20Launch",
    "Budget": "/budget?campaign=Spring+Launch",
    "Attribution": "/attribution",
    "Influencers": "/influencers?category=fitness",
    "Alerts": "/alerts",
    "Settings": "/settings",
}
LISTEN = """
window.__slow = [];
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.__slow.push(one.duration); })
  .observe({type: 'event', durationThreshold: 16, buffered: true});
"""
DRAWN = """() => { const plots = [...document.querySelectorAll('[data-plot]')];
  return plots.every((one) => one.dataset.drawn === 'yes'); }"""
SIZES = """() => ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))
  .reduce((sum, one) => sum + one.transferSize, 0)"""


def main() -> None:
    """Fill the portfolio, open every page cold and warm, and use it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        now = datetime.now(UTC)
        assistant = assistant_on(
            f"sqlite:///{folder / 'gtm.db'}", folder, Path("var/models"), lambda: datetime.now(UTC)
        )
        fill(
            assistant.database,
            records=DEFAULT_RECORDS,
            seed=1,
            as_of=now.date(),
            now=now,
            truth_file=folder / "truth.json.gz",
        )
        assistant.bus.names.forget()
        with serving(assistant) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium())
            pages(browser, server, rounds)
            hands(browser, server, rounds)
            browser.close()
        assistant.close()


def opened(browser: Browser, server: Server) -> Page:
    """A browser that has seen nothing yet, signed in."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1440, "height": 900})
    context.request.get(link_of(server), max_redirects=0)
    page = context.new_page()
    page.add_init_script(LISTEN)
    return page


def link_of(server: Server) -> str:
    """A fresh one-time link of the chairman; the service's clock is the true one here."""
    with server.assistant.database.write() as connection:
        person = people.person_named(connection, Role.CHAIRMAN.value)
        assert person is not None
        now = datetime.now(UTC)
        token = people.issue_token(
            connection, person.id, people.SIGN_IN, "benchmark", now, timedelta(hours=1)
        )
    return f"{server.url}/sign-in?token={token}"


def pages(browser: Browser, server: Server, rounds: int) -> None:
    """Every page, cold: an empty cache each time."""
    stranger = browser.new_context(base_url=server.url)
    notices = []
    for _ in range(rounds):
        begun = time.perf_counter()
        stranger.new_page().goto("/")
        notices.append(1000 * (time.perf_counter() - begun))
    stranger.close()
    bare = statistics.median(notices)
    print(f"the sign-in notice: {bare:.0f} ms\n")
    print("| page | kB over the wire | charts drawn after, ms (worst) | × the notice |\n|---|---|---|---|")
    for name, path in PAGES.items():
        sizes, taken = [], []
        for _ in range(rounds):
            page = opened(browser, server)
            begun = time.perf_counter()
            page.goto(path)
            page.wait_for_function(DRAWN)
            taken.append(1000 * (time.perf_counter() - begun))
            sizes.append(page.evaluate(SIZES) / 1000)
            page.context.close()
        middle = statistics.median(taken)
        print(f"| {name} | {max(sizes):.0f} | {middle:.0f} ({max(taken):.0f}) | {middle / bare:.1f} |")


def hands(browser: Browser, server: Server, rounds: int) -> None:
    """What a person does on a page, from the hand to the next paint, and to the answer."""
    page = opened(browser, server)
    page.goto("/ventures/Acme")
    page.wait_for_function(DRAWN)

    def why() -> None:
        page.locator("main a[aria-label*=': why']").first.click()
        page.locator("dialog .claim").first.wait_for()
        page.keyboard.press("Escape")

    def table() -> None:
        page.locator("#roas summary").click()

    def period() -> None:
        page.get_by_role("link", name="90 days").first.click()
        page.wait_for_function(DRAWN)
        page.go_back()
        page.wait_for_function(DRAWN)

    def words() -> None:
        told = page.locator("#log .told").count()
        page.locator("#text").fill("what is the ROAS of Acme")
        page.keyboard.press("Enter")
        page.locator("#log .told").nth(told).wait_for()

    acts: dict[str, Callable[[], None]] = {
        "why?": why,
        "table": table,
        "another period": period,
        "asked": words,
    }
    print("\n| what is done | to the next paint, ms (worst) | to the answer, ms (median) |\n|---|---|---|")
    for name, act in acts.items():
        taken, painted = [], [16.0]
        for _ in range(rounds):
            page.evaluate("window.__slow = []")
            begun = time.perf_counter()
            act()
            taken.append(1000 * (time.perf_counter() - begun))
            painted += page.evaluate("window.__slow")
        print(f"| {name} | {max(painted):.0f} | {statistics.median(taken):.0f} |")
    page.context.close()


if __name__ == "__main__":
    main()
