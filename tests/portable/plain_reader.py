"""A reader of model files by docs/file-format.md alone: standard library, no alicredit."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

Content = dict[str, Any]


def read(path: str | Path) -> tuple[Content, str]:
    """Read a file; its digest is of the bytes between ``{"content":`` and ``,"digest":"``."""
    data = Path(path).read_bytes().rstrip()
    head, tail = b'{"content":', b',"digest":"' + b"0" * 64 + b'"}'
    body, end = data[len(head) : -len(tail)], data[-len(tail) :]
    assert data.startswith(head)
    assert end.startswith(b',"digest":"')
    assert end.endswith(b'"}')
    digest = hashlib.sha256(body).hexdigest()
    assert end[11:-2].decode() == digest
    return json.loads(body), digest


def score(content: Content, row: dict[str, Any]) -> dict[str, Any]:
    """Score one row: status, units, and probability with its bounds."""
    values, status = [], "ok"
    for table in content["tables"]:
        value, word = number_of(table, row[table["name"]])
        values.append(value)
        status = word if status == "ok" else status
    if status == "ok" and 4 * values.count(None) > 3 * len(values):
        status = "too_many_missing"
    if status != "ok":
        return {"status": status, "score": None, "pd": None, "pd_lower": None, "pd_upper": None}
    units = content["base"]
    for table, value in zip(content["tables"], values, strict=True):
        if value is not None and value in table.get("specials", []):
            units += table["special_points"][table["specials"].index(value)]
            continue
        steps = table["points"] + [table["missing_points"]]
        units += steps[step(table["cuts"], range(len(steps) - 1) if table["levels"] else [], value)]
    values = [
        None if value in table.get("specials", []) else value
        for table, value in zip(content["tables"], values, strict=True)
    ]
    place = {table["name"]: at for at, table in enumerate(content["tables"])}
    for pair in content.get("pairs", []):
        first, second = (
            step(pair[f"{end}_cuts"], pair[f"{end}_groups"], values[place[pair[end]]])
            for end in ("first", "second")
        )
        units += pair["values"][first][second]
    if content.get("trees"):
        units += sum(leaf(content["trees"], root, values) for root in content["trees"]["roots"])
    return {"status": "ok", "score": units, **probability(content, units)}


def number_of(table: Content, value: Any) -> tuple[float | None, str]:
    """Turn a value into a number, None where it is missing, and give its status."""
    kind = table["kind"]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None, "ok"
    if kind == "category":
        if not isinstance(value, str):
            return None, "bad_type"
        levels = table["levels"]
        return (levels.index(value) if value in levels else len(levels)), "ok"
    if isinstance(value, str) or (isinstance(value, bool) and kind != "flag"):
        return None, "bad_type"
    number = float(value)
    is_possible = number in (0.0, 1.0) if kind == "flag" else math.isfinite(number)
    return (number, "ok") if is_possible else (None, "bad_value")


def step(cuts: list[float], groups: Any, value: float | None) -> int:
    """Find the step of a value: the first cut that is not below it, or the group of its level."""
    if groups:
        return max(groups) + 1 if value is None else groups[int(value)]
    return len(cuts) + 1 if value is None else sum(cut < value for cut in cuts)


def leaf(trees: Content, at: int, values: list[float | None]) -> int:
    """Walk one tree from its root; negative ends are leaves."""
    while at >= 0:
        value, levels = values[trees["feature"][at]], trees["levels"][at]
        if value is None:
            goes_left = trees["missing_left"][at]
        else:
            goes_left = value in levels if levels else value <= trees["cut"][at]
        at = trees["left" if goes_left else "right"][at]
    return trees["leaves"][-at - 1]


def probability(content: Content, units: int) -> dict[str, float]:
    """Read the probability at a score; between two points it runs straight."""
    unit = content.get("unit", 1)
    at, rest = divmod(units - content["first_score"] * unit, unit)
    after = min(at + 1, len(content["pds"]) - 1)
    lower, pd, upper = (
        content[key][at] + (content[key][after] - content[key][at]) * (rest / unit)
        for key in ("lowers", "pds", "uppers")
    )
    return {"pd": pd, "pd_lower": min(lower, pd), "pd_upper": max(upper, pd)}
