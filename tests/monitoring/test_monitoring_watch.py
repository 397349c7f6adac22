"""One call watches a model: calm where nothing changed, loud where the truth was changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from refused import refused
from scipy import stats

import alicredit as ac
from alicredit.errors import InputError
from alicredit.evaluation import clustered_mean
from alicredit.monitoring import (
    MonitoringReport,
    MonitoringRules,
    feature_drift,
    monitor,
    population_shares,
    population_stability,
    realised_against_predicted,
)
from alicredit.vocabulary import CHECK_ACTIONS, CHECKS, UNKNOWNS

COLUMNS = ["check", "period", "value", "threshold", "level", "message", "message_zh", "action",
           "action_zh"]  # fmt: skip
CLAIM = {"horizon_days": 365, "level": "borrower", "days_past_due": 90}


def world(rows: int, seed: int, *, shift: float = 0.0, worse: float = 0.0) -> pd.DataFrame:
    """Draw merchants whose true log-odds are known; ``worse`` is added to all of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"sales": rng.normal(shift, 1, rows), "disputes": rng.poisson(1.5, rows).astype(float)}
    )
    odds = -2.2 - 0.9 * frame["sales"] + 0.35 * frame["disputes"] + worse
    frame["y"] = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    return frame


def cohort_of(rows: int, *, start: str = "2013-01-01", days: int = 180, merchants: int = 0):
    who = np.arange(rows) % (merchants or rows)
    when = pd.Timestamp(start) + pd.to_timedelta(np.arange(rows) * days // rows, unit="D")
    return ac.Cohort.from_frame(pd.DataFrame({"merchant_id": who, "as_of": when}))


INPUTS = ["sales", "disputes"]


@pytest.fixture(scope="module")
def trained():
    frame = world(6000, 1)
    labels = frame["y"].copy()
    labels.attrs = CLAIM
    return ac.DefaultModel("points", directions=None).fit(frame[INPUTS], labels), frame


def watch(trained, now: pd.DataFrame, **more) -> MonitoringReport:
    model, then = trained
    asked = {"cohort": cohort_of(len(now)), "labels": now["y"], "policy": "ali-2013"}
    return monitor(model, then[INPUTS], now[INPUTS], **{**asked, **more})


def levels(report: MonitoringReport) -> dict[str, str]:
    order = ["green", "unknown", "amber", "red"]
    worst = report.summary.groupby("check")["level"].agg(lambda each: max(each, key=order.index))
    return worst.to_dict()


@pytest.mark.slow
def test_a_world_that_stays_is_green(trained) -> None:
    alarms = pd.Series(dtype=float)
    for seed in range(2, 14):
        report = watch(trained, world(1500, seed))
        found = pd.Series({check: level in ("amber", "red") for check, level in
                           levels(report).items()})  # fmt: skip
        alarms = alarms.add(found.astype(float), fill_value=0)
        assert report.level != "red"
    assert alarms.max() <= 4
    assert alarms.sum() <= 12 * len(alarms) * 0.12


def test_more_defaults_than_claimed_are_found(trained) -> None:
    found = levels(watch(trained, world(3000, 3, worse=0.8)))
    assert found["level_low"] == found["level_grades"] == found["shape"] == "red"
    assert found["level_high"] == found["population"] == found["features"] == "green"
    assert found["ranking"] == "green"


def test_fewer_defaults_than_claimed_are_found(trained) -> None:
    found = levels(watch(trained, world(3000, 4, worse=-0.8)))
    assert found["level_high"] == "amber"
    assert found["level_low"] == "green"


def test_other_merchants_with_the_same_risk_are_found_as_such(trained) -> None:
    report = watch(trained, world(3000, 5, shift=-0.7))
    found = levels(report)
    assert found["population"] == "red"
    assert found["features"] == "red"
    assert found["mean_score"] in ("amber", "red")
    assert found["level_low"] in ("green", "amber")
    line = report.summary.set_index("check").loc["features"]
    assert "sales" in line["message"]
    assert "disputes" not in line["message"]
    assert line["value"] == 1


def test_a_ranking_that_is_lost_is_found(trained) -> None:
    now = world(3000, 6)
    now["y"] = np.random.default_rng(7).permutation(now["y"])
    report = watch(trained, now, rules=MonitoringRules(development_auc=0.75))
    assert levels(report)["decline"] == "red"
    assert "decline" not in levels(watch(trained, now))


def test_values_that_go_missing_are_found(trained) -> None:
    now = world(3000, 8)
    now.loc[::4, "disputes"] = np.nan
    report = watch(trained, now)
    line = report.summary.set_index("check").loc["missing_values"]
    assert (line["value"], line["level"]) == (0.25, "amber")
    assert "disputes" in line["message"]
    assert "disputes" in line["message_zh"]


def test_tables_are_those_of_the_functions(trained) -> None:
    model, then = trained
    now = world(2500, 9)
    cohort = cohort_of(2500, merchants=900)
    report = watch(trained, now, cohort=cohort, policy=None)
    who = cohort.frame["merchant_id"].to_numpy()
    periods = cohort.frame["as_of"].dt.to_period("Q").astype(str).to_numpy()
    scores = [model.predict_score(each[INPUTS]).astype(float) for each in (then, now)]
    pd.testing.assert_frame_equal(
        report.tables["population"], population_stability(*scores, periods=periods, merchants=who)
    )
    pd.testing.assert_frame_equal(report.tables["shares"], population_shares(*scores))
    pd.testing.assert_frame_equal(
        report.tables["drift"], feature_drift(then[INPUTS], now[INPUTS], model=model, merchants=who)
    )
    found = realised_against_predicted(
        model.predict_proba(now[INPUTS])[:, 1], now["y"], periods=periods, merchants=who
    )
    whole = realised_against_predicted(
        model.predict_proba(now[INPUTS])[:, 1], now["y"], merchants=who
    )
    for name in ("grades", "periods"):
        frame = report.tables[name]
        is_all = frame["period"] == "all"
        pd.testing.assert_frame_equal(frame[~is_all], getattr(found, name))
        pd.testing.assert_frame_equal(frame[is_all].reset_index(drop=True), getattr(whole, name))


def test_the_summary_says_all_in_both_languages(trained) -> None:
    now = world(2000, 10, worse=1.5)
    now.loc[:300, "y"] = np.nan
    summary = watch(trained, now).summary
    assert summary.columns.tolist() == COLUMNS
    assert set(summary["check"]) <= set(CHECKS)
    assert set(summary["level"]) <= {"green", "unknown", "amber", "red"}
    off = summary["level"].isin(["amber", "red"])
    assert off.any()
    assert (summary["action"] != "").equals(off)
    assert (summary["action_zh"] != "").equals(off)
    for row in summary.itertuples():
        assert row.message.startswith(CHECKS[row.check].text)
        assert row.message_zh.startswith(CHECKS[row.check].text_zh)
        if row.level in ("amber", "red"):
            assert row.action == CHECK_ACTIONS[row.check].text


def test_every_check_has_what_to_do_in_both_languages() -> None:
    assert set(CHECK_ACTIONS) == set(CHECKS) - {"outcomes"}
    for word in (*CHECKS.values(), *CHECK_ACTIONS.values(), *UNKNOWNS.values()):
        assert word.text
        assert any("\u4e00" <= letter <= "\u9fff" for letter in word.text_zh)


def test_thresholds_share_the_rate_of_false_alarms_among_periods(trained) -> None:
    now = world(2000, 11)
    summary = watch(trained, now).summary
    low = summary[summary["check"] == "level_low"]
    assert low["period"].tolist() == ["2013Q1", "2013Q2", "all"]
    assert low["threshold"].tolist() == pytest.approx([0.05 / 3] * 3)
    monthly = watch(trained, now, rules=MonitoringRules(by="month")).summary
    low = monthly[monthly["check"] == "level_low"]
    assert low["threshold"].tolist() == pytest.approx([0.05 / 7] * 7)
    index = monthly[monthly["check"] == "population"]
    assert len(index) == 6
    assert (index["threshold"] > 0.02).all()


def test_the_threshold_of_the_index_is_the_tolerant_quantile(trained) -> None:
    report = watch(trained, world(2000, 12), policy=None, cohort=None)
    line = report.summary.set_index("check").loc["population"]
    found = report.tables["population"].iloc[0]
    scale = 1 / 6000 + 1 / 2000
    law = stats.ncx2(found["degrees"], 0.02 / scale)
    assert line["threshold"] == pytest.approx(law.isf(0.05) * scale)
    assert line["value"] == found["psi"]
    assert found["critical"] == pytest.approx(stats.chi2(found["degrees"]).isf(0.05) * scale)


def test_what_each_period_alone_cannot_show_all_together_do(trained) -> None:
    now = world(1200, 22, worse=0.35)
    report = watch(trained, now, rules=MonitoringRules(by="month"))
    line = report.summary[report.summary["check"] == "level_low"].set_index("period")
    assert line.loc["all", "level"] in ("amber", "red")
    assert line.loc["all", "value"] < line.drop("all")["value"].min()
    alone = watch(trained, now, cohort=None).summary.set_index("check").loc["level_low"]
    assert alone["value"] == pytest.approx(line.loc["all", "value"])


def test_the_index_shares_its_rate_of_false_alarms_among_periods(trained) -> None:
    report = watch(trained, world(2000, 23), policy=None)
    lines = report.summary[report.summary["check"] == "population"]
    for line, found in zip(
        lines.itertuples(), report.tables["population"].itertuples(), strict=True
    ):
        scale = 1 / 6000 + 1 / found.rows
        law = stats.ncx2(found.degrees, 0.02 / scale)
        assert line.threshold == pytest.approx(law.isf(0.05 / 2) * scale, rel=0.01)


def test_few_merchants_may_move_the_mean_score_by_chance(trained) -> None:
    model, then = trained
    now, cohort = world(120, 24), cohort_of(120, merchants=30)
    strict = MonitoringRules(points=(0.1, 0.2), fewest_rows=30)
    found = watch(trained, now, cohort=cohort, rules=strict)
    line = found.summary.set_index("check").loc["mean_score"]
    who = cohort.frame["merchant_id"].to_numpy()
    errors = [
        clustered_mean(model.predict_score(now[INPUTS]), who).se,
        clustered_mean(model.predict_score(then[INPUTS]), np.arange(6000)).se,
    ]
    assert line["threshold"] == pytest.approx(1.96 * np.hypot(*errors))
    assert line["threshold"] > 1
    many = watch(trained, world(3000, 25)).summary.set_index("check").loc["mean_score"]
    assert many["threshold"] == 5


def test_few_merchants_tell_nothing_however_many_their_rows(trained) -> None:
    moved = world(2000, 26, shift=-2.0)
    checks = ("population", "mean_score", "features", "missing_values")
    for merchants, is_told in ((49, False), (50, True)):
        report = watch(trained, moved, cohort=cohort_of(2000, merchants=merchants))
        found = levels(report)
        assert [found[check] != "unknown" for check in checks] == [is_told] * 4
    assert found["features"] == "red"
    line = watch(trained, moved[:40], cohort=None).summary.set_index("check").loc["features"]
    assert line["message"].endswith(UNKNOWNS["few_rows"].text)


def test_a_change_of_the_mean_score_without_an_error_is_not_judged(trained) -> None:
    now = world(300, 27, shift=-2.0)
    report = watch(trained, now, cohort=cohort_of(300, merchants=1),
                   rules=MonitoringRules(fewest_rows=1))  # fmt: skip
    line = report.summary.set_index("check").loc["mean_score"]
    assert line["level"] == "unknown"
    assert line["message"].endswith(UNKNOWNS["no_chance"].text)
    assert np.isnan(line["threshold"])


def test_merchants_stand_where_they_stood_last(trained) -> None:
    model, _ = trained
    frame = pd.DataFrame({"sales": [-2.5, 3.0] * 60, "disputes": [6.0, 0.0] * 60})
    when = ["2013-02-01", "2013-01-01"] * 60
    who = np.repeat(np.arange(60), 2)
    cohort = ac.Cohort.from_frame(pd.DataFrame({"merchant_id": who, "as_of": when}))
    report = monitor(model, frame, frame, reference_cohort=cohort, cohort=cohort, policy="ali-2013")
    grades = report.tables["matrix"].set_index(["before", "after"])["borrowers"]
    pd_last = model.predict_proba(frame.iloc[[0]])[0, 1]
    policy = ac.load_policy("ali-2013").grades
    worst = policy.names[int(np.searchsorted(policy.upper_pd, pd_last))]
    assert grades[worst, worst] == 60
    assert grades.sum() == 60


def test_outcomes_that_are_not_known_yet_judge_nothing(trained) -> None:
    now = world(2000, 13)
    cohort = cohort_of(2000)
    is_late = (cohort.frame["as_of"] >= "2013-04-01").to_numpy()
    now.loc[is_late, "y"] = np.nan
    summary = watch(trained, now, cohort=cohort).summary
    late = summary[(summary["period"] == "2013Q2") & (summary["check"] != "population")]
    assert late[["check", "level"]].to_numpy().tolist() == [["outcomes", "unknown"]]
    assert late["message"].iloc[0].endswith(UNKNOWNS["no_outcomes"].text)
    few = now.copy()
    few.loc[20:, "y"] = np.nan
    lines = watch(trained, few, cohort=cohort).summary.set_index(["check", "period"])
    assert lines.loc[("outcomes", "2013Q1"), "message"].endswith(UNKNOWNS["few_rows"].text)
    none = watch(trained, now.assign(y=np.nan)).summary
    assert not set(none["check"]) & {"level_low", "shape", "ranking"}


def test_one_bad_row_stops_nothing_and_is_counted(trained) -> None:
    now = world(1000, 14)
    clean = watch(trained, now)
    spoiled = pd.concat([now, now.iloc[:30].assign(sales=np.inf)], ignore_index=True)
    cohort = cohort_of(1000).frame
    both = ac.Cohort.from_frame(pd.concat([cohort, cohort.iloc[:30]], ignore_index=True))
    report = watch(trained, spoiled, cohort=both)
    line = report.summary.set_index("check").loc["rows_refused"]
    assert line["value"] == pytest.approx(30 / 1030)
    assert line["level"] == "amber"
    assert report.facts["rows_scored"] == 1000
    for name in ("drift", "population", "grades", "periods"):
        pd.testing.assert_frame_equal(report.tables[name], clean.tables[name])


def test_the_order_of_rows_changes_no_bit(trained) -> None:
    now, cohort = world(800, 15), cohort_of(800, merchants=300)
    mixed = np.random.default_rng(16).permutation(800)
    one = watch(trained, now, cohort=cohort)
    two = watch(trained, now.iloc[mixed], cohort=cohort[mixed], labels=now["y"].iloc[mixed])
    assert set(one.tables) == set(two.tables)
    for name, frame in one.tables.items():
        pd.testing.assert_frame_equal(frame, two.tables[name], check_exact=True)


def test_a_models_file_stands_for_the_reference(trained, tmp_path) -> None:
    model, _ = trained
    model.save(tmp_path / "m.alicredit")
    now = world(1000, 17)
    loaded = ac.load_model(tmp_path / "m.alicredit")
    report = monitor(loaded, None, now[INPUTS], labels=now["y"])
    lines = report.summary.set_index("check")
    assert lines.loc["population", "level"] == "unknown"
    assert lines.loc["population", "message"].endswith(UNKNOWNS["no_reference"].text)
    assert lines.loc["features", "level"] == "green"
    assert "population" not in report.tables
    moved = monitor(loaded, None, now[INPUTS].assign(sales=now["sales"] - 1.0))
    assert levels(moved)["features"] == "red"


def test_the_mean_score_is_that_of_predict_score(trained) -> None:
    model, then = trained
    now = world(1000, 18, shift=-0.4)
    line = watch(trained, now).summary.set_index("check").loc["mean_score"]
    change = model.predict_score(now[INPUTS]).mean() - model.predict_score(then[INPUTS]).mean()
    assert line["value"] == pytest.approx(abs(change))


def test_merchants_are_followed_between_grades(trained) -> None:
    now = world(1500, 19)
    report = watch(
        trained, now, cohort=cohort_of(1500), reference_cohort=cohort_of(6000, start="2012-01-01")
    )
    grades = report.tables["matrix"]
    assert grades["borrowers"].sum() == 1500
    value = report.tables["moves"].set_index("metric")["value"]
    assert value["left"] == 4500
    assert set(report.tables) >= {"tests", "concentration"}
    assert "concentration" in levels(report)
    latest = cohort_of(6000, start="2012-01-01", merchants=200)
    few = watch(trained, now.iloc[:200], cohort=cohort_of(200), labels=None,
                reference_cohort=latest)  # fmt: skip
    assert few.tables["matrix"]["borrowers"].sum() == 200
    assert "matrix" not in watch(trained, now).tables


def test_merchants_that_only_stay_do_not_alarm(trained) -> None:
    model, then = trained
    cohort = cohort_of(6000)
    report = monitor(model, then[INPUTS], then[INPUTS], reference_cohort=cohort, cohort=cohort,
                     policy="ali-2013")  # fmt: skip
    found = levels(report)
    assert found["migration"] == found["concentration"] == found["population"] == "green"
    assert report.level == "green"
    assert str(report).splitlines() == [f"Monitoring of model {model.model_id[:12]}: green"]


def test_silent_tables_are_red_where_the_model_reads_them() -> None:
    days = pd.date_range("2012-01-01", "2013-05-20")
    merchants = pd.DataFrame(
        {"merchant_id": [f"m{k}" for k in range(90)], "platform": "taobao",
         "registered_at": days[::5][-90:]}
    )  # fmt: skip
    merchants.loc[0, "merchant_id"] = "m"
    traffic = pd.DataFrame({"merchant_id": "m", "day": days, "uv": 5})
    name = ac.CATALOGUE.names[0]
    used = ac.CATALOGUE.sources(name)
    rng = np.random.default_rng(20)
    X = pd.DataFrame({name: rng.lognormal(8, 1, 1000)})
    y = (rng.random(1000) < 0.05 + 0.3 * (X[name] < X[name].median())).astype(float)
    model = ac.DefaultModel("points", directions=None).fit(X, y)
    records = ac.read_records({"merchants": merchants, "traffic_daily": traffic})
    calm = monitor(model, X, X, records=records, as_of="2013-05-21")
    assert levels(calm)["feeds"] == "green"
    late = monitor(model, X, X, records=records, as_of="2013-05-25")
    line = late.summary.set_index("check").loc["feeds"]
    assert (line["value"], line["level"]) == (1, "red" if "traffic_daily" in used else "amber")
    assert "traffic_daily" in line["message"]
    assert late.tables["feeds"]["table"].tolist() == ["merchants", "traffic_daily"]
    reads_it = next(n for n in ac.CATALOGUE.names if "traffic_daily" in ac.CATALOGUE.sources(n))
    other = ac.DefaultModel("points", directions=None).fit(X.rename(columns={name: reads_it}), y)
    Z = X.rename(columns={name: reads_it})
    assert levels(monitor(other, Z, Z, records=records, as_of="2013-05-25"))["feeds"] == "red"


def test_tables_that_are_not_there_are_as_silent_as_those_that_stopped() -> None:
    rng = np.random.default_rng(21)
    reads = next(n for n in ac.CATALOGUE.names if ac.CATALOGUE.sources(n) == ("orders",))
    X = pd.DataFrame({reads: rng.lognormal(3, 1, 1000)})
    y = (rng.random(1000) < 0.05 + 0.3 * (X[reads] < X[reads].median())).astype(float)
    model = ac.DefaultModel("points", directions=None).fit(X, y)
    days = pd.date_range("2013-01-01", "2013-03-31")
    whole = {
        "merchants": pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
                                   "registered_at": pd.to_datetime(["2011-05-01"])}),
        "traffic_daily": pd.DataFrame({"merchant_id": "m", "day": days, "uv": 3}),
    }  # fmt: skip
    orders = pd.DataFrame({"order_id": days.astype(str), "merchant_id": "m", "buyer_id": "b",
                           "created_at": days, "paid_at": days, "amount": 1.0})  # fmt: skip

    def feeds(**more: pd.DataFrame) -> pd.Series:
        records = ac.read_records({**whole, **more})
        found = monitor(model, X, X, records=records, as_of="2013-04-01")
        return found.summary.set_index("check").loc["feeds"]

    assert feeds(orders=orders)["level"] == "green"
    later = orders.assign(known_at=pd.Timestamp("2030-01-01"))
    for found in (feeds(), feeds(orders=orders.iloc[:0]), feeds(orders=later)):
        assert (found["level"], found["value"]) == ("red", 1)
        assert "orders" in found["message"]
        assert "orders" in found["message_zh"]
    few = feeds(orders=orders.iloc[:3])
    assert few["level"] == "unknown"
    assert few["message"].endswith(UNKNOWNS["no_rhythm"].text + " (orders)")
    stopped = feeds(orders=orders.iloc[:3], traffic_daily=whole["traffic_daily"].iloc[:-9])
    assert stopped["level"] == "amber"


BAD = {
    "no model": (lambda m, f: monitor("model", f, f), "model"),
    "an array": (lambda m, f: monitor(m, f, f.to_numpy()), "current"),
    "no rows": (lambda m, f: monitor(m, f, f[:0]), "current"),
    "a column lacking": (lambda m, f: monitor(m, f, f[["sales"]]), "disputes"),
    "a reference without it": (lambda m, f: monitor(m, f[["sales"]], f), "disputes"),
    "a cohort of others": (lambda m, f: monitor(m, f, f, cohort=cohort_of(3)), "current and its"),
    "a frame for a cohort": (lambda m, f: monitor(m, f, f, cohort=f), "cohort"),
    "few labels": (lambda m, f: monitor(m, f, f, labels=[0.0, 1.0]), "labels"),
    "half a label": (lambda m, f: monitor(m, f, f, labels=np.full(len(f), 0.5)), "defaults"),
    "an unknown policy": (lambda m, f: monitor(m, f, f, policy="ali-2031"), "policy"),
    "as_of without records": (lambda m, f: monitor(m, f, f, as_of="2013-01-01"), "records"),
    "rules of another kind": (lambda m, f: monitor(m, f, f, rules={"by": "month"}), "rules"),
    "nothing scored": (lambda m, f: monitor(m, f, f.assign(sales=np.inf)), "current"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_watched_is_refused_by_name(trained, case: str) -> None:
    call, words = BAD[case]
    model, frame = trained
    with refused(words, error=ac.AlicreditError):
        call(model, frame[INPUTS].iloc[:300])


def test_labels_of_another_horizon_are_refused(trained) -> None:
    now = world(300, 21)
    labels = now["y"].copy()
    labels.attrs = {**CLAIM, "horizon_days": 90}
    with refused("horizon_days 365", error=InputError):
        watch(trained, now, labels=labels)
    labels.attrs = CLAIM
    assert "shape" in levels(watch(trained, now, labels=labels))


@pytest.mark.parametrize(
    "bad",
    [{"by": "week"}, {"amber": 0.6}, {"amber": 0}, {"red": 0.1}, {"psi": (-1, 1)},
     {"psi": (0.02, 0.01)}, {"points": (5, 1)}, {"missing": (0.1, 2)}, {"fewest_rows": 0},
     {"psi": 0.1}, {"points": (1, 2, 3)}, {"missing": ("a", "b")},
     {"fewest_rows": 5.5}, {"correlation": 1.0}, {"development_auc": 75}, {"amber": "5%"}],
    ids=str,
)  # fmt: skip
def test_rules_that_contradict_themselves_are_refused(bad) -> None:
    with refused(next(iter(bad)).split("_")[0], error=InputError):
        MonitoringRules(**bad)
