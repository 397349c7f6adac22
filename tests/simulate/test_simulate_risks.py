"""The risk of everybody is that of the truth where there is a truth, and higher for the refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.errors import InputError
from alicredit.simulate import true_risks

STAGE = {"seed": 3, "months": 24, "default_rate": 0.05}


@pytest.fixture(scope="module")
def platform() -> tuple[ac.Records, pd.DataFrame]:
    return ac.simulate_platform(600, orders_per_month=1, **STAGE)


def test_it_is_the_truth_of_each_order_loan_on_its_day(platform) -> None:
    _, truth = platform
    draws = truth[truth["product_id"] == "taobao_order"]
    days = draws["as_of"].dt.normalize()
    some = days.drop_duplicates().sample(12, random_state=0)
    # Asked the next midnight about that day's condition: the day of a moment is its date.
    risks = true_risks(600, as_of=some.tolist(), **STAGE)
    joined = draws.assign(day=days)[days.isin(some)].merge(
        risks, left_on=["merchant_id", "day"], right_on=["merchant_id", "as_of"]
    )
    assert len(joined) == days.isin(some).sum() > 30
    np.testing.assert_array_equal(joined["true_pd_x"], joined["true_pd_y"])
    assert joined["is_approved"].all()


def test_everybody_is_there_and_the_old_rule_refused_the_riskier(platform) -> None:
    records, truth = platform
    risks = true_risks(600, as_of="2011-06-01", **STAGE)
    merchants = records["merchants"].to_pandas()
    retail = merchants[merchants["platform"] != "alibaba_b2b"]
    assert set(risks["merchant_id"]) <= set(retail["merchant_id"])
    early = pd.to_datetime(retail["registered_at"]) < "2011-06-01"
    assert len(risks) == early.sum()
    assert not (risks["is_approved"] & ~risks["has_applied"]).any()
    applied = risks[risks["has_applied"]].groupby("is_approved")["true_pd"].mean()
    assert applied[False] > 1.2 * applied[True]
    borrowers = set(truth[truth["as_of"] < "2011-06-01"]["merchant_id"])
    approved = set(risks[risks["is_approved"]]["merchant_id"])
    assert borrowers & set(risks["merchant_id"]) <= approved


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"as_of": "2009-06-30"}, "within the records"),
        ({"as_of": "2011-07-01"}, "within the records"),
        ({"as_of": "soon"}, "as_of"),
        ({"as_of": []}, "must name a day"),
        ({"as_of": "2010-09-01", "months": 2}, "months"),
        ({"as_of": "2010-09-01", "seed": -1}, "seed"),
        ({"as_of": "2010-09-01", "default_rate": 2}, "default_rate"),
    ],
)
def test_what_is_not_there_is_refused(given, word: str) -> None:
    with pytest.raises(InputError, match=word):
        true_risks(600, **(STAGE | given))
