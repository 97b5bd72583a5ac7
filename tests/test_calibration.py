"""A confidence of 0.8 has to be right in eight of ten: measured on sentences no model was trained on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import held_out
from intents.encoder import find_encoder
from intents.evaluation import read_sentences
from intents.readers.embedded import EmbeddedReader

BINS = 10
MOST = 0.05
"""Expected calibration error that is still honest."""
Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Binned = Callable[[Floats], list[Places]]


@pytest.fixture(scope="module")
def outcomes(models: Path) -> tuple[Floats, Floats]:
    """Of every held-out sentence in scope: how sure the likeliest intent, and whether it was right."""
    reader = EmbeddedReader.load(models, encoder=find_encoder(models))
    inside = [one for one in read_sentences(held_out.FILE) if one.intent is not None]
    best = [reader.read(one.text, held_out.SCENE).ranking[0] for one in inside]
    return (
        np.array([confidence for _, confidence in best]),
        np.array([float(intent == one.intent) for (intent, _), one in zip(best, inside, strict=True)]),
    )


def calibration_error(confidences: Floats, hits: Floats, parts: list[Places]) -> float:
    """How far confidence and hits lie apart within each part, weighted by the parts' sizes."""
    return sum(abs(float((confidences[part] - hits[part]).sum())) for part in parts) / len(hits)


def equal_widths(confidences: Floats) -> list[Places]:
    """Ten bins as wide as each other: the calibration error as it is mostly reported."""
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    return [np.flatnonzero(bins == number) for number in range(BINS)]


def equal_sizes(confidences: Floats) -> list[Places]:
    """Ten bins with as many sentences each: most confidences are near 1, where one wide bin hides much."""
    return list(np.array_split(np.argsort(confidences, kind="stable"), BINS))


@pytest.mark.parametrize("binned", [equal_widths, equal_sizes])
def test_confidence_is_what_share_is_right(outcomes: tuple[Floats, Floats], binned: Binned) -> None:
    confidences, hits = outcomes
    assert calibration_error(confidences, hits, binned(confidences)) <= MOST


def test_whoever_acts_on_a_sure_reading_is_seldom_wrong(outcomes: tuple[Floats, Floats]) -> None:
    confidences, hits = outcomes
    sure = confidences >= 0.9
    assert sure.mean() >= 0.5
    assert hits[sure].mean() >= 0.95
    assert hits[sure].mean() > hits[~sure].mean() + 0.1


@pytest.mark.parametrize("binned", [equal_widths, equal_sizes])
def test_the_measure_tells_boasting_from_honesty(binned: Binned) -> None:
    random = np.random.default_rng(0)
    confidences = random.uniform(0.5, 1, 20_000)
    honest = (random.random(20_000) < confidences).astype(float)
    boasting = (random.random(20_000) < confidences - 0.1).astype(float)
    assert calibration_error(confidences, honest, binned(confidences)) < 0.02
    assert calibration_error(confidences, boasting, binned(confidences)) == pytest.approx(0.1, abs=0.02)
