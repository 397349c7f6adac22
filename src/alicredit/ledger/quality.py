"""The quality of a book: five grades, the ratio of bad loans, provisions and what they cover.

The grades are those of Chinese banks (正常, 关注, 次级, 可疑, 损失); the last three are bad. The
days and the provisions by grade are this library's (assumed): the 2013 report names a ratio only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import given_or, refuse, require_columns, require_one_of, require_whole
from alicredit.loans.book.exact import rounded
from alicredit.loans.rates import exact_share
from alicredit.vocabulary import LOAN_GRADES

GRADES = tuple(LOAN_GRADES)
"""From good to bad; the last three are non-performing."""

_LEAST = {"default": 2, "restructured": 2, "cured": 1}
_OVER = ("closed", "written_off")
_NEEDED = ("loan_id", "day", "balance_fen", "accrued_fen", "days_past_due", "state")


@dataclass(frozen=True, slots=True)
class GradeRules:
    """From how many days past due a loan is of which grade, and what is set aside for it.

    Parameters
    ----------
    beyond_days : tuple of int, default (0, 90, 180, 360)
        Special mention, substandard, doubtful and loss begin beyond so many days (assumed).
    provision_rates : tuple of str, default ("0.01", "0.02", "0.25", "0.50", "1.00")
        Share of the balance set aside for each grade (assumed).

    Examples
    --------
    >>> GradeRules().beyond_days
    (0, 90, 180, 360)
    >>> GradeRules(beyond_days=(0, 90, 60, 360))
    Traceback (most recent call last):
    alicredit.errors.InputError: beyond_days must rise, four numbers from 0; found (0, 90, 60, 360).
    """

    beyond_days: tuple[int, ...] = (0, 90, 180, 360)
    provision_rates: tuple[str, ...] = ("0.01", "0.02", "0.25", "0.50", "1.00")

    def __post_init__(self) -> None:
        """Refuse rules that do not get worse grade by grade."""
        for days in self.beyond_days:
            require_whole("beyond_days", days, 0)
        if len(self.beyond_days) != 4 or list(self.beyond_days) != sorted(set(self.beyond_days)):
            refuse("beyond_days", "must rise, four numbers from 0", self.beyond_days)
        rates = [exact_share("provision_rates", rate) for rate in self.provision_rates]
        if len(rates) != 5 or rates != sorted(rates) or rates[-1] > 1:
            rule = "must not fall from grade to grade, five shares from 0 to 1"
            refuse("provision_rates", rule, self.provision_rates)


def classify_loans(
    states: pd.DataFrame,
    *,
    rules: GradeRules | None = None,
    judgement: pd.Series | None = None,
) -> pd.Series:
    """Grade each row of a replayed book by its arrears, its state and judgement.

    A loan in default or restructured is at best substandard, one on probation after a cure at best
    special mention (assumed).

    Parameters
    ----------
    states : pandas.DataFrame
        As :func:`alicredit.ledger.replay` gives.
    rules : GradeRules or None, default None
        None stands for ``GradeRules()``.
    judgement : pandas.Series or None, default None
        A word of ``GRADES`` by ``loan_id``: the best grade that an officer grants. It can only
        lower what arrears say.

    Returns
    -------
    pandas.Series
        Ordered categories ``GRADES``, aligned with ``states``; missing where a loan is closed or
        written off.

    Raises
    ------
    InputError
        If a column lacks, or a judgement is no grade.

    Examples
    --------
    >>> states = pd.DataFrame({"loan_id": ["a", "b", "c"], "day": pd.Timestamp("2013-01-01"),
    ...     "balance_fen": 100, "accrued_fen": 0, "days_past_due": [0, 91, 0],
    ...     "state": ["current", "default", "cured"]})
    >>> classify_loans(states).tolist()
    ['pass', 'substandard', 'special_mention']
    >>> classify_loans(states, judgement=pd.Series({"a": "bad"}))
    Traceback (most recent call last):
    alicredit.errors.InputError: judgement must be one of 5 known words; found 'bad'. ...
    """
    require_columns("states", map(str, states.columns), _NEEDED)
    rules = given_or("rules", rules, GradeRules)
    late = states["days_past_due"].to_numpy()
    grade = np.searchsorted(rules.beyond_days, late, side="left")
    state = states["state"].astype(str)
    grade = np.maximum(grade, state.map(_LEAST).fillna(0).to_numpy(dtype=np.int64))
    if judgement is not None:
        for word in judgement.unique():
            require_one_of("judgement", word, GRADES)
        best = judgement.map({word: code for code, word in enumerate(GRADES)})
        granted = states["loan_id"].map(best).fillna(0).to_numpy(dtype=np.int64)
        grade = np.maximum(grade, granted)
    codes = np.where(state.isin(_OVER), -1, grade)
    made = pd.Categorical.from_codes(codes, list(GRADES), ordered=True)
    return pd.Series(made, index=states.index, name="grade")


def asset_quality(
    states: pd.DataFrame,
    *,
    rules: GradeRules | None = None,
    judgement: pd.Series | None = None,
) -> pd.DataFrame:
    """Sum a replayed book up for each day: balances by grade, bad loans, provisions, coverage.

    Parameters
    ----------
    states : pandas.DataFrame
        As :func:`alicredit.ledger.replay` gives, of the whole book.
    rules : GradeRules or None, default None
        None stands for ``GradeRules()``.
    judgement : pandas.Series or None, default None
        See :func:`classify_loans`.

    Returns
    -------
    pandas.DataFrame
        Index ``day``; in fen ``balance``, one column for each of ``GRADES``, ``npl`` and
        ``provision``; ``npl_ratio`` = npl / balance (a stock, not a rate of default) and
        ``coverage`` = provision / npl, NaN where there is nothing to divide by.

    Raises
    ------
    InputError
        As :func:`classify_loans`.

    Examples
    --------
    >>> states = pd.DataFrame({"loan_id": ["a", "b"], "day": pd.Timestamp("2013-01-01"),
    ...     "balance_fen": [99_300, 700], "accrued_fen": 0, "days_past_due": [0, 91],
    ...     "state": ["current", "default"]})
    >>> asset_quality(states)[["npl", "npl_ratio", "provision"]].to_numpy().tolist()
    [[700.0, 0.007, 1168.0]]
    >>> asset_quality(states.drop(columns="state"))
    Traceback (most recent call last):
    alicredit.errors.InputError: states must have the column 'state'; ...
    """
    rules = given_or("rules", rules, GradeRules)
    grade = classify_loans(states, rules=rules, judgement=judgement)
    live = grade.notna()
    table = states.loc[live, ["day", "balance_fen"]].assign(grade=grade[live])
    table["provision"] = 0
    for code, rate in enumerate(rules.provision_rates):
        mine = (grade[live].cat.codes == code).to_numpy()
        share = exact_share("provision_rates", rate)
        fen = table["balance_fen"].to_numpy()[mine]
        table.loc[mine, "provision"] = rounded(share.denominator, fen, share.numerator)
    days = pd.Index(np.sort(states["day"].unique()), name="day")
    by_grade = table.pivot_table(
        index="day", columns="grade", values="balance_fen", aggfunc="sum", observed=False
    )
    sums = by_grade.reindex(index=days, columns=list(GRADES)).fillna(0).astype(np.int64)
    sums.columns = pd.Index(GRADES)
    sums.insert(0, "balance", sums.sum(axis=1))
    sums["npl"] = sums[list(GRADES[2:])].sum(axis=1)
    provision = table.groupby("day")["provision"].sum()
    sums["provision"] = provision.reindex(days, fill_value=0).astype(np.int64)
    sums["npl_ratio"] = sums["npl"] / sums["balance"].where(sums["balance"] > 0)
    sums["coverage"] = sums["provision"] / sums["npl"].where(sums["npl"] > 0)
    return sums


def expected_credit_loss(
    states: pd.DataFrame,
    *,
    pd_12m: npt.ArrayLike,
    pd_lifetime: npt.ArrayLike,
    lgd: npt.ArrayLike,
    significant_days: int = 30,
) -> pd.DataFrame:
    """Set aside the expected loss of each row of a replayed book by its stage.

    Stage 1, as good as when lent: PD over 12 months x LGD x exposure. Stage 2, more than
    ``significant_days`` past due or on probation after a cure: lifetime PD x LGD x exposure. Stage
    3, in default: LGD x exposure. The exposure is balance and interest accrued.

    Parameters
    ----------
    states : pandas.DataFrame
        As :func:`alicredit.ledger.replay` gives.
    pd_12m, pd_lifetime : float or array of float
        Probabilities of default from the day of the row, one for all or one a row.
    lgd : float or array of float
        Share of the exposure lost in default.
    significant_days : int, default 30
        Days past due beyond which risk has risen significantly (IFRS 9, 5.5.11).

    Returns
    -------
    pandas.DataFrame
        ``loan_id, day, stage, exposure_fen, provision_fen``; closed and written-off rows are left
        out.

    Raises
    ------
    InputError
        If a column lacks, a share lies outside 0 to 1, or a lifetime PD lies below that of 12
        months.

    Examples
    --------
    >>> states = pd.DataFrame({"loan_id": ["a", "b", "c"], "day": pd.Timestamp("2013-01-01"),
    ...     "balance_fen": 100_000, "accrued_fen": 0, "days_past_due": [0, 45, 91],
    ...     "state": ["current", "arrears", "default"]})
    >>> losses = expected_credit_loss(states, pd_12m=0.01, pd_lifetime=0.2, lgd=0.6)
    >>> losses["provision_fen"].tolist()
    [600, 12000, 60000]
    >>> expected_credit_loss(states, pd_12m=0.01, pd_lifetime=0.2, lgd=60)
    Traceback (most recent call last):
    alicredit.errors.InputError: lgd must be shares from 0 to 1; found 60.0 in row 0.
    """
    require_columns("states", map(str, states.columns), _NEEDED)
    require_whole("significant_days", significant_days, 0)
    size = len(states)
    near, far, lost = (
        _share_of("pd_12m", pd_12m, size),
        _share_of("pd_lifetime", pd_lifetime, size),
        _share_of("lgd", lgd, size),
    )
    short = np.flatnonzero(far < near)
    if len(short):
        rule = "must not lie below pd_12m"
        refuse("pd_lifetime", rule, f"{far[short[0]]} in row {short[0]}")
    state = states["state"].astype(str)
    is_default = state.isin(("default", "restructured")).to_numpy()
    is_worse = (states["days_past_due"] > significant_days).to_numpy() | (state == "cured")
    stage = np.select([is_default, is_worse], [3, 2], 1)
    chance = np.choose(stage - 1, [near, far, np.ones(size)])
    exposure = (states["balance_fen"] + states["accrued_fen"]).to_numpy(np.int64)
    provision = np.floor(exposure * chance * lost + 0.5).astype(np.int64)
    frame = states[["loan_id", "day"]].assign(
        stage=stage, exposure_fen=exposure, provision_fen=provision
    )
    return frame[~state.isin(_OVER)].reset_index(drop=True)


def _share_of(argument: str, values: npt.ArrayLike, size: int) -> npt.NDArray[np.float64]:
    """Read shares, one for all or one a row."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim and found.shape != (size,):
        refuse(argument, f"must be one number or {size}", f"{found.shape}")
    found = np.broadcast_to(found, (size,))
    wrong = np.flatnonzero(~((found >= 0) & (found <= 1)))
    if len(wrong):
        refuse(argument, "must be shares from 0 to 1", f"{found[wrong[0]]} in row {wrong[0]}")
    return found
