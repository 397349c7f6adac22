"""One Spark of two threads for a process of tests; it tries a task that fails a second time."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from typing import Any

import pytest

QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""A Java that lives for a minute spends most of it on compiling itself, unless told otherwise."""


def running_spark() -> Any:
    """Give the session of the process; skip without Java. Another time zone than the records'."""
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        running = (
            SparkSession.builder.master("local[2, 2]")
            .config("spark.driver.extraJavaOptions", QUICK)
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.session.timeZone", "America/New_York")
            .getOrCreate()
        )
    running.sparkContext.setLogLevel("OFF")
    return running
