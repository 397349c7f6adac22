"""Funnels, monitoring, one decision and drawings: each says what its frame says, and no name."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_stage import (
    HOSTILE,
    PAGES,
    beside,
    book,
    decided,
    portfolio,
    validation,
    watched,
    write,
)

from alicredit.errors import InputError
from alicredit.pages import draw
from alicredit.pages.drawing import inline
from alicredit.pages.template import DIGEST, POLICY, SCRIPT, STYLE
from alicredit.plots import plot_stability
from alicredit.report import (
    funnel,
    write_decision_page,
    write_monitoring_page,
    write_portfolio_page,
)
from alicredit.vocabulary import REASONS, reason_word


class Reader(HTMLParser):
    """Collect texts of cells by table, and all text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.text, self.inside, self.is_cell = "", "", False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.inside = tag if tag in ("style", "script") else self.inside
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.is_cell = True

    def handle_endtag(self, tag):
        self.inside = "" if tag == self.inside else self.inside
        self.is_cell = self.is_cell and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            return
        self.text += data
        if self.is_cell:
            self.tables[-1][-1][-1] += data + " "

    def find(self, heading: str) -> list[list[str]]:
        """Give the rows of the first table with a heading."""
        for table in self.tables:
            if any(heading in cell for cell in table[0]):
                return [[" ".join(cell.split()) for cell in row] for row in table[1:]]
        raise AssertionError(heading)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("parts")
    return {page: write(page, folder / f"{page}.html") for page in PAGES}


RULES = ["ELIG_REGION", "BLACKLIST", "MISSING_DATA"]
LATER = ["NOT_SCORED", "PD_ABOVE_CUT", "ELIG_LIMIT_MIN", "LIM_UNPROFITABLE"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["p", "q"]), st.sampled_from(["approve", "decline", "refer"]),
        st.lists(st.sampled_from([*RULES, *LATER, "SC_OTHER:x"]), min_size=1, unique=True),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


@settings(max_examples=40)
@given(ROWS)
def test_each_row_is_lost_at_the_first_step_that_holds_it(rows) -> None:
    frame = pd.DataFrame(rows, columns=["product_id", "decision", "reasons"])
    found = funnel(frame)
    order = [*RULES, *LATER, "SC_OTHER"]
    order.sort(key=lambda code: (code not in RULES, list(REASONS).index(code) if code in RULES
                                 else [*LATER, "SC_OTHER"].index(code)))  # fmt: skip
    for product, mine in frame.groupby("product_id"):
        want: dict[str, int] = {}
        for row in mine.itertuples():
            if row.decision == "refer":
                want["refer"] = want.get("refer", 0) + 1
            elif row.decision == "decline":
                codes = {code.partition(":")[0] for code in row.reasons}
                first = next(code for code in order if code in codes)
                want[first] = want.get(first, 0) + 1
        steps = found[found["product_id"] == product]
        assert dict(zip(steps["code"][1:], steps["lost"][1:])) == want
        assert steps["left"].iloc[0] == len(mine)
        assert steps["left"].iloc[-1] == (mine["decision"] == "approve").sum()
        assert (steps["left"].shift(1)[1:] - steps["lost"][1:] == steps["left"][1:]).all()


def test_the_index_and_order_of_decisions_change_no_funnel() -> None:
    frame = portfolio()
    mixed = frame.sample(frac=1, random_state=2)
    sort = ["product_id", "code"]
    one, two = (funnel(each).sort_values(sort, ignore_index=True) for each in (frame, mixed))
    pd.testing.assert_frame_equal(one, two)


def test_a_decline_without_a_reason_is_refused() -> None:
    bare = portfolio()
    bare.at[int(bare.index[bare["decision"] == "decline"][0]), "reasons"] = []
    with pytest.raises(InputError, match="known reason in each row that is declined"):
        funnel(bare)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_of_many_names_a_merchant_and_bytes_are_the_same_again(
    tmp_path, pages, page
) -> None:
    again = write(page, tmp_path / "again.html")
    assert again.read_bytes() == pages[page].read_bytes()
    if page != "decision":
        assert "secret-" not in again.read_text(encoding="utf-8")


def test_allocation_shows_what_each_constraint_is_worth(tmp_path) -> None:
    write_portfolio_page(portfolio(), tmp_path / "p.html", allocation=book())
    page = Reader(tmp_path / "p.html")
    rows = page.find("one more yuan is worth")
    want = book().constraints
    assert [row[0] for row in rows] == want["constraint"].tolist()
    assert [row[-1] for row in rows] == [
        "–" if np.isnan(each) else f"{each:.3f}" for each in want["price"]
    ]
    assert f"{book().value:,.0f}" in page.text
    assert book().prices.prices_id[:12] in page.text
    lost = book().offers.query("allocated_limit == 0")["reason"].value_counts()
    assert [row[1] for row in page.find("offers")] == [str(n) for n in lost]


def test_a_funnel_stands_on_the_page_row_by_row(tmp_path) -> None:
    write_portfolio_page(portfolio(), tmp_path / "p.html")
    rows = [row for row in Reader(tmp_path / "p.html").find("lost here") if len(row) == 3]
    want = funnel(portfolio())
    assert [row[1:] for row in rows] == want[["lost", "left"]].astype(str).to_numpy().tolist()
    for row, line in zip(rows, want.itertuples(), strict=True):
        assert row[0].startswith(line.text)
        assert line.text_zh in row[0]


def test_monitoring_says_the_worst_first_with_what_to_do_in_both_languages(tmp_path) -> None:
    watched().to_html(tmp_path / "m.html", beside=beside())
    page = Reader(tmp_path / "m.html")
    rows = page.find("what was found")
    found = watched().summary
    assert len(rows) == len(found)
    order = ["red", "amber", "unknown", "green"]
    places = [next(k for k, word in enumerate(order) if word in row[0]) for row in rows]
    assert places == sorted(places)
    assert places[0] == 0
    for line in found[found["level"].isin(["red", "amber"])].itertuples():
        said = (line.message, line.message_zh, line.action, line.action_zh)
        assert any(all(each in f"{row[2]} {row[3]}" for each in said) for row in rows)


def test_monitoring_shows_vintages_rolls_and_counts_of_warnings(tmp_path) -> None:
    write_monitoring_page(watched(), tmp_path / "m.html", beside=beside())
    page = Reader(tmp_path / "m.html")
    assert [row[1] for row in page.find("months on book")] == ["6", "6", "6"]
    assert page.find("share of balances")[2][:4] == ["1-30", "0", "6", "60%"]
    assert [row[1] for row in page.find("fired")] == ["2"]
    assert "WARN_VIOLATION" in page.find("fired")[0][0]
    assert {row[1] for row in page.find("loans and looks")} == {"1"}
    with pytest.raises(InputError, match="beside must name vintages"):
        write_monitoring_page(watched(), tmp_path / "m.html", beside={"vintage": pd.DataFrame()})
    with pytest.raises(InputError, match=r"beside\['warnings'\] must be a frame"):
        write_monitoring_page(watched(), tmp_path / "m.html", beside={"warnings": [1]})


@pytest.mark.parametrize("word", ["approve", "decline", "refer"])
def test_a_decision_is_told_in_both_languages_with_what_would_change_it(tmp_path, word) -> None:
    made, told = decided("m000108", word)
    made.to_html(tmp_path / "d.html", explained=told.assign(advice="sell more", advice_zh="多卖"))
    page = Reader(tmp_path / "d.html")
    for code in made.reasons:
        assert reason_word(code).text in page.text
        assert reason_word(code).text_zh in page.text
    assert "sell more" in page.text
    assert "多卖" in page.text
    assert "m000108" in page.text
    assert ("20,000" in page.text) == (word == "approve")
    assert "您有权" in page.text
    made.to_html(tmp_path / "d.html")
    assert "sell more" not in Reader(tmp_path / "d.html").text


def test_what_explains_another_decision_is_refused(tmp_path) -> None:
    made, _ = decided(word="approve")
    _, told = decided(word="decline")
    with pytest.raises(InputError, match="must explain this decision"):
        write_decision_page(made, tmp_path / "d.html", explained=told)
    with pytest.raises(InputError, match="advice"):
        write_decision_page(made, tmp_path / "d.html", explained=told.drop(columns="advice"))
    with pytest.raises(InputError, match="must be a decision"):
        write_decision_page({"decision": "approve"}, tmp_path / "d.html")


def test_every_section_of_a_validation_stands_on_its_page(pages) -> None:
    page, tables = Reader(pages["validation"]), validation().tables
    headings = {
        "grades": "prudent", "tests": "statistic", "population": "rows trained on",
        "challenger": "log loss", "fairness": "ratio", "card": "what", "limits": "limit",
        "reasons": "of rows", "moves": "what it is",
    }  # fmt: skip
    for name, heading in headings.items():
        rows = [row for row in page.find(heading) if len(row) > 1]
        assert len(rows) == len(tables[name]), name
    values = dict(page.find("what"))
    assert values["purpose 用途"] == "turnover"
    for row, want in zip(page.find("log loss"), tables["challenger"].itertuples(), strict=True):
        assert row[3] == f"{want.auc:.3f}"
        assert row[6] == f"{want.log_loss:.3f}"
    pairs = tables["points"].query("feature_2 != ''")[["feature", "feature_2"]].drop_duplicates()
    raw = pages["validation"].read_text(encoding="utf-8")
    assert len(re.findall(r'aria-label="[^"]*together: lowest', raw)) == len(pairs)


FOUND = pd.DataFrame({"period": ["a", "b"], "psi": [0.2, 0.01], "critical": [0.03, 0.03],
                      "is_shifted": [True, False]})  # fmt: skip


def test_a_drawing_keeps_shapes_texts_and_its_own_references_alone() -> None:
    svg = draw(plot_stability, FOUND.assign(period=[HOSTILE[:30], "\x01\ufffe销售"]), "c").svg
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg
    assert "销售" in svg
    assert "\x01" not in svg
    assert not re.search(r"https?:|font-family|<style|<image|<metadata", svg)
    made = set(re.findall(r'id="([^"]+)"', svg))
    used = set(re.findall(r"(?:href=\"|url\()#([\w-]+)", svg))
    assert used == made
    bad = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><script>x</script>'
        '<image href="http://a"/><g onclick="x"><a href="http://a"><text>t</text></a>'
        '<use href="http://a#b"/><text onload="y" x="1">&lt;i&gt;</text></g></svg>'
    )
    kept = inline(bad, "title")
    assert not re.search("script|image|onclick|onload|http", kept)
    assert "&lt;i&gt;" in kept


def test_two_drawings_of_a_page_share_no_id(pages) -> None:
    raw = pages["validation"].read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]+)"', raw)
    assert len(ids) == len(set(ids))
    assert len(ids) > 20


def test_a_page_may_run_its_own_script_alone(pages) -> None:
    import base64
    import hashlib

    assert base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode() == DIGEST
    raw = pages["decision"].read_text(encoding="utf-8")
    assert f"<script>{SCRIPT}</script>" in raw
    policy = POLICY.replace("'", "&#39;")
    assert raw.index(policy) < raw.index("<style>")
    assert "default-src 'none'" in POLICY
    assert "unsafe-inline" not in POLICY.split("script-src")[1]
    assert "innerHTML" not in SCRIPT


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", ["ink", "soft", "red", "amber", "green", "bar"])
def test_letters_can_be_read_against_both_backgrounds(name) -> None:
    colours = dict(re.findall(r"--(\w+):(#[0-9a-fA-F]{6}|#fff)", STYLE))
    for back in ("#ffffff", colours["back"]):
        light, dark = sorted((luminance(back), luminance(colours[name])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5
