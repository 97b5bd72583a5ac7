"""The desk in a real browser: one service and one browser for all of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from sqlalchemy import func, select

from assistant.bootstrap import Assistant
from assistant.commands.optimizing import OptimumReport
from assistant.reply import Status
from intents.command import Role
from storage import alerts, proposals
from storage.audit import audit
from tests.conftest import NOW, PATIENCE, Server, Speaker, assistant_on, copied, run, serving
from tests.test_page import chromium, last, say, watched

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent.parent / "assistant/web/node_modules/axe-core/axe.min.js"
PAGES = (
    "/",
    "/portfolio",
    "/ventures/Acme",
    "/campaigns/Spring%20Launch",
    "/budget?venture=Acme",
    "/attribution",
    "/influencers?category=fitness",
    "/briefings",
    "/briefings/1",
    "/alerts",
    "/loops?loop=campaign_optimization",
    "/audit",
    "/settings",
    "/why/show_metric?metric=roas&venture=Acme&_depth=3",
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def server(small_portfolio: Path, tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("desk")
    clock = [NOW]
    made = assistant_on(copied(small_portfolio, folder / "gtm.db"), folder, models, lambda: clock[0])
    Speaker(made).say("brief me every day at eight")
    clock[0] += timedelta(days=1)
    assert made.loops.run_now("briefings")
    clock[0] = NOW
    with serving(made) as running:
        yield running
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium())
        yield opened
        opened.close()


@contextmanager
def signed_in(browser: Browser, server: Server, role: Role = Role.CHAIRMAN, **how: Any) -> Iterator[Page]:
    """A page of somebody's; what the browser complains of fails the test."""
    size = how.pop("viewport", ViewportSize(width=1400, height=900))
    context = browser.new_context(base_url=server.url, viewport=size, **how)
    context.set_default_timeout(PATIENCE * 1000)
    context.request.get(server.sign_in_link(role), max_redirects=0)
    complaints: list[str] = []
    yield watched(context.new_page(), complaints)
    context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def desk(browser: Browser, server: Server) -> Iterator[Page]:
    """The chairman's desk."""
    with signed_in(browser, server) as page:
        yield page


def opened(page: Page, path: str) -> Page:
    """A page with its charts drawn."""
    page.goto(path)
    for plot in page.locator("[data-plot]").all():
        expect(plot).to_have_attribute("data-drawn", "yes")
    return page


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_accessible_in_both_schemes_and_on_a_phone(desk: Page, path: str) -> None:
    opened(desk, path)
    desk.evaluate(AXE.read_text())
    for scheme, width in (("light", 1400), ("dark", 1400), ("light", 360)):
        desk.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        desk.set_viewport_size({"width": width, "height": 800})
        found = desk.evaluate(
            f"axe.run(document, {{runOnly: {RULES}}})"
            ".then((told) => told.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))"
        )
        assert found == [], (path, scheme, width)
        assert desk.evaluate("document.documentElement.scrollWidth") <= width
    desk.set_viewport_size({"width": 1400, "height": 900})


def test_the_first_page_is_small(browser: Browser, server: Server) -> None:
    with signed_in(browser, server) as page:
        opened(page, "/")
        expect(page.locator("#suggestions button").first).to_be_visible()
        sizes = page.evaluate(
            "['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))"
            ".map((one) => one.transferSize)"
        )
        assert len(sizes) > 3
        assert 0 < sum(sizes) <= MOST_BYTES


def test_a_number_tells_why_deeper_and_deeper(desk: Page) -> None:
    opened(desk, "/ventures/Acme")
    desk.get_by_role("link", name=re.compile(r"^ROAS .*: why")).first.click()
    panel = desk.get_by_role("dialog")
    expect(panel.locator(".claim").first).to_contain_text("Spend $")
    expect(panel).to_contain_text("revenue / spend = $")
    panel.get_by_role("link", name="Why? Go deeper").click()
    expect(panel.get_by_role("heading", name="Its parts")).to_be_visible()
    panel.get_by_role("link", name="Why? Go deeper").click()
    expect(panel.get_by_role("columnheader", name="Source")).to_be_visible()
    desk.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_a_period_is_said_and_stays_in_the_address(desk: Page) -> None:
    opened(desk, "/ventures/Acme")
    desk.get_by_label("Another period").fill("last month")
    desk.keyboard.press("Enter")
    expect(desk.locator(".lead")).to_contain_text("Last month, 2026-02-01 to 2026-02-28")
    expect(desk).to_have_url(re.compile(r"/ventures/Acme\?period=last\+month$"))
    desk.get_by_label("Venture", exact=True).select_option(label="Northwind")
    expect(desk.get_by_role("heading", level=1)).to_have_text("Northwind")
    expect(desk.locator(".lead")).to_contain_text("2026-02-28")


def test_the_numbers_are_those_of_the_command(desk: Page, server: Server) -> None:
    said = Speaker(server.assistant).say("what is the revenue of Acme")
    opened(desk, "/ventures/Acme")
    shown = desk.get_by_role("link", name=re.compile(r"^Revenue \$")).first
    exact = (shown.get_attribute("title") or "").removesuffix(": where it comes from")
    assert exact.startswith("$")
    assert exact in said.reply.text


def test_opening_a_page_changes_nothing_and_asks_for_nothing(server: Server) -> None:
    """Even a page that shows what a command that spends would do."""
    headers = {"Cookie": f"gtm_session={_session(server, Role.OPERATOR)}"}
    before = _count(server.assistant)
    path = "/why/optimize_budget?venture=Acme"
    assert httpx2.get(f"{server.url}{path}", headers=headers, timeout=30).status_code in (200, 409)
    with server.assistant.database.read() as connection:
        assert proposals.waiting(connection, NOW) == []
    assert _count(server.assistant) > before


def test_a_chart_has_a_table_and_its_levels(desk: Page) -> None:
    opened(desk, "/ventures/Acme")
    plot = desk.locator("#roas")
    plot.locator("summary").click()
    assert plot.locator("tbody tr").count() == 30
    expect(plot.locator(".levels")).to_contain_text("Poor return below 2")


def test_a_name_nobody_knows_is_an_error_page(server: Server) -> None:
    headers = {"Cookie": f"gtm_session={_session(server, Role.VIEWER)}"}
    answered = httpx2.get(f"{server.url}/ventures/Nobody%20Inc", headers=headers)
    assert answered.status_code == 404
    assert "Nobody Inc" in answered.text


def test_what_waits_appears_by_itself_and_is_approved_once(desk: Page, server: Server) -> None:
    opened(desk, "/")
    expect(desk.get_by_text("Nothing waits for a yes.")).to_be_visible()
    asked = Speaker(server.assistant, Role.OPERATOR).say("set the budget of Spring Launch to $61,000")
    assert asked.status is Status.APPROVAL
    row = desk.get_by_role("listitem").filter(has_text="Set the budget of Spring Launch to $61,000 a month")
    row.get_by_role("button", name="Approve").click()
    expect(desk.locator("#outcome")).to_contain_text("Approved proposal")
    expect(desk.get_by_text("Nothing waits for a yes.")).to_be_visible()
    opened(desk, "/campaigns/Spring%20Launch")
    expect(desk.locator(".lead")).to_contain_text("$61,000 a month")


def test_nobody_but_the_chairman_is_offered_a_yes(browser: Browser, server: Server) -> None:
    Speaker(server.assistant, Role.OPERATOR).say("set the budget of Summer Splash to $7,000")
    with signed_in(browser, server, Role.LEAD) as page:
        opened(page, "/")
        row = page.get_by_role("listitem").filter(has_text="Set the budget of Summer Splash to $7,000")
        expect(row).to_be_visible()
        expect(row.get_by_role("button")).to_have_count(0)
        page.goto("/settings")
        expect(page.get_by_role("heading", name="People")).to_have_count(0)
    cookie = {"Cookie": f"gtm_session={_session(server, Role.VIEWER)}"}
    assert httpx2.get(f"{server.url}/audit", headers=cookie).status_code == 403


def test_this_means_the_page(desk: Page) -> None:
    opened(desk, "/campaigns/Summer%20Splash")
    desk.get_by_role("button", name="New").click()
    say(desk, "and last month?")
    expect(desk.locator(last(".told"))).to_contain_text("Summer Splash")
    expect(desk.locator(last(".told"))).to_contain_text("Feb 1 – Feb 28, 2026")
    opened(desk, "/campaigns/Spring%20Launch")
    say(desk, "pause this")
    expect(desk.locator(last(".told"))).to_contain_text("Paused Spring Launch")
    # By itself: whoever looks at the page sees it paused.
    expect(desk.locator(".lead .state")).to_have_text("paused")
    expect(desk.locator("main .rows")).to_contain_text("pause this")
    desk.get_by_role("main").get_by_role("button", name="Resume", exact=True).click()
    expect(desk.locator("#outcome")).to_contain_text("Shall I resume Spring Launch")
    desk.locator("#outcome").get_by_role("button", name="Yes").click()
    expect(desk.locator("#outcome")).to_contain_text("Resumed Spring Launch")


def test_the_conversation_stays_beside_a_page_that_is_scrolled(desk: Page) -> None:
    opened(desk, "/settings")
    desk.evaluate("scrollTo(0, 700)")
    desk.get_by_label("Message").focus()
    assert desk.evaluate("scrollY") == 700
    assert desk.evaluate("document.querySelector('.dock').getBoundingClientRect().top") == 0


def test_the_slider_asks_the_real_command_again(desk: Page, server: Server) -> None:
    opened(desk, "/budget?campaign=Spring+Launch")
    slider = desk.get_by_role("slider")
    before = int(slider.input_value())
    slider.fill(slider.get_attribute("max") or "")
    expect(desk).to_have_url(
        re.compile(rf"/budget\?campaign=Spring\+Launch&budget={before * 2}&risk=balanced$")
    )
    expect(desk.locator("output")).to_have_text(f"{before * 2:,}")
    said = run(Speaker(server.assistant), "optimize_budget", campaign="Spring Launch", budget=str(before * 2))
    assert isinstance(said.result, OptimumReport)
    expected = f"{said.result.revenue_then.value.quantize(Decimal('0.01')):,}"
    shown = desk.get_by_role("link", name=re.compile("^Revenue then"))
    expect(shown).to_have_attribute("title", re.compile(re.escape(expected)))


def test_loops_are_paused_and_run_from_their_page(desk: Page, server: Server) -> None:
    server.assistant.loops.prepare(NOW)
    desk.goto("/loops")
    desk.get_by_role("button", name="Pause Spend watch").click()
    expect(desk.locator("#outcome")).to_contain_text("Paused: Spend watch")
    desk.get_by_role("button", name="Resume Spend watch").click()
    expect(desk.get_by_role("button", name="Run now Spend watch")).to_be_visible()


def test_alerts_are_seen_and_put_off_from_their_page(desk: Page, server: Server) -> None:
    with server.assistant.database.write() as connection:
        for number in ("one", "two"):
            told = f"Clicks of line {number} go on, conversions do not.\nSince Tuesday."
            alerts.raise_once(connection, number, alerts.TRACKING, told, NOW, cause=f"tracking:{number}")
    opened(desk, "/")
    expect(desk.get_by_role("listitem").filter(has_text="line one go on")).to_be_visible()
    opened(desk, "/alerts")
    one = desk.get_by_role("listitem").filter(has_text="line one go on")
    two = desk.get_by_role("listitem").filter(has_text="line two go on")
    one.get_by_text("More").click()
    expect(one.locator(".told")).to_have_text("Since Tuesday.")
    one.get_by_role("button", name="Acknowledge").click()
    expect(one.locator(".state")).to_have_text("acknowledged")
    expect(one).to_contain_text("seen by chairman")
    two.get_by_role("button", name="Tomorrow").click()
    expect(two.locator(".state")).to_have_text("snoozed")
    desk.locator("#outcome").get_by_role("button", name="Undo").click()
    expect(two.locator(".state")).to_have_text("open")


def test_a_level_is_watched_and_no_longer(desk: Page) -> None:
    opened(desk, "/alerts")
    desk.get_by_label("Metric", exact=True).select_option("roas")
    desk.get_by_label("Goes").select_option("below")
    desk.get_by_label("Level", exact=True).fill("1.5")
    desk.get_by_label("Of", exact=True).select_option("Acme")
    desk.get_by_role("button", name="Watch it").click()
    row = desk.locator("#levels tbody tr").filter(has_text="Acme")
    expect(row).to_contain_text("below 1.50")
    row.get_by_role("button", name="Stop").click()
    expect(desk.locator("#levels")).to_contain_text("None yet.")


def test_who_decides_while_the_chairman_is_away(browser: Browser, desk: Page, server: Server) -> None:
    opened(desk, "/settings")
    desk.get_by_label("Who", exact=True).select_option("lead")
    desk.get_by_label("Up to, each").fill("$100,000")
    desk.get_by_label("Until when").fill("tomorrow")
    desk.get_by_role("button", name="Let them").click()
    outcome = desk.locator("#outcome")
    expect(outcome).to_contain_text("Shall I let lead approve and reject proposals up to $100,000.00 each")
    outcome.get_by_role("button", name="Yes").click()
    expect(desk.locator("#deputies")).to_contain_text("lead: proposals up to $100,000.00")
    asked = Speaker(server.assistant, Role.OPERATOR).say("set the budget of Summer Splash to $8,000")
    assert asked.status is Status.APPROVAL
    with signed_in(browser, server, Role.LEAD) as page:
        opened(page, "/")
        row = page.get_by_role("listitem").filter(has_text="Set the budget of Summer Splash to $8,000")
        row.get_by_text("Otherwise…").click()
        row.get_by_label("The reason").fill("too early in the year")
        row.get_by_role("button", name="Reject with it").click()
        expect(page.locator("#outcome")).to_contain_text("Rejected proposal")
    with server.assistant.database.read() as connection:
        reason = select(proposals.proposals.c.decision_reason).order_by(proposals.proposals.c.id.desc())
        assert connection.scalar(reason) == "too early in the year"
    desk.locator("#deputies").get_by_role("button", name="End").click()
    expect(desk.locator("#deputies")).to_contain_text("Nobody.")


def test_influencers_are_found_by_what_is_said(desk: Page) -> None:
    desk.goto("/influencers")
    desk.get_by_label("Category").select_option("fitness")
    desk.get_by_label("Followers").fill("10k to 50k")
    desk.get_by_role("button", name="Find").click()
    cards = desk.locator(".card")
    expect(cards.first).to_contain_text("fitness")
    for followers in desk.locator(".facts div:first-child dd").all_inner_texts():
        assert 10_000 <= int(followers.replace(",", "")) <= 50_000
    desk.get_by_label("Followers").fill("over 900 million")
    desk.get_by_role("button", name="Find").click()
    expect(desk.locator(".trouble")).to_contain_text("No influencer fits")


def test_a_spend_limit_that_is_set_is_a_line_on_the_chart(desk: Page) -> None:
    desk.goto("/settings")
    desk.get_by_label("Of", exact=True).select_option("Northwind")
    desk.get_by_label("At most", exact=True).fill("1,234")
    desk.get_by_role("button", name="Set the limit").click()
    expect(desk.locator("#outcome")).to_contain_text("Northwind may spend")
    opened(desk, "/ventures/Northwind")
    plot = desk.locator("#spend-and-revenue")
    plot.locator("summary").click()
    expect(plot.locator(".levels")).to_contain_text("Spend limit a day")


def test_a_form_from_elsewhere_is_refused(server: Server) -> None:
    cookie = {"Cookie": f"gtm_session={_session(server, Role.CHAIRMAN)}"}
    form = {"_command": "pause_campaign", "campaign": "Spring Launch"}
    for given in ({}, {"_csrf": "0" * 64}):
        answered = httpx2.post(f"{server.url}/act", data=form | given, headers=cookie)
        assert answered.status_code == 403
        assert answered.json()["error"]["code"] == "csrf_token_wrong"


def test_light_or_dark_is_chosen_and_kept(browser: Browser, server: Server) -> None:
    with signed_in(browser, server, color_scheme="light") as page:
        opened(page, "/portfolio")
        bright = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Light or dark").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != bright
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_pages_and_forms_work_without_scripts(browser: Browser, server: Server) -> None:
    with signed_in(browser, server, java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_role("link", name="Portfolio").click()
        page.get_by_role("rowheader", name="Acme").get_by_role("link").click()
        page.locator("#roas summary").click()
        expect(page.locator("#roas tbody tr").first).to_be_visible()
        page.get_by_label("Message").fill("what is the ROAS of Northwind")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#outcome")).to_contain_text("ROAS of Northwind")
        page.get_by_role("link", name="Back").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Acme")


FOCUSED = """() => {
  const at = document.activeElement;
  const labels = at.labels ? [...at.labels].map((one) => one.textContent) : [];
  return [at.getAttribute('aria-label'), ...labels, at.textContent].filter(Boolean).join(' ').trim();
}"""
SEEN = "(({outlineStyle, outlineWidth}) => outlineStyle !== 'none' && outlineWidth !== '0px')"


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is named has the focus, which must be seen."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if re.search(name, page.evaluate(FOCUSED)):
            assert page.evaluate(f"{SEEN}(getComputedStyle(document.activeElement))"), name
            return
    raise AssertionError(f"nothing called {name} is reached by Tab")


def test_the_keyboard_is_enough(desk: Page, server: Server) -> None:
    asked = Speaker(server.assistant, Role.OPERATOR).say("set the budget of Summer Splash to $9,000")
    assert asked.status is Status.APPROVAL
    opened(desk, "/")
    desk.keyboard.press("Tab")
    assert desk.evaluate(FOCUSED) == "To the content"
    desk.keyboard.press("Enter")
    tab_to(desk, "^Approve no")
    desk.keyboard.press("Enter")
    expect(desk.locator("#outcome")).to_contain_text("Approved proposal")
    tab_to(desk, "^ROAS .*: why")
    desk.keyboard.press("Enter")
    panel = desk.get_by_role("dialog")
    expect(panel.locator(".claim").first).to_be_visible()
    desk.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert re.match("ROAS .*: why", desk.evaluate(FOCUSED))
    tab_to(desk, "^Message")
    desk.keyboard.type("what is the ROAS of Northwind")
    desk.keyboard.press("Enter")
    expect(desk.locator(last(".told"))).to_contain_text("ROAS of Northwind")
    opened(desk, "/campaigns/Spring%20Launch")
    tab_to(desk, "^Pause$")
    desk.keyboard.press("Enter")
    expect(desk.locator(".lead .state")).to_have_text("paused")
    tab_to(desk, "^Resume$")
    desk.keyboard.press("Enter")
    expect(desk.locator("#outcome")).to_contain_text("Shall I resume Spring Launch")
    tab_to(desk, "^Yes$")
    desk.keyboard.press("Enter")
    expect(desk.locator(".lead .state")).to_have_text("active")


def _session(server: Server, role: Role) -> str:
    answered = httpx2.get(server.sign_in_link(role), follow_redirects=False)
    return answered.cookies["gtm_session"]


def _count(assistant: Assistant) -> int:
    with assistant.database.read() as connection:
        return connection.scalar(select(func.count(audit.c.id))) or 0
