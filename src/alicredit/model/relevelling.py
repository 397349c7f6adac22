"""A model brought to another level: a new model with an id of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from alicredit.calibration.level import (
    HIGHEST_RATE,
    LOWEST_RATE,
    Floats,
    multiply_odds,
    odds_factor,
)
from alicredit.checks import refuse, require_between
from alicredit.portable.file import sealed
from alicredit.portable.model import ScoreModel


def relevel(model: Any, rate: float, *, X: Any = None) -> ScoreModel:
    """Bring a model's probabilities to a long-run rate; scores, tables and reasons stay.

    All odds are multiplied by one number, bounds like the probability (the scaled likelihood ratio
    of Tasche 2013, DOMAIN 5.2). With ``X`` it is such that the mean over those rows is the rate;
    without, the shift of the prior from the rate the model was trained at, which is right where
    the mix of scores among defaulters and among the others is that of training. The claim's horizon
    and level stay: the rate must be of the same.

    Parameters
    ----------
    model : DefaultModel or ScoreModel
        Fitted or loaded.
    rate : float
        Mean probability to reach, between 0 and 1.
    X : pandas.DataFrame or None, default None
        Features of the population that has this rate; rows the model refuses are left out.

    Returns
    -------
    ScoreModel
        With facts ``rate`` (the new), ``relevelled_from`` (id of the old) and ``odds_factor``.

    Raises
    ------
    InputError
        If the rate is out of its range, the model is none, states no rate of training though no
        ``X`` is given, or scores no row of ``X``.

    Examples
    --------
    >>> import pandas as pd
    >>> from alicredit.model import DefaultModel
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"a": rng.normal(size=2000)})
    >>> y = (rng.random(2000) < 1 / (1 + np.exp(3 - X["a"]))).astype(float)
    >>> model = DefaultModel("points", directions=None).fit(X, y)
    >>> moved = relevel(model, 0.02, X=X)
    >>> round(float(moved.predict_proba(X)[:, 1].mean()), 6)
    0.02
    >>> moved.model_id != model.model_id
    True
    >>> relevel(model, 2)
    Traceback (most recent call last):
    alicredit.errors.InputError: rate must be a number from 1e-09 to 0.999999; found 2.
    """
    require_between("rate", rate, LOWEST_RATE, HIGHEST_RATE)
    old = getattr(model, "portable_", model)
    if not isinstance(old, ScoreModel):
        do = "fit a DefaultModel or load one with load_model"
        refuse("model", "must be a fitted or loaded model", type(model).__name__, do)
    pds = np.array(old.pds)
    if X is None:
        trained = old.training.get("rate")
        if not isinstance(trained, float):
            do = "pass X, the population that has the rate"
            refuse("model", "must state the rate it was trained at", trained, do)
        factor = rate / (1 - rate) / (trained / (1 - trained))
    else:
        factor = _factor_over(old, pds, rate, X)
    facts = {"rate": float(rate), "relevelled_from": old.model_id, "odds_factor": factor}
    new = replace(
        old,
        pds=_moved(pds, factor),
        lowers=_moved(np.array(old.lowers), factor),
        uppers=_moved(np.array(old.uppers), factor),
        training={**old.training, **facts},
        model_id="",
    )
    return sealed(new)


def _factor_over(model: ScoreModel, pds: Floats, rate: float, X: Any) -> float:
    """Find what odds at whole points must be multiplied by for rows to have a mean."""
    scored = model.score_frame(X, reasons=0, flags=False)
    score = scored.loc[scored["status"] == "ok", "score"].to_numpy(np.float64)
    if not len(score):
        refuse("X", "must have a row that the model scores", "none")
    place, count = np.unique(score / model.unit - model.first_score, return_counts=True)
    # A row between two whole points has a share of both.
    left = np.minimum(np.floor(place).astype(np.int64), len(pds) - 1)
    rest = place - left
    weight: Floats = np.zeros(len(pds) + 1)
    np.add.at(weight, left, count * (1 - rest))
    np.add.at(weight, left + 1, count * rest)
    return odds_factor(pds, weight[: len(pds)], rate)


def _moved(pds: Floats, factor: float) -> tuple[float, ...]:
    """Multiply the odds; keep clear of 0 and 1."""
    tiny = np.finfo(np.float64).tiny
    return tuple(np.clip(multiply_odds(pds, factor), tiny, 1 - 1e-16).tolist())
