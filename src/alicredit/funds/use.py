"""What merchants did after they borrowed, against similar merchants who did not borrow then.

Real use of a loan is hard to see: this compares, and does not prove.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.alerts.early import closing
from alicredit.alerts.values import transferred_share
from alicredit.checks import refuse, require_between, require_one_of, require_whole
from alicredit.cohort import as_moment
from alicredit.funds.effects import read_effect, read_rates, summary_of
from alicredit.funds.matching import Stage, find_neighbours
from alicredit.funds.windows import Daily, read_daily, read_merchants
from alicredit.ledger import Postings, read_postings
from alicredit.records import Records, require_records
from alicredit.vocabulary import FUNDS_CAVEAT, FUNDS_OUTCOMES, FUNDS_READINGS

__all__ = ["UseOfFunds", "use_of_funds"]


@dataclass(frozen=True, eq=False)
class UseOfFunds:
    """What :func:`use_of_funds` found.

    Parameters
    ----------
    loans : pandas.DataFrame
        A row a loan.
    summary : pandas.DataFrame
        A row an outcome.

    Examples
    --------
    >>> UseOfFunds(pd.DataFrame(), pd.DataFrame({"outcome": [], "reading": []})).tell()[-1][:40]
    'What a loan was really used for is hard '
    """

    loans: pd.DataFrame
    summary: pd.DataFrame

    def tell(self, *, language: str = "en") -> tuple[str, ...]:
        """Say in plain words how each outcome reads, and last what that does not prove."""
        require_one_of("language", language, ("en", "zh"))
        told = []
        for outcome, reading in zip(self.summary["outcome"], self.summary["reading"]):
            what, how = FUNDS_OUTCOMES[outcome], FUNDS_READINGS[reading]
            told.append(f"{what.text}: {how.text}" if language == "en"
                        else f"{what.text_zh}：{how.text_zh}")  # fmt: skip
        return (*told, FUNDS_CAVEAT.text if language == "en" else FUNDS_CAVEAT.text_zh)


def use_of_funds(
    records: Records,
    *,
    as_of: object,
    product: str | None = None,
    before_days: int = 28,
    after_days: int = 14,
    neighbours: int = 3,
    caliper: float = 0.5,
) -> UseOfFunds:
    """Compare what merchants did after a loan with what they did before, and with similar ones.

    Per day, the days after the day of disbursement less the days before it (DOMAIN 3.3); and the
    same of the nearest merchants of the same platform and category, in log sales and their growth
    before, who had no loan out then: a difference in differences on the same dates. Orders behind
    loans are left out. Loans of a merchant who had another loan out in the days before are listed,
    not compared. Nothing after ``as_of`` is read.

    Parameters
    ----------
    records : Records
        With ``loans``; ``orders``, ``traffic_daily`` and ``bank_txns`` where they are.
    as_of : date
        Loans whose days after are over by then.
    product : str or None, default None
        Loans of one product; None: all.
    before_days : int, default 28
        Days before the day of disbursement.
    after_days : int, default 14
        Days after it. For transfers out: the day itself and the next, which hold the first 24
        hours.
    neighbours : int, default 3
        Similar merchants a loan, at most (assumed).
    caliper : float, default 0.5
        How far they may be, in standard deviations (assumed).

    Returns
    -------
    UseOfFunds
        ``loans``: ``loan_id, merchant_id, product_id, disbursed_at, status``
        (``vocabulary.FUNDS_STATUSES``), ``neighbours, distance`` (mean), ``transfer_out_share`` and
        ``supplier_share`` (of the principal, in 24 hours and in the days after), and for each
        outcome ``_before, _after, _change, _others_change, _effect``, a day; NaN where unknown.
        ``summary``, a row an outcome (``vocabulary.FUNDS_OUTCOMES``): ``loans, merchants`` that
        were compared; means of ``before, after, change, others_change``; ``effect`` = change less
        others' change with ``effect_low, effect_high``; ``log_effect`` of ln(1 + a day's value)
        likewise; ``effect_size`` = log_effect over the standard deviation of the others' log
        changes; and the ``reading`` (by the interval of log_effect), with ``title, title_zh``.
        Intervals are of 95 %; pairs that share a merchant, on either side, share fates (dyadic
        clusters).

    Raises
    ------
    InputError
        For a moment that is none, a number out of range, or no loan to look at.
    RecordError
        If there is no table of loans, or rows cannot be read.

    Examples
    --------
    >>> import alicredit as ac
    >>> records, _ = ac.simulate_platform(80, seed=3, months=14, orders_per_month=4)
    >>> found = use_of_funds(records, as_of="2010-08-31")
    >>> found.summary["outcome"].tolist()[:3], found.tell()[-1].startswith("What a loan was")
    (['ad_spend', 'traffic', 'orders'], True)
    >>> use_of_funds(records, as_of="2010-08-31", after_days=0)
    Traceback (most recent call last):
    alicredit.errors.InputError: after_days must be a whole number of at least 1 ...; found 0.
    """
    require_records(records)
    moment = as_moment("as_of", as_of)
    require_whole("before_days", before_days, 1, high=365)
    require_whole("after_days", after_days, 1, high=365)
    require_whole("neighbours", neighbours, 1, high=100)
    require_between("caliper", caliper, 0, 100)
    merchants = read_merchants(records, moment)
    index = pd.Index(merchants["merchant_id"])
    book = _book(read_postings(records).known_before(moment), index)
    loans = _asked(book, moment, product, after_days)
    daily = read_daily(records, index, moment)
    stage = Stage.of(merchants, book, daily.get("orders"), before_days, after_days)
    loans["status"] = _status(stage, loans)
    pairs = find_neighbours(stage, loans, neighbours=neighbours, caliper=caliper)
    return _compared(records, moment, stage, loans, pairs, daily)


def _book(postings: Postings, index: pd.Index) -> pd.DataFrame:
    """List the loans known, with merchant's place, day lent and day repaid."""
    loans = postings.loans[postings.loans["merchant_id"].isin(index)]
    loans = loans.sort_values(["disbursed_at", "loan_id"], ignore_index=True)
    over = closing(loans, postings.payments, "day").astype("datetime64[D]")
    end = np.where(np.isnat(over), np.nan, over.astype(np.int64).astype(float))
    day = loans["disbursed_at"].to_numpy("datetime64[D]").astype(np.int64)
    place = index.get_indexer(loans["merchant_id"]).astype(np.int64)
    return loans.assign(place=place, day=day, end_day=end)


def _asked(
    book: pd.DataFrame, moment: pd.Timestamp, product: str | None, after_days: int
) -> pd.DataFrame:
    """Choose the loans whose days after are over."""
    if product is not None:
        known = sorted(book["product_id"].dropna().astype(str).unique())
        require_one_of("product", product, known)
        book = book[book["product_id"] == product]
    today = int(moment.to_datetime64().astype("datetime64[D]").astype(np.int64))
    loans = book[book["day"] + 1 + after_days <= today].reset_index(drop=True)
    if loans.empty:
        found = f"none {after_days + 1} days before {moment:%Y-%m-%d}"
        refuse("as_of", "must leave a loan with its days after", found, "look later")
    return loans


def _status(stage: Stage, loans: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Say which loans can be compared, as far as their merchants tell."""
    place, day = (loans[name].to_numpy(np.int64) for name in ("place", "day"))
    before = stage.has_loan(place, day - stage.before_days, day)
    young = ~stage.is_old(place, day)
    return np.select([before, young], ["borrowed_before", "too_young"], "compared").astype(object)


def _compared(
    records: Records,
    moment: pd.Timestamp,
    stage: Stage,
    loans: pd.DataFrame,
    pairs: pd.DataFrame,
    daily: dict[str, Daily],
) -> UseOfFunds:
    """Lay out what each loan's merchant and its neighbours did."""
    near = pairs.groupby("loan")["distance"]
    count = near.size().reindex(loans.index).fillna(0).astype(np.int64)
    alone = (count == 0) & (loans["status"] == "compared")
    frame = loans[["loan_id", "merchant_id", "product_id", "disbursed_at"]].assign(
        status=loans["status"].where(~alone, "no_match"), neighbours=count,
        distance=near.mean().reindex(loans.index).astype(float),
    )  # fmt: skip
    has_bank = "bank" in daily
    asked = loans.assign(as_of=moment)
    frame["transfer_out_share"] = transferred_share(records, asked) if has_bank else np.nan
    owner, day = (loans[name].to_numpy(np.int64) for name in ("place", "day"))
    lengths = {"before_days": stage.before_days, "after_days": stage.after_days}
    row, place = (pairs[name].to_numpy(np.int64) for name in ("loan", "place"))
    rows: dict[str, dict[str, object]] = {}
    for outcome in FUNDS_OUTCOMES:
        mine = read_rates(daily, outcome, owner, day, **lengths)
        theirs = read_rates(daily, outcome, place, day[row], **lengths)
        columns, rows[outcome] = read_effect(mine, theirs, pairs, owner)
        frame = frame.assign(**{f"{outcome}_{name}": each for name, each in columns.items()})
    spent = frame["supplier_payments_after"].to_numpy() * stage.after_days * 100
    share = spent / loans["principal_fen"].to_numpy(dtype=float)
    frame.insert(frame.columns.get_loc("transfer_out_share") + 1, "supplier_share", share)
    return UseOfFunds(frame, summary_of(rows))
