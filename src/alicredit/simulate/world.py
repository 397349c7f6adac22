"""The stage: days, seasons, identifiers, and how columns become tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alicredit.simulate.risk import Floats, Traits, Whole

DAY_US = 86_400_000_000

_HOURS = np.array(
    [1, 0.5, 0.3, 0.2, 0.2, 0.3, 0.6, 1, 2, 3, 3.5, 3.5, 3, 5, 5, 4, 3.5, 3, 3, 4, 6, 6, 5, 2.5]
)


@dataclass(frozen=True, eq=False)
class World:
    """What all parts of the simulation share.

    Parameters
    ----------
    traits : Traits
        Who is there.
    condition : array of int8, shape (days, merchants)
        Healthy 0, strained 1, distressed 2.
    first_day : int
        Day number (since 1970) of day 0.
    registered : array of int
        Day number of registration, before day 0 for most.
    season : array
        Sales of a day against the mean day.
    level : array, shape (weeks, merchants)
        Log of weekly sales against the merchant's typical week, condition included.
    """

    traits: Traits
    condition: npt.NDArray[np.int8]
    first_day: int
    registered: Whole
    season: Floats
    level: Floats

    @property
    def days(self) -> int:
        """Count the days."""
        return len(self.condition)

    def merchant_ids(self) -> pa.Array:
        """Give the merchants' identifiers."""
        return numbered("m", np.arange(len(self.traits)), 6)

    def state(self, merchant: Whole, day: Whole) -> npt.NDArray[np.int8]:
        """Give conditions of merchants on days counted from day 0, clipped to the stage."""
        return self.condition[np.clip(day, 0, self.days - 1), merchant]


def make_season(first_day: int, days: int) -> Floats:
    """Make the year's course: a slow wave, weekends, 11.11 seven-fold, a smaller 12.12."""
    dates = np.arange(first_day, first_day + days).astype("datetime64[D]")
    month = dates.astype("datetime64[M]").astype(int) % 12
    of_month = (dates - dates.astype("datetime64[M]")).astype(int) + 1
    wave = 1 + 0.12 * np.sin((month - 6) / 12 * 2 * np.pi)
    weekday = (dates.astype(int) + 3) % 7
    season = wave * np.where(weekday >= 5, 0.92, 1.03)
    season[(month == 10) & (of_month == 11)] = 7.0
    season[(month == 11) & (of_month == 12)] = 2.6
    season[month == 1] *= 0.75
    return season


def walk_levels(condition: npt.NDArray[np.int8], rng: np.random.Generator) -> Floats:
    """Walk weekly log-sales: AR(1) of 0.7 with innovations of 0.35, lower in distress."""
    days, n = condition.shape
    weeks = -(-days // 7)
    level = np.empty((weeks, n))
    now = rng.normal(size=n) * 0.35 / np.sqrt(1 - 0.49)
    fall = np.array([0.0, -0.5, -1.4])
    for week in range(weeks):
        level[week] = now + fall[condition[week * 7]]
        now = 0.7 * now + 0.35 * rng.normal(size=n)
    return level


def hours_us(size: int, rng: np.random.Generator) -> Whole:
    """Draw times of day in microseconds, with peaks at 13-15 and 20-23 hours."""
    hour = rng.choice(24, size=size, p=_HOURS / _HOURS.sum())
    return (hour * 3600 + rng.integers(0, 3600, size)) * 1_000_000


def numbered(prefix: str, numbers: Whole, width: int) -> pa.Array:
    """Make identifiers of a prefix and a number of fixed width."""
    text = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), text, pa.scalar(""))


def times(us: Whole, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Make a column of times of microseconds since 1970; whole seconds compress well."""
    seconds = us // 1_000_000 * 1_000_000
    return pa.array(seconds, pa.timestamp("us"), mask=missing)


def dates(day: Whole, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Make a column of dates of day numbers since 1970."""
    return pa.array(day.astype(np.int32), pa.int32(), mask=missing).cast(pa.date32())


def words(codes: Whole, names: list[str]) -> pa.Array:
    """Make a column of words of their positions."""
    return pa.array(names, pa.string()).take(pa.array(codes))


def yuan(amounts: Floats) -> pa.Array:
    """Make a column of money, whole fen."""
    return pa.array(np.round(amounts * 100) / 100)
