"""A trigram over sentences, smoothed after Witten and Bell, in the ARPA form decoders read."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import log10

BEGIN, END = "<s>", "</s>"
_NEVER = -99.0


class Counts:
    """How often words follow each other in sentences; more can be added to a copy."""

    def __init__(self) -> None:
        self.grams: tuple[Counter[tuple[str, ...]], ...] = (Counter(), Counter(), Counter())

    def add(self, sentences: Iterable[Sequence[str]]) -> None:
        """Count sentences."""
        for sentence in sentences:
            words = (BEGIN, *sentence, END)
            for size, counter in enumerate(self.grams, 1):
                counter.update(zip(*(words[at:] for at in range(size)), strict=False))

    def copy(self) -> "Counts":
        """Counts of their own."""
        made = Counts()
        made.grams = tuple(Counter(counter) for counter in self.grams)
        return made


def arpa(counts: Counts) -> str:
    """The model as an ARPA file: the probability of a word after two, one or none, and what is left over.

    A word after a history h has (count + kinds(h) · shorter) / (total(h) + kinds(h)), where kinds(h) is how
    many different words followed h and shorter is its probability after the shorter history.
    """
    chance: list[dict[tuple[str, ...], float]] = []
    left: list[dict[tuple[str, ...], float]] = []
    for order, counter in enumerate(counts.grams):
        totals: dict[tuple[str, ...], int] = defaultdict(int)
        kinds: dict[tuple[str, ...], int] = defaultdict(int)
        for gram, count in counter.items():
            if gram != (BEGIN,):
                totals[gram[:-1]] += count
                kinds[gram[:-1]] += 1
        shorter = chance[order - 1] if order else {}
        even = 1.0 / max(kinds.get((), 1), 1)
        chance.append(
            {
                gram: (count + kinds[gram[:-1]] * (shorter[gram[1:]] if order else even))
                / (totals[gram[:-1]] + kinds[gram[:-1]])
                for gram, count in counter.items()
                if gram != (BEGIN,)
            }
        )
        left.append({history: kinds[history] / (totals[history] + kinds[history]) for history in totals})
    chance[0][BEGIN,] = 0.0
    lines = ["\\data\\", *(f"ngram {order}={len(grams)}" for order, grams in enumerate(chance, 1))]
    for order, grams in enumerate(chance, 1):
        lines.append(f"\n\\{order}-grams:")
        backoff = left[order] if order < len(left) else {}
        for gram, probability in grams.items():
            line = f"{log10(probability) if probability > 0 else _NEVER:.4f} {' '.join(gram)}"
            lines.append(f"{line} {log10(backoff[gram]):.4f}" if gram in backoff else line)
    return "\n".join([*lines, "\n\\end\\", ""])
