"""``gtm listen``: speech in the terminal, from a file or the microphone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console

from assistant.channels.opening import fail, open_assistant, speaker_of
from voice.audio import RATE, Audio, VoiceError
from voice.speaker import Form

if TYPE_CHECKING:
    from assistant.bootstrap import Assistant
    from assistant.spoken import Exchange
    from storage.people import Person

console = Console()
errors = Console(stderr=True)

BLOCK_SECONDS = 0.1
"""How much sound of the microphone is looked at together."""


def listen(
    file: Annotated[
        Path | None, typer.Argument(help="A recording: WebM, Ogg, MP3, M4A, WAV or FLAC.", dir_okay=False)
    ] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Listen to the microphone until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    speaker: Annotated[str | None, typer.Option("--as", metavar="USER", help="Speak as this user.")] = None,
    conversation: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with this conversation.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the spoken answer as .wav, .mp3 or .ogg.")
    ] = None,
) -> None:
    """Say one thing from a recording, or talk through the microphone, and read the answer.

    Status 1 when it was refused, not understood or failed, 2 when the recording cannot be read.
    """
    if (file is None) == (not mic):
        fail("name either a recording or --mic")
    with open_assistant() as assistant, _told():
        person = speaker_of(assistant, speaker)
        where = conversation or str(uuid4())
        if file is not None:
            exchange = assistant.spoken.turn(_read(assistant, file), _turn(person, where))
            _show(assistant, exchange, as_json=as_json, save=save)
        else:
            _talk(assistant, person, where)


def _talk(assistant: "Assistant", person: "Person", where: str) -> None:
    """Listen and answer aloud until Ctrl-C."""
    errors.print(f"Listening ({assistant.voicing.facts().told}); Ctrl-C ends.")
    with microphone() as (utterances, play):
        for audio in utterances:
            exchange = assistant.spoken.turn(audio, _turn(person, where))
            _print(exchange, as_json=False)
            try:
                play(assistant.voicing.speak(assistant.spoken.words(exchange.reply)))
            except VoiceError as error:
                errors.print(f"gtm: {error.message} {error.cure}", style="red")


@contextmanager
def microphone() -> Iterator[tuple[Iterator[Audio], Any]]:
    """The utterances said into the default microphone, and what plays sound on the default loudspeaker.

    Raises `VoiceError` ``no_microphone``. It does not listen while it plays, or it would hear itself.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise VoiceError(
            "no_microphone",
            "The microphone cannot be used: sounddevice or PortAudio is missing.",
            "Install the extra `voice`, and on Linux the package libportaudio2.",
        ) from error
    from voice.endpointing import Endpointer, SpeechEnded

    try:
        stream = sounddevice.InputStream(samplerate=RATE, channels=1, dtype="int16")
    except sounddevice.PortAudioError as error:
        raise VoiceError(
            "no_microphone", "There is no microphone that can be used.", "Plug one in, or name a file."
        ) from error

    def utterances() -> Iterator[Audio]:
        endpointer = Endpointer()
        while True:
            block, _ = stream.read(int(RATE * BLOCK_SECONDS))
            for event in endpointer.feed(block[:, 0]):
                if isinstance(event, SpeechEnded):
                    stream.stop()
                    yield event.utterance
                    endpointer.reset()
                    stream.start()

    def play(audio: Audio) -> None:
        sounddevice.play(audio.samples, RATE, blocking=True)

    with stream:
        yield utterances(), play


def _show(assistant: "Assistant", exchange: "Exchange", *, as_json: bool, save: Path | None) -> None:
    from assistant.channels import terminal

    _print(exchange, as_json=as_json)
    if save is not None:
        forms: dict[str, Form] = {".wav": "wav", ".mp3": "mp3", ".ogg": "opus", ".opus": "opus"}
        form = forms.get(save.suffix.lower())
        if form is None:
            fail(f"{save}: name a file that ends in .wav, .mp3 or .ogg")
        save.write_bytes(assistant.spoken.speech(exchange.reply, form))
    raise typer.Exit(terminal.exit_status(exchange.reply))


def _print(exchange: "Exchange", *, as_json: bool) -> None:
    from assistant.channels import terminal
    from assistant.channels.voice import Spoken, words

    if as_json:
        told = Spoken(transcript=words(exchange.transcript), reply=exchange.reply, speech=None)
        sys.stdout.write(told.model_dump_json() + "\n")
        return
    if exchange.transcript is not None:
        heard = exchange.transcript
        console.print(
            f"“{heard.text}” ({heard.engine}, {heard.confidence:.0%} sure)", style="dim", markup=False
        )
    terminal.show(exchange.reply, console)


def _read(assistant: "Assistant", file: Path) -> bytes:
    """The recording. Raises `VoiceError` where there is none, or too much of it."""
    most = assistant.settings.voice.most_bytes
    try:
        with file.open("rb") as opened:
            sound = opened.read(most + 1)
    except OSError as error:
        raise VoiceError(
            "audio_unreadable", f"{file} cannot be read ({error.strerror}).", "Name a file."
        ) from error
    if len(sound) > most:
        raise VoiceError(
            "audio_too_long", f"{file} has more than {most:,} bytes.", "Say it in shorter parts."
        )
    return sound


def _turn(person: "Person", where: str) -> Any:
    from assistant.turn import Turn

    return Turn(person=person, channel="terminal", text="", conversation_id=where)


@contextmanager
def _told() -> Iterator[None]:
    """Troubles of voice as an error message."""
    try:
        yield
    except VoiceError as error:
        fail(f"{error.message} {error.cure}".strip())
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
