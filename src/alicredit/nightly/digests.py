"""Digests of what a run reads and writes: frames, files, and marks by which a change is told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

_WHOLE_BYTES = 64 * 2**20
_BLOCK = 2**20


def digest_frame(frame: pd.DataFrame) -> str:
    """Give the digest of names, types and values, row by row."""
    whole = hashlib.sha256()
    for at, name in enumerate(frame.columns):
        column = frame.iloc[:, at]
        whole.update(f"{name}\0{column.dtype}\0{len(column)}\0".encode())
        values = pd.util.hash_pandas_object(column, index=False)
        whole.update(np.ascontiguousarray(values.to_numpy(np.uint64)).data)
    return whole.hexdigest()


def digest_files(paths: tuple[Path, ...], root: Path) -> str:
    """Give the digest of files: of their content up to 64 MiB in all.

    Of more, where reading all would cost as much as the job: sizes, times of change and Parquet
    footers (which hold each column's counts, least and greatest values); a CSV file is read whole.
    """
    is_small = sum(path.stat().st_size for path in paths) <= _WHOLE_BYTES
    whole = hashlib.sha256()
    for path in paths:
        name = path.relative_to(root).as_posix() if path != root else ""
        size = path.stat().st_size
        whole.update(f"{name}\0{size}\0".encode())
        with path.open("rb") as file:
            if not is_small:
                whole.update(f"{path.stat().st_mtime_ns}\0".encode())
                file.seek(max(size - 8, 0))
                footer = int.from_bytes(file.read(4), "little")
                file.seek(max(size - 8 - footer, 0) if path.suffix == ".parquet" else 0)
            while block := file.read(_BLOCK):
                whole.update(block)
    return whole.hexdigest()


def digest_path(path: Path) -> str:
    """Give the digest of a file's content; empty where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def guard_files(paths: tuple[Path, ...]) -> str:
    """Give the digest of sizes and times of change."""
    stats = [path.stat() for path in paths]
    text = json.dumps([(str(p), s.st_size, s.st_mtime_ns) for p, s in zip(paths, stats)])
    return hashlib.sha256(text.encode()).hexdigest()
