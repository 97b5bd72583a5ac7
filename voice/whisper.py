"""Whisper on this machine, by faster-whisper: free speech, from a folder of model files."""

import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from voice.audio import Audio, VoiceError
from voice.endpointing import trim
from voice.names import ranked
from voice.transcriber import Transcript, Vocabulary

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from tokenizers import Tokenizer

SIZES = {
    "tiny.en": "Systran/faster-whisper-tiny.en",
    "tiny": "Systran/faster-whisper-tiny",
    "base.en": "Systran/faster-whisper-base.en",
    "base": "Systran/faster-whisper-base",
    "small.en": "Systran/faster-whisper-small.en",
    "small": "Systran/faster-whisper-small",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "medium.en": "Systran/faster-whisper-medium.en",
    "medium": "Systran/faster-whisper-medium",
    "large-v3": "Systran/faster-whisper-large-v3",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
"""What is downloaded by name, and the repositories of the Hugging Face hub which hold it."""
FILES = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.*")
OPTIONAL = ("preprocessor_config.json",)
START_SIGN = "<|startoftranscript|>"
MOST_NAME_TOKENS = 223
"""The model takes so much beside the speech."""
MOST_TOKENS = 200
"""Of an answer: half a minute of fast speech has a hundred. One that goes in circles ends there."""
WINDOW = 30.0
"""Seconds the model hears at once."""


class WhisperTranscriber:
    """A `Transcriber` on a Whisper model in CTranslate2's format.

    The confidence is the geometric mean of the probabilities which the model gave the tokens it wrote. It
    ranks what was heard; it is not the chance that every word is right.
    """

    name: Literal["whisper"] = "whisper"
    hears: Literal["anything"] = "anything"

    def __init__(self, model: str | Path, *, folder: Path | None = None, cpu_threads: int = 2) -> None:
        """``model``: a folder of model files, or one of `SIZES` which is in ``folder`` or in the hub's cache.

        Only looks whether it is there; `load` or the first utterance loads it. Raises `VoiceError`
        ``ears_unavailable``.
        """
        self.folder = located(model, folder)
        self._cpu_threads = cpu_threads
        self._loading = threading.Lock()
        self._model: WhisperModel | None = None

    def load(self) -> None:
        """Have it ready. Raises `VoiceError` ``ears_unavailable`` where its files are damaged."""
        self._loaded()

    def transcribe(self, audio: Audio, vocabulary: Vocabulary) -> Transcript:
        """As `Transcriber.transcribe`; the live names are what it expects to hear."""
        speech = trim(audio)
        model = self._loaded()
        try:
            segments, _ = model.transcribe(
                speech.samples.astype(np.float32) / 32_768,
                language="en",
                beam_size=5,
                temperature=(0.0, 0.2, 0.4),
                condition_on_previous_text=False,
                # What fits one window needs no times; with them, it is cut where a pause is.
                without_timestamps=speech.seconds < WINDOW,
                max_new_tokens=MOST_TOKENS,
                vad_filter=True,
                hotwords=expected(vocabulary.names, model.hf_tokenizer) or None,
            )
            heard = [(one.text.strip(), one.avg_logprob, len(one.tokens)) for one in segments]
        except (RuntimeError, ValueError) as error:
            raise _broken(self.folder, error) from error
        text = " ".join(said for said, _, _ in heard if said)
        if not text:
            raise VoiceError("no_speech", "I heard no speech.", "Check the microphone and say it again.")
        tokens = sum(count for _, _, count in heard)
        mean = sum(one * count for _, one, count in heard) / max(1, tokens)
        return Transcript(text, self.name, min(1.0, math.exp(mean)), seconds=speech.seconds)

    def _loaded(self) -> "WhisperModel":
        with self._loading:
            if self._model is None:
                self._model = _load(self.folder, self._cpu_threads)
            return self._model

    @staticmethod
    def download(size: str, folder: Path, *, seconds: float = 1800) -> Path:
        """Fetch one of `SIZES` from the hub into ``folder``; gives the folder of its files.

        Takes at the most ``seconds``, and leaves nothing behind where it fails. Raises `VoiceError`
        ``ears_unavailable``.
        """
        if size not in SIZES:
            raise _unavailable(f"There is no Whisper model {size}.", f"Choose one of {', '.join(SIZES)}.")
        target = _place(size, folder)
        if not _missing(target):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".whisper-", dir=folder) as work:
            fetched = Path(work) / "model"
            _fetch(SIZES[size], fetched, seconds)
            shutil.rmtree(fetched / ".cache", ignore_errors=True)
            if lacking := _missing(fetched):
                raise _unavailable(f"The hub has no {', '.join(lacking)} for {size}.", "Choose another size.")
            shutil.rmtree(target, ignore_errors=True)
            fetched.rename(target)
        return target


def located(model: str | Path, folder: Path | None = None) -> Path:
    """The folder of ``model``, with all its files. Raises `VoiceError` ``ears_unavailable``."""
    if isinstance(model, str) and model in SIZES and not Path(model).is_dir():
        return _of_size(model, folder)
    path = Path(model).expanduser()
    if not path.is_dir():
        sizes = f"Name a folder with a Whisper model, or download one of {', '.join(SIZES)}."
        raise _unavailable(f"There is no Whisper model at {path}.", sizes)
    if lacking := _missing(path):
        raise _unavailable(
            f"The Whisper model at {path} lacks {', '.join(lacking)}.",
            "Copy all its files there, or download it again.",
        )
    return path


def expected(names: Mapping[str, Iterable[str]], tokenizer: "Tokenizer") -> str:
    """As many of the names as the model takes, the most important first."""
    chosen: list[str] = []
    left = MOST_NAME_TOKENS
    for name in ranked(names):
        if "<|" in name:  # It would be taken for one of the model's own signs.
            continue
        left -= len(tokenizer.encode(f" {name},", add_special_tokens=False).ids)
        if left < 0:
            break
        chosen.append(name)
    return ", ".join(chosen)


def _of_size(size: str, folder: Path | None) -> Path:
    if folder is not None and not _missing(_place(size, folder)):
        return _place(size, folder)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        found = Path(snapshot_download(SIZES[size], local_files_only=True))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        raise _not_downloaded(size) from error
    if _missing(found):
        raise _not_downloaded(size)
    return found


def _place(size: str, folder: Path) -> Path:
    return folder / f"whisper-{size}"


def _missing(folder: Path) -> list[str]:
    """Which of the files a model needs are not there, or empty."""
    return [
        name
        for name in FILES
        if name not in OPTIONAL and not any(one.stat().st_size for one in folder.glob(name))
    ]


def _load(folder: Path, cpu_threads: int) -> "WhisperModel":
    from faster_whisper import WhisperModel

    if lacking := _missing(folder):
        raise _unavailable(f"The Whisper model at {folder} lacks {', '.join(lacking)}.", "Download it again.")
    try:
        model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=cpu_threads, local_files_only=True
        )
        _check(folder, model)
    except Exception as error:  # The tokenizer raises nothing narrower.
        raise _broken(folder, error) from error
    return model


def _check(folder: Path, model: "WhisperModel") -> None:
    """Refuse what loads and hears nonsense: files of two models, or the vocabulary of none."""
    if model.model.n_mels != len(model.feature_extractor.mel_filters):
        raise ValueError("preprocessor_config.json is missing or of another model")
    if not any(START_SIGN.encode() in one.read_bytes() for one in folder.glob("vocabulary.*")):
        raise ValueError("its vocabulary is not Whisper's")
    if model.hf_tokenizer.token_to_id(START_SIGN) is None:
        raise ValueError("tokenizer.json is not Whisper's")


_FETCH = """
import sys
from huggingface_hub import snapshot_download
try:
    snapshot_download(sys.argv[1], local_dir=sys.argv[2], allow_patterns=sys.argv[3:])
except Exception as error:
    print(type(error).__name__)
    sys.exit(1)
"""


def _fetch(repository: str, folder: Path, seconds: float) -> None:
    """In a process of its own: a hub that accepts and never answers holds its client for many minutes."""
    again = "Check the network, or copy a model's files into a folder and name that."
    environment = {**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", _FETCH, repository, str(folder), *FILES],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unavailable(f"{repository} was not there after {seconds:g} seconds.", again) from error
    if done.returncode:
        reason = done.stdout.strip() or "it broke off"
        raise _unavailable(f"{repository} cannot be downloaded ({reason}).", again)


def _unavailable(message: str, cure: str) -> VoiceError:
    return VoiceError("ears_unavailable", message, cure)


def _not_downloaded(size: str) -> VoiceError:
    return _unavailable(
        f"The Whisper model {size} has not been downloaded.", "Download it first, or name a folder."
    )


def _broken(folder: Path, error: Exception) -> VoiceError:
    return _unavailable(f"The Whisper model at {folder} cannot be used ({error}).", "Download it again.")
