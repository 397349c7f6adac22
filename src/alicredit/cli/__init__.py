"""The command ``alicredit``."""

from alicredit.cli.command import main
from alicredit.cli.parser import DONE, FOUND, INTERRUPTED, MENDED, REFUSED

__all__ = ["DONE", "FOUND", "INTERRUPTED", "MENDED", "REFUSED", "main"]
