"""The reader that asks a Rasa server which command was meant; names and values stay ours."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLongError
from typing import Any

import httpx2

from intents.readers.layer import Layer
from intents.readers.told import LONGEST_TEXT, ToldReader
from intents.reading import ReaderUnavailableError, Reading, Scene

OUTSIDE = ("out_of_scope", "nlu_fallback")
"""Rasa's intents for what it does not know."""
PAUSE_SECONDS = 10.0
"""How long a server that failed is not asked again, so that it does not slow every turn."""
MOST_BYTES = 1_000_000
_MOST_SURE = 1.0001
"""Confidences are sums of 32-bit numbers."""
_AT_ONCE = 8
"""Questions under way at once; the next ones wait, within their time."""


class RasaReader:
    """Asks ``/model/parse`` of a Rasa server which intent a text has. Safe to use from several threads."""

    name = "rasa"

    def __init__(self, url: str, layer: Layer, *, seconds: float, token: str | None = None) -> None:
        """``seconds`` is how long an answer may take in all; ``token`` what the server was started with."""
        self._url = f"{url.rstrip('/')}/model/parse"
        self._layer = layer
        self._seconds = seconds
        self._parameters = {} if token is None else {"token": token}
        self._client = httpx2.Client(timeout=seconds, follow_redirects=False)
        # A name that is never resolved, or a head that comes byte by byte, outlasts a client's time-outs.
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rasa")
        self._failed = ""
        self._asked_again_at = 0.0

    def read(self, text: str, scene: Scene) -> Reading:
        """Understand ``text`` as said by somebody in ``scene``.

        Raises `ReaderUnavailableError` when the server does not answer in time or answers what is no parse
        of ours, and for a while after that without asking.
        """
        if time.monotonic() < self._asked_again_at:
            raise ReaderUnavailableError(f"not asked, for a moment ago it {self._failed}")
        try:
            parsed = self._asked(text[:LONGEST_TEXT])
            return self._reading(text, parsed, scene)
        except ReaderUnavailableError as error:
            self._failed, self._asked_again_at = str(error), time.monotonic() + PAUSE_SECONDS
            raise

    def close(self) -> None:
        """Give back connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _asked(self, text: str) -> Any:
        """The server's answer. Raises `ReaderUnavailableError`."""
        try:
            answer = self._threads.submit(self._post, text)
            body = answer.result(self._seconds)
        except (WaitedTooLongError, httpx2.TimeoutException) as error:
            raise ReaderUnavailableError(f"took longer than {self._seconds:g} s") from error
        except httpx2.ConnectError as error:
            raise ReaderUnavailableError("could not be reached") from error
        except (httpx2.HTTPError, ValueError, RuntimeError) as error:
            # Text that cannot be sent, or a question while we are ending, are no HTTP errors.
            raise ReaderUnavailableError(f"broke off ({type(error).__name__})") from error
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ReaderUnavailableError("answered what is no JSON") from error

    def _post(self, text: str) -> bytes:
        until = time.monotonic() + self._seconds
        body = bytearray()
        with self._client.stream("POST", self._url, params=self._parameters, json={"text": text}) as response:
            if response.status_code != 200:
                raise ReaderUnavailableError(f"answered with status {response.status_code}")
            for piece in response.iter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    raise ReaderUnavailableError("answered with too much")
                if time.monotonic() > until:
                    raise ReaderUnavailableError(f"took longer than {self._seconds:g} s")
        return bytes(body)

    def _reading(self, text: str, parsed: Any, scene: Scene) -> Reading:
        ranking = _ranking(parsed)
        name, confidence = _ranked(parsed["intent"])
        intent = None if name in OUTSIDE else name
        if intent is not None and intent not in self._layer.kinds:
            raise ReaderUnavailableError(f"means {intent[:60]!r}, which we do not know: train it again")
        outside = sum(score for other, score in ranking if other in OUTSIDE)
        known = tuple(pair for pair in ranking if pair[0] in self._layer.kinds and pair[0] not in OUTSIDE)
        told = ToldReader(
            self.name, self._layer, intent, confidence, ranking=known, in_scope=1 - min(outside, 1.0)
        )
        return told.read(text, scene)


def _ranking(parsed: Any) -> list[tuple[str, float]]:
    """The intents of an answer with their confidences. Raises `ReaderUnavailableError`."""
    if not isinstance(parsed, dict) or "intent" not in parsed:
        raise ReaderUnavailableError("answered what is no parse")
    listed = parsed.get("intent_ranking", [])
    if not isinstance(listed, list):
        raise ReaderUnavailableError("answered what is no parse")
    return [_ranked(one) for one in listed]


def _ranked(intent: Any) -> tuple[str, float]:
    try:
        name, score = intent["name"], float(intent["confidence"])
    except (TypeError, KeyError, ValueError) as error:
        raise ReaderUnavailableError("answered what is no parse") from error
    if not isinstance(name, str) or not 0 <= score <= _MOST_SURE:
        raise ReaderUnavailableError("answered what is no parse")
    return name, min(score, 1.0)
