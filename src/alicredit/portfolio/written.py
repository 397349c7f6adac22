"""Decisions as a folder of whole parts with a manifest, and what they sum to."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pandas as pd

from alicredit.checks import (
    refuse,
    require_columns,
    require_kind,
    require_path,
    write_whole,
    writing,
)
from alicredit.decision import COLUMNS
from alicredit.policy import Policy

log = logging.getLogger(__name__)

_PART_ROWS = 200_000
_PART_NAME = re.compile(r"\.?part-\d{5,}\.parquet(\.partial)?")


def open_folder(out: str | Path) -> Path:
    """Make the folder to write into, before the work; refuse what cannot be one."""
    folder = require_path("out", out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse("out", "must be a folder that can be written", f"{folder} ({error.strerror})")
    return folder


def write_parts(
    frame: pd.DataFrame, folder: Path, policy: Policy, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Write parts and a manifest, each whole or not at all; give counts.

    The manifest of an earlier run goes first and the new one comes last: where there is one, the
    parts beside it are those it lists, and there are no others.
    """
    parts = []
    with writing("out", folder):
        (folder / "manifest.json").unlink(missing_ok=True)
    for number, start in enumerate(range(0, max(len(frame), 1), _PART_ROWS)):
        name = f"part-{number:05d}.parquet"
        rows = frame.iloc[start : start + _PART_ROWS]
        write_whole("out", folder / name, rows.to_parquet(index=False))
        parts.append({"name": name, "rows": len(rows)})
    listed = {part["name"] for part in parts}
    with writing("out", folder):
        for path in folder.iterdir():
            if _PART_NAME.fullmatch(path.name) and path.name not in listed:
                path.unlink()
    manifest = {
        "as_of": str(as_of),
        "rows": len(frame),
        "parts": parts,
        "model_ids": sorted(set(frame["model_id"])),
        "policy": policy.name,
        "policy_id": policy.policy_id,
        "prices_ids": sorted(set(frame["prices_id"])),
    }
    text = json.dumps(manifest, indent=2, sort_keys=True)
    write_whole("out", folder / "manifest.json", (text + "\n").encode())
    log.info("wrote %d decisions in %d parts", len(frame), len(parts))
    return summarise(frame)


def summarise(decisions: pd.DataFrame) -> pd.DataFrame:
    """Count decisions by product, decision and status, with limits, losses and profits.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From :func:`score_portfolio`.

    Returns
    -------
    pandas.DataFrame
        ``product_id, decision, status, merchants, limit, expected_loss, expected_profit``.

    Raises
    ------
    InputError
        If a column lacks.

    Examples
    --------
    >>> summarise(pd.DataFrame({"product_id": ["p"]}))
    Traceback (most recent call last):
    alicredit.errors.InputError: decisions must have the columns ...
    >>> list(summarise(pd.DataFrame(columns=list(COLUMNS))).columns)[:3]
    ['product_id', 'decision', 'status']
    """
    require_kind("decisions", decisions, pd.DataFrame, "must be a frame of decisions")
    require_columns("decisions", map(str, decisions.columns), COLUMNS)
    groups = decisions.groupby(["product_id", "decision", "status"], sort=True, as_index=False)
    return groups.agg(
        merchants=("merchant_id", "size"),
        limit=("limit", "sum"),
        expected_loss=("expected_loss", "sum"),
        expected_profit=("expected_profit", "sum"),
    )
