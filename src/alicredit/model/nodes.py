"""What a split of LightGBM's dumped tree means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Node = Mapping[str, Any]


def is_leaf(node: Node) -> bool:
    """Tell whether a node is a leaf."""
    return "split_feature" not in node


def levels_of(node: Node) -> set[int] | None:
    """Give the levels of a category that go left; None where a number is cut."""
    if node["decision_type"] != "==":
        return None
    return {int(each) for each in str(node["threshold"]).split("||")}


def missing_goes_left(node: Node) -> bool:
    """Tell where a missing value goes.

    As learned, where training had any at this node; otherwise LightGBM takes it for 0. No missing
    level of a category goes left.
    """
    if node["decision_type"] == "==":
        return False
    if node["missing_type"] == "NaN":
        return bool(node["default_left"])
    return float(node["threshold"]) >= 0
