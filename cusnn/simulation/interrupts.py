"""Ctrl-C that waits for the end of a call of the engine."""

from __future__ import annotations

import contextlib
import signal
import threading


@contextlib.contextmanager
def interrupts_deferred():
    """Ctrl-C sets a flag, so that no call of the engine is torn from its bookkeeping.

    Yields a function that says whether it came.
    """
    seen = []
    previous = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    # Handlers that are not Python's cannot be put back; an ignored signal stays ignored.
    if not in_main or previous in (None, signal.SIG_IGN):
        yield lambda: False
        return
    signal.signal(signal.SIGINT, lambda *_: seen.append(True))
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, previous)
