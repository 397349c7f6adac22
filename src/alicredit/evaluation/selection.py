"""What granted loans alone cannot tell: weights for logged exploration, a band for the refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_between, require_one_order
from alicredit.evaluation.arrays import Floats, labels, numbers
from alicredit.evaluation.validation import portable_of

COLUMNS = (
    "odds_factor", "rejected_pd", "everybody_pd", "auc", "approved_share", "approved_pd",
    "informed_share", "approved_rows", "rejected_rows", "rows_refused",
)  # fmt: skip
"""Columns of the band."""


@dataclass(frozen=True, eq=False)
class ExplorationWeights:
    """Weights that let granted rows stand for all applicants, and what they cost.

    Parameters
    ----------
    weight : array of float
        Of each row, mean 1: for ``sample_weight``.
    clipped : float
        Share of rows whose weight was cut; applicants like them stay under-represented.
    effective_rows : float
        Equally weighted rows that would tell as much of a mean (Kish 1965): (sum w)^2 / sum w^2.
    most : float
        The largest weight before the mean was set to 1.
    """

    weight: Floats
    clipped: float
    effective_rows: float
    most: float


def weigh_exploration(probability: npt.ArrayLike, *, most: float = 20.0) -> ExplorationWeights:
    """Weigh granted rows by the inverse of the logged probability with which each was granted.

    Where a lender grants at random with known probabilities, however small, to some whom its rule
    would refuse, each granted row stands for 1 / probability applicants (Horvitz and Thompson
    1952), and a weighted mean is that of all applicants. Cutting the weights trades a little bias
    for much variance (Ionides 2008): on a simulated platform weights up to 20 cost a model more
    than they mended, up to 4 they cost nothing (benchmarks/selection.py). This holds only where the
    logged probability is the one that was used, and no kind of applicant had none.

    Parameters
    ----------
    probability : array, above 0 and up to 1
        Of each granted row: with which it was granted when the decision was made.
    most : float, default 20 (assumed)
        Weights are cut here; from 1.

    Returns
    -------
    ExplorationWeights
        Weights of mean 1, the share that was cut, and the rows they are worth.

    Raises
    ------
    InputError
        For a probability of 0, above 1 or missing, or ``most`` below 1.

    Examples
    --------
    >>> found = weigh_exploration([1.0, 1.0, 0.05, 0.01])
    >>> found.weight.round(3).tolist(), found.clipped, round(found.effective_rows, 2)
    ([0.095, 0.095, 1.905, 1.905], 0.25, 2.2)
    >>> weigh_exploration([1.0, 0.0])
    Traceback (most recent call last):
    alicredit.errors.InputError: probability must lie above 0 and up to 1; found 0.0. Try: ...
    """
    require_between("most", most, 1, 1e9)
    p = numbers("probability", probability)
    odd = p[~((p > 0) & (p <= 1))]
    if not len(p) or len(odd):
        do = "log the probability of each decision; rows granted by none cannot be weighed"
        refuse("probability", "must lie above 0 and up to 1", odd[0] if len(odd) else "no row", do)
    inverse = 1 / p
    cut = np.minimum(inverse, most)
    effective = float(cut.sum() ** 2 / (cut**2).sum())
    clipped = float((inverse > most * (1 + 1e-12)).mean())
    return ExplorationWeights(cut / cut.mean(), clipped, effective, float(most))


def reject_band(
    model: Any,
    approved: pd.DataFrame,
    y: npt.ArrayLike,
    rejected: pd.DataFrame,
    *,
    max_pd: float,
    odds_factors: Sequence[float] = (1.0, 2.0, 4.0),
) -> pd.DataFrame:
    """Say how level, ranking and approval move if the rejected are k times as risky as modelled.

    A band, not an estimate: outcomes of the rejected are not in the data, what they would have been
    follows from an assumption alone, and inferring them has been found to gain little (Hand and
    Henley 1993; Crook and Banasik 2004). The model is not changed. A rejected row with probability
    p counts as k p / (1 - p + k p) of a default and the rest of a payer; an approved one as what it
    was.

    Parameters
    ----------
    model : DefaultModel or ScoreModel
        Fitted or loaded.
    approved : pandas.DataFrame
        Features of granted rows.
    y : array of 0 and 1
        Their outcomes.
    rejected : pandas.DataFrame
        Features of refused applicants.
    max_pd : float
        The cut: the model would approve up to this probability.
    odds_factors : sequence of float, default (1, 2, 4) (assumed)
        k: odds of default of the rejected over those that the model gives.

    Returns
    -------
    pandas.DataFrame
        A row per factor: ``odds_factor``; ``rejected_pd`` and ``everybody_pd`` (mean default rate
        of the rejected, and of all); ``auc`` (of the model over all, expected); ``approved_share``
        (of all whom the model would approve at the cut) and ``approved_pd`` (default rate among
        them); ``informed_share`` (approved at the cut if the factor were known); ``approved_rows``,
        ``rejected_rows``; ``rows_refused`` (left out: outside the model's contract).

    Raises
    ------
    InputError
        For outcomes that lack or are of another length, no scored row on a side, a cut or a factor
        out of range.

    Examples
    --------
    >>> from alicredit.model import DefaultModel
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"debt": rng.normal(size=3000)})
    >>> y = (rng.random(3000) < 1 / (1 + np.exp(2 - X["debt"]))).astype(float)
    >>> low = X["debt"] < 0.5
    >>> model = DefaultModel("points").fit(X[low], y[low])
    >>> band = reject_band(model, X[low], y[low], X[~low], max_pd=0.1)
    >>> bool(band["approved_pd"].is_monotonic_increasing)
    True
    >>> reject_band(model, X[low], y[low], X[~low], max_pd=10)
    Traceback (most recent call last):
    alicredit.errors.InputError: max_pd must be a number from 0 to 1; found 10.
    """
    require_between("max_pd", max_pd, 0, 1)
    require_one_order(approved=approved, y=y)
    label = labels(y)
    if np.isnan(label).any():
        refuse("y", "must be known for each approved row", f"{int(np.isnan(label).sum())} NaN")
    given, known = _scored(model, "approved", approved)
    if len(known) != len(label):
        refuse("approved and y", "must have one length", f"{len(known)} and {len(label)}")
    asked, kept = _scored(model, "rejected", rejected)
    refused = int((~known).sum() + (~kept).sum())
    p = np.concatenate([given, asked])
    passed = p <= max_pd
    rows = []
    for factor in _factors(odds_factors):
        risk = factor * asked / (1 - asked + factor * asked)
        bad = np.concatenate([label[known], risk])
        informed = np.concatenate([given, risk]) <= max_pd
        inside = float(bad[passed].mean()) if passed.any() else np.nan
        ends = (expected_auc(bad, p), float(passed.mean()), inside, float(informed.mean()))
        size = (len(given), len(asked), refused)
        rows.append((factor, float(risk.mean()), float(bad.mean()), *ends, *size))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def expected_auc(probability: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Give the expected concordant pairs over expected pairs, where outcomes are probabilities.

    With outcomes of 0 and 1 it is the area under the ROC curve; higher scores are riskier.

    Parameters
    ----------
    probability : array of float
        Chance of default of each row, 0 to 1.
    score : array of float
        Higher means riskier.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    InputError
        If lengths or orders differ, a probability lies outside 0 to 1, or no pair is of unlike
        outcomes.

    Examples
    --------
    >>> expected_auc([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
    0.75
    >>> expected_auc([0.5], [0.1])
    Traceback (most recent call last):
    alicredit.errors.InputError: probability must leave pairs of unlike outcomes; found none.
    """
    require_one_order(probability=probability, score=score)
    bad, s = numbers("probability", probability), numbers("score", score)
    if len(bad) != len(s) or np.isnan(s).any() or not ((bad >= 0) & (bad <= 1)).all():
        refuse("probability and score", "must be one of each a row, from 0 to 1", len(bad))
    good = 1 - bad
    _, at = np.unique(s, return_inverse=True)
    bads, goods = (np.bincount(at, weights=each) for each in (bad, good))
    below = np.cumsum(goods) - goods / 2
    own = float((bad * good).sum())
    pairs = float(bad.sum() * good.sum()) - own
    if not pairs > 1e-12:
        refuse("probability", "must leave pairs of unlike outcomes", "none")
    return (float((bads * below).sum()) - own / 2) / pairs


def _scored(model: Any, name: str, X: Any) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Give the probabilities of rows that the model scores, and which they are."""
    scored = portable_of("model", model).score_frame(X, reasons=0)
    ok = (scored["status"] == "ok").to_numpy()
    if not ok.any():
        refuse(name, "must have a row that the model scores", f"none of {len(ok)}")
    return scored["pd"].to_numpy(np.float64)[ok], ok


def _factors(given: Sequence[float]) -> Floats:
    """Take positive factors."""
    factors = numbers("odds_factors", given)
    odd = factors[~((factors > 0) & np.isfinite(factors))]
    if not len(factors) or len(odd):
        rule = "must be numbers above 0"
        refuse("odds_factors", rule, odd[0] if len(odd) else "none", "1 is what the model says")
    return factors
