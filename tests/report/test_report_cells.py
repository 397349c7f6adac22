"""Cells, columns and drawings of a page are what they are made of, safe and the same each time."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from alicredit.errors import AlicreditError
from alicredit.pages.drawing import draw, hash_of, inline
from alicredit.pages.layout import (
    Cell,
    both,
    count,
    figure,
    lay_out,
    level,
    meaning,
    number,
    percent,
    points,
    share,
    small,
    words,
    write_page,
    yuan,
)
from alicredit.plots import plot_stability

NOTHING = [None, np.nan, pd.NaT, pd.NA, float("nan")]
SHIFT = pd.DataFrame({"period": ["2013Q1", "2013Q2"], "psi": [0.01, 0.2], "critical": [0.03] * 2,
                      "is_shifted": [False, True]})  # fmt: skip


@pytest.mark.parametrize("nothing", NOTHING)
def test_what_lacks_is_a_dash_among_numbers_and_nothing_among_words(nothing) -> None:
    row = {"x": nothing}
    for head, make in (number("n", "x", yuan), share("s", "x")):
        assert head.numeric
        assert (make(row).text, make(row).sort) == ("–", "")
    head, make = words("w", "x")
    assert not head.numeric
    assert make(row).text == ""
    assert words("w", "x")[1]({"x": 0}).text == "0"


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (yuan, 1_234_567.5, "1,234,568"), (yuan, 0.4, "0"), (percent, 0.18254, "18.25%"),
        (percent, 1.0, "100.00%"), (count, 12_345.9, "12,345"), (points, 612, "612"),
        (points, 612.5, "612.500"), (points, np.int64(1612), "1,612"), (small, 0.0005, "0.001"),
        (figure, 3.0, "3"), (figure, 1234.56, "1,235"), (figure, 1000.4, "1,000"),
        (figure, 999.94, "999.9"), (figure, 10.04, "10.0"), (figure, 9.9994, "9.999"),
        (figure, -0.25, "-0.250"), (figure, -1000.4, "-1,000"),
    ],
)  # fmt: skip
def test_numbers_are_written_to_the_digits_that_are_stated(show, value, text) -> None:
    assert show(value) == text
    cell = number("n", "x", show)[1]({"x": value})
    assert cell.text == text
    assert float(cell.sort) == pytest.approx(float(value), rel=1e-11)  # sorted by the number itself


def test_a_share_has_a_bar_of_its_own_length() -> None:
    cell = share("s", "x")[1]({"x": 0.1234})
    assert (cell.text, cell.width, float(cell.sort)) == ("12%", 12.3, 0.1234)


def test_levels_are_told_by_shape_and_word_and_sorted_from_good_to_bad() -> None:
    _, make = level("l", "x")
    cells = [make({"x": each}) for each in ("green", "unknown", "amber", "red")]
    assert [cell.sort for cell in cells] == sorted(cell.sort for cell in cells)
    assert len({cell.text[0] for cell in (cells[0], cells[2], cells[3])}) == 3
    assert [cell.level for cell in cells] == ["green", "", "amber", "red"]
    assert all(name in cell.text for name, cell in zip(("green", "unknown", "amber", "red"), cells))
    other = make({"x": "odd"})
    assert (other.text, other.sort, other.level) == ("odd", "", "")


def test_texts_stand_in_both_languages_and_a_code_beside_what_it_means() -> None:
    row = {"text": "sales fell", "text_zh": "销售下降", "code": "SC_SALES_FALLING"}
    cell = meaning("m", "code")[1](row)
    assert (cell.text, cell.zh, cell.code) == ("sales fell", "销售下降", "SC_SALES_FALLING")
    told = both("b", "text", "text_zh")[1](row)
    assert (told.text, told.zh, told.code) == ("sales fell", "销售下降", "")


def test_rows_stand_under_the_heading_of_their_group_in_the_frames_order() -> None:
    frame = pd.DataFrame({"kind": ["b", "a", "b"], "code": ["B", "A", "B"], "x": [1, 2, 3]})
    table = lay_out(frame, (words("x", "x"),), group="kind", code="code", caption="c")
    told = [(each.title, each.code, [row[0].text for row in each.rows]) for each in table.groups]
    assert told == [("b", "B", ["1", "3"]), ("a", "A", ["2"])]
    plain = lay_out(frame, (words("x", "x"), words("k", "kind")))
    assert [each.title for each in plain.groups] == [""]
    assert [row[0].text for row in plain.groups[0].rows] == ["1", "2", "3"]
    assert [head.text for head in plain.head] == ["x", "k"]
    assert lay_out(frame.head(0), (words("x", "x"),)).groups == ()
    assert (table.caption, table.is_prose) == ("c", False)


def test_a_drawing_is_the_same_each_time_and_two_share_no_name() -> None:
    one, again = (draw(plot_stability, SHIFT, "by period", "按时期") for _ in range(2))
    assert one == again
    assert (one.caption, one.caption_zh) == ("by period", "按时期")
    other = draw(plot_stability, SHIFT.assign(psi=[0.1, 0.3]), "x")
    ids, others = (set(re.findall(r' id="([^"]+)"', each.svg)) for each in (one, other))
    assert ids
    assert not ids & others
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', one.svg))
    assert {a or b for a, b in used} == ids  # each reference is met, each name is referred to
    half = draw(plot_stability, SHIFT, "x", is_half=True)
    width, half_width = (float(re.search(r'viewBox="0 0 ([\d.]+)', each.svg)[1])
                         for each in (one, half))  # fmt: skip
    assert half_width < width


def test_nothing_but_shapes_and_texts_is_taken_over() -> None:
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'viewBox="0 0 9 9"><script>alert(1)</script><style>*{}</style><image href="http://x"/>'
        '<g id="a" onclick="alert(1)"><path id="p" d="M 0 0" style="font: 700 12px serif"/>'
        '<use xlink:href="#p" x="1"/><use xlink:href="http://x#p"/>'
        '<text style="font-family: serif; fill: red">a &lt; b\x07</text>'
        '<rect clip-path="url(#p)" width="3"/></g></svg>'
    )
    page = inline(drawing, 'of "x" <b>')
    for word in ("script", "alert", "onclick", "style>", "image", "http", "serif", "\x07", "<b>"):
        assert word not in page, word
    assert 'aria-label="of &quot;x&quot; &lt;b&gt;"' in page
    name = re.search(r'<path id="([^"]+)"', page)[1]
    assert f'href="#{name}"' in page
    assert f'clip-path="url(#{name})"' in page
    assert '<g id="' not in page  # nothing refers to it
    assert "font-size: 12px; font-weight: 700" in page
    assert ">a &lt; b</text>" in page


def test_the_number_of_a_text_is_its_crc() -> None:
    assert hash_of("123456789") == 0xCBF43926  # the check value of CRC-32
    assert hash_of("") == 0


def test_a_page_that_cannot_be_written_is_refused_by_its_place(tmp_path) -> None:
    with pytest.raises(AlicreditError, match="path must be a file that can be written"):
        write_page(tmp_path / "no" / "page.html", "t", "l", (), "f")
    write_page(tmp_path / "page.html", "a <b> c", "lead", (), "foot", title_zh="标题")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!")
    assert "a &lt;b&gt; c" in text
    assert "标题" in text


def test_a_cell_is_laid_out_by_its_longest_word() -> None:
    def styles(cell: Cell) -> list[str]:
        found = [getattr(cell, name) for name in dir(Cell) if not name.startswith("_")]
        return [each for each in found if each in ("bare", "long")]

    assert styles(Cell("–")) == styles(Cell("")) == ["bare"]
    assert styles(Cell("–", "中")) == []
    assert styles(Cell("x" * 28)) == []
    assert styles(Cell("x" * 29)) == ["long"]
    assert styles(Cell("short", code="C" * 29)) == ["long"]
