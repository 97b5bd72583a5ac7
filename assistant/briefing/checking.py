"""Holds somebody else's words for a briefing against its facts: what is no fact is found.

The words are taken clause by clause. A clause speaks of the metrics it names, or of those named before it in
its sentence. Every number, amount, share and date in it, in digits or in words, must be one of theirs in our
own words; up and down, better and worse must be as the facts have it; names and rare words must be in our
own words. It is meant to refuse too much rather than too little: our own words are always there instead.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from assistant import wording
from assistant.briefing import words
from assistant.briefing.facts import Briefing, MovementTold, SwingTold
from intents import lexicon, values
from intents.readers.words import ordinary_words

MOST_WORDS = 150
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_CLAUSE = re.compile(
    r"(?<!\d)[,;:.!?–—]|[,;:.!?–—](?!\d)|\b(?:while|but|whereas|and|although|though)\b", re.I
)
_TO = re.compile(r"\b(?:to|from|between|through|until)\b", re.IGNORECASE)
"""A rise "from 5 to 6" is two numbers, not a range."""
_PIECES = re.compile(r"(?<=[.!?])\s+|\s;\s|\n")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\d*")


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_UP = _set(
    "up rose rises rise rising increased increases increase increasing grew grows growing growth "
    "climbed climbs gained gains higher more jumped surged soared rallied added above"
)
_DOWN = _set(
    "down fell falls fall falling decreased decreases decrease decreasing declined declines decline "
    "dropped drops drop dropping lower less fewer lost slipped slid sank shrank plunged tumbled eased "
    "cut below"
)
_GOOD = _set("improved improves improvement better stronger strong healthy healthier good great well")
_BAD = _set(
    "worsened worsens worse weaker weak deteriorated poor poorer suffered suffers bad badly struggled"
)
_NOT = _set("not never no nor neither without hardly barely isn't didn't doesn't wasn't aren't")
_QUANTITIES = _set(
    "half halved third thirds quarter quarters double doubled doubling triple tripled twice thrice "
    "dozen dozens hundred hundreds thousand thousands million millions billion couple several most "
    "majority all none two three four five six seven eight nine ten eleven twelve twenty thirty forty "
    "fifty tenfold"
)
_ORDERS = _set(
    "approve click visit send transfer pay call confirm reject launch ignore open download forward "
    "reply wire buy sell invest stop raise"
)


def wrong(told: str, facts: Briefing, today: date) -> list[str]:
    """What in ``told`` is no fact, each as a short reason; empty where everything is."""
    return list(dict.fromkeys(_Check(facts, today).all(told)))


class _Check:
    def __init__(self, facts: Briefing, today: date) -> None:
        self.facts = facts
        self.today = today
        own = " ".join((words.text(facts.model_copy(update={"length": "in_full"})), words.speech(facts)))
        self.own = own
        self.own_words = {one.casefold() for one in _WORD.findall(own)}
        self.names = {one for one in _WORD.findall(own) if one[0].isupper()}
        self.changes = {one.metric: one.change for one in facts.figures}
        self.by_metric = {metric: self._numbers(self._phrases(metric)) for metric in self.changes}
        of_metrics = set().union(*self.by_metric.values()) if self.by_metric else set()
        self.general = self._numbers(own) - of_metrics

    def all(self, told: str) -> Iterator[str]:
        """Every reason."""
        if len(told.split()) > MOST_WORDS:
            yield "too long"
        if re.search(r"[\n\r<>\[\]{}|`*_#@\\]|https?:|www\.", told):
            yield "markup or an address"
        for sentence in _SENTENCE.split(told):
            yield from self._strange(sentence)
            yield from self._sentence(sentence)
        named = {one.value for one in lexicon.find_of("metric", told)}
        parts: list[MovementTold | SwingTold] = [*self.facts.movements, *self.facts.swings]
        for one in parts:
            if one.metric not in named:
                yield f"{one.label} is left out"

    def _strange(self, sentence: str) -> Iterator[str]:
        found = _WORD.findall(sentence)
        for place, word in enumerate(found):
            plain = word.casefold()
            if plain in self.own_words:
                continue
            if place and word[0].isupper():
                yield f"{word} is no name of the facts"
            elif plain not in ordinary_words() and plain not in _COMMON:
                yield f"{word} is no word of the facts"
        if found and found[0].casefold() in _ORDERS and found[0].casefold() not in self.own_words:
            yield f"it tells somebody to {found[0].casefold()}"

    def _sentence(self, sentence: str) -> Iterator[str]:
        carried: set[str] = set()
        for clause in _CLAUSE.split(sentence):
            if not clause.strip():
                continue
            named = {str(one.value) for one in lexicon.find_of("metric", clause)}
            unknown = named - self.changes.keys()
            if unknown:
                yield f"{', '.join(sorted(unknown))} is no figure of the facts"
            carried = (named & self.changes.keys()) or carried
            yield from self._clause(clause, carried)

    def _clause(self, clause: str, metrics: set[str]) -> Iterator[str]:
        allowed = self.general.union(*(self.by_metric[one] for one in metrics))
        rest = ""
        for piece in _TO.split(clause):
            found, left = values.find(piece, self.today), piece
            for one in reversed(found):
                left = f"{left[: one.start]} {left[one.end :]}"
                if _key(one.entity, one.value) not in allowed:
                    yield f"{one.text} is no number of {' or '.join(sorted(metrics)) or 'the facts'}"
            rest = f"{rest} {left}"
        if re.search(r"\d", re.sub(r"\bName\d+\b", "", rest)):
            yield f"a number of {clause.strip()!r} cannot be read"
        said = {one.casefold() for one in _WORD.findall(rest)}
        loose = (said & _QUANTITIES) - {one.casefold() for one in _WORD.findall(self.own)}
        if loose:
            yield f"{', '.join(sorted(loose))} is no number of the facts"
        yield from self._direction(said, metrics, clause)

    def _direction(self, said: set[str], metrics: set[str], clause: str) -> Iterator[str]:
        ways = {name for name, listed in _WAYS.items() if said & listed}
        if not ways:
            return
        if {"up", "down"} <= ways or {"good", "bad"} <= ways or said & _NOT:
            yield f"{clause.strip()!r} says two things at once"
        if not metrics:
            if self.facts.movements or not _only_own(said, ways, self.own_words):
                yield f"{clause.strip()!r} moves nothing of the facts"
            return
        for metric in sorted(metrics):
            way, is_good = self._moved(metric)
            if {"up", "down"} & ways and way not in ways:
                yield f"{metric} did not go {'up' if 'up' in ways else 'down'}"
            if {"good", "bad"} & ways and is_good not in ways:
                yield f"{metric} did not get {'better' if 'good' in ways else 'worse'}"

    def _moved(self, metric: str) -> tuple[str, str]:
        movement = next((one for one in self.facts.movements if one.metric == metric), None)
        change = self.changes[metric]
        if movement is not None:
            judged = {True: "good", False: "bad", None: ""}[movement.good]
            return movement.direction, judged
        return ("" if not change else "up" if change > 0 else "down"), ""

    def _phrases(self, metric: str) -> str:
        """All that our own words have of a metric's numbers."""
        figure = next(one for one in self.facts.figures if one.metric == metric)
        currency = self.facts.currency
        said = [
            figure.shown,
            wording.metric(metric, figure.previous, currency),
            *(wording.spoken(metric, one, currency) for one in (figure.value, figure.previous)),
            "" if figure.change is None else wording.percent(abs(figure.change)),
        ]
        for movement in self.facts.movements:
            if movement.metric == metric:
                said += [
                    movement.shown,
                    movement.baseline_shown,
                    movement.difference_shown,
                    movement.change_shown,
                ]
                for driver in movement.drivers:
                    said += [part.shown for part in driver.parts]
                    said += [] if driver.share is None else [wording.percent(driver.share)]
        return " ; ".join(said)

    def _numbers(self, told: str) -> set[tuple[str, str]]:
        whole = _PIECES.split(told)
        # Clause by clause as well: that is how words are looked at.
        parts = [*whole, *(clause for part in whole for clause in _CLAUSE.split(part))]
        pieces = [piece for part in parts for piece in _TO.split(part)]
        return {_key(one.entity, one.value) for piece in pieces for one in values.find(piece, self.today)}


def _only_own(said: Iterable[str], ways: Iterable[str], own: set[str]) -> bool:
    listed = {word for way in ways for word in _WAYS[way]}
    return {word for word in said if word in listed} <= own


def _key(kind: str, value: Any) -> tuple[str, str]:
    """The same for the same number however it was said."""
    if kind == "money":
        return kind, f"{Decimal(value.amount).normalize():f} {value.currency or ''}".strip()
    if isinstance(value, (int, Decimal)):
        return kind, f"{abs(Decimal(value)).normalize():f}"
    return kind, str(value)


_WAYS = {"up": _UP, "down": _DOWN, "good": _GOOD, "bad": _BAD}
_COMMON = _set(
    "period revenue spend roas cac conversions conversion rate metric driven mostly largely mainly came "
    "comes led overall meanwhile against compared previous remained stayed steady unchanged usual "
    "unusual alert alerts proposal proposals decision needs need awaits await waiting held campaign "
    "venture channel the a an"
)
