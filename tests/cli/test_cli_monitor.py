"""The verb ``monitor`` prints what is off, all of it as JSON, and codes programs can trust."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import alicredit as ac
from alicredit.cli import DONE, FOUND, REFUSED, main
from alicredit.monitoring import monitor

INPUTS = ["orders_settled_amount_sum_90d", "loans_principal_max_365d"]
SIZES = ["--merchants", "80", "--seed", "3", "--months", "40", "--orders-per-month", "1",
         "--default-rate", "0.3"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("watched")
    assert main(["simulate", str(place), *SIZES]) == DONE
    return place


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory):
    """Train on loans whose year was over before 2011-12-01."""
    records = ac.read_records(folder)
    cohort = ac.Cohort.of_loans(records)
    y = ac.label_defaults(records, cohort)
    train, _ = cohort.split_by_time("2011-07-01", labels=y)
    X = ac.build_features(records, cohort[train], catalogue=ac.CATALOGUE.subset(INPUTS))
    labels = y[train].reset_index(drop=True)
    labels.attrs = y.attrs
    path = tmp_path_factory.mktemp("model") / "m.alicredit"
    ac.DefaultModel("points").fit(X, labels, cohort=cohort[train]).save(path)
    return path


def run(capsys, *words: str) -> tuple[int, str, str]:
    try:
        code = main(["monitor", *words])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_json_is_the_summary_of_the_public_function(folder, model, capsys) -> None:
    code, out, _ = run(
        capsys, str(folder), "--model", str(model), "--as-of", "2012-09-01", "--json"
    )
    lines = pd.DataFrame(json.loads(out))
    records, loaded = ac.read_records(folder), ac.load_model(model)
    cohort = ac.Cohort.of_loans(records)
    made = cohort.frame["as_of"]
    first = pd.Timestamp(loaded.training["first_as_of"])
    cut = pd.Timestamp(loaded.training["last_as_of"]) + pd.Timedelta(days=1)
    sides = [cohort[((made >= a) & (made < b)).to_numpy()]
             for a, b in ((first, cut), (cut, pd.Timestamp("2012-09-01")))]  # fmt: skip
    names = list(loaded.feature_names)
    X = [ac.build_features(records, each, catalogue=ac.CATALOGUE.subset(names)) for each in sides]
    labels = ac.label_defaults(records, sides[1], observed_until="2012-09-01")
    report = monitor(loaded, X[0], X[1], reference_cohort=sides[0], cohort=sides[1], labels=labels,
                     records=records, as_of="2012-09-01")  # fmt: skip
    assert lines["check"].tolist() == report.summary["check"].tolist()
    assert lines["level"].tolist() == report.summary["level"].tolist()
    assert lines["message_zh"].tolist() == report.summary["message_zh"].tolist()
    assert code == (FOUND if report.level == "red" else DONE)


def test_people_read_what_is_not_green(folder, model, capsys) -> None:
    code, out, _ = run(capsys, str(folder), "--model", str(model), "--as-of", "2012-09-01",
                       "--policy", "ali-2013", "--by", "year")  # fmt: skip
    assert code in (DONE, FOUND)
    assert "Loans of 2010" in out
    assert "checks are green" in out
    assert "2012" in out


@pytest.mark.slow
def test_a_table_that_stopped_is_red_and_gives_exit_code_1(folder, model, tmp_path, capsys) -> None:
    records = ac.read_records(folder)
    tables = {n: records[n].to_pandas() for n in records.tables if n != "bank_txns"}
    orders = tables["orders"]
    tables["orders"] = orders[orders["created_at"] < "2012-05-01"]
    kept = set(tables["orders"]["order_id"])
    for name in ("refunds", "ratings", "loan_orders", "disputes"):
        if name in tables:
            tables[name] = tables[name][tables[name]["order_id"].isin(kept)]
    ac.write_records(ac.read_records(tables), tmp_path)
    code, out, _ = run(
        capsys, str(tmp_path), "--model", str(model), "--as-of", "2012-09-01", "--json"
    )
    feeds = next(line for line in json.loads(out) if line["check"] == "feeds")
    assert feeds["level"] == "red"
    assert "orders" in feeds["message"]
    assert code == FOUND


@pytest.mark.slow
def test_nothing_later_than_the_day_looked_at_is_read(folder, model, tmp_path, capsys) -> None:
    words = ["--model", str(model), "--as-of", "2012-03-01", "--json"]
    _, whole, _ = run(capsys, str(folder), *words)
    records = ac.read_records(folder)
    tables = {n: records[n].to_pandas() for n in records.tables if n != "bank_txns"}
    early = pd.Timestamp("2012-03-01")
    tables["repayments"] = tables["repayments"][tables["repayments"]["at"] < early]
    tables["orders"] = tables["orders"][tables["orders"]["created_at"] < early]
    tables["loans"] = tables["loans"][tables["loans"]["disbursed_at"] < early]
    for name, key in (("instalments", "loans"), ("loan_orders", "loans")):
        if name in tables:
            kept = set(tables[key]["loan_id"])
            tables[name] = tables[name][tables[name]["loan_id"].isin(kept)]
    ac.write_records(ac.read_records(tables), tmp_path)
    _, cut, _ = run(capsys, str(tmp_path), *words)
    one, two = (pd.DataFrame(json.loads(each)) for each in (whole, cut))
    is_feed = one["check"].isin(["feeds", "volumes"])
    pd.testing.assert_frame_equal(one[~is_feed], two[~two["check"].isin(["feeds", "volumes"])])


def test_an_older_model_must_be_told_since_when(folder, tmp_path, capsys) -> None:
    X = pd.DataFrame({INPUTS[0]: range(400)}, dtype=float)
    y = pd.Series([1.0 if k % 7 == 0 else 0.0 for k in range(400)])
    path = tmp_path / "plain.alicredit"
    ac.DefaultModel("points").fit(X, y).save(path)
    code, _, err = run(capsys, str(folder), "--model", str(path), "--as-of", "2012-09-01")
    assert code == REFUSED
    assert "--since" in err
    words = ["--model", str(path), "--as-of", "2012-09-01", "--since", "2011-01-01", "--json"]
    code, out, err = run(capsys, str(folder), *words)
    assert code in (DONE, FOUND)
    lines = {line["check"]: line for line in json.loads(out)}
    assert lines["population"]["level"] == "unknown"
    assert "the counts in the model's file" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--as-of", "soon"], "--as-of"),
        (["--as-of", "2009-08-01"], "--as-of"),
        (["--as-of", "2012-09-01", "--since", "01/02/2012"], "--since"),
        (["--as-of", "2012-09-01", "--since", "2013-01-01"], "--as-of"),
        (["--as-of", "2012-09-01", "--policy", "ali"], "policy"),
        (["--as-of", "2012-09-01", "--by", "week"], "--by"),
        (["--as-of", "2012-09-01", "--model", "absent.alicredit"], "absent.alicredit"),
        ([], "--as-of"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(folder, model, words, says, capsys) -> None:
    code, out, err = run(capsys, str(folder), "--model", str(model), *words)
    assert code == REFUSED
    assert out == ""
    assert says in err
    assert "Traceback" not in err


def test_a_model_of_other_features_is_refused(folder, tmp_path, capsys) -> None:
    X = pd.DataFrame({"own": range(400)}, dtype=float)
    y = pd.Series([1.0 if k % 7 == 0 else 0.0 for k in range(400)])
    path = tmp_path / "own.alicredit"
    ac.DefaultModel("points").fit(X, y).save(path)
    words = ["--model", str(path), "--as-of", "2012-09-01", "--since", "2011-01-01"]
    code, _, err = run(capsys, str(folder), *words)
    assert code == REFUSED
    assert "'own'" in err


def test_the_page_shows_the_checks_the_book_and_no_merchant(
    folder, model, tmp_path, capsys
) -> None:
    page = tmp_path / "watch.html"
    words = [str(folder), "--model", str(model), "--as-of", "2012-09-01"]
    plain, _, _ = run(capsys, *words)
    code, out, err = run(capsys, *words, "--html", str(page))
    assert code == plain
    assert f"page: {page}" in out + err
    text = page.read_text(encoding="utf-8")
    for title in ("Vintages", "Roll rates", "Warnings"):
        assert title.lower() in text.lower()
    merchants = ac.read_records(folder)["merchants"]["merchant_id"].to_pylist()
    assert not [name for name in merchants if name in text]
    refused, _, told = run(capsys, *words, "--html", str(tmp_path / "nowhere" / "a.html"))
    assert refused == REFUSED
    assert "--html" in told
