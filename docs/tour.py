"""Takes the pictures of ``docs/tour.md``: run as ``.venv/bin/python -m docs.tour`` (a minute).

Every page of the desk on the default synthetic portfolio, one picture each: light, dark and on a phone.
"""

import base64
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from intents.command import Role
from storage import widgets
from storage.database import Database
from storage.synthetic import fill
from tests.conftest import PATIENCE, Server, Speaker, assistant_on, serving
from tests.test_page import chromium

HERE = Path(__file__).parent
MODELS = HERE.parent / "var" / "models"
NOW = datetime(2026, 3, 15, 18, 0, tzinfo=UTC)
RECORDS, SEED = 71_297, 1

WIDE = ViewportSize(width=1440, height=900)
NARROW = ViewportSize(width=390, height=800)
SHEET = ViewportSize(width=1440, height=1300)
QUALITY = 72

PAGES = {
    "today": "/",
    "briefing": "/briefings/1",
    "briefings": "/briefings",
    "portfolio": "/portfolio",
    "venture": "/ventures/Acme?period=last+90+days",
    "campaign": "/campaigns/Spring%20Launch",
    "budget": "/budget?campaign=Spring+Launch",
    "attribution": "/attribution",
    "alerts": "/alerts",
    "influencers": "/influencers?category=fitness",
    "loops": "/loops?loop=campaign_optimization",
    "audit": "/audit",
    "settings": "/settings",
    "why": "/why/show_metric?metric=roas&venture=Acme&_depth=2",
}

# The page, and beneath it the same in the dark and on a phone.
LAYOUT = """
<style>
  body {{ margin: 0; padding: 20px; background: #cfd8d6; }}
  div {{ display: flex; gap: 20px; margin-top: 20px; }}
  img {{ display: block; border-radius: 10px; box-shadow: 0 4px 24px rgb(0 0 0 / .18); }}
  .light {{ width: 1400px; height: 770px; object-fit: cover; object-position: top; }}
  .dark {{ width: 1140px; height: 480px; object-fit: cover; object-position: top; }}
  .phone {{ width: 240px; height: 480px; object-fit: cover; object-position: top; }}
</style>
<img class="light" src="{light}"><div><img class="dark" src="{dark}"><img class="phone" src="{phone}"></div>
"""


def main() -> None:
    """Fill a portfolio, let a loop look at it, and take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        url = f"sqlite:///{home / 'gtm.db'}"
        moment = [NOW - timedelta(days=3)]
        assistant = assistant_on(url, home, MODELS, lambda: moment[0])
        _fill(assistant.database, home)
        assistant.bus.names.forget()
        Speaker(assistant).say("brief me every weekday at eight")
        moment[0] = NOW
        assistant.loops.run_now("briefings")
        assistant.loops.run_now("campaign_optimization")
        Speaker(assistant, Role.OPERATOR).say("set a spend limit of $2,600 a day for Acme")
        Speaker(assistant, Role.OPERATOR).say("set the budget of Spring Launch to $61,000")
        Speaker(assistant).say("tell me when the CAC of Acme goes above 300")
        assistant.loops.run_now("alert_watch")
        with serving(assistant) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium())
            for name, path in PAGES.items():
                _picture(browser, server, path, HERE / "images" / f"desk-{name}.webp")
            _widget(browser, server, HERE / "images" / "widget.webp")
            browser.close()
        assistant.close()


def _fill(database: Database, home: Path) -> None:
    fill(
        database,
        records=RECORDS,
        seed=SEED,
        as_of=date(2026, 3, 15),
        now=NOW,
        truth_file=home / "truth.json.gz",
    )


def _picture(browser: Browser, server: Server, path: str, into: Path) -> None:
    shots = {
        "light": _shot(browser, server, path, WIDE, "light"),
        "dark": _shot(browser, server, path, WIDE, "dark"),
        "phone": _shot(browser, server, path, NARROW, "light"),
    }
    sheet = browser.new_page(viewport=SHEET)
    sheet.set_content(LAYOUT.format(**shots))
    sheet.wait_for_function("[...document.images].every((one) => one.complete)")
    into.write_bytes(_captured(sheet))
    sheet.close()


def _widget(browser: Browser, server: Server, into: Path) -> None:
    """The demo page of a widget, asked something."""
    with server.assistant.database.write() as connection:
        token = widgets.create(connection, "demo", Role.VIEWER, [server.url], 100, "UTC", NOW)
    page = browser.new_page(base_url=server.url, viewport=WIDE, color_scheme="light", reduced_motion="reduce")
    page.goto(f"/widget/demo#{token}")
    page.get_by_role("button", name="Ask").first.click()
    page.get_by_role("textbox", name="Message").fill("what are the top performing channels this month")
    page.keyboard.press("Enter")
    page.locator("table").first.wait_for()
    into.write_bytes(_captured(page))
    page.close()


def _shot(browser: Browser, server: Server, path: str, size: ViewportSize, scheme: str) -> str:
    """A page as a picture, as a data URL."""
    context = browser.new_context(
        base_url=server.url,
        viewport=size,
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE * 1000)
    context.request.get(server.sign_in_link(), max_redirects=0)
    page = context.new_page()
    page.goto(path)
    for plot in page.locator("[data-plot]").all():
        plot.and_(page.locator("[data-drawn]")).wait_for()
    page.locator("#suggestions button").first.wait_for(state="attached")
    taken = base64.b64encode(page.screenshot()).decode()
    context.close()
    return f"data:image/png;base64,{taken}"


def _captured(page: Page) -> bytes:
    """As WebP, which Playwright itself does not write."""
    session = page.context.new_cdp_session(page)
    told = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    return base64.b64decode(told["data"])


if __name__ == "__main__":
    main()
