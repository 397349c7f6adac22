"""The page on policies names each key of the schema and no other, and what it shows runs."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from alicredit.errors import PolicyError
from alicredit.policy import BUILT_IN, load_policy, read_policy
from alicredit.policy.file.load import policy_of_text
from alicredit.policy.file.schema import KEYS, SETTABLE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "policy.md").read_text("utf-8")
REFERENCE = PAGE[PAGE.index("## Reference") :]
ROWS = [line.strip("| ").split(" | ") for line in REFERENCE.splitlines() if line.startswith("| `")]
OF_KEYS = {row[0].strip("`"): row for row in ROWS if len(row) == 6}
OF_TERMS = {row[0].strip("`"): row[1].strip("`") for row in ROWS if len(row) == 2}


def test_each_key_of_the_schema_is_in_the_page_once_and_no_other() -> None:
    assert len(OF_KEYS) + len(OF_TERMS) == len(ROWS)
    assert set(OF_KEYS) == set(KEYS)
    assert dict(SETTABLE) == OF_TERMS


@pytest.mark.parametrize("path", KEYS)
def test_a_row_says_what_the_key_means_and_allows(path: str) -> None:
    key, (_, _, allowed, needed, text, text_zh) = KEYS[path], OF_KEYS[path]
    assert (text, text_zh) == (key.text, key.text_zh)
    if key.low:
        low, high = (Decimal(each.replace(",", "")) for each in allowed.split(" to "))
        assert (low, high) == (Decimal(key.low), Decimal(key.high))
    elif key.words and len(key.words) < 10:
        assert re.findall("`(.+?)`", allowed) == list(key.words)
    assert (needed == "yes") == (key.needed == "always")
    assert all(word in needed for word in key.needed.split() if word in ("order_advance", "card"))


def test_the_built_in_policies_are_those_the_page_lists() -> None:
    listed = re.findall(r"^\| `([a-z0-9-]+)` \| \w", PAGE[: PAGE.index("## What to know")], re.M)
    assert tuple(listed) == BUILT_IN


def test_the_examples_of_the_page_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(block, space)  # noqa: S102
    assert load_policy("mine.toml") == load_policy("ali-2013")
    assert space["mine"].product("shangcheng_factoring").is_active
    opening = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.S)[1])
    content = load_policy("ali-2013").content()
    rules = content["products"][0]["eligibility"]
    rules["any_of"] += opening["products"]["eligibility"]["any_of"]
    there = load_policy("ali-2013").diff(read_policy(content))
    any_of = "products.ali_credit.eligibility.any_of"
    assert there.values.tolist() == [
        [f"{any_of}.fujian.paying", "", str(date(2013, 9, 1)), "added"]
    ]


def test_the_refusal_of_the_page_is_the_one_that_is_raised() -> None:
    place = Path(load_policy.__code__.co_filename).parents[1] / "builtin" / "ali-2013.toml"
    text = place.read_text("utf-8").replace('regions = ["guangdong"]', 'regions = ["guangdnog"]')
    with pytest.raises(PolicyError) as caught:
        policy_of_text(text)
    assert str(caught.value) == re.search(r"```text\n(.*?)\n```", PAGE, re.S)[1]
