"""Disturbances touch only what no question could know of, and leave records that can be read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from audit_stage import AS_OF, MERCHANTS, cohort, orders, records_of
from feature_stage import USE, cohort_of, make_moments, make_tables, seen
from feature_stage import records_of as stage_records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import alicredit as ac
from alicredit.audit.disturb import DISTURBANCES, disturb, thin_past
from alicredit.audit.knowledge import Scene, place_all, read_rows
from alicredit.audit.trial import start_trial
from alicredit.records import TABLES


def scene_of(records: ac.Records, asked: ac.Cohort, seed: int = 0) -> Scene:
    """Place the records of the asked merchants, as an audit of the catalogue does."""

    def count(records: ac.Records, asked: ac.Cohort) -> pd.DataFrame:
        return pd.DataFrame({"n": np.zeros(len(asked))})

    return start_trial(records, asked, count, seed=seed, mutable={}, known_at=True).scene


def everyone(scene: Scene) -> np.ndarray:
    return np.ones(len(scene.cuts), dtype=bool)


def frames(tables: dict[str, pa.Table]) -> dict[str, pd.DataFrame]:
    """Give tables to pandas, with times and dates as times and numbers as they were made."""
    found = {}
    for name, rows in tables.items():
        frame = rows.to_pandas()
        for column in TABLES[name].columns:
            if column.kind in ("time", "date") and column.name in frame:
                frame[column.name] = pd.to_datetime(frame[column.name])
        found[name] = frame.assign(known_at=pd.to_datetime(frame["known_at"]))
    return found


def told(tables: dict[str, pd.DataFrame], moments: pd.Series) -> dict[str, list[str]]:
    """Write what questions may see of each table, worked out by the pandas of other tests."""
    found = {}
    for name in tables:
        if TABLES[name].happened:
            view = seen(tables, name, moments)
            found[name] = sorted(view.to_csv(index=False).splitlines())
    return found


@pytest.fixture(scope="module", params=[0, 1])
def stage(request: pytest.FixtureRequest) -> tuple[Scene, pd.Series]:
    """Make random platforms whose merchants are each asked about as of another moment."""
    moments = make_moments(request.param)
    return scene_of(stage_records(make_tables(request.param)), cohort_of(moments)), moments


def test_times_and_owners_are_those_of_the_facts(stage: tuple[Scene, pd.Series]) -> None:
    scene, _ = stage
    tables = {name: placed.rows for name, placed in scene.tables.items()}
    records = ac.read_records(tables, data_use=USE)
    con = records.connect()
    for name, placed in scene.tables.items():
        facts = con.execute(
            f"SELECT _merchant_id, _happened, _known FROM ({records.fact_sql(name)})"
        ).df()
        mine = pd.DataFrame(
            {
                "_merchant_id": np.append(np.array(scene.merchants, object), None)[placed.owner],
                "_happened": placed.happened,
                "_known": placed.known,
            }
        )
        pd.testing.assert_frame_equal(
            *(
                each.sort_values(list(each), ignore_index=True).astype({"_merchant_id": object})
                for each in (mine, facts)
            )
        )
    con.close()


def test_a_child_of_two_rows_with_one_key_is_known_with_the_earlier() -> None:
    twice = orders([-9.0, 9.0]).assign(order_id="o")[:2]
    claims = pd.DataFrame(
        {
            "id": ["r", "s"],
            "order_id": ["o", "nowhere"],
            "opened_at": AS_OF - pd.Timedelta(2, "D"),
            "resolved_at": pd.NaT,
            "amount": 1.0,
        }
    )
    rows = {"orders": pa.Table.from_pandas(twice), "refunds": pa.Table.from_pandas(claims)}
    placed = place_all(rows, MERCHANTS)["refunds"]
    assert placed.owner.tolist() == [0, -1]
    assert placed.known[0] == np.datetime64(AS_OF - pd.Timedelta(2, "D"))


@pytest.mark.parametrize("kind", DISTURBANCES)
def test_what_a_question_may_see_stays_to_the_last_character(
    stage: tuple[Scene, pd.Series], kind: str
) -> None:
    scene, moments = stage
    tables, counts = disturb(scene, {kind: everyone(scene)})
    before = {name: placed.rows for name, placed in scene.tables.items()}
    assert told(frames(tables), moments) == told(frames(before), moments)
    touched = {table for (_, table), count in counts.items() if count}
    assert touched
    assert all(tables[name].equals(before[name]) == (name not in touched) for name in tables)


def test_taking_the_past_away_leaves_nothing_to_see(stage: tuple[Scene, pd.Series]) -> None:
    scene, moments = stage
    left = told(frames(thin_past(scene, every=1)), moments)
    assert {name for name, lines in left.items() if len(lines) > 1} == {"merchants"}
    half = thin_past(scene, every=2)
    orders_left = half["orders"].num_rows - (~scene.tables["orders"].visible(scene.cuts)).sum()
    assert abs(orders_left - scene.tables["orders"].visible(scene.cuts).sum() / 2) <= 1


@pytest.fixture(scope="module")
def simulated() -> tuple[ac.Records, ac.Cohort]:
    """Simulate a platform without a single finding, and ask in its middle."""
    records, _ = ac.simulate_platform(50, seed=6, months=15, orders_per_month=4, default_rate=0.2)
    assert ac.find_problems(records).empty
    return records, ac.Cohort.at(records, "2010-05-15 13:30:00")


SUMS = {
    "far more repaid than lent",
    "instalments do not sum to the loan",
    "more answered than asked",
    "more principal repaid than lent",
    "parts do not sum",
    "refund above order",
}
"""Sums that ought to agree and need not after a disturbance; nothing else may be found."""


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(sorted(DISTURBANCES)))
def test_disturbed_records_are_read_and_valid(simulated, seed: int, kind: str) -> None:
    scene = scene_of(*simulated, seed=seed)
    tables, _ = disturb(scene, {kind: everyone(scene)})
    read = ac.read_records(tables, data_use=USE)
    assert {name: read[name].schema for name in read.tables} == {
        name: placed.rows.schema for name, placed in scene.tables.items()
    }
    assert set(ac.find_problems(read)["rule"]) <= SUMS


def test_nearly_every_later_row_is_changed(simulated) -> None:
    scene = scene_of(*simulated)
    tables, _ = disturb(scene, {"changed": everyone(scene)})
    for name in ("orders", "ratings", "refunds", "bank_txns", "interactions_daily", "repayments"):
        hidden = pa.array(~scene.tables[name].visible(scene.cuts))
        before = scene.tables[name].rows.filter(hidden).to_pandas().astype(str)
        after = tables[name].filter(hidden).to_pandas().astype(str)
        assert len(before) > 5, name
        assert (before != after).any(axis=1).mean() > 0.95, name


def test_the_same_seed_draws_the_same_and_another_draws_otherwise(simulated) -> None:
    drawn = []
    for seed in (1, 1, 2):
        scene = scene_of(*simulated, seed=seed)
        drawn.append(disturb(scene, {kind: everyone(scene) for kind in DISTURBANCES})[0])
    assert all(drawn[0][name].equals(drawn[1][name]) for name in drawn[0])
    assert not drawn[0]["orders"].equals(drawn[2]["orders"])


@pytest.mark.parametrize("kind", DISTURBANCES)
def test_a_merchant_is_disturbed_alike_whatever_the_moments_of_others(simulated, kind: str) -> None:
    records, asked = simulated
    frame = asked.frame
    whom = frame["merchant_id"].iloc[3]
    later = frame.assign(as_of=frame["as_of"] + pd.Timedelta(70, "D"))
    moved = frame.where(frame["merchant_id"] == whom, later)
    one, other = (
        disturb(scene := scene_of(records, ac.Cohort.from_frame(each)), {kind: everyone(scene)})[0]
        for each in (frame, moved)
    )
    for name in ("orders", "interactions_daily", "declared_sales", "merchant_history"):
        mine = [t[name].filter(pc.equal(t[name]["merchant_id"], whom)) for t in (one, other)]
        assert mine[0].equals(mine[1]), name


def test_only_chosen_merchants_are_disturbed(simulated) -> None:
    scene = scene_of(*simulated)
    chosen = np.arange(len(scene.cuts)) < 5
    tables, _ = disturb(scene, dict.fromkeys(DISTURBANCES, chosen))
    others = pa.array(scene.merchants[5:])
    for name in ("orders", "bank_txns", "utilities"):
        before, after = (
            rows.filter(pc.is_in(rows["merchant_id"], others))
            for rows in (scene.tables[name].rows, tables[name])
        )
        assert before.equals(after), name


def test_new_rows_stand_where_their_names_say() -> None:
    records = records_of(orders=orders([-30.0, -5.0, 40.0]))
    scene = scene_of(records, cohort())
    old = scene.tables["orders"].rows.num_rows
    cut, day = np.datetime64(AS_OF), np.timedelta64(1, "D")
    new = {}
    for kind in ("added", "next_day", "known_late"):
        rows = disturb(scene, {kind: everyone(scene)})[0]["orders"]
        new[kind] = rows.slice(old).to_pandas()
        assert rows["order_id"].combine_chunks().value_counts().field("counts").to_pylist() == (
            [1] * rows.num_rows
        )
        assert new[kind].groupby("merchant_id").size().tolist() == [6] * len(MERCHANTS)
    assert new["added"]["created_at"].between(cut + day, cut + 40 * day).all()
    assert new["next_day"]["created_at"].between(cut, cut + day, inclusive="left").all()
    assert (new["next_day"]["created_at"] == cut).sum() == len(MERCHANTS)
    assert (new["known_late"]["created_at"] < cut).all()
    assert (new["known_late"]["known_at"] >= cut).all()
    assert (new["known_late"]["known_at"] == cut).sum() == len(MERCHANTS)


def test_new_rows_go_beyond_records_that_end_before_as_of() -> None:
    scene = scene_of(records_of(orders=orders([-30.0, -5.0])), cohort())
    rows = disturb(scene, {"added": everyone(scene)})[0]["orders"].to_pandas()
    assert (rows["created_at"] >= AS_OF + pd.Timedelta(200, "D")).any()


def test_an_empty_table_stays_empty_and_breaks_nothing() -> None:
    none = orders([1.0])[:0]
    scene = scene_of(records_of(orders=none.assign(amount=none["amount"].astype(float))), cohort())
    for kind in DISTURBANCES:
        assert disturb(scene, {kind: everyone(scene)})[0]["orders"].num_rows == 0


def test_only_rows_of_the_asked_merchants_are_read(simulated) -> None:
    records, _ = simulated
    every = records["orders"].to_pandas()
    few = sorted(set(every["merchant_id"]))[:2]
    rows = read_rows(records, few)
    assert rows["orders"].num_rows == every["merchant_id"].isin(few).sum()
    assert set(rows["ratings"]["order_id"].to_pylist()) <= set(
        rows["orders"]["order_id"].to_pylist()
    )
    assert rows["fx_rates"].equals(records["fx_rates"])
