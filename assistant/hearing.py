"""Whose word counts: which readers are taken at theirs, what nobody says, and what is a plain yes."""

import re
import unicodedata
from dataclasses import replace

from intents.reading import Reading

TAKEN_AT_THEIR_WORD = ("embedded", "rasa")
"""The readers that cannot be talked into anything: they choose among the commands and obey no text."""

PASTED = "pasted"
"""In place of a reader: nobody says such a text, so what it asks for is not taken as somebody's word."""

UNSURE = "unsure"
"""In place of a reader: it heard something that changes things, and may have misheard."""
HEARD_WELL = 0.9
"""The probability from which on a command that changes something is taken as heard."""

LONGEST_APPROVAL = 12
"""Words of an approval that is taken as it was said."""

_JOINERS = "\u200c\u200d"
"""Signs nobody sees that are part of how words and emoji are spelled."""

_CODE = re.compile(r"[{}<>|`\\]")
"""Signs of programs, which nobody says."""

_PLAIN_YES = re.compile(r"\W{0,3}(?:[^\W_]+(?:['’][^\W_]+)?[\s,.!]*){1,6}")
"""A yes that means nothing else: a few words, and no sign a program would write."""


def is_taken(reader: str | None) -> bool:
    """Whether a command a reader heard is the person's own word; one that was named outright is."""
    return reader is None or reader in TAKEN_AT_THEIR_WORD


def word_of(text: str, reader: str) -> str:
    """Whose word a text is: its reader's, or nobody's where it has lines, code or signs nobody sees."""
    hides = any(sign not in _JOINERS and unicodedata.category(sign) == "Cf" for sign in text)
    is_code = _CODE.search(text) is not None
    return PASTED if hides or is_code or len(text.strip().splitlines()) > 1 else reader


def least_sure(now: str | None, earlier: str | None) -> str | None:
    """Of the readers of this and of an earlier turn, the one that is not taken at its word."""
    return now if is_taken(earlier) else earlier


def is_plain_yes(text: str) -> bool:
    """Whether words that agree say nothing else."""
    return _PLAIN_YES.fullmatch(text) is not None


def is_long_approval(reading: Reading) -> bool:
    """Whether a proposal is let through in more words than that takes: then it is asked again."""
    return reading.intent == "approve" and len(reading.text.split()) > LONGEST_APPROVAL


def part_of(whole: Reading, part: Reading) -> Reading:
    """The reading of a part of an utterance, with what is on record of the reading of the whole."""
    heard = () if whole.reader == part.reader else (f"{whole.reader}: {whole.intent or 'out of scope'}",)
    return replace(part, notes=(*whole.notes, *heard, *part.notes))
