"""The program `npzarrow`, as the wheel installs it."""

from __future__ import annotations

import signal
import sys

from npzarrow._core import _run


def main() -> int:
    """Run the program with the arguments of this process, and return its exit code."""
    # The work is not Python's: the program has a handler of its own, which ends it with nothing half done.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _run(["npzarrow", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
