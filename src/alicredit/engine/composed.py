"""Features of other features: expressions over the columns of their parts."""

from __future__ import annotations

import math

from alicredit.declarations import Feature
from alicredit.engine.expressions import INFINITY
from alicredit.records import quoted


def composed_sql(feature: Feature) -> str:
    """Write the expression of a feature of other features; an infinite part stays infinite."""
    parts = [quoted(part) for part in feature.of]
    plain = feature.aggregate == "shrunk" or math.isclose(feature.factor, 1)
    first = parts[0] if plain else f"({feature.factor!r} * {parts[0]})"
    second = parts[1] if len(parts) > 1 else "0"
    prior = f"{feature.factor!r} * {parts[-1]}"
    log = f"CASE WHEN {first} > -1 AND {second} > -1 THEN ln(({first} + 1) / ({second} + 1)) END"
    value = {
        "ratio": f"CASE WHEN {second} <> 0 THEN {first} / {second} END",
        "difference": f"{first} - {second}",
        "gap": f"abs({log})",
        "log_ratio": log,
        "overstatement": f"CASE WHEN {first} <= {second} THEN 0 ELSE {log} END",
        "log1p": f"CASE WHEN {first} < 0 THEN 0 ELSE ln(1 + {first}) END",
        "coalesce": f"coalesce({first}, {second})",
        "larger": f"greatest({first}, {second})",
        "utilisation": f"{first} / CASE WHEN {second} < 1 THEN 1 ELSE {second} END",
        "normalised": f"CASE WHEN {second} > 1 THEN greatest(({first} - 1 / {second})"
        f" / (1 - 1 / {second}), 0) END",
        "shrunk": f"({first} + {prior}) / ({second} + {feature.factor!r})",
    }[feature.aggregate]
    if feature.support:
        value = f"CASE WHEN {quoted(feature.support)} >= {feature.min_support} THEN {value} END"
    poisoned = " OR ".join(f"coalesce(isinf({part}), false)" for part in parts)
    return f"CAST(CASE WHEN {poisoned} THEN {INFINITY} ELSE {value} END AS DOUBLE)"
