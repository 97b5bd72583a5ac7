"""The widget on a foreign site with a strict policy and hostile styles, in a real browser."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect, sync_playwright
from sqlalchemy import delete, select

from intents.command import Role
from storage import widgets
from storage.audit import audit
from storage.people import tokens
from tests.conftest import NOW, PATIENCE, Server
from tests.test_page import chromium, watched
from tests.test_talk_page import ASKED as SPOKEN_WORDS
from tests.test_talk_page import SPOKEN, WITNESS, eventually, recording

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent.parent / "assistant/web/node_modules/axe-core/axe.min.js"
ASKED = "show gtm performance for Acme"
HOSTILE = """
body * { display: none !important; color: red !important; font: 40px serif !important;
  --accent: red; --page: red; --ink: red; transform: scale(9) !important; pointer-events: none !important; }
gtm-assistant { position: static !important; opacity: 0 !important; visibility: hidden !important; }
gtm-assistant { z-index: -1 !important; }
html { font-size: 3px; }
"""


class Site:
    """Somebody else's site: the widget's tag, under a policy that allows the service and no more."""

    def __init__(self) -> None:
        self.service = self.token = self.styles = self.policy = self.more = self.attributes = ""
        self.seen: list[dict[str, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.seen.append(dict(self.headers))
                kind, content = site.page(self.path)
                self.send_response(200)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Security-Policy", site.policy)
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}"

    def page(self, path: str) -> tuple[str, str]:
        """What stands at an address."""
        if path == "/site.css":
            return "text/css", self.styles
        source = f'src="{self.service}/widget.js" data-token="{self.token}"'
        tag = f"<script {source} {self.attributes} async></script>"
        return "text/html", (
            '<!doctype html><html lang="en"><head><title>Shop</title>'
            '<meta name="viewport" content="width=device-width">'
            f'<link rel="stylesheet" href="/site.css"></head><body><main><h1>A shop</h1>'
            f'<p>Things to buy.</p><button id="own">Help</button></main>{self.more}{tag}</body></html>'
        )


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone hears a question."""
    path = tmp_path_factory.mktemp("microphone") / "asked.wav"
    recording(path, SPOKEN_WORDS)
    opened = playwright.chromium.launch(
        executable_path=chromium(),
        args=["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={path}%noloop"],
    )
    yield opened
    opened.close()


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    """A site that may use a widget of the operator's role."""
    made = Site()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    made.service = server.url
    made.token = widget(server, made.url)
    line = server.url.replace("http", "ws")
    made.policy = (
        f"default-src 'none'; script-src {server.url}; connect-src {server.url} {line}; "
        f"style-src 'self'; media-src blob:; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    yield made
    made.server.shutdown()
    made.server.server_close()


def widget(server: Server, origin: str, name: str = "shop", role: Role = Role.OPERATOR) -> str:
    with server.assistant.database.write() as connection:
        return widgets.create(connection, name, role, [origin], 100, "UTC", NOW)


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of; to be cleared by tests that provoke it."""
    return []


Opening = Callable[..., Page]


@pytest.fixture
def opening(browser: Browser, site: Site, complaints: list[str]) -> Iterator[Opening]:
    """Opens the site; at the end nothing may have been against its policy, or have failed."""
    contexts: list[BrowserContext] = []

    def visit(**how: Any) -> Page:
        context = browser.new_context(
            **{"viewport": {"width": 1100, "height": 850}, "permissions": ["microphone"]} | how
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(WITNESS)
        page = watched(context.new_page(), complaints)
        page.goto(site.url)
        return page

    yield visit
    for context in contexts:
        for page in context.pages:
            assert page.evaluate("window.refused") == []
        context.close()
    assert complaints == []


def launcher(page: Page) -> Locator:
    return page.get_by_role("button", name="Ask", exact=True)


def panel(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Ask the assistant")


def shown(page: Page) -> Page:
    """With the conversation open."""
    launcher(page).click()
    expect(page.get_by_label("Message")).to_be_focused()
    return page


def say(page: Page, words: str) -> Locator:
    """Say something; the answer."""
    page.get_by_label("Message").fill(words)
    page.keyboard.press("Enter")
    expect(page.locator(".message.user").last).to_contain_text(words)
    expect(page.locator(".working, .streaming")).to_have_count(0)
    return page.locator(".message.assistant").last


def test_one_tag_and_it_answers(opening: Opening, site: Site, server: Server) -> None:
    page = opening()
    # Nothing is asked of the service before somebody wants to talk.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(launcher(page)).to_be_visible()
    assert not [one for one in asked if "/widget/v1/" in one]
    shown(page)
    expect(page.locator("#suggestions button").first).to_be_visible()
    answer = say(page, ASKED)
    expect(answer.locator(".told")).to_contain_text(re.compile(r"Acme, .*Spend \$[\d,]+\.\d\d"))
    expect(answer.get_by_role("img", name="Spend and revenue of Acme by day")).to_be_visible()
    assert answer.get_by_role("table").locator("tbody tr").count() > 1
    expect(say(page, "and last month?").locator(".told")).to_contain_text("Acme, last month")
    with server.assistant.database.read() as connection:
        rows = connection.execute(select(audit.c.channel, audit.c.person)).all()
    assert {tuple(row) for row in rows} == {("widget", "widget shop")}
    # The site sees nothing of it, and neither sends the other's cookies.
    assert not [one for one in site.seen if "gtm" in str(one).lower().replace(site.url, "")]
    page.reload()
    shown(page)
    expect(page.locator(".message.user")).to_have_count(2)


def test_the_text_comes_in_pieces(opening: Opening) -> None:
    page = shown(opening())
    page.evaluate(
        """() => {
          window.grown = [];
          const log = document.querySelector('gtm-assistant').shadowRoot.getElementById('log');
          new MutationObserver(() => {
            const piece = log.querySelector('.streaming');
            if (piece) window.grown.push([piece.childNodes.length, piece.ariaHidden]);
          }).observe(log, {subtree: true, childList: true});
        }"""
    )
    say(page, "help")
    grown = page.evaluate("window.grown")
    assert grown
    assert {hidden for _, hidden in grown} == {"true"}
    assert max(count for count, _ in grown) > 1


def test_a_choice_and_a_yes_are_buttons(opening: Opening) -> None:
    page = shown(opening())
    answer = say(page, "show the campaign")
    choice = answer.locator("button.choice").first
    name = choice.inner_text()
    choice.click()
    expect(page.locator(".message.user").last).to_contain_text(name)
    expect(page.locator("button.choice").first).to_be_disabled()
    expect(page.locator(".message.assistant:not(.working, .streaming)")).to_have_count(2)
    # Changing what was done already is read back first.
    say(page, "set a spend limit of 200 dollars a day for Acme")
    asked = say(page, "no, 300 dollars")
    expect(asked).to_have_attribute("data-status", "confirm")
    asked.get_by_role("button", name="Yes").click()
    expect(page.locator(".message.user").last).to_contain_text("yes")
    expect(page.locator(".message.assistant").last).to_contain_text("Acme may spend $300.00 a day")
    expect(page.get_by_role("button", name="No", exact=True)).to_be_disabled()
    expect(page.locator(".working, .streaming")).to_have_count(0)
    # What spends is asked of the chairman, whatever is answered here.
    expect(say(page, "move 500 from display to email for Acme")).to_contain_text("waits for the chairman")
    expect(page.locator(".message.assistant").last).to_have_attribute("data-status", "approval")


def test_a_broken_line_loses_nothing_and_doubles_nothing(opening: Opening, server: Server) -> None:
    page = opening()
    lines: list[Any] = []

    def through(line: Any) -> None:
        upstream = line.connect_to_server()
        lines.append(line)
        line.on_message(upstream.send)

        def down(message: str) -> None:
            # The first line breaks with the answer under way.
            if len(lines) == 1 and '"type":"reply"' in message:
                line.close(code=1011)
            else:
                line.send(message)

        upstream.on_message(down)

    page.route_web_socket(re.compile("/widget/v1/converse"), through)
    shown(page)
    expect(say(page, ASKED).locator(".told")).to_contain_text("Acme")
    assert len(lines) == 2
    with server.assistant.database.read() as connection:
        assert len(connection.execute(select(audit.c.id)).all()) == 1


def test_hostile_styles_do_not_reach_it(opening: Opening, site: Site) -> None:
    site.styles = HOSTILE
    page = opening()
    expect(page.get_by_role("heading", name="A shop")).to_be_hidden()
    button = launcher(page)
    expect(button).to_be_visible()
    box = button.bounding_box()
    assert box is not None
    assert (box["x"] > 900, box["y"] > 750, box["height"] < 60) == (True, True, True)
    expect(button).to_have_css("background-color", "rgb(31, 111, 92)")
    shown(page)
    expect(say(page, ASKED).locator(".told")).to_contain_text("Acme")
    whole = panel(page).bounding_box()
    assert whole is not None
    assert whole["width"] == 400
    expect(page.locator(".message.assistant .told").last).to_have_css("font-size", "14.4px")
    shot = page.evaluate("getComputedStyle(document.querySelector('gtm-assistant')).opacity")
    assert shot == "1"


def test_a_site_gives_it_its_own_colours(opening: Opening, site: Site) -> None:
    site.styles = (
        "gtm-assistant { --gtm-accent: rgb(10, 20, 120); --gtm-on-accent: #fff; --gtm-bottom: 100px; }"
        "gtm-assistant::part(launcher) { border-radius: 3px; }"
    )
    site.attributes = 'data-label="Help me" data-heading="Our figures" data-theme="dark" data-side="left"'
    page = opening()
    button = page.get_by_role("button", name="Help me")
    expect(button).to_have_css("background-color", "rgb(10, 20, 120)")
    expect(button).to_have_css("border-radius", "3px")
    box = button.bounding_box()
    assert box is not None
    assert box["x"] < 50
    assert box["y"] + box["height"] == pytest.approx(750, abs=2)
    button.click()
    opened = page.get_by_role("dialog", name="Our figures")
    expect(opened).to_have_css("background-color", "rgb(20, 25, 26)")


def test_the_keyboard_is_enough_and_escape_gives_the_focus_back(opening: Opening) -> None:
    page = opening()
    page.evaluate("document.addEventListener('keydown', (event) => { document.title += event.key })")
    page.get_by_role("button", name="Help").focus()
    page.keyboard.press("Tab")
    expect(launcher(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Message")).to_be_focused()
    page.keyboard.type(ASKED)
    page.keyboard.press("Enter")
    expect(page.locator(".message.assistant .told")).to_contain_text("Acme")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Message")).to_have_value(ASKED)
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_focused()
    # Opened by something of the site's, it gives the focus back to that.
    page.get_by_role("button", name="Help").focus()
    page.evaluate("document.querySelector('gtm-assistant').open()")
    expect(page.get_by_label("Message")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Help")).to_be_focused()
    # The site's own shortcuts heard nothing of what was typed here.
    assert page.title() in ("ShopTab", "Shop")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 1100), ("light", 360)])
def test_it_is_accessible(opening: Opening, site: Site, scheme: str, width: int) -> None:
    site.policy = site.policy.replace("trusted-types 'none'", "").replace(
        "require-trusted-types-for 'script'; ", ""
    )
    page = opening(viewport={"width": width, "height": 740}, color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(AXE.read_text())

    def violations() -> Any:
        return page.evaluate(
            "axe.run(document).then((told) => told.violations)"
            ".then((found) => found.map((one) => [one.id, one.nodes.map((node) => node.html)]))"
        )

    expect(launcher(page)).to_be_visible()
    assert violations() == []
    shown(page)
    expect(page.locator("#suggestions button").first).to_be_visible()
    assert violations() == []
    say(page, ASKED)
    say(page, "show the campaign")
    say(page, "what is the weather")
    page.locator("details.why summary").first.click()
    assert violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = panel(page).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert (width > 400) or (box["width"], box["height"]) == (width, 740)


def test_another_site_is_refused_and_told_the_cure(
    opening: Opening, site: Site, server: Server, complaints: list[str]
) -> None:
    # It is the site of another widget, and so may read what is wrong.
    site.token = widget(server, "https://www.example.com", "elsewhere")
    page = shown(opening())
    told = page.locator("#suggestions")
    expect(told).to_contain_text(f"may not stand on {site.url}")
    # Of no widget's site the browser reads nothing.
    with server.assistant.database.write() as connection:
        connection.execute(delete(tokens).where(tokens.c.label == "shop"))
    page.reload()
    shown(page)
    expect(told).to_contain_text("cannot be reached from here")
    answer = say(page, ASKED)
    expect(answer).to_contain_text(f"{site.url} is not among the sites")
    expect(answer).to_contain_text("gtm widget list")
    assert any("CORS" in one for one in complaints)
    complaints.clear()


def test_revoked_it_says_so_and_what_helps(opening: Opening, server: Server, complaints: list[str]) -> None:
    page = shown(opening())
    expect(say(page, ASKED).locator(".told")).to_contain_text("Acme")
    with server.assistant.database.write() as connection:
        assert widgets.revoke(connection, "shop", NOW)
    answer = say(page, "and last month?")
    expect(answer).to_contain_text("was withdrawn from this site")
    expect(answer.locator(".cure")).to_contain_text("gtm widget create")
    page.evaluate("sessionStorage.clear()")
    page.reload()
    shown(page)
    expect(page.locator("#suggestions")).to_contain_text("was withdrawn from this site")
    complaints.clear()


def test_it_hears_and_answers_aloud(opening: Opening, server: Server) -> None:
    page = shown(opening())
    button = page.get_by_role("button", name="Hold to talk")
    expect(button).to_be_visible()
    button.hover()
    page.mouse.down()
    expect(page.locator("#listening")).to_contain_text("Listening")
    # Escape drops what is being said, and only then closes.
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator("#listening")).to_be_hidden()
    expect(panel(page)).to_be_visible()
    page.reload()
    shown(page)
    button.hover()
    page.mouse.down()
    expect(page.locator("#listening")).to_contain_text("Listening")
    page.wait_for_timeout(SPOKEN * 1000)
    page.mouse.up()
    expect(page.locator(".message.user.spoken")).to_contain_text(SPOKEN_WORDS)
    expect(page.locator(".message.assistant").last).to_contain_text("influencers fit fitness")
    eventually(page, "window.played.some((one) => one.loudest > .1)")
    with server.assistant.database.read() as connection:
        assert list(connection.scalars(select(audit.c.channel))) == ["widget"]


def test_an_element_of_the_sites_own_works_too(opening: Opening, site: Site) -> None:
    site.more = f'<gtm-assistant token="{site.token}" label="Figures"></gtm-assistant>'
    page = opening()
    expect(page.get_by_role("button", name="Figures")).to_be_visible()
    expect(page.locator("gtm-assistant")).to_have_count(1)


def test_the_demo_shows_it(browser: Browser, server: Server, complaints: list[str]) -> None:
    token = widget(server, "https://www.example.com", "demo", Role.VIEWER)
    server.assistant.settings.server = server.assistant.settings.server.model_copy(
        update={"public_url": server.url}
    )
    with browser.new_context(viewport={"width": 1200, "height": 900}) as context:
        context.set_default_timeout(PATIENCE * 1000)
        page = watched(context.new_page(), complaints)
        page.goto(f"{server.url}/widget/demo#{token}")
        shown(page)
        expect(say(page, ASKED).locator(".told")).to_contain_text("Acme")
        page.get_by_label("Accent").fill("#ffdd00")
        expect(page.locator("#tag")).to_contain_text(f'data-token="{token}"')
        expect(page.locator("#styles")).to_contain_text("--gtm-accent: #ffdd00; --gtm-on-accent: #000000")
        page.keyboard.press("Escape")
        page.get_by_label("Message").press("Escape")
        page.get_by_label("Theme").select_option("dark")
        page.get_by_role("button", name="Ask", exact=True).wait_for()
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document).then((told) => told.violations.map((one) => one.id))")
        assert found == []
    assert complaints == []
