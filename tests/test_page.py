"""The conversation page in a real browser."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright
from sqlalchemy import select, update

from intents.command import Role
from storage import names, people
from storage.audit import audit
from storage.campaigns import campaigns
from tests.conftest import PATIENCE, Server, missing

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE * 1000)

HOSTILE = "<img src=x onerror=document.title='caught'><b>bold</b>"


def chromium() -> str:
    """The path of the browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        missing("Chromium", "install it (apt-get install chromium)")
    return str(found)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, closed with the module: its event loop would be in the way of other tests."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium())
        yield opened
        opened.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of; to be cleared by tests that provoke it."""
    return []


@pytest.fixture
def context(browser: Browser, server: Server, complaints: list[str]) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=server.url, viewport={"width": 1100, "height": 850})
    opened.set_default_timeout(PATIENCE * 1000)
    yield opened
    opened.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext, server: Server, complaints: list[str]) -> Page:
    """The page with the chairman signed in; refused by the policy or failing scripts fail the test."""
    return signed_in(watched(context.new_page(), complaints), server)


def watched(page: Page, complaints: list[str]) -> Page:
    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.text} {message.location['url']}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


def signed_in(page: Page, server: Server, role: Role = Role.CHAIRMAN) -> Page:
    # Without opening the page that comes next: it asks for a lot.
    page.context.request.get(server.sign_in_link(role), max_redirects=0)
    page.goto(f"{server.url}/talk")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    return page


def say(page: Page, words: str) -> None:
    """Say something and wait for the answer."""
    page.get_by_label("Message").fill(words)
    page.keyboard.press("Enter")
    answered(page, words)


def answered(page: Page, words: str) -> None:
    expect(page.locator(".message.user").last).to_contain_text(words)
    expect(page.locator(".working")).to_have_count(0)


def last(selector: str = "") -> str:
    """A selector within the latest answer."""
    return f".message.assistant:last-child {selector}".strip()


def test_a_conversation(page: Page) -> None:
    say(page, "show gtm performance for Acme")
    answer = page.locator(last())
    expect(answer.locator(".told")).to_contain_text(re.compile(r"Acme, .*Spend \$[\d,]+\.\d\d"))
    expect(answer.locator(".stamp")).to_contain_text("done")

    table = answer.get_by_role("table")
    expect(table.locator("caption")).to_have_text("By channel")
    expect(table.get_by_role("columnheader", name="Spend")).to_have_css("text-align", "right")
    assert table.locator("tbody tr").count() > 1
    expect(table.locator("tbody th[scope=row]").first).to_be_visible()

    chart = answer.get_by_role("img", name="Spend and revenue of Acme by day")
    expect(chart.locator("path.line").nth(1)).to_be_visible()
    expect(chart.locator("desc")).to_contain_text("Spend: 30 values from $")

    why = answer.locator("details.why")
    expect(why.locator(".claim").first).to_be_hidden()
    why.locator("summary").click()
    expect(why).to_contain_text("revenue / spend = $")
    expect(why.locator(".basis").first).to_contain_text("Fresh until")

    say(page, "and last month?")
    expect(page.locator(last(".told"))).to_contain_text("Feb 1 – Feb 28, 2026")

    page.locator(last()).get_by_role("button", name="Top channels").click()
    answered(page, "what are the top channels for Acme")
    expect(page.locator(last("svg .bar")).nth(1)).to_be_visible()


def test_a_choice_is_a_button(page: Page) -> None:
    say(page, "show the campaign")
    choice = page.locator(last("button.choice")).first
    name = choice.inner_text()
    choice.click()
    answered(page, name)
    expect(page.locator(last(".told"))).to_contain_text(name)
    # A question that was answered cannot be answered again.
    expect(page.locator("button.choice").first).to_be_disabled()


def test_a_reload_brings_the_conversation_back(page: Page) -> None:
    say(page, "show gtm performance for Acme")
    before = page.locator("#log").inner_text()
    page.reload()
    expect(page.locator("#log .chart svg")).to_be_visible()
    assert page.locator("#log").inner_text() == before
    say(page, "and last month?")
    expect(page.locator(last(".told"))).to_contain_text("Acme, last month")
    page.get_by_role("button", name="New").click()
    expect(page.locator(".message")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("What would you like to know?")).to_be_visible()


def test_suggestions_begin_an_empty_conversation(page: Page) -> None:
    offer = page.locator("#suggestions").get_by_role("button", name="show gtm performance for Acme")
    offer.click()
    answered(page, "show gtm performance for Acme")
    expect(page.locator("#welcome")).to_be_hidden()


def made_up(page: Page, **parts: object) -> None:
    """Answer the next turns with a reply of our own."""
    told: dict[str, object] = {
        "text": "Shown.",
        "table": None,
        "chart": None,
        "buttons": [],
        "choices": [],
        "evidence": [],
    }
    reply: dict[str, object] = {"turn_id": "1", "conversation_id": "c", "status": "done", "error": None}
    for name, value in parts.items():
        (reply if name in reply else told)[name] = value
    page.unroute_all()
    page.route("**/api/v1/say", lambda route: route.fulfill(json={**reply, "reply": told}))


def test_a_question_is_answered_only_while_it_is_the_last_thing_said(page: Page) -> None:
    yes_or_no = [{"label": "Yes", "say": "yes"}, {"label": "No", "say": "no"}]
    made_up(page, text="Shall I move it?", status="confirm", buttons=yes_or_no)
    say(page, "move 5k from display to email")
    page.reload()
    yes = page.get_by_role("button", name="Yes")
    expect(yes).to_be_enabled()
    made_up(page, text="Moved.")
    yes.click()
    answered(page, "yes")
    expect(yes).to_be_disabled()
    page.reload()
    expect(page.locator(last(".told"))).to_have_text("Moved.")
    expect(yes).to_be_disabled()


def test_a_refusal_tells_its_cure(page: Page) -> None:
    error = {"code": "in_use", "message": "It is in use.", "cure": "Wait a little."}
    made_up(page, text="It is in use. Wait a little.", status="refused", error=error)
    say(page, "archive it")
    expect(page.locator(last(".told"))).to_have_text("It is in use.")
    expect(page.locator(last(".cure"))).to_have_text("Wait a little.")


def test_a_line_has_gaps_and_limits(page: Page) -> None:
    chart = {
        "kind": "line",
        "title": HOSTILE,
        "unit": "%",
        "labels": [f"2026-03-0{day}" for day in range(1, 8)],
        "series": [{"name": HOSTILE, "values": [1, None, -3, 4, None, None, 6]}],
        "thresholds": [{"label": "Target", "value": 8}],
    }
    made_up(page, chart=chart)
    say(page, "draw")
    drawing = page.get_by_role("img", name=HOSTILE)
    expect(drawing.locator("path.line")).to_have_count(1)
    expect(drawing.locator("circle.dot")).to_have_count(2)
    expect(drawing.locator("line.threshold")).to_have_count(1)
    expect(drawing.get_by_text("Target", exact=True)).to_be_visible()
    expect(drawing.get_by_text("Mar 1", exact=True)).to_be_visible()
    expect(drawing.locator("desc")).to_contain_text("4 values from -3 % to 6 %. Target: 8 %.")


def test_bars_may_be_negative_or_missing(page: Page) -> None:
    chart = {
        "kind": "bar",
        "title": "Change",
        "unit": "EUR",
        "labels": ["email", "a channel with quite a long name indeed", "SEO"],
        "series": [
            {"name": "Now", "values": [1_250_000, -300_000, None]},
            {"name": "Then", "values": [0, 1, 2]},
        ],
        "thresholds": [{"label": "Plan", "value": 900_000}],
    }
    made_up(page, chart=chart)
    say(page, "draw")
    drawing = page.get_by_role("img", name="Change")
    expect(drawing.locator("rect.bar")).to_have_count(5)
    expect(drawing.get_by_text("€1.3M", exact=True)).to_be_visible()
    assert page.locator(".legend li").all_inner_texts() == ["Now", "Then"]
    for bar in drawing.locator("rect.bar").all():
        box, around = bar.bounding_box(), drawing.bounding_box()
        assert box is not None
        assert around is not None
        assert around["x"] <= box["x"] <= box["x"] + box["width"] <= around["x"] + around["width"]


def test_a_chart_without_values_is_left_out(page: Page) -> None:
    empty = {"kind": "line", "title": "Nothing", "unit": "", "labels": [], "series": [], "thresholds": []}
    made_up(page, chart=empty)
    say(page, "draw")
    expect(page.locator(last(".told"))).to_have_text("Shown.")
    expect(page.locator("figure")).to_have_count(0)


def test_hostile_text_stays_text(page: Page, server: Server) -> None:
    with server.assistant.database.write() as connection:
        connection.execute(update(campaigns).where(campaigns.c.id == 1).values(name=HOSTILE))
        names.touch(connection)
    say(page, f"what about {HOSTILE}")
    expect(page.locator(".message.user").last).to_contain_text(HOSTILE)
    page.wait_for_timeout(1_100)  # live names may be a second old
    say(page, "list campaigns for Acme")
    expect(page.locator(last("tbody")).get_by_text(HOSTILE)).to_be_visible()
    page.reload()
    expect(page.locator(last("tbody")).get_by_text(HOSTILE)).to_be_visible()
    assert page.locator("#log img, #log b").count() == 0
    assert page.title() == "GTM assistant"


def test_a_hostile_name_stays_text(context: BrowserContext, server: Server, complaints: list[str]) -> None:
    with server.assistant.database.write() as connection:
        renamed = update(people.users).where(people.users.c.role == Role.LEAD)
        connection.execute(renamed.values(name=HOSTILE))
        person = people.person_named(connection, HOSTILE)
        assert person is not None
        token = people.issue_token(connection, person.id, people.SIGN_IN, "t", server.assistant.clock())
    page = watched(context.new_page(), complaints)
    page.goto(f"/sign-in?token={token}")
    expect(page.locator(".who")).to_contain_text(HOSTILE)


def test_a_used_link_says_how_to_get_a_new_one(context: BrowserContext, server: Server) -> None:
    link = server.sign_in_link()
    page = context.new_page()
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    page.goto(link)
    expect(page.get_by_role("heading")).to_have_text("This link no longer works")
    expect(page.get_by_text("gtm sign-in")).to_be_visible()


def test_a_link_on_another_site_leads_to_the_page_it_names(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    for target, title in (
        (server.sign_in_link(), "Today"),
        (server.url, "Today"),
        (f"{server.url}/portfolio?period=last+week", "Portfolio"),
    ):
        page.goto(elsewhere)
        page.evaluate("target => { location.href = target }", target)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)


def test_the_keyboard_is_enough(page: Page) -> None:
    expect(page.get_by_label("Message")).to_be_focused()
    page.keyboard.type("show gtm performance for Acme")
    page.keyboard.press("Enter")
    answered(page, "show gtm performance for Acme")
    expect(page.get_by_label("Message")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Message")).to_have_value("show gtm performance for Acme")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Message")).to_have_value("")
    expect(page.get_by_role("button", name="Read aloud")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Read aloud")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator("details.why summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("details.why .claim").first).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Top channels")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("region", name="By channel")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    answered(page, "what are the top channels for Acme")


def test_waiting_is_shown(page: Page) -> None:
    def hold(route: Route) -> None:
        page.wait_for_timeout(400)
        route.continue_()

    page.route("**/api/v1/say", hold)
    page.get_by_label("Message").fill("status")
    page.keyboard.press("Enter")
    expect(page.locator(".working")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")
    answered(page, "status")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()


def test_a_lost_answer_is_asked_for_again_and_nothing_happens_twice(
    page: Page, server: Server, complaints: list[str]
) -> None:
    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/v1/say", lose)
    say(page, "status")
    problem = page.locator(".unanswered")
    expect(problem).to_contain_text("The service cannot be reached.")
    complaints.clear()
    page.unroute("**/api/v1/say")
    problem.get_by_role("button", name="Try again").click()
    expect(page.locator(last(".told"))).to_contain_text("Operational")
    expect(problem).to_have_count(0)
    with server.assistant.database.read() as connection:
        assert len(connection.execute(select(audit.c.id)).all()) == 1


def test_an_ended_session_says_what_to_do(
    page: Page, context: BrowserContext, server: Server, complaints: list[str]
) -> None:
    say(page, "status")
    context.clear_cookies()
    say(page, "show gtm performance for Acme")
    expect(page.locator(".unanswered")).to_contain_text("Your session is over.")
    expect(page.locator(".unanswered")).to_contain_text("gtm sign-in")
    complaints.clear()
    signed_in(page, server)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(last(".told"))).to_contain_text("Acme")


def test_signing_out_forgets_the_conversation(page: Page, server: Server) -> None:
    say(page, "show gtm performance for Acme")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    assert page.evaluate("sessionStorage.length") == 0
    signed_in(page, server)
    expect(page.locator(".message")).to_have_count(0)


def test_nobody_sees_somebody_elses_conversation(page: Page, context: BrowserContext, server: Server) -> None:
    say(page, "show gtm performance for Acme")
    context.clear_cookies()
    signed_in(page, server, Role.VIEWER)
    expect(page.locator("#suggestions button").first).to_be_visible()
    expect(page.locator(".message")).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_needs_no_scrolling_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    for words in ("show gtm performance for Acme", "top channels", "help", "w" * 300):
        say(page, words)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("details.why summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#log .chart svg").first.bounding_box() is not None


CONTRAST = """() => {
  const channel = (value) => (value /= 255) <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parts(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    if (element.closest('noscript, title, desc, :disabled, .unseen')) continue;
    const style = getComputedStyle(element);
    const ink = parts(element.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [one, two] = [light(ink), light(behind(element))].sort((a, b) => b - a);
    const ratio = (one + .05) / (two + .05);
    if (ratio < 4.5) poor.push(`${walker.currentNode.data.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_schemes(
    page: Page, server: Server, complaints: list[str], scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    expect(page.locator("#suggestions button").first).to_be_visible()
    assert page.evaluate(CONTRAST) == []
    for words in (
        "show gtm performance for Acme",
        "top channels",
        "what is the weather",
        "show the campaign",
    ):
        say(page, words)
    page.locator("details.why summary").first.click()
    page.route("**/api/v1/say", lambda route: route.abort())
    say(page, "status")
    complaints.clear()
    assert page.evaluate(CONTRAST) == []
    page.goto(f"{server.url}/sign-in?token=used")
    complaints.clear()
    assert page.evaluate(CONTRAST) == []


def test_a_file_is_attached_imported_and_taken_back(page: Page) -> None:
    rows = "date,venture,campaign,channel,clicks,spend\n" + "".join(
        f"2026-03-{day:02},Solstice,Sun Up,email,{day},2.50\n" for day in range(1, 11)
    )
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Attach a file").click()
    choosing.value.set_files({"name": "sun.csv", "mimeType": "text/csv", "buffer": rows.encode()})
    page.locator(".choice", has_text="performance").click()
    expect(page.get_by_text("sun.csv: 10 rows: 10 imported.")).to_be_visible(timeout=20_000)
    expect(page.locator(".progress")).to_have_count(0)
    say(page, "spend of Solstice in March 2026")
    expect(page.locator(".message.assistant").last).to_contain_text("$25.00")
    page.reload()
    expect(page.get_by_text("sun.csv: 10 rows: 10 imported.")).to_be_visible()
    say(page, "undo that")
    expect(page.locator(".message.assistant").last).to_contain_text("Took back")


def test_a_file_that_cannot_be_imported_says_so(page: Page, complaints: list[str]) -> None:
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Attach a file").click()
    choosing.value.set_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"})
    expect(page.locator(".unanswered")).to_contain_text("is no name of a file")
    complaints.clear()
