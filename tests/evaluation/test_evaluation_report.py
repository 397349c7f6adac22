"""Tables of a validation against counts by hand, other libraries and each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from portable_stage import draw_rows, finish, make_model
from scipy import stats
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

import alicredit as ac
from alicredit.errors import InputError
from alicredit.evaluation import ModelCard, audit_fairness, matrix_bandwidths

N = 1600
MODEL = finish(make_model("points", 4).tables, unit=1, base=520)
RNG = np.random.default_rng(8)
X = draw_rows(MODEL.feature_names, N, RNG).assign(kind="a")
SCORED = MODEL.score_frame(X)
OK = (SCORED["status"] == "ok").to_numpy()
P = SCORED["pd"].fillna(0.5).to_numpy(float)
Y = pd.Series((RNG.random(N) < P).astype(float))
DAYS = pd.Timestamp("2013-01-05") + pd.to_timedelta(np.arange(N) // 16, unit="D")
FRAME = pd.DataFrame({"merchant_id": [f"m{k % 500}" for k in range(N)], "as_of": DAYS})
COHORT = ac.Cohort.from_frame(FRAME)
POLICY = ac.load_policy("ali-2013")
HALF = N // 2


def check(rows=slice(None), **options):
    return ac.validate_model(MODEL, X[rows], Y[rows], **options)


@pytest.fixture(scope="module")
def whole():
    return ac.validate_model(
        MODEL, X[HALF:], Y[HALF:], cohort=COHORT[HALF:], reference=X[:HALF],
        reference_cohort=COHORT[:HALF], policy=POLICY,
        challenger=finish(make_model("points", 11).tables, unit=1, base=520),
        groups={"half": np.arange(N - HALF) % 2}, card=ModelCard(max_pd=0.2),
    )  # fmt: skip


def graded(p: np.ndarray) -> np.ndarray:
    """Grade probabilities one by one."""
    names, upper = POLICY.grades.names, POLICY.grades.upper_pd
    return np.array([next(n for n, u in zip(names, upper) if each <= u) for each in p])


def test_grades_are_those_of_rows_counted_one_by_one() -> None:
    table = check(policy=POLICY).tables["grades"].set_index("grade")
    marks = graded(P[OK])
    y = Y.to_numpy()[OK]
    assert table["rows"].sum() == OK.sum()
    for grade, row in table.iterrows():
        mine = marks == grade
        assert row["rows"] == mine.sum()
        assert row["defaults"] == y[mine].sum()
        if mine.any():
            n, bad, mean = mine.sum(), y[mine].sum(), P[OK][mine].mean()
            assert row["mean_pd"] == pytest.approx(mean)
            assert row["rate"] == pytest.approx(bad / n)
            assert row["jeffreys_p"] == pytest.approx(
                stats.beta.cdf(mean, bad + 0.5, n - bad + 0.5)
            )
        else:
            assert np.isnan(row["jeffreys_p"])


def test_the_level_tests_are_the_textbooks_where_each_row_stands_alone() -> None:
    table = check().tables["tests"].set_index("test")
    y, p = Y.to_numpy()[OK], P[OK]
    n, bad = len(y), y.sum()
    jeffreys = stats.beta.cdf(p.mean(), bad + 0.5, n - bad + 0.5)
    assert table.loc["Jeffreys, all rows", "p_value"] == pytest.approx(jeffreys)
    tail = stats.binom.sf(bad - 1, n, p.mean())
    assert table.loc["binomial, all rows", "p_value"] == pytest.approx(tail)
    z = ((y - p) * (1 - 2 * p)).sum() / np.sqrt(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    assert table.loc["Spiegelhalter", "statistic"] == pytest.approx(z)
    assert table.loc["Spiegelhalter", "p_value"] == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert table["is_off"].tolist() == (table["p_value"] < 0.05).tolist()
    assert "decline of AUC since development" not in table.index


def test_a_claim_that_is_half_the_truth_is_off_and_said_among_the_limits() -> None:
    more = Y.copy()
    more[(RNG.random(N) < P) & (more == 0)] = 1.0
    report = ac.validate_model(MODEL, X, more, cohort=COHORT)
    off = report.tables["tests"].set_index("test")["is_off"]
    assert off["Jeffreys, all rows"]
    said = report.tables["limits"]
    assert (said["of"] == "tests").sum() == off.sum()
    assert not check().tables["tests"].set_index("test").loc["Jeffreys, all rows", "is_off"]


def test_migration_counts_merchants_at_their_latest_rows(whole) -> None:
    moves = whole.tables["migration"]
    latest = []
    for rows in (range(HALF), range(HALF, N)):
        seen = {}
        for k in rows:
            if OK[k]:
                key = (FRAME["as_of"][k], POLICY.grades.names.index(graded(P[[k]])[0]))
                who = FRAME["merchant_id"][k]
                seen[who] = max(seen.get(who, key), key)
        latest.append(seen)
    both = sorted(set(latest[0]) & set(latest[1]))
    names = list(POLICY.grades.names)
    table = np.zeros((len(names), len(names)))
    for who in both:
        table[latest[0][who][1], latest[1][who][1]] += 1
    assert moves["merchants"].to_numpy().reshape(table.shape).tolist() == table.tolist()
    told = whole.tables["moves"].set_index("metric")["value"]
    assert told["merchants in both"] == len(both)
    assert told["stayed in their grade"] == pytest.approx(np.trace(table) / len(both))
    assert told["lower bandwidth"] == pytest.approx(matrix_bandwidths(table)[0])
    shares = moves.groupby("before", observed=True)["share"].sum(min_count=1).dropna()
    assert np.allclose(shares, 1)


def test_scores_are_held_against_the_references_bins(whole) -> None:
    line = whole.tables["population"].iloc[0]
    score = SCORED["score"].to_numpy(float, na_value=np.nan)
    old, new = score[:HALF][OK[:HALF]], score[HALF:][OK[HALF:]]
    edges = np.unique(np.quantile(old, np.linspace(0, 1, 11)[1:-1]))
    index = 0.0
    for k in range(len(edges) + 1):
        low = -np.inf if k == 0 else edges[k - 1]
        high = edges[k] if k < len(edges) else np.inf
        q, p = (((x > low) & (x <= high)).mean() for x in (old, new))
        index += (p - q) * np.log(p / q)
    assert line["psi"] == pytest.approx(index)
    assert not line["is_shifted"]
    same = check(slice(HALF), reference=X[:HALF]).tables["population"].iloc[0]
    assert same["psi"] == 0
    far = X.copy()
    far["debt"] = 10.0
    moved = ac.validate_model(MODEL, far, Y, reference=X).tables
    assert moved["population"]["is_shifted"].all()
    assert "population" in set(moved["limits"]["of"])


def test_a_challenger_is_measured_on_the_same_rows(whole) -> None:
    table = whole.tables["challenger"].set_index("of")
    other = finish(make_model("points", 11).tables, unit=1, base=520)
    its = other.score_frame(X[HALF:])
    both = OK[HALF:] & (its["status"] == "ok").to_numpy()
    y = Y[HALF:].to_numpy()[both]
    for name, p in (("model", P[HALF:][both]), ("challenger", its["pd"].to_numpy(float)[both])):
        row = table.loc[name]
        assert row["rows"] == both.sum()
        assert row["auc"] == pytest.approx(roc_auc_score(y, p))
        assert row["log_loss"] == pytest.approx(log_loss(y, p))
        assert row["brier"] == pytest.approx(brier_score_loss(y, p))
    gap = table.loc["challenger", "log_loss"] - table.loc["model", "log_loss"]
    assert table.loc["challenger", "log_loss_gap"] == pytest.approx(gap)
    ends = table.loc["challenger", ["gap_low", "gap_high"]].to_numpy(float)
    assert ends[0] < gap < ends[1]
    assert ends.mean() == pytest.approx(gap)
    alike = check(challenger=MODEL).tables["challenger"]
    assert alike["log_loss_gap"].tolist() == [0, 0]


def test_fairness_is_the_audit_of_the_same_rows(whole) -> None:
    found = whole.tables["fairness"].drop(columns="by")
    mine = OK[HALF:]
    want = audit_fairness(
        Y[HALF:][mine], P[HALF:][mine], (np.arange(N - HALF) % 2)[mine], max_pd=0.2,
        cluster=FRAME["merchant_id"][HALF:][mine],
    )  # fmt: skip
    pd.testing.assert_frame_equal(found, want.assign(group=want["group"].astype(str)))
    assert set(whole.tables["fairness"]["by"]) == {"half"}


def test_months_have_intervals_and_the_first_is_no_shift() -> None:
    table = check(cohort=COHORT).tables["stability"]
    assert table["rows"].sum() == OK.sum()
    assert table["defaults"].sum() == Y[OK].sum()
    assert ((table["low"] <= table["rate"]) & (table["rate"] <= table["high"])).all()
    assert table["psi"].iloc[0] == 0
    assert not table["is_shifted"].any()


def test_the_card_says_what_was_stated_and_what_was_not() -> None:
    card = ModelCard(purpose="order loans", limits=("not for persons",), owner="risk office")
    tables = check(card=card, cohort=COHORT).tables
    said = tables["card"].set_index("item")["value"]
    assert said["purpose"] == "order loans"
    assert said["owner"] == "risk office"
    assert said["exclusions"].startswith("not stated")
    assert said["validated on"] == f"{OK.sum():,} rows, {int(Y[OK].sum()):,} defaults"
    assert said["period of validation"] == "2013-01-05 to 2013-04-14"
    assert said["model id"] == MODEL.model_id
    assert tables["limits"]["text"].iloc[0] == "not for persons"
    assert (tables["limits"]["of"] == "not looked at").sum() == 5


def test_uses_of_restricted_tables_stand_on_the_card() -> None:
    from dataclasses import replace

    told = replace(MODEL, training={**MODEL.training, "data_use psych_items": "screen; consent"})
    said = ac.validate_model(told, X, Y).tables["card"].set_index("item")["value"]
    assert said["restricted data, and legal basis"] == "psych_items: screen; consent"
    plain = check().tables["card"].set_index("item")["value"]
    assert plain["restricted data, and legal basis"].startswith("no use")


def test_the_order_of_rows_changes_nothing(whole) -> None:
    order = np.random.default_rng(1).permutation(N - HALF)
    back = np.random.default_rng(2).permutation(HALF)
    again = ac.validate_model(
        MODEL, X[HALF:].iloc[order], Y[HALF:].iloc[order], cohort=COHORT[HALF:][order],
        reference=X[:HALF].iloc[back], reference_cohort=COHORT[:HALF][back], policy=POLICY,
    )  # fmt: skip
    for name in ("grades", "migration", "moves", "population", "stability", "reliability", "tests"):
        pd.testing.assert_frame_equal(again.tables[name], whole.tables[name])


def test_what_cannot_be_validated_so_is_refused() -> None:
    from dataclasses import replace

    from alicredit.portable import Claim

    other = replace(MODEL, claim=Claim(30, "borrower", 90))
    groups = {"half": np.arange(N) % 2}
    broken = X.assign(debt=np.inf)
    for options, match in (
        ({"policy": "ali-2013"}, "policy must be a policy with grades"),
        ({"groups": groups}, "card.max_pd must be stated"),
        ({"groups": {"half": [1]}, "card": ModelCard(max_pd=0.1)}, r"groups\['half'\] must have"),
        ({"groups": {}, "card": ModelCard(max_pd=0.1)}, "at least one set"),
        ({"groups": [1, 2], "card": ModelCard(max_pd=0.1)}, "groups must map"),
        ({"challenger": other}, "challenger must claim the same horizon_days"),
        ({"challenger": "trees"}, "challenger must be a fitted or loaded model"),
        ({"reference": broken}, "reference must have a row that the model scores"),
        ({"reference": X, "reference_cohort": COHORT[:5]}, "reference and its cohort"),
        ({"card": {"purpose": "x"}}, "card must be ModelCard"),
    ):
        with pytest.raises(InputError, match=match):
            check(**options)
    for bad in ({"purpose": 3}, {"limits": ["x"]}, {"limits": (1,)}, {"max_pd": 2}):
        with pytest.raises(InputError):
            ModelCard(**bad)
