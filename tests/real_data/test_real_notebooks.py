"""The runner of the notebooks: it fails with a failing cell, and leaves files as they were."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
import run as runner

pytestmark = [
    pytest.mark.slow,
    # what kernels and sockets warn of when they are started from a test is not ours
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runner, "FOLDER", tmp_path)
    return tmp_path


def _write(path: Path, *sources: str) -> bytes:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path.read_bytes()


def test_a_run_leaves_the_file_and_a_kept_one_is_the_same_each_time(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "01_one.ipynb"
    before = _write(path, "x = 20", "x + 1")
    assert runner.main([]) == 1  # it was never run: it has no output to be read
    assert path.read_bytes() == before
    assert "outputs are not those kept" in capsys.readouterr().err
    assert runner.main(["--keep"]) == 0
    kept = path.read_bytes()
    assert b"21" in kept
    assert runner.main([]) == 0
    assert path.read_bytes() == kept
    assert "01_one.ipynb: " in capsys.readouterr().out
    assert runner.main(["--keep"]) == 0
    assert path.read_bytes() == kept


def test_a_failing_cell_is_named_and_fails_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _write(folder / "01_bad.ipynb", "1 / 0")
    assert runner.main(["--keep"]) == 1
    assert (folder / "01_bad.ipynb").read_bytes() == before
    told = capsys.readouterr().err
    assert "01_bad.ipynb: FAILED: ZeroDivisionError" in told
    assert "1 / 0" in told


def test_an_output_that_shows_a_place_of_this_machine_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder / "01_where.ipynb", "import sys; sys.prefix")
    assert runner.main(["--keep"]) == 1
    assert "outputs show" in capsys.readouterr().err


def test_the_runner_refuses_names_that_no_notebook_has(folder: Path) -> None:
    _write(folder / "01_one.ipynb", "1")
    assert runner.main(["02"]) == 1


@pytest.mark.parametrize("name", ["04_berka_bank", "04b_marketplace_and_customs"])
def test_without_the_data_a_notebook_says_so_and_runs_through(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # beside a copy of the notebooks in another place there are no data
    place = folder / "repository" / "notebooks"
    place.mkdir(parents=True)
    source = Path(runner.__file__).parent
    for each in (f"{name}.ipynb", "berka_records.py", "marketplace_records.py"):
        (place / each).write_bytes((source / each).read_bytes())
    outputs = [
        output
        for cell in runner.execute(place / f"{name}.ipynb").cells
        for output in cell.get("outputs", [])
    ]
    assert len(outputs) == 1
    assert "are not here" in outputs[0]["text"]


def test_an_output_that_is_no_longer_what_a_run_gives_fails_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "01_one.ipynb"
    _write(path, "x = 20", "print('so it is'); x + 1")
    assert runner.main(["--keep"]) == 0
    assert runner.main([]) == 0
    capsys.readouterr()
    kept = path.read_bytes()
    for old, new in ((b"21", b"22"), (b"so it is", b"so it was")):
        assert kept.count(old) >= 1
        # the output alone is altered: the source of the second cell stands before its outputs
        head, mark, tail = kept.partition(b'"outputs"')
        assert old in tail
        altered = tail.replace(b'"' + old, b'"' + new, 1)
        assert altered != tail
        path.write_bytes(head + mark + altered)
        assert runner.main([]) == 1
        told = capsys.readouterr().err
        assert "outputs are not those kept" in told
        assert "cell 2" in told
        assert new.decode() in told
    path.write_bytes(kept)
    assert runner.main([]) == 0


def test_a_changed_source_with_its_old_output_fails_the_run(folder: Path) -> None:
    path = folder / "01_one.ipynb"
    _write(path, "20 + 1")
    assert runner.main(["--keep"]) == 0
    path.write_bytes(path.read_bytes().replace(b"20 + 1", b"20 + 2"))
    assert runner.main([]) == 1


@pytest.mark.parametrize(
    ("kept", "now", "same"),
    [
        ("auc  0.770", "auc 0.771", True),
        ("1,631 of 1,640 offers", "1,629 of 1,640 offers", True),
        ("model 1505e2e0a1b2 gave 7.0e-05", "model ff956fbc0a1b gave 7.1e-05", True),
        ("slope -0.01", "slope 0.01", True),  # nothing, either way
        ("slope -0.5", "slope 0.5", False),
        ("31,000 yuan", "33,000 yuan", False),
        ("3 features move", "4 features move", False),
        ("orders_paid_30d", "orders_paid_90d", False),
        ("auc 0.77", "gini 0.77", False),
        ("1 2", "1", False),
    ],
)
def test_words_are_held_to_the_letter_and_numbers_to_two_in_a_hundred(
    kept: str, now: str, same: bool
) -> None:
    assert runner.alike(kept, now) is same
    assert runner.alike(now, kept) is same


def test_pictures_are_compared_by_being_there_and_text_to_the_letter() -> None:
    def cell(data: dict[str, str]) -> nbformat.NotebookNode:
        made = nbformat.v4.new_code_cell("")
        made.outputs = [nbformat.v4.new_output("display_data", data)]
        return nbformat.v4.new_notebook(cells=[made])

    one = cell({"image/png": "aaaa", "text/plain": "<Figure>"})
    other = cell({"image/png": "bbbb", "text/plain": "<Figure>"})
    assert runner.differences(one, other) == []
    assert runner.differences(one, cell({"text/plain": "<Figure>"}))
    assert runner.differences(one, cell({"image/png": "aaaa", "text/plain": "<Axes>"}))


def test_a_notebook_without_its_data_is_neither_compared_nor_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "04_data.ipynb"
    _write(path, "import os; os.path.exists('data')", "1 + 1")
    assert runner.main(["--keep"]) == 0
    path.write_bytes(
        path.read_bytes()
        .replace(b"import os; os.path.exists('data')", b"print('no data: nothing is run.')")
        .replace(b'"1 + 1"', b'"x = 1"')
    )
    before = path.read_bytes()
    for arguments in ([], ["--keep"]):
        assert runner.main(arguments) == 0
        assert "its data are not here" in capsys.readouterr().out
        assert path.read_bytes() == before


def test_two_at_a_time_tell_in_the_order_of_names_and_one_failure_fails_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder / "01_slow.ipynb", "import time; time.sleep(1); 1")
    _write(folder / "02_quick.ipynb", "2")
    assert runner.main(["--keep", "--jobs", "2"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told] == ["01_slow.ipynb", "02_quick.ipynb"]
    _write(folder / "03_bad.ipynb", "1 / 0")
    assert runner.main(["--jobs", "2"]) == 1
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert "03_bad.ipynb: FAILED" in told.err
