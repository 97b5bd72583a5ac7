"""The real Rasa server: takes our export, reads for us, and runs the whole dialogue with our commands."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from storage.audit import audit
from storage.campaigns import campaigns, channel_lines
from tests.rasa.conftest import Beside, Project

COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "show gtm performance for Acme": ("show_performance", {"venture": "Acme"}),
    "find influencers for fitness with 50,000 followers": (
        "find_influencers",
        {"category": "fitness", "followers": {"min": 25_000, "max": 100_000}},
    ),
    "optimize budget allocation for Spring Launch": ("optimize_budget", {"campaign": "Spring Launch"}),
    "what are the top performing channels this month": (
        "top_channels",
        {"period": {"start": datetime.now(UTC).date().replace(day=1).isoformat()}},
    ),
}


def entries(beside: Beside) -> list[Any]:
    with beside.database.read() as connection:
        return list(connection.execute(select(audit).order_by(audit.c.id)))


def allocated(beside: Beside) -> Decimal:
    """What Spring Launch gives to display."""
    with beside.database.read() as connection:
        found = connection.scalar(
            select(func.sum(channel_lines.c.allocated))
            .join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
            .where(campaigns.c.name == "Spring Launch", channel_lines.c.channel == "display")
        )
    assert found is not None
    return Decimal(found)


def test_rasa_accepts_the_export(project: Project) -> None:
    """Without so much as a warning; and it has the live names."""
    judged = project.run("data", "validate", "--fail-on-warnings")
    assert judged.returncode == 0, judged.stdout[-3000:] + judged.stderr[-3000:]
    values = yaml.safe_load((project.folder / "data" / "values.yml").read_text(encoding="utf-8"))["nlu"]
    ventures = next(one["examples"] for one in values if one.get("lookup") == "venture")
    assert "- Acme" in ventures


@pytest.mark.parametrize("text", COMMANDS)
def test_rasa_reads_and_names_and_values_are_ours(rasa: Project, text: str) -> None:
    parsed = json.loads(rasa.beside.gtm("understand", text, "--reader", "rasa", "--json"))
    command, slots = COMMANDS[text]
    assert (parsed["reader"], parsed["notes"]) == ("rasa", [f"embedded: {command} at 1.00"])
    assert (parsed["command"], parsed["problems"]) == (command, [])
    assert holds(parsed["slots"], slots), parsed["slots"]


def holds(whole: dict[str, Any], part: dict[str, Any]) -> bool:
    """Whether all of ``part`` is in ``whole``, numbers being equal as numbers."""
    return all(
        holds(whole[key], wanted)
        if isinstance(wanted, dict)
        else Decimal(whole[key]) == wanted
        if isinstance(wanted, int)
        else whole[key] == wanted
        for key, wanted in part.items()
    )


def test_a_turn_at_our_own_door_is_understood_by_rasa(rasa: Project) -> None:
    told = rasa.beside.say("show gtm performance for Acme")
    assert (told["status"], told["reader"], told["slots"]["venture"]) == ("done", "rasa", "Acme")


@pytest.mark.parametrize("text", COMMANDS)
def test_the_four_commands_in_rasas_own_dialogue(rasa: Project, text: str) -> None:
    sender = f"four-{list(COMMANDS).index(text)}"
    told = rasa.talk(text, sender)
    assert len(told) == 1, told
    assert told[0]["recipient_id"] == sender
    entry = entries(rasa.beside)[-1]
    assert (entry.channel, entry.command) == ("rasa", COMMANDS[text][0]), told
    assert entry.reading["reader"] == "rasa"
    assert told[0]["text"].startswith(entry.reply["reply"]["text"])


def test_a_talk_in_rasa_with_context_and_a_yes(rasa: Project) -> None:
    beside = rasa.beside
    assert "Acme" in rasa.talk("show gtm performance for Acme")[0]["text"]
    rasa.talk("and last month?")
    assert entries(beside)[-1].slots["venture"] == "Acme"
    before = allocated(beside)
    asked = rasa.talk("move 1,000 from display to email in Spring Launch")
    assert [button["payload"] for button in asked[0]["buttons"]] == ["yes", "no"], asked
    assert allocated(beside) == before
    rasa.talk("no")
    rasa.talk("yes")
    assert allocated(beside) == before
    rasa.talk("move 1,000 from display to email in Spring Launch")
    rasa.talk("yes")
    assert allocated(beside) < before
    after = allocated(beside)
    rasa.talk("yes")
    assert allocated(beside) == after


def test_rasa_says_what_is_out_of_scope(rasa: Project) -> None:
    assert rasa.talk("tell me a joke")[0]["text"].startswith("I can't do that.")


def test_an_intent_with_its_slots_from_a_button(rasa: Project) -> None:
    rasa.talk('/show_performance{"venture": "Acme"}')
    entry = entries(rasa.beside)[-1]
    assert (entry.command, entry.slots["venture"], entry.reading) == ("show_performance", "Acme", None)


def test_a_server_that_is_killed_is_replaced_by_our_own_reader(rasa: Project) -> None:
    """The last test: there is no server after it."""
    assert rasa.beside.say("show gtm performance for Acme")["reader"] == "rasa"
    rasa.kill()
    told = rasa.beside.say("show gtm performance for Acme")
    assert (told["status"], told["reader"], told["slots"]["venture"]) == ("done", "embedded", "Acme")
    (note,) = entries(rasa.beside)[-1].reading["notes"]
    assert note.startswith("rasa: ")
