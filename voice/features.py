"""Sound as the numbers the embedded ears' model was taught on, fitted to it for each utterance.

The model knows people in quiet rooms. Noise flattens what it looks at and every voice stretches it in its own
way, so each utterance is scaled, dimension by dimension, to be as probable as can be under a coarse picture
of the model's own Gaussians (M. Gales, "Maximum likelihood linear transformations for HMM-based speech
recognition", 1998: a constrained transform that is diagonal).

For the judges of what was heard the noise between the words is taken out of them first, by half, after the
same picture (P. Moreno, "Speech recognition in noisy environments", 1996: vector Taylor series).
"""

from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.audio import RATE

Floats = NDArray[np.float64]

STEP = RATE // 100
"""Samples from one frame to the next."""
_FRAME, _POINTS = 410, 512
_LOWEST, _HIGHEST, _BANDS = 130.0, 6800.0, 25
_SIZE, _LIFTER = 13, 22
_PREEMPHASIS = 0.97
_FLOOR = 1e-4
"""As in the model's own ``feat.params``."""
_LEVEL = 60.0
"""The decoder takes frames without any loudness, which are below zero, for digital silence."""
_COARSE = 512
_ROUNDS_COARSE, _ROUNDS_FIT = 6, 3
_EVERY = 2
"""Frames that are fitted: every second tells as much."""
_HOW_MUCH = 0.8
"""Of the fitted scale in powers: 1 is best in noise, 0.5 in quiet."""
_QUIETEST = 0.1
"""Of the frames, taken to be noise alone."""
_LEAST_QUIET = 8
_LEFT = 0.1
"""Of a band's power, at the least, in the first guess at the sound without the noise."""
_ROUNDS_NOISE = 2
_TAKEN_OUT = 0.5
"""Of the noise: all of it takes some of the words along."""
_MOST_NOISE_VARIANCE = 30.0
_SEED = 0
_ENDED = b"endhdr\n"


def features(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Cepstra of an utterance of at least one frame, shape (frames, 13), without their means."""
    return _fitted(cepstra(samples))


def quietened(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """The same with half of the noise between the words taken out."""
    bands = np.log(_bands(samples))
    plain, sound = bands @ _cosines(), _model().without_noise(bands)
    return _fitted(plain + _TAKEN_OUT * (sound - plain))


def _fitted(plain: Floats) -> NDArray[np.float32]:
    plain = plain - plain.mean(axis=0)
    fitted = plain * _model().scale(plain[::_EVERY]) ** _HOW_MUCH
    fitted[:, 0] += _LEVEL
    return fitted.astype(np.float32)


def cepstra(samples: NDArray[np.int16]) -> Floats:
    """Mel cepstra as SphinxTrain computes them, without removal of noise."""
    return np.asarray(np.log(_bands(samples)) @ _cosines())


def _bands(samples: NDArray[np.int16]) -> Floats:
    """The power in each mel band, frame by frame."""
    sound = samples.astype(np.float64)
    sound = np.append(sound[:1], sound[1:] - _PREEMPHASIS * sound[:-1])
    sound = np.pad(sound, (0, max(0, _FRAME - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[::STEP]
    power = np.abs(np.fft.rfft(frames * np.hamming(_FRAME), _POINTS, axis=1)) ** 2
    return np.asarray(power @ _bank() + _FLOOR)


@cache
def _bank() -> Floats:
    """Triangles of area 1, evenly spread over the mel scale, with corners on the transform's points."""
    mels = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), _BANDS + 2)
    width = RATE / _POINTS
    corners = np.rint(700 * (10 ** (mels / 2595) - 1) / width) * width
    points = np.arange(_POINTS // 2 + 1)[:, None] * width
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (points - left) / (middle - left), (right - points) / (right - middle)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left))


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


@cache
def _cosines() -> Floats:
    orders, bands = np.arange(_SIZE), np.arange(_BANDS)[:, None]
    found = np.cos(np.pi * orders * (bands + 0.5) / _BANDS) * np.sqrt(2 / _BANDS)
    found[:, 0] = np.sqrt(1 / _BANDS)
    return np.asarray(found * (1 + _LIFTER / 2 * np.sin(orders * np.pi / _LIFTER)))


class Gaussians:
    """A mixture with diagonal variances."""

    def __init__(self, means: Floats, variances: Floats, weights: Floats) -> None:
        """Shapes (n, d), (n, d), (n,)."""
        self._means, self._precisions = means, 1 / variances
        self._weights, self._variances = weights, variances

    @cached_property
    def _constants(self) -> Floats:
        spread = (np.log(self._variances) + self._means**2 * self._precisions).sum(axis=1)
        return np.asarray(np.log(self._weights) - 0.5 * spread)

    def shares(self, frames: Floats) -> Floats:
        """How probably each frame comes from each Gaussian."""
        found = frames @ (self._means * self._precisions).T + frames**2 @ (-0.5 * self._precisions).T
        found += self._constants
        found = np.exp(found - found.max(axis=1, keepdims=True))
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def without_noise(self, bands: Floats) -> Floats:
        """Cepstra as they would be without the noise of the quietest frames, from the logarithms of bands.

        Noise adds log(1 + exp(noise - sound)) to a band; how much that is where the sound is a Gaussian's
        mean, in a recording with this mean, is weighed by how probably a frame comes from that Gaussian.
        """
        count = max(_LEAST_QUIET, int(len(bands) * _QUIETEST))
        quiet = np.argsort(bands.mean(axis=1))[:count]
        power = np.exp(bands)
        noise = power[quiet].mean(axis=0)
        plain = bands @ _cosines()
        sound = np.log(np.maximum(power - noise, _LEFT * power)) @ _cosines()
        means = self._means @ np.linalg.pinv(_cosines())
        least = np.minimum(self._variances.mean(axis=0), _MOST_NOISE_VARIANCE)
        for _ in range(_ROUNDS_NOISE):
            centre = sound.mean(axis=0)
            more = np.logaddexp(0, np.log(noise) - means - centre @ np.linalg.pinv(_cosines()))
            added = more @ _cosines()
            share = np.exp(-more).mean(axis=1)[:, None]
            spread = share**2 * self._variances + (1 - share) ** 2 * least
            noisy = Gaussians(self._means + centre + added, spread, self._weights)
            sound = plain - noisy.shares(plain) @ added
        return np.asarray(sound)

    def scale(self, frames: Floats) -> Floats:
        """The scale of each dimension under which frames with means of zero are most probable."""
        scale, shift = np.ones(frames.shape[1]), np.zeros(frames.shape[1])
        for _ in range(_ROUNDS_FIT):
            shares = self.shares(frames * scale + shift)
            weights = shares @ self._precisions
            targets = shares @ (self._means * self._precisions)
            total, first, aim = weights.sum(0), (weights * frames).sum(0), targets.sum(0)
            square = (weights * frames**2).sum(0) - first**2 / total
            cross = (targets * frames).sum(0) - first * aim / total
            square = np.maximum(square, 1e-9)
            scale = (cross + np.sqrt(cross**2 + 4 * square * len(frames))) / (2 * square)
            shift = (aim - scale * first) / total
        return scale


@cache
def _model() -> Gaussians:
    """A coarse picture of the Gaussians of pocketsphinx's English model."""
    import pocketsphinx

    folder = Path(pocketsphinx.get_model_path("en-us/en-us"))
    means, variances = _static(folder / "means"), np.maximum(_static(folder / "variances"), 1e-4)
    unit = np.sqrt(variances.mean(axis=0))
    points = means / unit
    centres = points[np.random.default_rng(_SEED).choice(len(points), _COARSE, replace=False)]
    nearest = np.zeros(len(points), np.int64)
    members = np.eye(_COARSE)
    for _ in range(_ROUNDS_COARSE):
        nearest = np.argmin((centres**2).sum(axis=1) - 2 * points @ centres.T, axis=1)
        members = np.eye(_COARSE)[nearest]
        centres = (members.T @ points + 1e-6 * centres) / (members.sum(axis=0) + 1e-6)[:, None]
    counts = members.sum(axis=0)
    within = members.T @ (variances + (means - (centres * unit)[nearest]) ** 2)
    some = counts > 0
    return Gaussians(centres[some] * unit, within[some] / counts[some, None], counts[some] / counts.sum())


def _static(file: Path) -> Floats:
    """The first stream of a file of means or variances in SphinxTrain's form, all codebooks in a row."""
    content = file.read_bytes()
    numbers = content[content.index(_ENDED) + len(_ENDED) :]
    _, books, streams, size = np.frombuffer(numbers, np.int32, 4)
    lengths = np.frombuffer(numbers, np.int32, streams, 16)
    values = np.frombuffer(numbers, np.float32, -1, 16 + 4 * (streams + 1))
    if lengths[0] != _SIZE:
        raise ValueError("not the model these features are for")
    whole = values[: books * size * lengths.sum()].reshape(books, -1)[:, : size * _SIZE]
    return whole.reshape(-1, _SIZE).astype(np.float64)
