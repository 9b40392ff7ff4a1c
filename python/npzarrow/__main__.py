"""`python -m npzarrow` is the program `npzarrow`."""

import sys

from npzarrow._cli import main

sys.exit(main())
