"""Giving memory back that was needed for a moment only."""

import ctypes
import sys
from contextlib import suppress


def give_back() -> None:
    """Return what was freed to the system, where the C library keeps it (glibc): a few milliseconds."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
