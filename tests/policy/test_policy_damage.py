"""The built-in policy damaged key by key: each damage is refused at its place, never guessed."""

from __future__ import annotations

import copy
import math
import tomllib
from contextlib import suppress
from datetime import UTC, date, datetime
from importlib import resources

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alicredit.errors import PolicyError
from alicredit.policy import load_policy, read_policy

TEXT = (resources.files("alicredit.policy") / "builtin" / "ali-2013.toml").read_text("utf-8")
GOOD = tomllib.loads(TEXT)
REQUIRED = {
    "schema_version", "name", "title", "title_zh", "lender", "grades", "products", "net_capital",
    "borrow_ratio", "single_borrower_ratio", "rate_cap_multiple", "rate_floor_multiple",
    "benchmark", "funding_rate", "operation_per_draw", "names", "upper_pd", "months_of_sales", "id",
    "kind", "status", "max_pd", "claims", "repayment", "advance_rate", "limit", "max", "step",
    "rate", "value", "unit", "term", "months", "days", "economics", "lgd", "use_at_default",
    "mean_use", "draws_a_year", "eligibility", "regions", "memberships", "borrowings", "first_bank",
    "second_bank", "valid_from",
}  # fmt: skip
BOUNDED = {"service_fee_rate", "prepay_fee_rate"}


def is_required(path: tuple) -> bool:
    """Tell by hand whether the policy says nothing, or contradicts itself, without a key."""
    before, last = path[-2] if len(path) > 1 else "", path[-1]
    if before == "bounds":
        return False
    if last == "valid_to" or (before, last) == ("rate", "min"):
        return True
    if before in (*BOUNDED, "advance_rate"):
        return True
    if path[:2] == ("products", 0) and last in ("terms", *BOUNDED):
        return True
    return last in REQUIRED


def places(node, path=()) -> list[tuple]:
    """List the path of every key of every table, lists of tables walked through."""
    found = []
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        found.append((*path, key))
        if isinstance(value, dict) or (isinstance(value, list) and value
                                       and isinstance(value[0], dict)):  # fmt: skip
            found += places(value, (*path, key))
    return [each for each in found if isinstance(each[-1], str) or len(each) == len(path) + 1]


def holder(content: dict, path: tuple):
    for key in path[:-1]:
        content = content[key]
    return content


def damaged(path: tuple, value) -> dict:
    content = copy.deepcopy(GOOD)
    holder(content, path)[path[-1]] = value
    return content


def value_at(path: tuple):
    return holder(GOOD, path)[path[-1]]


ALL = [p for p in places(GOOD) if isinstance(p[-1], str)]
TABLES = [p for p in ALL if isinstance(value_at(p), dict)]
LEAVES = [p for p in ALL if p not in TABLES]
ACTIVE = [p for p in ALL if p[0] != "products" or len(p) < 2 or p[1] < 3]
PLANNED_OPENING = ("products", 0, "eligibility", "any_of", 3, "status")


def named(path: tuple) -> str:
    return ".".join(map(str, path))


def test_the_walk_meets_every_table_of_the_file() -> None:
    assert len(ALL) > 200
    assert {p[-1] for p in TABLES} == {
        "lender", "borrowings", "grades", "gates", "limit_rules", "limit", "rate", "term", "terms",
        "economics", "eligibility", "bounds", "prepay_fee_rate", "service_fee_rate",
        "advance_rate", "card",
    }  # fmt: skip
    assert read_policy(copy.deepcopy(GOOD)).policy_id == load_policy("ali-2013").policy_id


@pytest.mark.parametrize("path", ALL, ids=named)
def test_a_value_of_another_kind_is_refused_by_its_key(path: tuple) -> None:
    wrong = [{"a": {"b": 1}}, [[1]], math.nan, True, datetime(2013, 3, 1, tzinfo=UTC), ""]
    if path[-1] == "terms" or path in TABLES:
        wrong = [[[1]], 1.5, True, "none", [{}]]
    if isinstance(value_at(path), bool):
        wrong.remove(True)
    for value in wrong:
        with pytest.raises(PolicyError, match=r" must ") as caught:
            read_policy(damaged(path, value))
        text = str(caught.value)
        bank = path[-2] if path[-1] in ("first_bank", "second_bank") else path[-1]
        assert any(word in text for word in (path[-1], bank, *WORDS.get(path[-1], ()))), text


WORDS = {
    "id": ("different ids",),
}  # fmt: skip


@pytest.mark.parametrize("path", ACTIVE, ids=named)
def test_a_key_that_is_gone_is_missed_or_was_optional(path: tuple) -> None:
    content = copy.deepcopy(GOOD)
    del holder(content, path)[path[-1]]
    if path != PLANNED_OPENING and not is_required(path):
        assert read_policy(content).policy_id != load_policy("ali-2013").policy_id
        return
    with pytest.raises(PolicyError, match=r" must ") as caught:
        read_policy(content)
    words = ("valid_from",) if path == PLANNED_OPENING else ELSEWHERE.get(path[-1], (path[-1],))
    assert any(word in str(caught.value) for word in words), str(caught.value)


ELSEWHERE = {
    "terms": ("bounds",), "first_bank": ("companies",), "second_bank": ("companies",),
    "borrowings": ("companies",), "valid_to": ("overlap",),
    "min": ("min", "bounds"), "max": ("max", "bounds"), "months": ("term",), "days": ("term",),
}  # fmt: skip
"""Where a key's absence is told under another name."""


@pytest.mark.parametrize("path", [(), *TABLES, ("products", 0), ("products", 5)], ids=named)
def test_a_key_nobody_knows_is_refused_in_every_table(path: tuple) -> None:
    content = copy.deepcopy(GOOD)
    node = content
    for key in path:
        node = node[key]
    node["colour"] = -1
    with pytest.raises(PolicyError, match="colour"):
        read_policy(content)


@pytest.mark.parametrize("path", [p for p in LEAVES if isinstance(value_at(p), str)], ids=named)
def test_a_number_written_as_text_is_bounded(path: tuple) -> None:
    try:
        float(value_at(path))
    except ValueError:
        return
    for value in ("-1", "1e30", "inf", "nan", "1,000", "1 000", "1%", "０x1"):
        with pytest.raises(PolicyError, match=r" must "):
            read_policy(damaged(path, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("upper_pd", [0.0025, 0.005, 0.01, 0.02, 0.04, math.nan, 1.0]),
        ("upper_pd", [0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 1.0]),
        ("upper_pd", [0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.99]),
        ("upper_pd", [0.0025, 0.005, 0.005, 0.02, 0.04, 0.08, 1.0]),
        ("upper_pd", ["low", "high"]),
        ("months_of_sales", [math.inf, 2.0, 1.5, 1.0, 0.75, 0.5, 0.25]),
        ("months_of_sales", [2.0, 2.0, 1.5, 1.0, 0.75, 0.5, -0.25]),
        ("months_of_sales", [2.0, 2.0, 1.5, math.nan, 0.75, 0.5, 0.25]),
        ("names", []),
        ("names", ["A", "B"]),
    ],
)
def test_a_master_scale_that_does_not_rise_to_one_is_refused(key: str, value) -> None:
    with pytest.raises(PolicyError, match=r"grades\."):
        read_policy(damaged(("grades", key), value))


@pytest.mark.parametrize("bank", ["alipay", "Alipay balance", "client_custody", "icbc-CUSTODY"])
def test_money_held_for_clients_is_never_a_source(bank: str) -> None:
    with pytest.raises(PolicyError, match="custody for clients"):
        read_policy(damaged(("lender", "borrowings"), {bank: "1"}))


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (("2012-08-01", "2013-02-28"), ("2013-03-01", None), False),
        (("2012-08-01", "2013-03-01"), ("2013-03-01", None), True),
        (("2012-08-01", None), ("2099-01-01", None), True),
        (("2012-02-29", "2012-02-29"), ("2012-03-01", "2012-03-01"), False),
        (("2012-02-29", "2012-02-29"), ("2012-02-29", "2012-02-29"), True),
    ],
)
def test_two_openings_of_one_region_may_touch_but_not_overlap(first, second, overlap) -> None:
    keys = ("valid_from", "valid_to")
    openings = [
        {"regions": ["jiangsu"], "memberships": ["paying"]}
        | {k: date.fromisoformat(v) for k, v in zip(keys, days) if v}
        for days in (first, second)
    ]
    content = damaged(("products", 0, "eligibility", "any_of"), openings)
    if not overlap:
        assert len(read_policy(content).product("ali_credit").eligibility.any_of) == 2
        return
    with pytest.raises(PolicyError, match="overlap"):
        read_policy(content)


@given(st.sampled_from(LEAVES), st.one_of(
    st.integers(), st.floats(), st.text(max_size=8), st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.dates(),
))  # fmt: skip
@settings(max_examples=150)
@example(("products", 0, "eligibility", "any_of", 2, "note"), "0")
def test_any_value_anywhere_gives_a_policy_or_a_refusal(path: tuple, value) -> None:
    content = damaged(path, value)
    with suppress(PolicyError):
        policy = read_policy(content)
        told = policy.diff(load_policy("ali-2013"))
        assert (policy == load_policy("ali-2013")) == told.empty
        if not isinstance(value, int | float | str):
            assert told.empty == (content == GOOD)


@given(st.integers(0, len(TEXT.encode())), st.integers(0, 255))
@settings(max_examples=60)
def test_one_byte_changed_in_the_file_gives_a_policy_or_a_refusal(tmp_path_factory, at, byte):
    path = tmp_path_factory.getbasetemp() / "mine.toml"
    data = TEXT.encode()
    path.write_bytes(data[:at] + bytes([byte]) + data[at + 1 :])
    with suppress(PolicyError):
        assert load_policy(path).active


@pytest.mark.parametrize("content", [None, 3, [], "x", {}, {"schema_version": "1"}])
def test_what_is_no_policy_at_all_is_refused(content) -> None:
    with pytest.raises(PolicyError, match=r" must "):
        read_policy(content)


@pytest.mark.parametrize("name", ["", "ali", "ALI-2013", "x.toml", "..", None, 3, b"ali-2013", []])
def test_a_name_that_stands_for_no_policy_is_answered_with_those_that_do(name) -> None:
    with pytest.raises(PolicyError, match="'ali-2013'"):
        load_policy(name)
