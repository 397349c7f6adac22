"""Losses of a bad year where defaults share one cause: Vasicek's factor, closed and simulated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse, require_between, require_columns, require_kind, require_whole
from alicredit.decision import COLUMNS
from alicredit.vocabulary import require_answers

Floats = npt.NDArray[np.float64]

_MOST = 2_000_000_000
_CHUNK = 4_000_000
LEVELS = (0.9, 0.99, 0.999)


def retail_correlation(pd_: float | Floats) -> Floats:
    """Give the asset correlation that bank rules assume of other retail loans.

    ``R = 0.03 w + 0.16 (1 - w)`` with ``w = (1 - exp(-35 PD)) / (1 - exp(-35))`` (BCBS,
    International Convergence of Capital Measurement, June 2006, paragraph 330).

    Parameters
    ----------
    pd_ : float or array of float
        Annual probabilities from 0 to 1.

    Returns
    -------
    array of float64
        From 0.16 where none default to 0.03 where all do.

    Raises
    ------
    InputError
        For what is no probability.

    Examples
    --------
    >>> retail_correlation([0.0, 0.01, 1.0]).round(4).tolist()
    [0.16, 0.1216, 0.03]
    >>> retail_correlation(1.5)
    Traceback (most recent call last):
    alicredit.errors.InputError: pd must lie from 0 to 1; found 1.5.
    """
    p = _probabilities("pd", pd_)
    weight = np.expm1(-35 * p) / np.expm1(-35)
    return np.asarray(0.03 * weight + 0.16 * (1 - weight))


def vasicek_default_rate(
    pd_: float | Floats, *, level: float | Floats, correlation: float | Floats
) -> Floats:
    """Give the share of a granular book that defaults in a year as bad as a level.

    ``Phi((Phi^-1(PD) + sqrt(rho) Phi^-1(level)) / sqrt(1 - rho))`` (O. Vasicek, Loan portfolio
    value, Risk, December 2002; the same in BCBS, An Explanatory Note on the Basel II IRB Risk
    Weight Functions, July 2005).

    Parameters
    ----------
    pd_ : float or array of float
        Probabilities from 0 to 1.
    level : float or array of float
        Such a share of years is no worse; above 0, below 1.
    correlation : float or array of float
        Of assets, from 0 to below 1.

    Returns
    -------
    array of float64
        Shares from 0 to 1.

    Raises
    ------
    InputError
        For a probability, level or correlation that is none.

    Examples
    --------
    >>> round(float(vasicek_default_rate(0.01, level=0.999, correlation=0.12)), 4)
    0.0903
    >>> float(vasicek_default_rate(0.01, level=0.999, correlation=0.0))
    0.01
    >>> vasicek_default_rate(0.01, level=1.0, correlation=0.12)
    Traceback (most recent call last):
    alicredit.errors.InputError: level must lie above 0 and below 1; found 1.0.
    """
    from scipy.special import ndtr, ndtri

    p, share = _probabilities("pd", pd_), _probabilities("level", level)
    if ((share <= 0) | (share >= 1)).any():
        refuse("level", "must lie above 0 and below 1", level)
    rho = _probabilities("correlation", correlation)
    if (rho >= 1).any():
        refuse("correlation", "must lie from 0 to below 1", correlation)
    found = ndtr((ndtri(p) + np.sqrt(rho) * ndtri(share)) / np.sqrt(1 - rho))
    return np.asarray(np.where(rho == 0, p, found))


def _probabilities(name: str, value: object) -> Floats:
    """Take numbers from 0 to 1."""
    try:
        values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        refuse(name, "must be numbers", repr(value))
    if not ((values >= 0) & (values <= 1)).all():
        refuse(name, "must lie from 0 to 1", value)
    return values


def loss_quantiles(
    decisions: pd.DataFrame,
    *,
    levels: Sequence[float] = LEVELS,
    correlation: float | None = None,
    draws: int = 20_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Tell how much a book loses in its worst years, closed for a granular book and simulated.

    One factor is common to all borrowers. The closed form sums each loan's loss at the conditional
    probability of that level; it is exact where no loan weighs. The simulation draws the factor and
    each borrower's default, so that the difference is what single names add. All approved lines of
    a merchant with one probability default together.

    Parameters
    ----------
    decisions : pandas.DataFrame
        From :func:`~alicredit.portfolio.score_portfolio`; approvals are the book. A line loses
        ``expected_loss / pd`` if it defaults.
    levels : sequence of float, default (0.9, 0.99, 0.999)
        Shares of years that are no worse.
    correlation : float or None, default None
        Of assets; None takes :func:`retail_correlation` of each probability.
    draws : int, default 20000
        Simulated years (assumed); with the borrowers at most 2e9 in all.
    seed : int, default 0
        Of the simulation.

    Returns
    -------
    pandas.DataFrame
        ``level, expected_loss`` (the mean), ``granular, simulated`` (yuan), ``lower, upper`` (90 %
        interval of the simulated one), ``unexpected`` (granular less the mean).

    Raises
    ------
    InputError
        For an empty book, unknown money, a level or correlation that is none, or too many draws.

    Examples
    --------
    >>> rows = [dict.fromkeys(COLUMNS) | {"merchant_id": f"m{k}", "product_id": "p", "pd": 0.01,
    ...         "limit": 100.0, "expected_loss": 0.5, "decision": "approve"} for k in range(500)]
    >>> told = loss_quantiles(pd.DataFrame(rows), levels=[0.99], correlation=0.1, draws=2000)
    >>> told[["expected_loss", "granular"]].round(1).values.tolist()
    [[250.0, 1169.9]]
    >>> loss_quantiles(pd.DataFrame(rows), levels=[1.0])
    Traceback (most recent call last):
    alicredit.errors.InputError: level must lie above 0 and below 1; found 1.0.
    """
    require_whole("draws", draws, 100)
    require_whole("seed", seed, 0)
    pd_, lost = _borrowers(decisions)
    if draws * len(pd_) > _MOST:
        do = "take fewer draws: so large a book is as good as granular"
        refuse("draws", f"must be at most {_MOST // len(pd_)} for this book", draws, do)
    if correlation is not None:
        require_between("correlation", correlation, 0, 0.999)
    rho = retail_correlation(pd_) if correlation is None else np.full(len(pd_), correlation)
    rates = [vasicek_default_rate(pd_, level=q, correlation=rho) for q in levels]
    if not rates:
        refuse("levels", "must have a level", "none")
    years = np.sort(_simulate(pd_, lost, rho, draws, seed))
    mean = float(pd_ @ lost)
    rows = [
        (float(q), mean, float(rate @ lost), *_quantile(years, q), float(rate @ lost) - mean)
        for q, rate in zip(levels, rates, strict=True)
    ]
    names = ["level", "expected_loss", "granular", "simulated", "lower", "upper", "unexpected"]
    return pd.DataFrame(rows, columns=names)


def _borrowers(decisions: pd.DataFrame) -> tuple[Floats, Floats]:
    """Give each borrower's probability and what is lost with it, in the order of ids."""
    require_kind("decisions", decisions, pd.DataFrame, "must be a frame of decisions")
    require_columns("decisions", map(str, decisions.columns), COLUMNS)
    require_answers("decisions", decisions)
    lent = decisions[decisions["decision"] == "approve"]
    if not len(lent):
        refuse("decisions", "must have an approval", "none")
    pd_ = lent["pd"].to_numpy(np.float64)
    loss = lent["expected_loss"].to_numpy(np.float64)
    if not (np.isfinite(loss).all() and ((pd_ > 0) & (pd_ <= 1)).all()):
        refuse("decisions", "must have pd and expected_loss of each approval", "one that has not")
    keys = lent["merchant_id"].astype(str).to_numpy(object)
    frame = pd.DataFrame({"merchant_id": keys, "pd": pd_, "lost": loss / pd_})
    frame = frame.sort_values(["merchant_id", "pd", "lost"], kind="stable")
    lost = frame.groupby(["merchant_id", "pd"], sort=True)["lost"].sum().reset_index()
    return lost["pd"].to_numpy(np.float64), lost["lost"].to_numpy(np.float64)


def _simulate(pd_: Floats, lost: Floats, rho: Floats, draws: int, seed: int) -> Floats:
    """Draw so many years: the common factor, then each borrower given it."""
    from scipy.special import ndtr, ndtri

    rng = np.random.default_rng(seed)
    start, load, own = ndtri(pd_), np.sqrt(rho), np.sqrt(1 - rho)
    size = max(_CHUNK // len(pd_), 1)
    years = []
    for done in range(0, draws, size):
        factor = rng.standard_normal((min(size, draws - done), 1))
        given = ndtr((start + load * factor) / own)
        years.append((rng.random(given.shape) < given) @ lost)
    return np.concatenate(years)


def _quantile(years: Floats, level: float) -> tuple[float, float, float]:
    """Give a quantile of sorted years with the interval that order statistics give it."""
    from scipy.stats import binom

    size = len(years)
    at = min(int(np.ceil(level * size)) - 1, size - 1)
    low, high = (int(binom.ppf(tail, size, level)) for tail in (0.05, 0.95))
    return float(years[at]), float(years[max(low - 1, 0)]), float(years[min(high, size - 1)])
