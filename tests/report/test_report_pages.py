"""Pages are whole, safe and say what the frames say."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alicredit as ac
from alicredit.decision import COLUMNS
from alicredit.errors import AlicreditError, InputError
from alicredit.report import by_product, by_reason, notes_of, write_portfolio_page

HOSTILE = "<script>alert('x')</script>"


class Reader(HTMLParser):
    """Collect tags, attributes and text, and check that tags close in order."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def decisions() -> pd.DataFrame:
    rows = []
    for k in range(6):
        approved = k < 2
        rows.append(
            {
                "merchant_id": f"secret-{k}{HOSTILE}",
                "product_id": "taobao_order",
                "as_of": pd.Timestamp("2013-05-01"),
                "status": "ok" if k < 5 else "bad_records",
                "pd": 0.01 if k < 5 else np.nan,
                "pd_lower": 0.005,
                "pd_upper": 0.02,
                "score": 620,
                "grade": "C",
                "decision": "approve" if approved else "decline" if k < 5 else "refer",
                "limit": 1234.0 if approved else 0.0,
                "rate": 0.0005,
                "rate_unit": "day",
                "expected_loss": 3.0,
                "expected_profit": 40.0,
                "reasons": ["LIM_SALES"] if approved else ["ELIG_REGION", "SC_SALES_LOW"],
                "model_id": HOSTILE,
                "policy_id": "p",
                "prices_id": "",
            }
        )
    return pd.DataFrame(rows)[list(COLUMNS)]


def test_a_page_says_whether_lines_had_to_earn_a_books_prices(tmp_path) -> None:
    path = tmp_path / "page.html"
    write_portfolio_page(decisions().assign(prices_id=""), path)
    assert "no prices of a book" in path.read_text(encoding="utf-8")
    write_portfolio_page(decisions().assign(prices_id="0123456789abcdef"), path)
    text = path.read_text(encoding="utf-8")
    assert "(prices 0123456789ab)" in text
    assert "no prices of a book" not in text


def test_a_portfolio_page_counts_and_names_no_merchant(tmp_path) -> None:
    write_portfolio_page(decisions(), tmp_path / "p.html", title=HOSTILE)
    page = read(tmp_path / "p.html")
    assert "secret-" not in page.text
    assert page.tags.count("script") == 1
    assert HOSTILE in page.text
    assert "2,468" in page.text
    assert "所在地区尚未开放该产品" in page.text
    assert "the region is not open for this product" in page.text
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"https?://", page.text)


def test_a_reason_that_names_an_input_is_shown_with_its_name_escaped(tmp_path) -> None:
    frame = decisions()
    frame.at[3, "reasons"] = ["PD_ABOVE_CUT", f"SC_OTHER:{HOSTILE}"]
    write_portfolio_page(frame, tmp_path / "p.html")
    page = read(tmp_path / "p.html")
    assert f"another input of the score: {HOSTILE}" in page.text
    assert f"其他评分因素：{HOSTILE}" in page.text
    assert page.tags.count("script") == 1


@pytest.mark.parametrize("decision", ["approve", "decline", "refer"])
def test_a_portfolio_all_of_one_decision_has_a_page(tmp_path, decision: str) -> None:
    reasons = [["LIM_SALES"]] * 6 if decision == "approve" else [["BLACKLIST"]] * 6
    write_portfolio_page(
        decisions().assign(decision=decision, reasons=reasons), tmp_path / "p.html"
    )
    assert "Why not approved" in read(tmp_path / "p.html").text


def test_a_page_fetches_nothing(tmp_path) -> None:
    write_portfolio_page(decisions(), tmp_path / "p.html")
    raw = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "http" not in raw.replace("http-equiv", "")
    assert "@import" not in raw
    assert not re.search(r"url\((?!#)", raw)


def test_a_validation_page_shows_the_summary(tmp_path) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(2000, 2)), columns=["a<b>", "c"])
    y = pd.Series((rng.random(2000) < 1 / (1 + np.exp(2 - X["a<b>"]))).astype(float))
    model = ac.DefaultModel("points", directions=None).fit(X[:1000], y[:1000])
    frame = pd.DataFrame({"merchant_id": np.arange(1000), "as_of": "2013-01-01"})
    report = ac.validate_model(model, X[1000:], y[1000:], cohort=ac.Cohort.from_frame(frame))
    report.to_html(tmp_path / "v.html")
    page = read(tmp_path / "v.html")
    auc = report.tables["summary"]["value"][0]
    assert f"{auc:.3f}" in page.text
    assert "a<b>" in page.text
    assert "b" not in page.tags[page.tags.index("table") :] or "svg" in page.tags
    drawn = re.search(r"<svg.*?</svg>", (tmp_path / "v.html").read_text(encoding="utf-8"), re.S)[0]
    assert "claimed probability of default" in drawn
    assert set(report.tables) == {
        "card", "limits", "points", "reasons", "reliability", "shapes", "stability", "summary",
        "tests",
    }  # fmt: skip


def test_each_row_of_a_portfolio_is_counted_once_under_what_became_of_it() -> None:
    line = by_product(decisions()).iloc[0]
    assert line["approved"] == 2
    assert line["referred"] == 1
    assert line["by_rule"] == 3
    assert line["limit"] == 2468
    assert line["mean_pd"] == pytest.approx(0.01)


CODES = st.lists(
    st.sampled_from(["ELIG_REGION", "BLACKLIST", "PD_ABOVE_CUT", "SC_RATING", "ELIG_LIMIT_MIN"]),
    min_size=1,
    unique=True,
)
ROWS = st.lists(
    st.tuples(st.sampled_from(["p", "q"]), st.sampled_from(["approve", "decline", "refer"]), CODES),
    min_size=1,
    max_size=30,
)


@given(ROWS)
def test_the_fates_of_a_product_sum_to_its_merchants(rows) -> None:
    frame = pd.DataFrame(rows, columns=["product_id", "decision", "reasons"]).assign(
        merchant_id="m", limit=1.0, pd=0.1, expected_loss=1.0, expected_profit=1.0
    )
    found = by_product(frame).set_index("product_id")
    parts = found[["approved", "referred", "by_rule", "by_probability", "by_limit"]]
    assert (parts.sum(axis=1) == found["merchants"]).all()
    assert found["merchants"].sum() == len(frame)
    for name, count in (("approved", "approve"), ("referred", "refer")):
        assert found[name].sum() == (frame["decision"] == count).sum()
    is_ruled = frame["reasons"].map(lambda codes: bool({"ELIG_REGION", "BLACKLIST"} & set(codes)))
    assert found["by_rule"].sum() == ((frame["decision"] == "decline") & is_ruled).sum()


@given(ROWS)
def test_reasons_are_counted_as_pandas_counts_them(rows) -> None:
    frame = pd.DataFrame(rows, columns=["product_id", "decision", "reasons"])
    for approved in (True, False):
        mine = frame[(frame["decision"] == "approve") == approved]
        found = by_reason(frame, approved=approved, top=99)
        assert found["rows"].sum() == mine["reasons"].map(len).sum()
        for line in found.itertuples():
            of_product = mine[mine["product_id"] == line.product_id]
            has = of_product["reasons"].map(lambda codes, code=line.code: code in codes)
            assert line.rows == has.sum()
            assert line.share == pytest.approx(has.mean())


def test_what_is_said_of_made_up_records_is_said_of_no_others() -> None:
    records, _ = ac.simulate_platform(60, seed=1, months=12, orders_per_month=2)
    said = notes_of(records.notes)
    assert "made up" in said
    assert "0.8 %" in said
    assert notes_of({"note": "a bank's own"}) == ""


def test_a_page_that_cannot_be_written_is_refused(tmp_path) -> None:
    with pytest.raises(AlicreditError, match="written"):
        write_portfolio_page(decisions(), tmp_path / "nowhere" / "p.html")


def test_chinese_texts_say_that_they_are_chinese(tmp_path) -> None:
    write_portfolio_page(decisions(), tmp_path / "p.html")
    raw = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert '<span class="zh" lang="zh-Hans">所在地区尚未开放该产品</span>' in raw


def test_pages_without_rows_or_without_the_extra_are_refused(tmp_path, monkeypatch) -> None:
    with pytest.raises(InputError, match="rows"):
        write_portfolio_page(decisions().iloc[:0], tmp_path / "p.html")
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(AlicreditError, match=r"\[report\]"):
        write_portfolio_page(decisions(), tmp_path / "p.html")
