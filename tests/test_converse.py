"""The conversation over a WebSocket."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from assistant.app import LARGEST_FRAME
from intents.command import Role
from storage import people
from storage.audit import audit
from storage.conversations import conversations
from storage.people import tokens
from tests.conftest import Server

PATH = "/api/v1/converse"
ASKED = "show gtm performance for Acme"


def dial(server: Server, role: Role = Role.CHAIRMAN, **how: Any) -> ClientConnection:
    headers = {"Authorization": f"Bearer {server.token(role)}"}
    opened: ClientConnection = connect(
        server.url.replace("http", "ws") + PATH, additional_headers=headers, **how
    )
    return opened


@pytest.fixture
def line(server: Server) -> Iterator[ClientConnection]:
    """A connection of the chairman, past its greeting."""
    with dial(server) as opened:
        assert heard(opened)["type"] == "hello"
        yield opened


def heard(line: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(line.recv(timeout=20))
    return told


def send(line: ClientConnection, **frame: Any) -> None:
    line.send(json.dumps(frame))


def until(line: ClientConnection, kind: str, **fields: Any) -> list[dict[str, Any]]:
    """Frames up to the first of a kind, it included."""
    frames = []
    while True:
        frames.append(heard(line))
        if frames[-1]["type"] == kind and fields.items() <= frames[-1].items():
            return frames


def test_an_answer_comes_with_its_stages_and_text(line: ClientConnection) -> None:
    turn_id = str(uuid4())
    send(line, type="say", text=ASKED, turn_id=turn_id, conversation_id="monday")
    frames = until(line, "reply")
    assert frames[0] == {"type": "accepted", "turn_id": turn_id, "conversation_id": "monday"}
    stages = [frame["stage"] for frame in frames if frame["type"] == "status"]
    assert stages == ["waiting", "understanding", "working", "writing"]
    reply = frames[-1]["reply"]
    assert "".join(frame["text"] for frame in frames if frame["type"] == "text") == reply["reply"]["text"]
    assert (reply["turn_id"], reply["conversation_id"]) == (turn_id, "monday")
    assert (reply["command"], reply["status"]) == ("show_performance", "done")
    assert {frame.get("turn_id", turn_id) for frame in frames} == {turn_id}


def test_the_reply_is_that_of_http(line: ClientConnection, server: Server) -> None:
    import httpx2

    send(line, type="say", text=ASKED)
    spoken = until(line, "reply")[-1]["reply"]
    headers = {"Authorization": f"Bearer {server.token()}"}
    posted = httpx2.post(f"{server.url}/api/v1/say", json={"text": ASKED}, headers=headers).json()
    for one in (spoken, posted):
        for changing in ("turn_id", "conversation_id", "audit_id", "took_ms"):
            del one[changing]
    assert spoken == posted


def test_follow_ups_in_several_conversations_at_once(line: ClientConnection) -> None:
    send(line, type="say", text=ASKED, conversation_id="a")
    send(line, type="say", text="list campaigns", conversation_id="b")
    send(line, type="say", text="and last month?", conversation_id="a")
    replies = [until(line, "reply")[-1]["reply"] for _ in range(3)]
    of_a = [one for one in replies if one["conversation_id"] == "a"]
    assert [one["text"] for one in of_a] == [ASKED, "and last month?"]
    assert of_a[1]["command"] == "show_performance"
    assert of_a[1]["slots"]["venture"] == "Acme"


def test_many_turns_of_one_conversation_are_answered_in_order(line: ClientConnection) -> None:
    said = [f"show gtm performance for Acme in the last {days} days" for days in range(2, 26)]
    for text in said:
        send(line, type="say", text=text, conversation_id="one")
    assert [until(line, "reply")[-1]["reply"]["text"] for _ in said] == said


def test_a_turn_sent_twice_is_carried_out_once(line: ClientConnection, server: Server) -> None:
    turn_id = str(uuid4())
    send(line, type="say", text=ASKED, turn_id=turn_id)
    send(line, type="say", text=ASKED, turn_id=turn_id)
    first, second = until(line, "reply")[-1]["reply"], until(line, "reply")[-1]["reply"]
    assert first["audit_id"] == second["audit_id"]
    send(line, type="say", text=ASKED, turn_id=turn_id)
    assert until(line, "reply")[-1]["reply"]["audit_id"] == first["audit_id"]
    assert entries(server) == 1


def entries(server: Server) -> int:
    with server.assistant.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(audit)) or 0


def test_an_answer_survives_a_client_that_hangs_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    read = server.assistant.dialogue.reader.read

    def slowly(*words: Any) -> Any:
        assert go_on.wait(20)
        return read(*words)

    monkeypatch.setattr(server.assistant.dialogue.reader, "read", slowly)
    turn_id = str(uuid4())
    with dial(server) as first:
        send(first, type="say", text=ASKED, turn_id=turn_id)
        until(first, "status", stage="understanding")
        first.socket.close()
    with dial(server) as second:
        send(second, type="resume", turn_id=turn_id)
        until(second, "status", stage="understanding")
        go_on.set()
        assert until(second, "reply")[-1]["reply"]["turn_id"] == turn_id
    with dial(server) as third:
        send(third, type="resume", turn_id=turn_id)
        assert until(third, "reply")[-1]["reply"]["turn_id"] == turn_id
    assert entries(server) == 1


def test_an_answer_that_this_process_no_longer_has_is_found_in_the_audit(
    line: ClientConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.channels.turns.KEPT_SECONDS", 0)
    turn_id = str(uuid4())
    send(line, type="say", text=ASKED, turn_id=turn_id)
    asked = until(line, "reply")[-1]["reply"]
    time.sleep(0.1)
    send(line, type="resume", turn_id=turn_id)
    frames = until(line, "reply")
    assert [frame["type"] for frame in frames if frame["type"] == "status"] == []
    assert frames[-1]["reply"] == asked


def test_a_turn_that_never_came_in_may_be_said_again(line: ClientConnection) -> None:
    turn_id = str(uuid4())
    send(line, type="resume", turn_id=turn_id)
    refused = until(line, "error")[-1]
    assert (refused["turn_id"], refused["error"]["code"]) == (turn_id, "unknown_turn")


def test_somebody_elses_turn_is_neither_told_nor_repeated(line: ClientConnection, server: Server) -> None:
    turn_id = str(uuid4())
    send(line, type="say", text=ASKED, turn_id=turn_id)
    until(line, "reply")
    with dial(server, Role.OPERATOR) as other:
        send(other, type="resume", turn_id=turn_id)
        assert until(other, "error")[-1]["error"]["code"] == "unknown_turn"
        send(other, type="say", text="pause Spring Launch", turn_id=turn_id)
        refused = until(other, "reply")[-1]["reply"]
        assert refused["error"]["code"] == "turn_id_taken"
    send(line, type="say", text="how is Spring Launch doing")
    assert "active" in until(line, "reply")[-1]["reply"]["reply"]["text"]


def test_money_waits_for_a_yes_here_too(line: ClientConnection) -> None:
    send(line, type="say", text="set the budget of Spring Launch to 41,000", conversation_id="money")
    assert until(line, "reply")[-1]["reply"]["status"] == "confirm"
    send(line, type="say", text="yes", conversation_id="money")
    assert until(line, "reply")[-1]["reply"]["status"] == "done"


def test_a_job_is_told_to_its_end(line: ClientConnection, server: Server) -> None:
    inbox = server.assistant.settings.inbox
    inbox.mkdir()
    (inbox / "sun.csv").write_text(
        "date,venture,campaign,channel,clicks,spend\n2026-03-01,Solstice,Sun Up,email,4,2.50\n"
    )
    send(line, type="say", text="import performance from sun.csv")
    begun = until(line, "reply")[-1]["reply"]
    assert begun["status"] == "running"
    ended = until(line, "job")[-1]["job"]
    while ended["state"] in ("waiting", "running"):
        ended = until(line, "job")[-1]["job"]
    assert (ended["job_id"], ended["state"]) == (begun["job_id"], "done")
    assert "1 imported" in ended["reply"]["reply"]["text"]
    send(line, type="cancel", job_id=begun["job_id"])
    assert until(line, "error")[-1]["error"]["code"] == "already_ended"
    with dial(server, Role.OPERATOR) as other:
        send(other, type="follow", job_id=begun["job_id"])
        assert until(other, "error")[-1]["error"]["code"] == "unknown_job"


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "[]",
        "null",
        "{}",
        '{"type":"dance"}',
        '{"type":"say"}',
        '{"type":"say","text":7}',
        '{"type":"say","text":"a\\u0000b"}',
        '{"type":"say","text":"status","more":1}',
        '{"type":"say","text":"status","turn_id":"one"}',
        '{"type":"say","text":"status","conversation_id":"../etc"}',
        '{"type":"resume","turn_id":null}',
        "[" * 20_000,
        '{"type":"say","text":"' + "x" * 10_001 + '"}',
        b"\x00\x01",
        b'{"type":"ping"}',
    ],
)
def test_a_frame_that_makes_no_sense_is_refused_and_the_line_stays(
    line: ClientConnection, frame: str | bytes
) -> None:
    line.send(frame)
    refused = heard(line)
    assert (refused["type"], refused["error"]["code"]) == ("error", "bad_frame")
    assert refused["error"]["message"]
    send(line, type="ping")
    assert heard(line) == {"type": "pong"}


def test_too_many_bad_frames_end_the_line(line: ClientConnection) -> None:
    with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012
        for _ in range(100):
            line.send("nonsense")
            line.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_a_frame_that_is_too_large_ends_the_line(line: ClientConnection, server: Server) -> None:
    with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012
        line.send("x" * (LARGEST_FRAME + 1))
        line.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    with dial(server) as again:
        assert heard(again)["type"] == "hello"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300))
def test_whatever_is_said_is_answered(line: ClientConnection, text: str) -> None:
    send(line, type="say", text=text)
    assert until(line, "reply")[-1]["reply"]["status"] in (
        "done",
        "unknown",
        "refused",
        "question",
        "confirm",
    )


def test_a_stranger_is_turned_away(server: Server) -> None:
    address = server.url.replace("http", "ws") + PATH
    for headers in ({}, {"Authorization": "Bearer gtm_nobody"}, {"Authorization": "Basic x"}):
        with pytest.raises(InvalidStatus) as turned:
            connect(address, additional_headers=headers)
        assert turned.value.response.status_code == 401
        assert json.loads(turned.value.response.body)["error"]["code"] == "not_signed_in"


def test_browsers_send_their_token_as_a_subprotocol(server: Server) -> None:
    address = server.url.replace("http", "ws") + PATH
    with connect(address, subprotocols=["gtm", f"bearer.{server.token()}"]) as opened:  # type: ignore[list-item]
        assert opened.subprotocol == "gtm"
        assert heard(opened)["person"] == "chairman"


def session_cookie(server: Server) -> str:
    import httpx2

    with httpx2.Client() as client:
        client.get(server.sign_in_link())
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def test_a_session_counts_only_from_our_own_page(server: Server) -> None:
    address = server.url.replace("http", "ws") + PATH
    cookie = session_cookie(server)
    with connect(address, additional_headers={"Cookie": cookie}, origin=Origin(server.url)) as opened:
        assert heard(opened)["person"] == "chairman"
    for origin in (None, Origin("https://elsewhere.example")):
        with pytest.raises(InvalidStatus):
            connect(address, additional_headers={"Cookie": cookie}, origin=origin)


def test_a_revoked_token_ends_the_line(line: ClientConnection, server: Server) -> None:
    with server.assistant.database.write() as connection:
        connection.execute(update(tokens).values(revoked_at=server.assistant.clock()))
    send(line, type="say", text=ASKED)
    assert heard(line)["error"]["code"] == "not_signed_in"
    with pytest.raises(ConnectionClosed) as closed:
        line.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
    assert entries(server) == 0


def test_a_changed_role_counts_from_the_next_turn(server: Server) -> None:
    with dial(server, Role.OPERATOR) as opened:
        with server.assistant.database.write() as connection:
            connection.execute(
                update(people.users).where(people.users.c.name == "operator").values(role="viewer")
            )
        send(opened, type="say", text="pause Spring Launch")
        assert until(opened, "reply")[-1]["reply"]["error"]["code"] == "role_required"


def test_more_open_turns_than_a_line_may_have_are_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.channels.converse.MOST_OPEN", 3)
    go_on = threading.Event()
    read = server.assistant.dialogue.reader.read

    def slowly(*words: Any) -> Any:
        assert go_on.wait(20)
        return read(*words)

    monkeypatch.setattr(server.assistant.dialogue.reader, "read", slowly)
    with dial(server) as opened:
        for number in range(5):
            send(opened, type="say", text=ASKED, conversation_id=f"c{number}")
        refused = until(opened, "error")[-1]
        assert refused["error"]["code"] == "too_many_turns"
        go_on.set()
        until(opened, "reply")


def test_many_lines_at_once(server: Server) -> None:
    def talk(number: int) -> list[str]:
        with dial(server) as opened:
            told = []
            for days in range(2, 6):
                send(
                    opened,
                    type="say",
                    text=f"show gtm performance for Acme in the last {days} days",
                    conversation_id=f"line-{number}",
                )
                told.append(until(opened, "reply")[-1]["reply"]["status"])
            return told

    with ThreadPoolExecutor(12) as pool:
        assert {status for told in pool.map(talk, range(12)) for status in told} == {"done"}
    assert entries(server) == 48
    with server.assistant.database.read() as connection:
        assert set(connection.scalars(select(conversations.c.turns))) == {4}


def test_whoever_says_too_much_is_asked_to_wait(server: Server) -> None:
    with dial(server) as opened:
        heard(opened)
        most = server.assistant.settings.server.requests_per_minute
        for _ in range(most + 5):
            send(opened, type="follow", job_id="nothing")
        codes = {heard(opened)["error"]["code"] for _ in range(most + 5)}
    assert codes == {"unknown_job", "too_many_requests"}
