"""Whisper models with made-up weights: real files of any shape, which say what a test tells them to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

END = "<|endoftext|>"
SPECIAL = (
    END,
    "<|startoftranscript|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
NO_SPEECH = "<|nospeech|>"
TIMES = [f"<|{place * 0.02:.2f}|>" for place in range(1501)]
POSITIONS = 448


@dataclass(frozen=True)
class Shape:
    """Of a model."""

    width: int = 256
    layers: int = 1
    heads: int = 2
    inner: int = 16
    vocabulary: int | None = None
    """Entries in all; by default as many as are needed."""


TINY = Shape(384, 4, 6, 1536, 51_864)
BASE = Shape(512, 6, 8, 2048, 51_864)
SMALL = Shape(768, 12, 12, 3072, 51_864)


def make_whisper(
    folder: Path,
    says: Sequence[str],
    shape: Shape = Shape(),
    *,
    sureness: Sequence[float] = (5,),
    seed: int = 0,
) -> Path:
    """A model of English in ``folder``.

    Its position alone decides the next token: at position n of the prompt and the answer together it says
    ``says[n]``, words without spaces or special tokens, and from their end on as from their start. With a
    ``sureness`` of 0 every token is as probable as every other; of several, each is of a position.
    """
    from ctranslate2.specs import WhisperSpec

    folder.mkdir(parents=True, exist_ok=True)
    text = [*sorted(pre_tokenizers.ByteLevel.alphabet())]
    text += [f"Ġ{word}" for word in dict.fromkeys(says) if word not in SPECIAL]
    if shape.vocabulary is not None:
        rest = shape.vocabulary - len(text) - len(SPECIAL) - len(TIMES)
        text += [f"Ġ-{place}" for place in range(rest)]
    tokens = [*text, *SPECIAL, *TIMES]
    ids = {token: place for place, token in enumerate(tokens)}

    tokenizer = Tokenizer(models.BPE({token: ids[token] for token in text}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in (*SPECIAL, *TIMES)])
    tokenizer.save(str(folder / "tokenizer.json"))

    weights = _Weights(shape.width, seed)
    spec = WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    width = shape.width
    spec.encoder.conv1.weight, spec.encoder.conv1.bias = weights.plain(width, 80, 3), weights.plain(width)
    spec.encoder.conv2.weight, spec.encoder.conv2.bias = weights.plain(width, width, 3), weights.plain(width)
    spec.encoder.position_encodings.encodings = weights.plain(1500, width)
    spec.decoder.embeddings.weight = weights.faint(len(tokens), width)
    # Each position has a direction of its own, which the projection turns into its token.
    places = np.arange(POSITIONS) % min(width, max(1, len(says)))
    spec.decoder.position_encodings.encodings = np.eye(width, dtype=np.float32)[places]
    projection = np.zeros((len(tokens), width), np.float32)
    for place, word in enumerate(says[:width]):
        sure = sureness[place % len(sureness)]
        projection[ids[word if word in SPECIAL else f"Ġ{word}"], place] = sure
    spec.decoder.projection.weight = projection
    for part in (spec.encoder, spec.decoder):
        weights.norm(part.layer_norm)
        for layer in part.layer:
            weights.attention(layer.self_attention)
            weights.forward(layer.ffn, shape.inner)
            if part is spec.decoder:
                weights.attention(layer.attention, is_crossed=True)
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
    config = {"suppress_ids": [], "suppress_ids_begin": [ids["Ġ"], ids[END]], "alignment_heads": [[0, 0]]}
    (folder / "config.json").write_text(json.dumps({**config, "lang_ids": []}))
    return folder


class _Weights:
    def __init__(self, width: int, seed: int) -> None:
        self._width = width
        self._chance = np.random.default_rng(seed)

    def plain(self, *shape: int) -> NDArray[np.float32]:
        return (self._chance.standard_normal(shape) * 0.05).astype(np.float32)

    def faint(self, *shape: int) -> NDArray[np.float32]:
        """As much work, and no say."""
        return self.plain(*shape) * np.float32(1e-3)

    def norm(self, spec: Any) -> None:
        spec.gamma, spec.beta = np.ones(self._width, np.float32), np.zeros(self._width, np.float32)

    def attention(self, spec: Any, *, is_crossed: bool = False) -> None:
        width = self._width
        self.norm(spec.layer_norm)
        for linear, outputs in zip(spec.linear, (1, 2, 1) if is_crossed else (3, 1), strict=True):
            linear.weight, linear.bias = self.faint(outputs * width, width), self.faint(outputs * width)

    def forward(self, spec: Any, inner: int) -> None:
        self.norm(spec.layer_norm)
        spec.linear_0.weight, spec.linear_0.bias = self.plain(inner, self._width), self.plain(inner)
        spec.linear_1.weight, spec.linear_1.bias = self.faint(self._width, inner), self.faint(self._width)
