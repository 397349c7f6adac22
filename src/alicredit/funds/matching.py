"""Similar merchants who did not borrow then: nearest in sales and trend, of the same kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.funds.windows import Daily

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_NEVER = 10**6


@dataclass(frozen=True, eq=False)
class Stage:
    """What matching reads: merchants by place, their sales, and when they had loans out.

    Parameters
    ----------
    kind : array of int64
        Platform and category of each merchant, as a number.
    registered : array of int64
        Day of registration.
    sales : Daily or None
        Daily paid sales; None: there are none, and nobody is similar.
    lent, back : array of int64
        Merchant and day in one number, sorted: of each disbursement, and of each loan's end.
    before_days, after_days : int
        Lengths of the windows.
    """

    kind: Whole
    registered: Whole
    sales: Daily | None
    lent: Whole
    back: Whole
    before_days: int
    after_days: int

    @classmethod
    def of(
        cls,
        merchants: pd.DataFrame,
        loans: pd.DataFrame,
        sales: Daily | None,
        before: int,
        after: int,
    ) -> Stage:
        """Lay the stage out; ``loans`` have ``place, day, end_day`` (missing while out)."""
        kind = pd.factorize(merchants["kind"], sort=True)[0].astype(np.int64)
        place = loans["place"].to_numpy(np.int64) * _NEVER
        end = loans["end_day"].fillna(_NEVER - 1).to_numpy(np.int64)
        lent, back = np.sort(place + loans["day"].to_numpy(np.int64)), np.sort(place + end)
        day = merchants["day"].to_numpy(np.int64)
        return cls(kind, day, sales, lent, back, before, after)

    def has_loan(self, place: Whole, start: Whole, stop: Whole) -> Mask:
        """Tell who had a loan out on a day from ``start`` to the day before ``stop``."""
        begin = place * _NEVER
        lent = np.searchsorted(self.lent, begin + stop) - np.searchsorted(self.lent, begin)
        back = np.searchsorted(self.back, begin + start) - np.searchsorted(self.back, begin)
        return lent > back

    def path(self, place: Whole, day: Whole) -> Floats:
        """Give log sales of the window before a day, and their growth over the one before it."""
        if self.sales is None:
            return np.full((len(place), 2), np.nan)
        first, second = day - 2 * self.before_days, day - self.before_days
        now, before = (np.log1p(np.maximum(self.sales.sums("sales", place, *span), 0.0))
                       for span in ((second, day), (first, second)))  # fmt: skip
        return np.stack([now, now - before], 1)

    def is_old(self, place: Whole, day: Whole) -> Mask:
        """Tell who was registered before the first day that is read."""
        return self.registered[place] <= day - 2 * self.before_days


def find_neighbours(
    stage: Stage, loans: pd.DataFrame, *, neighbours: int, caliper: float
) -> pd.DataFrame:
    """Find for each borrower the nearest merchants of its kind who had no loan out then.

    Distance: Euclidean over log sales and their growth, each in standard deviations of those of
    the kind who may be chosen on that day. Ties go to the merchant that comes first.

    Parameters
    ----------
    stage : Stage
        Merchants, sales and loans.
    loans : pandas.DataFrame
        ``place`` of the borrower, ``day`` of disbursement and ``status``; those to be compared are
        asked.
    neighbours : int
        At most so many.
    caliper : float
        No farther than this.

    Returns
    -------
    pandas.DataFrame
        ``loan`` (its row), ``place`` of the neighbour, ``distance``; nearest first.
    """
    everyone = np.arange(len(stage.kind))
    parts = [pd.DataFrame({"loan": [], "place": [], "distance": []}).astype(
        {"loan": np.int64, "place": np.int64, "distance": float})]  # fmt: skip
    place, day = (loans[name].to_numpy(np.int64) for name in ("place", "day"))
    is_asked = (loans["status"] == "compared").to_numpy() & (stage.sales is not None)
    for today in np.unique(day[is_asked]):
        asked = np.flatnonzero(is_asked & (day == today))
        start, stop = today - stage.before_days, today + 1 + stage.after_days
        when = np.full(len(everyone), today)
        free = ~stage.has_loan(everyone, when * 0 + start, when * 0 + stop)
        free &= stage.is_old(everyone, when) & np.isin(stage.kind, stage.kind[place[asked]])
        chosen = everyone[free]
        if not len(chosen):
            continue
        theirs = stage.path(chosen, when[free])
        mine = stage.path(place[asked], day[asked])
        parts += _nearest(stage, (asked, place[asked], mine), (chosen, theirs),
                          neighbours, caliper)  # fmt: skip
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _nearest(
    stage: Stage,
    asked: tuple[Whole, Whole, Floats],
    chosen: tuple[Whole, Floats],
    neighbours: int,
    caliper: float,
) -> list[pd.DataFrame]:
    """Find the nearest of one day, kind by kind."""
    found = []
    for kind in np.unique(stage.kind[asked[1]]):
        mine = stage.kind[asked[1]] == kind
        theirs = stage.kind[chosen[0]] == kind
        if not theirs.any():
            continue
        spread = chosen[1][theirs].std(axis=0)
        gap = asked[2][mine][:, None, :] - chosen[1][theirs][None, :, :]
        gap /= np.where(spread > 0, spread, 1.0)
        distance = np.sqrt((gap**2).sum(axis=2))
        order = np.argsort(distance, axis=1, kind="stable")[:, :neighbours]
        near = np.take_along_axis(distance, order, axis=1)
        row, column = np.nonzero(near <= caliper)
        found.append(
            pd.DataFrame(
                {
                    "loan": asked[0][mine][row],
                    "place": chosen[0][theirs][order[row, column]],
                    "distance": near[row, column],
                }
            )
        )
    return found
