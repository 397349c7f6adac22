"""The words of a declaration: what may be asked of the facts of a window, and of other features."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

Condition = tuple[str, str, Any]
"""Column, operator and value of a filter."""

OPERATORS = ("==", "!=", "in", "<", "<=", ">", ">=", "set", "missing")
"""What a filter may ask of a column; ``set`` and ``missing`` take None."""

OVER_EVENTS: Mapping[str, bool] = MappingProxyType(
    {
        "count": False,
        "sum": True,
        "mean": True,
        "std": True,
        "min": True,
        "max": True,
        "first": True,
        "last": True,
        "median": True,
        "p10": True,
        "p90": True,
        "share": False,
        "distinct": True,
        "repeat_share": True,
        "top_share": True,
        "top5_share": True,
        "hhi": True,
        "entropy": True,
        "active_days": False,
        "days_since": False,
        "days_since_first": False,
        "slope": True,
        "cv": True,
        "empty_share": True,
        "downside": True,
    }
)
"""Aggregate over the events of a window -> whether it needs a measure."""

OVER_FEATURES: Mapping[str, int] = MappingProxyType(
    {
        "ratio": 2,
        "difference": 2,
        "gap": 2,
        "log_ratio": 2,
        "overstatement": 2,
        "log1p": 1,
        "coalesce": 2,
        "larger": 2,
        "utilisation": 2,
        "normalised": 2,
        "shrunk": 3,
    }
)
"""Aggregate of other features -> how many it takes.

Of a, b (and c), where a has been multiplied by ``factor``: a / b, a - b, \\|ln((a+1)/(b+1))\\|,
ln((a+1)/(b+1)), its positive part, ln(1+a), the first that is known, the larger of those known,
a / max(b, 1), (a - 1/b) / (1 - 1/b) (a concentration a over b keys against the least possible),
and (a + factor c) / (b + factor) (a total a of b cases drawn to the mean c as if ``factor`` more
cases had it; here ``factor`` multiplies nothing else).
"""

KEYED = ("repeat_share", "top_share", "top5_share", "hhi", "entropy")
"""Aggregates over the keys of a window (buyers, categories), whose measure may be any column."""

PERIODIC = ("slope", "cv", "empty_share", "downside")
"""Aggregates over the equal weeks of a window."""

SINCE = ("days_since", "days_since_first")
"""Aggregates that look back from as_of to the last or the first fact."""

ZERO_WHEN_EMPTY = ("count", "sum", "distinct", "active_days")
"""Aggregates that are 0 over no facts; the others are NaN."""
