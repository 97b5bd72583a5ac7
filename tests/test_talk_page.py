"""Talking to the page: a real browser whose microphone plays recordings."""

import re
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    Request,
    Route,
    expect,
    sync_playwright,
)
from sqlalchemy import select

from storage.audit import audit
from tests.conftest import PATIENCE, Server
from tests.test_page import CONTRAST, chromium, signed_in, watched
from voice.audio import RATE
from voice.espeak import EspeakSpeaker

pytestmark = pytest.mark.browser

ASKED = "find influencers for fitness with fifty thousand followers"
YES = "yes"
HOST = "gtm.test"
"""A name of this machine that does not look like this machine."""
SPOKEN, SHORT = 5.0, 1.5
"""Seconds in which either has been said, silence around it included."""

# What the page plays, and what it does with the microphone, told by the browser's own objects.
WITNESS = """
window.played = []; window.microphones = []; window.refused = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...args) {
  const loudest = this.buffer.getChannelData(0).reduce((most, sample) => Math.max(most, sample), 0);
  const one = {seconds: this.buffer.duration, loudest, isOver: false};
  this.addEventListener("ended", () => { one.isOver = true; one.at = performance.now(); });
  one.since = performance.now();
  window.played.push(one);
  return start.apply(this, args);
};
const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (ask) navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await ask(wanted);
  window.microphones.push({wanted, tracks: stream.getTracks()});
  return stream;
};
document.addEventListener("securitypolicyviolation", (event) => window.refused.push(event.violatedDirective));
"""


def recording(path: Path, text: str) -> None:
    """Write speech with silence around it."""
    samples = EspeakSpeaker().speak(text).samples if text else np.zeros(0, np.int16)
    quiet = np.zeros(RATE // 2, np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate([quiet, samples, np.zeros(20 * RATE, np.int16)]).tobytes())


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


Opener = Callable[[str], Browser]


@pytest.fixture(scope="module")
def browsers(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opener]:
    """Browsers by what their microphone hears."""
    folder = tmp_path_factory.mktemp("microphone")
    opened: dict[str, Browser] = {}

    def browser(text: str) -> Browser:
        if text not in opened:
            path = folder / f"{len(opened)}.wav"
            recording(path, text)
            opened[text] = playwright.chromium.launch(
                executable_path=chromium(),
                args=[
                    "--use-fake-device-for-media-stream",
                    f"--use-file-for-fake-audio-capture={path}%noloop",
                    f"--host-resolver-rules=MAP {HOST} 127.0.0.1",
                ],
            )
        return opened[text]

    yield browser
    for one in opened.values():
        one.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of; to be cleared by tests that provoke it."""
    return []


Opening = Callable[..., Page]


@pytest.fixture
def opening(browsers: Opener, server: Server, complaints: list[str]) -> Iterator[Opening]:
    """Pages of the chairman by what is said into the microphone; nothing may be against the policy."""
    contexts: list[BrowserContext] = []

    def page(text: str, *, permissions: tuple[str, ...] = ("microphone",), has_touch: bool = False) -> Page:
        context = browsers(text).new_context(
            base_url=server.url,
            viewport={"width": 375, "height": 700} if has_touch else {"width": 1100, "height": 850},
            permissions=list(permissions),
            has_touch=has_touch,
            is_mobile=has_touch,
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(WITNESS)
        opened = signed_in(watched(context.new_page(), complaints), server)
        expect(button(opened)).to_be_visible()
        return opened

    yield page
    for context in contexts:
        for opened in context.pages:
            assert opened.evaluate("window.refused") == []
        context.close()
    assert complaints == []


def button(page: Page) -> Locator:
    return page.get_by_role("button", name="Hold to talk")


def strip(page: Page) -> Locator:
    return page.locator("#listening")


def press(page: Page) -> None:
    """Press the button with the mouse, and keep it pressed."""
    button(page).hover()
    page.mouse.down()
    expect(strip(page)).to_contain_text("Listening")


def hold(page: Page, seconds: float = SPOKEN) -> None:
    press(page)
    page.wait_for_timeout(seconds * 1000)
    page.mouse.up()


def answer(page: Page) -> Locator:
    expect(page.locator(".working")).to_have_count(0)
    return page.locator(".message.assistant").last


def heard(page: Page) -> Locator:
    """What the page shows as said aloud."""
    return page.locator(".message.user.spoken").last


def microphones(page: Page) -> list[str]:
    """The states of all tracks that were opened."""
    states: list[str] = page.evaluate(
        "window.microphones.flatMap((one) => one.tracks.map((track) => track.readyState))"
    )
    return states


def eventually(page: Page, condition: str) -> None:
    """Wait until something holds in the page; Playwright's own way needs what the policy forbids."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never so: {condition}")


def playing(page: Page) -> None:
    """Wait until something plays."""
    eventually(page, "window.played.some((one) => !one.isOver)")


def silenced(page: Page) -> None:
    """Wait until nothing plays; it must have been stopped long before its end."""
    eventually(page, "window.played.every((one) => one.isOver)")
    assert page.evaluate("window.played.every((one) => (one.at - one.since) / 1000 < one.seconds - 1)")


def posted(page: Page) -> list[Request]:
    """The recordings that will be sent, as they are."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if is_talk(request) else None)
    return sent


def is_talk(request: Request) -> bool:
    return request.method == "POST" and "/api/v1/voice" in request.url


def test_holding_the_button_asks_and_the_answer_is_heard(opening: Opening, server: Server) -> None:
    page = opening(ASKED)
    expect(page.locator("#ears")).to_have_text(
        "Hears: commands well, free speech fairly; for better ears set up Whisper"
    )
    sent = posted(page)
    press(page)
    expect(button(page)).to_have_attribute("aria-pressed", "true")
    eventually(page, "Number(getComputedStyle(document.body).getPropertyValue('--level')) > .3")
    expect(page.get_by_role("timer")).to_have_text("0:03")
    page.wait_for_timeout((SPOKEN - 3) * 1000)
    page.mouse.up()
    expect(page.locator(".working")).to_have_text("Hearing")
    expect(answer(page)).to_contain_text("influencers fit fitness")
    expect(heard(page)).to_contain_text(ASKED)
    assert microphones(page) == ["ended"]
    assert page.evaluate("window.microphones[0].wanted") == {
        "audio": {"echoCancellation": True, "noiseSuppression": False, "autoGainControl": True}
    }
    assert [request.headers["content-type"] for request in sent] == ["audio/webm;codecs=opus"]

    playing(page)
    assert page.evaluate("window.played.map((one) => [one.seconds > 2, one.loudest > .1])") == [[True, True]]
    expect(page.get_by_role("button", name="Speak answers")).to_have_attribute("aria-pressed", "true")
    # What is said by button, by finger or by mouth is one conversation, and it is kept.
    before = page.locator("#log").inner_text()
    page.reload()
    expect(heard(page)).to_contain_text(ASKED)
    assert page.locator("#log").inner_text() == before
    page.get_by_label("Message").press("ArrowUp")
    expect(page.get_by_label("Message")).to_have_value(ASKED)
    with server.assistant.database.read() as connection:
        assert len(connection.execute(select(audit.c.id)).all()) == 1


def is_answered(page: Page, times: int) -> None:
    """Wait until so much was said aloud and answered, whatever was understood."""
    expect(page.locator(".message.user.spoken")).to_have_count(times)
    expect(page.locator(".message.assistant:not(.working)")).to_have_count(times)
    expect(strip(page)).to_be_hidden()
    assert microphones(page) == ["ended"] * times


def test_keys_are_held_like_the_button(opening: Opening) -> None:
    page = opening(YES)
    button(page).focus()
    for times, key in enumerate(("Space", "Enter"), 1):
        page.keyboard.down(key)
        expect(strip(page)).to_contain_text("Listening")
        page.keyboard.down(key)
        page.wait_for_timeout(SHORT * 1000)
        page.keyboard.up(key)
        is_answered(page, times)
        expect(button(page)).to_be_focused()
    # From anywhere, and what was begun to be typed stays.
    page.get_by_label("Message").press_sequentially("show the")
    page.keyboard.down("Control")
    page.keyboard.down("Space")
    expect(strip(page)).to_contain_text("Listening")
    page.wait_for_timeout(SHORT * 1000)
    page.keyboard.up("Control")
    page.keyboard.up("Space")
    is_answered(page, 3)
    expect(page.get_by_label("Message")).to_have_value("show the")


def test_a_tap_listens_until_the_speech_is_over(opening: Opening) -> None:
    page = opening(ASKED)
    sent = posted(page)
    button(page).click()
    expect(page.get_by_text("Press again when you are done")).to_be_visible()
    page.wait_for_timeout(SPOKEN * 1000 - 1000)
    expect(strip(page)).to_be_visible()
    is_answered(page, 1)
    assert len(sent) == 1


def test_a_finger_holds_the_button(opening: Opening) -> None:
    page = opening(YES, has_touch=True)
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, on: Locator | None = None) -> None:
        box = on.bounding_box() if on else None
        points = [{"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}] if box else []
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    sent = posted(page)
    touch("touchStart", button(page))
    expect(page.get_by_text("slide to Cancel")).to_be_visible()
    touch("touchMove", page.get_by_role("button", name="Cancel"))
    touch("touchEnd")
    expect(strip(page)).to_be_hidden()
    touch("touchStart", button(page))
    expect(strip(page)).to_contain_text("Listening")
    page.wait_for_timeout(SHORT * 1000)
    touch("touchEnd")
    expect(page.locator(".message.assistant:not(.working)")).to_have_count(1)
    assert len(sent) == 1
    assert microphones(page) == ["ended"] * 2


def test_silence_is_no_speech(opening: Opening, server: Server) -> None:
    voicing = server.assistant.voicing
    voicing.terms = voicing.terms.model_copy(update={"most_seconds": 2.5})
    page = opening("")
    page.get_by_label("Message").fill("move 500 from display to email for Acme")
    page.keyboard.press("Enter")
    expect(answer(page)).to_have_attribute("data-status", "confirm")
    # As a screen reader presses it: once to begin, once to end.
    button(page).dispatch_event("click")
    expect(strip(page)).to_contain_text("Listening")
    page.wait_for_timeout(1000)
    button(page).dispatch_event("click")
    expect(answer(page)).to_contain_text("I heard no speech")
    expect(answer(page)).to_have_attribute("data-status", "unknown")
    expect(heard(page)).to_contain_text("(no speech)")
    # Held for too long, it stops by itself, and what was recorded is not too long.
    press(page)
    expect(strip(page)).to_be_hidden()
    expect(page.locator(".message.user.spoken")).to_have_count(2)
    expect(answer(page)).to_contain_text("I heard no speech")
    page.mouse.up()
    # What was asked before still waits.
    page.get_by_role("button", name="Yes").click()
    expect(answer(page)).to_have_attribute("data-status", "done")
    expect(page.get_by_role("button", name="Yes")).to_be_disabled()


def test_what_is_cancelled_is_not_sent(opening: Opening) -> None:
    page = opening(ASKED)
    sent = posted(page)
    press(page)
    page.wait_for_timeout(600)
    page.keyboard.press("Escape")
    expect(strip(page)).to_be_hidden()
    page.mouse.up()
    # The button is let go over "Cancel", as with a finger that slides there.
    press(page)
    page.wait_for_timeout(600)
    page.get_by_role("button", name="Cancel").hover()
    page.mouse.up()
    expect(strip(page)).to_be_hidden()
    button(page).click()
    expect(strip(page)).to_contain_text("Listening")
    page.get_by_role("button", name="Cancel").click()
    expect(strip(page)).to_be_hidden()
    # Pressed twice at once there is nothing to hear.
    button(page).click()
    expect(strip(page)).to_contain_text("Listening")
    button(page).click()
    expect(page.get_by_role("alert")).to_contain_text("Hold the button while you speak")
    page.get_by_label("Message").press_sequentially("s")
    expect(page.get_by_role("alert")).to_be_empty()
    page.wait_for_timeout(300)
    assert sent == []
    expect(page.locator(".message")).to_have_count(0)
    assert microphones(page) == ["ended"] * 4


def test_a_lost_recording_is_sent_again_and_nothing_happens_twice(
    opening: Opening, server: Server, complaints: list[str]
) -> None:
    page = opening(YES)
    sent: list[tuple[str | None, str, bytes | None]] = []

    def lose(route: Route) -> None:
        request = route.request
        sent.append((request.headers.get("idempotency-key"), request.url, request.post_data_buffer))
        if len(sent) < 3:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route(lambda url: "/api/v1/voice?" in url, lose)
    hold(page, SHORT)
    problem = page.locator(".unanswered")
    expect(problem).to_contain_text("The service cannot be reached.")
    problem.get_by_role("button", name="Try again").click()
    expect(problem).to_contain_text("The service cannot be reached.")
    page.reload()
    problem.get_by_role("button", name="Try again").click()
    expect(problem).to_have_count(0)
    expect(answer(page)).to_have_attribute("data-status", re.compile("."))
    complaints.clear()
    assert len(sent) == 3
    assert len(sent[0][2] or b"") > 1000
    assert len(set(sent)) == 1
    with server.assistant.database.read() as connection:
        assert len(connection.execute(select(audit.c.id)).all()) == 1


def test_whoever_wants_to_talk_is_not_talked_over(opening: Opening) -> None:
    page = opening("")
    page.get_by_label("Message").fill("show gtm performance for Acme")
    page.keyboard.press("Enter")
    read = answer(page).get_by_role("button", name="Read aloud")

    def talk_on() -> None:
        read.click()
        playing(page)
        expect(read).to_have_attribute("aria-pressed", "true")

    talk_on()
    press(page)
    silenced(page)
    page.keyboard.press("Escape")
    page.mouse.up()
    talk_on()
    page.keyboard.press("Escape")
    silenced(page)
    talk_on()
    page.get_by_label("Message").press_sequentially("s")
    silenced(page)
    talk_on()
    page.get_by_label("Message").press("Enter")
    silenced(page)
    answer(page)
    talk_on()
    read.click()
    silenced(page)
    expect(read).to_have_attribute("aria-pressed", "false")


def test_nobody_is_spoken_to_who_does_not_want_it(opening: Opening) -> None:
    page = opening("")
    switch = page.get_by_role("button", name="Speak answers")
    sent = posted(page)
    hold(page, 0.6)
    answer(page)
    expect(switch).to_have_attribute("aria-pressed", "true")
    playing(page)
    switch.click()
    eventually(page, "window.played.every((one) => one.isOver)")
    page.reload()
    expect(switch).to_have_attribute("aria-pressed", "false")
    hold(page, 0.6)
    expect(page.locator(".message.user.spoken")).to_have_count(2)
    answer(page)
    expect(switch).to_have_attribute("aria-pressed", "false")
    assert ["speak=mp3" in request.url for request in sent] == [True, False]
    assert page.evaluate("window.played") == []


def test_what_is_in_the_way_is_told_with_its_cure(opening: Opening) -> None:
    page = opening("", permissions=())
    trouble = page.get_by_role("alert")

    def told(*words: str) -> None:
        button(page).click()
        for one in words:
            expect(trouble).to_contain_text(one)
        expect(strip(page)).to_be_hidden()

    page.context.new_cdp_session(page).send(
        "Browser.setPermission", {"permission": {"name": "microphone"}, "setting": "denied"}
    )
    told("This page may not use the microphone.", "Allow it")
    # No browser here is without one, or too old.
    page.evaluate(
        """() => {
          navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotFoundError"); };
        }"""
    )
    told("There is no microphone.", "Connect one")
    page.evaluate("delete window.MediaRecorder")
    told("This browser cannot record.", "Use a current")


def test_a_page_that_is_not_secure_has_no_microphone(
    opening: Opening, server: Server, complaints: list[str]
) -> None:
    page = opening("")
    page.goto(server.sign_in_link().replace("127.0.0.1", HOST))
    page.goto(f"{server.url.replace('127.0.0.1', HOST)}/talk")
    button(page).click()
    expect(page.get_by_role("alert")).to_contain_text("Browsers lend the microphone to secure pages only.")
    expect(page.get_by_role("alert")).to_contain_text("https")
    # Other headers of ours want a secure page too, and the browser says so.
    complaints.clear()


def test_a_service_without_ears_says_why(opening: Opening, server: Server) -> None:
    voicing = server.assistant.voicing
    voicing.terms = voicing.terms.model_copy(update={"ears": "off", "mouth": "off"})
    page = opening("")
    expect(button(page)).to_be_disabled()
    expect(button(page)).to_have_attribute("title", re.compile("switched off. Set voice.ears to auto."))
    expect(page.locator("#ears")).to_be_hidden()
    expect(page.get_by_role("button", name="Speak answers")).to_be_hidden()
    page.keyboard.press("Control+Space")
    expect(strip(page)).to_be_hidden()


def test_a_phone_shows_it_all(opening: Opening) -> None:
    page = opening("")
    for scheme, width in (("light", 320), ("dark", 375)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 700})
        press(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []
        expect(page.get_by_role("button", name="Cancel")).to_be_in_viewport(ratio=1)
        page.keyboard.press("Escape")
        page.mouse.up()
        page.evaluate(
            """() => { const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
            devices.getUserMedia = () => { devices.getUserMedia = open;
              return Promise.reject(new DOMException('', 'NotAllowedError')); }; }"""
        )
        button(page).click()
        expect(page.get_by_role("alert")).to_contain_text("microphone")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []
