"""A small grammar kit over tokens: every rule yields all its parses, the greediest first.

Backtracking is wanted here: "between two hundred and five hundred" holds "two hundred and five" as a
shorter truth, which a parser with one token of look-ahead cannot undo.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

LONGEST_TEXT = 2000
"""Characters that are looked at; longer texts are no value as a whole."""

NUMBER = " number"
ISO_DATE = " iso date"
SLASH_DATE = " slash date"

_TOKEN = re.compile(
    r"(?P<iso>(?:19|20|21)[0-9]{2}[-/][0-9]{1,2}[-/][0-9]{1,2}(?![0-9]))"
    r"|(?P<slash>[0-9]{1,2}/[0-9]{1,2}(?:/[0-9]{4}|/[0-9]{2})?(?![0-9/]))"
    r"|(?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|(?<![0-9])\.[0-9]+)"
    r"|(?P<word>[^\W\d_]+)"
    r"|(?P<mark>['’]s\b|[^\s])"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or mark of the text; ``key`` is what grammars match on."""

    key: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Source:
    """A tokenized text with the memory of what rules found where."""

    tokens: tuple[Token, ...]
    memory: dict[tuple[int, int], list[tuple[Any, int]]] = field(default_factory=dict)


def tokenize(text: str) -> Source:
    """Split ``text``; offsets point into it as given."""
    return Source(tuple(_token(match) for match in _TOKEN.finditer(text)))


def _token(match: re.Match[str]) -> Token:
    kind, text = match.lastgroup, match.group()
    key = {"iso": ISO_DATE, "slash": SLASH_DATE, "number": NUMBER}.get(kind or "", text.lower())
    return Token(key, text, match.start(), match.end())


class _Rejected:
    """What a rule's function returns for a reading that is no value after all."""


REJECT = _Rejected()
_ANYTHING = frozenset({"*"})

Parses = Iterator[tuple[Any, int]]


class Rule:
    """Something that can stand at a place in the tokens. ``starts`` are the keys it can begin with."""

    starts: frozenset[str]
    empty = False
    """Whether it can match nothing at all."""

    def parses(self, source: Source, at: int) -> Parses:
        """Every value that stands at ``at``, with the place after it."""
        raise NotImplementedError

    def may_start(self, source: Source, at: int) -> bool:
        """A cheap look at the next token."""
        if self.empty or self.starts is _ANYTHING:
            return True
        return at < len(source.tokens) and source.tokens[at].key in self.starts

    def longest(self, source: Source, at: int) -> tuple[Any, int] | None:
        """The parse that reaches furthest; of equally long ones the first."""
        best: tuple[Any, int] | None = None
        if self.may_start(source, at):
            for value, end in self.parses(source, at):
                if best is None or end > best[1]:
                    best = (value, end)
        return best

    def __rshift__(self, function: Callable[..., Any]) -> "Rule":
        return _Mapped(self, function)

    def __or__(self, other: "Rule") -> "Rule":
        return either(self, other)


class _Words(Rule):
    def __init__(self, meanings: dict[str, Any]) -> None:
        self.meanings = meanings
        self.starts = frozenset(meanings)

    def parses(self, source: Source, at: int) -> Parses:
        if at < len(source.tokens):
            key = source.tokens[at].key
            if key in self.starts:
                yield self.meanings[key], at + 1


class _Custom(Rule):
    def __init__(self, key: str, read: Callable[[str], Any]) -> None:
        self.starts = frozenset({key})
        self.read = read

    def parses(self, source: Source, at: int) -> Parses:
        if at < len(source.tokens) and source.tokens[at].key in self.starts:
            value = self.read(source.tokens[at].text)
            if value is not REJECT:
                yield value, at + 1


class _Mapped(Rule):
    def __init__(self, inner: Rule, function: Callable[..., Any]) -> None:
        self.inner, self.function = inner, function
        self.starts, self.empty = inner.starts, inner.empty

    def parses(self, source: Source, at: int) -> Parses:
        for value, end in self.inner.parses(source, at):
            arguments = value if isinstance(value, _Parts) else () if value is None else (value,)
            result = self.function(*arguments)
            if result is not REJECT:
                yield result, end


class _Parts(tuple[Any, ...]):
    """The values of a sequence, to be passed on as arguments."""

    __slots__ = ()


class _Sequence(Rule):
    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.empty = all(rule.empty for rule in self.rules)
        starts: frozenset[str] = frozenset()
        for rule in self.rules:
            starts |= rule.starts
            if not rule.empty:
                break
        self.starts = starts

    def parses(self, source: Source, at: int) -> Parses:
        return self._rest(source, at, 0)

    def _rest(self, source: Source, at: int, index: int) -> Parses:
        if index == len(self.rules):
            yield _Parts(), at
            return
        rule = self.rules[index]
        if not rule.may_start(source, at):
            return
        for value, middle in rule.parses(source, at):
            head = () if value is None else value if isinstance(value, _Parts) else (value,)
            for tail, end in self._rest(source, middle, index + 1):
                yield _Parts((*head, *tail)), end


class _Either(Rule):
    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.empty = any(rule.empty for rule in self.rules)
        self.starts = frozenset().union(*(rule.starts for rule in self.rules))

    def parses(self, source: Source, at: int) -> Parses:
        for rule in self.rules:
            if rule.may_start(source, at):
                yield from rule.parses(source, at)


class _Maybe(Rule):
    empty = True

    def __init__(self, inner: Rule, default: Any) -> None:
        self.inner, self.default, self.starts = inner, default, inner.starts

    def parses(self, source: Source, at: int) -> Parses:
        if self.inner.may_start(source, at):
            yield from self.inner.parses(source, at)
        yield self.default, at


class _Remembered(Rule):
    def __init__(self, inner: Rule) -> None:
        self.inner, self.starts = inner, inner.starts

    def parses(self, source: Source, at: int) -> Parses:
        place = (id(self), at)
        if place not in source.memory:
            source.memory[place] = list(self.inner.parses(source, at))
        return iter(source.memory[place])


class Attached(Rule):
    """The inner rule, with no space before it."""

    def __init__(self, inner: Rule) -> None:
        self.inner, self.starts = inner, inner.starts

    def parses(self, source: Source, at: int) -> Parses:
        """The inner rule's values where it touches the token before."""
        if 0 < at < len(source.tokens) and source.tokens[at - 1].end == source.tokens[at].start:
            yield from self.inner.parses(source, at)


class Detached(Rule):
    """The inner rule, at the beginning or after a space: a minus sign rather than a dash."""

    def __init__(self, inner: Rule) -> None:
        self.inner, self.starts = inner, inner.starts

    def parses(self, source: Source, at: int) -> Parses:
        """The inner rule's values where it does not touch the token before."""
        if at == 0 or source.tokens[at - 1].end < source.tokens[at].start:
            yield from self.inner.parses(source, at)


def words(meanings: dict[str, Any]) -> Rule:
    """One of several words, each with its meaning."""
    return _Words(meanings)


def a(*texts: str) -> Rule:
    """One of several words or phrases whose wording does not matter."""
    single = {text: None for text in texts if " " not in text}
    phrases = [sequence(*map(a, text.split())) >> _nothing for text in texts if " " in text]
    return either(*phrases, words(single)) if single else either(*phrases)


def _nothing(*_: Any) -> None:
    return None


def token(key: str, read: Callable[[str], Any]) -> Rule:
    """A token of a kind (`NUMBER`, `ISO_DATE`, `SLASH_DATE`), read by a function that may `REJECT` it."""
    return _Custom(key, read)


def sequence(*rules: Rule) -> Rule:
    """The rules one after the other; their values become the arguments of ``>> function``."""
    return _Sequence(rules)


def either(*rules: Rule) -> Rule:
    """Any of the rules, tried in this order."""
    return rules[0] if len(rules) == 1 else _Either(rules)


def maybe(rule: Rule, default: Any = None) -> Rule:
    """The rule or nothing; nothing gives ``default``, and no argument at all when that is None."""
    return _Maybe(rule, default)


def remembered(rule: Rule) -> Rule:
    """The rule, parsed once per place however many rules ask for it."""
    return _Remembered(rule)


def whole(rule: Rule, text: str) -> Any:
    """The first value that takes all of ``text``, or None."""
    if len(text) > LONGEST_TEXT:
        return None
    source = tokenize(text)
    if rule.may_start(source, 0):
        for value, end in rule.parses(source, 0):
            if end == len(source.tokens):
                return value
    return None
