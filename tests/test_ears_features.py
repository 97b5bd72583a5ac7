"""What the embedded ears look at: the same words look alike, loud or soft, quiet or noisy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sounds import speech
from voice.audio import RATE
from voice.features import Gaussians, cepstra, features, quietened


def test_loudness_changes_nothing() -> None:
    samples = speech().samples
    assert features((samples // 4).astype(np.int16)) == pytest.approx(features(samples), abs=8)


def test_noise_flattens_less_what_is_fitted() -> None:
    samples = speech().samples.astype(np.float64)
    noise = np.random.default_rng(3).normal(0, 0.1 * samples.std(), len(samples))
    noisy = (samples + noise).astype(np.int16)
    clean = samples.astype(np.int16)
    plain = cepstra(noisy).std(axis=0) / cepstra(clean).std(axis=0)
    fitted = features(noisy).std(axis=0) / features(clean).std(axis=0)
    assert np.abs(np.log(fitted)).mean() < 0.5 * np.abs(np.log(plain)).mean()


@pytest.mark.parametrize("decibels", [10, 20])
def test_sound_is_more_like_itself_where_the_noise_is_taken_out(decibels: int) -> None:
    samples = speech().samples.astype(np.float64)
    clean = features(samples.astype(np.int16))
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, samples.std() * 10 ** (-decibels / 20), len(samples))
        noisy = (samples + noise).astype(np.int16)
        away = np.abs(features(noisy) - clean).mean(axis=0)
        assert np.abs(quietened(noisy) - clean).mean() < 0.95 * away.mean()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3000), st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 300, 32_000]))
def test_any_sound_has_features(length: int, seed: int, loud: int) -> None:
    samples = np.random.default_rng(seed).integers(-loud, loud + 1, length).astype(np.int16)
    for found in (features(samples), quietened(samples)):
        assert found.shape == (1 + max(0, length - 410) // (RATE // 100), 13)
        assert np.isfinite(found).all()


def test_a_stretched_sound_is_shrunk_back() -> None:
    random = np.random.default_rng(5)
    means, spread = np.array([[-6.0, 2.0], [1.0, -7.0], [5.0, 5.0]]), np.ones((3, 2))
    mixture = Gaussians(means, spread, np.full(3, 1 / 3))
    frames = means[random.integers(0, 3, 3000)] + random.normal(size=(3000, 2))
    frames -= frames.mean(axis=0)
    assert mixture.scale(frames * [0.8, 1.3]) == pytest.approx([1 / 0.8, 1 / 1.3], rel=0.05)
