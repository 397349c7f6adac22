"""Map the Berka bank data (PKDD'99 Discovery Challenge) to records of alicredit.

What the mapping assumes stands in each function; the notebook tells it as a story. Crowns (CZK)
stand in columns of yuan: nothing is converted, so every amount of the results is in crowns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import alicredit as ac
from alicredit.evaluation import auc

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "berka"

DATA_USE = {
    "bank_txns": {
        "purpose": "research on credit risk with an anonymised public set",
        "legal_basis": "published for research by the bank (PKDD'99 Discovery Challenge)",
    }
}

OBSERVED_UNTIL = "1999-12-31"
"""A year after the last loan. The set ends with 1998: see ``_repayments``."""

_KINDS = {
    "credit in cash": "sale",
    "collection from another bank": "wage",
    "remittance to another bank": "supplier",
}

CATALOGUE = ac.CATALOGUE.subset(
    [name for name in ac.CATALOGUE.names if ac.CATALOGUE.sources(name) == ("bank_txns",)]
) + [
    ac.Feature(table="bank_txns", label="salary", aggregate="sum", measure="amount", window_days=90, where=(("kind", "==", "wage"),), direction=-1, title="salary-like inflow of 90 days", title_zh="近90天工资性流入", code="SC_CASHFLOW"),
    ac.Feature(table="bank_txns", aggregate="min", measure="balance_after", window_days=180, direction=-1, title="lowest balance of 180 days", title_zh="近180天最低余额", code="SC_CASHFLOW"),
    ac.Feature(table="bank_txns", label="overdraft", aggregate="active_days", window_days=365, where=(("balance_after", "<", 0),), direction=1, title="days with postings into overdraft", title_zh="近一年透支天数", code="SC_CASHFLOW"),
    ac.Feature(table="applications", aggregate="last", measure="amount_asked", window_days=30, title="amount asked", title_zh="申请金额", code="SC_CREDIT_USE"),
    ac.Feature(label="asked_to_inflow_90d", aggregate="ratio", factor=3.0, of=("applications_amount_asked_last_30d", "bank_txns_inflow_sum_90d"), direction=1, title="amount asked in months of inflow", title_zh="申请金额相当于几个月流入", code="SC_CREDIT_USE"),
]  # fmt: skip
"""The built-in bank features and five of our own, a line each."""

DIRECTIONS = {**CATALOGUE.directions, "instalment_to_inflow": 1}


def read_loans(folder: Path = FOLDER) -> pd.DataFrame:
    """Read the 354 loans of 1997 and 1998, whose accounts have transactions; sorted as cohorts."""
    loans = pd.read_parquet(folder / "loan.parquet")
    postings = pd.read_parquet(folder / "trans_preloan_1997_98.parquet", columns=["account_id"])
    loans = loans[loans["account_id"].isin(postings["account_id"])]
    loans = loans.assign(loan_id=loans["loan_id"].astype(str), merchant_id=_name(loans))
    return loans.sort_values(["date", "loan_id"], ignore_index=True)


def berka_records(folder: Path = FOLDER) -> ac.Records:
    """Map accounts to merchants, transactions to bank postings, loans and statuses to a ledger."""
    loans = read_loans(folder)
    accounts = pd.read_parquet(folder / "account.parquet")
    accounts = accounts[accounts["account_id"].isin(loans["account_id"])]
    tables = {
        "merchants": pd.DataFrame(
            {
                "merchant_id": _name(accounts),
                "platform": "alipay",  # of the platforms known, the one that keeps accounts
                "entity_kind": "person",
                "registered_at": accounts["date"],
            }
        ),
        "bank_txns": _postings(pd.read_parquet(folder / "trans_preloan_1997_98.parquet")),
        "applications": _applications(loans),
        "loans": _loans(loans),
        "instalments": _instalments(loans),
        "repayments": _repayments(loans),
    }
    return ac.read_records(tables, data_use=DATA_USE)


def build_inputs(records: ac.Records, cohort: ac.Cohort, loans: pd.DataFrame) -> pd.DataFrame:
    """Build the catalogue's features, and the agreed instalment over the monthly inflow."""
    X = ac.build_features(records, cohort, catalogue=CATALOGUE)
    inflow = X["bank_txns_inflow_sum_90d"] / 3
    return X.assign(instalment_to_inflow=loans["payments"] / inflow.where(inflow > 0))


def out_of_fold(
    X: pd.DataFrame, y: pd.Series, cohort: ac.Cohort, *, repeats: int = 10, folds: int = 5
) -> np.ndarray:
    """Predict each loan by a model that did not see it: one row a repeat, one column a loan.

    Folds are stratified; a loan's account is in no other loan, so that merchants are kept apart.
    One thread: on 354 rows more of them only wait for each other.
    """
    from sklearn.model_selection import StratifiedKFold

    found = np.full((repeats, len(y)), np.nan)
    for repeat in range(repeats):
        splits = StratifiedKFold(folds, shuffle=True, random_state=repeat).split(X, y)
        for learn, judge in splits:
            known = y.iloc[learn].copy()
            known.attrs = y.attrs
            model = ac.DefaultModel(directions=DIRECTIONS, n_jobs=1)
            model.fit(X.iloc[learn], known, cohort=cohort[learn])
            found[repeat, judge] = model.predict_proba(X.iloc[judge])[:, 1]
    return found


def bootstrap(
    y: pd.Series, predicted: np.ndarray, statistic: object, *, draws: int = 400
) -> tuple[float, float, float]:
    """Give the mean of a statistic over repeats, and its 95 % interval over redrawn loans.

    One account has one loan here, so that redrawing loans is redrawing clusters.
    """
    label, rng = y.to_numpy(), np.random.default_rng(0)

    def mean_of(rows: np.ndarray) -> float:
        return float(np.mean([statistic(label[rows], each[rows]) for each in predicted]))

    values = [mean_of(rng.integers(0, len(label), len(label))) for _ in range(draws)]
    low, high = np.quantile(values, [0.025, 0.975])
    return mean_of(np.arange(len(label))), float(low), float(high)


def area(y: np.ndarray, predicted: np.ndarray) -> float:
    """Give the area under the ROC curve."""
    return auc(y, predicted).value


def _name(frame: pd.DataFrame) -> pd.Series:
    """Name an account as a merchant."""
    return "a" + frame["account_id"].astype(str).str.zfill(5)


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort postings by account and day, and those of a day so that each balance follows the last.

    The set has days, not times, and the file does not keep a day's order; balances do: of the rows
    left of a day, the next is the one whose balance less amount is nearest the balance before it.
    """
    sign = np.where(rows["type"] == "credit", 1, -1)
    rows = rows.assign(signed=rows["amount"] * sign).sort_values(
        ["account_id", "date", "trans_id"], ignore_index=True
    )
    before = (rows["balance"] - rows["signed"]).to_numpy()
    after, account = rows["balance"].to_numpy(), rows["account_id"].to_numpy()
    order: list[int] = []
    for _, day in rows.groupby(["account_id", "date"], sort=True):
        left = list(day.index)
        is_same = bool(order) and account[order[-1]] == account[left[0]]
        balance = after[order[-1]] if is_same else 0.0
        while left:
            nearest = min(left, key=lambda row: (abs(before[row] - balance), row))
            left.remove(nearest)
            order.append(nearest)
            balance = after[nearest]
    return rows.iloc[order].reset_index(drop=True)


def _postings(rows: pd.DataFrame) -> pd.DataFrame:
    """Sign amounts; postings of a day stand a second apart from midnight on, in balance order.

    Collections from another bank are salaries and pensions (kind ``wage``), cash paid in is
    ``sale``, remittances are ``supplier``; all else, fees and interest too, is ``other``.
    """
    rows = in_order(rows)
    within = rows.groupby(["account_id", "date"]).cumcount()
    return pd.DataFrame(
        {
            "merchant_id": _name(rows),
            "at": rows["date"] + pd.to_timedelta(within, unit="s"),
            "amount": rows["signed"],
            "balance_after": rows["balance"],
            "counterparty": rows["account"],
            "kind": rows["operation"].map(_KINDS).fillna("other"),
        }
    )


def _applications(loans: pd.DataFrame) -> pd.DataFrame:
    """Put each request on the day before its loan, for want of its date."""
    return pd.DataFrame(
        {
            "application_id": loans["loan_id"],
            "merchant_id": loans["merchant_id"],
            "product_id": "bank_loan",
            "applied_at": loans["date"] - pd.Timedelta(days=1),
            "amount_asked": loans["amount"].astype(float),
        }
    )


def _loans(loans: pd.DataFrame) -> pd.DataFrame:
    """Take the loans as recorded: payments times months is the amount, so the rate reads 0."""
    return pd.DataFrame(
        {
            "loan_id": loans["loan_id"],
            "merchant_id": loans["merchant_id"],
            "product_id": "bank_loan",
            "principal": loans["amount"].astype(float),
            "rate": 0.0,
            "rate_unit": "month",
            "disbursed_at": loans["date"],
            "due_at": _months_on(loans["date"], loans["duration"]),
        }
    )


def _instalments(loans: pd.DataFrame) -> pd.DataFrame:
    """Lay out equal monthly instalments from a month after the loan."""
    rows = loans.loc[loans.index.repeat(loans["duration"])]
    month = rows.groupby(level=0).cumcount() + 1
    fen = (rows["payments"] * 100).round().astype("int64")
    return pd.DataFrame(
        {
            "loan_id": rows["loan_id"],
            "due_at": _months_on(rows["date"], month),
            "principal": fen,
            "interest": 0,
        }
    ).reset_index(drop=True)


def _repayments(loans: pd.DataFrame) -> pd.DataFrame:
    """Reconstruct who paid: a good loan (A, C) each instalment on its day, a bad one (B, D) none.

    The set tells a loan's status once, at the end of 1998, and neither when a bad loan went bad nor
    what it paid. Nobody knows how the loans still running (C) ended: they are taken to go on paying.
    """
    good = loans[loans["status"].isin(["A", "C"])]
    due = _instalments(good)
    yuan = due["principal"] / 100
    return pd.DataFrame(
        {"loan_id": due["loan_id"], "at": due["due_at"], "amount": yuan, "principal": yuan}
    )


def _months_on(start: pd.Series, months: pd.Series) -> pd.Series:
    """Add calendar months; a day that a month lacks becomes its last."""
    moved = [day + pd.DateOffset(months=int(n)) for day, n in zip(start, months, strict=True)]
    return pd.Series(pd.to_datetime(moved).as_unit("us"), index=start.index)
