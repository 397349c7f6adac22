"""What the rules of early warning read of each open loan, from what was known before the look."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from alicredit.alerts.rules import REFUNDS, SALES, WarningRules
from alicredit.checks import refuse, require_columns
from alicredit.cohort import Cohort
from alicredit.derived import MOVED_AWAY
from alicredit.errors import InputError
from alicredit.features import Catalogue, Feature, build_frame
from alicredit.features.build import is_supplied
from alicredit.records import Records
from alicredit.records.bounds import query_refused

__all__ = ["build_values", "read_scores"]

Floats = npt.NDArray[np.float64]

_LONG_ENOUGH_DAYS = 98
_USUAL_WEIGHT = 50.0
_FROM_NOTHING = 1e12
"""The ratio of a rise from nothing (assumed): beyond all ratios of counts, and finite."""

_LOGIN_CAP_DAYS = 33.0
_USUAL_DAYS = 14
_SCORE_BACK = pd.Timedelta(days=28)
_SCORE_OLDEST = pd.Timedelta(days=31)

_SINCE_REGISTERED = Feature(
    table="merchants", aggregate="days_since", title="days since registration",
    title_zh="注册天数", unit="days",
)  # fmt: skip

_SOON = "b._happened >= a.disbursed_at AND b._happened < a.disbursed_at + INTERVAL 24 HOUR"
_TRANSFERS = """
WITH out AS (
  SELECT a.row, sum(TRY_CAST(round(-b.amount * 100) AS BIGINT)) FILTER (
      {is_soon} AND b.amount < 0 AND {is_moved}) AS fen,
    count(*) AS n,
    bool_or(b.amount NOT BETWEEN -1e11 AND 1e11) FILTER ({is_soon}) AS is_bad
  FROM asked a JOIN ({bank}) b ON b._merchant_id = a.merchant_id
    AND b._happened >= a.disbursed_at
    AND b._happened < a.as_of AND b._known < a.as_of
  GROUP BY a.row)
SELECT a.row, CASE WHEN o.n > 0 AND NOT coalesce(o.is_bad, false)
  THEN coalesce(o.fen, 0) / a.principal_fen END AS share
FROM asked a LEFT JOIN out o USING (row) ORDER BY a.row
"""


def build_values(
    records: Records, loans: pd.DataFrame, rules: WarningRules, scores: pd.DataFrame | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Build each rule's value of each open loan; NaN where it is unknown.

    Parameters
    ----------
    records : Records
        The platform's records.
    loans : pandas.DataFrame
        ``merchant_id, as_of, disbursed_at, principal_fen, days_past_due, has_due``.
    rules : WarningRules
        Which values.
    scores : pandas.DataFrame or None
        From :func:`read_scores`.

    Returns
    -------
    tuple of pandas.DataFrame and tuple of str
        A column a rule, named by its code; and the rules whose source the records lack.
    """
    asked = {rule.code: rule for rule in rules.rules}
    lacking = tuple(code for code in asked if not _has_source(records, code, asked[code].features))
    merchants = loans[["merchant_id", "as_of"]].drop_duplicates(ignore_index=True)
    reads = {f.name: f for rule in rules.rules for f in rule.features}
    if "WARN_SALES_FALL" in asked:
        reads[_SINCE_REGISTERED.name] = _SINCE_REGISTERED
    own = _features(records, merchants, tuple(reads.values()))
    possible = {name: np.where(np.isinf(each), np.nan, each) for name, each in own.items()}
    values = merchants.assign(**possible)
    if {"WARN_SALES_FALL", "WARN_REFUND_RISE"} & set(asked):
        values = values.join(_others(records, values))
    columns: dict[str, Floats] = {}
    by_merchant = loans[["merchant_id", "as_of"]].merge(
        values, on=["merchant_id", "as_of"], how="left", validate="many_to_one"
    )
    for code in asked:
        if code in lacking:
            columns[code] = np.full(len(loans), np.nan)
        elif code in _OF_FEATURES:
            columns[code] = _OF_FEATURES[code](by_merchant)
        elif code == "WARN_OVERDUE":
            columns[code] = loans["days_past_due"].where(loans["has_due"]).to_numpy(dtype=float)
        elif code == "WARN_TRANSFER_OUT":
            columns[code] = transferred_share(records, loans)
        elif scores is None or loans.empty:
            columns[code] = np.full(len(loans), np.nan)
        elif code == "WARN_SCORE_LOW":
            columns[code] = latest_score(loans, scores)["score"].to_numpy(dtype=float)
        else:
            columns[code] = _score_change(loans, scores)
    finite = {code: np.where(np.isfinite(each), each, np.nan) for code, each in columns.items()}
    return pd.DataFrame(finite, index=loans.index), lacking


def _has_source(records: Records, code: str, features: tuple[Feature, ...]) -> bool:
    """Tell whether the records have every table and column that a rule reads."""
    if code == "WARN_TRANSFER_OUT":
        return "bank_txns" in records and "kind" in records.columns("bank_txns")
    return all(is_supplied(records, feature) for feature in features if feature.table)


def _features(
    records: Records, asked: pd.DataFrame, features: tuple[Feature, ...]
) -> dict[str, Floats]:
    """Build features of merchants at looks."""
    if asked.empty or not features:
        return {feature.name: np.empty(len(asked)) for feature in features}
    frame = build_frame(records, Cohort.from_frame(asked), catalogue=Catalogue(features))
    return {name: frame[name].to_numpy() for name in frame}


def _others(records: Records, mine: pd.DataFrame) -> pd.DataFrame:
    """Sum what all other merchants, registered for long enough, did by the same moments."""
    features = tuple({f.name: f for f in (*SALES, *REFUNDS)}.values())
    everybody = _everybody(records, mine["as_of"].drop_duplicates())
    built = _features(records, everybody, (*features, _SINCE_REGISTERED))
    all_values = everybody.assign(**built)
    old = all_values[_SINCE_REGISTERED.name] >= _LONG_ENOUGH_DAYS
    names = [feature.name for feature in features]
    is_possible = ~np.isinf(all_values[names]).any(axis=1)
    counted = all_values[names].where(old & is_possible, 0.0).fillna(0.0)
    total = (counted * 100).round().astype(np.int64).groupby(all_values["as_of"]).sum() / 100
    own = mine[["merchant_id", "as_of"]].merge(
        all_values[["merchant_id", "as_of"]].join(counted), on=["merchant_id", "as_of"], how="left"
    )
    rest = (
        total.reindex(mine["as_of"], fill_value=0.0).to_numpy() - own[names].fillna(0.0).to_numpy()
    )
    return pd.DataFrame(rest, columns=[f"others_{n}" for n in names], index=mine.index)


def _everybody(records: Records, moments: pd.Series) -> pd.DataFrame:
    """List the merchants known at each of some moments."""
    con = records.connect(kept=True)
    try:
        con.register("looks", pa.table({"as_of": pa.array(moments.to_numpy("datetime64[us]"))}))
        return con.execute(
            f"SELECT DISTINCT m._merchant_id AS merchant_id, l.as_of "
            f"FROM ({records.fact_sql('merchants')}) m JOIN looks l "
            "ON m._happened < l.as_of AND m._known < l.as_of ORDER BY as_of, merchant_id"
        ).df()
    finally:
        con.close()


def _divided(above: Floats, below: Floats) -> Floats:
    """Divide; unknown where there is nothing to divide by."""
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def _sales(frame: pd.DataFrame) -> Floats:
    """Give sales of 14 days over what the 84 days before and the others' season let expect.

    (own 14 d / own 84 d before) / (others' 14 d / others' 84 d before); unknown with fewer than
    five orders in the 84 days, or fewer than 98 days since registration, as for the others.
    """
    new, whole, new_count, count = (feature.name for feature in SALES)
    own, others = ((frame[f"{who}{new}"].to_numpy(), frame[f"{who}{whole}"].to_numpy())
                   for who in ("", "others_"))  # fmt: skip
    base = np.round(own[1] - own[0], 2)
    season = _divided(others[0], np.round(others[1] - others[0], 2))
    value = _divided(own[0], base * season)
    is_old = frame[_SINCE_REGISTERED.name] >= _LONG_ENOUGH_DAYS
    return np.where(is_old & (frame[count] - frame[new_count] >= 5), value, np.nan)


def _refunds(frame: pd.DataFrame) -> Floats:
    """Give refunds an order of 28 days over the rate of the 180 days before.

    The earlier rate is drawn to the others' rate of that time as if 50 more orders had it (the
    prior weight of DOMAIN 3.3); unknown with fewer than five orders in the 28 days. A rise where
    neither they nor the others had any refund is the largest ratio, 1e12 (assumed).
    """
    new, whole, orders, all_orders = (feature.name for feature in REFUNDS)
    asked = [frame[f"others_{n}"].to_numpy() for n in (new, whole, orders, all_orders)]
    usual = _divided(asked[1] - asked[0], asked[3] - asked[2])
    before = frame[whole].to_numpy() - frame[new].to_numpy()
    paid_before = frame[all_orders].to_numpy() - frame[orders].to_numpy()
    base = (before + _USUAL_WEIGHT * usual) / (paid_before + _USUAL_WEIGHT)
    now = _divided(frame[new].to_numpy(), frame[orders].to_numpy())
    value = np.where((now > 0) & (base == 0), _FROM_NOTHING, _divided(now, base))
    value = np.where(now == 0, 0.0, np.minimum(value, _FROM_NOTHING))
    return np.where(frame[orders] >= 5, value, np.nan)


def _logins(frame: pd.DataFrame) -> Floats:
    """Give days since the last login, 33 at most.

    A day that is not written down says nothing where few days are: unknown unless a day of the
    last five is, or 14 of the 28 days before them.
    """
    recent = frame["interactions_daily_count_5d"].to_numpy()
    usual = frame["interactions_daily_count_33d"].to_numpy() - recent
    since = frame["interactions_daily_seen_days_since"].fillna(_LOGIN_CAP_DAYS).to_numpy()
    is_known = (recent > 0) | (usual >= _USUAL_DAYS)
    return np.where(is_known, np.minimum(since, _LOGIN_CAP_DAYS), np.nan)


_OF_FEATURES: Mapping[str, Callable[[pd.DataFrame], Floats]] = {
    "WARN_SALES_FALL": _sales,
    "WARN_REFUND_RISE": _refunds,
    "WARN_RATING_DROP": lambda frame: frame["rating_change"].to_numpy(),
    "WARN_NO_LOGIN": _logins,
    "WARN_VIOLATION": lambda frame: frame["violations_count_30d"].to_numpy(),
}


def transferred_share(records: Records, loans: pd.DataFrame) -> Floats:
    """Give the share of each loan moved away within 24 hours of its disbursement.

    Outflows of the bank account but for those of trade, known before the look, over the principal;
    unknown where no posting since the loan is known, for an account that ends before it says
    nothing of what came after, or where one of the 24 hours has an impossible amount.
    """
    if loans.empty:
        return np.empty(0)
    asked = pa.table(
        {
            "row": pa.array(np.arange(len(loans))),
            "merchant_id": pa.array(loans["merchant_id"].tolist(), pa.string()),
            "as_of": pa.array(loans["as_of"].to_numpy("datetime64[us]")),
            "disbursed_at": pa.array(loans["disbursed_at"].to_numpy("datetime64[us]")),
            "principal_fen": pa.array(loans["principal_fen"].to_numpy(np.int64)),
        }
    )
    con = records.connect(kept=True)
    try:
        con.register("asked_rows", asked)
        con.execute("CREATE TEMP TABLE asked AS SELECT * FROM asked_rows")
        query = _TRANSFERS.format(
            bank=records.fact_sql("bank_txns"), is_soon=_SOON,
            is_moved=MOVED_AWAY.format("b.kind"),
        )  # fmt: skip
        found = con.execute(query).fetchnumpy()["share"]
    except duckdb.Error as error:
        raise query_refused(
            error, "must be readable", subject="table 'bank_txns'", do="run find_problems"
        ) from error
    finally:
        con.close()
    return np.asarray(np.ma.filled(np.ma.masked_array(found), np.nan), dtype=float)


def read_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Check a frame of scores: ``merchant_id, as_of, score``, one a merchant and moment."""
    if not isinstance(scores, pd.DataFrame):
        refuse("scores", "must be a frame of merchant_id, as_of and score", type(scores).__name__)
    require_columns("scores", map(str, scores.columns), ("merchant_id", "as_of", "score"))
    given = scores["score"]
    if not pd.api.types.is_numeric_dtype(given) or np.isinf(given.to_numpy(dtype=float)).any():
        refuse("scores", "must hold finite points in score", f"dtype {given.dtype}")
    if scores.empty:
        refuse("scores", "must have at least one row", "none", "leave scores out")
    try:
        frame = Cohort.from_frame(scores[["merchant_id", "as_of"]]).frame
    except InputError as error:
        raise InputError(f"scores: {error}") from error
    frame["score"] = given.to_numpy(dtype=float)
    if frame.duplicated(["merchant_id", "as_of"]).any():
        refuse("scores", "must have one score for a merchant and moment", "more", "keep one")
    return frame.dropna().sort_values(["as_of", "merchant_id"], ignore_index=True)


def latest_score(asked: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Give the latest score as of each row's moment, not older than 31 days, and its moment."""
    at = asked["as_of"].astype("datetime64[us]")
    left = asked[["merchant_id"]].assign(as_of=at, place=np.arange(len(asked)))
    right = scores.assign(at=scores["as_of"])
    found = pd.merge_asof(
        left.sort_values("as_of", kind="stable"), right, on="as_of", by="merchant_id",
        tolerance=_SCORE_OLDEST,
    )  # fmt: skip
    return found.sort_values("place", ignore_index=True)


def _score_change(loans: pd.DataFrame, scores: pd.DataFrame) -> Floats:
    """Give the latest score less the latest of 28 days or more before it."""
    now = latest_score(loans, scores)
    known = now["at"].notna()
    change = np.full(len(loans), np.nan)
    earlier = now.loc[known, ["merchant_id", "at"]].rename(columns={"at": "as_of"})
    then = latest_score(earlier.assign(as_of=earlier["as_of"] - _SCORE_BACK), scores)
    change[known.to_numpy()] = now.loc[known, "score"].to_numpy() - then["score"].to_numpy()
    return change
