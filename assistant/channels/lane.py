"""Where synchronous work is done: one piece at a time, and none waits long for a slow one.

Turns are mostly computing in Python, which several threads of a process cannot do at once: side by side they
only hand the interpreter to and fro, and sixteen clients are answered half as fast.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread

SLOW_SECONDS = 0.25
"""Work that takes longer lets the next begin beside it: it waits for the database, or is large."""
MOST_THREADS = 32
"""Pieces of work at once, however slow they are."""

T = TypeVar("T")
A = TypeVarTuple("A")


class Lane:
    """Runs functions in threads, in the order they came."""

    def __init__(self) -> None:
        self._turn = CapacityLimiter(1)
        self._threads = CapacityLimiter(MOST_THREADS)

    async def run(self, function: Callable[[*A], T], *arguments: *A) -> T:
        """What ``function`` gives. A caller that goes away does not end it."""
        lent = False

        def lend() -> None:
            nonlocal lent
            lent = True
            self._turn.total_tokens += 1

        async with self._turn:
            slow = asyncio.get_running_loop().call_later(SLOW_SECONDS, lend)
            try:
                return await to_thread.run_sync(function, *arguments, limiter=self._threads)
            finally:
                slow.cancel()
                if lent:
                    self._turn.total_tokens -= 1
