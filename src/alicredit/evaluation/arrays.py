"""Arrays as statistics need them: of one length, whole, outcomes of 0 and 1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alicredit.checks import refusal, refuse
from alicredit.errors import InputError

Floats = npt.NDArray[np.float64]


def outcomes(y: npt.ArrayLike, pd: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Take outcomes of 0 and 1 with a probability each."""
    label, p = pair(labels(y), pd)
    if ((p < 0) | (p > 1)).any():
        refuse("pd", "must lie from 0 to 1", p[(p < 0) | (p > 1)][0])
    return label, p


def labels(y: npt.ArrayLike) -> Floats:
    """Take outcomes, each 0 or 1; a missing one is left for the caller to refuse."""
    label = numbers("y", y)
    odd = label[~np.isnan(label) & (label != 0) & (label != 1)]
    if len(odd):
        refuse("y", "must be 0 or 1", odd[0])
    return label


def numbers(name: str, values: npt.ArrayLike) -> Floats:
    """Take an array of numbers."""
    try:
        return np.asarray(values, dtype=np.float64).ravel()
    except (ValueError, TypeError) as error:
        raise InputError(refusal(name, "must hold numbers", f"({error})")) from error


def pair(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Take two arrays of one length without missing values."""
    x, y = numbers("arrays", a), numbers("arrays", b)
    if len(x) != len(y) or not len(x):
        refuse("arrays", "must have one length, above 0", f"{len(x)} and {len(y)}")
    if np.isnan(x).any() or np.isnan(y).any():
        refuse("arrays", "must have no missing value", "NaN")
    return x, y
