"""A book counts each line once, and no answer that is none counts as a refusal."""

from __future__ import annotations

import pandas as pd
import pytest

from alicredit.decision import COLUMNS
from alicredit.errors import InputError
from alicredit.whatif import compare_policies, loss_quantiles, reverse_stress, stress_book

CALLS = {
    "stress": stress_book,
    "reverse": reverse_stress,
    "losses": lambda book: loss_quantiles(book, draws=200),
    "before": lambda book: compare_policies(book, lines(), resamples=20),
    "after": lambda book: compare_policies(lines(), book, resamples=20),
}


def lines() -> pd.DataFrame:
    """Make six decisions of three merchants, four of them approvals."""
    said = {"a": "approve", "b": "approve", "c": "decline"}
    rows = [
        dict.fromkeys(COLUMNS)
        | {"merchant_id": who, "product_id": product, "decision": word, "pd": 0.01}
        | {"limit": 1_000.0, "expected_loss": 6.0, "expected_profit": 30.0}
        for who, word in said.items()
        for product in ("taobao_credit", "taobao_order")
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("name", CALLS)
def test_a_line_that_stands_twice_is_refused_and_not_lent_twice(name: str) -> None:
    CALLS[name](lines())
    with pytest.raises(InputError, match="must have each merchant and product once"):
        CALLS[name](pd.concat([lines(), lines().iloc[:1]]))


@pytest.mark.parametrize("word", ["Approve", "approved", "", None, float("nan"), True, 1])
@pytest.mark.parametrize("name", CALLS)
def test_an_answer_that_is_no_known_word_is_refused_and_not_counted_as_declined(name, word) -> None:
    book = lines().astype({"decision": object})
    book.loc[1, "decision"] = word
    with pytest.raises(InputError, match=r"\['decision'\] must be approve, decline or refer"):
        CALLS[name](book)


@pytest.mark.parametrize("kind", ["category", "string[pyarrow]", "string", object])
def test_answers_count_the_same_in_columns_of_any_type(kind) -> None:
    want = stress_book(lines())
    pd.testing.assert_frame_equal(stress_book(lines().astype({"decision": kind})), want)


def test_refusals_that_repeat_change_no_book() -> None:
    declined = lines().iloc[-1:]
    want = stress_book(lines())
    pd.testing.assert_frame_equal(stress_book(pd.concat([lines(), declined])), want)
