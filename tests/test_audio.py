"""Recordings in every form, good and bad, and where somebody speaks in them."""

import io
import json
import struct
import subprocess
import sys
import time
import wave
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any, cast

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sounds import joined, likeness, noises, recorded, silence, speech
from voice.audio import RATE, Audio, VoiceError
from voice.decoding import decode, decode_trusted
from voice.encoding import MEDIA_TYPES, encode
from voice.endpointing import Endpointer, Event, SpeechBegan, SpeechEnded, SpeechPaused, trim
from voice.speaker import Form

ROOT = Path(__file__).parents[1]
CLIPS = Path(__file__).parents[2] / "shared" / "data" / "audio"
FORMS: tuple[Form, ...] = ("wav", "mp3", "opus")

RECORDINGS = [
    ("webm", "libopus", 48_000, "mono"),
    ("webm", "libopus", 48_000, "stereo"),
    ("matroska", "pcm_f32le", 48_000, "mono"),
    ("ogg", "libopus", 16_000, "mono"),
    ("ogg", "vorbis", 44_100, "stereo"),
    ("mp3", "libmp3lame", 8_000, "mono"),
    ("mp3", "libmp3lame", 44_100, "stereo"),
    ("ipod", "aac", 44_100, "stereo"),
    ("mp4", "aac", 16_000, "mono"),
    ("adts", "aac", 22_050, "mono"),
    ("wav", "pcm_u8", 8_000, "mono"),
    ("wav", "pcm_s16le", 11_025, "stereo"),
    ("wav", "pcm_s24le", 48_000, "stereo"),
    ("wav", "pcm_s32le", 32_000, "mono"),
    ("wav", "pcm_f32le", 48_000, "mono"),
    ("wav", "pcm_mulaw", 8_000, "mono"),
    ("wav", "pcm_alaw", 8_000, "mono"),
    ("flac", "flac", 48_000, "stereo"),
]


def refused(source: Any, code: str, within: float = 5) -> VoiceError:
    """The error with which ``source`` is refused, in time."""
    start = time.monotonic()
    with pytest.raises(VoiceError) as caught:
        decode(source)
    assert time.monotonic() - start < within
    assert caught.value.code == code
    assert caught.value.message
    assert caught.value.cure
    return caught.value


@pytest.mark.parametrize("form", FORMS)
def test_what_is_encoded_is_decoded_again(form: Form) -> None:
    said = speech()
    heard = decode(encode(said, form))
    assert heard.samples.dtype == np.int16
    assert heard.seconds == pytest.approx(said.seconds, abs=0.05)
    shorter = min(len(said.samples), len(heard.samples))
    assert np.corrcoef(said.samples[:shorter], heard.samples[:shorter])[0, 1] > 0.9


@pytest.mark.parametrize("form", FORMS)
def test_no_sound_makes_a_valid_file(form: Form) -> None:
    with av.open(io.BytesIO(encode(silence(0), form))) as file:
        assert [stream.type for stream in file.streams] == ["audio"]
    assert MEDIA_TYPES[form].startswith("audio/")


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda one: "-".join(map(str, one)))
def test_every_kind_of_recording_is_read(recording: tuple[str, str, int, str]) -> None:
    heard = decode(recorded(speech(), *recording))
    assert heard.seconds == pytest.approx(speech().seconds, abs=0.15)
    assert likeness(heard, speech()) > 0.9


@pytest.mark.parametrize(
    "data",
    [
        recorded(speech(), "webm", "libopus", 48_000),
        recorded(speech(), "ogg", "libopus", 48_000),
        recorded(speech(), "mp3", "libmp3lame", 44_100),
        recorded(speech(), "mp4", "aac", 44_100, movflags="frag_keyframe+empty_moov", frag_duration="200000"),
        recorded(speech(), "wav", "pcm_s16le", 16_000),
        recorded(speech(), "flac", "flac", 44_100),
    ],
    ids=["webm", "ogg", "mp3", "mp4 in pieces", "wav", "flac"],
)
def test_of_a_recording_cut_short_there_is_what_was_recorded(data: bytes) -> None:
    heard = decode(data[: len(data) * 2 // 3])
    assert speech().seconds / 4 < heard.seconds < speech().seconds
    assert likeness(heard, speech()) > 0.5


def test_a_recorder_that_wrote_no_lengths_is_read() -> None:
    data = bytearray(encode(speech(), "wav"))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    assert decode(bytes(data)).seconds == pytest.approx(speech().seconds, abs=0.01)


def test_sound_comes_from_bytes_files_and_streams(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        """Cannot go back."""

        def __init__(self, data: bytes) -> None:
            self._inner = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self._inner.readinto(buffer)

    data = recorded(speech(), "ipod", "aac", 16_000)
    path = tmp_path / "recording"
    path.write_bytes(data)
    pipe = cast("Any", io.BufferedReader(Pipe(data)))
    heard = [decode(source).samples for source in (data, io.BytesIO(data), path, pipe)]
    heard.append(decode_trusted(path).samples)
    assert all(np.array_equal(heard[0], other) for other in heard[1:])
    assert list(tmp_path.iterdir()) == [path]


def test_a_film_with_sound_is_heard_and_one_without_is_empty() -> None:
    assert decode(film(speech())).seconds == pytest.approx(speech().seconds, abs=0.2)
    refused(film(None), "audio_empty")


def film(audio: Audio | None) -> bytes:
    written = io.BytesIO()
    with av.open(written, mode="w", format="matroska") as file:
        pictures = file.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        sound = None if audio is None else file.add_stream("libopus", rate=48_000, layout="mono")
        for _ in range(10):
            file.mux(pictures.encode(VideoFrame(64, 64, "yuv420p")))
        file.mux(pictures.encode(None))
        if audio is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(audio.samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = RATE
            file.mux(cast("Any", sound).encode(frame))
            file.mux(cast("Any", sound).encode(None))
    return written.getvalue()


WAV = encode(speech(), "wav")


def wav_header(*, channels: int = 1, rate: int = RATE, bits: int = 16, tag: int = 1) -> bytes:
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * 2 % 2**32, 2, bits)
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", len(head)) + head + b"data\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"", {"audio_empty"}),
        (WAV[:44], {"audio_empty"}),
        (WAV[:3], {"audio_unreadable"}),
        (WAV[:30], {"audio_unreadable"}),
        (encode(speech(), "opus")[:90], {"audio_unreadable", "audio_empty"}),
        (recorded(speech(), "webm", "libopus", 48_000)[:200], {"audio_unreadable", "audio_empty"}),
        (recorded(speech(), "ipod", "aac", 16_000)[:5_000], {"audio_unreadable"}),
        (recorded(speech(), "flac", "flac", 16_000)[:60], {"audio_unreadable", "audio_empty"}),
        (b"spring launch, five thousand\n" * 1_000, {"audio_unreadable"}),
        (b"%PDF-1.7\n" + bytes(range(256)) * 100, {"audio_unreadable"}),
        (b"PK\x03\x04" + np.random.default_rng(1).bytes(50_000), {"audio_unreadable"}),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 1_000, {"audio_unreadable"}),
        (b"\0" * 1_000_000, {"audio_unreadable"}),
        (wav_header(rate=0) + b"\1" * 9_999, {"audio_unreadable"}),
        (wav_header(rate=1) + b"\1" * 9_999, {"audio_unreadable"}),
        (wav_header(rate=2**32 - 1) + b"\1" * 9_999, {"audio_unreadable"}),
        (wav_header(channels=0) + b"\1" * 9_999, {"audio_unreadable", "audio_empty"}),
        (wav_header(channels=65_535) + b"\1" * 9_999, {"audio_unreadable", "audio_empty"}),
        (wav_header(tag=0x4242) + b"\1" * 9_999, {"audio_unreadable"}),
    ],
    ids=range(19),
)
def test_what_is_no_recording_is_refused(data: bytes, codes: set[str]) -> None:
    start = time.monotonic()
    with pytest.raises(VoiceError) as caught:
        decode(data)
    assert time.monotonic() - start < 5
    assert caught.value.code in codes
    assert caught.value.message
    assert caught.value.cure


def test_files_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    assert "nowhere" in refused(tmp_path / "nowhere.wav", "audio_unreadable").message
    refused(tmp_path, "audio_unreadable")
    closed = io.BytesIO(WAV)
    closed.close()
    refused(closed, "audio_unreadable")


def test_two_hours_are_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(wav_header())
        file.truncate(2 * 3600 * RATE * 2)
    assert "120 seconds" in refused(path, "audio_too_long").message
    with path.open("rb") as file:
        refused(file, "audio_too_long")
    assert decode(encode(silence(120), "wav")).seconds == 120
    with pytest.raises(VoiceError, match="2 seconds"):
        decode(encode(silence(3), "wav"), most_seconds=2)


def tables_of_gigabytes() -> bytes:
    """Ten kilobytes of MPEG-4 which claim 67 million pieces of sound."""
    data = bytearray(
        recorded(noises()["white noise"], "mp4", "aac", 16_000, movflags="frag_keyframe+empty_moov")
    )
    at = data.index(b"trun")
    data[at + 4 : at + 12] = struct.pack(">II", 1, 1 << 26)
    return bytes(data)


def tags_of_gigabytes() -> bytes:
    """A megabyte of MP3 of which the tags are a gigabyte, compressed."""

    def size(number: int) -> bytes:
        return bytes((number >> shift) & 127 for shift in (21, 14, 7, 0))

    packed = zlib.compress(b"\x03" + b"A" * (200 << 20), 1)
    tag = b"TIT2" + size(len(packed) + 4) + b"\0\x09" + size((200 << 20) + 1) + packed
    return b"ID3\x04\0\0" + size(len(tag) * 5) + tag * 5 + encode(speech(), "mp3")


def hours(container: str, codec: str) -> bytes:
    """Two hours of the same moment of nothing."""
    written = io.BytesIO()
    with av.open(written, mode="w", format=container) as file:
        stream = cast("Any", file.add_stream(codec, rate=RATE, layout="mono"))
        frame = av.AudioFrame.from_ndarray(silence(1).samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        *_, packet = stream.encode(frame)
        kept, length = bytes(packet), packet.duration * packet.time_base
        for place in range(int(7_200 / length)):
            again = av.Packet(kept)
            again.stream, again.time_base = stream, packet.time_base
            again.pts = again.dts = place * packet.duration
            again.duration = packet.duration
            file.mux_one(again)
    return written.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "tables": tables_of_gigabytes,
    "tags": tags_of_gigabytes,
    "flac": lambda: hours("flac", "flac"),
    "ogg": lambda: hours("ogg", "libopus"),
}

HELD = {
    "tables": ("audio_unreadable",),
    "tags": ("", "audio_unreadable"),  # Where tags take too much, they may be passed over.
    "flac": ("audio_too_long",),
    "ogg": ("audio_too_long",),
}

MEASURED = """
import json, re, resource, sys, time
from pathlib import Path
from voice.audio import VoiceError
from voice.decoding import decode
start, code = time.monotonic(), ""
try:
    decode(Path(sys.argv[1]).read_bytes())
except VoiceError as error:
    code = error.code
took = time.monotonic() - start
own = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
reader = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
print(json.dumps([code, took, own, reader]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limits and their measure are those of Linux")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_takes_little_time_and_memory(bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[bomb]())
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    code, seconds, own, of_the_reader = json.loads(done.stdout)
    assert code in HELD[bomb]
    assert seconds < 8
    assert own < 250
    assert of_the_reader < 560


PLAYLISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
    "#EXTINF:10.0,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{url}/a.wav'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT10S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
    '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{url}/a.mp4</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "asx": '<asx version="3.0"><entry><ref href="{url}/a.wav"/></entry></asx>',
    "url": "{url}/a.wav",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_no_recording_makes_us_fetch_anything(kind: str, tmp_path: Path) -> None:
    with listening() as (url, asked):
        text = PLAYLISTS[kind].format(url=url).encode()
        refused(text, "audio_unreadable")
        path = tmp_path / f"x.{kind}"
        path.write_bytes(text)
        refused(path, "audio_unreadable")
    assert not asked


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


OUTCOMES = ("sound", "audio_empty", "audio_unreadable", "audio_too_long")


def outcome(data: bytes) -> str:
    try:
        return "sound" if 0 < decode(data).seconds < 121 else "nonsense"
    except VoiceError as error:
        return error.code


HEADS = [
    b"",
    WAV[:44],
    b"OggS",
    b"fLaC\0\0\0\x22",
    b"ID3\x04\0\0",
    b"\x1aE\xdf\xa3",
    b"\0\0\0\x20ftypM4A ",
    b"\xff\xfb\x90\x00",
]


@settings(max_examples=25, deadline=None)
@given(head=st.sampled_from(HEADS), rest=st.binary(max_size=5_000))
def test_any_bytes_are_sound_or_refused(head: bytes, rest: bytes) -> None:
    assert outcome(head + rest) in OUTCOMES


SHORT = Audio(speech().samples[:8_000])
MUTABLE = [
    recorded(SHORT, container, codec, RATE)
    for container, codec in (("ogg", "libopus"), ("webm", "libopus"), ("mp3", "libmp3lame"), ("ipod", "aac"))
]


@settings(max_examples=25, deadline=None)
@given(
    data=st.sampled_from(MUTABLE),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=20),
)
def test_damage_anywhere_is_survived(data: bytes, changes: list[tuple[float, int]]) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    assert outcome(bytes(damaged)) in OUTCOMES


@pytest.mark.parametrize("kind", noises(0.1))
def test_what_is_not_speech_is_not_heard(kind: str) -> None:
    sound = noises()[kind]
    with pytest.raises(VoiceError) as caught:
        trim(sound)
    assert caught.value.code == "no_speech"
    assert "no speech" in caught.value.message
    assert fed(Endpointer(), sound) == []


@pytest.mark.parametrize("words", ["yes", "no", "stop", "show gtm performance for Acme"])
@pytest.mark.parametrize("voice", ["en-us", "en-gb+f3", "en-gb-scotland+m7", "en-029"])
def test_speech_is_found_and_nothing_around_it(words: str, voice: str) -> None:
    said = speech(words, voice)
    found = trim(joined(silence(1.5), said, silence(1.5)))
    assert found.seconds < said.seconds + 0.4
    assert likeness(found, said) > 0.95


def test_speech_is_found_in_noise_and_where_it_is_faint() -> None:
    said = speech()
    noise = noises(said.seconds)["pink noise"].samples[: len(said.samples)] * 0.05
    assert likeness(trim(Audio((said.samples * 0.9 + noise).astype(np.int16))), said) > 0.9
    faint = Audio((said.samples / 40).astype(np.int16))
    assert trim(faint).seconds == pytest.approx(said.seconds, abs=0.5)


def test_nothing_at_all_is_no_speech() -> None:
    with pytest.raises(VoiceError, match="no speech"):
        trim(silence(0))


def test_every_clip_of_a_person_is_speech() -> None:
    clips = sorted(CLIPS.rglob("*.wav"))
    if not clips:
        pytest.skip("the recordings of people lie beside the repository, in ../shared/data/audio")
    for clip in clips:
        recording = decode_trusted(clip)
        assert 0.5 < trim(recording).seconds < recording.seconds + 0.04, clip.name


def fed(endpointer: Endpointer, sound: Audio, piece: int = 1_600) -> list[Event]:
    told: list[Event] = []
    for start in range(0, len(sound.samples), piece):
        told += endpointer.feed(sound.samples[start : start + piece])
    return told


def test_two_utterances_are_told_apart_as_they_come() -> None:
    first, second = speech("show performance"), speech("and last month")
    stream = joined(silence(1), first, silence(1.5), second, silence(1.5))
    told = fed(Endpointer(), stream)
    kinds = [type(event) for event in told if not isinstance(event, SpeechPaused)]
    assert kinds == [SpeechBegan, SpeechEnded, SpeechBegan, SpeechEnded]
    assert isinstance(told[0], SpeechBegan)
    assert told[0].at == pytest.approx(1, abs=0.3)
    ended = [event for event in told if isinstance(event, SpeechEnded)]
    for event, said in zip(ended, (first, second), strict=True):
        assert not event.is_cut
        assert likeness(event.utterance, said) > 0.95


@pytest.mark.parametrize("pause", [0.3, 0.6, 1.0])
def test_the_end_is_told_soon_after_the_silence(pause: float) -> None:
    said = trim(speech())
    endpointer = Endpointer(silence=pause)
    ended = None
    stream = joined(said, silence(pause + 1))
    for start in range(0, len(stream.samples), 320):
        if any(isinstance(event, SpeechEnded) for event in endpointer.feed(stream.samples[start:][:320])):
            ended = (start + 320) / RATE
    assert ended is not None
    # The margin of what was trimmed is silence, too.
    assert pause - 0.2 < ended - said.seconds < pause + 0.1


def test_who_does_not_stop_is_cut_off() -> None:
    long = joined(*[trim(speech())] * 4)
    told = fed(Endpointer(most_seconds=2), long)
    ended = next(event for event in told if isinstance(event, SpeechEnded))
    assert ended.is_cut
    assert ended.utterance.seconds == pytest.approx(2, abs=0.1)


@settings(max_examples=10, deadline=None)
@given(before=st.integers(0, 9_000), piece=st.sampled_from([320, 1_000, 9_600]))
def test_a_pause_that_lasts_gives_beforehand_what_the_end_gives(before: int, piece: int) -> None:
    stream = joined(silence(0.5 + before / RATE), speech("show performance"), silence(1.2))
    told = fed(Endpointer(), stream, piece)
    assert isinstance(told[-1], SpeechEnded)
    assert isinstance(told[-2], SpeechPaused)
    assert told[-2].utterance.samples.tobytes() == told[-1].utterance.samples.tobytes()


@pytest.mark.parametrize("goes_on", [False, True])
def test_an_utterance_known_to_be_whole_ends_sooner_unless_more_is_said(goes_on: bool) -> None:
    first, last = trim(speech("show performance")), trim(speech("for Acme"))
    stream = joined(silence(0.5), first, *([silence(0.2), last] if goes_on else []), silence(2))
    endpointer, ended, hurried = Endpointer(silence=1.2), [], False
    for start in range(0, len(stream.samples), 320):
        for event in endpointer.feed(stream.samples[start : start + 320]):
            if isinstance(event, SpeechPaused) and not hurried:
                endpointer.hurry()
                hurried = True
            elif isinstance(event, SpeechEnded):
                ended.append((start + 320) / RATE)
    (at,) = ended
    # The margin of what was trimmed is silence, too.
    quiet = at - (len(stream.samples) / RATE - 2) + 0.16
    assert hurried
    assert quiet == pytest.approx(1.2 if goes_on else 0.6, abs=0.1)


def test_what_was_said_so_far_can_be_asked_and_the_end_of_the_stream_ends_it() -> None:
    endpointer = Endpointer()
    assert endpointer.so_far.seconds == 0
    fed(endpointer, joined(silence(3), trim(speech())))
    assert endpointer.so_far.seconds == pytest.approx(trim(speech()).seconds, abs=0.3)
    spoke = endpointer.is_speaking
    ended = endpointer.finish()[-1]
    assert isinstance(ended, SpeechEnded)
    assert likeness(ended.utterance, speech()) > 0.95
    assert (spoke, endpointer.is_speaking) == (True, False)
    assert endpointer.finish() == []


def test_reset_forgets_a_stream() -> None:
    endpointer, fresh = Endpointer(), Endpointer()
    fed(endpointer, joined(silence(0.51), trim(speech())))
    endpointer.reset()
    stream = joined(silence(1), speech("and last month"), silence(1))
    one, other = fed(endpointer, stream), fed(fresh, stream)
    assert summary(one) == summary(other)


def summary(told: list[Event]) -> list[Any]:
    return [e.at if isinstance(e, SpeechBegan) else (type(e), e.utterance.samples.tobytes()) for e in told]


STREAM = joined(silence(0.7), speech("show performance"), silence(0.9), speech("yes"), silence(0.9))
WHOLE = summary(fed(Endpointer(), STREAM, len(STREAM.samples)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cuts=st.lists(st.integers(0, len(STREAM.samples)), max_size=200))
def test_how_a_stream_is_cut_changes_nothing(cuts: list[int]) -> None:
    endpointer = Endpointer()
    told: list[Event] = []
    for start, end in pairwise([0, *sorted(cuts), len(STREAM.samples)]):
        told += endpointer.feed(STREAM.samples[start:end])
    assert len(WHOLE) == 6
    assert summary(told) == WHOLE


def test_an_hour_of_silence_is_listened_to_without_being_kept() -> None:
    endpointer = Endpointer()
    quiet = np.zeros(RATE * 10, np.int16)
    start = time.process_time()
    for _ in range(30):
        assert endpointer.feed(quiet) == []
    # Five minutes; a hundredth of the time it lasts.
    assert time.process_time() - start < 3
    assert sum(window.nbytes for window in endpointer._windows) < 20_000


def test_wav_is_what_the_standard_library_reads() -> None:
    with wave.open(io.BytesIO(WAV)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        assert file.getnframes() == len(speech().samples)


def test_the_parts_of_a_voice_load_nothing_heavy_until_they_are_used() -> None:
    script = """
import importlib, pkgutil, sys, voice
for module in pkgutil.iter_modules(voice.__path__):
    importlib.import_module(f"voice.{module.name}")
heavy = ("av", "onnxruntime", "faster_whisper", "ctranslate2", "openai", "piper", "huggingface_hub")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
