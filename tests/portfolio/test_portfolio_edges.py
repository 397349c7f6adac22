"""Who is referred, refused or read as whom, at the very value where it begins."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from alicredit.deciding.population import check_as_of, prepare, read_ids, refuse_unlike_units
from alicredit.deciding.referring import SOURCES, do_sources_conflict, find_referrals
from alicredit.deciding.scoring import check_claim_of, distinct_of
from alicredit.errors import InputError, PolicyError
from alicredit.nightly.sources import open_source
from alicredit.policy import Referral, load_policy
from alicredit.policy.eligibility import FAIL, PASS
from alicredit.records.rules import UNIT_MERCHANTS, UNIT_TIMES

POLICY = load_policy("ali-2013")
CUT = 0.05
PRODUCT = replace(POLICY.active[0], max_pd=CUT)


class Model:
    """A model that claims something and takes nothing."""

    feature_names = ()

    def __init__(self, level: str, days: int) -> None:
        self.claim = type("Claim", (), {"level": level, "horizon_days": days})()


@pytest.mark.parametrize(
    ("lower", "upper", "outcome", "fen", "is_referred"),
    [
        (0.04, 0.06, PASS, 1, True), (0.05, 0.06, PASS, 1, True), (0.051, 0.06, PASS, 1, False),
        (0.04, 0.05, PASS, 1, False), (0.04, 0.0501, PASS, 1, True), (0.04, 0.06, PASS, 0, False),
        (0.04, 0.06, FAIL, 1, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_an_interval_holds_the_cut_at_its_lower_end_and_not_at_its_upper(
    lower, upper, outcome, fen, is_referred, decision
) -> None:
    said = {"pd": [0.05], "pd_lower": [lower], "pd_upper": [upper]}
    found = find_referrals(
        pd.DataFrame(index=[0]), PRODUCT, replace(POLICY, refer=Referral(straddles_cut=True)),
        said={name: np.array(value) for name, value in said.items()},
        decision=np.array([decision], object), outcome=np.array([outcome], np.int8),
        fen=np.array([fen]),
    )  # fmt: skip
    assert list(found) == ["REFER_STRADDLES_CUT"] * is_referred


@pytest.mark.parametrize(
    ("declared", "settled", "exports", "is_conflict"),
    [
        (300, 100, None, False), (301, 100, None, True), (100, 300, None, False),
        (100, 301, None, True), (100, 100, 300, False), (100, 100, 301, True),
        (0, 100, 999, False), (1, 0, None, True), (None, 100, 999, False), (100, None, 300, False),
        (100, None, 301, True),
    ],
)  # fmt: skip
def test_sources_conflict_beyond_the_ratio_and_what_lacks_conflicts_with_nothing(
    declared, settled, exports, is_conflict
) -> None:
    row = pd.DataFrame([dict(zip(SOURCES, (declared, settled, exports)))], dtype=float)
    assert do_sources_conflict(row, 3.0).tolist() == [is_conflict]


def test_units_are_unlike_beyond_so_many_times_and_for_so_many_merchants() -> None:
    def ratios(middle: float, size: int = UNIT_MERCHANTS) -> np.ndarray:
        return np.full(size, middle)

    for fine in (1.0, float(UNIT_TIMES), 1 / UNIT_TIMES):
        refuse_unlike_units(ratios(fine))
    for wrong in (UNIT_TIMES * 1.001, 1 / UNIT_TIMES / 1.001, 100.0 * UNIT_TIMES):
        refuse_unlike_units(ratios(wrong, UNIT_MERCHANTS - 1))
        with pytest.raises(InputError, match="must be in the declared unit"):
            refuse_unlike_units(ratios(wrong))
    refuse_unlike_units(np.empty(0))


@pytest.mark.parametrize(
    ("given", "text", "status"),
    [
        ("m1", "m1", "ok"), (7, "7", "ok"), (7.0, "7", "ok"), (np.int64(7), "7", "ok"),
        (2.0**53 - 1, "9007199254740991", "ok"), (2.0**53, "9007199254740992.0", "bad_type"),
        (7.5, "7.5", "bad_type"), (True, "True", "bad_type"), (None, "", "bad_value"),
        (float("nan"), "", "bad_value"), ("  ", "  ", "bad_value"), (Decimal(7), "7", "bad_type"),
    ],
)  # fmt: skip
def test_an_id_is_a_text_or_a_whole_number_that_a_double_tells(given, text, status) -> None:
    texts, found = read_ids(pd.Series([given, 3], dtype=object))
    assert (texts.tolist(), found.tolist()) == ([text, "3"], [status, "ok"])


def test_a_merchant_that_stands_twice_is_refused_on_both_rows_and_a_nameless_one_stays_so() -> None:
    frame = pd.DataFrame({"merchant_id": ["a", "b", "a", None, None]}, dtype=object)
    as_of = pd.Timestamp("2013-05-01")
    alone = prepare(frame, {}, as_of)
    assert alone.status.tolist() == ["duplicated", "ok", "duplicated", "bad_value", "bad_value"]
    part = prepare(frame, {}, as_of, twice={"b"})
    assert part.status.tolist() == ["ok", "duplicated", "ok", "bad_value", "bad_value"]
    assert frame["merchant_id"].isna().sum() == 2  # what was given is left as it was
    with pytest.raises(InputError, match="features must be as of 2013-05-01"):
        check_as_of(frame.assign(as_of=["2013-05-01"] * 4 + ["2013-05-02"]), as_of)
    check_as_of(frame.assign(as_of="2013-05-01"), as_of)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC", "America/New_York"])
def test_features_may_say_their_moment_in_another_zone(zone: str) -> None:
    """Midnight in Shanghai is one moment under every name; midnight elsewhere is another."""
    as_of = pd.Timestamp("2013-05-01")
    frame = pd.DataFrame({"merchant_id": ["a", "b"]})
    check_as_of(frame.assign(as_of=as_of.tz_localize("Asia/Shanghai").tz_convert(zone)), as_of)
    there = frame.assign(as_of=as_of.tz_localize(zone))
    if zone == "Asia/Shanghai":
        check_as_of(there, as_of)
        return
    with pytest.raises(InputError, match="features must be as of 2013-05-01"):
        check_as_of(there, as_of)


def test_a_frame_of_another_library_is_refused_by_its_name_and_not_shown() -> None:
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for given, name in (
        (polars.DataFrame({"merchant_id": ["a"]}), "polars.DataFrame"),
        (arrow.table({"merchant_id": ["a"]}), "pyarrow.Table"),
    ):
        told = rf"^features must be a pandas frame.*found {name}\. Try: give features\.to_pandas"
        with pytest.raises(InputError, match=told):
            open_source(given)


def test_a_model_claims_what_the_product_takes_in_level_and_in_days() -> None:
    level, days = PRODUCT.claims[0]
    check_claim_of(Model(level, days), PRODUCT)
    for wrong in (Model(level, days + 1), Model("", days)):
        with pytest.raises(PolicyError, match=f"must claim what {PRODUCT.id} takes"):
            check_claim_of(wrong, PRODUCT)
    with pytest.raises(PolicyError, match="found no level no horizon"):
        check_claim_of(Model("", 0), PRODUCT)
    one, other = Model(level, days), Model(level, days)
    assert distinct_of({"a": one, "b": other, "c": one}) == [one, other]
