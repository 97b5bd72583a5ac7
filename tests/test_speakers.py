"""What the voices say, and what they refuse to."""

import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.made_up_piper import make_piper
from voice.audio import VoiceError
from voice.endpointing import trim
from voice.espeak import MOST_CHARACTERS, EspeakSpeaker
from voice.espeak_library import espeak_library
from voice.piper import PiperSpeaker
from voice.speaker import Speaker

ROOT = Path(__file__).parents[1]
BRIEFING = (
    "Good morning. Northwind spent forty two thousand dollars last week, and earned one hundred and twenty. "
    "Influencers brought the best return, at four point one. "
) * 6


@pytest.fixture(scope="module")
def espeak() -> Speaker:
    return EspeakSpeaker()


def test_a_briefing_of_a_minute_is_made_faster_than_it_is_heard(espeak: Speaker) -> None:
    start = time.monotonic()
    said = espeak.speak(BRIEFING)
    assert time.monotonic() - start < said.seconds / 3
    assert 45 < said.seconds < 75
    assert trim(said).seconds > 40


def test_each_voice_is_its_own_and_speaks(espeak: Speaker) -> None:
    assert espeak.voices[0] == "en-us"
    some = [*espeak.voices[:7], "en-us+f3", "en-gb+m7", "en-029+f1", "en-gb-scotland+m2"]
    said = {voice: espeak.speak("show performance for Acme", voice=voice) for voice in some}
    assert len({audio.samples.tobytes() for audio in said.values()}) == len(some)
    for audio in said.values():
        assert trim(audio).seconds > 0.8


def test_every_voice_is_there(espeak: Speaker) -> None:
    assert all(espeak.speak("yes", voice=voice).seconds > 0.2 for voice in espeak.voices)


@pytest.mark.parametrize("voice", ["klingon", "en-us+f99", "../../etc/passwd", "en-us\0", ""])
def test_an_unknown_voice_is_refused(espeak: Speaker, voice: str) -> None:
    with pytest.raises(VoiceError) as caught:
        espeak.speak("yes", voice=voice)
    assert caught.value.code == "unknown_voice"
    assert "en-gb" in caught.value.cure


def test_speed_is_speed(espeak: Speaker) -> None:
    slow, plain, fast = (espeak.speak(BRIEFING[:150], speed=speed).seconds for speed in (0.6, 1, 2))
    assert slow > plain * 1.4
    assert fast < plain * 0.65
    assert espeak.speak("yes", speed=1e9).seconds > 0.05
    assert espeak.speak("yes", speed=-1).seconds < 3


def test_no_markup_is_obeyed(espeak: Speaker) -> None:
    plain = espeak.speak("hello world").seconds
    assert espeak.speak("hello <break time='60s'/> world").seconds < plain + 5
    assert espeak.speak("\x0110S hello world").seconds < plain + 2
    # Said as letters and not as sounds.
    assert espeak.speak("[[h@l'oU]]").seconds != espeak.speak("hello").seconds
    slow = espeak.speak('<prosody rate="10%">hello world</prosody>').seconds
    assert slow < 6


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("", 0),
        (" \n\t", 0),
        ("\0", 0),
        ("before \0 after", 0.8),
        ("\ud800 broken", 0.3),
        ("Łódź – café", 0.5),
    ],
)
def test_odd_texts_are_said_as_far_as_they_can_be(espeak: Speaker, text: str, least: float) -> None:
    assert espeak.speak(text).seconds >= least


def test_what_stands_behind_a_zero_is_said_too(espeak: Speaker) -> None:
    assert espeak.speak("before \0 after").seconds > espeak.speak("before").seconds + 0.2


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=200), speed=st.floats(0.1, 5))
def test_any_text_is_survived(text: str, speed: float) -> None:
    said = EspeakSpeaker().speak(text, speed=speed)
    assert said.samples.dtype == np.int16
    assert said.seconds < 300


@pytest.mark.parametrize("text", ["word " * 20_000, "x" * (MOST_CHARACTERS + 1)])
def test_what_is_too_long_is_refused_at_once(espeak: Speaker, text: str) -> None:
    start = time.monotonic()
    with pytest.raises(VoiceError) as caught:
        espeak.speak(text)
    assert caught.value.code == "too_long_to_say"
    assert caught.value.cure
    assert time.monotonic() - start < 5


def test_what_sounds_too_long_is_stopped(espeak: Speaker) -> None:
    """Short as written."""
    start = time.monotonic()
    with pytest.raises(VoiceError) as caught:
        espeak.speak("🎉" * MOST_CHARACTERS, speed=0.5)
    assert caught.value.code == "too_long_to_say"
    assert time.monotonic() - start < 20
    assert espeak.speak("yes").seconds < 2


def test_many_may_speak_at_once(espeak: Speaker) -> None:
    texts = [f"number {place}, for Acme" for place in range(40)]
    voices = ["en-us", "en-gb+f3", "en-029"]

    def said(place: int) -> float:
        return espeak.speak(texts[place], voice=voices[place % 3]).seconds

    alone = [said(place) for place in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(said, range(40)))
    assert together == pytest.approx(alone, abs=0.1)


def test_speaking_and_pronouncing_share_the_one_library(espeak: Speaker) -> None:
    library = espeak_library()
    assert library is not None
    words = ["Northwind", "Acme", "Spring Launch", "Halcyon"]
    voices = ["en-gb+f3", "en-us", "en-029"]
    alone = [library.ipa(word) for word in words]
    lengths = [espeak.speak("show performance", voice=voice).seconds for voice in voices]

    def one(place: int) -> str | float:
        if place % 2:
            return library.ipa(words[place // 2 % 4])
        return espeak.speak("show performance", voice=voices[place // 2 % 3]).seconds

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(one, range(240)))
    assert together[1::2] == alone * 30
    assert together[::2] == pytest.approx(lengths * 40, abs=0.05)


def test_it_makes_no_noise_on_the_console() -> None:
    script = "from voice.espeak import EspeakSpeaker as E; print(E().speak('hello ' * 20).seconds > 5)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_without_its_package_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['espeakng_loader'] = None\n"
        "from voice.espeak import EspeakSpeaker as E\n"
        "from voice.audio import VoiceError\n"
        "try: E()\nexcept VoiceError as error: print(error.code, '|', error.cure)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == 'mouth_unavailable | Install it: pip install "gtm-assistant[voice]".\n'


@pytest.fixture(scope="module")
def hum(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a Piper voice."""
    return make_piper(tmp_path_factory.mktemp("piper"))


def test_a_piper_voice_says_a_text_in_its_own_time(hum: Path) -> None:
    mouth = PiperSpeaker(hum)
    assert mouth.voices == ("hum",)
    short, long = mouth.speak("Yes."), mouth.speak("Show performance for Acme. And last month?")
    assert 0.2 < short.seconds < 1.5
    assert long.seconds > 2 * short.seconds
    assert np.abs(long.samples).max() > 10_000
    faster = mouth.speak("Show performance for Acme. And last month?", speed=2)
    assert faster.seconds == pytest.approx(long.seconds / 2, abs=0.3)


def test_each_speaker_of_a_piper_voice_is_its_own(tmp_path: Path) -> None:
    mouth = PiperSpeaker(make_piper(tmp_path, "two", speakers=("ann", "bob")))
    assert mouth.voices == ("two", "two:ann", "two:bob")
    said = {voice: mouth.speak("yes", voice=voice).samples.tobytes() for voice in mouth.voices}
    assert said["two"] == said["two:ann"] != said["two:bob"]
    with pytest.raises(VoiceError) as caught:
        mouth.speak("yes", voice="two:eve")
    assert caught.value.code == "unknown_voice"


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_a_piper_voice_of_any_rate_lasts_as_long(rate: int, tmp_path: Path) -> None:
    mouth = PiperSpeaker(make_piper(tmp_path, rate=rate))
    pause = 0.25
    one, two = mouth.speak("Yes.").seconds, mouth.speak("Yes. Yes.").seconds
    assert two == pytest.approx(2 * one + pause, abs=0.02)
    assert one == pytest.approx(mouth.speak("Yes.").seconds)


@pytest.mark.parametrize("text", ["", " ", "[[", "[[h@l]]", "\0", "🎉", "\ud800", "x" * 3_000, "a. " * 100])
def test_a_piper_voice_survives_odd_texts(text: str, hum: Path) -> None:
    assert PiperSpeaker(hum).speak(text).seconds < 400


def test_a_piper_voice_obeys_no_phonemes(hum: Path) -> None:
    mouth = PiperSpeaker(hum)
    # Said letter by letter and not as four sounds.
    assert mouth.speak("[[wwww]]").seconds > 2


@pytest.mark.parametrize("text", ["word " * 20_000, "bang. " * 1_600])
def test_a_piper_voice_does_not_go_on_for_ever(text: str, hum: Path) -> None:
    start = time.monotonic()
    with pytest.raises(VoiceError) as caught:
        PiperSpeaker(hum).speak(text, speed=0.5)
    assert caught.value.code == "too_long_to_say"
    assert time.monotonic() - start < 10


def test_a_piper_voice_and_espeak_may_speak_at_once(hum: Path, espeak: Speaker) -> None:
    mouth = PiperSpeaker(hum)
    alone = mouth.speak("show performance").seconds, espeak.speak("show performance").seconds
    with ThreadPoolExecutor(8) as pool:
        both = pool.map(lambda place: (mouth, espeak)[place % 2].speak("show performance").seconds, range(24))
    assert list(both) == pytest.approx([*alone] * 12, abs=0.05)


def without(hum: Path, name: str, data: bytes | None, folder: Path) -> Path:
    """A copy of the voice of which a file holds something else, or is missing."""
    for one in hum.parent.iterdir():
        shutil.copy(one, folder)
    if data is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(data)
    return folder / "hum.onnx"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("hum.onnx", None),
        ("hum.onnx", b""),
        ("hum.onnx", b"not a model"),
        ("hum.onnx", b"\xff" * 10_000),
        ("hum.onnx.json", None),
        ("hum.onnx.json", b""),
        ("hum.onnx.json", b"{"),
        ("hum.onnx.json", b"[]"),
        ("hum.onnx.json", b"{}"),
        ("hum.onnx.json", b'{"num_speakers": 1, "speaker_id_map": {}}'),
        ("hum.onnx.json", b'{"num_speakers": 1, "speaker_id_map": {}, "phoneme_type": "pinyin"}'),
    ],
    ids=range(11),
)
def test_a_piper_voice_that_is_damaged(name: str, data: bytes | None, hum: Path, tmp_path: Path) -> None:
    file = without(hum, name, data, tmp_path)
    start = time.monotonic()
    with pytest.raises(VoiceError) as caught:
        PiperSpeaker(file).load()
    assert time.monotonic() - start < 5
    assert caught.value.code == "mouth_unavailable"
    assert caught.value.cure
    if data is None:
        assert name in caught.value.message


def test_without_piper_it_says_what_to_install(hum: Path) -> None:
    script = (
        "import sys; sys.modules['piper'] = None\n"
        "from pathlib import Path\n"
        "from voice.piper import PiperSpeaker as P\n"
        "from voice.audio import VoiceError\n"
        f"try: P(Path({str(hum)!r}))\nexcept VoiceError as error: print(error.code, '|', error.cure)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == 'mouth_unavailable | Install it: pip install "gtm-assistant[voice]".\n'
