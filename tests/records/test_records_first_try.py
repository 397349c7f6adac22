"""A stranger's first files: everything that stops reading is told at once, with what to do."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from refused import refused

import alicredit as ac
from alicredit.checks import near, nearest
from alicredit.errors import RecordError
from alicredit.records import TABLES

SHOPS = "shop_no,city,opened\nS1,杭州,2020/01/05\n"
GOOD = "merchant_id,platform,registered_at\nS1,our-shops,2020/01/05\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_a_folder_without_merchants_asks_about_the_one_table_it_does_not_know(tmp_path) -> None:
    write(tmp_path, shops=SHOPS, orders="a\n1\n")
    with refused("'merchants'", "is it 'shops'", "alicredit tables merchants", error=RecordError):
        ac.read_records(tmp_path)


def test_no_declared_table_is_offered_in_the_place_of_merchants(tmp_path) -> None:
    write(tmp_path, orders="a\n1\n", loans="a\n1\n")
    with pytest.raises(RecordError) as caught:
        ac.read_records(tmp_path)
    assert "did you mean" not in str(caught.value)
    assert "is it" not in str(caught.value)


def test_every_table_that_lacks_columns_is_named_with_all_of_them(tmp_path) -> None:
    write(tmp_path, merchants=SHOPS, orders="order_no,amount\n1,2\n", loans="loan_no\n1\n")
    with pytest.raises(RecordError) as caught:
        ac.read_records(tmp_path)
    text = str(caught.value)
    for name in ("merchants", "orders", "loans"):
        assert f"table {name!r} must have the column" in text
        assert all(repr(column) in text for column in TABLES[name].required if column != "amount")
    assert "'order_no' for 'order_id'" in text
    assert "'loan_no' for 'loan_id'" in text
    assert text.count("\n") == 0


def test_every_column_that_cannot_be_read_is_named_with_how_to_write_it(tmp_path) -> None:
    orders = 'order_id,merchant_id,buyer_id,created_at,amount\n1,S1,b,yesterday,"1,234.50"\n'
    days = "merchant_id,day,logins\nS1,2020-02-30,1.5\n"
    write(tmp_path, merchants=GOOD, orders=orders, interactions_daily=days)
    words = (
        "column 'created_at'", "write times as 2012-11-01 13:05:00", "column 'amount'",
        "'1,234.50'", "no commas", "column 'day'", "column 'logins'", "whole numbers",
    )  # fmt: skip
    with refused(*words, error=RecordError):
        ac.read_records(tmp_path)


def test_one_row_is_one_row(tmp_path) -> None:
    write(tmp_path, merchants=GOOD.replace("2020/01/05", "soon"))
    with refused("1 row such as 'soon'", error=RecordError):
        ac.read_records(tmp_path)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_named_as_such(tmp_path, separator) -> None:
    write(tmp_path, merchants=GOOD.replace(",", separator))
    with refused("separate the columns by commas", error=RecordError):
        ac.read_records(tmp_path)


def test_chinese_cities_dates_with_slashes_and_own_platforms_are_read(tmp_path) -> None:
    write(tmp_path, merchants=GOOD.replace("platform", "platform,city").replace(
        "our-shops", "我的平台,杭州"))  # fmt: skip
    records = ac.read_records(tmp_path)
    row = records["merchants"].to_pylist()[0]
    assert (row["city"], row["platform"]) == ("杭州", "我的平台")
    assert str(row["registered_at"]) == "2020-01-05"
    assert set(ac.find_problems(records)["severity"]) == {"warning", "note"}


def test_a_column_that_is_not_known_gets_no_far_fetched_advice() -> None:
    merchants = pd.DataFrame(
        {"merchant_id": ["m"], "platform": "taobao", "registered_at": pd.Timestamp("2011-05-01"),
         "favourite_colour": "red", "citi": "x"}
    )  # fmt: skip
    told = ac.find_problems(ac.read_records({"merchants": merchants}))["message"]
    (colour,) = (text for text in told if "favourite_colour" in text)
    assert colour == "unknown column 'favourite_colour', kept and not used"
    (city,) = (text for text in told if "'citi'" in text)
    assert city.endswith(": did you mean 'city'")


@pytest.mark.parametrize(
    ("word", "words", "found"),
    [("guangdnog", ["jiangsu", "guangdong"], "guangdong"), ("loan_no", ["loan_id"], "loan_id"),
     ("buyer", ["buyer_id"], "buyer_id"), ("oints", ["points"], "points"),
     ("rate", ["date"], ""), ("city", ["entity_kind"], ""), ("shop", ["merchants"], ""),
     ("region", ["registered_at"], ""), ("x", [], ""), ("", ["a"], ""), (3, ["30"], "")],
)  # fmt: skip
def test_only_near_words_are_suggested(word, words, found) -> None:
    assert near(word, words) == found
    if words and not found:
        assert nearest(word, words).startswith("use one of ")
