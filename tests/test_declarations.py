"""Everything derived from a command's declaration agrees with it, and the sentences agree with both."""

from pathlib import Path

import pytest
import yaml

from assistant import commands
from assistant.derive import slot_schema, tools
from assistant.documents import DOCS, catalogue, pages
from assistant.handling import find_handlers
from engines.metrics import METRICS
from engines.terms import CampaignStatus, Channel, Platform
from intents import lexicon
from intents.command import slots_of
from intents.rasa_project import domain
from intents.training import load

DATA = Path(__file__).parent.parent / "intents" / "data"
NOT_COMMANDS = {"affirm", "deny", "out_of_scope"}
LEAST_SENTENCES = 20


def test_every_command_has_a_handler_a_summary_and_an_example() -> None:
    for name, handler in find_handlers(commands).items():
        assert handler.command.summary().endswith("."), name
        assert handler.command.examples, name
        assert handler.function.__doc__, name


def test_every_command_has_its_sentences() -> None:
    counted: dict[str, set[str]] = {}
    for example in load(DATA):
        counted.setdefault(example.intent, set()).add(example.text)
    known = catalogue()
    assert set(counted) - NOT_COMMANDS == set(known)
    assert {name: len(counted[name]) for name in known if len(counted[name]) < LEAST_SENTENCES} == {}


def test_no_sentence_names_a_slot_its_command_does_not_take() -> None:
    known = catalogue()
    for example in load(DATA):
        if example.intent in NOT_COMMANDS:
            continue
        taken = {entity for slot in slots_of(known[example.intent]) for entity in slot.entities}
        assert {span.entity for span in example.spans} <= taken, example


@pytest.mark.parametrize("kind", ["channel", "status", "platform", "metric"])
def test_closed_lists_are_those_of_the_engines(kind: str) -> None:
    values: dict[str, list[str]] = {
        "channel": list(Channel),
        "status": list(CampaignStatus),
        "platform": list(Platform),
        "metric": list(METRICS),
    }
    assert sorted(lexicon.vocabulary(kind)) == sorted(values[kind])


def test_every_help_topic_finds_help() -> None:
    known = catalogue()
    areas = {command.__module__.rsplit(".", 1)[-1] for command in known.values()}
    words = {word for name in known for word in name.split("_")}
    assert set(lexicon.vocabulary("topic")) <= set(known) | areas | words


@pytest.mark.parametrize("name", sorted(pages()))
def test_generated_documents_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_tools_are_what_a_language_model_can_be_given() -> None:
    for tool in tools(catalogue()):
        function = tool["function"]
        assert function["parameters"]["type"] == "object"
        assert function["parameters"]["additionalProperties"] is False
        assert len(function["description"]) <= 1024


def test_required_slots_are_required_in_the_schema() -> None:
    schema = slot_schema(catalogue()["show_metric"])
    assert schema["required"] == ["metric"]
    assert {"metric", "venture", "campaign", "channel", "period"} == set(schema["properties"])


def test_the_domain_is_yaml_rasa_would_read() -> None:
    kept = yaml.safe_load(yaml.safe_dump(domain(catalogue())))
    assert set(kept["intents"]) >= set(catalogue())
    assert "venture" in kept["entities"]
