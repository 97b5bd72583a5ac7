"""The Rasa project that is exported: it says what our own sentences and commands say. Rasa's own verdict on
it is in tests/rasa."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assistant.channels.cli import cli
from assistant.documents import catalogue
from intents import lexicon
from intents.names import Name, Names
from intents.rasa_project import Configuration, files
from intents.readers.embedded import DATA
from intents.training import load, load_lists
from tests.conftest import copied

CONFIGURATION = Configuration(
    recipe="default.v1",
    assistant_id="ours",
    language="en",
    pipeline=[{"name": "WhitespaceTokenizer"}, {"name": "DIETClassifier", "epochs": 30}],
    policies=[{"name": "RulePolicy"}],
    actions_url="http://here:8000/webhook",
)
NAMES = Names((Name("venture", 1, "Acme"), Name("campaign", 1, "Spring Launch", "Acme")))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    made = files(catalogue(), load(DATA), load_lists(DATA), CONFIGURATION, NAMES)
    return {name: yaml.safe_load(content) for name, content in made.items()}


def test_the_sentences_are_ours_with_their_marks(tmp_path: Path) -> None:
    made = files(catalogue(), load(DATA), load_lists(DATA), CONFIGURATION)
    (tmp_path / "nlu.yml").write_text(made["data/nlu.yml"], encoding="utf-8")
    assert set(load(tmp_path / "nlu.yml")) == set(load(DATA))


def test_every_intent_is_known_and_leads_to_its_action(project: dict[str, Any]) -> None:
    domain = project["domain.yml"]
    taught = {entry["intent"] for entry in project["data/nlu.yml"]["nlu"]}
    assert taught == set(domain["intents"]) >= {*catalogue(), "affirm", "deny", "out_of_scope"}
    rules = {
        rule["steps"][0]["intent"]: rule["steps"][1]["action"] for rule in project["data/rules.yml"]["rules"]
    }
    assert set(rules) == taught | {"nlu_fallback"}
    assert sorted(rules.values()) == sorted(domain["actions"])
    assert set(domain["slots"]) == set(domain["entities"])


def test_values_are_listed_as_people_say_them(project: dict[str, Any]) -> None:
    entries = project["data/values.yml"]["nlu"]
    lookups = {one["lookup"]: lines(one) for one in entries if "lookup" in one}
    assert {"paid search", "google ads"} <= set(lookups["channel"])
    assert (lookups["venture"], lookups["campaign"]) == (["Acme"], ["Spring Launch"])
    assert set(lookups) <= set(project["domain.yml"]["entities"])
    assert "in" not in {phrase.casefold() for phrase in lookups["place"]}
    phrases = [phrase.casefold() for one in entries if "synonym" in one for phrase in lines(one)]
    assert len(phrases) == len(set(phrases))
    meant = {phrase: one["synonym"] for one in entries if "synonym" in one for phrase in lines(one)}
    for kind in ("channel", "platform", "status"):
        for phrase in lookups[kind]:
            assert meant[phrase] in {lexicon.canonical(kind, phrase), *lexicon.vocabulary("channel")}


def lines(entry: dict[str, str]) -> list[str]:
    return [line.removeprefix("- ") for line in entry["examples"].splitlines()]


def test_rasa_shows_us_its_token_in_a_header(project: dict[str, Any]) -> None:
    endpoint = project["endpoints.yml"]["action_endpoint"]
    assert endpoint["url"] == "http://here:8000/webhook"
    assert endpoint["headers"] == {"Authorization": "Bearer ${RASA_ACTION_TOKEN}"}


def test_fewer_rounds_change_nothing_else() -> None:
    quick = CONFIGURATION.quick(3)
    assert quick.pipeline == [{"name": "WhitespaceTokenizer"}, {"name": "DIETClassifier", "epochs": 3}]
    assert CONFIGURATION.pipeline[1]["epochs"] == 30


def test_the_command_writes_the_project_and_leaves_other_files(
    small_portfolio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GTM_DATABASE_URL", copied(small_portfolio, tmp_path / "gtm.db"))
    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "mine.yml").write_text("mine")
    done = CliRunner().invoke(cli, ["rasa", "export", str(folder), "--epochs", "2"])
    assert done.exit_code == 0, done.output
    assert (folder / "mine.yml").read_text() == "mine"
    config = yaml.safe_load((folder / "config.yml").read_text())
    assert [one["epochs"] for one in config["pipeline"] if one["name"] == "DIETClassifier"] == [2]
    assert "- Acme" in (folder / "data" / "values.yml").read_text()
    assert CliRunner().invoke(cli, ["rasa", "export", str(folder), "--no-names"]).exit_code == 0
    assert "- Acme" not in (folder / "data" / "values.yml").read_text()
    assert CliRunner().invoke(cli, ["rasa", "export", "/dev/null/there"]).exit_code == 2
