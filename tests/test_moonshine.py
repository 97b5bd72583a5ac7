"""Moonshine beside the grammar: free speech of real people, and what can be said, heard together."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime import InferenceSession
from rapidfuzz.distance import Levenshtein

from assistant.vocabulary import vocabulary
from intents.names import Name, Names
from tests.test_embedded_ears import CLIPS, COMMANDS, NAMES, is_sure, known_with, say
from voice.audio import RATE, Audio, VoiceError
from voice.choosing import Chooser, written
from voice.decoding import decode_trusted
from voice.embedded import EmbeddedTranscriber
from voice.endpointing import trim
from voice.grammar import of_network
from voice.jsgf import parse
from voice.moonshine import (
    DECODER,
    MOST_SECONDS,
    SOUND_GRAPH,
    WORDS_GRAPH,
    Floats,
    Moonshine,
    brought_to_loudness,
    installed,
    of_setting,
)
from voice.network import of_grammar
from voice.pronouncing import spoken
from voice.transcriber import Vocabulary


@pytest.fixture(scope="module")
def model() -> Moonshine:
    """The installed model."""
    found = of_setting("auto")
    assert found is not None, "make setup installs it: requirements/speech.txt"
    return found


@pytest.fixture(scope="module")
def ears(model: Moonshine) -> EmbeddedTranscriber:
    """Ears with it."""
    return EmbeddedTranscriber(model)


@pytest.fixture(scope="module")
def known() -> Vocabulary:
    """What can be said."""
    return known_with()


@pytest.mark.parametrize("pace", [1.0, 0.9])
def test_real_people_are_written_down(model: Moonshine, pace: float) -> None:
    if not CLIPS.is_dir():
        pytest.skip("the recordings of people lie beside the repository, in ../shared/data/audio")
    wrong = words = 0
    for clip in json.loads((CLIPS / "transcripts.json").read_text(encoding="utf-8")):
        found = model.listen(trim(decode_trusted(CLIPS / clip["file"])), pace).write()
        said = spoken(clip["transcript"].replace("mister", "Mr"))
        wrong += Levenshtein.distance(said, spoken(found.text))
        words += len(said)
    assert wrong / words < 0.1


def test_free_speech_is_heard_with_how_sure_it_is(ears: EmbeddedTranscriber, known: Vocabulary) -> None:
    heard = ears.transcribe(say("what is the weather like in Italy"), known)
    assert spoken(heard.text) == ("what", "is", "the", "weather", "like", "in", "italy")
    assert ears.hears == "anything"
    assert ears.is_understood(heard)
    assert heard.confidence < 1


def test_a_command_in_other_words_is_heard(ears: EmbeddedTranscriber, known: Vocabulary) -> None:
    text = "please tell me which channel brings in the most money"
    assert not ears.holds(text, known)
    assert spoken(ears.transcribe(say(text, "en-gb"), known).text) == spoken(text)


def test_a_name_nobody_has_is_not_taken_for_another(ears: EmbeddedTranscriber, known: Vocabulary) -> None:
    held = {name.name for name in NAMES}
    for name in ("Zephyr Mills", "Caldera", "Orchid Bank", "Mosswood"):
        for voice in ("en-us", "en-gb+m3"):
            found = ears.consider(say(f"show gtm performance for {name}", voice), known).transcript
            replaced = any(one in found.text for one in held)
            assert not (replaced and is_sure(found)), (name, voice, found)


def test_the_confidence_is_the_share_that_is_right(ears: EmbeddedTranscriber, known: Vocabulary) -> None:
    said = (
        *COMMANDS,
        "undo the last change",
        "approve proposal three",
        "how is Northwind doing this month",
        "the birch canoe slid on the smooth planks",
        "remind me to call my mother tomorrow",
        "show gtm performance for Mosswood",
        "add milk and two eggs to the shopping list",
        "our cat has climbed onto the roof again",
    )
    rng = np.random.default_rng(3)
    sure, right = [], []
    for text in said:
        for voice, noise in (("en-us", 0.0), ("en-gb+m3", 0.0), ("en-us+f2", 0.3)):
            clean = say(text, voice).samples
            noisy = clean + rng.normal(0, noise * clean.std() + 1, len(clean))
            sound = Audio(noisy.clip(-32768, 32767).astype(np.int16))
            found = ears.consider(sound, known).transcript
            sure.append(found.confidence)
            right.append(spoken(found.text) == spoken(text))
    assert np.mean(sure) == pytest.approx(np.mean(right), abs=0.2)
    good = [one for one, is_right in zip(sure, right, strict=True) if is_right]
    bad = [one for one, is_right in zip(sure, right, strict=True) if not is_right]
    assert np.mean(good) > np.mean(bad) + 0.3


def test_names_among_a_thousand_are_found(ears: EmbeddedTranscriber) -> None:
    syllables = ("glow", "ber", "nor", "zen", "tra", "vel", "quan", "dor", "fin", "pix")
    many = [
        Name("venture", 100 + number, f"{a}{b} {c}".title())
        for number, (a, b, c) in enumerate((a, b, c) for a in syllables for b in syllables for c in syllables)
    ]
    known = vocabulary(Names([*NAMES, *many], 8))
    assert ears.transcribe(say(COMMANDS[0]), known).text == COMMANDS[0]


def test_several_threads_write_the_same(model: Moonshine) -> None:
    sounds = [trim(say(text)) for text in COMMANDS]
    alone = [model.listen(sound).write() for sound in sounds]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda sound: model.listen(sound).write(), sounds)) == alone


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1)))
@settings(max_examples=60, deadline=None)
def test_pieces_make_the_text_again(words: list[str]) -> None:
    model = _shared()
    text = " ".join(words)
    assert model.text_of(model.spelled(text)) == text


_MODELS: list[Moonshine] = []


def _shared() -> Moonshine:
    """One model for all examples."""
    if not _MODELS:
        folder = installed()
        assert folder is not None
        _MODELS.append(Moonshine(folder))
    return _MODELS[0]


def test_chances_are_chances(model: Moonshine) -> None:
    sound = model.listen(trim(say(COMMANDS[1])))
    first = sound.begin()
    assert np.exp(first).sum() == pytest.approx(1, abs=1e-4)
    both = sound.go_on([0, 0], [int(first[0].argmax()), model.spelled("show")[0]])
    assert np.exp(both).sum(axis=1) == pytest.approx([1, 1], abs=1e-4)


def test_a_text_scores_what_its_pieces_do(model: Moonshine) -> None:
    sound = model.listen(trim(say(COMMANDS[1])))
    text = model.spelled("Find influencers for fitness with fifty thousand followers")
    chances, total = sound.begin(), 0.0
    for piece in text:
        total += float(chances[0, piece])
        chances = sound.go_on([0], [piece])
    total += float(chances[0, list(model.ends)].max())
    short = model.spelled("Find influencers")
    alone, other = sound.score([text, short])
    # Eight bits round by all that is scored at once.
    assert alone == pytest.approx(total, abs=1.5)
    assert other == pytest.approx(sound.score([short])[0], abs=1.5)


def test_the_graph_does_what_the_published_decoder_does(model: Moonshine) -> None:
    folder = installed()
    assert folder is not None
    speech = trim(say(COMMANDS[1]))
    samples = brought_to_loudness(speech.samples)[None]
    encoder, decoder = (InferenceSession(str(folder / name)) for name in ("encoder_model.ort", DECODER))
    heard = {"input_values": samples, "attention_mask": np.ones(samples.shape, np.int64)}
    states = np.asarray(encoder.run(None, heard)[0])

    def published(texts: list[list[int]]) -> list[Floats]:
        longest = max(map(len, texts))
        given = {
            "input_ids": np.array([[*one, *[2] * (longest - len(one))] for one in texts], np.int64),
            "encoder_hidden_states": np.repeat(states, len(texts), axis=0),
            "encoder_attention_mask": np.ones((len(texts), samples.shape[1]), np.int64),
            "use_cache_branch": np.array([False]),
        }
        empty = np.zeros((len(texts), 8, 0, 36), np.float32)
        given |= {one.name: empty for one in decoder.get_inputs() if one.name.startswith("past")}
        logits = np.asarray(decoder.run(["logits"], given)[0], np.float64)
        return list(logits - np.log(np.exp(logits).sum(axis=2, keepdims=True)))

    sound = model.listen(speech)
    assert sound.begin()[0] == pytest.approx(published([[1]])[0][0], abs=0.01)
    texts = [[1, *model.spelled(text)] for text in ("Find influencers for fitness", "Show me campaigns")]
    ends = list(model.ends)
    expected = [
        chances[np.arange(len(text) - 1), text[1:]].sum() + chances[len(text) - 1, ends].max()
        for text, chances in zip(texts, published(texts), strict=True)
    ]
    assert sound.score([text[1:] for text in texts]) == pytest.approx(expected, abs=0.01)


def test_the_graphs_are_those_their_maker_makes() -> None:
    from benchmarks.moonshine_graph import Published, sound, words

    folder = installed()
    assert folder is not None
    published = Published.read(folder / DECODER)
    for file, model in ((SOUND_GRAPH, sound(published)), (WORDS_GRAPH, words(published))):
        assert file.read_bytes() == model.SerializeToString(), "python -m benchmarks.moonshine_graph"


def test_the_best_of_a_grammar_is_chosen(model: Moonshine) -> None:
    grammar = parse(
        "#JSGF V1.0; grammar g; public <all> = (pause | resume) the (blue | green | yellow) one [now];"
    )
    chooser = Chooser(of_network(of_grammar(grammar)), model, written)
    for text in ("pause the green one", "resume the blue one"):
        speech = trim(say(text))
        best = chooser.choose(model.listen(speech), speech.seconds - 0.2, lambda _: 4, 3)
        assert best[0].words == tuple(text.split())
        assert [one.score for one in best] == sorted((one.score for one in best), reverse=True)
        assert all(grammar.match(one.words) is not None for one in best)
        assert len({one.words for one in best}) == len(best)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 2 * MOST_SECONDS])
def test_any_length_is_borne(model: Moonshine, seconds: float) -> None:
    noise = np.random.default_rng(1).normal(0, 300, int(seconds * RATE)).astype(np.int16)
    assert model.listen(Audio(noise)).write().pieces < MOST_SECONDS * 10


def test_nothing_is_made_of_the_first_half_of_a_speech(ears: EmbeddedTranscriber, known: Vocabulary) -> None:
    speech = trim(say(COMMANDS[1])).samples
    long = np.tile(speech, int(MOST_SECONDS * RATE / len(speech)) + 2)
    with pytest.raises(VoiceError) as raised:
        ears.transcribe(Audio(long), known)
    assert raised.value.code == "not_understood"
    assert "30 seconds" in raised.value.message
    assert raised.value.cure


def test_damaged_files_are_said_to_be_damaged(tmp_path: Path) -> None:
    folder = installed()
    assert folder is not None
    for name in ("encoder_model.ort", "tokenizer.bin"):
        shutil.copy(folder / name, tmp_path / name)
    with pytest.raises(VoiceError) as missing:
        of_setting(str(tmp_path))
    (tmp_path / "decoder_model_merged.ort").write_bytes(b"half a model")
    with pytest.raises(VoiceError) as damaged:
        of_setting(str(tmp_path))
    for raised in (missing, damaged):
        assert raised.value.code == "ears_unavailable"
        assert "decoder_model_merged.ort" in raised.value.message
        assert raised.value.cure


def test_it_can_be_switched_off() -> None:
    assert of_setting("off") is None
    assert EmbeddedTranscriber(of_setting("off")).hears == "commands"
