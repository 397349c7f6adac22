"""A damaged file is refused with the key, its line, the value and the nearest valid word."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alicredit.errors import PolicyError
from alicredit.policy import load_policy
from alicredit.policy.file.places import Places

FOLDER = resources.files("alicredit.policy") / "builtin"
TEXT = (FOLDER / "ali-2013.toml").read_text("utf-8")
GUANGDONG = 'regions = ["guangdong"]'

# (what stands in the file, which of its occurrences, what is put there, key, words of the refusal)
DAMAGES = [
    ('fee_basis = "none"', 0, 'fee_base = "none"', "products[1].terms.fee_base",
     ["known key", "did you mean 'fee_basis'"]),
    ('value = "0.0005"', 1, 'value = "-0.0005"', "products[2].rate.value",
     ["-0.0005", "from 0 to 0.2"]),
    ('value = "0.0005"', 0, 'value = "0.0009"', "products[1].rate.value",
     ["0.0009", "from min 0.0005 to max 0.0006"]),
    ('value = "0.0005"', 0, "value = true", "products[1].rate.value", ["must be a number", "True"]),
    ('value = "0.0005"', 0, "value = 0.00050000000000000001", "products[1].rate.value",
     ["at most 12 decimals", "in quotes"]),
    ('value = "0.0005"', 0, "value = inf", "products[1].rate.value", ["must be a number", "inf"]),
    ('max = "0.0006"', 0, 'max = "0.0004"', "products[1].rate.min",
     ["not be above max 0.0004", "0.0005"]),
    ('value = "0.015"', 0, 'value = "1,5"', "products[0].rate.value", ["a number", "'1,5'"]),
    (GUANGDONG, 0, 'regions = ["guangdnog"]', "products[0].eligibility.any_of[1].regions",
     ["'guangdnog'", "did you mean 'guangdong'"]),
    (GUANGDONG, 0, 'regions = ["guangdong", "guangdong"]',
     "products[0].eligibility.any_of[1].regions", ["each another"]),
    (GUANGDONG, 0, 'regions = ["jiangsu"]', "products[0].eligibility.any_of[1].valid_from",
     ["overlap any_of[0]", "jiangsu paying"]),
    ("valid_to = 2012-07-31", 0, "valid_to = 2012-08-01",
     "products[0].eligibility.any_of[2].valid_from", ["overlap any_of[0]"]),
    ("valid_to = 2012-07-31", 0, "valid_to = 2010-05-31",
     "products[0].eligibility.any_of[2].valid_to", ["before valid_from 2010-06-01", "2010-05-31"]),
    ("valid_to = 2012-07-31", 0, 'valid_to = "2012-07-31"',
     "products[0].eligibility.any_of[2].valid_to", ["a date such as 2013-03-01"]),
    ("valid_to = 2012-07-31", 0, "valid_to = 2012-07-31T00:00:00",
     "products[0].eligibility.any_of[2].valid_to", ["a date such as 2013-03-01"]),
    ('rate_floor_multiple = "0.9"', 0, 'rate_floor_multiple = "4.1"', "lender.rate_floor_multiple",
     ["not be above rate_cap_multiple", "4.1"]),
    ('rate_cap_multiple = "4"', 0, 'rate_cap_multiple = "3"', "products[1].rate.value",
     ["from 0.054 to 0.18", "0.1825", "RATE_CAP"]),
    ('id = "taobao_order"', 0, 'id = "ali_credit"', "products[2].id", ["different ids"]),
    ('step = "100"', 0, 'step = "300"', "products[0].limit.step", ["divide min 50000", "300"]),
    ('step = "100"', 1, 'step = "0"', "products[1].limit.step", ["from 0.01"]),
    ('min = "50000"', 0, 'min = "4000000"', "products[0].limit.min", ["not be above max 3000000"]),
    ('min = "50000"', 0, 'min = "50000.001"', "products[0].limit.step", ["divide min 50000.001"]),
    ('kind = "order_advance"', 0, 'kind = "order_advanced"', "products[2].kind",
     ["did you mean 'order_advance'"]),
    ('platforms = ["alibaba_b2b"]', 0, 'platforms = "alibaba_b2b"',
     "products[0].eligibility.platforms", ["list of words"]),
    ("shop_months_min = 6", 0, "shop_months_min = 6.0", "products[1].eligibility.shop_months_min",
     ["whole number from 0 to 1200"]),
    ("upper_pd = [0.0025, 0.005", 0, "upper_pd = [0.005, 0.0025", "grades.upper_pd", ["must rise"]),
    ("months_of_sales = [2.0", 0, "months_of_sales = [1.0", "grades.months_of_sales",
     ["must not rise"]),
    ('first_bank = "400000000"', 0, 'alipay_custody = "400000000"',
     "lender.borrowings.alipay_custody", ["custody for clients"]),
    ('first_bank = "150000000"', 0, 'first_bank = "160000000"', "lender.companies",
     ["owe each bank what the lender does"]),
    ('net_capital = "600000000"', 0, 'net_capital = "700000000"', "lender.companies",
     ["add up to the lender's net_capital 1600000000", "1700000000"]),
    ('"limit.step", "bounds"', 0, '"limit.stop", "bounds"', "products[0].assumed",
     ["keys of products", "did you mean 'limit.step'"]),
    ("account_sealed = true", 0, 'account_sealed = "yes"', "gates.account_sealed",
     ["true or false"]),
    ("linked_shops_max = 4", 0, "linked_shops_max = -1", "gates.linked_shops_max",
     ["whole number from 0"]),
    ('prepay_fee_rate = {min = "0", max = "0.03"}', 0,
     'prepay_fee_rate = {min = "0.01", max = "0.03"}', "products[0].bounds.prepay_fee_rate",
     ["hold the product's own terms.prepay_fee_rate 0", "0.01 to 0.03"]),
    ('prepay_fee_rate = {min = "0", max = "0.03"}', 0, 'prepay_fee_rat = {min = "0", max = "1"}',
     "products[0].bounds.prepay_fee_rat", ["may be set", "did you mean 'prepay_fee_rate'"]),
    ('advance_rate = "0.80"', 0, 'advance_rate = "1.01"', "products[2].advance_rate",
     ["from 0.01 to 1", "1.01"]),
    ('id = "shangcheng_factoring"\ntitle = "Factoring and guarantee"', 0,
     'id = "x"\ntitle = ""', "products[4].title", ["must be a text"]),
    ("schema_version = 1", 0, "schema_version = 2", "schema_version", ["must be 1", "found 2"]),
    ("schema_version = 1", 0, 'schema_version = "1"', "schema_version", ["must be 1", "'1'"]),
]  # fmt: skip


def replaced(old: str, which: int, new: str) -> tuple[str, int]:
    """Damage one occurrence; give the text and the line on which the damage stands."""
    at = -1
    for _ in range(which + 1):
        at = TEXT.index(old, at + 1)
    return TEXT[:at] + new + TEXT[at + len(old) :], TEXT.count("\n", 0, at) + 1


@pytest.mark.parametrize(
    ("old", "which", "new", "key", "words"), DAMAGES, ids=[f"{d[3]}: {d[2][:40]}" for d in DAMAGES]
)
def test_a_damaged_file_is_refused_at_its_place(tmp_path, old, which, new, key, words) -> None:
    path = tmp_path / "mine.toml"
    text, line = replaced(old, which, new)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=r" must ") as caught:
        load_policy(path)
    said = str(caught.value)
    assert said.startswith(f"{key} (line "), said
    assert all(word in said for word in words), said
    told = int(said.split("(line ")[1].split(")")[0])
    last = key.rpartition(".")[2]
    if last in new:
        assert told in (line, line + 1), said
    assert last.split("[")[0] in text.splitlines()[told - 1], said


@pytest.mark.parametrize("gone", ["[products.rate]", "[products.limit]", "[products.economics]"])
def test_a_product_without_a_table_is_refused_at_its_product(tmp_path, gone: str) -> None:
    start = TEXT.index(gone, TEXT.index('id = "taobao_credit"'))
    end = TEXT.index("[", start + 1)
    while TEXT[end - 1] != "\n":
        end = TEXT.index("[", end + 1)
    path = tmp_path / "mine.toml"
    path.write_text(TEXT[:start] + TEXT[end:], encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    line = TEXT[: TEXT.index('id = "taobao_credit"')].count("\n")
    name = gone.strip("[]").removeprefix("products.")
    assert f"products[1].{name} (line {line}) must be given" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "an empty file"),
        (b" \n\n", "an empty file"),
        (b"# a remark\n", "schema_version"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"name = ", "valid TOML"),
        (b'{"schema_version": 1}', "valid TOML"),
        (b"schema_version = 1\nschema_version = 1\n", "valid TOML"),
        (b"[" * 3000, "valid TOML"),
        (b"schema_version = 99", "version this library reads"),
        (b"schema_version = 1\n" + b"#" * 1_000_001, "at most 1,000,000 bytes"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_file_that_is_no_policy_is_refused(tmp_path, data: bytes, word: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(data)
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert word in str(caught.value)


def test_windows_line_ends_and_a_mark_of_utf_8_say_the_same(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert load_policy(path) == load_policy("ali-2013")


def test_remarks_spaces_order_and_ways_to_write_a_number_are_no_content(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    text = TEXT.replace('benchmark = "0.06" ', "benchmark = 0.060 ").replace(" = ", "  =  ")
    text = text.replace("max_banks  =  2", "max_banks = 2 # two").replace('"0.80"', "0.8")
    assert text.count("0.060") == 1
    path.write_text("# mine\n\n" + text, encoding="utf-8")
    assert load_policy(path).policy_id == load_policy("ali-2013").policy_id
    path.write_text(text.replace("0.060", "0.061"), encoding="utf-8")
    assert load_policy(path).policy_id != load_policy("ali-2013").policy_id


ODD = '''# a = 1
a.b = "x # y = [" # remark
"c d" = \'\'\'
e = 1
\'\'\'
f = [
  1, # [g]
  {h = 2, i = "]"},
]

[[j]]
k = """q\\"""" 
[j.l]
m = -1.5e3
[[j]]
n = {o.p = [[1], [2]], q = 2010-01-01}
[[j.r]]
s = true
[t."u.v"]
w = 1
'''  # noqa: W291


def test_each_key_stands_on_its_line_whatever_surrounds_it() -> None:
    tomllib.loads(ODD)
    want = {
        ("a", "b"): 2, ("c d",): 3, ("f",): 6, ("f", 0): 7, ("f", 1): 8, ("f", 1, "h"): 8,
        ("f", 1, "i"): 8, ("j", 0): 11, ("j", 0, "k"): 12, ("j", 0, "l"): 13,
        ("j", 0, "l", "m"): 14, ("j", 1): 15, ("j", 1, "n", "o", "p"): 16, ("j", 1, "n", "q"): 16,
        ("j", 1, "r", 0): 17, ("j", 1, "r", 0, "s"): 18, ("t", "u.v"): 19, ("t", "u.v", "w"): 20,
    }  # fmt: skip
    places = Places(ODD)
    assert {path: places[path] for path in want} == want
    assert places["j", 1, "n", "z"] == 16


@pytest.mark.parametrize("name", ["ali-2013", "ali-2013-planned", "cn-2025", "distributor-example"])
def test_every_key_of_the_files_is_on_the_line_that_names_it(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text("utf-8")
    places, lines = Places(text), text.splitlines()
    seen = 0

    def walk(node, path) -> None:
        nonlocal seen
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            here = (*path, key)
            if isinstance(key, str):
                assert key in lines[places[here] - 1], here
                seen += 1
            if isinstance(value, dict | list):
                walk(value, here)

    walk(tomllib.loads(text), ())
    assert seen > 40


@given(st.lists(st.sampled_from(["\n", "# x = 1\n", "  \n", "\t# [y]\n"]), max_size=6))
def test_blank_lines_before_move_every_key_by_as_many(before) -> None:
    moved = Places("".join(before) + TEXT)
    shift = len(before)
    plain = Places(TEXT)
    assert all(moved[path] == plain[path] + shift for path in plain if path)
