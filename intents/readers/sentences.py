"""Training sentences as the classifier sees them: without names, and in the variants that make it robust."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from intents.names import Name, Names
from intents.readers.delexical import UNKNOWN_NAME, delexicalize, placeholder
from intents.readers.entities import LIVE_NAMES, explain
from intents.readers.measures import words_of
from intents.reading import Scene
from intents.training import Example

OUT_OF_SCOPE = "out_of_scope"
"""The intent of sentences that teach what we do not do."""
_CREATORS = frozenset(
    {
        *("influencer", "influencers", "creator", "creators", "followers", "subscribers", "post", "posts"),
        *("engagement", "block", "blocked", "blacklist", "ban"),
    }
)
NO_COMMANDS = frozenset({OUT_OF_SCOPE, "affirm", "deny"})
"""Intents that take nothing, whatever is named in their sentences."""
_TRAINING_DAY = date(2026, 6, 17)


@dataclass(frozen=True)
class Variant:
    """A delexicalized sentence; ``group`` counts the sentence it comes from."""

    text: str
    intent: str
    group: int

    @property
    def is_inside(self) -> bool:
        """Whether it is something we do."""
        return self.intent != OUT_OF_SCOPE


def variants(examples: Sequence[Example]) -> list[Variant]:
    """Every sentence and its variants, in order; plain sentences where nothing is marked in any of them."""
    if not marks_entities(examples):
        return [Variant(example.text, example.intent, group) for group, example in enumerate(examples)]
    kinds = marked_kinds(examples)
    scene = Scene(training_names(examples), _TRAINING_DAY)
    plain = [
        Variant(delexicalize(explain(example.text, scene, forgiving=False)), example.intent, group)
        for group, example in enumerate(examples)
    ]
    taken = {intent: kinds.get(intent, ()) for intent in kinds if intent not in NO_COMMANDS}
    varied = [
        Variant(text, one.intent, one.group)
        for one in plain
        for text in dict.fromkeys(_varied(one.text, taken.get(one.intent, ()), one.group))
    ]
    return sorted([*plain, *_undisputed(varied, plain)], key=lambda one: one.group)


def _undisputed(varied: Sequence[Variant], plain: Sequence[Variant]) -> list[Variant]:
    """The variants that mean one thing: an unknown name is a venture rather than a campaign."""
    said = {(one.text.lower(), one.intent) for one in plain}
    ventures = {
        one.text.lower(): one.intent
        for one in varied
        if one.is_inside and placeholder("venture") in plain[one.group].text
    }
    kept = []
    for one in varied:
        text = one.text.lower()
        if (text, one.intent) not in said and ventures.get(text, one.intent) == one.intent:
            kept.append(one)
    return kept


def marks_entities(examples: Sequence[Example]) -> bool:
    """Whether any sentence marks an entity."""
    return any(example.spans for example in examples)


def marked_kinds(examples: Sequence[Example]) -> dict[str, tuple[str, ...]]:
    """Which kinds of entity the sentences of each intent mark."""
    found: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        found[example.intent].update(span.entity for span in example.spans)
    return {intent: tuple(sorted(kinds)) for intent, kinds in sorted(found.items())}


def training_names(examples: Sequence[Example]) -> Names:
    """The names that are marked in training sentences, new ones too, as if they were live."""
    marked = {
        (span.entity, span.value)
        for example in examples
        for span in example.spans
        if span.entity in (*LIVE_NAMES, "name")
    }
    return Names(Name(kind, number, name) for number, (kind, name) in enumerate(sorted(marked)))


def word_uses(sentences: Sequence[Variant]) -> dict[str, set[int]]:
    """The sentences, by group, that each word occurs in."""
    uses: dict[str, set[int]] = defaultdict(set)
    for sentence in sentences:
        for word in words_of(sentence.text):
            uses[word].add(sentence.group)
    return uses


def known_elsewhere(sentence: Variant, uses: dict[str, set[int]]) -> frozenset[str]:
    """The words of a sentence that other sentences know too: no sentence vouches for itself."""
    return frozenset(word for word in words_of(sentence.text) if uses.get(word, set()) - {sentence.group})


def _varied(text: str, kinds: Sequence[str], number: int) -> list[str]:
    """The sentence with an unknown name, with "campaign" said, with a venture or period where one may be."""
    words = text.split()
    made = [
        text.replace(placeholder(kind), UNKNOWN_NAME)
        for kind in ("venture", "campaign", "person", "influencer")
        if placeholder(kind) in words and _may_be_unknown(kind, words)
    ]
    campaign = placeholder("campaign")
    if campaign in words and "campaign" not in words:
        made.append(text.replace(campaign, (f"campaign {campaign}", f"the {campaign} campaign")[number % 2]))
    if "venture" in kinds and placeholder("venture") not in words:
        made.append(f"{text} {('for', 'at', 'of')[number % 3]} {placeholder('venture')}")
    if "period" in kinds and placeholder("period") not in words:
        made.append(f"{text} {('', 'in ', 'for ')[number % 3]}{placeholder('period')}")
    return made


def _may_be_unknown(kind: str, words: Sequence[str]) -> bool:
    """Whether the sentence means the same with an unknown name.

    A creator must then be called one, or be named beside a campaign.
    """
    return kind != "influencer" or placeholder("campaign") in words or not _CREATORS.isdisjoint(words)
