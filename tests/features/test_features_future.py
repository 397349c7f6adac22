"""Promise: a feature depends only on facts that had happened and were known before as_of."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest
from feature_stage import (
    LEAKS,
    Tables,
    bits,
    cohort_of,
    disturb,
    make_moments,
    make_tables,
    moved,
    plant_leak,
    reads_others,
    records_of,
    seen,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.features import CATALOGUE
from alicredit.features.build import ENGINES

KINDS = ("change", "add", "delete", "fill")
EVERY = frozenset(KINDS)
OF_OTHERS = CATALOGUE.subset([name for name in CATALOGUE.names if reads_others(name)])
"""What the past of other merchants goes into."""


def asked(seed: int, same: bool) -> pd.Series:
    """Ask of each merchant as of its moment, or of all as of the first's."""
    moments = make_moments(seed)
    return pd.Series(moments.iloc[0], index=moments.index) if same else moments


def built(
    tables: dict[str, pd.DataFrame],
    moments: pd.Series,
    engine: str = "local",
    catalogue: ac.Catalogue = CATALOGUE,
) -> pd.DataFrame:
    cohort = cohort_of(moments)
    return ac.build_features(records_of(tables), cohort, catalogue=catalogue, engine=engine)


@pytest.mark.parametrize(
    ("engine", "seed", "kinds", "same"),
    [
        ("local", 1, EVERY, False), ("local", 2, EVERY - {"delete"}, True), ("sql", 3, EVERY, False)
    ],
)  # fmt: skip
def test_no_feature_moves_by_one_bit_when_the_unknown_is_disturbed(
    engine: str, seed: int, kinds: frozenset[str], same: bool
) -> None:
    tables, moments = make_tables(seed), asked(seed, same)
    other = disturb(tables, moments, seed + 7, kinds)
    found = moved(built(tables, moments, engine), built(other, moments, engine))
    assert [name for name in found if same or not reads_others(name)] == []


@given(
    seed=st.integers(0, 2**31),
    kinds=st.sets(st.sampled_from(KINDS), min_size=1),
    same=st.booleans(),
)
@settings(max_examples=4, deadline=None)
def test_whatever_is_disturbed_beyond_a_moment_no_feature_moves(
    seed: int, kinds: set[str], same: bool
) -> None:
    tables, moments = make_tables(seed), asked(seed, same)
    other = disturb(tables, moments, seed + 7, frozenset(kinds))
    found = moved(built(tables, moments, "local"), built(other, moments, "local"))
    assert [name for name in found if same or not reads_others(name)] == []


@pytest.mark.parametrize(("seed", "kinds"), [(3, EVERY), (4, EVERY - {"delete"})])
def test_no_later_fact_of_another_merchant_moves_what_peers_go_into(
    seed: int, kinds: frozenset[str]
) -> None:
    tables, moments = make_tables(seed), make_moments(seed)
    last = pd.Series(moments.max(), index=moments.index)
    other = disturb(tables, last, seed + 7, kinds)
    # Tables of peers are made alike for both engines.
    before, after = (built(each, moments, "local", OF_OTHERS) for each in (tables, other))
    assert moved(before, after) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_a_disturbance_changes_much_and_leaves_what_was_visible(seed: int) -> None:
    tables, moments = make_tables(seed), make_moments(seed)
    other = disturb(tables, moments, seed + 7, EVERY)
    for name in tables:
        before, after = seen(tables, name, moments), seen(other, name, moments)
        keep = [column for column in before if not column.startswith("_")]
        by = [column for column in keep if before[column].notna().all()]
        pd.testing.assert_frame_equal(
            before[keep].sort_values(by).reset_index(drop=True),
            after[keep].sort_values(by).reset_index(drop=True),
            check_dtype=False,
        )
        if name != "merchants":
            assert not other[name].equals(tables[name])


def test_every_feature_moves_when_what_is_visible_changes() -> None:
    moments = make_moments(3)
    before, after = built(make_tables(3), moments), built(make_tables(4), moments)
    still = set(before) - set(moved(before, after))
    assert still == set(), "the promise would hold of these features for an idle reason"


FEW = ("merchants", "orders", "refunds", "customs", "interactions_daily")
LATE_VALUES = ["refunds_fault_share_180d", "customs_trouble_share_365d"]
OF_FEW = CATALOGUE.subset(
    [f.name for f in CATALOGUE if f.table in FEW and f.window_days == 90] + LATE_VALUES
)
"""What a leak is caught by: the fewer features, the sharper the finding."""


@cache
def few_disturbed(same: bool, kinds: frozenset[str]) -> tuple[pd.Series, Tables, Tables]:
    """Make few tables and disturb them: the same for each leak, which is not in them."""
    made, moments = make_tables(5), asked(5, same)
    tables = {name: made[name] for name in FEW}
    return moments, tables, disturb(tables, moments, 12, kinds)


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("same", [False, True], ids=["each its moment", "one moment"])
def test_a_planted_leak_is_caught(
    leak: str, engine: str, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_leak(monkeypatch, leak)
    kinds = frozenset({"fill"}) if leak == "a column before its time" else EVERY
    moments, tables, other = few_disturbed(same, kinds)
    before, after = (built(each, moments, engine, OF_FEW) for each in (tables, other))
    found = set(moved(before, after))
    assert found
    if leak == "a column before its time":
        assert set(LATE_VALUES) <= found


NEAR = st.integers(-3, 3)
AS_OF = pd.Timestamp("2013-05-01 10:30:00.000001")
ORDERS = CATALOGUE.subset(
    [f.name for f in CATALOGUE if f.table == "orders" and f.window_days in (None, 30)]
)


@st.composite
def hidden_orders(draw: st.DrawFn) -> list[dict[str, object]]:
    """Orders of which at most the creation is visible, with times microseconds from as_of."""
    rows = []
    for key in range(draw(st.integers(0, 6))):
        created = AS_OF + pd.Timedelta(draw(NEAR), "us")
        late = created + pd.Timedelta(draw(st.integers(0, 4)), "us")
        times = [AS_OF + pd.Timedelta(abs(draw(NEAR)), "us") for _ in range(3)]
        rows.append(
            {
                "order_id": f"h{key}",
                "merchant_id": "m",
                "buyer_id": "x",
                "created_at": created,
                "known_at": max(late, AS_OF),
                "paid_at": times[0],
                "shipped_at": times[1],
                "confirmed_at": times[2],
                "amount": draw(st.floats(0, 1e6)),
                "category": draw(st.sampled_from("ab")),
            }
        )
    return rows


LAST = AS_OF - pd.Timedelta(1, "us")
VISIBLE: list[dict[str, object]] = [
    {
        "order_id": f"v{k}", "merchant_id": "m", "buyer_id": "y", "created_at": LAST,
        "known_at": LAST, "paid_at": LAST, "shipped_at": LAST, "confirmed_at": LAST,
        "amount": 10.0 + k, "category": "a",
    }
    for k in range(6)
]  # fmt: skip


def of_orders(rows: list[dict[str, object]]) -> pd.DataFrame:
    merchants = pd.DataFrame(
        {"merchant_id": ["m"], "platform": ["taobao"], "registered_at": [AS_OF.normalize()]}
    )
    records = ac.read_records({"merchants": merchants, "orders": pd.DataFrame(rows)})
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": ["m"], "as_of": [AS_OF]}))
    return ac.build_features(records, cohort, catalogue=ORDERS)


@given(hidden=hidden_orders())
@settings(max_examples=15, deadline=None)
def test_microseconds_decide(hidden: list[dict[str, object]]) -> None:
    alone = of_orders(VISIBLE)
    assert bits(alone) == bits(of_orders([*VISIBLE, *hidden]))
    assert alone["orders_paid_count_30d"].tolist() == [6.0]
    assert alone["orders_settled_amount_sum_30d"].tolist() == [75.0]
