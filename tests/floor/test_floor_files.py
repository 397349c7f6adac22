"""A file is written whole or not at all, and hints are near or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from alicredit import checks
from alicredit.errors import InputError, PolicyError, RecordError


def test_a_body_that_fails_leaves_the_file_that_was_there_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "prices.json"
    checks.write_whole("out", place, b"old")
    with pytest.raises(TypeError), checks.whole_file("out", place) as file:
        file.writelines([b"new", "no bytes"])  # fails on the way
    assert place.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["prices.json"]
    checks.write_whole("out", place, b"new")
    assert place.read_bytes() == b"new"


def test_until_the_body_is_done_the_old_file_stands(tmp_path: Path) -> None:
    place = tmp_path / "prices.json"
    place.write_bytes(b"old")
    with checks.whole_file("out", place) as file:
        file.write(b"new")
        assert place.read_bytes() == b"old"
    assert place.read_bytes() == b"new"


def test_two_who_write_one_file_under_their_own_marks_do_not_meet(tmp_path: Path) -> None:
    place = tmp_path / "all.bin"
    with checks.whole_file("out", place, mark=".1") as one:
        with checks.whole_file("out", place, mark=".2") as other:
            one.write(b"first")
            other.write(b"second")
            assert len(list(tmp_path.iterdir())) == 2
        assert place.read_bytes() == b"second"
    assert place.read_bytes() == b"first"
    assert [each.name for each in tmp_path.iterdir()] == ["all.bin"]


def test_a_link_is_written_through_and_stays_one(tmp_path: Path) -> None:
    place, link = tmp_path / "real.bin", tmp_path / "link.bin"
    place.write_bytes(b"old")
    link.symlink_to(place)
    checks.write_whole("out", link, b"new")
    assert link.is_symlink()
    assert place.read_bytes() == b"new"


def test_a_folder_and_a_place_in_none_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"out must be the path of a file; found .*which is none"):
        checks.write_whole("out", tmp_path, b"", error=PolicyError)
    with pytest.raises(RecordError, match="out must be in a folder that exists"):
        checks.write_whole("out", tmp_path / "no" / "x", b"", error=RecordError)
    for wrong in ("", "a\0b", None):
        with pytest.raises(InputError, match="out must be a path given as text or Path"):
            checks.write_whole("out", wrong, b"")
    assert list(tmp_path.iterdir()) == []


def test_twenty_words_are_listed_and_a_twenty_first_is_counted() -> None:
    words = [f"w{k:02d}" for k in range(21)]
    assert checks.nearest("something", words[:20]).endswith("'w19'")
    assert checks.nearest("something", words).endswith("'w19', ...")
    some = checks.lacking_columns("frame", words[:20], ["zzz"])
    assert "'w19' without it" in some
    assert "'w19' and 1 more without it" in checks.lacking_columns("frame", words, ["zzz"])


def test_a_hint_agrees_in_seven_letters_of_ten_and_eight_where_the_first_differs() -> None:
    # Likeness is twice the letters in common over all letters.
    assert checks.near("abcdefgxyz", ["abcdefghij"]) == "abcdefghij"  # 14 of 20
    assert checks.near("abcdefwxyz", ["abcdefghij"]) == ""  # 12 of 20
    assert checks.near("xbcdefghij", ["abcdefghij"]) == "abcdefghij"  # 18 of 20, another first
    assert checks.near("zbcd", ["abcd"]) == ""  # 6 of 8 = 0.75, another first
    assert checks.near("abcz", ["abcd"]) == "abcd"  # the same, the first agrees
    assert checks.near("date", ["rate", "dates"]) == "dates"


def test_what_lacks_is_told_in_the_number_that_lacks() -> None:
    one = checks.lacking_columns("frame", ["merchant_no"], ["merchant_id"])
    assert one == (
        "frame must have the column 'merchant_id'; found 'merchant_no' without it. "
        "Try: did you mean 'merchant_no' for 'merchant_id'."
    )
    two = checks.lacking_columns("frame", ["x"], ["merchant_id", "amount"])
    assert "the columns 'merchant_id', 'amount'; found 'x' without them" in two
    assert two.endswith("Try: rename the column that holds it, or add it.")
    none = checks.lacking_columns("frame", [], ["amount"])
    assert none.endswith("found no columns without it. Try: give a frame that has columns.")
