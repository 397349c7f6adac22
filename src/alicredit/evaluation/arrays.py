"""Arrays as statistics need them: of one length, whole, outcomes of 0 and 1."""

from __future__ import annotations

from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refusal, refuse, require_numbers, require_one_order
from alicredit.errors import InputError

Floats = npt.NDArray[np.float64]


def outcomes(y: npt.ArrayLike, pd: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Take outcomes of 0 and 1 with a probability each."""
    require_one_order(y=y, pd=pd)
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
    """Take numbers as one row of them."""
    return require_numbers(name, values).ravel()


def clusters(cluster: npt.ArrayLike, size: int) -> npt.NDArray[np.int64]:
    """Number the clusters of rows from 0; refuse another length, and rows that name none."""
    given = np.asarray(cluster) if hasattr(cluster, "dtype") else np.asarray(cluster, dtype=object)
    who = given.ravel()
    if len(who) != size:
        refuse("cluster", f"must have one value for each of the {size} rows", len(who))
    try:
        codes, _ = pd.factorize(who)
    except TypeError as error:
        text = refusal("cluster", "must be one name for each row", f"({error})")
        raise InputError(text) from error
    if (codes < 0).any():
        refuse("cluster", "must be known for each row", f"{int((codes < 0).sum())} missing")
    return np.asarray(codes, dtype=np.int64)


def require_sign(argument: str, sign: object) -> None:
    """Refuse what is not one of the numbers -1, 0 and 1."""
    if not isinstance(sign, Real) or sign not in (-1, 0, 1):
        refuse(argument, "must be -1, 0 or 1", repr(sign))


def counts(n: npt.ArrayLike, defaults: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Take whole numbers of borrowers and of defaults among them, by grade."""
    require_one_order(n=n, defaults=defaults)
    count, bad = pair(n, defaults)
    for name, values in (("n", count), ("defaults", bad)):
        odd = values[(values < 0) | (values != np.floor(values)) | np.isinf(values)]
        if len(odd):
            refuse(name, "must be whole numbers of at least 0", odd[0])
    if (bad > count).any():
        refuse("defaults", "must not exceed n", bad[bad > count][0])
    return count, bad


def pair(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Take two arrays of one length without missing values."""
    x, y = numbers("arrays", a), numbers("arrays", b)
    if len(x) != len(y) or not len(x):
        refuse("arrays", "must have one length, above 0", f"{len(x)} and {len(y)}")
    if np.isnan(x).any() or np.isnan(y).any():
        refuse("arrays", "must have no missing value", "NaN")
    return x, y
