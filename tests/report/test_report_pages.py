"""Pages are whole, safe and say what the frames say."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.decision import COLUMNS
from alicredit.errors import AlicreditError, InputError
from alicredit.report import write_portfolio_page

HOSTILE = "<script>alert('x')</script>"


class Reader(HTMLParser):
    """Collect tags, attributes and text, and check that tags close in order."""

    VOID = ("meta", "br", "line", "circle", "link", "img")

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


def test_a_portfolio_page_counts_and_names_no_merchant(tmp_path) -> None:
    write_portfolio_page(decisions(), tmp_path / "p.html", title=HOSTILE)
    page = read(tmp_path / "p.html")
    assert "secret-" not in page.text
    assert "script" not in page.tags
    assert HOSTILE in page.text
    assert "2,468" in page.text
    assert "所在地区尚未开放该产品" in page.text
    assert "the region is not open for this product" in page.text
    assert page.links == []
    assert not re.search(r"https?://", page.text)


def test_a_reason_that_names_an_input_is_shown_with_its_name_escaped(tmp_path) -> None:
    frame = decisions()
    frame.at[3, "reasons"] = ["PD_ABOVE_CUT", f"SC_OTHER:{HOSTILE}"]
    write_portfolio_page(frame, tmp_path / "p.html")
    page = read(tmp_path / "p.html")
    assert f"another input of the score: {HOSTILE}" in page.text
    assert f"其他评分因素：{HOSTILE}" in page.text
    assert "script" not in page.tags


def test_a_page_fetches_nothing(tmp_path) -> None:
    write_portfolio_page(decisions(), tmp_path / "p.html")
    raw = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "http" not in raw
    assert "@import" not in raw
    assert "url(" not in raw


def test_a_validation_page_shows_the_summary(tmp_path) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(2000, 2)), columns=["a<b>", "c"])
    y = pd.Series((rng.random(2000) < 1 / (1 + np.exp(2 - X["a<b>"]))).astype(float))
    model = ac.DefaultModel(directions=None).fit(X[:1000], y[:1000])
    frame = pd.DataFrame({"merchant_id": np.arange(1000), "as_of": "2013-01-01"})
    report = ac.validate_model(model, X[1000:], y[1000:], cohort=ac.Cohort.from_frame(frame))
    report.to_html(tmp_path / "v.html")
    page = read(tmp_path / "v.html")
    auc = report.tables["summary"]["value"][0]
    assert f"{auc:.3f}" in page.text
    assert "a<b>" in page.text
    assert "b" not in page.tags[page.tags.index("table") :] or "svg" in page.tags
    assert page.tags.count("circle") == len(report.tables["reliability"])


def test_pages_without_rows_or_without_the_extra_are_refused(tmp_path, monkeypatch) -> None:
    with pytest.raises(InputError, match="rows"):
        write_portfolio_page(decisions().iloc[:0], tmp_path / "p.html")
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(AlicreditError, match=r"\[report\]"):
        write_portfolio_page(decisions(), tmp_path / "p.html")
