"""What can be said, as a network of words that a decoder walks.

Patterns share their beginnings and their ends. A place for a name is one set of arcs for all patterns that
go on alike after it, so that a thousand names make thousands of arcs rather than millions; where a kind has
many names, the rare ways to go on are thrown together, which lets through some sentences that no pattern
holds. A name is one word of the network, whatever it consists of.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from voice.jsgf import GrammarError, parse
from voice.network import Network, of_grammar
from voice.pronouncing import spoken

MOST_HUBS = 2
"""Ways to go on after a place for names that are kept apart where the names are many."""
_PLACE = re.compile(r"\{(\w+)\}")
_OWNER = "'s"
BEFORE = ("please", "can you", "could you", "can you please", "could you please", "i want you to")
AFTER = ("please",)
"""What is said around a sentence and means nothing."""
_POLITE = 0.02
_MOST_LISTED = 400
"""Phrases of a kind of value that are listed one by one rather than as a network."""

Token = str
"""A word, or a place as "{campaign}"."""


@lru_cache(maxsize=4096)
def tokens_of(pattern: str) -> tuple[Token, ...]:
    """A pattern's spoken words and its places in order."""
    tokens: list[Token] = []
    at = 0
    for match in _PLACE.finditer(pattern):
        tokens += _words(pattern[at : match.start()], after_place=bool(tokens))
        tokens.append(match.group())
        at = match.end()
    return (*tokens, *_words(pattern[at:], after_place=at > 0))


def _words(text: str, *, after_place: bool) -> list[str]:
    owner = after_place and re.match(r"['’]s\b", text)
    return [_OWNER, *spoken(text[2:])] if owner else list(spoken(text))


def is_place(token: Token) -> bool:
    """Whether it is a place rather than a word."""
    return token.startswith("{")


@dataclass(frozen=True)
class Step:
    """From one state to another, by a word or (None) silently."""

    start: int
    end: int
    weight: float
    word: str | None


@dataclass
class Walk:
    """A whole network with weights; ``0`` is its start."""

    steps: list[Step]
    end: int
    labels: Mapping[str, str]
    """The text of words that stand for names."""

    def follows(self, words: Sequence[str]) -> bool:
        """Whether the words lead from start to end."""
        states = self._silent({0})
        for word in words:
            states = self._silent({to for state in states for to in self._after.get((state, word), ())})
            if not states:
                return False
        return self.end in states

    def holds(self, words: Sequence[str], parts: Mapping[str, Sequence[str]]) -> bool:
        """Whether spoken words are a sentence, where some of the network's words stand for several."""
        whole: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for word, said in parts.items():
            whole[said[0]].append((word, tuple(said)))
        reached: list[set[int]] = [set() for _ in range(len(words) + 1)]
        reached[0] = self._silent({0})
        for at, word in enumerate(words):
            ways = [(word, (word,)), *whole[word]]
            for name, said in ways:
                if tuple(words[at : at + len(said)]) == said:
                    after = {to for state in reached[at] for to in self._after.get((state, name), ())}
                    reached[at + len(said)] |= self._silent(after)
        return self.end in reached[-1]

    @cached_property
    def _after(self) -> dict[tuple[int, str], list[int]]:
        after = defaultdict(list)
        for step in self.steps:
            if step.word is not None:
                after[step.start, step.word].append(step.end)
        return after

    @cached_property
    def _quiet(self) -> dict[int, list[int]]:
        quiet = defaultdict(list)
        for step in self.steps:
            if step.word is None:
                quiet[step.start].append(step.end)
        return quiet

    def _silent(self, states: set[int]) -> set[int]:
        return states | {to for state in states for to in self._quiet.get(state, ())}


@dataclass
class _Node:
    after: dict[Token, "_Node"] = field(default_factory=dict)
    ending: float = 0.0


class Plan:
    """The patterns of a vocabulary woven into a network, before names and values are put in."""

    def __init__(
        self, patterns: Iterable[str], kinds: Iterable[str], crowded: Collection[str] = frozenset()
    ) -> None:
        """``crowded`` are the kinds with so many names that their arcs must be few."""
        known = {f"{{{kind}}}" for kind in kinds}
        self.sentences = tuple(
            tokens
            for tokens in dict.fromkeys(map(tokens_of, patterns))
            if tokens and all(token in known for token in tokens if is_place(token))
        )
        """The patterns that can be said, as tokens."""
        self.words = frozenset(token for one in self.sentences for token in one if not is_place(token))
        self.arcs: list[tuple[int, int, float, Token]] = []
        self.ends: dict[int, float] = {}
        self._weave()
        self.hubs: list[tuple[str, int, int]] = []
        """Kind, entrance and exit of each set of names."""
        self.entrances: list[tuple[int, int, float]] = []
        self._gather(frozenset(f"{{{kind}}}" for kind in crowded))

    def _weave(self) -> None:
        root = _Node()
        for sentence in self.sentences:
            node = root
            for token in sentence:
                node = node.after.setdefault(token, _Node())
            node.ending += 1.0
        numbers: dict[object, int] = {}
        masses: dict[int, dict[tuple[Token, int], float]] = defaultdict(lambda: defaultdict(float))
        endings: dict[int, float] = defaultdict(float)

        def merge(node: _Node) -> tuple[int, float]:
            after = {token: merge(child) for token, child in node.after.items()}
            key = (node.ending > 0, frozenset((token, number) for token, (number, _) in after.items()))
            number = numbers.setdefault(key, len(numbers))
            for token, (child, mass) in after.items():
                masses[number][token, child] += mass
            endings[number] += node.ending
            return number, node.ending + sum(mass for _, mass in after.values())

        start, _ = merge(root)
        order = {start: 0}
        for number in masses:
            order.setdefault(number, len(order))
        for number in endings:
            order.setdefault(number, len(order))
        for number, after in masses.items():
            total = sum(after.values()) + endings[number]
            for (token, child), mass in sorted(after.items()):
                self.arcs.append((order[number], order[child], mass / total, token))
        for number, ending in endings.items():
            if ending:
                total = sum(masses[number].values()) + ending
                self.ends[order[number]] = ending / total
        self.states = len(order)

    def _gather(self, crowded: Collection[Token]) -> None:
        """One entrance for all places of a kind after which the same may follow."""
        places: dict[Token, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for _, to, weight, token in self.arcs:
            if is_place(token):
                places[token][to] += weight
        exits: dict[tuple[Token, int], int] = {}
        for token, targets in sorted(places.items()):
            ranked = sorted(targets, key=lambda target: -targets[target])
            are_few = token not in crowded or len(ranked) <= MOST_HUBS
            apart = ranked if are_few else ranked[: MOST_HUBS - 1]
            exits |= {(token, target): target for target in apart}
            rest = ranked[len(apart) :]
            if rest:
                exits |= dict.fromkeys(((token, target) for target in rest), self._joined(rest))
        entrances: dict[tuple[Token, int], int] = {}
        words = []
        for start, to, weight, token in self.arcs:
            if not is_place(token):
                words.append((start, to, weight, token))
                continue
            out = exits.get((token, to), to)
            if (token, out) not in entrances:
                entrances[token, out] = self.states
                self.hubs.append((token[1:-1], self.states, out))
                self.states += 1
            self.entrances.append((start, entrances[token, out], weight))
        self.arcs = words

    def _joined(self, targets: Sequence[int]) -> int:
        """A state after which all may follow that follows any of these."""
        state, share = self.states, 1.0 / len(targets)
        self.states += 1
        among = set(targets)
        self.arcs += [
            (state, to, weight * share, token) for start, to, weight, token in self.arcs if start in among
        ]
        ending = sum(self.ends.get(target, 0.0) for target in targets) * share
        if ending:
            self.ends[state] = ending
        return state

    def walk(
        self,
        names: Mapping[str, Sequence[str]],
        values: Mapping[str, Network],
        labels: Mapping[str, str],
        evenness: float = 0.5,
    ) -> Walk:
        """The network with names, each as the word that stands for it, and values in their places.

        A choice among n names weighs ``n ** -evenness`` each.
        """
        steps = [Step(start, to, weight, word) for start, to, weight, word in self.arcs]
        ways_in = Counter(to for _, to, _ in self.entrances)
        # A way of its own needs no state of its own.
        straight = {to: (start, weight) for start, to, weight in self.entrances if ways_in[to] == 1}
        steps += [Step(start, to, weight, None) for start, to, weight in self.entrances if to not in straight]
        end = self.states
        steps += [Step(state, end, weight, None) for state, weight in self.ends.items()]
        steps += [Step(0, 0, _POLITE, phrase_word(phrase)) for phrase in BEFORE]
        steps += [
            Step(state, end, weight * _POLITE, phrase_word(phrase))
            for state, weight in self.ends.items()
            for phrase in AFTER
        ]
        free = end + 1
        for kind, hub, out in self.hubs:
            words = names.get(kind, ())
            entrance, share = straight.get(hub, (hub, 1.0))
            weight = share * max(len(words), 1) ** -evenness
            steps += [Step(entrance, out, weight, word) for word in words]
            if kind in values:
                free = _insert(values[kind], (entrance, share), out, free, steps)
        return Walk(steps, end, labels)


def _insert(network: Network, entrance: tuple[int, float], out: int, free: int, steps: list[Step]) -> int:
    """Put a copy of ``network`` between two states; gives the next free state.

    ``entrance`` is a state and the weight of going this way from there.
    """
    leaving = Counter(start for start, _, _ in network.arcs)
    for start, to, word in network.arcs:
        at, share = entrance if start == network.start else (free + start, 1.0)
        weight = share * leaving[start] ** -0.5
        if leaving[to]:
            steps.append(Step(at, free + to, weight, word))
        if to in network.ends:
            steps.append(Step(at, out, weight, word))
    return free + network.states


def of_network(network: Network) -> Walk:
    """A network as it is, each way on from a state as likely as the others."""
    # The start gets a number of its own: 0.
    number = {network.start: 0}
    for start, to, _ in network.arcs:
        number.setdefault(start, len(number))
        number.setdefault(to, len(number))
    leaving = Counter(start for start, _, _ in network.arcs)
    steps = [Step(number[start], number[to], 1 / leaving[start], word) for start, to, word in network.arcs]
    steps += [Step(number[state], len(number), 1.0, None) for state in network.ends]
    return Walk(steps, len(number), {})


@lru_cache(maxsize=64)
def value_network(jsgf: str) -> Network:
    """The network of one kind's values. Raises `GrammarError`."""
    network = of_grammar(parse(jsgf))
    if network.start in network.ends or not network.arcs:
        raise GrammarError("a value cannot be nothing")
    if any(to == network.start for _, to, _ in network.arcs):
        raise GrammarError("a value cannot begin again")
    return network


def phrase_word(phrase: str) -> str:
    """The one word of a network that stands for a phrase."""
    return phrase.replace(" ", "_")


def phrases_of(network: Network) -> tuple[str, ...] | None:
    """All that a network lets be said; None where that is too much to list."""
    after: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for start, to, word in network.arcs:
        after[start].append((word, to))
    found: list[str] = []
    left: list[tuple[int, tuple[str, ...]]] = [(network.start, ())]
    while left:
        state, words = left.pop()
        if state in network.ends:
            found.append(" ".join(words))
        left += [(to, (*words, word)) for word, to in after[state]]
        if len(found) + len(left) > _MOST_LISTED:
            return None
    return tuple(sorted(found))


def joined(words: Iterable[str]) -> str:
    """Words as a text; an ending of possession belongs to the word before it."""
    return " ".join(words).replace(f" {_OWNER}", _OWNER)
