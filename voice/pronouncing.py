"""How names and words that no dictionary has are pronounced, in the phones of CMUdict."""

import re
import unicodedata
from collections.abc import Sequence

from voice.espeak_library import espeak_library

_MOST_WORDS = 12
_MOST_LETTERS = 24


def _table(text: str) -> dict[str, str]:
    """A line holds pairs ``sign=phones`` with bars between."""
    pairs = (pair.partition("=") for line in text.strip().splitlines() for pair in line.strip().split("|"))
    return {sign: phones for sign, _, phones in pairs}


_IPA = _table("""
    ɪoʊ=IY OW|ɪə=IY AH|ɪɐ=IY AH
    aɪɚ=AY ER|aɪə=AY ER|aʊɚ=AW ER|ɔːɹ=AO R|oːɹ=AO R|ɑːɹ=AA R|ɛɹ=EH R|ɪɹ=IH R|ʊɹ=UH R|əl=AH L|n̩=AH N|l̩=AH L
    tʃ=CH|dʒ=JH|aɪ=AY|aʊ=AW|eɪ=EY|oʊ=OW|ɔɪ=OY|əʊ=OW|iə=IY AH|iː=IY|uː=UW|ɑː=AA|ɔː=AO|ɜː=ER|oː=AO|ɐ=AH|a=AE
    æ=AE|ɑ=AA|ɒ=AA|ɔ=AO|ʌ=AH|ə=AH|ɚ=ER|ɝ=ER|ɜ=ER|ɛ=EH|e=EH|ɪ=IH|ᵻ=IH|i=IY|ʊ=UH|u=UW|o=OW|y=UW|ø=ER|œ=ER
    b=B|d=D|ð=DH|f=F|ɡ=G|g=G|h=HH|j=Y|k=K|l=L|ɫ=L|m=M|n=N|ŋ=NG|p=P|ɹ=R|r=R|s=S|ʃ=SH|t=T|ɾ=T|θ=TH|v=V|w=W
    ʍ=W|x=K|z=Z|ʒ=ZH|ç=HH|ɬ=L
""")
_LONGEST = max(map(len, _IPA))

_LETTERS = _table("""
    a=EY|b=B IY|c=S IY|d=D IY|e=IY|f=EH F|g=JH IY|h=EY CH|i=AY|j=JH EY|k=K EY|l=EH L|m=EH M|n=EH N|o=OW|p=P IY
    q=K Y UW|r=AA R|s=EH S|t=T IY|u=Y UW|v=V IY|w=D AH B AH L Y UW|x=EH K S|y=W AY|z=Z IY
""")
_SPELLED = frozenset(
    {
        *("kpi", "seo", "sem", "ppc", "ltv", "cac", "cpa", "cpc", "cpm", "ctr", "roi", "pr", "gtm", "csv"),
        *("mql", "sql", "mrr", "arr", "aov", "b2b", "b2c", "d2c", "usd", "eur", "gbp", "chf", "crm", "hr"),
        *("yoy", "mom", "qoq", "mtd", "ytd", "utc", "uk", "eu", "usa", "ai", "ux", "ui", "tv", "vip", "api"),
        *("clv", "ugc", "faq", "dm", "ceo", "cmo", "cfo", "cto", "id", "ok", "ngo", "edu", "llc", "ltd"),
    }
)
"""Read letter by letter, also where not written in capitals."""
_CAPITALS = frozenset({"roas", "cac", "saas", "seo"})
_KNOWN = {
    "roas": ("R OW AE Z", "R OW AE S", "R OW AH S", "AA R OW EY EH S"),
    "cac": ("K AE K", "S IY EY S IY"),
    "saas": ("S AE S", "S AA S"),
    "seo": ("EH S IY OW",),
    "ltd": ("L IH M AH T IH D",),
    "almond": ("AA M AH N D", "AA L M AH N D", "AE L M AH N D"),
    "tiktok": ("T IH K T AA K",),
    "linkedin": ("L IH NG K T IH N",),
    "adwords": ("AE D W ER D Z",),
    "&": ("AE N D", "AH N D"),
    "'s": ("Z", "S", "AH Z", "IH Z"),
}
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SIGNS = {"&": "and", "+": "plus", "@": "at", "%": "percent", "#": "number", "$": "dollars", "€": "euros"}
_PIECE = re.compile(r"(?<=\s)'s\b|\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|[&+@%#$€]")


def spoken(name: str) -> tuple[str, ...]:
    """The words a name is said in, lower case: "Studio 54" is studio fifty four, "B2B" b two b.

    Letters carry their accents no more; what has no sound (brackets, pictures) is left out. Empty for a name
    that cannot be said, and only the beginning of one of more than a dozen words.
    """
    words: list[str] = []
    for match in _PIECE.finditer(unicodedata.normalize("NFKC", name)):
        words += _said(match.group())
        if len(words) > _MOST_WORDS:
            break
    return tuple(words[:_MOST_WORDS])


def _said(piece: str) -> list[str]:
    if piece[0].isdigit():
        return _number(piece)
    if piece in _SIGNS:
        return [_SIGNS[piece]]
    plain = _plain(piece)
    if not plain or len(plain) > _MOST_LETTERS:
        return []
    word = plain.lower()
    if len(plain) > 1 and plain.isupper() and _is_initials(plain):
        return list(word)
    return [word]


def _plain(text: str) -> str:
    """In plain letters; empty where a script has none."""
    text = text.replace("’", "'").replace("ß", "ss").replace("ø", "o").replace("æ", "ae").replace("ł", "l")
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return bare if re.fullmatch(r"[A-Za-z']+", bare) else ""


def _is_initials(word: str) -> bool:
    """Whether capitals are read one by one."""
    return word.lower() in _SPELLED or (len(word) <= 4 and not re.search(r"[AEIOUY]", word))


def _number(piece: str) -> list[str]:
    whole, _, part = piece.replace(",", "").partition(".")
    if len(whole) > 6 or (len(whole) > 1 and whole[0] == "0"):
        return [_ONES[int(digit)] for digit in whole + part][:_MOST_WORDS]
    said = _year(int(whole)) if len(whole) == 4 and "," not in piece else _counted(int(whole))
    return [*said, *(["point", *(_ONES[int(digit)] for digit in part if digit.isdigit())] if part else [])]


def _year(number: int) -> list[str]:
    first, last = divmod(number, 100)
    if 1100 <= number < 2000 or 2010 <= number < 2100:
        if last == 0:
            return [*_counted(first), "hundred"]
        return [*_counted(first), *(["oh"] if last < 10 else []), *_counted(last)]
    return _counted(number)


def is_spelled(word: str) -> bool:
    """Whether a word is read letter by letter or is written in capitals: kpi, roas."""
    return word.lower() in _SPELLED or word.lower() in _CAPITALS


def is_mistakable(word: str) -> bool:
    """Whether a word is one of a pair of numbers that sound alike: thirteen and thirty."""
    return word in _TENS[1:] or word in _ONES[13:]


def number_of(word: str) -> int | None:
    """The number a single spoken word says, up to ninety."""
    if word in _ONES:
        return _ONES.index(word)
    return 10 * (_TENS.index(word) + 2) if word in _TENS else None


def _counted(number: int) -> list[str]:
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        return [_TENS[number // 10 - 2], *([_ONES[number % 10]] if number % 10 else [])]
    for size, word in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            first, rest = divmod(number, size)
            return [*_counted(first), word, *(_counted(rest) if rest else [])]
    return []


def pronunciations(word: str, listed: Sequence[str] = ()) -> tuple[str, ...]:
    """How one spoken word (see `spoken`) may be pronounced, the likeliest first, in CMUdict phones.

    ``listed`` is what a dictionary says; it is added to, or replaced, for abbreviations. Without it: initials
    letter by letter, else by espeak-ng, or by plain rules of spelling where it is not installed. Never empty
    for a word of Latin letters.
    """
    word = word.lower()
    letters = re.sub(r"[^a-z0-9]", "", word)
    found = list(_KNOWN.get(word, ()))
    if len(letters) == 1 and letters.isalpha():
        found.append(_LETTERS[letters])
    elif word in _SPELLED and word not in _KNOWN:
        found.append(" ".join(_LETTERS.get(letter, _DIGITS.get(letter, "")) for letter in letters))
    if not _KNOWN.get(word):
        found += listed
    if not found and letters:
        likeliest = _by_espeak(word) or _by_spelling(letters)
        found += [likeliest, _with_other_vowel(letters, likeliest)]
    return tuple(dict.fromkeys(one for one in found if one))


_DIGITS = {"2": "T UW", "4": "F AO R"}


_OPEN_SYLLABLE = re.compile(r"[^aeiouy]*[aeio][^aeiouwy][aeiouy]")
_LONG_OR_SHORT = {
    "EH": "IY",
    "IY": "EH",
    "AE": "EY",
    "EY": "AE",
    "IH": "AY",
    "AY": "IH",
    "AA": "OW",
    "OW": "AA",
}


def _with_other_vowel(letters: str, phones: str) -> str:
    """With the first vowel long instead of short, or the reverse, where English leaves it open: "Helio"."""
    if not _OPEN_SYLLABLE.match(letters):
        return ""
    several = phones.split()
    at = next((at for at, phone in enumerate(several) if phone in _LONG_OR_SHORT), None)
    if at is None:
        return ""
    return " ".join([*several[:at], _LONG_OR_SHORT[several[at]], *several[at + 1 :]])


def _by_espeak(word: str) -> str:
    library = espeak_library()
    return "" if library is None else arpabet(library.ipa(word))


def arpabet(ipa: str) -> str:
    """CMUdict phones for the International Phonetic Alphabet; unknown signs are left out."""
    text = re.sub(r"\([^()]*\)|[ˈˌ\u0303\u0361.\-_|\s]", "", ipa)
    phones: list[str] = []
    at = 0
    while at < len(text):
        for size in range(min(_LONGEST, len(text) - at), 0, -1):
            found = _IPA.get(text[at : at + size])
            if found:
                phones.append(found)
                at += size
                break
        else:
            at += 1
    return " ".join(phones)


_RULES = _table("""
    tion=SH AH N|sion=ZH AH N|ture=CH ER|ough=AO|augh=AO|igh=AY|eigh=EY|tch=CH|dge=JH|chr=K R|kn=N|wr=R|ph=F
    sh=SH|ch=CH|th=TH|wh=W|qu=K W|ck=K|ng=NG|nk=NG K|gh=G|ee=IY|ea=IY|oo=UW|ou=AW|ow=OW|oi=OY|oy=OY|ai=EY
    ay=EY|au=AO|aw=AO|ie=IY|ei=EY|eu=UW|ew=UW|oa=OW|ue=UW|ui=UW|er=ER|ir=ER|ur=ER|or=AO R|ar=AA R|bb=B|cc=K
    dd=D|ff=F|gg=G|ll=L|mm=M|nn=N|pp=P|rr=R|ss=S|tt=T|zz=Z|ce=S EH|ci=S IH|cy=S IY|ge=JH EH|a=AE|b=B|c=K|d=D
    e=EH|f=F|g=G|h=HH|i=IH|j=JH|k=K|l=L|m=M|n=N|o=AA|p=P|q=K|r=R|s=S|t=T|u=AH|v=V|w=W|x=K S|y=IY|z=Z
""")
"""Letters and their usual sound; the first that fits is taken."""
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW"}


def _by_spelling(letters: str) -> str:
    """Plain rules of English spelling: right often enough to be told from other names."""
    phones: list[str] = []
    at = 0
    while at < len(letters):
        rest = letters[at:]
        magic = re.match(r"([aeiou])([bcdfgklmnprstvz])e$", rest)
        if magic:
            consonant = "S" if magic[2] == "c" else "JH" if magic[2] == "g" else _by_spelling(magic[2])
            return " ".join([*phones, _LONG[magic[1]], consonant])
        if rest == "e" and at > 1:
            break
        if rest in ("o", "y", "i", "a") and at:
            phones.append({"o": "OW", "y": "IY", "i": "IY", "a": "AH"}[rest])
            break
        found = next(((size, said) for size, said in _RULES.items() if rest.startswith(size)), None)
        if found is None:
            at += 1
            continue
        phones += found[1].split()
        at += len(found[0])
    return " ".join(phones)
