"""``gtm voice fetch``: better ears, in one step."""

from typing import Annotated

import typer
from rich.console import Console

from assistant.channels.opening import fail
from assistant.settings import load_settings
from voice.audio import VoiceError

console = Console()


def fetch(
    size: Annotated[
        str, typer.Argument(help="tiny.en, base.en, small.en …: the larger, the better and the slower.")
    ] = "base.en",
    seconds: Annotated[float, typer.Option(min=1, help="How long it may take.")] = 1800,
) -> None:
    """Fetch a Whisper model, which understands free speech; then set voice.whisper.model to its size.

    Status 2 when it could not be fetched; then nothing is left behind.
    """
    from voice.whisper import WhisperTranscriber

    folder = load_settings().data_dir / "models" / "whisper"
    try:
        target = WhisperTranscriber.download(size, folder, seconds=seconds)
    except VoiceError as error:
        fail(f"{error.message} {error.cure}".strip())
    console.print(f"{size} is in {target}. Use it with voice.whisper.model: {size} in config.yml,")
    console.print(f"or GTM_VOICE__WHISPER__MODEL={size} in the environment.")
