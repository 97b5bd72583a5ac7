"""An utterance with its entities replaced by their kinds, so that any name, number or date reads alike."""

import re

from intents.readers.entities import Explained

UNKNOWN_NAME = "xname"
"""Stands for a name that names nothing we know."""


_TELLING = ("influencer",)
"""Values whose own word says more than their kind: "influencers" are looked for, "email" is not."""


_REASON = re.compile(r"[\s,;]+because\b.*", re.IGNORECASE)
"""Why somebody wants something tells nothing about what is wanted."""


_IN_WORDS = {
    "venture": "the company",
    "campaign": "the campaign",
    "influencer": "the influencer",
    "person": "anna",
    "category": "fitness",
    "name": "something",
    "period": "last month",
    "money": "ten thousand dollars",
    "percent": "ten percent",
    "count": "ten thousand",
    "range": "between ten and twenty thousand",
    "proposal": "number three",
    "channel": "email",
    "metric": "revenue",
    "platform": "instagram",
    "file": "the file",
    "model": "the linear model",
    "currency": "dollars",
    "stage": "growth stage",
}
"""Everyday words for the kinds, for a reader that knows English rather than placeholders."""
_PLACEHOLDER = re.compile(r"\bx([a-z_]+)\b")


def in_words(view: str) -> str:
    """A delexicalized text as somebody might say it, without any name or number of the utterance."""
    return _PLACEHOLDER.sub(_word, view)


def _word(match: re.Match[str]) -> str:
    return _IN_WORDS.get(match.group(1), match.group(1).replace("_", " "))


def placeholder(kind: str) -> str:
    """The word that stands for an entity of a kind; no English word looks like it. New names are unknown."""
    return UNKNOWN_NAME if kind == "name" else f"x{kind}"


def delexicalize(explained: Explained) -> str:
    """The text with placeholders. Where two kinds of name share a place, the kind said in words is taken."""
    text = explained.words.text
    said = {token.key for token in explained.words.tokens}
    places: dict[tuple[int, int], str] = {}
    for entity in explained.entities:
        place = (entity.start, entity.end)
        if place not in places or entity.entity in said:
            word = placeholder(entity.entity)
            places[place] = f"{word} {entity.value}" if entity.value in _TELLING else word
    places |= dict.fromkeys(explained.unknown, UNKNOWN_NAME)
    pieces, at = [], 0
    for (start, end), word in sorted(places.items()):
        pieces += [text[at:start], f" {word} "]
        at = end
    view = " ".join("".join([*pieces, text[at:]]).split())
    return _REASON.sub("", view) or view
