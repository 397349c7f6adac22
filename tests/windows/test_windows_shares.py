"""Merchants dealt into shares, and memory that is used again, change no bit of any answer."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit import RecordError
from alicredit.engine import slabs
from alicredit.engine.slabs import Shares, Slabs, shares_of
from alicredit.windows.grouped import Block, Room, group_events, sort_questions


def batches(rng: np.random.Generator, merchants: int, sizes: list[int]) -> list[list[np.ndarray]]:
    """Draw batches of events, some of nobody who is asked about."""
    return [
        [
            rng.integers(-1, merchants, n).astype(np.int32),
            rng.integers(0, 50, n),
            rng.normal(size=n),
            rng.integers(0, 2, n).astype(np.int8),
        ]
        for n in sizes
    ]


def events_of(blocks: list[Block], merchants: int) -> dict[int, list[tuple[float, ...]]]:
    """List each merchant's events in the order in which they came, by a loop."""
    found: dict[int, list[tuple[float, ...]]] = {m: [] for m in range(merchants)}
    for block in blocks:
        for m, *rest in zip(block.merchant.tolist(), *(c.tolist() for c in block.columns)):
            if m >= 0:
                found[m].append(tuple(rest))
    return found


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    merchants=st.integers(1, 9),
    size=st.integers(1, 9),
    sizes=st.lists(st.integers(0, 60), max_size=5),
)
def test_each_merchant_keeps_its_events_in_their_order(
    seed: int, merchants: int, size: int, sizes: list[int]
) -> None:
    made = batches(np.random.default_rng(seed), merchants, sizes)
    whole = events_of([Block(each[0], each[1:]) for each in made], merchants)
    shares = Shares(merchants, size)
    room = Slabs(shares)
    for each in made:
        room.add(each)
    blocks = room.blocks()
    assert len(blocks) == len(shares)
    found = {}
    for share, mine in enumerate(blocks):
        low, high = shares.span(share)
        for m, rows in events_of(mine, high - low).items():
            found[low + m] = rows
        for block in mine:
            assert [c.dtype for c in block.columns] == [np.int64, np.float64, np.int8]
    assert found == whole


def test_slabs_that_fill_up_go_on_in_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slabs, "BATCH_ROWS", 8)
    monkeypatch.setattr(slabs, "_SLAB_ROWS", 16)
    made = batches(np.random.default_rng(1), 5, [3, 40, 0, 17, 8, 8, 8])
    whole = events_of([Block(each[0], each[1:]) for each in made], 5)
    for size in (2, 5):
        room = Slabs(Shares(5, size))
        for each in made:
            room.add(each)
        found = {}
        for share, mine in enumerate(room.blocks()):
            assert all(len(block.merchant) <= 8 for block in mine)
            for m, rows in events_of(mine, size).items():
                found[share * size + m] = rows
        assert {m: rows for m, rows in found.items() if m < 5} == whole


@pytest.mark.parametrize("size", [1, 2, 5])
def test_slabs_laid_in_a_file_give_the_same_events(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slabs, "BATCH_ROWS", 8)
    monkeypatch.setattr(slabs, "_LAID_ROWS", 4)
    made = batches(np.random.default_rng(2), 5, [3, 40, 0, 17, 8, 2, 8])
    days = np.datetime64("2013-05-01", "us")
    made = [[*each, days + each[1]] for each in made]
    held, laid = Slabs(Shares(5, size)), Slabs(Shares(5, size), str(tmp_path))
    for each in made:
        held.add(each)
        laid.add(each)
    assert not list(tmp_path.iterdir())  # the file has no name that could be left behind
    for share in reversed(range(-(-5 // size))):
        found, wanted = laid.take(share), held.take(share)
        assert events_of(found, size) == events_of(wanted, size)
        assert all(len(block.merchant) <= 8 for block in found)
        assert {c.dtype for block in found for c in block.columns} == {
            np.dtype(kind) for kind in ("i8", "f8", "i1", "M8[us]")
        }
        assert laid.take(share) == []  # let go of


def test_a_full_disk_is_told_with_the_folder(tmp_path: Path) -> None:
    """Files may not grow beyond some bytes here, as on a disk that is full."""
    room = Slabs(Shares(4, 4), str(tmp_path))
    full = [np.zeros(2**20, np.int32), np.zeros(2**20)]
    room.add(full)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        with pytest.raises(RecordError, match=f"no room for.* can be written; found {tmp_path}"):
            room.add(full)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_questions_of_shares_are_the_whole() -> None:
    rng = np.random.default_rng(3)
    merchant, as_of = rng.integers(0, 7, 40), rng.integers(0, 99, 40)
    whole = sort_questions(merchant, as_of, 7)
    shares = Shares(7, 3)
    parts = [shares.questions(whole, share) for share in range(len(shares))]
    assert np.concatenate([part.row for part in parts]).tolist() == whole.row.tolist()
    assert np.concatenate([part.as_of for part in parts]).tolist() == whole.as_of.tolist()
    for share, part in enumerate(parts):
        low, high = shares.span(share)
        for m in range(high - low):
            rows = part.row[part.start[m] : part.start[m + 1]]
            assert set(merchant[rows]) <= {low + m}
            assert len(rows) == (merchant == low + m).sum()


@pytest.mark.parametrize("merchants", [1, 3, 1000])
@pytest.mark.parametrize("events", [0, 1, 10**6, 10**9])
def test_shares_hold_all_merchants_and_few_megabytes(merchants: int, events: int) -> None:
    shares = shares_of(merchants, events, 4)
    spans = [shares.span(share) for share in range(len(shares))]
    assert [low for low, _ in spans] == [0, *(high for _, high in spans[:-1])]
    assert spans[-1][1] == merchants
    assert events * 32 * (shares.size - 1) / merchants < 32 * 2**20


def test_memory_used_again_gives_the_same_sides() -> None:
    rng, room = np.random.default_rng(5), Room()
    for rows in (50, 200, 7, 0, 120):
        merchant = rng.integers(0, 4, rows).astype(np.int32)
        time, until = rng.integers(0, 30, rows), np.full(rows, 2**62)
        since = time + rng.integers(0, 2, rows)
        columns = [time, rng.integers(0, 9, rows), since, until]
        again = group_events([Block(merchant, columns)], 4, is_timed=True, room=room)
        alone = group_events([Block(merchant, columns)], 4, is_timed=True)
        for mine, other in zip(again, alone, strict=True):
            for name in ("time", "start", "since", "until", "columns"):
                assert np.array_equal(getattr(mine, name), getattr(other, name)), name
