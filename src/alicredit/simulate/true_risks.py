"""The true risk of everybody on a simulated platform, those whom the old rule refused included."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from alicredit.checks import refuse, require_between, require_whole
from alicredit.cohort import as_moment
from alicredit.simulate.credit import decide
from alicredit.simulate.platform import days_by_condition, make_world
from alicredit.simulate.risk import borrower_pd, calibrated_chance, chance_at
from alicredit.simulate.world import DAY_US


def true_risks(
    n_merchants: int,
    *,
    seed: int,
    as_of: object,
    start: str = "2009-07-01",
    months: int = 60,
    default_rate: float = 0.008,
    leverage: float | None = None,
) -> pd.DataFrame:
    """Give the true risk of each retail merchant of a simulated platform, borrower or not.

    With the arguments that ``simulate_platform`` was given the merchants are the same; what a
    merchant who was refused would have risked by drawing that day is known here and nowhere else.

    Parameters
    ----------
    n_merchants : int
        As given to ``simulate_platform``, as the rest.
    seed : int
        As there.
    as_of : str or timestamp, or a list of them
        Days within the records.
    start : str, default "2009-07-01"
        As there.
    months : int, default 60
        As there.
    default_rate : float, default 0.008
        As there.
    leverage : float or None, default None
        A line over monthly sales, from 0.001 to 1000, that every merchant is given in place of its
        own: what the limit does to default, all else as it was. None leaves each its own.

    Returns
    -------
    pandas.DataFrame
        A row per day and retail merchant registered by then: ``merchant_id, as_of, has_applied``
        (by then), ``is_approved`` (by the old rule, by then), ``true_pd`` (as in the truth of
        ``simulate_platform``, for an order loan drawn that day).

    Raises
    ------
    InputError
        For numbers out of range, or a day outside the records.

    Examples
    --------
    >>> risks = true_risks(60, seed=1, months=12, as_of="2010-03-01")
    >>> bool(risks["true_pd"].between(0, 1).all()), bool(risks["is_approved"].all())
    (True, False)
    >>> true_risks(60, seed=1, months=12, as_of="2015-03-01")
    Traceback (most recent call last):
    alicredit.errors.InputError: as_of must lie within the records; found 2015-03-01. Try: ...
    """
    require_whole("n_merchants", n_merchants, 50, high=2_000_000)
    require_whole("seed", seed, 0)
    require_whole("months", months, 6, high=240)
    require_between("default_rate", default_rate, 0.0001, 0.5)
    rng = np.random.default_rng(seed)
    world, transitions = make_world(n_merchants, as_moment("start", start), months, rng)
    approval = decide(world, rng)
    chance = calibrated_chance(
        world.traits, transitions, days_by_condition(world, approval), default_rate
    )
    if leverage is not None:
        require_between("leverage", leverage, 0.001, 1000)
        chance = chance_at(world.traits, chance, leverage)
    table = borrower_pd(world.traits, transitions, chance)
    retail = np.flatnonzero(~world.traits.is_b2b)
    given = list(as_of) if isinstance(as_of, list | tuple | pd.DatetimeIndex) else [as_of]
    if not given:
        refuse("as_of", "must name a day", "none")
    parts = []
    for moment in (as_moment("as_of", each) for each in given):
        today = int(np.datetime64(moment, "D").astype(np.int64))
        if not world.first_day <= today < world.first_day + world.days:
            do = f"choose a day of the {world.days} from {start}"
            refuse("as_of", "must lie within the records", f"{moment:%Y-%m-%d}", do)
        who = retail[world.registered[retail] < today]
        applied = approval.has_applied[who] & (approval.applied_us[who] < today * DAY_US)
        state = world.state(who, np.full(len(who), today - world.first_day))
        parts.append(
            pd.DataFrame(
                {
                    "merchant_id": world.merchant_ids().take(pa.array(who)).to_pandas(),
                    "as_of": moment,
                    "has_applied": applied,
                    "is_approved": applied & approval.is_approved[who],
                    "true_pd": table[who, state],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
