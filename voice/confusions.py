"""How much phones that were heard speak for the phones that were expected.

An ear that hears D for T has heard nearly what was said; one that hears IY has not. The table beside this
module, ``confusions.tsv``, tells how often the bare-phone decoder hears which phone for which, counted on the
tuning voices of ``benchmarks/voice.py``, quiet and in noise, against what was really said.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("confusions.tsv")
_SCALE = 10
"""The table holds tenths of natural logarithms, rounded."""
_STRANGE = 1.0
"""What a phone costs that the table does not hold."""
_NONE = "-"
"""The table's sign for no phone."""


def evidence(expected: Sequence[str], heard: Sequence[str]) -> float:
    """The logarithm of the likelihood ratio of the best alignment, in nats; above 0 speaks for ``expected``.

    A phone ``h`` heard for ``e`` counts log(P(h | e) / P(h)), one that was expected and not heard
    log P(nothing | e), one more that was heard log(P(h inserted) / P(h)).
    """
    weights = _weights()
    before = [0.0]
    for phone in heard:
        before.append(before[-1] + weights.get((_NONE, phone), -_STRANGE))
    for wanted in expected:
        missed = weights.get((wanted, _NONE), -_STRANGE)
        now = [before[0] + missed]
        for at, phone in enumerate(heard):
            now.append(
                max(
                    before[at] + weights.get((wanted, phone), -_STRANGE),
                    before[at + 1] + missed,
                    now[at] + weights.get((_NONE, phone), -_STRANGE),
                )
            )
        before = now
    return before[-1]


@cache
def _weights() -> dict[tuple[str, str], float]:
    """By the expected and the heard phone."""
    head, *rows = (line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines())
    return {
        (row[0], phone): int(number) / _SCALE
        for row in rows
        for phone, number in zip(head[1:], row[1:], strict=True)
        if number
    }
