"""Which features moved, and what each move does to the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alicredit.checks import refuse, require_columns, require_kind, require_one_order, require_whole
from alicredit.evaluation import PsiTest, adjust_p, psi_test, share_covariance
from alicredit.stability.bins import Bins, Floats, Whole, number_owners, quantile_bins, read_values
from alicredit.stability.population import VERDICT, fewest_expected, verdict

_FEWEST_LINES = 2
"""Of an input without cuts: any value, and missing."""

COLUMNS = (
    "feature", "reference_rows", "rows", "reference_missing", "missing", "reference_median",
    "median", "fewest", *VERDICT, "p_adjusted", "reference_points", "points", "points_change",
)  # fmt: skip


def feature_drift(
    reference: pd.DataFrame | None,
    current: pd.DataFrame,
    *,
    model: Any = None,
    bins: int = 10,
    reference_merchants: Any = None,
    merchants: Any = None,
    adjust: str = "holm",
    tolerance: float = 0.0,
    level: float = 0.05,
) -> pd.DataFrame:
    """Hold each feature's distribution against the reference, and say what its move does.

    With a ``model`` features are counted by the steps of its points tables, and the change of the
    mean score is taken apart: the changes of mean points sum to it exactly. Its file holds the
    counts of its own training rows by step, with medians and missing shares, so that a reference
    frame may be left out; rows of training that share a merchant count then as one (``merchants``
    of the model's facts), which is the careful side. The file of a model of pairs or trees does
    not hold what moves its score: it needs a reference frame, its mean points are those of
    ``ScoreModel.parts`` over the rows it scores, and an input without steps of its own is counted
    in bins of equal shares.

    Parameters
    ----------
    reference : pandas.DataFrame or None
        Features of the reference population; None takes the population ``model`` was trained on.
    current : pandas.DataFrame
        Features now.
    model : DefaultModel or ScoreModel or None, default None
        Whose inputs are looked at; None looks at every column of the reference, in bins of equal
        shares of it or by its levels.
    bins : int, default 10
        Bins of numbers at most, where there is no model.
    reference_merchants, merchants : array or None, default None
        Whose each row is: rows of one merchant then count as what they tell together.
    adjust : {"holm", "benjamini-hochberg", "none"}, default "holm"
        How p-values of so many features are put together: ``holm`` keeps the chance of any false
        alarm at ``level``, ``benjamini-hochberg`` the share of false alarms among all.
    tolerance : float, default 0
        A true index up to which a shift is no matter.
    level : float, default 0.05
        Rate of false alarms.

    Returns
    -------
    pandas.DataFrame
        One row a feature, in the model's order or the reference's: ``feature, reference_rows,
        rows``, shares ``reference_missing, missing``, medians of known numbers
        ``reference_median, median``, ``fewest, psi, degrees, critical, p_value`` (of this feature
        alone), ``is_shifted`` (by ``p_adjusted``), ``folklore``, ``p_adjusted``; for a model
        ``reference_points, points`` (means) and ``points_change``, else NaN.

    Raises
    ------
    InputError
        If there is nothing to compare with, a column lacks, is of another type or infinite.

    Examples
    --------
    >>> old = pd.DataFrame({"sales": np.arange(1000.0), "kind": ["a", "b"] * 500})
    >>> drift = feature_drift(old, old.assign(sales=old["sales"] + 300)).set_index("feature")
    >>> drift[["reference_median", "median"]].to_numpy().tolist()
    [[499.5, 799.5], [nan, nan]]
    >>> drift["is_shifted"].to_dict()
    {'sales': True, 'kind': False}
    >>> feature_drift(old, old[["kind"]])
    Traceback (most recent call last):
    alicredit.errors.InputError: current must have the column 'sales'; ...
    """
    portable = getattr(model, "portable_", model)
    require_whole("bins", bins, 2)
    require_kind("current", current, pd.DataFrame, "must be a frame of features")
    if reference is None and model is None:
        refuse("reference", "must be a frame, or None with a model", "neither")
    if reference is not None:
        require_kind("reference", reference, pd.DataFrame, "must be a frame of features")
    _require_rows(reference, current)
    require_one_order(reference=reference, reference_merchants=reference_merchants)
    require_one_order(current=current, merchants=merchants)
    cards = None if model is None else _cards(portable)
    names = list(map(str, _frame(reference, current).columns)) if cards is None else list(cards)
    for name, frame in (("current", current), ("reference", reference)):
        if frame is not None:
            require_columns(name, map(str, frame.columns), names)
    parts = None if model is None else _parts(portable, reference, current)
    whose = (
        number_owners("reference_merchants", reference_merchants, len(_frame(reference, current))),
        number_owners("merchants", merchants, len(current)),
    )
    witnesses = getattr(portable, "training", {}).get("merchants")
    lines = []
    for name in names:
        card = None if cards is None else cards[name]
        old = None if reference is None else reference[name]
        seen = _see(name, old, current[name], card, bins)
        found = seen.test(whose, witnesses, tolerance, level)
        fewest = fewest_expected(seen.old, seen.new)
        points = seen.points if parts is None else parts[name]
        lines.append((name, *seen.summary, fewest, *verdict(found, level), np.nan, *points))
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    frame["p_adjusted"] = adjust_p(frame["p_value"], method=adjust)
    frame["is_shifted"] = frame["p_adjusted"] < level
    return frame


@dataclass(frozen=True, eq=False)
class _Seen:
    """One feature in both populations: places and counts by bin, and what is read off them."""

    places: tuple[Whole | None, Whole]
    old: Whole
    new: Whole
    summary: tuple[float, ...]
    points: tuple[float, float, float]

    def test(
        self, whose: tuple[Any, Any], witnesses: Any, tolerance: float, level: float
    ) -> PsiTest:
        """Hold the shift against chance; ``witnesses`` stand for the reference of a file."""
        spreads = [
            None
            if places is None or owners is None
            else share_covariance(places, owners, bins=len(self.new))
            for places, owners in zip(self.places, whose, strict=True)
        ]
        rows = float(self.old.sum())
        effective = min(rows, float(witnesses or rows)) if self.places[0] is None else None
        return psi_test(
            self.old, self.new, effective_reference=effective, covariance_reference=spreads[0],
            covariance_current=spreads[1], tolerance=tolerance, level=level,
        )  # fmt: skip


def _see(name: str, old: Any, new: Any, card: pd.DataFrame | None, bins: int) -> _Seen:
    """Read and count one feature."""
    is_text = None if card is None else _is_category(card)
    before = None if old is None else read_values(f"reference[{name!r}]", old, as_text=is_text)
    if before is not None and is_text is None:
        is_text = before.dtype == object
    after = read_values(f"current[{name!r}]", new, as_text=is_text)
    cuts = quantile_bins(before, bins, open_ends=True) if card is None else _steps(card)
    places = (None if before is None else cuts.place(before), cuts.place(after))
    count = np.bincount(places[1], minlength=cuts.size)
    base = count
    if places[0] is not None:
        base = np.bincount(places[0], minlength=cuts.size)
    elif card is not None:
        base = card["rows"].to_numpy(np.int64)
    medians = (_median(before) if before is not None else _stated(card), _median(after))
    rows = int(base.sum()), int(count.sum())
    gone = float(base[-1] / base.sum()), float(count[-1] / count.sum())
    points = (np.nan, np.nan, np.nan)
    if card is not None:
        each = card["points"].to_numpy(np.float64)
        then, now = (float((each * c).sum()) / int(c.sum()) for c in (base, count))
        points = (then, now, now - then)
    return _Seen(places, base, count, (*rows, *gone, *medians), points)


def _frame(reference: pd.DataFrame | None, current: pd.DataFrame) -> pd.DataFrame:
    """Give the reference, or what is there now where a model's own population stands for it."""
    return current if reference is None else reference


def _require_rows(reference: pd.DataFrame | None, current: pd.DataFrame) -> None:
    """Refuse frames without rows or with columns of one name."""
    for name, frame in (("reference", reference), ("current", current)):
        if frame is None:
            continue
        if not len(frame) or not len(frame.columns):
            refuse(name, "must have rows and columns", f"shape {frame.shape}")
        if frame.columns.duplicated().any():
            refuse(name, "must have columns of different names", list(frame.columns)[:10])


def _cards(portable: Any) -> dict[str, pd.DataFrame | None]:
    """Take a model's points tables apart, one frame an input, with the median of training.

    None for numbers that have no steps of their own in a model of pairs or trees.
    """
    if not hasattr(portable, "scorecard") or not hasattr(portable, "features"):
        do = "fit a DefaultModel or load one with load_model"
        refuse("model", "must be a fitted or loaded model", type(portable).__name__, do)
    card = portable.scorecard()
    if "feature_2" in card:
        card = card[card["feature_2"] == ""]
    stated = {each.name: each.median for each in portable.features}
    if not set(card["feature"]) <= set(stated):
        refuse("model", "must have a points table for each input", "tables of several inputs")
    is_whole = getattr(portable, "shape", "points") == "points"
    return {
        str(name): mine.assign(median=stated[name])
        if is_whole or len(mine) > _FEWEST_LINES or _is_category(mine) else None
        for name, mine in card.groupby("feature", sort=False)
    }  # fmt: skip


def _parts(
    portable: Any, reference: pd.DataFrame | None, current: pd.DataFrame
) -> dict[str, tuple[float, float, float]] | None:
    """Give the mean parts of scores before and now, of a model that is more than its tables."""
    if getattr(portable, "shape", "points") == "points":
        return None
    if reference is None:
        rule = f"must be given for a model of {portable.shape}, whose file does not stand for it"
        refuse("reference", rule, None, "give the features of the training rows")
    then, now = (portable.parts(frame).mean() for frame in (reference, current))
    return {
        name: (float(then[name]), float(now[name]), float(now[name] - then[name]))
        for name in portable.feature_names
    }


def _is_category(card: pd.DataFrame) -> bool:
    """Tell whether an input is counted by levels."""
    return bool((card["category"].iloc[:-1] != "").any())


def _steps(card: pd.DataFrame) -> Bins:
    """Make the bins of a points table: steps or levels, others, and the missing last."""
    if _is_category(card):
        return Bins(levels=tuple(card["category"].iloc[:-2]))
    return Bins(tuple(card["upper"].iloc[:-2].astype(float)))


def _median(values: Any) -> float:
    """Give the median of known numbers; NaN for texts or where none is known."""
    if values.dtype == object:
        return float(np.nan)
    known: Floats = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float(np.nan)


def _stated(card: pd.DataFrame | None) -> float:
    """Give the median of training that a model's file states; NaN for texts."""
    if card is None or _is_category(card) or card["rows"].iloc[:-1].sum() == 0:
        return float(np.nan)
    return float(card["median"].iloc[0])
