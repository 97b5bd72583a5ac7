"""What stops an import as a whole, and what stops one row; what stops taking it back."""

from storage.changes import ChangedSinceError, RowChange


class ImportRefusedError(Exception):
    """An import that cannot be done; nothing was written.

    ``code`` is stable and for programs, ``message`` and ``cure`` are sentences for a person.
    """

    def __init__(self, code: str, message: str, cure: str = "") -> None:
        super().__init__(f"{message} {cure}".strip())
        self.code = code
        self.message = message
        self.cure = cure

    def to_json(self) -> dict[str, str]:
        """The error as every channel shows it."""
        return {"code": self.code, "message": self.message, "cure": self.cure}


class ImportChangedSinceError(ChangedSinceError):
    """An import that can no longer be taken back: its rows, or what it made, are not as it left them.

    ``message`` names what changed and ``cure`` what would help, in sentences for a person.
    """

    def __init__(self, change: RowChange, message: str, cure: str) -> None:
        super().__init__(change, None)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message} {self.cure}"


class CellRefusedError(Exception):
    """A value that cannot be taken; the text is the reason a person reads beside it."""
