"""Speaking to the service over HTTP, over a line that listens, and in the terminal."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from assistant.aloud import aloud, digits, said
from assistant.channels.cli import cli
from assistant.reply import Reply, Status, Telling
from intents.command import Role
from storage.audit import audit
from tests.conftest import Server, copied
from tests.sounds import joined, noises, silence, speech
from voice.audio import RATE, Audio
from voice.decoding import decode
from voice.encoding import encode
from voice.transcriber import Transcript

FOUR = (
    "find influencers for fitness with fifty thousand followers",
    "optimize budget allocation for Spring Launch",
    "show gtm performance for Acme",
    "what are the top performing channels this month",
)
"""What the chairman must be able to say."""
MEANT = ("find_influencers", "optimize_budget", "show_performance", "top_channels")
VOICES = ("en-us", "en-gb", "en-us+f1", "en-us+f3", "en-us+m7")


@pytest.fixture
def http(server: Server) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {server.token()}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as client:
        yield client


def told(http: httpx2.Client, sound: bytes, kind: str = "audio/wav", **asked: Any) -> dict[str, Any]:
    answer = http.post("/api/v1/voice", content=sound, params=asked, headers={"Content-Type": kind})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def with_rest(audio: Audio) -> Audio:
    return joined(silence(0.4), audio, silence(0.8))


@pytest.mark.parametrize("voice", VOICES)
def test_the_four_commands_are_heard_and_answered(http: httpx2.Client, voice: str) -> None:
    for words, command in zip(FOUR, MEANT, strict=True):
        found = told(http, encode(with_rest(speech(words, voice)), "wav"))
        reply = found["reply"]
        if reply["status"] == "question" and reply["command"] is None:
            # Asked about, it was not guessed at; the yes must lead where the words would.
            assert reply["reply"]["text"].startswith("Did you say “"), reply
            yes = {"text": "yes", "conversation_id": reply["conversation_id"]}
            reply = http.post("/api/v1/say", json=yes).json()
        assert reply["command"] == command, (words, found["transcript"], reply["reply"]["text"])
        assert reply["status"] in ("done", "confirm")


def test_a_browsers_recording_is_answered_aloud(http: httpx2.Client) -> None:
    sound = encode(with_rest(speech(FOUR[2])), "opus")
    found = told(http, sound, "audio/ogg", speak="mp3", conversation_id="talk")
    assert found["transcript"]["engine"] == "embedded"
    assert found["transcript"]["text"].casefold() == FOUR[2].casefold()
    assert 0 < found["transcript"]["confidence"] <= 1
    assert found["reply"]["conversation_id"] == "talk"
    assert found["speech"]["type"] == "audio/mpeg"
    spoken = decode(base64.b64decode(found["speech"]["data"]))
    assert 1 < spoken.seconds <= 20


def test_the_same_recording_with_the_same_key_is_answered_once(http: httpx2.Client, server: Server) -> None:
    sound = encode(with_rest(speech(FOUR[2])), "wav")
    headers = {"Idempotency-Key": "said-once", "Content-Type": "audio/wav"}
    first, again = (http.post("/api/v1/voice", content=sound, headers=headers).json() for _ in range(2))
    assert first["reply"]["turn_id"] == again["reply"]["turn_id"]
    assert again["transcript"] is None
    with server.assistant.database.read() as connection:
        entries = connection.execute(audit.select().where(audit.c.idempotency_key == "said-once")).all()
    assert len(entries) == 1
    assert entries[0].reading["heard"].startswith("heard by embedded, 0.")


@pytest.mark.parametrize("what", ["silence", "white noise", "music"])
def test_what_is_no_speech_is_told_so_and_the_question_still_waits(http: httpx2.Client, what: str) -> None:
    asked = http.post("/api/v1/say", json={"text": "optimize the budget", "conversation_id": "c"}).json()
    assert asked["status"] == "question"
    found = told(http, encode(noises()[what], "wav"), conversation_id="c")
    assert found["transcript"] is None
    assert (found["reply"]["status"], found["reply"]["error"]["code"]) == ("unknown", "no_speech")
    assert found["reply"]["reply"]["text"].startswith("I heard no speech")
    answer = http.post("/api/v1/say", json={"text": "Spring Launch", "conversation_id": "c"}).json()
    assert answer["command"] == "optimize_budget"


@pytest.mark.parametrize(
    ("sound", "code"),
    [
        (b"", "audio_empty"),
        (b"RIFF", "audio_unreadable"),
        (b"<html>no sound</html>" * 50, "audio_unreadable"),
        (encode(speech(), "mp3")[:40], "audio_unreadable"),
    ],
)
def test_what_is_no_recording_is_refused_with_a_cure(http: httpx2.Client, sound: bytes, code: str) -> None:
    answer = http.post("/api/v1/voice", content=sound)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["cure"]


def test_long_and_large_recordings_are_refused(http: httpx2.Client, server: Server) -> None:
    most = server.assistant.settings.voice
    long = encode(silence(most.most_seconds + 5), "mp3")
    answer = http.post("/api/v1/voice", content=long)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "audio_too_long")
    answer = http.post("/api/v1/voice", content=b"\0" * (most.most_bytes + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_strangers_are_neither_heard_nor_spoken_to(server: Server) -> None:
    with httpx2.Client(base_url=server.url) as stranger:
        assert stranger.post("/api/v1/voice", content=b"x").status_code == 401
        assert stranger.get("/api/v1/ears").status_code == 401
        assert stranger.post("/api/v1/speech", json={"text": "hi"}).status_code == 401


def test_it_tells_which_ears_are_in_use(http: httpx2.Client) -> None:
    found = http.get("/api/v1/ears").json()
    assert (found["ears"], found["hears"], found["mouth"]) == ("embedded", "anything", "espeak")
    assert found["told"] == "commands well, free speech fairly; for better ears set up Whisper"
    status = http.post("/api/v1/say", json={"text": "status"}).json()
    assert (
        "Ears: embedded, commands well, free speech fairly; for better ears set up Whisper."
        in status["reply"]["text"]
    )
    assert status["result"]["voice"]["mouth"] == "espeak"


@pytest.mark.parametrize("form", ["wav", "mp3", "opus"])
def test_words_are_said_aloud(http: httpx2.Client, form: str) -> None:
    answer = http.post("/api/v1/speech", json={"text": "Nothing unusual today.", "form": form})
    assert answer.status_code == 200
    assert 1 < decode(answer.content).seconds < 4


def test_a_briefing_of_a_minute_is_spoken_in_under_a_second(server: Server) -> None:
    briefing = "Acme spent forty eight thousand dollars and earned two hundred thousand this month. " * 12
    begun = time.process_time()
    audio = server.assistant.voicing.speak(briefing)
    assert time.process_time() - begun < 1
    assert audio.seconds > 50


# The line that listens


@pytest.fixture
def line(server: Server) -> Iterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {server.token()}"}
    url = server.url.replace("http", "ws") + "/api/v1/voice/stream"
    with connect(url, additional_headers=headers) as opened:
        assert json.loads(opened.recv(timeout=30))["type"] == "hello"
        yield opened


def send(line: ClientConnection, **frame: Any) -> None:
    line.send(json.dumps(frame))


def play(line: ClientConnection, audio: Audio, *, block: float = 0.1) -> None:
    step = int(block * RATE)
    for at in range(0, len(audio.samples), step):
        line.send(audio.samples[at : at + step].astype("<i2").tobytes())


def until(line: ClientConnection, kind: str) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    while not frames or frames[-1]["type"] != kind:
        got = line.recv(timeout=60)
        frames.append({"type": "bytes", "count": len(got)} if isinstance(got, bytes) else json.loads(got))
    return frames


def test_speech_is_heard_as_it_is_spoken_and_its_end_is_found(line: ClientConnection) -> None:
    send(line, type="start", conversation_id="stream", speak="opus")
    play(line, with_rest(speech(FOUR[2])))
    frames = until(line, "audio_end")
    kinds = [frame["type"] for frame in frames if frame["type"] not in ("partial", "bytes")]
    assert kinds == ["speech_started", "speech_ended", "transcript", "reply", "audio", "audio_end"]
    named = {frame["type"]: frame for frame in frames}
    assert named["transcript"]["text"].casefold() == FOUR[2].casefold()
    assert named["reply"]["reply"]["command"] == "show_performance"
    assert named["audio"]["bytes"] == sum(one["count"] for one in frames if one["type"] == "bytes")
    assert not named["audio_end"]["stopped"]


def test_two_utterances_of_a_stream_are_two_turns_of_one_talk(line: ClientConnection) -> None:
    send(line, type="start")
    play(line, joined(with_rest(speech(FOUR[2])), with_rest(speech("what about Northwind"))))
    first, second = until(line, "reply")[-1]["reply"], until(line, "reply")[-1]["reply"]
    assert first["conversation_id"] == second["conversation_id"]
    assert first["turn_id"] != second["turn_id"]


def test_a_pause_is_listened_to_before_it_is_the_end_and_the_end_not_again(
    line: ClientConnection, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    voicing = server.assistant.voicing
    heard: list[bytes] = []
    hear = voicing.hear_audio

    def counted(audio: Audio) -> Transcript:
        heard.append(audio.samples.tobytes())
        return hear(audio)

    voicing.ears()
    monkeypatch.setattr(voicing, "hear_audio", counted)
    send(line, type="start", silence=3, partials=False)
    play(line, joined(silence(0.3), speech(FOUR[2]), silence(0.8)))
    send(line, type="ping")
    assert "speech_ended" not in {frame["type"] for frame in until(line, "pong")}
    while not heard:
        time.sleep(0.05)
    send(line, type="end")
    assert until(line, "reply")[-1]["reply"]["command"] == "show_performance"
    assert len(heard) == len(set(heard))


def test_letting_the_button_go_ends_the_utterance(line: ClientConnection) -> None:
    send(line, type="start", silence=3)
    play(line, joined(silence(0.3), speech(FOUR[2])))
    send(line, type="end")
    assert until(line, "reply")[-1]["reply"]["command"] == "show_performance"


def test_what_is_cancelled_is_forgotten(line: ClientConnection) -> None:
    send(line, type="start")
    play(line, joined(silence(0.3), speech(FOUR[2])))
    send(line, type="cancel")
    play(line, silence(1.5))
    send(line, type="ping")
    kinds = {frame["type"] for frame in until(line, "pong")}
    assert not kinds & {"speech_ended", "transcript", "reply"}


def test_speaking_in_between_stops_the_answer(line: ClientConnection) -> None:
    send(line, type="start", speak="wav")
    play(line, with_rest(speech(FOUR[2])))
    until(line, "audio")
    play(line, joined(silence(0.2), speech("stop", "en-us"), silence(0.8)))
    assert any(frame["type"] == "barge_in" for frame in until(line, "speech_started"))


def test_a_browsers_rate_is_brought_to_ours(line: ClientConnection) -> None:
    import numpy as np

    audio = with_rest(speech(FOUR[2]))
    tripled = np.repeat(audio.samples, 3)
    send(line, type="start", rate=48_000)
    play(line, Audio(tripled), block=0.3)
    assert until(line, "reply")[-1]["reply"]["status"] in ("done", "question")


def test_a_database_that_goes_away_is_told_and_the_line_hears_on(
    line: ClientConnection, server: Server
) -> None:
    engine = server.assistant.database.engine

    def gone(*_: object) -> None:
        raise OperationalError("select 1", {}, Exception("gone"))

    send(line, type="start")
    event.listen(engine, "before_cursor_execute", gone)
    play(line, with_rest(speech(FOUR[2])))
    try:
        assert until(line, "error")[-1]["error"]["code"].startswith("database_")
    finally:
        event.remove(engine, "before_cursor_execute", gone)
    play(line, with_rest(speech(FOUR[2])))
    assert until(line, "reply")[-1]["reply"]["command"] == "show_performance"


def test_frames_that_make_no_sense_are_told_so(line: ClientConnection) -> None:
    line.send(b"\0\0")
    assert until(line, "error")[-1]["error"]["cure"] == 'Send {"type": "start"} first.'
    send(line, type="start", rate=5)
    assert "rate" in until(line, "error")[-1]["error"]["message"]
    send(line, type="start")
    line.send(b"\0\0\0")
    assert until(line, "error")[-1]["error"]["code"] == "bad_frame"
    line.send("no json")
    assert until(line, "error")[-1]["error"]["code"] == "bad_frame"
    send(line, type="ping")
    assert until(line, "pong")


def test_a_line_that_sends_only_nonsense_is_closed(line: ClientConnection) -> None:
    for _ in range(20):
        line.send("no json")
    with pytest.raises(ConnectionClosed):
        until(line, "pong")


def test_an_utterance_cut_off_by_a_broken_line_does_nothing(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token()}"}
    url = server.url.replace("http", "ws") + "/api/v1/voice/stream"
    talk = uuid4().hex
    with connect(url, additional_headers=headers) as opened:
        send(opened, type="start", conversation_id=talk)
        play(opened, joined(silence(0.3), speech("pause Spring Launch")))
    time.sleep(0.5)
    with server.assistant.database.read() as connection:
        assert not connection.execute(audit.select().where(audit.c.conversation_id == talk)).all()


# The terminal


def test_a_recording_is_listened_to_in_the_terminal(
    small_portfolio: Path, tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(small_portfolio, tmp_path / "gtm.db")
    (tmp_path / "models").symlink_to(models)
    monkeypatch.setenv("GTM_DATA_DIR", str(tmp_path))
    recording, answer = tmp_path / "said.mp3", tmp_path / "answer.wav"
    recording.write_bytes(encode(with_rest(speech(FOUR[2])), "mp3"))
    done = CliRunner().invoke(cli, ["listen", str(recording), "--json", "--save", str(answer)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["reply"]["command"] == "show_performance"
    assert decode(answer).seconds > 1
    (tmp_path / "no.mp3").write_bytes(b"no sound")
    assert CliRunner().invoke(cli, ["listen", str(tmp_path / "no.mp3")]).exit_code == 2
    assert CliRunner().invoke(cli, ["listen"]).exit_code == 2


# What an answer sounds like


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Spend was $48,250.37, ROAS 4.31.", "Spend was 48,300 dollars, ROAS 4.3."),
        ("1,234,567 impressions in 2026", "1.23 million impressions in 2026"),
        ("CTR 1.25 %, up +12.3 %", "CTR 1.2 percent, up plus 12 percent"),
        ("Mar 1 – Mar 5, 2026", "March 1 to March 5, 2026"),
        ("since 2026-03-01", "since March 1"),
        ("Proposal 12 waits", "Proposal 12 waits"),
        ("**Acme** [report](https://example.org/x)", "Acme report"),
        ("LTV:CAC of 3.2×", "LTV to CAC of 3.2 times"),
        ("-$500.00", "minus 500 dollars"),
        ("spend / new_customers in America/New_York", "spend divided by new customers in America/New York"),
    ],
)
def test_numbers_are_rounded_and_said_in_words(written: str, heard: str) -> None:
    assert said(written) == heard


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Spend $50,000.00?", "Spend 50 thousand dollars, five zero thousand?"),
        ("Spend $15,000.00?", "Spend 15 thousand dollars, one five thousand?"),
        ("Spend $15,500.00 on it?", "Spend 15,500 dollars, one five five zero zero, on it?"),
        ("Spend €2,500,000.00?", "Spend 2.5 million euros, two five zero zero thousand?"),
        ("Spend £12,345.67?", "Spend 12,345.67 pounds?"),
    ],
)
def test_an_amount_that_is_agreed_to_is_exact_and_told_twice(written: str, heard: str) -> None:
    assert said(written, exact=True) == heard


def test_digits_tell_apart_what_sounds_alike() -> None:
    alike = [13, 30, 14, 40, 15, 50, 16, 60, 17, 70, 18, 80, 19, 90]
    scaled = [number * scale for number in alike for scale in (1, 1000, 10**6)]
    assert len({digits(number) for number in scaled}) == len(scaled)


def test_a_long_answer_is_cut_at_a_sentence_and_a_question_never_is() -> None:
    text = " ".join(f"Sentence number {number} says a few words." for number in range(50))
    done = Reply(turn_id="t", text="", status=Status.DONE, reply=Telling(text=text))
    heard = aloud(done, 20)
    assert heard.endswith("The rest is on the screen.")
    assert len(heard.split()) < 60
    asked = done.model_copy(update={"status": Status.CONFIRM})
    assert aloud(asked, 20).endswith("49 says a few words.")


def test_choices_are_offered_aloud() -> None:
    asked = Reply(
        turn_id="t",
        text="",
        status=Status.QUESTION,
        reply=Telling(text="Which campaign?", speech="Which campaign?", choices=["A", "B", "C", "D"]),
    )
    assert aloud(asked, 20) == "Which campaign? For example A, B or C."


def test_only_those_who_may_are_obeyed_by_voice(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token(Role.VIEWER)}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as viewer:
        found = told(viewer, encode(with_rest(speech(FOUR[1])), "wav"))
    assert found["reply"]["error"]["code"] == "role_required"
