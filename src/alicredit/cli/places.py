"""Places that a verb writes into, refused before the work."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from alicredit.checks import refuse


def make_folder(option: str, path: str) -> Path:
    """Make a folder to write into; refuse what cannot be one."""
    place = Path(path)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse(option, "must be a folder that can be written", f"{path} ({error.strerror})")
    return place


def require_place(option: str, path: str) -> None:
    """Refuse, before the work, a file whose folder does not exist or that is a folder."""
    if not path or Path(path).is_dir() or not Path(path).parent.is_dir():
        refuse(option, "must be a file in a folder that exists", repr(path))


def write_parquet(frame: pd.DataFrame, option: str, path: Path) -> None:
    """Write a frame; refuse a place that cannot be written."""
    try:
        frame.to_parquet(path, index=False)
    except OSError as error:
        refuse(option, "must be a place that can be written", f"{path} ({error})")
