"""Finds the values inside free text."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

from intents.reading import EntityMatch
from intents.values.amounts import MONEY, PERCENT, RANGE
from intents.values.dates import Clock, ImpossibleDate
from intents.values.grammar import LONGEST_TEXT, NUMBER, SLASH_DATE, Rule, Source, tokenize
from intents.values.numbers import SIGNED
from intents.values.periods import PERIOD, resolve

_KINDS: tuple[tuple[str, Rule], ...] = (
    ("period", PERIOD),
    ("money", MONEY),
    ("percent", PERCENT),
    ("range", RANGE),
    ("count", SIGNED),
)
_STARTS: dict[str, tuple[tuple[str, Rule], ...]] = {
    key: tuple((kind, rule) for kind, rule in _KINDS if key in rule.starts)
    for key in frozenset().union(*(rule.starts for _, rule in _KINDS))
}
_NOT_ALONE = frozenset({"may", "mar", "sun", "sat", "wed", "mon", "jan", "jun", "march"})
_BEFORE_DATES = frozenset(
    {
        *("in", "on", "for", "of", "since", "from", "until", "till", "to", "through", "during", "throughout"),
        *("between", "by", "last", "next", "this", "past", "early", "late", "mid", "all", "before", "after"),
        *("than", "vs", "versus", "compare", "compared", "comparing"),
    }
)
_BEFORE_YEARS = _BEFORE_DATES - {"to", "by", "on"}
_UNKNOWN_PARTS = frozenset({"third", "thirds", "sixth", "seventh", "eighth", "ninth"})
"""Parts we have no exact number for: "a third of a million" is no million."""
_NO_VALUES = frozenset({"one", "a", "an", "zero", "oh"})
MOST_VALUES = 60
"""Values of one utterance that are found; whoever says more of them says nothing we act on."""

_Found = tuple[str, Any, int]


def find(text: str, today: date, fiscal_year_start: int = 1) -> list[EntityMatch]:
    """The first `MOST_VALUES` values in ``text``, none overlapping another, the longest winning.

    Kinds: period, money, percent, range and count (a bare number: int, or Decimal with a fraction). An
    impossible date is a period whose value is the `ImpossibleDate`.
    """
    source = tokenize(text[:LONGEST_TEXT])
    clock = Clock(today, fiscal_year_start)
    return [_entity(source, at, found, clock, text) for at, found in islice(_walk(source), MOST_VALUES)]


def _walk(source: Source) -> Iterator[tuple[int, _Found]]:
    at = 0
    while at < len(source.tokens):
        found = _longest(source, at)
        if found is None:
            at += 1
        else:
            yield at, found
            at = found[2]


def _longest(source: Source, at: int) -> _Found | None:
    rules = _STARTS.get(source.tokens[at].key)
    if rules is None or _touches(source, at):
        return None
    best: _Found | None = None
    for kind, rule in rules:
        for value, end in rule.parses(source, at):
            longer = end > (best[2] if best else at)
            if longer and not _touches(source, end) and _stands(source, at, end, kind):
                best = (kind, value, end)
    return best


def _touches(source: Source, at: int) -> bool:
    """Whether the place before ``at`` cuts a run of letters and digits, as in "5th" or "v2"."""
    if not 0 < at < len(source.tokens):
        return False
    left, right = source.tokens[at - 1], source.tokens[at]
    return left.end == right.start and left.text[-1].isalnum() and right.text[0].isalnum()


def _stands(source: Source, at: int, end: int, kind: str) -> bool:
    """Whether a single word that may be something else is a value here."""
    if at > 1 and source.tokens[at - 1].key == "of" and source.tokens[at - 2].key in _UNKNOWN_PARTS:
        return False
    if end - at > 1:
        return True
    token = source.tokens[at]
    before = source.tokens[at - 1].key if at else ""
    if kind == "period":
        return _is_date_here(source, at, before)
    if kind == "count" and token.key in _NO_VALUES:
        return False
    return not (kind == "count" and _is_suffix(source, at))


def _is_suffix(source: Source, at: int) -> bool:
    """Whether the number ends a name such as "covid-19"; in "top-5" it does not."""
    if at < 2 or source.tokens[at - 1].key != "-" or source.tokens[at - 2].key == "top":
        return False
    return source.tokens[at - 2].end == source.tokens[at - 1].start == source.tokens[at].start - 1


def _is_date_here(source: Source, at: int, before: str) -> bool:
    token = source.tokens[at]
    if token.key in _NOT_ALONE:
        after = source.tokens[at + 1].key if at + 1 < len(source.tokens) else ""
        # Written as a name inside a sentence: "how does May stack up against April".
        is_name = at > 0 and token.text.istitle() and len(token.text) > 2 and before.isalpha()
        return is_name or before in _BEFORE_DATES or after in ("vs", "versus")
    if token.key == SLASH_DATE and token.text.count("/") == 1:
        return before in _BEFORE_DATES
    if token.key == NUMBER:
        last = at + 1 == len(source.tokens)
        return before in _BEFORE_YEARS or (last and before not in ("to", "by", "top", "with", "at", "$"))
    return True


def _entity(source: Source, at: int, found: _Found, clock: Clock, text: str) -> EntityMatch:
    kind, value, end = found
    if kind == "period":
        value = _resolved(value, clock)
    elif kind == "count":
        value = _number(value.value)
    start, stop = source.tokens[at].start, source.tokens[end - 1].end
    return EntityMatch(entity=kind, value=value, text=text[start:stop], start=start, end=stop)


def _resolved(term: Any, clock: Clock) -> Any:
    try:
        return resolve(term, clock)
    except ImpossibleDate as error:
        return error


def _number(value: Decimal) -> int | Decimal:
    return int(value) if value == value.to_integral_value() else value
