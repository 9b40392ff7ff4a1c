"""What all tests rely on."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c() -> None:
    """Ctrl-C works: a shell starts what runs in the background with that signal ignored, and children inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
