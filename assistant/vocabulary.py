"""What can be said by voice at this moment: typical sentences of every command, live names, values.

Of the thousands of training sentences those are taken that are made of what people say most; all of them
would be more than embedded ears can tell apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, product
from math import log

from intents import lexicon
from intents.names import Names
from intents.readers.embedded import DATA
from intents.readers.sentences import OUT_OF_SCOPE
from intents.training import Example, load, load_lists
from voice import numbers
from voice.grammar import is_place, tokens_of
from voice.pronouncing import spoken
from voice.transcriber import Vocabulary

MOST_PATTERNS = 19
"""Typical sentences of a command, besides those given below."""
_LONGEST = 8
_RARE = 5
"""A word in fewer sentences than these is not typical."""
_USUAL, _SHORTEST = 3, 4
"""Another word for a value is listened for where it is said so often, and has so many letters."""
_OPEN = ("file", "name", "reason", "pairs")
"""What may be anything at all, and so cannot be heard from a closed grammar."""
_NAMED = ("venture", "campaign", "category", "person")
_LISTED = tuple(kind for kind in lexicon.KINDS if kind not in ("topic", "time_zone"))

_WANTED: dict[str, tuple[tuple[tuple[str, ...], ...], ...]] = {
    "show_performance": (
        (
            ("show", "show me", "give me", "tell me", "what is", "i want to see", "let me see"),
            ("the gtm performance", "gtm performance", "the performance", "performance"),
            ("for {venture}", "of {venture}", "for {venture} {period}"),
        ),
        (("show", "show me", "what is"), ("{venture}'s",), ("performance", "gtm performance")),
        (("how is {venture}",), ("doing", "performing", "doing {period}", "performing {period}")),
    ),
    "find_influencers": (
        (
            ("find", "find me", "show me", "look for", "search for", "get me"),
            ("influencers", "creators"),
            ("for {category}", "in {category}"),
            (
                "",
                "with {count} followers",
                "with {range} followers",
                "on {platform}",
                "with {count} followers on {platform}",
                "on {platform} with {count} followers",
            ),
        ),
        (
            ("find", "find me", "show me", "look for", "search for", "get me"),
            ("{category} influencers", "{category} creators", "influencers"),
            ("", "with {count} followers", "with {range} followers", "on {platform}"),
        ),
    ),
    "add_influencer": (
        *(
            (
                (verb,),
                ("{influencer}", "her", "him", "the first one", "the second one", "the third one"),
                (f"{joint} {{campaign}}",),
            )
            for verb, joint in (("add", "to"), ("put", "on"), ("hire", "for"), ("book", "for"))
        ),
    ),
    "optimize_budget": (
        (
            ("optimize", "improve"),
            ("the budget allocation", "budget allocation", "the budget", "budget", "spending"),
            ("for", "of"),
            ("{campaign}", "the {campaign} campaign", "campaign {campaign}", "{venture}"),
        ),
        (("optimize",), ("{campaign}", "{venture}", "the {campaign} budget", "the {campaign} campaign")),
    ),
    "top_channels": (
        (
            ("what are", "what were", "show me", "give me", "which are", "tell me"),
            ("the",),
            ("top performing", "best performing", "top", "best"),
            ("channels",),
            ("", "{period}", "for {venture}", "for {venture} {period}"),
        ),
    ),
    "approve": (
        (
            ("approve", "i approve", "accept", "sign off"),
            (
                "it",
                "this",
                "that",
                "{proposal}",
                "number {proposal}",
                "proposal {proposal}",
                "the first one",
                "the second one",
                "the budget",
                "the proposal",
                "it but make it {money}",
            ),
        ),
    ),
}
"""Said often and in many ways: one of each row after the other."""
_ANSWERS = (
    *("{campaign}", "{venture}", "{channel}", "{money}", "{count}", "{period}", "{percent}", "{metric}"),
    *("{category}", "{platform}", "{range}", "{stage}", "{business}", "{model}", "{pace}", "{kind}"),
    *("the {campaign} campaign", "for {venture}", "at {venture}", "in {campaign}", "number {proposal}"),
    *("the first one", "the second one", "the third one", "the last one", "the first", "the second"),
    *("and {period}", "and for {venture}", "and for {campaign}", "what about {venture}", "and {venture}"),
    *("what about {period}", "what about {campaign}", "what about {channel}", "make it {money}"),
    *("do the same for {venture}", "do the same for {campaign}", "the same for {venture}"),
)
"""What answers a question or goes on from the last command."""
_SPEECH_ACTS = {
    "affirm": ("yes", "yes please", "yeah", "okay", "sure", "correct", "that's right", "do it", "go ahead"),
    "deny": ("no", "no thanks", "nope", "that's wrong", "no don't", "don't do it", "rather not"),
    "cancel": ("cancel", "cancel that", "stop", "never mind", "forget it", "abort"),
    "undo": ("undo", "undo that", "undo the last change", "take that back", "revert that"),
    "why": ("why", "why is that", "how come", "explain that", "where does that number come from"),
    "repeat": ("repeat", "repeat that", "say that again", "what did you say", "once more", "pardon"),
    "help": ("help", "help me", "what can you do", "what can i say", "what can i ask you"),
}


def vocabulary(names: Names, influencers: Sequence[str] = ()) -> Vocabulary:
    """What can be said where these are the live names; quick but for the first call.

    ``influencers``: those that can be asked about by name, the most important first.
    """
    said = {kind: _sayable(_as_said(label) for label in names.labels(kind)) for kind in _NAMED}
    said["influencer"] = _sayable(name.lstrip("@").replace("_", " ") for name in influencers)
    return Vocabulary(
        patterns=tuple(dict.fromkeys(one for several in patterns().values() for one in several)),
        names={kind: found for kind, found in said.items() if found},
        values=values(),
        names_version=names.version,
    )


def _as_said(label: str) -> str:
    """Without the brackets that tell two of one name apart: the dialogue asks which is meant."""
    return label.split(" (")[0]


def _sayable(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys(names) if spoken(name))


@lru_cache(maxsize=1)
def values() -> dict[str, str]:
    """By kind, the grammar of what may stand in its place whatever the names are."""
    found = {
        "money": numbers.MONEY,
        "count": numbers.COUNT,
        "percent": numbers.PERCENT,
        "range": numbers.RANGE,
        "period": numbers.PERIOD,
        "proposal": numbers.SMALL,
        "time": numbers.TIME,
        "weekday": numbers.WEEKDAY,
        "month_day": numbers.MONTH_DAY,
    }
    lists = load_lists(DATA)
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for example in _examples():
        for span in example.spans:
            said[span.entity][example.text[span.start : span.end].lower()] += 1
    for kind in _LISTED:
        values_of_kind = set(lexicon.vocabulary(kind))
        canonical = [value.replace("_", " ") for value in lexicon.vocabulary(kind) if value.islower()]
        others = [
            phrase
            for phrase, value in lists.synonyms.items()
            if value in values_of_kind and said[kind][phrase] >= _USUAL and len(phrase) >= _SHORTEST
        ]
        phrases = [" ".join(spoken(phrase)) for phrase in (*canonical, *others)]
        if any(phrases):
            found[kind] = numbers.any_of(phrases)
    return found


@lru_cache(maxsize=1)
def patterns() -> Mapping[str, tuple[str, ...]]:
    """The sentences that can be said by command or speech act, with places; answers under ``""``."""
    examples = _examples()
    found: dict[str, list[str]] = {intent: list(_expanded(rows)) for intent, rows in _WANTED.items()}
    typical = _typical(examples)
    for intent in sorted({one.intent for one in examples}):
        said = found.setdefault(intent, [])
        said += _SPEECH_ACTS.get(intent, ())
        said += typical[intent]
    found[""] = list(_ANSWERS)
    return {intent: tuple(dict.fromkeys(said)) for intent, said in found.items()}


@lru_cache(maxsize=1)
def _examples() -> tuple[Example, ...]:
    return tuple(one for one in load(DATA) if one.intent != OUT_OF_SCOPE)


def _expanded(rows: Iterable[tuple[tuple[str, ...], ...]]) -> Iterable[str]:
    for row in rows:
        for parts in product(*row):
            yield " ".join(part for part in parts if part)


def pattern_of(example: Example) -> str:
    """A training sentence with its entities replaced by their kinds."""
    text, at = "", 0
    for span in sorted(example.spans, key=lambda span: span.start):
        text += f"{example.text[at : span.start]}{{{span.entity}}}"
        at = span.end
    return text + example.text[at:]


def _typical(examples: Sequence[Example]) -> dict[str, list[str]]:
    """The sentences of each intent made of its commonest pairs of words, each way of filling it in turn."""
    by_intent: dict[str, dict[tuple[str, ...], str]] = defaultdict(dict)
    for example in examples:
        pattern = pattern_of(example)
        by_intent[example.intent].setdefault(tokens_of(pattern), pattern)
    uses = Counter(word for said in by_intent.values() for tokens in said for word in set(tokens))
    chosen = {}
    for intent, said in by_intent.items():
        pairs = Counter(pair for tokens in said for pair in pairwise(("", *tokens, "")))
        scores = {
            tokens: sum(log(pairs[pair]) for pair in pairwise(("", *tokens, ""))) / (len(tokens) + 1)
            for tokens in said
            if 0 < len(tokens) <= _LONGEST
            and all(uses[word] >= _RARE for word in tokens)
            and _is_clear(tokens)
        }
        ways: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
        for tokens in sorted(scores, key=lambda tokens: (-scores[tokens], tokens)):
            ways[tuple(filter(is_place, tokens))].append(tokens)
        shares = {way: len(several) ** 0.5 for way, several in ways.items()}
        whole = sum(shares.values())
        best = [
            tokens
            for way, several in ways.items()
            for tokens in several[: max(1, round(MOST_PATTERNS * shares[way] / whole))]
        ]
        best.sort(key=lambda tokens: -scores[tokens])
        chosen[intent] = [said[tokens] for tokens in best[:MOST_PATTERNS]]
    return chosen


def _is_clear(tokens: Sequence[str]) -> bool:
    """Whether a sentence has words to tell it by, and no place for what may be anything."""
    words = sum(not is_place(token) for token in tokens)
    closed = all(token[1:-1] not in _OPEN for token in tokens if is_place(token))
    return closed and not is_place(tokens[0]) and words > sum(map(is_place, tokens)) - (words > 1)
