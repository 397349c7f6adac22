"""What the command says of itself is true, and the demo's picture shows what its facts say."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.cli import main
from alicredit.cli.parser import _NEXT, _VERBS, make_parser
from alicredit.cli.picture import PARTS, WIDTH, picture, shares
from alicredit.policy import BUILT_IN

KEYS = [key for key, *_ in PARTS]


def helped(arguments: list[str], capsys) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("verb", _VERBS)
def test_the_example_of_a_verb_is_one_that_it_takes(verb, capsys) -> None:
    shown = helped([verb], capsys)
    (example,) = re.findall(r"^  (alicredit .*)$", shown, re.M)
    options = make_parser(dict.fromkeys(_VERBS, print)).parse_args(example.split()[1:])
    assert options.verb == verb


def test_the_overview_walks_through_every_verb(capsys) -> None:
    shown = helped([], capsys)
    assert list(_NEXT) == list(_VERBS)
    for verb, example in _NEXT.items():
        assert example.startswith(f"alicredit {verb} ")
        assert f"  {example}" in shown
    assert "Exit codes: 0 done" in shown


@pytest.mark.parametrize("verb", _VERBS)
def test_help_tells_defaults_that_say_something_and_what_is_required(verb, capsys) -> None:
    shown = helped([verb], capsys)
    for word in ("None", "False", "SUPPRESS"):
        assert f"default: {word}" not in shown
    parser = make_parser(dict.fromkeys(_VERBS, print))
    needed = re.findall(r"^  (--[\w-]+) .*\(required\)", shown, re.M)
    for option in needed:
        assert option in ("--to", "--seed", "--cut", "--as-of")
    if needed:
        with pytest.raises(SystemExit):
            parser.parse_args([verb, "x"])


@pytest.mark.parametrize("verb", ["score", "monitor", "export"])
def test_help_lists_the_policies_that_are_built_in(verb, capsys) -> None:
    (line,) = re.findall(r"^Built-in policies: (.*)\.$", helped([verb], capsys), re.M)
    assert sorted(line.split(", ")) == sorted(BUILT_IN)


@given(st.lists(st.integers(0, 10**7), min_size=5, max_size=5))
@settings(max_examples=80)
def test_a_bar_is_as_wide_as_all_bars_and_hides_nothing(counts) -> None:
    cells = shares(dict(zip(KEYS, counts, strict=True)))
    assert sum(cells) == (WIDTH if sum(counts) else 0)
    assert all((cell > 0) == (count > 0) for cell, count in zip(cells, counts, strict=True))
    for cell, count in zip(cells, counts, strict=True):
        if sum(counts):
            assert abs(cell - WIDTH * count / sum(counts)) <= 4.5


def facts() -> dict:
    row = {"product_id": "credit", "merchants": 10, "approved": 4, "referred": 1, "by_limit": 0,
           "by_probability": 2, "by_rule": 3, "limit": 9000.0, "expected_loss": 80.0,
           "expected_profit": 120.0}  # fmt: skip
    said = [("AUC", 0.7, 0.6, None), ("mean probability", 0.02, None, None),
            ("default rate", 0.03, 0.01, 0.05)]  # fmt: skip
    return {
        "tables": 3, "first": "2010-01-01", "last": "2013-01-01", "findings": 2, "note": "[bold]x",
        "train": 100, "train_merchants": 50, "test": 40, "test_merchants": 30, "cut": "2012-01-01",
        "features": 7, "as_of": "2012-06-01", "policy": "mine", "summary": [row],
        "validation": [
            {"metric": name, "value": value, "low": low, "high": high}
            for name, value, low, high in said
        ],
    }  # fmt: skip


def test_the_picture_says_what_the_facts_say() -> None:
    lines = [line.plain for line in picture(facts())]
    told = "\n".join(lines)
    assert lines[0] == "From records to decisions"
    assert "2 findings" in told
    assert "[bold]x" in lines[2]
    assert "from 100 loans of 50 merchants" in told
    assert "claimed 2.0%, happened 3.0%; AUC 0.700 (0.600 to -)" in told
    assert "4 of 10 lines approved, 9,000 yuan" in told
    (bar,) = (line for line in lines if line.strip().startswith("credit"))
    signs = {key: sign for key, _, sign, _ in PARTS}
    counted = {key: bar.count(sign) for key, sign in signs.items() if key != "by_rule"}
    assert counted["approved"] > counted["by_probability"] > counted["referred"] > 0
    assert counted["by_limit"] == 0
    assert "4 approved, 9,000 yuan" in bar
    for _, words, sign, _ in PARTS:
        assert f"{sign} {words}" in lines[-2]
