"""Spark's daemon of Python workers, which look for garbage among what came since the last task.

After each task a worker looks through all that it holds. That is a tenth of a second where the
library is loaded, and most tasks of these tests take a hundredth over their few rows.
"""

from __future__ import annotations

import gc

from pyspark import daemon

_collect = gc.collect


def collect_and_leave(generation: int = 2) -> int:
    """Collect, and leave what is still held out of each later search."""
    found = _collect(generation)
    gc.freeze()
    return found


if __name__ == "__main__":
    gc.collect = collect_and_leave
    daemon.manager()
