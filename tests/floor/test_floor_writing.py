"""A file is written whole or stays as it was, whoever is stopped or killed on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refused import refused

from alicredit import checks
from alicredit.errors import InputError, ModelFileError


@given(old=st.binary(max_size=50), new=st.binary(max_size=50))
@settings(max_examples=20, deadline=None)
def test_a_file_holds_the_bytes_last_written_and_stands_alone(tmp_path_factory, old, new) -> None:
    place = tmp_path_factory.mktemp("whole") / "a.json"
    for data in (old, new):
        checks.write_whole("path", place, data)
        assert place.read_bytes() == data
        assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError, OSError])
def test_who_is_stopped_while_writing_leaves_the_old_file(monkeypatch, tmp_path, stop) -> None:
    place = tmp_path / "a.json"
    place.write_bytes(b"old")

    def stopped(*_: object) -> None:
        raise stop

    monkeypatch.setattr(os, "fsync", stopped)
    with pytest.raises(InputError if stop is OSError else stop):
        checks.write_whole("path", place, b"new")
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def test_who_is_killed_while_writing_leaves_the_old_file_and_may_write_again(tmp_path) -> None:
    place = tmp_path / "a.json"
    place.write_bytes(b"old")
    code = f"""
import os
from alicredit.checks import write_whole
os.fsync = lambda _: os.kill(os.getpid(), 9)
write_whole("path", {str(place)!r}, b"new" * 100_000)
"""
    run = subprocess.run([sys.executable, "-c", code], check=False)
    assert run.returncode == -9
    assert place.read_bytes() == b"old"
    checks.write_whole("path", place, b"newer")
    assert place.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [place]


def test_a_link_goes_on_pointing_where_it_did(tmp_path) -> None:
    (tmp_path / "deep").mkdir()
    target, link = tmp_path / "deep" / "a.json", tmp_path / "link.json"
    target.write_bytes(b"old")
    link.symlink_to(target)
    checks.write_whole("path", link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def bad_places(folder: Path) -> dict[str, object]:
    """Give what is no place for a file, by what is wrong with it."""
    (folder / "file").write_bytes(b"x")
    return {
        "none": None, "number": 3, "empty": "", "list": [], "bytes": b"a.json", "nul": "a\0b",
        "folder": folder, "no folder": folder / "no" / "a.json", "below a file": folder / "file/a",
        "too long": folder / ("a" * 300), "device": "/dev/null",
    }  # fmt: skip


PLACES = ["none", "number", "empty", "list", "bytes", "nul", "folder", "no folder",
          "below a file", "too long", "device"]  # fmt: skip


@pytest.mark.parametrize("which", PLACES)
def test_what_is_no_place_for_a_file_is_refused_by_name(tmp_path, which: str) -> None:
    with refused("path must", error=ModelFileError):
        checks.write_whole("path", bad_places(tmp_path)[which], b"x", error=ModelFileError)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"x"
