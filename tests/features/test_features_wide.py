"""Values too large for sums of 64 bits: left to the reference, and nobody else's bits move."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feature_stage import bits

import alicredit as ac
from alicredit.engine import run
from alicredit.features import Catalogue, Feature

T = {"title": "t", "title_zh": "题"}
START = pd.Timestamp("2012-01-01")
HUGE = 9e11  # of millionths 9e17: two of them pass 2**60


def feature(aggregate: str, measure: str, days: int, **more: object) -> Feature:
    return Feature(table="customs", aggregate=aggregate, measure=measure, window_days=days,
                   **more, **T)  # fmt: skip


CATALOGUE = Catalogue(
    tuple(
        itertools.chain.from_iterable(
            (
                *(feature(each, "fob_usd", days) for each in ("sum", "mean", "std")),
                *(
                    feature(each, "partner_country", days, weight="fob_usd")
                    for each in ("top_share", "top5_share", "hhi", "entropy")
                ),
                *(feature(each, "fob_usd", days) for each in ("slope", "cv", "downside", "max")),
                feature("hhi", "port", days),
            )
            for days in (28, 91, 364)
        )
    )
)


def customs(merchants: int = 6, each: int = 120) -> pd.DataFrame:
    """Declare goods at random over a year and a half; a tenth become known late."""
    rng = np.random.default_rng(3)
    size = merchants * each
    at = START + pd.to_timedelta(rng.integers(0, 540 * 86_400, size), "s")
    late = at + pd.to_timedelta(rng.integers(0, 40 * 86_400, size), "s")
    return pd.DataFrame(
        {
            "declaration_no": [f"d{k}" for k in range(size)],
            "merchant_id": np.repeat([f"m{k}" for k in range(merchants)], each),
            "direction": "E", "declared_at": at,
            "known_at": pd.Series(late).where(rng.random(size) < 0.1),
            "fob_usd": rng.lognormal(8, 1, size).round(2), "qty": 1.0, "weight_kg": 1.0,
            "partner_country": rng.choice(list("abcdefg"), size),
            "port": rng.choice(list("pq"), size),
        }
    )  # fmt: skip


def built(facts: pd.DataFrame, cohort: ac.Cohort) -> pd.DataFrame:
    names = sorted(facts["merchant_id"].unique())
    merchants = pd.DataFrame(
        {"merchant_id": names, "platform": "taobao", "registered_at": pd.Timestamp("2010-01-01")}
    )
    records = ac.read_records({"merchants": merchants, "customs": facts})
    return ac.build_features(records, cohort, catalogue=CATALOGUE)


def asked(days: list[float], merchants: int = 6) -> ac.Cohort:
    who = np.tile([f"m{k}" for k in range(merchants)], len(days))
    at = np.repeat([START + pd.Timedelta(day, "D") for day in days], merchants)
    return ac.Cohort.from_frame(pd.DataFrame({"merchant_id": who, "as_of": at}))


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[tuple[set[str], set[str]]]:
    """Note whose questions and which features are left to the reference."""
    noted: list[tuple[set[str], set[str]]] = []
    answer = run.build_by_sql

    def watched(con: Any, records: Any, cohort: ac.Cohort, features: list[Feature]) -> Any:
        noted.append((set(cohort.frame["merchant_id"]), {each.name for each in features}))
        return answer(con, records, cohort, features)

    monkeypatch.setattr(run, "build_by_sql", watched)
    return noted


@pytest.mark.parametrize(
    ("days", "parts"),
    [([400.3], 1), ([120.0, 250.5, 400.3, 539.0, *range(300, 340)], 1),
     ([120.0, 250.5, 400.3, 539.0, *range(300, 340)], 5)],
)  # fmt: skip
def test_huge_amounts_of_one_change_no_bit_of_the_others(
    days: list[float], parts: int, left: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, cohort = customs(), asked(days)
    huge = plain.copy()
    huge.loc[huge["merchant_id"] == "m2", "fob_usd"] = HUGE
    before = built(plain, cohort)
    assert left == []
    monkeypatch.setattr(run, "_parts", lambda *_: parts)
    after = built(huge, cohort)
    others = (cohort.frame["merchant_id"] != "m2").to_numpy()
    assert bits(before[others]) == bits(after[others])
    assert len(left) > 0
    assert {name for who, _ in left for name in who} == {"m2"}
    assert bits(before) != bits(after)


def test_a_window_without_them_is_answered_as_if_they_were_not_there(left: list) -> None:
    """Neither later facts nor older ones than the window move a bit, however large."""
    plain, cohort = customs(), asked([150.0, *range(160, 190), 210.0, 430.0, 500.0])
    huge = plain.copy()
    day = (huge["declared_at"] - START) / pd.Timedelta(1, "D")
    huge.loc[(day > 220) & (day < 320) & huge["known_at"].isna(), "fob_usd"] = HUGE
    before, after = built(plain, cohort), built(huge, cohort)
    early = (cohort.frame["as_of"] <= START + pd.Timedelta(210, "D")).to_numpy()
    assert bits(before[early]) == bits(after[early])
    late = (cohort.frame["as_of"] >= START + pd.Timedelta(430, "D")).to_numpy()
    short = [name for name in before if not name.endswith("364d")]
    assert bits(before.loc[late, short]) == bits(after.loc[late, short])
    assert {name for _, names in left for name in names} <= {
        name for name in before if name.endswith("364d")
    }
    assert left


def test_an_answer_is_the_same_alone_as_among_moments_that_overflow(left: list) -> None:
    facts = customs()
    day = (facts["declared_at"] - START) / pd.Timedelta(1, "D")
    facts.loc[(day > 200) & (day < 260), "fob_usd"] = HUGE
    days = [150.0, 215.5, 280.0, 530.0]
    together = built(facts, asked(days, 1))
    for k, each in enumerate(days):
        alone = built(facts[facts["declared_at"] < START + pd.Timedelta(each, "D")],
                      asked([each], 1))  # fmt: skip
        assert bits(alone) == bits(together.iloc[[k]]), each
    assert left


def test_what_is_left_to_the_reference_is_right(left: list) -> None:
    facts = customs(1)
    facts["fob_usd"] = np.random.default_rng(5).uniform(1e11, HUGE, len(facts)).round()
    found = built(facts.assign(known_at=pd.NaT), asked([500.0], 1)).iloc[0]
    as_of = START + pd.Timedelta(500, "D")
    inside = facts[(facts["declared_at"] < as_of)
                   & (facts["declared_at"] >= as_of - pd.Timedelta(364, "D"))]  # fmt: skip
    values = [Fraction(each) for each in inside["fob_usd"]]
    mean = sum(values) / len(values)
    spread = sum((each - mean) ** 2 for each in values) / (len(values) - 1)
    assert found["customs_fob_usd_sum_364d"] == float(sum(values))
    assert found["customs_fob_usd_mean_364d"] == pytest.approx(float(mean), rel=1e-14)
    assert found["customs_fob_usd_std_364d"] == pytest.approx(float(spread) ** 0.5, rel=1e-9)
    shares = inside.groupby("partner_country")["fob_usd"].sum() / float(sum(values))
    assert found["customs_partner_country_hhi_364d"] == pytest.approx((shares**2).sum(), rel=1e-9)
    assert found["customs_partner_country_entropy_364d"] == pytest.approx(
        -(shares * np.log(shares)).sum(), abs=1e-9
    )
    assert left


def test_amounts_beyond_all_measure_are_summed_by_nobody_and_told() -> None:
    facts = customs(2)
    facts.loc[facts["merchant_id"] == "m1", "fob_usd"] = -1.0
    found = built(facts, asked([500.0], 2))
    assert np.isinf(found.loc[1, "customs_fob_usd_sum_364d"])
    assert np.isfinite(found.loc[0, "customs_fob_usd_sum_364d"])
