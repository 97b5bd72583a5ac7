"""What becomes of a message that is handed to somebody outside."""

from datetime import timedelta


class NotTakenError(Exception):
    """The other side did not take a message; the text says why, and holds no secret."""

    def __init__(self, told: str, *, is_final: bool, wait: timedelta | None = None) -> None:
        super().__init__(told)
        self.is_final = is_final
        """Whether trying again is of no use."""
        self.wait = wait
        """How long the other side asks us to wait, at least."""
