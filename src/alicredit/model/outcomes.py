"""What happened to training rows: labels, what they claim, and what each row weighs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from alicredit.checks import refuse, require_one_of, require_whole
from alicredit.model.classes import require_default_second
from alicredit.portable.tables import Claim

Floats = npt.NDArray[np.float64]

_FEWEST_OF_A_CLASS = 4
"""Rows of either class without which nothing is learned (assumed)."""

_LEAST_MEAN, _MOST_MEAN = 0.1, 1e6
"""Means of weights beyond which their scale would tell how much is learned (assumed)."""


def read_labels(y: Any) -> tuple[Floats, npt.NDArray[Any]]:
    """Read labels as 0 and 1; give them with the two classes, the second meaning default."""
    if y is None:
        refuse("DefaultModel", "requires y to be passed, but the target y is None", "None")
    unknown = int(np.sum(pd.isna(np.asarray(y, dtype=object)) | _masked(y)))
    if unknown:
        do = "train on the rows that split_by_time gives"
        refuse("y", "must be known for each row", f"{unknown} NaN", do)
    try:
        label = column_or_1d(y, warn=True)
    except ValueError as error:
        refuse("y", "must have one label for each row", f"({error})")
    if label.dtype.kind in "mM":
        refuse("y", "must be 0 or 1", f"times ({label.dtype})", "say of each row whether it is bad")
    if label.dtype.kind == "f" and np.isinf(label).any():
        refuse("y", "must be 0 or 1", "an infinite value")
    try:
        check_classification_targets(label)
    except ValueError as error:
        do = "give numbers, as with y.astype(float)" if label.dtype == object else ""
        refuse("y", "must hold the two classes of an outcome", f"({error})", do)
    classes, code = np.unique(label, return_inverse=True)
    if len(classes) > 2:
        kind = type_of_target(label)
        rule = f"Only binary classification is supported. The type of the target is {kind}"
        refuse("y", f"must be 0 or 1. {rule}", f"{len(classes)} classes")
    if len(classes) == 2:
        require_default_second(classes)
    return code.astype(np.float64), classes


def require_both_classes(label: Floats, weight: Floats, *, inputs: int) -> None:
    """Refuse labels of which one class has too few rows of any weight to learn from."""
    bad, good = (int(((label == value) & (weight > 0)).sum()) for value in (1.0, 0.0))
    if min(bad, good) < _FEWEST_OF_A_CLASS:
        rule = f"must hold at least {_FEWEST_OF_A_CLASS} defaults and {_FEWEST_OF_A_CLASS} others"
        kinds = (bad > 0) + (good > 0)
        found = f"{bad} and {good}, {kinds} class{'' if kinds == 1 else 'es'}"
        refuse("y", rule, f"{found} in n_samples = {len(label)}, n_features = {inputs}")


def read_weights(given: Any, rows: int) -> Floats:
    """Read weights, 1 where none are given.

    What they are worth is their ratio: where their mean is below 0.1 or above a million, as of
    weights that sum to 1, it is brought to 1, or trees would learn too little of them (assumed).
    """
    if given is None:
        return np.ones(rows)
    rule = f"must be {rows} finite numbers, none negative"
    try:
        weight = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        refuse("sample_weight", rule, f"({error})")
    if weight.shape != (rows,):
        refuse("sample_weight", rule, f"shape {weight.shape}")
    is_odd = ~np.isfinite(weight) | (weight < 0) | _masked(given)
    if is_odd.any():
        at = int(np.argmax(is_odd))
        refuse("sample_weight", rule, f"{int(is_odd.sum())} others, the first at position {at}")
    if not weight.any():
        refuse("sample_weight", "must contain at least one non-zero number", "zeros alone")
    with np.errstate(over="ignore"):
        mean = weight[weight > 0].mean()
    if _LEAST_MEAN <= mean <= _MOST_MEAN:
        return weight
    shares = weight / weight.max()
    return np.asarray(shares / shares[weight > 0].mean())


def read_claim(y: Any) -> Claim:
    """Read what labels say of their horizon and level."""
    stated = getattr(y, "attrs", {}) or {}
    level = str(stated.get("level", ""))
    require_one_of("y.attrs['level']", level, ("", "borrower", "facility"))
    return Claim(_days(stated, "horizon_days", 1), level, _days(stated, "days_past_due", 0))


def _days(stated: Mapping[str, Any], name: str, low: int) -> int | None:
    """Take a number of days that labels state, of whatever width; None where they do not."""
    value = stated.get(name)
    if value is None:
        return None
    days = int(value) if isinstance(value, np.integer) else value
    require_whole(f"y.attrs[{name!r}]", days, low, high=36_500)
    return int(days)


def _masked(given: Any) -> Any:
    """Mark what a masked array hides."""
    return np.ma.getmaskarray(given) if isinstance(given, np.ma.MaskedArray) else False
