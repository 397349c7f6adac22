"""From the limit in force to the next: small changes are none, large ones come in steps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alicredit.policy.rules import LimitRules

Floats = npt.NDArray[np.float64]


def change_limits(
    wanted: Floats, current: Floats, rules: LimitRules
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Move limits toward what is wanted, with hysteresis and bounded steps.

    Parameters
    ----------
    wanted : array of float64
        What bounds and profit allow.
    current : array of float64
        What is in force, in the same unit; not above 0 or NaN: there is none, and what is wanted is
        given.
    rules : LimitRules
        ``keep_within``: a wanted change of at most this share is none; ``raise_most`` and
        ``cut_most``: largest change at once, as shares of what is in force.

    Returns
    -------
    tuple of array of float64 and array of object
        The next limits, and ``LIM_KEPT``, ``LIM_RAISE_STEP`` or ``LIM_CUT_STEP`` where the change
        was held, else "". For one limit in force they never fall as what is wanted rises.

    Examples
    --------
    >>> rules = LimitRules(keep_within=0.1, raise_most=0.5, cut_most=0.5)
    >>> next_, code = change_limits(np.array([105.0, 130.0, 900.0, 10.0]), np.full(4, 100.0), rules)
    >>> next_.tolist(), code.tolist()
    ([100.0, 130.0, 150.0, 50.0], ['LIM_KEPT', '', 'LIM_RAISE_STEP', 'LIM_CUT_STEP'])
    """
    code = np.full(len(wanted), "", dtype=object)
    has = current > 0
    if not has.any():
        return wanted, code
    now = np.where(has, current, 1.0)
    is_kept = has & (np.abs(wanted - now) <= (rules.keep_within or 0.0) * now) & (wanted != now)
    most = now * (1 + (np.inf if rules.raise_most is None else rules.raise_most))
    least = now * (1 - (1.0 if rules.cut_most is None else rules.cut_most))
    is_raised, is_cut = has & ~is_kept & (wanted > most), has & ~is_kept & (wanted < least)
    moved = np.where(is_raised, most, np.where(is_cut, least, wanted))
    code[is_kept], code[is_raised], code[is_cut] = "LIM_KEPT", "LIM_RAISE_STEP", "LIM_CUT_STEP"
    return np.where(is_kept, now, moved), code
