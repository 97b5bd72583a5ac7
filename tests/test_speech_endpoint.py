"""Ears and a mouth behind an endpoint: a real client, a real server, and all that goes wrong between."""

import json
import math
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from pydantic import SecretStr

from tests.loopback_speech import KEY, Answer, LoopbackSpeech, loopback_speech, status, text
from tests.postgres import free_port
from tests.sounds import joined, likeness, silence, speech
from voice.audio import VoiceError
from voice.decoding import decode
from voice.encoding import encode
from voice.endpoint import UNTOLD, EndpointSpeaker, EndpointTranscriber, SpeechEndpoint
from voice.speaker import Form
from voice.transcriber import Vocabulary

NOBODY = Vocabulary()


@pytest.fixture
def server() -> Iterator[LoopbackSpeech]:
    with loopback_speech() as running:
        yield running


def endpoint(url: str, seconds: float = 5, tries: int = 1) -> SpeechEndpoint:
    return SpeechEndpoint(url, "loop-1", SecretStr(KEY), seconds, tries)


def test_the_ears_send_the_speech_and_the_names_and_write_down_the_answer(server: LoopbackSpeech) -> None:
    server.always(text(" Show GTM performance for Acme. "))
    names = {"venture": ("Acme", "Northwind"), "campaign": ("Spring Launch",)}
    heard = EndpointTranscriber(endpoint(server.url)).transcribe(
        joined(silence(2), speech(), silence(2)), Vocabulary(names=names)
    )
    assert heard.text == "Show GTM performance for Acme."
    assert (heard.engine, heard.confidence, heard.second) == ("endpoint", UNTOLD, None)
    (asked,) = server.asked
    assert asked.key == f"Bearer {KEY}"
    assert asked.fields["model"] == "loop-1"
    assert asked.fields["language"] == "en"
    assert asked.fields["prompt"] == "Acme, Spring Launch, Northwind"
    sent = decode(asked.file)
    assert sent.seconds == pytest.approx(heard.seconds)
    assert sent.seconds < speech().seconds + 0.4
    assert likeness(sent, speech()) > 0.95


def test_a_thousand_names_are_cut_to_what_a_model_takes(server: LoopbackSpeech) -> None:
    server.always(text("yes"))
    names = {"campaign": tuple(f"Campaign {number}" for number in range(1_000))}
    EndpointTranscriber(endpoint(server.url)).transcribe(speech(), Vocabulary(names=names))
    prompt = server.asked[0].fields["prompt"]
    assert prompt.startswith("Campaign 0, Campaign 1, ")
    assert 500 < len(prompt) <= 600
    EndpointTranscriber(endpoint(server.url)).transcribe(speech(), NOBODY)
    assert "prompt" not in server.asked[1].fields


@pytest.mark.parametrize(
    ("answer", "confidence"),
    [
        (text("yes", logprobs=[{"token": "yes", "logprob": math.log(0.4), "bytes": []}] * 3), 0.4),
        (text("yes", segments=[{"avg_logprob": math.log(0.9), "tokens": [1, 2]}]), 0.9),
        (
            text(
                "yes",
                segments=[
                    {"avg_logprob": math.log(0.25), "tokens": [1]},
                    {"avg_logprob": 0, "tokens": [1]},
                ],
            ),
            0.5,
        ),
        (text("yes", logprobs=None, segments=[]), UNTOLD),
        (text("yes", segments=[{"avg_logprob": 7}]), 1),
        (Answer(b'{"text": "yes", "logprobs": [{"logprob": NaN}]}'), UNTOLD),
    ],
)
def test_how_sure_it_is(server: LoopbackSpeech, answer: Answer, confidence: float) -> None:
    server.always(answer)
    ears = EndpointTranscriber(endpoint(server.url), detail="verbose_json")
    assert ears.transcribe(speech(), NOBODY).confidence == pytest.approx(confidence)
    assert server.asked[0].fields["response_format"] == "verbose_json"


def test_it_asks_for_probabilities_where_told_to(server: LoopbackSpeech) -> None:
    server.always(text("yes"))
    EndpointTranscriber(endpoint(server.url), detail="logprobs").transcribe(speech(), NOBODY)
    assert server.asked[0].fields["include[]"] == "logprobs"
    assert server.asked[0].fields["response_format"] == "json"


def test_silence_is_not_sent_and_an_empty_answer_is_none(server: LoopbackSpeech) -> None:
    ears = EndpointTranscriber(endpoint(server.url))
    for sound in (silence(3), speech()):
        with pytest.raises(VoiceError) as caught:
            ears.transcribe(sound, NOBODY)
        assert caught.value.code == "no_speech"
    assert len(server.asked) == 1


@pytest.mark.parametrize("form", ["wav", "mp3", "opus"])
def test_the_mouth_says_what_it_is_told(server: LoopbackSpeech, form: Form) -> None:
    server.always(Answer(encode(speech(), form), kind="audio/wav"))
    mouth = EndpointSpeaker(endpoint(server.url), ("nova", "echo"))
    said = mouth.speak("show gtm performance for Acme", voice="echo", speed=9)
    assert likeness(said, speech()) > 0.9
    (asked,) = server.asked
    assert asked.path == "/v1/audio/speech"
    assert asked.key == f"Bearer {KEY}"
    assert asked.fields == {
        "input": "show gtm performance for Acme",
        "model": "loop-1",
        "voice": "echo",
        "response_format": "wav",
        "speed": 4.0,
    }
    mouth.speak("yes")
    assert server.asked[1].fields["voice"] == "nova"


def test_what_needs_no_endpoint_does_not_ask_it(server: LoopbackSpeech) -> None:
    mouth = EndpointSpeaker(endpoint(server.url), ("nova",))
    assert mouth.speak(" ").seconds == 0
    for code, ask in (
        ("unknown_voice", partial(mouth.speak, "yes", voice="echo")),
        ("too_long_to_say", partial(mouth.speak, "x" * 5_000)),
    ):
        with pytest.raises(VoiceError) as caught:
            ask()
        assert caught.value.code == code
        assert caught.value.cure
    assert not server.asked


def everything_said(error: BaseException | None) -> str:
    """All that a log with the whole traceback would hold."""
    return "" if error is None else "".join(traceback.format_exception(error))


def failure(server: LoopbackSpeech, *, part: str, seconds: float = 5, tries: int = 1) -> VoiceError:
    """The error that the ears or the mouth give."""
    where = endpoint(server.url, seconds, tries)
    ask: Callable[[], object] = (
        (lambda: EndpointTranscriber(where).transcribe(speech(), NOBODY))
        if part == "ears"
        else (lambda: EndpointSpeaker(where).speak("yes"))
    )
    with pytest.raises(VoiceError) as caught:
        ask()
    assert caught.value.code == f"{part}_unavailable"
    assert caught.value.cure
    assert KEY not in everything_said(caught.value)
    assert KEY not in caught.value.message + caught.value.cure
    return caught.value


WHOLE = encode(speech(), "wav")


@pytest.mark.parametrize("part", ["ears", "mouth"])
@pytest.mark.parametrize(
    ("answer", "message", "cure"),
    [
        (status(401), "refuses the key", "key"),
        (status(403), "refuses the key", "key"),
        (status(404), "does not know the model", "model"),
        (status(400), "refuses the question", "model"),
        (status(413), "refuses the question", "model"),
        (status(429), "too often", "quota"),
        (status(500), "failed", "Ask again"),
        (status(503), "failed", "Ask again"),
        (Answer(WHOLE, cut_after=100), "broke off", "Ask again"),
        (Answer(b"", cut_after=0, headers={"content-length": "5"}), "broke off", "Ask again"),
        (Answer(b""), "sent what is not", "Check"),
        (Answer(b"<html>hello</html>", kind="text/html"), "sent what is not", "Check"),
        (Answer(b"[" * 100_000), "sent what is not", "Check"),
        (Answer(b"\xff\xfe\x00"), "sent what is not", "Check"),
        (Answer(WHOLE[:44]), "sent what is not", "Check"),
        (Answer(b'{"text": 5}'), "sent what is not", "Check"),
        (Answer(b'{"text": null}'), "sent what is not", "Check"),
        (Answer(b'{"words": "x"}'), "sent what is not", "Check"),
        (Answer(b'"text"'), "sent what is not", "Check"),
        (text("word " * 2_000), "sent what is not", "Check"),
        (text("yes", logprobs=5), "sent what is not", "Check"),
        (text("yes", segments=[5]), "sent what is not", "Check"),
    ],
    ids=range(22),
)
def test_what_goes_wrong_is_said_with_its_cure(
    server: LoopbackSpeech, part: str, answer: Answer, message: str, cure: str
) -> None:
    server.always(answer)
    error = failure(server, part=part)
    assert message in error.message
    assert cure in error.cure


@pytest.mark.parametrize("part", ["ears", "mouth"])
@pytest.mark.parametrize(
    "answer", [Answer(b"{}", pause=10), Answer(b" " * 1_000, drip=0.05)], ids=["mute", "slow"]
)
def test_a_slow_endpoint_ends_in_time(server: LoopbackSpeech, part: str, answer: Answer) -> None:
    server.always(answer)
    start = time.monotonic()
    error = failure(server, part=part, seconds=1.2, tries=3)
    assert "longer than 1.2 seconds" in error.message
    assert time.monotonic() - start < 3.5


@pytest.mark.parametrize("part", ["ears", "mouth"])
def test_an_endpoint_that_sends_without_end_is_stopped(server: LoopbackSpeech, part: str) -> None:
    server.always(Answer(b"\0" * (65 * 2**20), kind="audio/wav"))
    assert "more than it may" in failure(server, part=part, seconds=20).message


@pytest.mark.parametrize("part", ["ears", "mouth"])
def test_an_endpoint_that_is_not_there(part: str) -> None:
    gone = LoopbackSpeech(lambda _: text(""), url=f"http://127.0.0.1:{free_port()}/v1")
    assert "cannot be reached" in failure(gone, part=part).message
    odd = LoopbackSpeech(lambda _: text(""), url="no address")
    failure(odd, part=part)


def test_a_key_that_no_header_takes_is_not_told() -> None:
    where = SpeechEndpoint("http://127.0.0.1:9/v1", "loop-1", SecretStr("sk-ünsäglich\n"), 5, 1)
    with pytest.raises(VoiceError) as caught:
        EndpointSpeaker(where).speak("yes")
    assert caught.value.code == "mouth_unavailable"
    assert "glich" not in everything_said(caught.value)


def test_it_is_asked_again_where_that_may_help(server: LoopbackSpeech) -> None:
    server.in_turn(status(429, retry_after_ms="10"), status(503, retry_after_ms="10"), text("yes"))
    ears = EndpointTranscriber(endpoint(server.url, tries=3))
    assert ears.transcribe(speech(), NOBODY).text == "yes"
    assert [one.file for one in server.asked] == [server.asked[0].file] * 3
    server.in_turn(status(500, retry_after_ms="10"), status(500, retry_after_ms="10"))
    failure(server, part="mouth", tries=2)
    assert len(server.asked) == 5


def test_nobody_elses_key_is_sent(server: LoopbackSpeech, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    server.always(text("yes"))
    EndpointTranscriber(SpeechEndpoint(server.url, "loop-1")).transcribe(speech(), NOBODY)
    assert "somebody" not in str(server.asked[0].key)


def test_several_may_ask_at_once(server: LoopbackSpeech) -> None:
    server.behaviour = lambda asked: Answer(json.dumps({"text": f"{len(asked.file)}"}).encode(), pause=0.1)
    ears = EndpointTranscriber(endpoint(server.url))
    sounds = [speech("yes"), speech(), speech("show me the whole funnel of Northwind")] * 3
    with ThreadPoolExecutor(9) as pool:
        heard = list(pool.map(lambda sound: ears.transcribe(sound, NOBODY), sounds))
    assert len({one.text for one in heard}) == 3
    assert [one.text for one in heard[:3]] * 3 == [one.text for one in heard]
