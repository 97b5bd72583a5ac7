"""Embedded ears on generated speech: right, asked, refused and wrong; out of grammar; unknown names; speed.

``python -m benchmarks.voice [--split tuning|held-out] [--human DIR] [--cache DIR]`` prints JSON. Voices are
those of eSpeak NG (the wheel), and of flite and festival where these programs are installed. Voices, names
and sentences of the two splits differ: thresholds are chosen on ``tuning`` alone. ``--rows FILE`` writes what
each clip gave, a line of JSON a clip.
"""

import argparse
import hashlib
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Any, Literal, TextIO

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from assistant.channels.nlu import resident_mb
from assistant.doubting import ASKED_BELOW, Heard, is_nothing
from assistant.settings import Settings
from assistant.vocabulary import pattern_of, patterns, vocabulary
from intents.encoder import find_encoder
from intents.filling import SlotErrors, slots_from
from intents.names import Name, Names
from intents.readers.embedded import DATA, EmbeddedReader
from intents.readers.sentences import OUT_OF_SCOPE
from intents.reading import Scene
from intents.training import load
from voice.audio import RATE, Audio, VoiceError
from voice.decoding import decode_trusted
from voice.embedded import EmbeddedTranscriber
from voice.espeak import EspeakSpeaker
from voice.grammar import is_place, tokens_of
from voice.jsgf import parse
from voice.moonshine import of_setting
from voice.transcriber import Transcript, Vocabulary

Split = Literal["tuning", "held-out"]
TODAY = date(2026, 6, 17)
HUMAN = Path(__file__).parents[2] / "shared" / "data" / "audio"
SPENDS = frozenset({"approve", "set_budget", "optimize_budget", "reallocate_budget", "resume_campaign"})
"""Commands that move or commit money."""
VOICES: dict[Split, tuple[tuple[str, str], ...]] = {
    "tuning": (
        ("espeak", "en-us"),
        ("espeak", "en-gb+m3"),
        ("espeak", "en-us+f4"),
        ("espeak", "en-us+m7"),
        ("espeak", "en-gb-scotland"),
        ("espeak", "en-gb+f3"),
        ("flite", "slt"),
        ("flite", "kal16"),
        ("festival", "kal_diphone"),
        ("festival", "cmu_us_slt_arctic_hts"),
    ),
    "held-out": (
        ("espeak", "en-gb"),
        ("espeak", "en-us+f2"),
        ("espeak", "en-gb-x-rp+m1"),
        ("flite", "rms"),
        ("flite", "awb"),
        ("festival", "ked_diphone"),
    ),
}
NAMES: dict[Split, dict[str, tuple[str, ...]]] = {
    "tuning": {
        "venture": ("Acme", "Northwind", "Kestrel Foods", "Lumen Labs", "Quillon", "Brightside", "Studio 54"),
        "campaign": ("Spring Launch", "Black Friday", "Back to School", "Copper Trail", "Night Market"),
        "category": ("fitness", "travel", "food", "gaming"),
        "influencer": ("Tom Reed", "Maya Fields", "chefdario"),
    },
    "held-out": {
        "venture": (
            "Helio Labs",
            "Glowberry",
            "Fjord",
            "Tamarind Tea",
            "Oveta",
            "Pinegrove",
            "Cobalt Cycles",
        ),
        "campaign": ("Summer Sale", "Winter Promo", "Founders Week", "Harvest Moon", "Open Skies"),
        "category": ("beauty", "fashion", "cooking", "tech"),
        "influencer": ("Saskia Brandt", "Jonas Wilder", "pixelpete"),
    },
}
UNKNOWN: dict[Split, dict[str, tuple[str, ...]]] = {
    "tuning": {
        "venture": ("Zephyr Mills", "Caldera", "Orchid Bank", "Vantage Point", "Mosswood"),
        "campaign": ("Autumn Reset", "Silver Bells", "Gold Rush", "Paper Plane", "Rocket Week"),
    },
    "held-out": {
        "venture": ("Marlowe Pharma", "Bluestone", "Tidewater", "Juniper Mill", "Drumlin"),
        "campaign": ("Lucky Seven", "Velvet Hour", "Big Thaw", "Garden Party", "First Light"),
    },
}
GENERAL = (
    *("the birch canoe slid on the smooth planks", "it is easy to tell the depth of a well"),
    *("these days a chicken leg is a rare dish", "rice is often served in round bowls"),
    *("the box was thrown beside the parked truck", "four hours of steady work faced us"),
    *("a large size in stockings is hard to sell", "the boy was there when the sun rose"),
    *("we talked about the weather and the garden all morning", "my sister is coming over for dinner"),
    *("turn the lights off in the kitchen", "play some quiet music in the living room"),
    *("what time does the train to london leave", "remind me to call my mother tomorrow"),
    *("i would like to order a pizza with extra cheese", "how many miles is it to the next town"),
    *("set an alarm for half past six", "who won the match last night"),
    *("the quick brown fox jumps over the lazy dog", "is it going to rain this afternoon"),
    *("add milk and two eggs to the shopping list", "she sells sea shells on the sea shore"),
    *("please close the window before you leave", "he wrote a long letter to his old friend"),
    *("the committee will meet again on thursday", "nobody knows where the cat is hiding"),
    *("translate good morning into french", "the train was late because of the snow"),
    *("how do i get to the airport from here", "they built the bridge in less than a year"),
    *("an apple a day keeps the doctor away", "open the garage door and start the car"),
    *("i lost my keys somewhere in the park", "the museum is closed on mondays"),
    *("what is the square root of eighty one", "tell me a joke about elephants"),
)


@dataclass(frozen=True)
class Meaning:
    """A command and its slots, to be compared."""

    intent: str | None
    slots: str
    is_plain: bool = True
    """Whether nothing has to be asked: no name that nobody has, no value that cannot be."""

    @classmethod
    def of(cls, reader: EmbeddedReader, text: str, scene: Scene) -> "Meaning":
        """What our reader makes of a text."""
        from assistant.documents import catalogue

        reading = reader.read(text, scene)
        command = catalogue().get(reading.intent or "")
        if command is None:
            found = sorted((one.entity, str(one.value)) for one in reading.entities)
            return cls(reading.intent, repr(found))
        try:
            slots = slots_from(command, reading.entities, reading.text)
        except SlotErrors as errors:
            return cls(reading.intent, f"problems: {errors}", is_plain=False)
        told = repr(sorted((name, repr(value)) for name, value in slots.items()))
        return cls(reading.intent, told, is_plain=not reading.unknown)


@dataclass(frozen=True)
class Clip:
    """A sentence and who says it."""

    text: str
    intent: str
    voice: tuple[str, str]


def synthesise(text: str, voice: tuple[str, str], cache: Path) -> Audio:
    """The text said by a voice, kept in ``cache``."""
    engine, name = voice
    said = text.replace("gtm", "G T M").replace("roas", "row as").replace("kpi", "K P I")
    key = hashlib.sha256(f"{engine} {name} {said}".encode()).hexdigest()[:24]
    file = cache / f"{key}.npy"
    if not file.exists():
        audio = _said(said, engine, name)
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, audio.samples)
    return Audio(np.load(file))


def _said(text: str, engine: str, name: str) -> Audio:
    if engine == "espeak":
        return EspeakSpeaker().speak(text, voice=name, speed=0.9)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        if engine == "flite":
            command = ["flite", "-voice", name, "-t", text, "-o", str(file)]
            subprocess.run(command, check=True, capture_output=True)
        else:
            command = ["text2wave", "-eval", f"(voice_{name})", "-o", str(file)]
            subprocess.run(command, input=text.encode(), check=True, capture_output=True)
        return decode_trusted(file)


def voices_of(split: Split) -> tuple[tuple[str, str], ...]:
    """The voices of a split whose programs are here."""
    programs = {"espeak": "python", "flite": "flite", "festival": "text2wave"}
    return tuple(voice for voice in VOICES[split] if voice[0] == "espeak" or shutil.which(programs[voice[0]]))


def noisy(
    audio: Audio, decibels: float | None, random: np.random.Generator, babble: NDArray[np.int16]
) -> Audio:
    """The same with noise this much weaker: white, or many voices where ``babble`` has any."""
    if decibels is None:
        return audio
    sound = audio.samples.astype(np.float64)
    noise = random.normal(size=len(sound))
    if len(babble):
        begin = int(random.integers(0, max(len(babble) - len(sound), 1)))
        noise = np.resize(babble[begin:], len(sound)).astype(np.float64)
    loud = np.sqrt(np.mean(sound**2))
    scaled = noise * loud * 10 ** (-decibels / 20) / max(np.sqrt(np.mean(noise**2)), 1e-9)
    return Audio(np.clip(sound + scaled, -32768, 32767).astype(np.int16))


def babble_of(texts: Sequence[str], voices: Sequence[tuple[str, str]], cache: Path) -> NDArray[np.int16]:
    """Six at once, half a minute long."""
    tracks = []
    for number in range(6):
        voice = voices[number % len(voices)]
        parts = [synthesise(text, voice, cache).samples for text in texts[number::6][:12]]
        tracks.append(np.resize(np.concatenate(parts), 30 * RATE).astype(np.int32))
    return np.clip(sum(tracks) // 6, -32768, 32767).astype(np.int16)


def live_names(split: Split) -> Names:
    """The names of a split as if they were live."""
    return Names(
        (
            Name(kind, number, name)
            for kind, names in NAMES[split].items()
            if kind != "influencer"
            for number, name in enumerate(names, 1)
        ),
        version=1,
    )


def mine(pattern: str, split: Split) -> bool:
    """Whether a pattern belongs to the split: every other one."""
    return (hashlib.sha256(pattern.encode()).digest()[0] % 2 == 0) == (split == "tuning")


def filled(pattern: str, known: Vocabulary, names: dict[str, tuple[str, ...]], random: Random) -> str | None:
    """A sentence of a pattern, or None where a place cannot be filled."""
    text = pattern
    for token in tokens_of(pattern):
        if is_place(token):
            kind = token[1:-1]
            if kind in names:
                said = random.choice(names[kind])
            elif kind in known.values:
                said = " ".join(parse(known.values[kind]).draw(random))
            else:
                return None
            text = text.replace(token, said, 1)
    return text


def commands_of(split: Split, known: Vocabulary, each: int, random: Random) -> Iterator[tuple[str, str]]:
    """Sentences of every command, with the command."""
    for intent, several in patterns().items():
        own = [one for one in several if mine(one, split)]
        random.shuffle(own)
        texts = (filled(pattern, known, NAMES[split], random) for pattern in own)
        for text in [text for text in texts if text][:each]:
            yield text, intent


def unknown_names(split: Split, known: Vocabulary, random: Random) -> Iterator[tuple[str, str]]:
    """Sentences with a name nobody has."""
    for intent, several in patterns().items():
        own = [
            one
            for one in several
            if mine(one, split) and sum(one.count(f"{{{kind}}}") for kind in UNKNOWN[split]) == 1
        ]
        if intent:
            for pattern in random.sample(own, min(len(own), 4)):
                text = filled(pattern, known, {**NAMES[split], **UNKNOWN[split]}, random)
                if text:
                    yield text, intent


def wordings(split: Split, known: Vocabulary, count: int, random: Random) -> list[tuple[str, str]]:
    """Training sentences the grammar does not hold, of up to eight words."""
    held = {tokens_of(pattern) for several in patterns().values() for pattern in several}
    found = []
    for example in load(DATA):
        pattern = pattern_of(example)
        if example.intent != OUT_OF_SCOPE and len(tokens_of(pattern)) <= 8 and tokens_of(pattern) not in held:
            found.append((pattern, example.intent))
    random.shuffle(found)
    texts = ((filled(p, known, NAMES[split], random), i) for p, i in found if mine(p, split))
    return [(text, intent) for text, intent in texts if text][:count]


def ears_of() -> EmbeddedTranscriber:
    """The embedded ears as the service has them."""
    return EmbeddedTranscriber(of_setting("auto"))


class Bench:
    """The ears, the reader, and what each clip gave."""

    def __init__(
        self, split: Split, cache: Path, *, thorough: bool = False, file: TextIO | None = None
    ) -> None:
        """``thorough`` as of `EmbeddedTranscriber.consider`; ``file`` takes a line of JSON a clip."""
        self.thorough, self.file = thorough, file
        # As the service does: a sentence is too little work for two threads.
        threadpool_limits(1, user_api="blas")
        models = Settings().data_dir / "models"
        self.reader = EmbeddedReader.load(models, encoder=find_encoder(models))
        self.scene = Scene(live_names(split), TODAY)
        self.known = vocabulary(self.scene.names, NAMES[split]["influencer"])
        start = time.perf_counter()
        self.ears = ears_of()
        self.load_seconds = time.perf_counter() - start
        start = time.perf_counter()
        self.ears.prepare(self.known)
        self.prepare_seconds = time.perf_counter() - start
        self.cache = cache
        self.cpu = self.speech = 0.0
        self.took: list[float] = []
        self.rows: list[dict[str, Any]] = []

    def meaning(self, text: str) -> Meaning:
        """What the reader makes of a text."""
        return Meaning.of(self.reader, text, self.scene)

    def hear(self, audio: Audio, text: str, of: str, said: Meaning | None, voice: str) -> dict[str, Any]:
        """Decode a clip, judge it as the assistant would, and keep what came of it."""
        start, wall = time.process_time(), time.perf_counter()
        heard: Transcript | None = None
        why = ""
        try:
            found = self.ears.consider(audio, self.known, thorough=self.thorough)
            heard = found.transcript
        except VoiceError as error:
            why = error.code
        self.cpu += time.process_time() - start
        self.took.append(time.perf_counter() - wall)
        self.speech += audio.seconds
        row: dict[str, Any] = {"of": of, "voice": voice, "said": text}
        if heard is not None:
            meaning = self.meaning(heard.text)
            second = meaning if heard.second is None else self.meaning(heard.second)
            if not self.ears.is_understood(heard):
                why = "not_understood"
            elif found.is_free and meaning.intent is None:
                why = "out_of_scope"
            elif self._is_nothing(heard):
                why = "not_understood"
            row |= {"guess": heard.text, "guess_second": heard.second, "confidence": heard.confidence}
            row |= {"guess_right": meaning == said, "is_free": found.is_free}
            for stage in found.stages:
                if stage.proposals.likeness is not None:
                    right = self.meaning(stage.text) == said
                    row[stage.name] = {**asdict(stage.proposals.likeness), "right": right}
            if found.freedom is not None:
                right = self.meaning(found.written) == said or _plain(found.written) == _plain(text)
                row["free"] = {**asdict(found.freedom), "text": found.written, "right": right}
            if not why:
                row |= {
                    "acts": heard.confidence >= ASKED_BELOW and meaning == second and meaning.is_plain,
                    "intent": meaning.intent,
                    "same": meaning == second,
                    "right": meaning == said,
                    "text_right": _plain(heard.text) == _plain(text),
                }
        row["outcome"] = why or "heard"
        self.rows.append(row)
        if self.file is not None:
            self.file.write(f"{json.dumps(row)}\n")
            self.file.flush()
        return row

    def _is_nothing(self, found: Transcript) -> bool:
        """Whether the assistant would make nothing of it."""
        heard = Heard(found.engine, found.confidence, found.second)
        second = None if found.second is None else self.reader.read(found.second, self.scene)
        return is_nothing(heard, self.reader.read(found.text, self.scene), second)


def _plain(text: str) -> tuple[str, ...]:
    from voice.pronouncing import spoken

    return spoken(text)


def shares(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of clips with a command in them."""
    count = max(len(rows), 1)
    wrong = [row for row in rows if row.get("acts") and not row["right"]]
    return {
        "clips": len(rows),
        "exact": sum(bool(row.get("right")) for row in rows) / count,
        "exact_at_once": sum(bool(row.get("right") and row["acts"]) for row in rows) / count,
        "exact_asked": sum(bool(row.get("right") and not row["acts"]) for row in rows) / count,
        "wrong_asked": sum(bool("right" in row and not row["right"] and not row["acts"]) for row in rows)
        / count,
        "refused": sum("right" not in row for row in rows) / count,
        "wrong_acts": len(wrong) / count,
        "wrong_spends": sum(row["intent"] in SPENDS for row in wrong),
    }


def accepted(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of clips with none of our commands in them."""
    return {
        "clips": len(rows),
        "accepted": sum(row["outcome"] == "heard" for row in rows) / len(rows),
        "acts": sum(bool(row.get("acts")) for row in rows) / len(rows),
    }


def run(bench: Bench, split: Split, human: Path, each: int, outside_clips: int) -> dict[str, Any]:
    """Everything measured on one split."""
    cache = bench.cache
    random, noise = Random(7), np.random.default_rng(7)
    voices = voices_of(split)
    texts = [text for text in GENERAL if mine(text, split)]
    scoped = [one.text for one in load(DATA) if one.intent == OUT_OF_SCOPE and mine(one.text, split)]
    random.shuffle(scoped)
    outside = texts + [text for text in scoped if len(text.split()) >= 3][: outside_clips - len(texts)]
    babble = babble_of(texts * 6, voices, cache)
    figures: dict[str, Any] = {"split": split, "voices": [" ".join(voice) for voice in voices]}
    turn = iter(range(10**9))

    def clips(pairs: Sequence[tuple[str, str]], a_text: int) -> list[Clip]:
        return [
            Clip(text, intent, voices[next(turn) % len(voices)])
            for text, intent in pairs
            for _ in range(a_text)
        ]

    def hear(
        several: Sequence[Clip], of: str, decibels: float | None, means: Callable[[Clip], Meaning | None]
    ) -> list[dict[str, Any]]:
        rows = []
        for number, clip in enumerate(several):
            audio = synthesise(clip.text, clip.voice, cache)
            audio = noisy(audio, decibels, noise, babble if number % 2 else babble[:0])
            row = bench.hear(audio, clip.text, of, means(clip), " ".join(clip.voice))
            rows.append(row)
        return rows

    def meant(clip: Clip) -> Meaning:
        return Meaning.of(bench.reader, clip.text, bench.scene)

    commands = clips(list(commands_of(split, bench.known, each, random)), 2)
    for label, decibels in (("clean", None), ("20 dB", 20.0), ("10 dB", 10.0)):
        figures[label] = shares(hear(commands, label, decibels, meant))
    by_voice = [row for row in bench.rows if row["of"] == "clean"]
    figures["exact_by_voice"] = {
        voice: round(float(np.mean([bool(row.get("right")) for row in by_voice if row["voice"] == voice])), 3)
        for voice in sorted({row["voice"] for row in by_voice})
    }
    figures["other_wordings"] = shares(
        hear(clips(wordings(split, bench.known, 40, random), 1), "other wordings", None, meant)
    )
    rows = hear(clips([(text, "") for text in outside], 1), "outside", None, lambda _: None)
    figures["outside"] = accepted(rows)
    some = clips([(text, "") for text in outside[::3]], 1)
    figures["outside 20 dB"] = accepted(hear(some, "outside 20 dB", 20.0, lambda _: None))
    rows = hear(
        clips(list(unknown_names(split, bench.known, random)), 1), "unknown name", None, lambda _: None
    )
    figures["unknown_names"] = {
        "clips": len(rows),
        "refused": sum(row["outcome"] != "heard" for row in rows) / len(rows),
        "asked": sum(row["outcome"] == "heard" and not row["acts"] for row in rows) / len(rows),
        "acts": sum(bool(row.get("acts")) for row in rows) / len(rows),
    }
    if split == "held-out":
        figures["human_outside"] = _human(bench, human)
    figures["speed"] = {
        "cpu_of_real_time": bench.cpu / max(bench.speech, 1e-9),
        "seconds_p50": float(np.percentile(bench.took, 50)),
        "seconds_p95": float(np.percentile(bench.took, 95)),
    }
    figures["load_seconds"] = bench.load_seconds
    figures["prepare_seconds"] = bench.prepare_seconds
    with multiprocessing.get_context("spawn").Pool(1) as alone:
        figures["megabytes"] = alone.apply(grown, (split, cache))
    figures |= _swaps(bench, split)
    return figures


def _human(bench: Bench, folder: Path) -> dict[str, Any]:
    """Real people who say none of our commands."""
    rows = []
    for file in sorted([*folder.glob("*.wav"), *folder.glob("commands/*.wav")]):
        audio = decode_trusted(file)
        rows.append(bench.hear(audio, file.name, "human outside", None, "human"))
    accepted = [row["said"] for row in rows if row["outcome"] == "heard"]
    return {
        "clips": len(rows),
        "accepted": accepted,
        "acts": [row["said"] for row in rows if row.get("acts")],
    }


def thousand() -> Names:
    """A thousand made-up names of ventures and campaigns."""
    random = Random(5)
    syllables = [
        "glow",
        "ber",
        "hel",
        "nor",
        "wind",
        "spring",
        "sum",
        "push",
        "ac",
        "zen",
        "tra",
        "vel",
        "lo",
        "ra",
        "pix",
        "quan",
        "tum",
        "bex",
        "dor",
        "fin",
    ]
    made = [
        Name(
            random.choice(("venture", "campaign")),
            number,
            " ".join("".join(random.choices(syllables, k=2)).title() for _ in range(2)),
        )
        for number in range(1000)
    ]
    return Names(made, 2)


def grown(split: Split, cache: Path) -> dict[str, float]:
    """By how many megabytes a fresh process grows: the ears, then a thousand names that come, go and come."""
    few = vocabulary(live_names(split), NAMES[split]["influencer"])
    many = vocabulary(thousand(), NAMES[split]["influencer"])
    sound = synthesise("what are the top performing channels this month", VOICES[split][0], cache)
    before = resident_mb()
    ears = ears_of()
    found = {}
    for label, known in (("few", few), ("many", many), ("few again", few), ("many again", many)):
        ears.consider(sound, known)
        found[label] = round(resident_mb() - before, 1)
    return found


def _swaps(bench: Bench, split: Split) -> dict[str, float]:
    """The time a thousand new names take, a first time and when they are known."""
    many = vocabulary(thousand(), NAMES[split]["influencer"])
    took = []
    for known in (many, bench.known, many):
        start = time.process_time()
        bench.ears.prepare(known)
        took.append(time.process_time() - start)
    return {
        "swap_1000_new_cpu_seconds": took[0],
        "swap_back_cpu_seconds": took[1],
        "swap_1000_known_cpu_seconds": took[2],
    }


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--split", choices=("tuning", "held-out"), default="held-out")
    options.add_argument("--cache", type=Path, default=Path("var/speech"))
    options.add_argument("--human", type=Path, default=HUMAN)
    options.add_argument("--each", type=int, default=4)
    options.add_argument("--outside", type=int, default=310, help="clips of other sentences")
    options.add_argument("--rows", type=Path)
    options.add_argument("--thorough", action="store_true", help="ask pocketsphinx of every clip, for a fit")
    chosen = options.parse_args()
    with chosen.rows.open("w", encoding="utf-8") if chosen.rows else nullcontext() as file:
        bench = Bench(chosen.split, chosen.cache, thorough=chosen.thorough, file=file)
        figures = run(bench, chosen.split, chosen.human, chosen.each, chosen.outside)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
