"""The desk without a browser: what "this" means, the stream of news, what a page draws by itself."""

import threading

import httpx2
import pytest

from assistant.channels.desk.showing import brief, spark
from assistant.reply import Status
from assistant.turn import Page, Turn, front_of
from intents.command import Role
from storage import people
from tests.conftest import Server, Speaker, run

CAMPAIGN = Page("show_campaign", {"campaign": "Spring Launch"})


def say(talk: Speaker, words: str, page: Page | None) -> Turn:
    with talk.assistant.database.read() as connection:
        person = people.person_named(connection, talk.role.value)
    assert person is not None
    return Turn(person, "test", words, conversation_id=talk.conversation or "t", page=page)


def answered(talk: Speaker, words: str, page: Page | None) -> tuple[str | None, dict[str, object]]:
    reply = talk.assistant.dialogue.turn(say(talk, words, page))
    return reply.command, reply.slots


def test_this_is_the_page_and_it_is_what_was_talked_about(chairman: Speaker) -> None:
    chairman.conversation = "t"
    assert answered(chairman, "pause this", CAMPAIGN) == ("pause_campaign", {"campaign": "Spring Launch"})
    other = Page("show_campaign", {"campaign": "Summer Splash"})
    # "It" is what the talk is about, "this" what is in front of the person.
    assert answered(chairman, "what is its ROAS", other)[1]["campaign"] == "Spring Launch"
    assert answered(chairman, "what is the ROAS of this campaign", other)[1]["campaign"] == "Summer Splash"


def test_this_month_is_no_page(chairman: Speaker) -> None:
    acme = Page("show_performance", {"venture": "Acme"})
    command, slots = answered(chairman, "what are the top performing channels this month", acme)
    assert command == "top_channels"
    assert "venture" not in slots


def test_a_talk_that_begins_on_a_page_goes_on_with_it(chairman: Speaker) -> None:
    command, slots = answered(chairman, "and last month?", Page("show_performance", {"venture": "Northwind"}))
    assert (command, slots["venture"]) == ("show_performance", "Northwind")


@pytest.mark.parametrize(
    "sent", ["", "?venture=Acme", "dance?venture=Acme", "pause_campaign?campaign=Spring+Launch"]
)
def test_a_page_that_is_none_means_nothing(chairman: Speaker, sent: str) -> None:
    reply = chairman.assistant.dialogue.turn(say(chairman, "and last month?", front_of(sent)))
    assert reply.error is not None


def test_what_is_in_front_is_read_as_it_was_sent() -> None:
    page = Page("show_campaign", {"campaign": "Größer & schöner"})
    assert front_of(page.sent) == page
    assert front_of("show_venture?venture=A%00B&password=x") == Page("show_venture", {})


def test_a_page_comes_along_over_http(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token()}", "X-Page": CAMPAIGN.sent}
    said = {"text": "what is the ROAS of this campaign"}
    told = httpx2.post(f"{server.url}/api/v1/say", json=said, headers=headers, timeout=30).json()
    assert (told["command"], told["slots"]["campaign"]) == ("show_metric", "Spring Launch")


def test_the_stream_tells_when_something_waits(server: Server) -> None:
    cookie = httpx2.get(server.sign_in_link(), follow_redirects=False).cookies["gtm_session"]
    begun = threading.Event()

    def ask() -> None:
        begun.wait(20)
        run(Speaker(server.assistant, Role.OPERATOR), "set_budget", campaign="Spring Launch", amount="61000")

    asking = threading.Thread(target=ask)
    asking.start()
    with httpx2.stream(
        "GET", f"{server.url}/events", headers={"Cookie": f"gtm_session={cookie}"}, timeout=30
    ) as told:
        assert told.headers["content-type"].startswith("text/event-stream")
        lines = told.iter_lines()
        assert next(lines).startswith("retry:")
        begun.set()
        assert any(line == "event: changed" for line in lines)
    asking.join()
    assert httpx2.get(f"{server.url}/events").status_code == 204


def test_a_look_asks_for_nothing(chairman: Speaker) -> None:
    turn = say(Speaker(chairman.assistant, Role.OPERATOR), "set_budget", None)
    turn.only_looks = True
    reply = chairman.assistant.dialogue.run(
        "set_budget", {"campaign": "Spring Launch", "amount": "61000"}, turn
    )
    assert reply.status is Status.DONE
    assert "Nothing waits" in run(chairman, "list_approvals").reply.text


@pytest.mark.parametrize(
    ("exact", "told"),
    [
        ("$146,498.89", "$146,499"),
        ("-€2,330.50", "-€2,330"),
        ("$999.99", "$999.99"),
        ("1,234", "1,234"),
        ("3.14", "3.14"),
    ],
)
def test_cents_of_large_amounts_are_left_out(exact: str, told: str) -> None:
    assert brief(exact) == told


def test_a_small_line_keeps_to_its_box() -> None:
    assert spark([1.0]) == spark([None, 2.0]) == ""
    assert spark([0.0, None, 10.0], 100, 20) == "M0.0 18.0L100.0 2.0"
    assert spark([5.0, 5.0], 100, 20) == "M0.0 18.0L100.0 18.0"
