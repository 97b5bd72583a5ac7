"""Mangled, endless and nonsensical utterances: none may raise, none may take the reader over 50 ms of CPU.

``python -m benchmarks.hostile_text [COUNT] [SEED]`` makes 100,000 of them from the training sentences, the
held-out ones and noise, reads each among 6,000 live names, fills the slots of what it was read as, and prints
JSON. Status 1 when one raised or was too slow each of four times; both are told with the text.
"""

import gc
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.bootstrap import load_reader
from assistant.documents import catalogue
from assistant.settings import Settings
from benchmarks import held_out
from intents.command import Command
from intents.evaluation import read_sentences
from intents.filling import SlotErrors, slots_from, validated
from intents.names import Name, Names
from intents.readers.embedded import DATA, LONGEST_TEXT
from intents.reading import Reader, Scene
from intents.training import load

UTTERANCES = 100_000
MOST_MS = 50.0
LONGEST = 20_000
"""Characters of an utterance."""
AGAIN = 3
"""Times a slow text is read again: what a busy machine did to it once is not its own doing."""
KEPT = 10
"""So many of the slowest, and of what raised, are shown."""

Change = Callable[[random.Random, str], str]

_EMOJIS = "😀🚀💸🔥👍🏽👩‍💻🇬🇧📈❤️🫠"
_CONTROLS = "\x00\x01\x07\x08\x0b\x0c\x1b\x7f\x85\u200b\u200d\u2028\u2029\ufeff\ufffd\ud800"
_BIDI = "\u202a\u202b\u202d\u202e\u202c\u2066\u2067\u2069\u200f"
_ALIKE = str.maketrans("aeopcxyiAEOPCTXHKMB", "аеорсхуіАЕОРСТХНКМВ")
_FOREIGN = (
    "كم أنفقنا على الإعلانات في الشهر الماضي",
    "העבר עשרת אלפים מתצוגה לדוא״ל",
    "先月の広告費はいくらでしたか",
    "сколько мы потратили на рекламу",
    "ऐक्मे के लिए प्रदर्शन दिखाओ",
    "วันนี้เราใช้เงินไปเท่าไร",
)
_NUMBERS = (
    *("5k", "$5,000", "20%", "1e9", "٣٤٥", "½", "−7", "12/31/2026", "2026-02-30", "#3", "1,2,3,4", "0"),
    *("99999999999999999999", "five thousand million hundred", "€.5", "10-20k", "1.000.000,00", "²³", "Ⅻ"),
)
_SYLLABLES = (
    *("ba", "co", "di", "fu", "gra", "ho", "ju", "kel", "lo", "mi", "nor"),
    *("pe", "qua", "ri", "sta", "to", "ul", "ver", "wi", "xan", "yo", "zet"),
)
_NASTY = (
    *("'; DROP TABLE ventures; --", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "%s%s%n"),
    *(
        "../../etc/passwd",
        "[Acme](venture)",
        '[Acme]{"entity": "venture"}',
        "\\",
        '"',
        "NULL",
        "NaN",
        ".*+?^",
    ),
)


def _at(random_: random.Random, text: str) -> int:
    return random_.randrange(len(text) + 1)


def _dropped(random_: random.Random, text: str) -> str:
    at = _at(random_, text)
    return text[:at] + text[at + 1 :]


def _doubled(random_: random.Random, text: str) -> str:
    at = _at(random_, text)
    return text[:at] + text[at : at + 1] * random_.choice((2, 2, 3, 40)) + text[at + 1 :]


def _swapped(random_: random.Random, text: str) -> str:
    at = _at(random_, text)
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


def _with(pieces: str | tuple[str, ...]) -> Change:
    def change(random_: random.Random, text: str) -> str:
        at = _at(random_, text)
        return text[:at] + "".join(random_.choices(pieces, k=random_.randint(1, 5))) + text[at:]

    return change


def _turned(random_: random.Random, text: str) -> str:
    """Right to left: overridden, reversed, or mixed with a right-to-left script."""
    return random_.choice((f"\u202e{text}\u202c", text[::-1], f"{text} {_FOREIGN[0]}"))


def _recased(random_: random.Random, text: str) -> str:
    return random_.choice((text.upper(), text.title(), text.swapcase(), text.translate(_ALIKE)))


def _shuffled(random_: random.Random, text: str) -> str:
    words = text.split()
    random_.shuffle(words)
    return " ".join(words)


def _unspaced(random_: random.Random, text: str) -> str:
    return text.replace(" ", random_.choice(("", "-", "_", "\t", "\n", "\u00a0", "   ", ",", ".")))


def _glued(random_: random.Random, text: str) -> str:
    """A number without a space before or behind it."""
    at = random_.choice([0, *(place for place, sign in enumerate(text) if sign == " "), len(text)])
    return text[:at] + random_.choice(_NUMBERS) + text[at:].lstrip()


def _lengthened(random_: random.Random, text: str) -> str:
    times = random_.choice((3, 20, 100, 1_000))
    return (f"{text}{random_.choice(('', ' ', ', ', ' and '))}" * times)[:LONGEST]


CHANGES: tuple[Change, ...] = (
    *(_dropped, _doubled, _swapped) * 3,
    *(_with(_EMOJIS), _with(_CONTROLS), _with(_BIDI), _with(_NASTY), _with(_FOREIGN)),
    *(_turned, _recased, _shuffled, _unspaced, _glued, _glued, _lengthened),
)


def utterances(count: int, seed: int) -> Iterator[str]:
    """So many utterances, the same for the same seed: seven of eight were sentences once."""
    random_ = random.Random(seed)
    sentences = [one.text for one in load(DATA)]
    sentences += [one.text for one in read_sentences(held_out.FILE)]
    for number in range(count):
        if number % 8 == 7:
            yield _noise(random_)
            continue
        text = random_.choice(sentences)
        if random_.random() < 0.15:
            joint = random_.choice((" and ", ", ", ". ", "; then ", " ", ""))
            text = joint.join([text, *random_.choices(sentences, k=random_.choice((1, 1, 2, 30)))])
        for _ in range(random_.choice((1, 1, 2, 3, 8))):
            text = random_.choice(CHANGES)(random_, text)
        yield text[:LONGEST]


def _noise(random_: random.Random) -> str:
    """Nothing that was ever a sentence."""
    size = int(10 ** random_.uniform(0, 3.6))
    kind = random_.randrange(5)
    if kind == 0:
        return "".join(chr(random_.randrange(0x110000)) for _ in range(size))
    if kind == 1:
        return "".join(chr(random_.randrange(32, 127)) for _ in range(size))
    if kind == 2:
        return " ".join(_word(random_) for _ in range(size // 6 + 1))
    if kind == 3:
        return " ".join(
            random_.choices((*_NUMBERS, "to", "and", "between", "last", "k", "%", "."), k=size // 4)
        )
    return random_.choice((*_NASTY, *_FOREIGN, "", " ", "\n" * size, "a" * size, "9" * size, "(" * size))


def _word(random_: random.Random) -> str:
    return "".join(random_.choices(_SYLLABLES, k=random_.randint(1, 4)))


def crowded(seed: int = 0) -> Scene:
    """The held-out sentences' names among 6,000 others, as a large portfolio has them."""
    random_ = random.Random(seed)
    sizes = {"venture": (100, 1, 2), "campaign": (900, 2, 3), "influencer": (5_000, 1, 2)}
    made = [
        Name(kind, number, " ".join(_word(random_).title() for _ in range(random_.randint(least, most))))
        for kind, (count, least, most) in sizes.items()
        for number in range(100, 100 + count)
    ]
    ours = [
        *(Name("venture", number, name) for number, name in enumerate(held_out.VENTURES, 1)),
        *(Name("campaign", number, *of) for number, of in enumerate(held_out.CAMPAIGNS, 1)),
        *(Name("category", number, name) for number, name in enumerate(held_out.CATEGORIES, 1)),
    ]
    return Scene(Names([*ours, *made]), held_out.SCENE.today)


@dataclass
class Tried:
    """One utterance, what it cost, and what it raised."""

    text: str
    ms: float
    """CPU time of reading it, in this thread."""
    raised: str | None


def tried(text: str, reader: Reader, scene: Scene, commands: Mapping[str, type[Command]]) -> Tried:
    """Read a text and fill the slots of what it was read as; refused slots are no fault."""
    started = time.thread_time()
    ms = 0.0
    try:
        reading = reader.read(text, scene)
        ms = (time.thread_time() - started) * 1000
        command = commands.get(reading.ranking[0][0])
        if command is not None:
            validated(command, slots_from(command, reading.entities, text), scene)
    except SlotErrors:
        pass
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return Tried(text, ms, f"{type(error).__name__}: {error}")
    return Tried(text, ms, None)


def measure(count: int, seed: int) -> dict[str, Any]:
    """What raised, what was slow, and how long the others took."""
    reader = load_reader(Settings())
    scene, commands = crowded(), catalogue()
    texts = list(utterances(count, seed))
    tried("show spring lanch for acmee", reader, scene, commands)
    gc.freeze()
    found = [tried(text, reader, scene, commands) for text in texts]
    slow = [one for one in found if one.ms > MOST_MS]
    again = [min(tried(one.text, reader, scene, commands).ms for _ in range(AGAIN)) for one in slow]
    raised = [one for one in found if one.raised is not None]
    ordered = sorted(found, key=lambda one: one.ms)
    return {
        "utterances": len(found),
        "seed": seed,
        "longest": max(len(one.text) for one in found),
        "cut at": LONGEST_TEXT,
        "raised": len(raised),
        "over 50 ms": len(slow),
        "over 50 ms again": sum(ms > MOST_MS for ms in again),
        "p50_ms": round(ordered[len(ordered) // 2].ms, 2),
        "p99_ms": round(ordered[len(ordered) * 99 // 100].ms, 2),
        "max_ms": round(ordered[-1].ms, 2),
        "what raised": [(one.raised, one.text[:200]) for one in raised[:KEPT]],
        "slowest": [(round(one.ms, 1), len(one.text), one.text[:200]) for one in ordered[-KEPT:]],
    }


def main() -> None:
    """Measure and print JSON."""
    count, seed = [int(given) for given in sys.argv[1:3]] + [UTTERANCES, 0][len(sys.argv) - 1 :]
    found = measure(count, seed)
    print(json.dumps(found, indent=2))
    sys.exit(bool(found["raised"] or found["over 50 ms again"]))


if __name__ == "__main__":
    main()
