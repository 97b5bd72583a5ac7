"""The words of an utterance between its entities: what they say about names and follow-ups."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from intents import lexicon
from intents.reading import EntityMatch

_TOKEN = re.compile(
    r"(?P<clitic>['’](?:s|re|m|ve|ll|d|t)\b)|[^\W_]+(?:['’](?:t|re|ve|ll|m|d)\b)?", re.IGNORECASE
)
_BEFORE_NAMES = frozenset(
    {"for", "of", "at", "in", "on", "about", "from", "to", "with", "into", "within", "called", "named"}
)
_BEFORE_HANDLES = frozenset({"influencer", "creator", "block", "blacklist", "ban", "add", "hire"})
_BEFORE_COLLABORATORS = frozenset(
    {"assign", "attach", "book", "bring", "engage", "enlist", "include", "put", "recruit", "sign"}
)
_BEFORE_CAMPAIGNS = frozenset({"to", "for", "on", "onto", "into", "in"})
_KIND_WORDS = frozenset({"campaign", "venture", "company", "startup"})
_DETERMINERS = frozenset({"the", "our", "my", "your", "a", "an", "this", "that"})
_LINKS = frozenset(
    {
        "and",
        "or",
        "but",
        "for",
        "only",
        "just",
        "then",
        "instead",
        "also",
        "with",
        "in",
        "at",
        "on",
        "by",
        "now",
    }
)
_ASKING = frozenset({"is", "are", "was", "were", "did", "does", "do", "has", "have"})
_DOING = frozenset(
    {"doing", "going", "performing", "do", "perform", "performed", "stand", "standing", "faring"}
)
_NO_NAME_ENDINGS = (
    "ing",
    "ly",
    "tion",
    "sion",
    "ment",
    "ness",
    "able",
    "ible",
    "ous",
    "ive",
    "ed",
    "ally",
    "ity",
    "ism",
)
_SHORTEST_NAME = 3


@dataclass(frozen=True, slots=True)
class Token:
    """A word, and whether an entity holds it."""

    text: str
    start: int
    end: int
    is_covered: bool

    @property
    def key(self) -> str:
        """Lower case, with one kind of apostrophe."""
        return self.text.lower().replace("’", "'")


@lru_cache(maxsize=1)
def ordinary_words() -> frozenset[str]:
    """Words of plain English, of our trade and of our grammar: never a name by mistake."""
    listed = lexicon.listed("ordinary") | lexicon.listed("joining")
    phrases = (word for kind in lexicon.KINDS for word in lexicon.words_of(kind))
    return listed | frozenset(phrases)


@dataclass(frozen=True)
class Words:
    """The tokens of an utterance with its entities marked."""

    text: str
    tokens: tuple[Token, ...]
    entities: tuple[EntityMatch, ...]

    @classmethod
    def of(cls, text: str, entities: Sequence[EntityMatch]) -> "Words":
        """Cut ``text``; a token that touches an entity is covered by it."""
        return cls(text, tuple(_tokens(text, entities)), tuple(entities))

    def is_fragment(self) -> bool:
        """Whether only entities and joining words were said.

        A metric with more beside it ("revenue of Acme") is a question by itself unless a link leads it in.
        """
        joining = lexicon.listed("joining") | _KIND_WORDS | {"campaigns", "ventures"}
        free = [token.key for token in self.tokens if not token.is_covered and token.key != "'s"]
        if not self.entities or any(key not in joining for key in free):
            return False
        if any(key in _ASKING for key in free):
            return False
        has_metric = any(entity.entity == "metric" for entity in self.entities)
        return len(self.entities) == 1 or not has_metric or self._is_led_in()

    def _is_led_in(self) -> bool:
        keys = [token.key for token in self.tokens[:2]]
        return keys[0] in _LINKS or keys in (["what", "about"], ["how", "about"])

    def unknown_names(self, known: Collection[str]) -> tuple[tuple[int, int], ...]:
        """Places of words that stand where a name belongs but are neither ``known`` nor explained."""
        runs = _runs(self.tokens, known, with_stems=True)
        free = [token for token in self.tokens[1:] if not token.is_covered]
        shouted = sum(token.text[0].isupper() for token in free) * 2 > len(free) + 1
        places = [
            (self.tokens[first].start, self.tokens[last - 1].end)
            for first, last in runs
            if self._stands_as_name(first, last, shouted)
        ]
        # "Olivia Price" is one name, though a price is none.
        return tuple(dict.fromkeys(places if shouted else (self.widened(*place) for place in places)))

    def strange(self, known: Collection[str]) -> tuple[tuple[int, int], ...]:
        """Places of words that are neither ``known`` nor explained, wherever they stand."""
        runs = _runs(self.tokens, known)
        return tuple((self.tokens[first].start, self.tokens[last - 1].end) for first, last in runs)

    def widened(self, start: int, end: int) -> tuple[int, int]:
        """The place with the capitalized words on both sides, but for the one that begins the text."""
        capital = [token.text[0].isupper() and not token.is_covered for token in self.tokens]
        first = next(at for at, token in enumerate(self.tokens) if token.end > start)
        last = next(at for at, token in enumerate(self.tokens) if token.end >= end)
        while first > 1 and capital[first - 1]:
            first -= 1
        while last + 1 < len(self.tokens) and capital[last + 1]:
            last += 1
        return self.tokens[first].start, self.tokens[last].end

    def _stands_as_name(self, first: int, last: int, shouted: bool) -> bool:
        word = self.tokens[last - 1]
        if word.end - self.tokens[first].start < _SHORTEST_NAME:
            return False
        before = self.tokens[first - 1].key if first else ""
        after = self.tokens[last].key if last < len(self.tokens) else ""
        if after in ("'s", "campaign", "campaigns"):
            return True
        if self.tokens[first].text[0].isupper() and first and not shouted:
            return True
        if word.key.endswith(_NO_NAME_ENDINGS):
            return False
        if before in _BEFORE_COLLABORATORS | {"get"} and self._leads_on(last, before):
            return True
        return before in _BEFORE_NAMES | _KIND_WORDS | _BEFORE_HANDLES or (
            before in _ASKING and after in _DOING
        )

    def _leads_on(self, last: int, verb: str) -> bool:
        """Whether "for Spring Launch" or "on board" comes next: "book fitwithlena for Spring Launch"."""
        after = self.tokens[last : last + 3]
        if [token.key for token in after[:2]] == ["on", "board"]:
            return True
        into = {"onto", "into"} if verb == "get" else _BEFORE_CAMPAIGNS
        named = [token for token in after[1:] if token.key not in _DETERMINERS]
        return len(after) > 1 and after[0].key in into and bool(named) and named[0].is_covered


def _tokens(text: str, entities: Sequence[EntityMatch]) -> Iterator[Token]:
    places = sorted((entity.start, entity.end) for entity in entities)
    at = 0
    for match in _TOKEN.finditer(text):
        while at < len(places) and places[at][1] <= match.start():
            at += 1
        covered = at < len(places) and places[at][0] < match.end()
        yield Token(match.group(), match.start(), match.end(), covered)


def _runs(
    tokens: Sequence[Token], known: Collection[str], *, with_stems: bool = False
) -> list[tuple[int, int]]:
    """Neighboring words that nothing explains, as first and behind-last places.

    With ``with_stems`` a word that is only like a known one ("Fields") goes on with what is not.
    """
    runs: list[tuple[int, int]] = []
    for at, token in enumerate(tokens):
        if token.is_covered or not token.text[0].isalpha():
            continue
        goes_on = bool(runs) and runs[-1][1] == at
        is_known = (
            token.key in known
            if with_stems and goes_on and "'" not in token.key
            else _is_known(token.key, known)
        )
        if is_known:
            continue
        if goes_on:
            runs[-1] = (runs[-1][0], at + 1)
        else:
            runs.append((at, at + 1))
    return runs


def _is_known(key: str, known: Collection[str]) -> bool:
    stem = key.split("'")[0]
    return any(form in known for form in (key, stem, stem.removesuffix("s"), stem.removesuffix("es")))
