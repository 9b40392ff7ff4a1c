"""`python -m npzarrow` is the program `npzarrow`."""

import sys

from npzarrow._cli import main

if __name__ == "__main__":
    sys.exit(main())
