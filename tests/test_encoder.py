"""The sentence encoder: what its vectors say, and what happens where its files are unfit."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from assistant.bootstrap import load_reader
from assistant.settings import Settings, Understanding
from intents import encoder as encoding
from intents.encoder import EncoderError, SentenceEncoder, convert, find_encoder


@pytest.fixture(scope="module")
def encoder(models: Path) -> SentenceEncoder:
    found = find_encoder(models)
    assert found is not None, "the encoder is missing: make setup installs it"
    return found


@pytest.fixture(scope="module")
def published() -> Path:
    found = encoding._installed()
    assert found is not None
    return found


def test_what_means_the_same_is_near(encoder: SentenceEncoder) -> None:
    texts = ["how is the campaign doing", "what about the performance of the campaign", "book a flight"]
    first, same, other = encoder.encode(texts)
    assert first @ same > 0.75 > 0.65 > first @ other


def test_a_sentence_is_the_same_alone_and_among_others(encoder: SentenceEncoder) -> None:
    texts = [
        "a",
        "",
        "show me the money " * 40,
        "who is ahead?",
        "ünïcode 🙂 text",
        "\x00\u202e\ud800",
        "who is ahead?",
    ]
    together = encoder.describe(texts)
    assert np.abs(np.linalg.norm(together[:, : encoder.size], axis=1) - 1).max() <= 1e-5
    alone = np.vstack([encoder.describe([text]) for text in texts])
    # Eight-bit arithmetic rounds by what stands beside a sentence.
    assert (alone[:, : encoder.size] * together[:, : encoder.size]).sum(axis=1).min() >= 0.95
    assert np.isfinite(together).all()


def test_it_is_converted_once_even_by_many(published: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: find_encoder(tmp_path, published), range(4)))
    assert {one.folder for one in found if one is not None} == {found[0].folder if found[0] else None}
    assert len(list(tmp_path.iterdir())) == 1
    assert find_encoder(tmp_path) is not None


def test_other_weights_are_refused(published: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(published, source)
    weights = source / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    with pytest.raises(EncoderError, match="not the published model"):
        convert(source, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"model\.safetensors, tokenizer\.json"):
        find_encoder(tmp_path / "models", tmp_path)


def test_without_the_encoder_words_decide(models: Path, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(models)
    reader = load_reader(Settings(data_dir=tmp_path, understanding=Understanding(encoder="off")))
    assert reader.model.deep is None
