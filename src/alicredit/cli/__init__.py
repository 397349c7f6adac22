"""The command ``alicredit``."""

from alicredit.cli.command import main
from alicredit.cli.parser import DONE, FOUND, INTERRUPTED, REFUSED

__all__ = ["DONE", "FOUND", "INTERRUPTED", "REFUSED", "main"]
