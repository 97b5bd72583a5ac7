"""What people write in Slack as plain words, without its marks for names, links and places."""

import re

_MARKED = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_SPACES = re.compile(r"[ \t\u00a0]+")


def plain(text: str) -> str:
    """The words as they were typed: people and places who are only addressed are left out."""
    told = _MARKED.sub(_shown, text)
    told = told.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return _SPACES.sub(" ", told).strip()


def _shown(found: re.Match[str]) -> str:
    sign, name, label = found.groups()
    if sign in ("@", "!"):
        return ""
    if label:
        return label
    return "" if sign else name.removeprefix("mailto:")
