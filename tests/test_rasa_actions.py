"""The action server as Rasa calls it: one action a command, by the same rules as everywhere."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select

from intents.command import Role
from storage.audit import audit
from storage.campaigns import campaigns, channel_lines
from storage.people import tokens
from storage.proposals import proposals
from tests.conftest import Server

MOVE = "move 1,000 from display to email in Spring Launch"


class Rasa:
    """Calls the action server as a Rasa server does for one of its senders."""

    def __init__(self, server: Server, role: Role = Role.CHAIRMAN) -> None:
        self.server = server
        self.sender = "anna@example.org"
        self.headers = {"Authorization": f"Bearer {server.token(role)}"}

    def post(self, body: Any, **headers: str) -> httpx2.Response:
        return httpx2.post(f"{self.server.url}/webhook", json=body, headers={**self.headers, **headers})

    def call(
        self,
        intent: str,
        text: str | None = None,
        *,
        action: str | None = None,
        slots: dict[str, Any] | None = None,
        entities: list[dict[str, Any]] | None = None,
        message_id: str | None = None,
    ) -> dict[str, Any]:
        answered = self.post(
            {
                "next_action": f"action_{action or intent}",
                "sender_id": self.sender,
                "tracker": {
                    "sender_id": self.sender,
                    "slots": slots or {},
                    "latest_message": {
                        "text": text,
                        "intent": {"name": intent, "confidence": 0.93},
                        "entities": entities or [],
                        "message_id": message_id or uuid4().hex,
                    },
                    "events": [],
                },
                "version": "3.6.21",
            }
        )
        assert answered.status_code == 200, answered.text
        told: dict[str, Any] = answered.json()
        return told

    def said(self, *asked: Any, **more: Any) -> str:
        text: str = self.call(*asked, **more)["responses"][0]["text"]
        return text

    def entries(self) -> list[Any]:
        with self.server.assistant.database.read() as connection:
            return list(connection.execute(select(audit).order_by(audit.c.id)))


@pytest.fixture
def rasa(server: Server) -> Rasa:
    return Rasa(server)


def test_a_command_is_carried_out_with_the_words_that_led_to_it(rasa: Rasa) -> None:
    assert "Acme" in rasa.said("show_performance", "show gtm performance for Acme")
    entry = rasa.entries()[-1]
    assert (entry.channel, entry.command, entry.person) == ("rasa", "show_performance", "chairman")
    assert entry.slots["venture"] == "Acme"
    assert entry.reading["reader"] == "rasa"
    assert "Northwind" in rasa.said("show_performance", "how about Northwind")


def test_what_rasa_knows_from_elsewhere_fills_slots_the_words_leave_open(rasa: Rasa) -> None:
    rasa.call("show_performance", "show the gtm performance", slots={"venture": "acme", "period": None})
    assert rasa.entries()[-1].slots["venture"] == "Acme"
    misread = [{"entity": "venture", "value": "gtm", "start": 9, "end": 12}]
    rasa.call("show_performance", "show the gtm performance", slots={"venture": "gtm"}, entities=misread)
    assert "venture" not in rasa.entries()[-1].slots


def test_a_button_names_the_command_itself(rasa: Rasa) -> None:
    rasa.call("show_performance", '/show_performance{"venture": "Acme"}', slots={"venture": "Acme"})
    entry = rasa.entries()[-1]
    assert (entry.command, entry.slots["venture"], entry.reading) == ("show_performance", "Acme", None)
    told = rasa.said(
        "show_performance", '/show_performance{"venture": "Nowhere"}', slots={"venture": "Zzyzx"}
    )
    assert "no venture called 'Zzyzx'" in told


def test_a_story_may_call_a_command_that_the_words_do_not_name(rasa: Rasa) -> None:
    rasa.call("affirm", "yes", action="show_performance", slots={"venture": "Acme"})
    assert rasa.entries()[-1].command == "show_performance"


def test_the_answer_to_a_form_of_rasas_own_comes_with_what_it_gathered_before(rasa: Rasa) -> None:
    read = [{"entity": "metric", "value": "roas", "start": 0, "end": 4}]
    rasa.call("show_metric", "ROAS", slots={"metric": "roas", "venture": "Acme"}, entities=read)
    slots = rasa.entries()[-1].slots
    assert (slots["metric"], slots["venture"]) == ("roas", "Acme")


def test_slots_are_cleared_for_what_is_said_next(rasa: Rasa) -> None:
    told = rasa.call("show_performance", "how is Acme", slots={"venture": "Acme", "period": None})
    assert told["events"] == [{"event": "slot", "timestamp": None, "name": "venture", "value": None}]


def test_a_question_and_its_answer_and_a_follow_up(rasa: Rasa) -> None:
    asked = rasa.call("show_metric", "show me the metric")
    assert asked["responses"][0]["text"].endswith("?")
    rasa.call("nlu_fallback", "ROAS")
    assert rasa.entries()[-1].slots["metric"] == "roas"
    rasa.call("show_campaign", "and last month?")
    entry = rasa.entries()[-1]
    assert (entry.command, entry.slots["metric"]) == ("show_metric", "roas")


def allocated(server: Server) -> Any:
    """What Spring Launch gives to display."""
    with server.assistant.database.read() as connection:
        return connection.scalar(
            select(func.sum(channel_lines.c.allocated))
            .join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
            .where(campaigns.c.name == "Spring Launch", channel_lines.c.channel == "display")
        )


def test_money_moves_only_after_a_yes_and_once(rasa: Rasa, server: Server) -> None:
    before = allocated(server)
    asked = rasa.call("reallocate_budget", MOVE)
    assert [button["payload"] for button in asked["responses"][0]["buttons"]] == ["yes", "no"]
    assert allocated(server) == before
    first = rasa.call("affirm", "yes", message_id="m-1")
    assert allocated(server) == before - 1000
    assert rasa.call("affirm", "yes", message_id="m-1") == first
    assert rasa.said("affirm", "yes", message_id="m-2") == "There is nothing waiting for a yes or no."
    assert allocated(server) == before - 1000


def test_a_no_drops_it(rasa: Rasa, server: Server) -> None:
    before = allocated(server)
    rasa.call("reallocate_budget", MOVE)
    assert rasa.said("deny", "no") == "Dropped; nothing was changed."
    rasa.call("affirm", "yes")
    assert allocated(server) == before


def test_rasa_cannot_make_a_yes_of_other_words(rasa: Rasa, server: Server) -> None:
    before = allocated(server)
    rasa.call("reallocate_budget", MOVE)
    for text in ("what are the top performing channels", "/affirm", "", None):
        rasa.call("affirm", text)
    assert allocated(server) == before


def test_rasa_cannot_make_an_approval_of_other_words(rasa: Rasa, server: Server) -> None:
    before = allocated(server)
    Rasa(server, Role.OPERATOR).call("reallocate_budget", MOVE)
    rasa.call("approve", "show me proposal 1 again please")
    assert allocated(server) == before


def test_what_somebody_says_not_to_do_is_not_done(rasa: Rasa) -> None:
    said = rasa.said("reallocate_budget", f"you should never {MOVE}")
    assert said == "You said not to, so I changed nothing."


def test_a_bot_that_is_no_chairman_proposes(server: Server) -> None:
    bot = Rasa(server, Role.OPERATOR)
    before = allocated(server)
    bot.call("reallocate_budget", MOVE)
    bot.call("affirm", "yes")
    assert allocated(server) == before
    with server.assistant.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(proposals)) == 1


def test_a_role_that_may_not_is_told_so(server: Server) -> None:
    assert "needs the role" in Rasa(server, Role.VIEWER).said("reallocate_budget", MOVE)


def test_out_of_scope_is_told(rasa: Rasa) -> None:
    assert rasa.said("out_of_scope", "tell me a joke").startswith("I can't do that.")
    assert rasa.said("nlu_fallback", "tell me a joke").startswith("I can't do that.")


def test_a_table_is_told_line_by_line(rasa: Rasa) -> None:
    lines = rasa.said("top_channels", "what are the top performing channels this month").splitlines()
    assert sum(" | " in line for line in lines) >= 3


def test_two_senders_are_two_conversations(rasa: Rasa) -> None:
    rasa.call("show_performance", "show gtm performance for Acme")
    rasa.sender = "somebody else"
    assert "no longer know" in rasa.said("nlu_fallback", "and last month?")


def test_a_failure_of_ours_is_told_and_not_a_status(rasa: Rasa, server: Server) -> None:
    with server.assistant.database.write() as connection:
        tokens.drop(connection)
    answered = rasa.call("show_performance", "show gtm performance for Acme")
    assert "Nothing was changed" in answered["responses"][0]["text"]


def test_strangers_and_nonsense_are_refused(rasa: Rasa) -> None:
    body = {"next_action": "action_show_performance", "sender_id": "x", "tracker": {}}
    assert rasa.post(body, Authorization="Bearer wrong").status_code == 401
    assert rasa.post({"sender_id": "x"}).status_code == 422
    unknown = rasa.post({**body, "next_action": "action_order_pizza"})
    assert unknown.status_code == 404
    assert unknown.json()["action_name"] == "action_order_pizza"


def test_a_long_conversation_is_taken(rasa: Rasa, server: Server) -> None:
    events = [{"event": "user", "text": "x" * 1000}] * 3000
    tracker = {"latest_message": {"text": "status", "intent": {"name": "show_status"}}, "events": events}
    sent = {"next_action": "action_show_status", "sender_id": "x", "tracker": tracker}
    assert rasa.post(sent).status_code == 200
    too_much = httpx2.post(f"{server.url}/api/v1/say", json=sent, headers=rasa.headers)
    assert too_much.status_code == 413


def test_health_and_the_list_of_actions_as_rasas_own_server_has_them(rasa: Rasa, server: Server) -> None:
    assert httpx2.get(f"{server.url}/health").json() == {"status": "ok"}
    listed = httpx2.get(f"{server.url}/actions", headers=rasa.headers).json()
    names = {one["name"] for one in listed}
    assert names >= {f"action_{name}" for name in server.assistant.bus.catalogue}
    assert {"action_affirm", "action_deny", "action_out_of_scope", "action_nlu_fallback"} <= names
