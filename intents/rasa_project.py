"""A Rasa project of what can be said: its domain, sentences, look-ups, rules and configuration, as files.

Pure: the commands, their sentences and the live names go in, the content of each file comes out.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import yaml

from intents import lexicon
from intents.command import Catalogue, slots_of
from intents.names import Names
from intents.training import Example, Lists

FORMAT = "3.1"
"""Version of Rasa's data format."""
AFFIRM, DENY, OUT_OF_SCOPE, FALLBACK = "affirm", "deny", "out_of_scope", "nlu_fallback"
ANSWERS = (AFFIRM, DENY)
"""Intents that are no commands but answers to us."""
ACTION = "action_"
"""What the name of every custom action begins with."""
WEBHOOK = "/webhook"
"""Where our action server answers within the service."""
LIVE = ("venture", "campaign", "category", "person")
"""The kinds whose names come from the database."""
TOKEN_VARIABLE = "RASA_ACTION_TOKEN"  # noqa: S105 - the name of a variable
"""The variable Rasa takes the token from that it shows us."""
CLASSIFIER = "DIETClassifier"


@dataclass(frozen=True)
class Configuration:
    """What a project says besides its data."""

    recipe: str
    assistant_id: str
    language: str
    pipeline: list[dict[str, Any]]
    policies: list[dict[str, Any]]
    actions_url: str
    """Where our action server answers, as Rasa reaches it."""

    def quick(self, epochs: int) -> "Configuration":
        """The same with a classifier that learns for so many rounds only."""
        pipeline = deepcopy(self.pipeline)
        for component in pipeline:
            if component.get("name") == CLASSIFIER:
                component["epochs"] = epochs
        return Configuration(
            self.recipe, self.assistant_id, self.language, pipeline, self.policies, self.actions_url
        )


def files(
    catalogue: Catalogue,
    examples: Iterable[Example],
    lists: Lists,
    configuration: Configuration,
    names: Names | None = None,
) -> dict[str, str]:
    """The content of every file of the project by its path; ``names`` become look-ups, too."""
    entities = _entities(catalogue)
    return {
        "config.yml": _written(
            {
                "recipe": configuration.recipe,
                "assistant_id": configuration.assistant_id,
                "language": configuration.language,
                "pipeline": configuration.pipeline,
                "policies": configuration.policies,
            }
        ),
        "domain.yml": _written(domain(catalogue)),
        "endpoints.yml": _written(_endpoints(configuration.actions_url)),
        "credentials.yml": _written({"rest": {}}),
        "data/nlu.yml": _written({"version": FORMAT, "nlu": _sentences(examples)}),
        "data/values.yml": _written({"version": FORMAT, "nlu": _values(entities, lists, names)}),
        "data/rules.yml": _written({"version": FORMAT, "rules": _rules(catalogue)}),
    }


def domain(catalogue: Catalogue) -> dict[str, Any]:
    """The intents, the entities with a slot of the same name each, and an action for every intent."""
    entities = _entities(catalogue)
    return {
        "version": FORMAT,
        "intents": [*catalogue, *ANSWERS, OUT_OF_SCOPE],
        "entities": entities,
        "slots": {
            entity: {
                "type": "any",
                "influence_conversation": False,
                "mappings": [{"type": "from_entity", "entity": entity}],
            }
            for entity in entities
        },
        "actions": action_names(catalogue),
        "session_config": {"session_expiration_time": 60, "carry_over_slots_to_new_session": False},
    }


def action_names(catalogue: Catalogue) -> list[str]:
    """Every custom action: one a command, and those that hand words to the assistant as they are."""
    return [ACTION + intent for intent in _acted_on(catalogue)]


def _acted_on(catalogue: Catalogue) -> list[str]:
    return [*catalogue, *ANSWERS, OUT_OF_SCOPE, FALLBACK]


def _entities(catalogue: Catalogue) -> list[str]:
    return sorted(
        {entity for command in catalogue.values() for slot in slots_of(command) for entity in slot.entities}
    )


def _endpoints(actions_url: str) -> dict[str, Any]:
    return {
        "action_endpoint": {
            "url": actions_url,
            "headers": {"Authorization": f"Bearer ${{{TOKEN_VARIABLE}}}"},
            # We know our own domain; with every request it would be half a megabyte.
            "enable_selective_domain": True,
        }
    }


def _rules(catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {"rule": intent, "steps": [{"intent": intent}, {"action": ACTION + intent}]}
        for intent in _acted_on(catalogue)
    ]


def _sentences(examples: Iterable[Example]) -> list[dict[str, Any]]:
    by_intent: dict[str, dict[str, None]] = {}
    for example in examples:
        by_intent.setdefault(example.intent, {})[_marked(example)] = None
    return [{"intent": intent, "examples": _block(by_intent[intent])} for intent in sorted(by_intent)]


def _marked(example: Example) -> str:
    text = example.text
    for span in sorted(example.spans, key=lambda span: -span.start):
        said = text[span.start : span.end]
        detail = f"({span.entity})"
        if span.value != said:
            detail = f'{{"entity": "{span.entity}", "value": "{span.value}"}}'
        text = f"{text[: span.start]}[{said}]{detail}{text[span.end :]}"
    return text


def _values(entities: Iterable[str], lists: Lists, names: Names | None) -> list[dict[str, Any]]:
    """Look-ups of what is said for each kind, and synonyms that lead from it to the canonical values.

    Rasa's synonyms hold for every kind: a phrase with two meanings keeps that of the kind that is looked
    for first.
    """
    taken = [kind for kind in lexicon.KINDS if kind in entities]
    lookups: list[dict[str, Any]] = []
    synonyms: dict[str, list[str]] = {}
    meant: dict[str, str] = {}
    for kind in taken:
        said = {value: _said_for(value, lists.synonyms) for value in lists.lookups.get(kind, ())}
        phrases = dict.fromkeys(phrase for listed in said.values() for phrase in listed)
        lookups.append({"lookup": kind, "examples": _block(phrases)})
        for value, listed in said.items():
            fresh = [one for one in listed if meant.setdefault(one.casefold(), value) == value]
            synonyms.setdefault(value, []).extend(fresh)
    lookups += [
        {"lookup": kind, "examples": _block(names.labels(kind))}
        for kind in LIVE
        if names is not None and kind in entities and names.labels(kind)
    ]
    return [
        *lookups,
        *(
            {"synonym": value, "examples": _block(dict.fromkeys(listed))}
            for value, listed in synonyms.items()
            if listed
        ),
    ]


def _said_for(value: str, synonyms: Mapping[str, str]) -> list[str]:
    """The phrases for a value; a code is none, for "in" is hardly ever India."""
    plain = () if value.isupper() else (value.replace("_", " "),)
    return list(dict.fromkeys((*plain, *(phrase for phrase, name in synonyms.items() if name == value))))


def _block(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as people write training data."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _written(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1000)
