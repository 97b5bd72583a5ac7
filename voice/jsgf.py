"""Grammars in the JSpeech Grammar Format: read, searched for what was said, and drawn from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*")|(?P<rule><[^<>\s]+>)|(?P<tag>\{(?:[^{}\\]|\\.)*\})"""
    r"""|(?P<weight>/\s*[0-9.eE+-]+\s*/)|(?P<sign>[=|()\[\]*+;])|(?P<word>[^\s<>{}/=|()\[\]*+;"]+))"""
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_MOST_DEPTH = 60
_MOST_REPEATED = 3
"""How often something is said that may be said any number of times, where sentences are drawn."""


class GrammarError(ValueError):
    """A grammar that cannot be read; the message says where."""


@dataclass(frozen=True)
class Word:
    """A word that is said."""

    text: str


@dataclass(frozen=True)
class Rule:
    """Whatever a rule of this name stands for."""

    name: str


@dataclass(frozen=True)
class Series:
    """One after the other."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Choice:
    """One of these, with their weights."""

    parts: tuple["Node", ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Repeat:
    """Said ``least`` times, 0 or 1; more often too where ``many``."""

    part: "Node"
    least: int
    many: bool


Node = Word | Rule | Series | Choice | Repeat


@dataclass(frozen=True)
class Match:
    """Which words a rule stood for: ``words[start:end]``."""

    rule: str
    start: int
    end: int


@dataclass(frozen=True)
class Grammar:
    """Named rules; what may be said is what a public rule stands for."""

    rules: Mapping[str, Node]
    public: tuple[str, ...]

    @property
    def root(self) -> Node:
        """Everything that may be said."""
        return Choice(tuple(Rule(name) for name in self.public), (1.0,) * len(self.public))

    def words(self) -> frozenset[str]:
        """Every word in it."""
        return frozenset(word for node in self.rules.values() for word in _words_in(node))

    def match(self, words: Sequence[str]) -> tuple[Match, ...] | None:
        """How the whole of ``words`` can be said: the rules used, outer ones first. None where it cannot."""
        found: dict[tuple[int, int], tuple[tuple[int, tuple[Match, ...]], ...]] = {}
        for end, matches in self._ends(self.root, words, 0, found):
            if end == len(words):
                return matches
        return None

    def _ends(
        self,
        node: Node,
        words: Sequence[str],
        at: int,
        found: dict[tuple[int, int], tuple[tuple[int, tuple[Match, ...]], ...]],
    ) -> tuple[tuple[int, tuple[Match, ...]], ...]:
        """Where ``node`` may end that begins at ``at``; the first way of each end."""
        key = (id(node), at)
        if key not in found:
            ways: dict[int, tuple[Match, ...]] = {}
            for end, matches in self._ways(node, words, at, found):
                ways.setdefault(end, matches)
            found[key] = tuple(ways.items())
        return found[key]

    def _ways(  # noqa: C901 - a case a kind of node
        self,
        node: Node,
        words: Sequence[str],
        at: int,
        found: dict[tuple[int, int], tuple[tuple[int, tuple[Match, ...]], ...]],
    ) -> Iterator[tuple[int, tuple[Match, ...]]]:
        match node:
            case Word(text):
                if at < len(words) and words[at] == text:
                    yield at + 1, ()
            case Rule(name):
                for end, matches in self._ends(self.rules[name], words, at, found):
                    yield end, (Match(name, at, end), *matches)
            case Series(parts):
                ways: dict[int, tuple[Match, ...]] = {at: ()}
                for part in parts:
                    following: dict[int, tuple[Match, ...]] = {}
                    for place, matches in ways.items():
                        for end, more in self._ends(part, words, place, found):
                            following.setdefault(end, matches + more)
                    ways = following
                yield from ways.items()
            case Choice(parts, _):
                for part in parts:
                    yield from self._ends(part, words, at, found)
            case Repeat(part, least, many):
                if least == 0:
                    yield at, ()
                ways, seen = {at: ()}, {at}
                while ways:
                    following = {}
                    for place, matches in ways.items():
                        for end, more in self._ends(part, words, place, found):
                            if end not in seen:
                                following.setdefault(end, matches + more)
                    yield from following.items()
                    seen |= following.keys()
                    ways = following if many else {}

    def draw(self, random: Random) -> tuple[str, ...]:
        """A sentence, by the weights."""
        return tuple(self._drawn(self.root, random))

    def _drawn(self, node: Node, random: Random) -> Iterator[str]:
        match node:
            case Word(text):
                yield text
            case Rule(name):
                yield from self._drawn(self.rules[name], random)
            case Series(parts):
                for part in parts:
                    yield from self._drawn(part, random)
            case Choice(parts, weights):
                yield from self._drawn(random.choices(parts, weights)[0], random)
            case Repeat(part, least, many):
                for _ in range(random.randint(least, _MOST_REPEATED if many else 1)):
                    yield from self._drawn(part, random)


def parse(text: str) -> Grammar:
    """Read a grammar. ``#JSGF`` and ``grammar`` lines may be missing; a lone expansion is a grammar too.

    Tags are passed over, ``import`` is not known. Raises `GrammarError`, for a rule that uses itself as well.
    """
    body = re.sub(r"^\s*#JSGF[^;\n]*;?", "", text.lstrip("\ufeff"))
    body = _COMMENT.sub(" ", body)
    body = re.sub(r"^\s*grammar\s+[^;]+;", "", body)
    if re.match(r"\s*import\b", body):
        raise GrammarError("import is not supported")
    tokens = list(_tokens(body))
    if ("sign", "=") not in tokens:
        body = f"public <root> = {body.rstrip().rstrip(';')};"
        tokens = list(_tokens(body))
    grammar = _Reader(tokens).grammar()
    _check(grammar)
    return grammar


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise GrammarError(f"cannot read {text[at : at + 30].strip()!r}")
        kind = str(found.lastgroup)
        if kind != "tag":
            yield kind, found[kind]
        at = found.end()


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def grammar(self) -> Grammar:
        rules: dict[str, Node] = {}
        public: list[str] = []
        while self._at < len(self._tokens):
            is_public = self._take("word", "public")
            kind, name = self._next()
            if kind != "rule" or not self._take("sign", "="):
                raise GrammarError(f"expected a rule, found {name!r}")
            name = name[1:-1]
            if name in rules:
                raise GrammarError(f"<{name}> is there twice")
            rules[name] = self._choice()
            if not self._take("sign", ";"):
                raise GrammarError(f"<{name}> does not end with ';'")
            if is_public:
                public.append(name)
        if not rules:
            raise GrammarError("the grammar is empty")
        return Grammar(rules, tuple(public) or (next(iter(rules)),))

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise GrammarError("the grammar ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False

    def _choice(self) -> Node:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise GrammarError("groups are nested too deeply")
        parts, weights = [], []
        while True:
            weights.append(self._weight())
            parts.append(self._sequence())
            if not self._take("sign", "|"):
                break
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Choice(tuple(parts), tuple(weights))

    def _weight(self) -> float:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "weight":
            text = self._next()[1].strip("/ ")
            try:
                return max(float(text), 1e-9)
            except ValueError as error:
                raise GrammarError(f"{text!r} is no weight") from error
        return 1.0

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if (kind, text) in (("sign", "|"), ("sign", ")"), ("sign", "]"), ("sign", ";")):
                break
            self._at += 1
            parts.append(self._repeated(self._item(kind, text)))
        if not parts:
            raise GrammarError("there is nothing between two signs")
        return parts[0] if len(parts) == 1 else Series(tuple(parts))

    def _item(self, kind: str, text: str) -> Node:
        if kind == "word":
            return Word(text.lower())
        if kind == "quoted":
            said = tuple(Word(word) for word in text.strip('"').lower().split())
            if not said:
                raise GrammarError("a quotation is empty")
            return said[0] if len(said) == 1 else Series(said)
        if kind == "rule":
            return Repeat(Word(""), 0, many=False) if text == "<NULL>" else Rule(text[1:-1])
        if text in ("(", "["):
            inner = self._choice()
            if not self._take("sign", ")" if text == "(" else "]"):
                raise GrammarError(f"a {text!r} is not closed")
            return inner if text == "(" else Repeat(inner, 0, many=False)
        raise GrammarError(f"{text!r} is at the wrong place")

    def _repeated(self, node: Node) -> Node:
        if self._take("sign", "*"):
            return Repeat(node, 0, many=True)
        if self._take("sign", "+"):
            return Repeat(node, 1, many=True)
        return node


def _check(grammar: Grammar) -> None:
    """Every rule that is used is there, and none uses itself."""
    done: set[str] = set()

    def follow(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise GrammarError(f"<{name}> uses itself")
        if name not in grammar.rules:
            raise GrammarError(f"there is no <{name}>")
        if name not in done:
            for used in _rules_in(grammar.rules[name]):
                follow(used, (*above, name))
            done.add(name)

    for name in grammar.rules:
        follow(name, ())


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Series(parts) | Choice(parts, _):
            return parts
        case Repeat(part, _, _):
            return (part,)
        case _:
            return ()


def _rules_in(node: Node) -> Iterator[str]:
    if isinstance(node, Rule):
        yield node.name
    for part in _parts(node):
        yield from _rules_in(part)


def _words_in(node: Node) -> Iterator[str]:
    if isinstance(node, Word) and node.text:
        yield node.text
    for part in _parts(node):
        yield from _words_in(part)
