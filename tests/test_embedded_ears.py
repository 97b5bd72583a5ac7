"""Embedded ears on real speech of a synthesiser: commands heard, everything else refused or asked about."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.vocabulary import vocabulary
from intents.names import Name, Names
from voice import judging, pronouncing
from voice.audio import RATE, Audio, VoiceError
from voice.confusions import evidence
from voice.decoding import decode_trusted
from voice.embedded import EmbeddedTranscriber
from voice.espeak import EspeakSpeaker
from voice.moonshine import of_setting
from voice.pronouncing import arpabet, pronunciations, spoken
from voice.transcriber import Transcript, Vocabulary
from voice.trigram import Counts, arpa

CLIPS = Path(__file__).parents[2] / "shared" / "data" / "audio"
VOICES = ("en-us", "en-gb", "en-us+f2", "en-gb+m3", "en-us+m7")
COMMANDS = (
    "show gtm performance for Helio Labs",
    "find influencers for fitness with fifty thousand followers",
    "optimize budget allocation for Spring Launch",
    "what are the top performing channels this month",
)
NAMES = (
    Name("venture", 1, "Acme"),
    Name("venture", 2, "Helio Labs"),
    Name("venture", 3, "Northwind"),
    Name("campaign", 1, "Spring Launch"),
    Name("campaign", 2, "Back to School"),
    Name("category", 1, "fitness"),
    Name("category", 2, "beauty"),
)


def say(text: str, voice: str = "en-us") -> Audio:
    """The text as sound."""
    return EspeakSpeaker().speak(text.replace("gtm", "G T M"), voice=voice, speed=0.9)


def known_with(*names: Name, version: int = 1) -> Vocabulary:
    """What can be said with these names and those above."""
    return vocabulary(Names([*NAMES, *names], version))


@pytest.fixture(scope="module")
def known() -> Vocabulary:
    """What can be said."""
    return known_with()


@pytest.fixture(scope="module", params=["auto", "off"])
def ears(request: pytest.FixtureRequest) -> EmbeddedTranscriber:
    """Loaded ears, with Moonshine and without."""
    return EmbeddedTranscriber(of_setting(request.param))


@pytest.fixture(scope="module")
def closed() -> EmbeddedTranscriber:
    """Loaded ears that hear closed commands only."""
    return EmbeddedTranscriber()


def heard_or_refused(ears: EmbeddedTranscriber, sound: Audio, known: Vocabulary) -> Transcript | str:
    """What was heard, or the code of the refusal."""
    try:
        return ears.transcribe(sound, known)
    except VoiceError as error:
        return error.code


def is_sure(heard: Transcript) -> bool:
    """Whether both opinions say the same, and surely so."""
    same = heard.second is None or spoken(heard.text) == spoken(heard.second)
    return same and heard.confidence >= judging.SURE


@pytest.mark.parametrize("voice", VOICES)
def test_the_voice_commands_are_heard_in_many_voices(
    ears: EmbeddedTranscriber, known: Vocabulary, voice: str
) -> None:
    heard = [ears.transcribe(say(text, voice), known) for text in COMMANDS]
    assert [one.text for one in heard] == list(COMMANDS)
    assert all(one.engine == "embedded" and 0 < one.confidence <= 1 for one in heard)
    assert sum(map(is_sure, heard)) >= 1


def test_a_fan_in_the_room_is_hardly_a_matter(ears: EmbeddedTranscriber, known: Vocabulary) -> None:
    heard = []
    for voice in ("en-us", "en-us+m7"):
        for text in COMMANDS:
            clean = say(text, voice).samples
            noise = np.random.default_rng(4).normal(0, 0.1 * clean.std(), len(clean))
            sound = Audio((clean + noise).clip(-32768, 32767).astype(np.int16))
            found = heard_or_refused(ears, sound, known)
            heard.append("" if isinstance(found, str) else found.text.casefold())
    right = [one == text.casefold() for one, text in zip(heard, COMMANDS * 2, strict=True)]
    assert sum(right) >= len(right) - 1, heard


def test_the_confidence_is_the_share_that_is_right(closed: EmbeddedTranscriber, known: Vocabulary) -> None:
    inside = (
        *COMMANDS,
        "undo the last change",
        "approve proposal three",
        "how is Northwind doing this month",
    )
    outside = (
        "the birch canoe slid on the smooth planks",
        "remind me to call my mother tomorrow",
        "show gtm performance for Mosswood",
        "optimize budget allocation for Velvet Hour",
        "add milk and two eggs to the shopping list",
    )
    heard = [
        (closed.consider(say(text, voice), known).transcript, text)
        for text in (*inside, *outside)
        for voice in ("en-us", "en-gb+m3")
    ]
    right = [spoken(one.text) == spoken(text) for one, text in heard]
    sure = [one.confidence for one, _ in heard]
    assert np.mean(sure) == pytest.approx(np.mean(right), abs=0.2)
    assert np.mean([one for one, is_right in zip(sure, right, strict=True) if is_right]) > 0.6
    assert np.mean([one for one, is_right in zip(sure, right, strict=True) if not is_right]) < 0.3


def test_silence_around_speech_changes_nothing(ears: EmbeddedTranscriber, known: Vocabulary) -> None:
    speech = say(COMMANDS[2]).samples
    silence = np.zeros(RATE, np.int16)
    heard = ears.transcribe(Audio(np.concatenate([silence, speech, silence, silence])), known)
    assert heard.text == COMMANDS[2]
    assert heard.seconds < len(speech) / RATE + 0.6


@pytest.mark.parametrize("samples", [np.zeros(2 * RATE, np.int16), np.zeros(0, np.int16)])
def test_silence_is_no_speech(
    ears: EmbeddedTranscriber, known: Vocabulary, samples: "np.typing.NDArray[np.int16]"
) -> None:
    with pytest.raises(VoiceError) as raised:
        ears.transcribe(Audio(samples), known)
    assert raised.value.code == "no_speech"


@pytest.mark.parametrize(
    "text",
    [
        "the quick brown fox jumps over the lazy dog",
        "i would like to order a pizza with extra cheese",
        "rice is often served in round bowls",
        "these days a chicken leg is a rare dish",
        "my sister is coming over for dinner",
        "turn the lights off in the kitchen",
    ],
)
def test_other_speech_is_refused(closed: EmbeddedTranscriber, known: Vocabulary, text: str) -> None:
    for voice in VOICES[:2]:
        with pytest.raises(VoiceError) as raised:
            closed.transcribe(say(text, voice), known)
        assert raised.value.code == "not_understood"
        assert raised.value.cure


@pytest.mark.parametrize("name", ["Zephyr Mills", "Caldera", "Orchid Bank", "Mosswood", "Juniper"])
def test_a_name_nobody_has_is_never_sure(closed: EmbeddedTranscriber, known: Vocabulary, name: str) -> None:
    heard = heard_or_refused(closed, say(f"show gtm performance for {name}"), known)
    assert isinstance(heard, str) or not is_sure(heard)


def test_names_come_and_go(ears: EmbeddedTranscriber, known: Vocabulary) -> None:
    text = "show gtm performance for Glowberry"
    with_it = known_with(Name("venture", 9, "Glowberry"), version=2)
    assert ears.transcribe(say(text), with_it).text == text
    assert ears.transcribe(say(COMMANDS[0]), with_it).text == COMMANDS[0]
    heard = heard_or_refused(ears, say(text), known)
    if ears.hears == "commands":
        assert heard == "not_understood" if isinstance(heard, str) else "Glowberry" not in heard.text
    else:
        assert isinstance(heard, str) or not ears.holds(heard.text, known) or not is_sure(heard)


def test_names_are_written_as_they_are(ears: EmbeddedTranscriber) -> None:
    known = known_with(Name("venture", 8, "Studio 54"), Name("campaign", 9, "B2B Café"), version=3)
    heard = ears.transcribe(say("show gtm performance for studio fifty four"), known)
    assert heard.text == "show gtm performance for Studio 54"
    heard = ears.transcribe(say("optimize budget allocation for b two b cafe"), known)
    assert heard.text == "optimize budget allocation for B2B Café"


def test_hostile_names_harm_nobody(ears: EmbeddedTranscriber) -> None:
    hostile = (
        *('"; DROP <s>', "<rule> | {tag} = [x];", "(((", "\\", "💥💥", "日本語", "x" * 300, "", " ", "\n\t"),
        *("'s", "'", "a" * 5 + " " + "b" * 5, "</s>", "~1", "<sil>", "SIL", "_", "1" * 80, "word(2)"),
        " ".join(["very"] * 60),
    )
    known = replace(
        known_with(), names={"venture": (*hostile, "Helio Labs"), "campaign": hostile, "a b": hostile}
    )
    assert ears.transcribe(say(COMMANDS[0]), known).text == COMMANDS[0]


def test_many_names_are_told_apart(ears: EmbeddedTranscriber) -> None:
    syllables = ("glow", "ber", "nor", "wind", "zen", "tra", "vel", "quan", "dor", "fin")
    many = [
        Name("campaign", number, f"{first}{second} {third}".title())
        for number, (first, second, third) in enumerate(
            (a, b, c) for a in syllables for b in syllables for c in syllables
        )
    ]
    heard = ears.transcribe(say(COMMANDS[2]), known_with(*many, version=5))
    assert heard.text == COMMANDS[2]


def test_several_threads_hear_the_same(ears: EmbeddedTranscriber, known: Vocabulary) -> None:
    sounds = [say(text) for text in COMMANDS]
    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(lambda sound: ears.transcribe(sound, known).text, sounds))
    assert heard == list(COMMANDS)


def test_names_are_pronounced_without_the_library_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pronouncing, "espeak_library", lambda: None)
    fresh = EmbeddedTranscriber()
    with_it = known_with(Name("venture", 9, "Glowberry"), version=2)
    heard = fresh.transcribe(say("show gtm performance for Glowberry"), with_it)
    assert heard.text == "show gtm performance for Glowberry"


def test_a_vocabulary_without_anything_says_so() -> None:
    with pytest.raises(VoiceError) as raised:
        EmbeddedTranscriber().transcribe(say("yes"), Vocabulary())
    assert raised.value.code == "ears_unavailable"


def test_real_people_who_say_no_command_are_refused(closed: EmbeddedTranscriber, known: Vocabulary) -> None:
    if not CLIPS.is_dir():
        pytest.skip("the recordings of people lie beside the repository, in ../shared/data/audio")
    # Every third: the benchmark hears them all.
    files = sorted([*CLIPS.glob("*.wav"), *CLIPS.glob("commands/*.wav")])[::3]
    heard = {file.name: heard_or_refused(closed, decode_trusted(file), known) for file in files}
    assert set(heard.values()) == {"not_understood"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Studio 54", "studio fifty four"),
        ("B2B", "b two b"),
        ("Summer 2026", "summer twenty twenty six"),
        ("Class of 1999", "class of nineteen ninety nine"),
        ("1,000 Fans", "one thousand fans"),
        ("R&D", "r and d"),
        ("KPI Push", "k p i push"),
        ("Café Noir (Oslo)", "cafe noir oslo"),
        ("O'Neil's", "o'neil's"),
        ("3.5 Stars", "three point five stars"),
        ("日本", ""),
    ],
)
def test_names_are_said_in_words(name: str, words: str) -> None:
    assert spoken(name) == tuple(words.split())


def test_pronunciations_are_in_the_dictionarys_phones() -> None:
    assert arpabet("ɡlˈoʊbɛɹi") == "G L OW B EH R IY"
    assert pronunciations("glowberry") == ("G L OW B EH R IY",)
    assert "K EY P IY AY" in pronunciations("kpi")
    assert pronunciations("helio") == ("HH EH L IY OW", "HH IY L IY OW")
    assert pronunciations("x") == ("EH K S",)


def phones(text: str) -> tuple[str, ...]:
    """Phones apart."""
    return tuple(text.split())


SHOW, OTHER = phones("SH OW M IY DH AH F AH N AH L"), phones("K UW R AE B IY G UW S AE P")


@pytest.mark.parametrize(
    ("nearer", "farther"),
    [
        ("SH OW M IY DH AH F AH N AH L", "S OW N IY D AH F AH M AH L"),
        ("S OW N IY D AH F AH M AH L", "K UW R AE B IY G UW S AE P"),
        ("SH OW M IY DH AH F AH N AH", "SH OW M IY DH"),
        ("SH OW M IY DH AH F AH N AH L", "SH OW M IY DH AH F AH N AH L S T R IY T S"),
        ("SH OW M IY DH AH F AH N AH L", ""),
    ],
)
def test_what_sounds_alike_speaks_for_what_was_expected(nearer: str, farther: str) -> None:
    assert evidence(SHOW, phones(nearer)) > evidence(SHOW, phones(farther))


def test_evidence_adds_up_and_nothing_is_none() -> None:
    assert evidence((), ()) == 0
    assert evidence(SHOW, SHOW) > 10 > 0 > evidence(SHOW, OTHER)
    assert evidence(SHOW * 2, SHOW * 2) == pytest.approx(2 * evidence(SHOW, SHOW))
    assert evidence(SHOW, ()) < 0 > evidence((), SHOW)


def test_after_any_two_words_the_chances_sum_to_one() -> None:
    counts = Counts()
    counts.add(
        [("show", "the", "budget"), ("show", "the", "spend"), ("show", "me", "the", "budget"), ("why",)]
    )
    chance: dict[tuple[str, ...], float] = {}
    left: dict[tuple[str, ...], float] = {}
    for line in arpa(counts).splitlines():
        parts = line.split()
        if len(parts) >= 2 and parts[0].lstrip("-").replace(".", "").isdigit():
            numbered = len(parts) > 2 and parts[-1].lstrip("-").replace(".", "").isdigit()
            gram = tuple(parts[1:-1] if numbered else parts[1:])
            chance[gram] = 10 ** float(parts[0])
            if numbered:
                left[gram] = 10 ** float(parts[-1])
    words = [gram[0] for gram in chance if len(gram) == 1 and gram[0] != "<s>"]

    def after(history: tuple[str, ...], word: str) -> float:
        if (*history, word) in chance:
            return chance[*history, word]
        return left.get(history, 1.0) * after(history[1:], word)

    for history in ((), ("show",), ("show", "the"), ("the", "budget"), ("<s>", "show"), ("why", "me")):
        assert sum(after(history, word) for word in words) == pytest.approx(1, abs=0.01)
    assert after(("show", "the"), "budget") > after(("show", "the"), "why")
