"""When something comes again and again: weekdays, days of a month and times of day, as people say them.

How often (daily, weekly …) is a closed list of words and stands in the lexicon.
"""

import re
from collections.abc import Iterator

from intents.reading import EntityMatch

KINDS = ("weekday", "month_day", "time")
"""The kinds found here: ``monday``; ``15``, ``last``, ``1st mon`` or ``last fri``; ``08:30``."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_SHORT_DAYS = {
    **{day[:3]: day for day in WEEKDAYS},
    "tues": "tuesday",
    "weds": "wednesday",
    "thur": "thursday",
    "thurs": "thursday",
}
_HOURS = {
    name: number
    for number, name in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 1
    )
}
_MINUTES = {
    "oh five": 5, "five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "twenty five": 25, "twenty-five": 25,
    "thirty": 30, "thirty five": 35, "forty": 40, "forty five": 45, "forty-five": 45, "fifty": 50,
    "fifty five": 55,
}  # fmt: skip
_DAY_PARTS = {
    "noon": "12:00",
    "midday": "12:00",
    "midnight": "00:00",
    "lunchtime": "12:00",
    "lunch time": "12:00",
    "breakfast": "08:00",
    "breakfast time": "08:00",
}
_PART_HOURS = {"morning": 8, "afternoon": 14, "evening": 18, "night": 20}
"""What a part of the day means where no hour is said."""
_ORDINALS = ("first", "second", "third", "fourth")
_ENDINGS = {"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "last": "last"}

_DAY_NAMES = "|".join([*(f"{day}s?" for day in WEEKDAYS), *sorted(_SHORT_DAYS, key=len, reverse=True)])
_HOUR_WORDS = "|".join(_HOURS)
_HOUR = rf"(?P<hour>\d{{1,2}}|{_HOUR_WORDS})"
_MINUTE_WORDS = "|".join(sorted(_MINUTES, key=len, reverse=True))
_HALF = r"(?P<half>a\.?\s?m\b\.?|p\.?\s?m\b\.?|o'?\s?clock\b|h\b|hours\b)"
_PART = r"(?:\s+(?:(?:in|of)\s+the|at|every|each)\s+(?P<part>morning|afternoon|evening|night)s?\b)"

_TIMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?P<past>half|quarter|five|ten|twenty|twenty[- ]five|\d{{1,2}})\s+"
        rf"(?:minutes\s+)?(?P<side>past|after|to|before|till)\s+{_HOUR}\b(?:\s*{_HALF})?{_PART}?",
        rf"\b{_HOUR}[:.](?P<minute>[0-5]\d)\b(?:\s*{_HALF})?{_PART}?",
        r"\b(?P<digits>[01]\d[0-5]\d|2[0-3][0-5]\d)\s?(?:h\b|hours\b|hrs\b)",
        rf"\b{_HOUR}\s+(?P<said>{_MINUTE_WORDS})\b(?:\s*{_HALF})?{_PART}?",
        rf"\b{_HOUR}\s*{_HALF}{_PART}?",
        rf"\b(?:at|by|around|about|for)\s+(?P<halfhour>half)\s+{_HOUR}\b{_PART}?",
        r"(?:\b(?:at|by|around|about|before)\s+|@\s*)(?P<digits>0\d[0-5]\d|1\d[0-5]0|2[0-3][0-5]0)\b",
        rf"(?:\b(?:at|by|around|about|before)\s+|@\s*){_HOUR}\b(?!\s*(?:%|percent|minutes?\b|days?\b|weeks?\b|k\b))"
        rf"{_PART}?",
        rf"\b{_HOUR}\b{_PART}",
        rf"\b(?:every\s+)?(?P<named>{'|'.join(sorted(_DAY_PARTS, key=len, reverse=True))})\b",
        r"\b(?P<first>first\s+thing)\b(?:\s+in\s+the\s+morning)?",
    )
)
_BARE_PART = re.compile(
    rf"\b(?:every|each|in\s+the|of\s+the|weekdays?|daily|{'|'.join(WEEKDAYS)})\s+"
    r"(?P<said>(?P<part>morning|afternoon|evening|night)s?)\b|\b(?P<plural>(?P<parts>morning|afternoon|evening)s)\b",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(rf"\b(?P<day>{_DAY_NAMES})\b\.?", re.IGNORECASE)
_OF_MONTH = r"\s+(?:day\s+)?(?:of\s+|in\s+)?(?:the|each|every|a)\s+month\b"
_MONTH_DAYS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:the\s+|every\s+)?(?P<nth>{'|'.join(_ENDINGS)}|1st|2nd|3rd|4th)\s+(?P<day>{_DAY_NAMES})\b"
        rf"(?:{_OF_MONTH})?",
        rf"\b(?:the\s+)?(?P<last>last)\s+day{_OF_MONTH}",
        r"\b(?:at\s+)?(?:the\s+)?(?P<last>end)\s+of\s+(?:the|each|every)\s+month\b",
        r"\b(?:the\s+)?(?P<first>first|start|beginning)(?:\s+day)?\s+of\s+(?:the|each|every|a)\s+month\b",
        rf"\b(?:the\s+)?(?P<date>\d{{1,2}})(?:st|nd|rd|th)\b(?:{_OF_MONTH})?",
        rf"\b(?:the\s+)?(?P<word>second|third|fourth|fifth|tenth|fifteenth|twentieth){_OF_MONTH}",
        r"\bon\s+the\s+(?P<first>first)\b(?!\s+\w+day)",
    )
)
_DATE_WORDS = {
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "tenth": 10,
    "fifteenth": 15,
    "twentieth": 20,
}
_LAST_EVERY_MONTH = 28
_FILLERS = frozenset(
    {
        "at",
        "on",
        "by",
        "in",
        "the",
        "and",
        "or",
        "every",
        "each",
        "to",
        "for",
        "around",
        "about",
        "make",
        "it",
    }
    | {
        "do",
        "that",
        "instead",
        "please",
        "no",
        "not",
        "rather",
        "sharp",
        "then",
        "actually",
        "my",
        "time",
        "say",
    }
)


def find(text: str) -> list[EntityMatch]:
    """Every such value in ``text``, in order, none overlapping another."""
    found: list[EntityMatch] = []
    for one in (*_month_days(text), *_times(text), *_weekdays(text)):
        if all(one.end <= other.start or one.start >= other.end for other in found):
            found.append(one)
    return sorted(found, key=lambda one: one.start)


def find_alone(text: str) -> list[EntityMatch]:
    """What ``text`` means where it is nothing but such values, and more than a plain day or number."""
    found = find(text)
    rest = text
    for one in reversed(found):
        rest = f"{rest[: one.start]} {rest[one.end :]}"
    words = re.findall(r"[^\W_]+", rest.casefold())
    is_plain = all(one.entity == "weekday" and not one.text.casefold().endswith("s") for one in found)
    return [] if is_plain or not set(words) <= _FILLERS else found


def time_of(said: str) -> str | None:
    """``HH:MM`` of words such as "half past seven" or "8"."""
    found = [one.value for one in _times(said)] or [one.value for one in _times(f"at {said}")]
    return found[0] if found else None


def weekday_of(said: str) -> str | None:
    """``monday`` of "Mondays" or "mon"."""
    match = _WEEKDAY.fullmatch(said.strip())
    return None if match is None else _day(match["day"])


def month_day_of(said: str) -> str | None:
    """``15``, ``last`` or ``1st mon`` of "the 15th", "the last day of the month", "1st mon"."""
    found = [one.value for one in _month_days(said)]
    plain = said.strip().casefold()
    if found:
        return str(found[0])
    return plain if plain == "last" or (plain.isdecimal() and 1 <= int(plain) <= _LAST_EVERY_MONTH) else None


def _day(said: str) -> str:
    plain = said.casefold()
    return _SHORT_DAYS.get(plain) or (plain if plain in WEEKDAYS else plain.removesuffix("s"))


def _match(kind: str, value: str, match: re.Match[str]) -> EntityMatch:
    start, end = match.span()
    return EntityMatch(kind, value, match.group(), start, end, extractor="values")


def _weekdays(text: str) -> Iterator[EntityMatch]:
    for match in _WEEKDAY.finditer(text):
        day = match["day"].casefold()
        # "sat" and "sun" are words of their own.
        if day not in ("sat", "sun") or match["day"][0].isupper() or _among_days(text, match):
            yield _match("weekday", _day(day), match)


def _among_days(text: str, match: re.Match[str]) -> bool:
    others = [one for one in _WEEKDAY.finditer(text) if one.span() != match.span()]
    return bool(others)


def _month_days(text: str) -> Iterator[EntityMatch]:
    for pattern in _MONTH_DAYS:
        for match in pattern.finditer(text):
            value = _month_day(match.groupdict())
            if value is not None:
                yield _match("month_day", value, match)


def _month_day(said: dict[str, str | None]) -> str | None:
    nth, day = said.get("nth"), said.get("day")
    if nth and day:
        return f"{_ENDINGS.get(nth.casefold(), nth.casefold())} {_day(day)[:3]}"
    if said.get("last"):
        return "last"
    if said.get("first"):
        return "1"
    number = int(said["date"] or 0) if said.get("date") else _DATE_WORDS[str(said.get("word")).casefold()]
    if not 1 <= number <= 31:
        return None
    # Not every month has one: the last day is what every month has.
    return str(number) if number <= _LAST_EVERY_MONTH else "last"


def _times(text: str) -> Iterator[EntityMatch]:
    """Times of day; a part of one ("every evening") says which half an hour means, or is a time itself."""
    bare = _BARE_PART.search(text)
    part = None if bare is None else (bare["part"] or bare["parts"]).casefold()
    has_hour = False
    for pattern in _TIMES:
        for match in pattern.finditer(text):
            said = match.groupdict()
            value = _time({**said, "part": said.get("part") or part})
            if value is not None:
                has_hour = True
                yield _match("time", value, match)
    if bare is not None and part is not None and not has_hour:
        start, end = bare.span("said" if bare["said"] else "plural")
        yield EntityMatch(
            "time", f"{_PART_HOURS[part]:02}:00", text[start:end], start, end, extractor="values"
        )


def _time(said: dict[str, str | None]) -> str | None:
    part, named = said.get("part"), said.get("named")
    if named:
        return _DAY_PARTS[named.casefold()]
    if said.get("first"):
        return "08:00"
    if said.get("digits"):
        digits = str(said["digits"])
        return f"{digits[:2]}:{digits[2:]}"
    spoken = str(said["hour"])
    hour = _HOURS.get(spoken.casefold()) or (int(spoken) if spoken.isdecimal() else 99)
    minute = _minute(said)
    if minute < 0:
        hour, minute = hour - 1, minute + 60
    half = (said.get("half") or "").casefold().replace(".", "").replace(" ", "")
    hour = _of_day(
        hour, half, part.casefold() if part else "", is_written=len(spoken) > 1 and spoken[0] == "0"
    )
    return f"{hour:02}:{minute:02}" if 0 <= hour < 24 and 0 <= minute < 60 else None


def _minute(said: dict[str, str | None]) -> int:
    if said.get("minute"):
        return int(said["minute"] or 0)
    if said.get("said"):
        return _MINUTES[str(said["said"]).casefold()]
    if said.get("halfhour"):
        return 30
    past = said.get("past")
    if not past:
        return 0
    named = {"half": 30, "quarter": 15}.get(past.casefold())
    minutes = named or _MINUTES.get(past.casefold()) or int(past if past.isdecimal() else 99)
    return minutes if said["side"] in ("past", "after") else -minutes


def _of_day(hour: int, half: str, part: str, *, is_written: bool) -> int:
    """The hour of 24; a bare "six" to "eleven" is the morning, "one" to "five" the afternoon."""
    if half == "am" or part == "morning":
        return 0 if hour == 12 and half == "am" else hour
    if half == "pm" or part in ("afternoon", "evening", "night"):
        return hour if hour >= 12 else hour + 12
    if is_written or half in ("h", "hours"):
        return hour
    return hour + 12 if 1 <= hour <= 5 else hour
