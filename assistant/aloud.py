"""What an answer sounds like: numbers a person can take in, short enough to listen to, amounts exact where
they are agreed to."""

import re
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from assistant.reply import Reply, Status
from assistant.wording import SPOKEN_CURRENCIES, SYMBOLS, listed

WORDS_A_SECOND = 2.6
"""How fast an answer is spoken, about."""
MOST_CHOICES = 3
_EXACT = (Status.CONFIRM, Status.APPROVAL)
"""What is said yes to is told to the cent."""
_SMALL = 1000
"""Below this a number is short enough to be said as it is."""
_SIGNIFICANT = 3
_DOUBTLESS = 10
"""Amounts below this sound like no other."""

_MONEY = re.compile(r"([+\-−]?)([$€£])\s?(\d[\d,]*(?:\.\d+)?)")
_COUNT = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\w,]*\d)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"[*`#|“”\"<>{}\[\]\\]+")
_MONTH = re.compile(r"\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b(?= \d)")
_ISO_DAY = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip
_SAID = (
    (re.compile(r"(?<=\w)_(?=\w)"), " "),
    (re.compile(r"_"), ""),
    (re.compile(r"\s/\s"), " divided by "),
    (re.compile(r"\s?%"), " percent"),
    (re.compile(r"(?<=\d)\s?×"), " times"),
    (re.compile(r"(?<=\d)\s[–—]\s(?=[A-Z])"), " to "),
    (re.compile(r"\s[–—]\s"), ", "),
    (re.compile(r"(?<=\d)\s?[–—]\s?(?=\d)"), " to "),
    (re.compile(r"\s&\s"), " and "),
    (re.compile(r"(?<=\s)\+(?=\d)"), "plus "),
    (re.compile(r"(?<=\s)[-−](?=\d)"), "minus "),
    (re.compile(r"\bLTV:CAC\b"), "LTV to CAC"),
    (re.compile(r"…"), ""),
)


def aloud(reply: Reply, seconds: float) -> str:
    """The words to say for a reply, at most about ``seconds`` of them; plain, without signs and tables.

    Numbers are rounded to three digits unless the reply asks for a yes: then they are exact, and amounts of
    money are told a second time digit by digit, because fifty and fifteen sound alike.
    """
    exact = reply.status in _EXACT
    text = reply.reply.speech or reply.reply.text
    if reply.status is Status.QUESTION and reply.reply.choices:
        choices = reply.reply.choices[:MOST_CHOICES]
        if not any(choice in text for choice in choices):
            text = f"{text} For example {listed(choices, 'or')}."
    return shortened(said(text, exact=exact), seconds, whole=exact)


def said(text: str, *, exact: bool = False) -> str:
    """``text`` in words and numerals a voice says well."""
    text = _MARKS.sub("", _LINK.sub(r"\1", text))
    text = _ISO_DAY.sub(_day, text)
    text = _MONTH.sub(lambda found: next(name for name in _MONTHS if name.startswith(found[1])), text)
    text = _MONEY.sub(lambda found: _money(found, exact=exact), text)
    if not exact:
        text = _COUNT.sub(_rounded, text)
    for pattern, words in _SAID:
        text = pattern.sub(words, text)
    return re.sub(r",\s*([,.?!])", r"\1", re.sub(r"[ \t]+", " ", text)).strip()


def shortened(text: str, seconds: float, *, whole: bool = False) -> str:
    """The whole sentences of ``text`` that can be said in ``seconds``; ``whole`` leaves none out."""
    sentences = [one for one in _SENTENCE.split(text) if one.strip()]
    room = int(seconds * WORDS_A_SECOND)
    kept: list[str] = []
    for one in sentences:
        words = len(one.split())
        if kept and not whole and words > room:
            return " ".join([*kept, "The rest is on the screen."])
        kept.append(one)
        room -= words
    cut = " ".join(kept)
    return cut if whole else _cut(cut, seconds)


def _cut(text: str, seconds: float) -> str:
    words = text.split()
    most = int(seconds * WORDS_A_SECOND)
    return text if len(words) <= most else f"{' '.join(words[:most])}. The rest is on the screen."


def digits(amount: int) -> str:
    """What tells fifty from fifteen, digit by digit: ``five zero thousand`` of 50,000."""
    for limit, word in ((10**6, " million"), (1000, " thousand"), (1, "")):
        if amount % limit == 0:
            return " ".join(_DIGITS[int(figure)] for figure in str(amount // limit)) + word
    raise ValueError(amount)


def _money(found: re.Match[str], *, exact: bool) -> str:
    sign = {"-": "minus ", "−": "minus ", "+": "plus "}.get(found[1], "")
    code = next(code for code, symbol in SYMBOLS.items() if symbol == found[2])
    amount, unit = Decimal(found[3].replace(",", "")), SPOKEN_CURRENCIES[code]
    if not exact:
        return f"{sign}{_number(amount)} {unit}"
    if amount != int(amount) or amount < _DOUBTLESS:
        return f"{sign}{amount:,} {unit}"
    whole = int(amount)
    if whole >= 10**6 and whole % 10**5 == 0:
        shown = f"{(amount / 10**6).normalize():f} million"
    else:
        shown = f"{whole // 1000:,} thousand" if whole % 1000 == 0 else f"{whole:,}"
    return f"{sign}{shown} {unit}, {digits(whole)},"


def _rounded(found: re.Match[str]) -> str:
    try:
        number = Decimal((found[1] + (found[2] or "")).replace(",", ""))
    except InvalidOperation:
        return found[0]
    # Years and numbers of proposals are names.
    is_name = "," not in found[1] and found[2] is None
    return found[0] if is_name else _number(number)


def _number(amount: Decimal) -> str:
    if amount >= _SMALL:
        places = len(str(int(amount))) - _SIGNIFICANT
        amount = amount.quantize(Decimal(1).scaleb(places), ROUND_HALF_EVEN)
        for limit, word in ((10**9, "billion"), (10**6, "million")):
            if amount >= limit:
                return f"{(amount / limit).normalize():f} {word}"
        return f"{int(amount):,}"
    if amount >= 10 or amount == amount.to_integral():
        return f"{amount.quantize(Decimal(1), ROUND_HALF_EVEN):f}"
    return f"{amount.quantize(Decimal('0.1') if amount >= 1 else Decimal('0.01'), ROUND_HALF_EVEN):f}"


def _day(found: re.Match[str]) -> str:
    month = int(found[2])
    return f"{_MONTHS[month - 1]} {int(found[3])}" if 1 <= month <= len(_MONTHS) else found[0]
