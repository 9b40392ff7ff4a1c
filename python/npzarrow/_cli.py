"""The program `npzarrow`, as the wheel installs it."""

from __future__ import annotations

import signal
import sys

from npzarrow._core import _run


def main() -> int:
    """Run the program with the arguments of this process, and return its exit code."""
    # The work is not Python's: Ctrl-C and a reader that is gone end it as they end any program.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _run(["npzarrow", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
