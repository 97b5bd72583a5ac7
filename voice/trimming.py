"""The speech in a recording, without the silence around it."""

from voice.audio import RATE, Audio, VoiceError

_MARGIN = RATE // 10
"""Samples kept before and after."""


def trimmed(audio: Audio) -> Audio:
    """From the first speech to the last, and a tenth of a second around.

    Raises `VoiceError` (``no_speech``).
    """
    import pocketsphinx

    finder = pocketsphinx.Endpointer(vad_mode=2)
    size = finder.frame_bytes
    sound = audio.samples.tobytes()
    first: float | None = None
    last = 0.0
    for at in range(0, len(sound), size):
        frame = sound[at : at + size]
        if len(frame) < size:
            finder.end_stream(frame)
        else:
            finder.process(frame)
        if first is None and finder.in_speech:
            first = finder.speech_start
        if finder.in_speech:
            last = (at + size) / 2 / RATE
        elif finder.speech_end > last:
            last = finder.speech_end
    if first is None:
        raise VoiceError("no_speech", "I heard no speech.", "Speak closer to the microphone.")
    start, end = round(first * RATE) - _MARGIN, round(last * RATE) + _MARGIN
    return Audio(audio.samples[max(start, 0) : end])
