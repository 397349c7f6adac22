"""Who follows the printed page with a pencil gets the model's points."""

from __future__ import annotations

import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from exports_stage import fixed_rows, hostile, hostile_row, models
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import make_model

from alicredit.errors import InputError
from alicredit.exports.paper import points_text, share_text
from alicredit.portable import ScoreModel

MODELS = {shape: model for shape, model in models().items() if model.trees is None}
ALLOWED = {
    "b", "bdi", "body", "caption", "div", "h1", "h2", "head", "html", "i", "meta", "p", "q",
    "style", "table", "td", "th", "title", "tr",
}  # fmt: skip


class Reader(HTMLParser):
    """Reads the tables of a page as a person does: captions, lines, cells with their marks."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[dict] = []
        self.tags: set[str] = set()
        self.start = ""
        self.open: list[str] = []
        self.is_start = False
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        if tag == "p":
            self.is_start = ("class", "start") in attrs
        if tag == "table":
            self.tables.append({"kind": dict(attrs)["class"], "names": [], "lines": []})
        elif tag == "tr":
            self.tables[-1]["lines"].append([])
        elif tag in ("td", "th") and ("class", "seen") not in attrs:
            self.tables[-1]["lines"][-1].append([])

    def handle_endtag(self, tag) -> None:
        assert tag in self.open
        while self.open.pop() != tag:
            pass

    def handle_data(self, data) -> None:
        if self.is_start and self.open[-1:] == ["b"]:
            self.start += data
        if "caption" in self.open and self.open[-2:] == ["b", "bdi"]:
            self.tables[-1]["names"].append(data)
        if {"td", "th"} & set(self.open) and self.tables[-1]["lines"][-1]:
            self.tables[-1]["lines"][-1][-1].append((self.open[-1], data))

    def of(self, kind: str) -> list[dict]:
        return [table for table in self.tables if table["kind"] == kind]


def words(cell) -> str:
    return "".join(data for _, data in cell)


def fits(cell, value) -> bool | None:
    """Tell whether a value stands on the line of a label; None on the line of all others."""
    if any(mark == "q" for mark, _ in cell):
        if value in [data for mark, data in cell if mark == "q"]:
            return True
        return None if any(mark == "i" for mark, _ in cell) else False
    if code_of(cell) is not None:
        return False
    if cell[0][0] == "i":
        return value is None if words(cell) in ("missing", "缺失") else None
    if words(cell) in ("no", "yes", "否", "是"):
        return value is not None and bool(value) == (words(cell) in ("yes", "是"))
    low, high = re.fullmatch(r"(?:(\S+) < )?…(?: ≤ (\S+))?", words(cell)).groups()
    if value is None or isinstance(value, str):
        return False
    return (low is None or float(low) < value) and (high is None or value <= float(high))


def code_of(cell) -> float | None:
    """Give the special code whose line this is."""
    label = re.fullmatch(r"(?:the code|代码) (\S+)", words(cell))
    return float(label[1]) if label and cell[0][0] == "i" else None


def find(labels, value) -> int:
    """Find the one line of a value; a code has its own line alone."""
    codes = [code_of(label) for label in labels]
    if value is not None and value in codes:
        return codes.index(value)
    found = [fits(label, value) for label in labels]
    if True in found:
        assert found.count(True) == 1
        return found.index(True)
    return found.index(None)


def add_up(page: Reader, row) -> Decimal:
    """Follow the page."""
    total, row = Decimal(page.start), dict(row)
    for table in page.of("input"):
        lines = [line for line in table["lines"] if line]
        name = table["names"][0]
        at = find([line[0] for line in lines], row[name])
        if code_of(lines[at][0]) is not None:
            row[name] = None  # as the page says of what stands below
        total += Decimal(words(lines[at][1]))
    for table in page.of("pair"):
        head, *lines = table["lines"]
        down = find([line[0] for line in lines], row[table["names"][0]])
        across = find(head[1:], row[table["names"][1]])
        total += Decimal(words(lines[down][1 + across]))
    return total


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("shape", MODELS)
def test_a_person_with_the_page_gets_the_models_points(shape: str, language: str) -> None:
    model = MODELS[shape]
    page = Reader(model.to_paper(language=language))
    scored = 0
    for row in fixed_rows(model, most=300):
        answer = model.score_one(row)
        if answer["status"] == "ok":
            scored += 1
            assert add_up(page, row) * model.unit == answer["score"], row
    assert scored > 200


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), shape=st.sampled_from(["points", "pairs"]))
def test_so_it_is_for_any_model(seed: int, shape: str) -> None:
    model = make_model(shape, seed)
    page = Reader(model.to_paper())
    for row in fixed_rows(model, seed, most=40):
        answer = model.score_one(row)
        if answer["status"] == "ok":
            assert add_up(page, row) * model.unit == answer["score"], row


def per_cent(cell) -> float:
    return float(words(cell).removesuffix(" %")) / 100


@pytest.mark.parametrize("shape", MODELS)
def test_the_probability_lies_between_the_lines_of_the_page(shape: str) -> None:
    model = MODELS[shape]
    lines = Reader(model.to_paper()).of("pds")[0]["lines"][1:]
    scores = [int(words(line[0])) for line in lines]
    listed = [per_cent(line[1]) for line in lines]
    assert scores == sorted(scores)
    assert 2 <= len(lines) <= 64
    for row in fixed_rows(model, most=200):
        answer = model.score_one(row)
        if answer["status"] != "ok":
            continue
        below = max(k for k, score in enumerate(scores) if score * model.unit <= answer["score"])
        above = min(k for k, score in enumerate(scores) if score * model.unit >= answer["score"])
        assert listed[above] * 0.9995 <= answer["pd"] <= listed[below] * 1.0005
    for score, p in zip(scores, listed, strict=True):
        assert p == pytest.approx(model.probability(score * model.unit)[1], rel=5e-4)


@pytest.mark.parametrize("shape", MODELS)
def test_the_example_adds_up_to_what_it_says(shape: str) -> None:
    *lines, last = Reader(MODELS[shape].to_paper()).of("example")[0]["lines"]
    total = sum(Decimal(words(line[2])) for line in lines)
    assert total == Decimal(words(last[2]))


@pytest.mark.parametrize("shape", MODELS)
def test_hostile_names_are_text_on_the_page(shape: str) -> None:
    model = hostile(MODELS[shape])
    text = model.to_paper()
    page = Reader(text)
    assert page.tags == Reader(MODELS[shape].to_paper()).tags <= ALLOWED
    assert "\u202e" not in text
    assert "<script" not in text
    printed = {name for table in page.of("input") for name in table["names"]}
    assert "<script>&amp;\\u202e" in printed
    known = {ascii_name(name): name for name in model.feature_names}
    for table in page.of("input") + page.of("pair"):
        table["names"] = [known[name] for name in table["names"]]
    for row in fixed_rows(MODELS[shape], most=60):
        answer = model.score_one(hostile_row(row))
        if answer["status"] == "ok" and row["kind"] != "c":
            assert add_up(page, hostile_row(row)) * model.unit == answer["score"]


def ascii_name(name: str) -> str:
    """Write a name as the page prints it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def test_the_page_stands_alone_and_says_what_it_is(tmp_path: Path) -> None:
    model, path = MODELS["points"], tmp_path / "card.html"
    text = model.to_paper(path)
    assert path.read_bytes() == text.encode()
    for mark in ("http", "src=", "href=", "<script", "@import", "url("):
        assert mark not in text
    assert model.model_id in text
    assert str(model.claim) in text
    assert "75%" in text
    assert 'lang="zh"' in model.to_paper(language="zh")
    assert not re.search("[a-z]{4}", re.sub("<[^>]*>|model_id", "", chinese_only(model)))


def chinese_only(model: ScoreModel) -> str:
    """Give the headings and instructions of the Chinese page."""
    text = model.to_paper(language="zh")
    return " ".join(re.findall(r"<h[12]>.*?</h[12]>|<p>从.*?</p>", text))


def test_what_cannot_be_put_on_paper_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="points or pairs to be put on paper; found trees"):
        models()["trees"].to_paper()
    with pytest.raises(InputError, match="language must be one of"):
        MODELS["points"].to_paper(language="fr")
    with pytest.raises(InputError, match="path"):
        MODELS["points"].to_paper(tmp_path / "no" / "such" / "card.html")


@given(units=st.integers(-(10**12), 10**12))
def test_points_are_written_exactly(units: int) -> None:
    assert Decimal(points_text(units, 1000)) * 1000 == units
    assert Decimal(points_text(units, 1)) == units


@given(share=st.floats(1e-300, 1, exclude_max=True))
def test_shares_are_written_without_exponents_and_to_four_digits(share: float) -> None:
    text = share_text(share)
    assert "e" not in text
    assert float(text.removesuffix(" %")) / 100 == pytest.approx(share, rel=6e-4)
