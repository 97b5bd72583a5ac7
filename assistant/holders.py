"""What a process calls itself where it holds a row, and which of those that hold one are gone."""

import os
import socket
from uuid import uuid4

_OF_THIS_PROCESS: set[str] = set()
"""Names of the holders that live here; another name with our process number is of a process before us."""


def new_holder() -> str:
    """A name nobody else has: machine, process and a number of its own."""
    name = f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid4().hex[:8]}"
    _OF_THIS_PROCESS.add(name)
    return name


def is_gone(holder: str, own: str) -> bool:
    """Whether a holder was a process of this machine that ended."""
    host, pid, _ = holder.rsplit(":", 2)
    own_host, own_pid, _ = own.rsplit(":", 2)
    if host != own_host or holder in _OF_THIS_PROCESS:
        return False
    if pid == own_pid:
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
