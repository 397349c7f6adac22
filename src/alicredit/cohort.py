"""Who is asked about, and as of when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import nearest, refusal, require_columns, require_kind, require_whole
from alicredit.errors import InputError
from alicredit.records import Records, require_records
from alicredit.records.moments import as_moment, is_written_as_time

__all__ = ["Cohort", "Mask", "as_moment", "concatenate", "known_merchants", "require_cohort"]

Mask = npt.NDArray[np.bool_]

_ZONED = re.compile(r"[T ]\d\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Questions, one a row: this merchant, as of this moment (and, for loans, this loan).

    Made by :meth:`at`, :meth:`of_loans` or :meth:`from_frame`. Its ``frame`` has the columns
    ``merchant_id`` and ``as_of``; for loans ``loan_id`` and ``product_id`` too.

    Examples
    --------
    >>> cohort = Cohort.from_frame(pd.DataFrame(
    ...     {"merchant_id": ["a", "b"], "as_of": ["2013-05-01", "2013-06-01"]}))
    >>> len(cohort), len(cohort[cohort.frame["merchant_id"] == "b"])
    (2, 1)
    >>> Cohort.from_frame(pd.DataFrame({"merchant": ["a"], "as_of": ["2013-05-01"]}))
    Traceback (most recent call last):
    alicredit.errors.InputError: frame must have the column 'merchant_id'; ...
    """

    _frame: pd.DataFrame

    @property
    def frame(self) -> pd.DataFrame:
        """Give the questions as a frame of the caller's own: changing it leaves the cohort."""
        return self._frame.copy()

    @classmethod
    def at(cls, records: Records, as_of: object) -> Cohort:
        """Ask about every merchant known before one moment, sorted by merchant.

        Parameters
        ----------
        records : Records
            With ``merchants``.
        as_of : str, date or timestamp
            The moment.

        Returns
        -------
        Cohort
            One row a merchant.

        Raises
        ------
        InputError
            Where nobody was known yet, or the moment is none.
        RecordError
            For what is no records.
        """
        moment = as_moment("as_of", as_of)
        known = known_merchants(records, moment)
        if not known:
            first, _ = records.span
            found = f"{moment} before all records, which start {first}"
            raise InputError(refusal("as_of", "must lie after the first merchant is known", found))
        return cls.from_frame(pd.DataFrame({"merchant_id": known, "as_of": moment}))

    @classmethod
    def of_loans(cls, records: Records, product: str | None = None) -> Cohort:
        """Ask about each loan's borrower at its disbursement, sorted by time and loan.

        A loan without borrower, time or id asks nothing; ``find_problems`` lists it.

        Parameters
        ----------
        records : Records
            With ``loans``.
        product : str or None, default None
            Loans of this product alone; None: all.

        Returns
        -------
        Cohort
            With ``loan_id`` and ``product_id``.

        Raises
        ------
        InputError
            For a product that no loan has, or records without loans.
        RecordError
            For what is no records.
        """
        con = require_records(records).connect(kept=True)
        try:
            frame = con.execute(
                "SELECT _merchant_id AS merchant_id, _happened AS as_of, loan_id, product_id "
                f"FROM ({records.fact_sql('loans')}) WHERE ($1 IS NULL OR product_id = $1) "
                "AND _merchant_id IS NOT NULL AND _happened IS NOT NULL AND loan_id IS NOT NULL "
                "ORDER BY as_of, loan_id",
                [product],
            ).df()
            known = [r[0] for r in con.execute("SELECT DISTINCT product_id FROM loans").fetchall()]
        finally:
            con.close()
        if frame.empty:
            hint = nearest(str(product), map(str, known)) if known else "give records with loans"
            rule = "must be a product that some loan has"
            raise InputError(refusal("product", rule, repr(product), hint))
        return cls.from_frame(frame)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Cohort:
        """Ask the questions of a frame, in its order.

        Parameters
        ----------
        frame : pandas.DataFrame
            ``merchant_id`` (text or whole numbers), ``as_of`` (naive times, dates, or texts with
            the year first) and where rows are loans ``loan_id, product_id``; other columns are
            passed over.

        Returns
        -------
        Cohort
            One row a question; identifiers as text, times in microseconds.

        Raises
        ------
        InputError
            For missing columns, no rows, merchants or loans that are missing or fractions, times
            that are missing, have a zone, or are texts without the year first.

        Examples
        --------
        >>> Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": ["2013-05-01"]}))
        Cohort(1 rows, 1 merchants, 2013-05-01 to 2013-05-01)
        >>> Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": ["1/5/2013"]}))
        Traceback (most recent call last):
        alicredit.errors.InputError: frame must hold naive local times in as_of; found '1/5/...
        """
        if not isinstance(frame, pd.DataFrame):
            raise InputError(refusal("frame", "must be a pandas DataFrame", type(frame).__name__))
        require_columns("frame", map(str, frame.columns), ("merchant_id", "as_of"))
        if frame.columns.duplicated().any():
            rule = "must have columns of different names"
            raise InputError(refusal("frame", rule, list(frame.columns), "drop one"))
        if frame.empty:
            rule = "must have at least one row"
            raise InputError(refusal("frame", rule, "none", "ask about at least one merchant"))
        kept = {"merchant_id": _ids(frame, "merchant_id"), "as_of": _times(frame)}
        if "loan_id" in frame:
            kept["loan_id"] = _ids(frame, "loan_id")
        if "product_id" in frame:
            product = frame["product_id"]
            named = product.astype(str).astype(object).where(product.notna(), None)
            kept["product_id"] = named.to_numpy(object)
        return cls(pd.DataFrame(kept))

    def __len__(self) -> int:
        """Count the questions."""
        return len(self._frame)

    @property
    def shape(self) -> tuple[int]:
        """Give the number of rows as arrays do: scikit-learn then splits a cohort as one."""
        return (len(self),)

    def __repr__(self) -> str:
        """Say how many questions, about whom and when."""
        if self._frame.empty:
            return "Cohort(0 rows)"
        who = self._frame["merchant_id"].nunique()
        first, last = self._frame["as_of"].min(), self._frame["as_of"].max()
        return f"Cohort({len(self)} rows, {who} merchants, {first:%Y-%m-%d} to {last:%Y-%m-%d})"

    def __getitem__(self, rows: Any) -> Cohort:
        """Take rows by a boolean mask, whole numbers or a slice."""
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:
            rows = rows[0]  # as arrays are asked for rows
        chosen = rows if isinstance(rows, slice) else np.asarray(rows)
        if isinstance(chosen, np.ndarray):
            is_mask = chosen.dtype == bool
            if not is_mask and chosen.size == 0:
                chosen = chosen.astype(int)
            if not is_mask and not np.issubdtype(chosen.dtype, np.integer):
                rule = "must be a boolean mask, whole numbers or a slice"
                raise InputError(refusal("rows", rule, f"dtype {chosen.dtype}"))
            if chosen.ndim != 1 or (is_mask and len(chosen) != len(self)):
                rule = f"must be a mask of the cohort's {len(self)} rows"
                raise InputError(refusal("rows", rule, f"shape {chosen.shape}"))
        try:
            return Cohort(self._frame.iloc[chosen].reset_index(drop=True))
        except (IndexError, TypeError) as error:
            rule = f"must lie within the cohort's {len(self)} rows"
            raise InputError(refusal("rows", rule, repr(rows)[:60])) from error

    def split_by_time(
        self, cut: object, *, labels: pd.Series, horizon_days: int | None = None
    ) -> tuple[Mask, Mask]:
        """Split into training rows, whose outcome was known at the cut, and test rows after it.

        A training row's whole outcome window ends by the cut, whether it was good or bad, or the
        latest rows would be all bad. Rows without a label stand on neither side.

        Parameters
        ----------
        cut : str or timestamp
            Start of the test period.
        labels : pandas.Series
            From ``label_defaults`` on this cohort.
        horizon_days : int or None, default None
            Length of the outcome window; by default what ``labels`` carry.

        Returns
        -------
        tuple of two boolean arrays
            Train and test, of the cohort's length.

        Raises
        ------
        InputError
            If the labels are of another length or carry no horizon, or a side is empty.

        Examples
        --------
        >>> days = ["2012-01-01", "2012-06-01", "2013-01-01"]
        >>> asked = pd.DataFrame({"merchant_id": ["a", "b", "a"], "as_of": days})
        >>> cohort = Cohort.from_frame(asked)
        >>> labels = pd.Series([0.0, 1.0, 0.0])
        >>> train, test = cohort.split_by_time("2012-11-01", labels=labels, horizon_days=90)
        >>> train.tolist(), test.tolist()
        ([True, True, False], [False, False, True])
        >>> cohort.split_by_time("2012-11-01", labels=labels)
        Traceback (most recent call last):
        alicredit.errors.InputError: labels must carry their horizon; found none. ...
        """
        moment = as_moment("cut", cut)
        if not isinstance(labels, pd.Series):
            do = "label this cohort with label_defaults"
            raise InputError(refusal("labels", "must be a Series", type(labels).__name__, do))
        if len(labels) != len(self):
            rule = f"must have one row for each of the cohort's {len(self)}"
            raise InputError(refusal("labels", rule, len(labels), "label this very cohort"))
        days = labels.attrs.get("horizon_days") if horizon_days is None else horizon_days
        if days is None:
            do = "pass horizon_days="
            raise InputError(refusal("labels", "must carry their horizon", "none", do))
        require_whole("horizon_days", days, 1)
        as_of = self._frame["as_of"].to_numpy()
        at = np.datetime64(moment, "us")
        known = labels.notna().to_numpy()
        train = known & (as_of + np.timedelta64(int(days), "D") <= at)
        test = known & (as_of >= at)
        for side, mask in (("before", train), ("after", test)):
            if not mask.any():
                rule = f"must leave labelled rows {side} it, with windows of {days} days"
                found = f"{moment:%Y-%m-%d} on {self!r}"
                raise InputError(refusal("cut", rule, found, self._cuts(known, int(days))))
        return train, test

    def _cuts(self, known: Mask, days: int) -> str:
        """Say between which days a cut leaves labelled rows on both sides, if any does."""
        as_of = self._frame["as_of"][known]
        if as_of.empty:
            return "see label_status: no row has a label"
        first, last = as_of.min() + pd.Timedelta(days=days), as_of.max()
        if first.ceil("D") <= last:
            return f"a date from {first.ceil('D'):%Y-%m-%d} to {last:%Y-%m-%d}"
        return (
            f"train on all of them: labelled rows end {last:%Y-%m-%d}, {days} days after the first "
            f"it is {first:%Y-%m-%d}, so that none can be judged later"
        )


def known_merchants(records: Records, moment: pd.Timestamp) -> list[str | None]:
    """Name the merchants known before a moment, sorted; None stands for rows without one.

    Parameters
    ----------
    records : Records
        From ``read_records``.
    moment : pandas.Timestamp
        Naive, in the records' timezone; what is known at it is not known before it.

    Returns
    -------
    list of str or None
        Each once.

    Raises
    ------
    RecordError
        For what is no records.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["b", "a"], "platform": ["taobao", "taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01", "2012-05-01"])})
    >>> known_merchants(read_records({"merchants": merchants}), pd.Timestamp("2012-01-01"))
    ['b']
    >>> known_merchants(merchants, pd.Timestamp("2012-01-01"))
    Traceback (most recent call last):
    alicredit.errors.RecordError: records must be what read_records gives; found DataFrame. ...
    """
    con = require_records(records).connect(["merchants"], kept=True)
    try:
        rows = con.execute(
            f"SELECT DISTINCT _merchant_id FROM ({records.fact_sql('merchants')}) "
            "WHERE _happened < $1 AND _known < $1 ORDER BY 1",
            [moment.to_pydatetime()],
        ).fetchall()
    finally:
        con.close()
    return [row[0] for row in rows]


def require_cohort(value: object) -> Cohort:
    """Return a cohort; refuse anything else and say how to make one.

    Parameters
    ----------
    value : object
        What was given as a cohort.

    Returns
    -------
    Cohort
        The same.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> require_cohort(pd.DataFrame({"merchant_id": ["a"], "as_of": ["2013-05-01"]}))
    Traceback (most recent call last):
    alicredit.errors.InputError: cohort must be a Cohort; found DataFrame. Try: ...
    """
    do = "make one with Cohort.at, Cohort.of_loans or Cohort.from_frame"
    return require_kind("cohort", value, Cohort, "must be a Cohort", do=do)


def _ids(frame: pd.DataFrame, name: str) -> npt.NDArray[np.object_]:
    """Read a column of identifiers: texts or whole numbers, given in each row."""
    given = frame[name]
    is_lacking = given.isna() | (given.astype(object) == "")
    if is_lacking.any():
        rule = f"must have a {name} in each row"
        raise InputError(refusal("frame", rule, f"{int(is_lacking.sum())} without"))
    kinds = {type(value) for value in given.to_numpy(object)}
    odd = [k for k in kinds if k is bool or not issubclass(k, str | int | np.integer)]
    if odd:
        rule, do = f"must have texts or whole numbers in {name}", "write 1.0 as '1'"
        raise InputError(refusal("frame", rule, f"values of type {odd[0].__name__}", do))
    return given.astype(str).to_numpy(object)


def _times(frame: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    """Read the as_of column as naive microseconds."""
    given = frame["as_of"]
    rule = "must hold naive local times in as_of"
    if pd.api.types.is_numeric_dtype(given):
        raise InputError(refusal("frame", rule, f"dtype {given.dtype}"))
    is_time = pd.api.types.is_datetime64_any_dtype(given)
    texts = [] if is_time else [v for v in given.to_numpy(object) if isinstance(v, str)]
    odd = next((text for text in texts if not is_written_as_time(text)), None)
    if odd is not None:
        raise InputError(refusal("frame", rule, repr(odd), "write the year first"))
    zones = "convert to the records' local time and drop the zone"
    if any(_ZONED.search(text) for text in texts):
        raise InputError(refusal("frame", rule, "times with a zone", zones))
    try:
        times = pd.to_datetime(given, format="ISO8601" if texts else None)
    except (ValueError, TypeError) as error:
        raise InputError(refusal("frame", rule, f"({str(error).splitlines()[0][:100]})")) from error
    if getattr(times.dt, "tz", None) is not None:
        raise InputError(refusal("frame", rule, "times with a zone", zones))
    if times.isna().any():
        raise InputError(refusal("frame", rule, f"{int(times.isna().sum())} missing"))
    return times.to_numpy().astype("datetime64[us]")


def concatenate(cohorts: Sequence[Cohort]) -> Cohort:
    """Join cohorts end to end.

    Parameters
    ----------
    cohorts : sequence of Cohort
        At least one, all with the same columns.

    Returns
    -------
    Cohort
        The rows of all, in order.

    Raises
    ------
    InputError
        If there is none, or one has loans and another has not.

    Examples
    --------
    >>> one = Cohort.from_frame(pd.DataFrame({"merchant_id": ["a"], "as_of": ["2013-05-01"]}))
    >>> len(concatenate([one, one]))
    2
    >>> concatenate([])
    Traceback (most recent call last):
    alicredit.errors.InputError: cohorts must be at least one; found none.
    """
    if not cohorts:
        raise InputError(refusal("cohorts", "must be at least one", "none"))
    return Cohort.from_frame(pd.concat([c.frame for c in cohorts], ignore_index=True))
