"""Run the command line with ``python -m alicredit``."""

import sys

from alicredit.cli import main

if __name__ == "__main__":
    sys.exit(main())
