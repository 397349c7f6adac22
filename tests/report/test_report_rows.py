"""A page and its frames count rows: labels that repeat, parts, and other runs change no figure."""

from __future__ import annotations

import pandas as pd
import pytest
from report_stage import portfolio

from alicredit.errors import InputError
from alicredit.report import by_product, by_reason, funnel, write_portfolio_page

FRAMES = {
    "by product": by_product,
    "funnel": funnel,
    "why not": lambda rows: by_reason(rows, approved=False),
    "bounds": lambda rows: by_reason(rows, approved=True),
}
LABELS = {
    "one label": lambda rows: rows.set_axis([0] * len(rows)),
    "parts put together": lambda rows: pd.concat(
        [part.reset_index(drop=True) for part in (rows.iloc[: len(rows) // 2],
                                                  rows.iloc[len(rows) // 2 :])]
    ),
    "merchants": lambda rows: rows.set_index("merchant_id", drop=False),
    "from behind": lambda rows: rows.set_axis(range(len(rows), 0, -1)),
}  # fmt: skip


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("name", FRAMES)
def test_rows_are_counted_once_whatever_their_labels(name: str, label: str) -> None:
    rows = portfolio()
    found = FRAMES[name](LABELS[label](rows))
    pd.testing.assert_frame_equal(found, FRAMES[name](rows))


def test_what_became_of_rows_sums_to_the_merchants_asked_about() -> None:
    rows = LABELS["parts put together"](portfolio())
    frame = by_product(rows)
    fates = frame[["approved", "referred", "by_rule", "by_probability", "by_limit"]]
    assert fates.sum(axis=1).tolist() == frame["merchants"].tolist()
    lent = rows[rows["decision"] == "approve"].groupby("product_id", sort=False).size()
    assert frame.set_index("product_id")["approved"].to_dict() == lent.to_dict()
    last = funnel(rows).groupby("product_id", sort=False)["left"].last()
    assert last.to_dict() == lent.to_dict()


def test_a_page_takes_parts_of_a_run_and_writes_the_same(tmp_path) -> None:
    rows = portfolio()
    write_portfolio_page(rows, tmp_path / "whole.html")
    write_portfolio_page(LABELS["parts put together"](rows), tmp_path / "parts.html")
    assert (tmp_path / "whole.html").read_bytes() == (tmp_path / "parts.html").read_bytes()


def _approved(rows: pd.DataFrame) -> pd.DataFrame:
    """Take one approved row."""
    return rows[rows["decision"] == "approve"].iloc[:1]


WRONG = {
    "twice": (lambda rows: pd.concat([rows, _approved(rows)]), "each merchant and product once"),
    "another word": (
        lambda rows: rows.assign(decision=rows["decision"].str.title()),
        r"\['decision'\] must be approve, decline or refer",
    ),
    "no word": (
        lambda rows: rows.assign(decision=None),
        r"\['decision'\] must be approve, decline or refer",
    ),
    "another moment": (
        lambda rows: pd.concat(
            [rows, _approved(rows).assign(merchant_id="other", as_of=pd.Timestamp("2030-01-01"))]
        ),
        r"\['as_of'\] must be the same in each row.*write a page for each",
    ),
    "another policy": (
        lambda rows: pd.concat([rows, _approved(rows).assign(merchant_id="o", policy_id="x")]),
        r"\['policy_id'\] must be the same in each row",
    ),
    "no limits": (lambda rows: rows.drop(columns="limit"), "must have the column 'limit'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_page_says_nothing_of_what_is_no_run(case: str, tmp_path) -> None:
    wrong, told = WRONG[case]
    with pytest.raises(InputError, match=f"^decisions.*{told}"):
        write_portfolio_page(wrong(portfolio()), tmp_path / "page.html")
    assert not list(tmp_path.iterdir())
