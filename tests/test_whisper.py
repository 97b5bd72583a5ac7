"""Whisper's files, real ones with made-up weights, loaded and listened with; and how they can be wrong."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from tests.made_up_whisper import END, NO_SPEECH, make_whisper
from tests.sounds import joined, noises, silence, speech
from voice.audio import VoiceError
from voice.endpointing import trim
from voice.transcriber import Vocabulary
from voice.whisper import MOST_NAME_TOKENS, SIZES, WhisperTranscriber, expected

ROOT = Path(__file__).parents[1]
SENTENCE = "show gtm performance for acme"
NOBODY = Vocabulary()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that hears the sentence in everything."""
    return make_whisper(tmp_path_factory.mktemp("whisper") / "model", ["-", *SENTENCE.split(), END])


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that hears, first, how many tokens stood before the speech, less one."""
    says = [END if place % 8 == 7 else f"n{place}" for place in range(250)]
    return make_whisper(tmp_path_factory.mktemp("whisper") / "counting", says)


def unavailable(make: Callable[[], Any], within: float = 5) -> VoiceError:
    start = time.monotonic()
    with pytest.raises(VoiceError) as caught:
        make()
    assert time.monotonic() - start < within
    assert caught.value.code == "ears_unavailable"
    assert caught.value.cure
    return caught.value


def test_what_the_model_hears_is_written_down(folder: Path) -> None:
    ears = WhisperTranscriber(folder)
    heard = ears.transcribe(joined(silence(1), speech(), silence(1)), NOBODY)
    assert heard.text == SENTENCE
    assert heard.engine == "whisper"
    assert heard.confidence > 0.99
    assert heard.seconds == pytest.approx(speech().seconds, abs=0.4)


def test_a_model_that_is_not_sure_says_so(tmp_path: Path) -> None:
    says = ["-", *SENTENCE.split(), END]
    unsure = WhisperTranscriber(make_whisper(tmp_path / "model", says, sureness=[0.5]))
    assert 0.05 < unsure.transcribe(speech(), NOBODY).confidence < 0.9


@pytest.mark.parametrize("kind", ["silence", "pink noise", "music"])
def test_where_nobody_speaks_the_model_is_not_asked(kind: str, folder: Path) -> None:
    with pytest.raises(VoiceError) as caught:
        WhisperTranscriber(folder).transcribe(noises()[kind], NOBODY)
    assert caught.value.code == "no_speech"


def test_a_model_that_hears_no_speech_is_believed(tmp_path: Path) -> None:
    # Sure of that at the first position and of nothing at the others.
    model = make_whisper(tmp_path / "model", [NO_SPEECH, *["x"] * 7], sureness=[5, *[0.3] * 7])
    with pytest.raises(VoiceError) as caught:
        WhisperTranscriber(model).transcribe(speech(), NOBODY)
    assert caught.value.code == "no_speech"


def test_a_long_recording_is_heard_to_its_end(folder: Path) -> None:
    words = [speech(f"{number} thousand for the spring launch campaign") for number in range(20)]
    heard = WhisperTranscriber(folder).transcribe(joined(*words), NOBODY)
    assert heard.seconds > 35
    assert heard.text.count("performance") >= 2


def test_the_live_names_stand_before_the_speech(counting: Path) -> None:
    ears = WhisperTranscriber(counting)

    def before(**names: tuple[str, ...]) -> int:
        heard = ears.transcribe(speech(), Vocabulary(names=names)).text
        return int(heard.split()[0].removeprefix("n")) + 1

    tokenizer = Tokenizer.from_file(str(counting / "tokenizer.json"))
    alone = before()
    assert alone == 2
    names = " Northwind, Spring Launch"
    assert before(venture=("Northwind",), campaign=("Spring Launch",)) == alone + 1 + len(
        tokenizer.encode(names, add_special_tokens=False).ids
    )
    many = tuple(f"Campaign {number}" for number in range(1_000))
    assert 150 < before(campaign=many) <= alone + 1 + MOST_NAME_TOKENS


def test_of_many_names_the_most_important_are_told(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    names = {
        "campaign": tuple(f"Campaign {number}" for number in range(1_000)),
        "venture": ("Northwind", "Acme"),
        "nothing": (),
        "odd": ("", "<|endoftext|>", "Acme"),
    }
    told = expected(names, tokenizer).split(", ")
    assert told[:4] == ["Campaign 0", "Northwind", "Campaign 1", "Acme"]
    assert told[4:] == [f"Campaign {number}" for number in range(2, len(told) - 2)]
    assert len(tokenizer.encode(" " + ", ".join(told), add_special_tokens=False).ids) <= MOST_NAME_TOKENS
    assert not expected({}, tokenizer)


def test_an_utterance_that_goes_on_is_guessed_at(folder: Path) -> None:
    ears = WhisperTranscriber(folder)
    ears.prepare(NOBODY)
    assert ears.guess(trim(speech()), NOBODY) == SENTENCE
    assert not ears.guess(silence(1), NOBODY)


def test_several_may_be_heard_at_once(folder: Path) -> None:
    ears = WhisperTranscriber(folder, cpu_threads=1)
    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(lambda _: ears.transcribe(speech(), NOBODY).text, range(8)))
    assert heard == [SENTENCE] * 8


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    error = unavailable(lambda: WhisperTranscriber(tmp_path / "nowhere"))
    assert "nowhere" in error.message
    assert "base.en" in error.cure
    unavailable(lambda: WhisperTranscriber("enormous"))
    (tmp_path / "file").write_text("x")
    unavailable(lambda: WhisperTranscriber(tmp_path / "file"))


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
@pytest.mark.parametrize("manner", ["missing", "empty"])
def test_a_folder_that_is_incomplete(name: str, manner: str, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / name).unlink()
    if manner == "empty":
        (tmp_path / "model" / name).touch()
    error = unavailable(lambda: WhisperTranscriber(tmp_path / "model"))
    assert name.split(".")[0] in error.message
    assert sum(other in error.message for other in ("model.bin", "config", "tokenizer", "vocabulary")) == 1


def test_an_empty_folder_lacks_everything(tmp_path: Path) -> None:
    message = unavailable(lambda: WhisperTranscriber(tmp_path)).message
    assert all(name in message for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary"))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.bin", b"not a model"),
        ("model.bin", None),
        ("model.bin", b"\xff" * 10_000),
        ("config.json", b"{"),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", b"\0\1\2"),
        ("vocabulary.json", b"[]"),
        ("vocabulary.json", b"{"),
        ("preprocessor_config.json", b'{"feature_size": 128}'),
    ],
    ids=range(9),
)
def test_a_folder_that_is_damaged(name: str, data: bytes | None, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    path = tmp_path / "model" / name
    path.write_bytes(path.read_bytes()[:-100_000] if data is None else data)
    ears = WhisperTranscriber(tmp_path / "model")
    error = unavailable(lambda: ears.prepare(NOBODY), within=5)
    assert str(tmp_path) in error.message
    unavailable(lambda: ears.transcribe(speech(), NOBODY), within=5)


def test_a_folder_that_was_emptied_since(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    ears = WhisperTranscriber(tmp_path / "model")
    shutil.rmtree(tmp_path / "model")
    assert "model.bin" in unavailable(lambda: ears.prepare(NOBODY)).message


def in_a_process(script: str, **environment: str) -> tuple[str, float]:
    """What a script prints and how long it takes; the hub's client reads its environment once."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(script=script)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not done.stderr
    return done.stdout.strip(), time.monotonic() - start


SCRIPT = """
import time
from pathlib import Path
from voice.audio import VoiceError
from voice.whisper import WhisperTranscriber
start = time.monotonic()
try:
    {script}
except VoiceError as error:
    print(error.code, error.message, "Cure:", error.cure)
assert time.monotonic() - start < 30
"""


@contextmanager
def silent_host() -> Iterator[str]:
    """Takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_size_that_is_not_cached_is_told_at_once(tmp_path: Path) -> None:
    with silent_host() as url:
        said, seconds = in_a_process("WhisperTranscriber('base.en')", HF_HOME=str(tmp_path), HF_ENDPOINT=url)
    assert said.startswith("ears_unavailable")
    assert "base.en has not been downloaded" in said
    assert seconds < 3  # With the start of the interpreter.


def test_a_size_in_the_cache_or_in_our_folder_is_found(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "whisper-tiny.en")
    assert WhisperTranscriber("tiny.en", folder=tmp_path).transcribe(speech(), NOBODY).text == SENTENCE
    cached = tmp_path / "hub" / ("models--" + SIZES["base.en"].replace("/", "--"))
    shutil.copytree(folder, cached / "snapshots" / "abc")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc")
    said, _ = in_a_process("print(WhisperTranscriber('base.en').folder)", HF_HOME=str(tmp_path))
    assert said == str(cached / "snapshots" / "abc")
    (cached / "snapshots" / "abc" / "model.bin").unlink()
    said, _ = in_a_process("print(WhisperTranscriber('base.en').folder)", HF_HOME=str(tmp_path))
    assert "has not been downloaded" in said


def test_a_download_from_a_silent_host_ends_in_time(tmp_path: Path) -> None:
    into = tmp_path / "models"
    with silent_host() as url:
        said, _ = in_a_process(
            f"WhisperTranscriber.download('tiny.en', Path({str(into)!r}), seconds=3)",
            HF_HOME=str(tmp_path / "hf"),
            HF_ENDPOINT=url,
        )
    assert "ears_unavailable" in said
    assert "3 seconds" in said
    assert list(into.iterdir()) == []


def test_a_download_where_there_is_no_network_says_so(tmp_path: Path) -> None:
    into = tmp_path / "models"
    for more in ({"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_HUB_OFFLINE": "1"}):
        said, _ = in_a_process(
            f"WhisperTranscriber.download('tiny.en', Path({str(into)!r}), seconds=5)",
            HF_HOME=str(tmp_path / "hf"),
            **more,
        )
        assert "ears_unavailable" in said
        assert "Check the network" in said
        assert list(into.iterdir()) == []


def test_a_size_nobody_made_is_refused(tmp_path: Path) -> None:
    assert "tiny.en" in unavailable(lambda: WhisperTranscriber.download("../../x", tmp_path)).cure


@contextmanager
def hub(folder: Path, repository: str) -> Iterator[str]:
    """A hub with one model: what its client asks for, as the real one answers it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            headers = {}
            path = self.path.partition("?")[0]
            if path.startswith(f"/api/models/{repository}/tree/"):
                files = [
                    {"type": "file", "path": one.name, "size": one.stat().st_size, "oid": "0" * 40}
                    for one in folder.iterdir()
                ]
                body = json.dumps(files).encode()
            elif path.startswith(f"/api/models/{repository}"):
                names = [{"rfilename": one.name} for one in folder.iterdir()]
                body = json.dumps({"id": repository, "sha": "a" * 40, "siblings": names}).encode()
            else:
                body = (folder / path.rpartition("/")[2]).read_bytes()
                tag = hashlib.sha256(body).hexdigest()
                headers = {"ETag": f'"{tag}"', "X-Repo-Commit": "a" * 40}
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_download_leaves_a_model_that_hears(folder: Path, tmp_path: Path) -> None:
    into = tmp_path / "models"
    with hub(folder, SIZES["tiny.en"]) as url:
        said, _ = in_a_process(
            f"print(WhisperTranscriber.download('tiny.en', Path({str(into)!r}), seconds=20))",
            HF_HOME=str(tmp_path / "hf"),
            HF_ENDPOINT=url,
        )
    assert said == str(into / "whisper-tiny.en")
    assert [one.name for one in into.iterdir()] == ["whisper-tiny.en"]
    assert WhisperTranscriber("tiny.en", folder=into).transcribe(speech(), NOBODY).text == SENTENCE
    # What is there is not fetched again.
    assert WhisperTranscriber.download("tiny.en", into, seconds=1) == into / "whisper-tiny.en"
