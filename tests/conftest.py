"""What every test stands on: where real data lie, and which skips are known."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os

# Two workers on two cores: linear algebra on two threads each would only wait for itself.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is first imported
# A fit on two threads waits in turns, not in circles: twenty times the work where cores are busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when LightGBM is first imported

import tomllib
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

REPOSITORY = Path(__file__).resolve().parents[1]
SKIPS = REPOSITORY / "tests" / "known_skips.toml"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_skipped: dict[str, str] = {}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave half a million objects of collected tests out of each later search for garbage.

    Search less often, too, and keep what memory was freed: fits make and drop many small arrays.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    with contextlib.suppress(AttributeError, OSError):  # where the C library is not GNU's
        keep = ctypes.CDLL(None).mallopt
        keep(_M_MMAP_THRESHOLD, 2**25)
        keep(_M_TRIM_THRESHOLD, 2**29)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember each skipped test with its reason."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[report.nodeid] = reason


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run under CI that skipped a test which is not on the list of known skips."""
    if not os.environ.get("CI") or hasattr(session.config, "workerinput"):
        return
    known = tomllib.loads(SKIPS.read_text(encoding="utf-8"))["skip"]
    unknown = [test for test in _skipped if not any(test.startswith(k["test"]) for k in known)]
    if unknown:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        for test in unknown:
            reporter.write_line(f"skipped, but not in known_skips.toml: {test}: {_skipped[test]}")


@pytest.fixture
def learning_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deal folds once and boost for few rounds, where no figure is asked for.

    How a model is called, what it refuses and that it is the same twice do not hang on how well
    it learns, and most of a small fit goes into that.
    """
    monkeypatch.setattr("alicredit.model.learning.REPEATS", 1)
    monkeypatch.setattr("alicredit.model.boosting._PATIENCE", 8)
    monkeypatch.setattr("alicredit.model.boosting.MOST_ROUNDS", 50)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of real data sets, which is not part of the project; skip without it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not part of the project and are not here")
    return folder
