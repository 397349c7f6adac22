"""Every number of a page is the number of its frame, and hostile names stay text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from refused import refused

from alicredit.errors import AlicreditError
from alicredit.evaluation import ValidationReport
from alicredit.report import write_portfolio_page, write_validation_page, written

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</table></main><iframe src=//evil.example>",
    "{{ 7 * 7 }}{% raw %}",
    "<svg onload=alert(1)>",
    "&lt;b&gt;",
    "'; DROP TABLE merchants; --",
]  # fmt: skip
VOID = ("meta", "br", "link", "img")


class Tables(HTMLParser):
    """Collect the body rows of each table, with tags and attributes, and check the nesting."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data

    def rows(self, table: int) -> list[list[str]]:
        return [[" ".join(cell.split()) for cell in row] for row in self.tables[table][1:]]


def report(title: str = "sales", other: str = "refunds") -> ValidationReport:
    summary = pd.DataFrame(
        [("AUC", 0.77612, 0.70049, 0.85151), ("default rate", 0.13184, 0.12011, 0.14399),
         ("mean probability", 0.12345, np.nan, np.nan), ("calibration slope", 0.98765, 0.9, 1.1),
         ("rows", 2511.0, np.nan, np.nan), ("merchants", 1234.0, np.nan, np.nan)],
        columns=["metric", "value", "low", "high"],
    ).assign(note=title)  # fmt: skip
    reliability = pd.DataFrame(
        {"bin": [1, 2], "rows": [1255, 1256], "merchants": [701, 702], "defaults": [7, 324],
         "mean_pd": [0.00567, 0.25011], "rate": [0.00558, 0.25796], "low": [0.003, 0.23],
         "high": [0.011, 0.2891], "jeffreys_p": [0.4321, 0.0123]}
    )  # fmt: skip
    stability = pd.DataFrame(
        {"month": ["2013-01", "2013-02"], "rows": [1500, 1011], "defaults": [200, 131],
         "mean_pd": [0.1311, 0.1122], "rate": [0.1333, 0.1296], "psi": [0.0, 0.2512]}
    )  # fmt: skip
    points = pd.DataFrame(
        {"feature": ["a", "a", other], "title": title, "unit": "yuan", "category": "",
         "lower": [-np.inf, 1234.5, -np.inf], "upper": [1234.5, np.inf, np.inf],
         "points": [-12, 34, 5], "share": [0.25, 0.75, 1.0], "default_rate": [0.2, 0.1, np.nan]}
    )  # fmt: skip
    reasons = pd.DataFrame({"code": ["SC_RATING", "SC_DISPUTE"], "rows": [1700, 12],
                            "first": [900, 3]})  # fmt: skip
    tables = {"summary": summary, "reliability": reliability, "stability": stability,
              "points": points, "reasons": reasons}  # fmt: skip
    facts = {"model_id": title, "claim": title, "rows": 12_345, "folds": title}
    return ValidationReport(tables, facts)


@pytest.fixture
def page(tmp_path) -> Tables:
    write_validation_page(report(), tmp_path / "v.html")
    return Tables(tmp_path / "v.html")


def test_reliability_stands_on_the_page_row_by_row(page) -> None:
    assert page.rows(0) == [
        ["1", "1,255", "701", "7", "0.57%", "0.56%", "0.30%", "1.10%", "0.432"],
        ["2", "1,256", "702", "324", "25.01%", "25.80%", "23.00%", "28.91%", "0.012"],
    ]


def test_months_stand_on_the_page_row_by_row(page) -> None:
    assert page.rows(1) == [
        ["2013\u201101", "1,500", "200", "13.11%", "13.33%", "0.000"],
        ["2013\u201102", "1,011", "131", "11.22%", "12.96%", "0.251"],
    ]


def test_reasons_stand_on_the_page_with_their_counts(page) -> None:
    rows = page.rows(3)
    assert [row[1:] for row in rows] == [["1,700", "900"], ["12", "3"]]
    assert "SC_RATING" in rows[0][0]


def test_two_inputs_of_one_title_keep_their_points_apart(page) -> None:
    assert page.rows(2) == [
        ["sales (yuan) a"],
        ["up to 1,234.5", "-12", "25.00%", "20.00%"],
        ["above 1,234.5", "34", "75.00%", "10.00%"],
        ["sales (yuan) refunds"],
        ["any value", "5", "100.00%", "–"],
    ]


def test_all_figures_stand_on_the_page_as_they_are_written(page) -> None:
    frame = report().tables["summary"]
    for row, cells in zip(frame.itertuples(), page.rows(4), strict=True):
        assert cells[0].startswith(row.metric)
        want = [written(row.metric, each) or "–" for each in (row.value, row.low, row.high)]
        assert cells[1:] == want
    assert "0.776AUC (0.700 to 0.852)" in re.sub(r"\s*\n\s*", "", page.text)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text_on_every_page(tmp_path, name: str) -> None:
    write_validation_page(report(name, name), tmp_path / "v.html")
    write_portfolio_page(portfolio(name), tmp_path / "p.html", title=name, note=name)
    write_validation_page(report(), tmp_path / "plain-v.html")
    write_portfolio_page(portfolio(), tmp_path / "plain-p.html")
    for file in ("v.html", "p.html"):
        page, plain = Tables(tmp_path / file), Tables(tmp_path / f"plain-{file}")
        assert name in page.text
        assert page.tags <= plain.tags
        assert page.attributes <= plain.attributes
        raw = (tmp_path / file).read_text(encoding="utf-8")
        assert not re.search(r"<(iframe|img|link)\b", raw)
        assert raw.count("<script") == 1


def portfolio(name: str = "p") -> pd.DataFrame:
    rng = np.random.default_rng(3)
    size = 60
    fate = rng.choice(["approve", "decline", "refer"], size)
    return pd.DataFrame(
        {"merchant_id": [f"m{k}" for k in range(size)], "product_id": name,
         "as_of": pd.Timestamp("2013-05-01"),
         "status": np.where(fate == "refer", "no_history", "ok"),
         "pd": rng.uniform(0.001, 0.1, size), "grade": rng.choice(list("ABC"), size),
         "decision": fate, "limit": np.where(fate == "approve", rng.integers(1e3, 1e6, size), 0.0),
         "expected_loss": rng.uniform(1, 1000, size), "expected_profit": rng.normal(0, 900, size),
         "reasons": [["LIM_SALES"] if f == "approve" else ["PD_ABOVE_CUT"] for f in fate],
         "model_id": name, "policy_id": name}
    )  # fmt: skip


def test_a_portfolios_figures_are_sums_over_its_rows(tmp_path) -> None:
    frame = portfolio()
    write_portfolio_page(frame, tmp_path / "p.html")
    page = Tables(tmp_path / "p.html")
    given = frame[frame["decision"] == "approve"]
    counts = [int((frame["decision"] == word).sum()) for word in ("approve", "refer", "decline")]
    money = [f"{given[n].sum():,.0f}" for n in ("limit", "expected_loss", "expected_profit")]
    mean = f"{given['pd'].mean():.2%}"
    assert page.rows(0) == [
        ["p", str(counts[0]), str(counts[1]), "0", str(counts[2]), "0", money[0], mean, *money[1:]]
    ]
    for each in (*map(str, counts), *money):
        assert each in page.text


def test_grades_and_statuses_of_a_page_are_those_of_its_rows(tmp_path) -> None:
    frame = portfolio()
    write_portfolio_page(frame, tmp_path / "p.html")
    page = Tables(tmp_path / "p.html")
    given = frame[frame["decision"] == "approve"]
    want = [
        [grade, str(len(mine)), f"{mine['pd'].mean():.2%}", f"{mine['limit'].sum():,.0f}"]
        for grade, mine in given.groupby("grade")
    ]
    assert page.rows(4)[1:] == want
    found = {re.search(r"[a-z_]+$", row[0])[0]: int(row[1]) for row in page.rows(5)}
    assert found == frame["status"].value_counts().to_dict()


def test_no_page_points_outside(tmp_path) -> None:
    write_validation_page(report(), tmp_path / "v.html")
    write_portfolio_page(portfolio(), tmp_path / "p.html")
    for file in ("v.html", "p.html"):
        assert not {"src", "onload", "onerror"} & Tables(tmp_path / file).attributes
        raw = (tmp_path / file).read_text(encoding="utf-8")
        assert set(re.findall(r'href="(.)', raw)) == {"#"}
        body = re.sub(r"<meta [^>]*>", "", raw)
        assert not re.search(r"//|url\((?!#)|@import|javascript:", body)


@pytest.mark.parametrize("bad", ["", "nowhere/at/all.html", "."])
def test_a_place_that_is_no_file_is_refused(bad: str) -> None:
    with refused(error=AlicreditError):
        write_validation_page(report(), bad)
