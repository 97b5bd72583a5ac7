"""Networks of words: what may follow what."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from voice.jsgf import Choice, Grammar, Node, Repeat, Rule, Series, Word

_MOST_STATES = 5_000


@dataclass(frozen=True)
class Network:
    """Arcs ``(from, to, word)`` between states; said is what leads from ``start`` to one of ``ends``."""

    arcs: tuple[tuple[int, int, str], ...]
    start: int
    ends: frozenset[int]

    @property
    def states(self) -> int:
        """One more than the highest state."""
        return 1 + max((max(a, b) for a, b, _ in self.arcs), default=self.start)


def of_grammar(grammar: Grammar) -> Network:
    """The network of a grammar, with one way for each beginning and no two states that do the same.

    A grammar too entangled for that keeps several ways.
    """
    builder = _Builder(grammar)
    start, end = builder.add(grammar.root)
    return _least(builder, start, end)


class _Builder:
    """Arcs and silent steps as the grammar is written."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.words: dict[int, list[tuple[str, int]]] = defaultdict(list)
        self.silent: dict[int, list[int]] = defaultdict(list)
        self._new = count()

    def add(self, node: Node) -> tuple[int, int]:
        start, end = next(self._new), next(self._new)
        match node:
            case Word(text):
                if text:
                    self.words[start].append((text, end))
                else:
                    self.silent[start].append(end)
            case Rule(name):
                self._join(start, self.add(self.grammar.rules[name]), end)
            case Series(parts):
                at = start
                for part in parts:
                    first, last = self.add(part)
                    self.silent[at].append(first)
                    at = last
                self.silent[at].append(end)
            case Choice(parts, _):
                for part in parts:
                    self._join(start, self.add(part), end)
            case Repeat(part, least, many):
                first, last = self.add(part)
                self._join(start, (first, last), end)
                if many:
                    self.silent[last].append(first)
                if least == 0:
                    self.silent[start].append(end)
        return start, end

    def _join(self, start: int, inner: tuple[int, int], end: int) -> None:
        self.silent[start].append(inner[0])
        self.silent[inner[1]].append(end)

    def reached(self, states: Iterable[int]) -> frozenset[int]:
        found = set(states)
        left = list(found)
        while left:
            for after in self.silent.get(left.pop(), ()):
                if after not in found:
                    found.add(after)
                    left.append(after)
        return frozenset(found)


def _least(builder: _Builder, start: int, end: int) -> Network:
    sets: dict[frozenset[int], int] = {builder.reached([start]): 0}
    left = list(sets)
    arcs: list[dict[str, int]] = [{}]
    while left:
        at = left.pop()
        following: dict[str, set[int]] = defaultdict(set)
        for state in at:
            for word, after in builder.words.get(state, ()):
                following[word].add(after)
        for word, afters in following.items():
            reached = builder.reached(afters)
            if reached not in sets:
                if len(sets) >= _MOST_STATES:
                    return _as_written(builder, start, end)
                sets[reached] = len(arcs)
                arcs.append({})
                left.append(reached)
            arcs[sets[at]][word] = sets[reached]
    ends = {number for states, number in sets.items() if end in states}
    group = _groups(arcs, ends)
    made = {(group[a], group[b], word) for a, after in enumerate(arcs) for word, b in after.items()}
    return Network(tuple(sorted(made)), group[0], frozenset(group[state] for state in ends))


def _groups(arcs: Sequence[dict[str, int]], ends: set[int]) -> list[int]:
    """States that do the same, by number."""
    group = [int(state in ends) for state in range(len(arcs))]
    found = len(set(group))
    while True:
        keys: dict[object, int] = {}
        after = [
            keys.setdefault(
                (group[state], frozenset((word, group[to]) for word, to in arcs[state].items())), len(keys)
            )
            for state in range(len(arcs))
        ]
        if len(keys) == found:
            return after
        group, found = after, len(keys)


def _as_written(builder: _Builder, start: int, end: int) -> Network:
    arcs, ends = [], set()
    numbers = {start: 0}
    left = [start]
    while left:
        at = left.pop()
        reached = builder.reached([at])
        if end in reached:
            ends.add(numbers[at])
        for state in reached:
            for word, after in builder.words.get(state, ()):
                if after not in numbers:
                    numbers[after] = len(numbers)
                    left.append(after)
                arcs.append((numbers[at], numbers[after], word))
    return Network(tuple(arcs), 0, frozenset(ends))
