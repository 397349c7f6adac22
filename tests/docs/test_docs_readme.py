"""The README in two languages says the same, and its figures are those of the measured results."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import alicredit

REPOSITORY = Path(__file__).resolve().parents[2]
ENGLISH = (REPOSITORY / "README.md").read_text(encoding="utf-8")
CHINESE = (REPOSITORY / "README.zh-CN.md").read_text(encoding="utf-8")
RESULTS = (REPOSITORY / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?^```$", text, re.S | re.M)


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)


def numbers(text: str) -> Counter[str]:
    """Count the numbers of a text's prose, links aside."""
    words = re.sub(r"\]\([^)]*\)", "]", prose(text))
    return Counter(re.findall(r"(?<![\w.])\.?\d[\d,.]*(?<![.,])", words))


def sections(text: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(text), re.M)]


def test_both_readmes_have_the_same_sections() -> None:
    assert sections(ENGLISH) == sections(CHINESE)
    assert len(sections(ENGLISH)) >= 12


def test_both_readmes_show_the_same_code() -> None:
    assert blocks(ENGLISH) == blocks(CHINESE)
    assert len(blocks(ENGLISH)) >= 7


def test_both_readmes_state_the_same_numbers() -> None:
    found = numbers(CHINESE)
    for wan, millions in (("1000", "10"), ("170", "1.7")):  # Chinese counts in ten thousands
        assert float(wan) == 100 * float(millions)
        assert found.pop(wan) == 1
        found[millions] += 1
    assert found == numbers(ENGLISH)


def test_both_readmes_link_to_the_same_pages() -> None:
    def links(text: str) -> set[str]:
        return set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.zh-CN.md"}

    assert links(ENGLISH) == links(CHINESE)
    for link in links(ENGLISH):
        assert (REPOSITORY / link).exists(), link


def test_both_readmes_tell_of_the_same_rooms_and_promises() -> None:
    rows = [re.findall(r"^\|.*$", text, re.M) for text in (ENGLISH, CHINESE)]
    assert [row.count("|") for row in rows[0]] == [row.count("|") for row in rows[1]]
    assert [row.count("`") for row in rows[0]] == [row.count("`") for row in rows[1]]
    rooms = re.search(r"^## The rooms\n(.*?)^## ", ENGLISH, re.S | re.M)[1]
    told = set(re.findall(r"`(\w+)`", rooms))
    assert told <= set(re.findall(r"`(\w+)`", CHINESE))
    assert {"records", "features", "model", "policy", "portfolio", "monitoring", "loans"} <= told


@pytest.mark.parametrize(
    "line",
    [
        line
        for line in re.search(r"^## Beside other libraries\n(.*?)^## ", ENGLISH, re.S | re.M)[
            1
        ].splitlines()
        if line.startswith("| ") and "alicredit" not in line
    ],
)
def test_every_figure_of_the_comparison_is_one_that_was_measured(line: str) -> None:
    measured = Counter(re.findall(r"(?<![\w.])\.?\d[\d,.]*(?<![.,])", RESULTS))
    values = "|".join(line.split("|")[2:])
    for number in re.findall(r"(?<![\w.])\.?\d[\d,.]*\d", values):
        assert number in measured, (number, line)


def test_the_count_of_features_is_true() -> None:
    stated = {int(each) for each in re.findall(r"(\d+) built-in features", ENGLISH)}
    assert stated == {len(alicredit.CATALOGUE.names)}


def test_the_picture_is_small_whole_and_fetches_nothing() -> None:
    path = REPOSITORY / "docs" / "way.svg"
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314  a file of our own
    assert root.tag.endswith("svg")
    assert path.stat().st_size < 20_000
    assert re.findall(r"https?://[^'\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "script" not in text
    words = [each.text for each in root.iter() if each.tag.endswith("text")]
    for station in ("read", "learned", "held after", "decided"):
        assert station in words
    assert "![" in ENGLISH
    assert "docs/way.svg" in ENGLISH


def test_the_picture_says_what_the_first_notebook_found_of_the_same_sample() -> None:
    """Kept outputs are held to what a run gives; a picture drawn before would tell of another."""
    picture = (REPOSITORY / "docs" / "way.svg").read_text(encoding="utf-8")
    words = [each.text for each in ET.fromstring(picture).iter() if each.tag.endswith("text")]  # noqa: S314
    kept = json.loads((REPOSITORY / "notebooks" / "01_quick_start.ipynb").read_text("utf-8"))
    plain = "".join(
        line
        for cell in kept["cells"]
        for output in cell.get("outputs", [])
        for line in output.get("data", {}).get("text/plain", [])
    )

    def row(name: str) -> list[str]:
        return re.search(rf"^{name} +(\S.*)$", plain, re.M)[1].split()

    approved, limits = row("approved"), [int(each.replace(",", "")) for each in row("limit")]
    assert [each for each in words if each.endswith(" approved")] == [
        f"{each} approved" for each in approved
    ]
    assert f"{sum(map(int, approved))} of 2,553 lines" in words
    assert f"{sum(limits):,} yuan" in words
    area, low, high = map(float, row("AUC")[:3])
    found = re.search(r"AUC ([\d.]+) \(([\d.]+)-([\d.]+)\)", picture)
    for shown, value in zip(found.groups(), (area, low, high), strict=True):
        assert float(shown) == pytest.approx(value, abs=0.0056)
