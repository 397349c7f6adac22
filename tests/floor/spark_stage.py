"""One Spark of two threads for a process of tests; it tries a task that fails a second time."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""A Java that lives for a minute spends most of it on compiling itself, unless told otherwise."""


def running_spark() -> Any:
    """Give the session of the process; skip without Java. Another time zone than the records'."""
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    given = os.environ.get("PYTHONPATH", "")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Java hands on to its workers the path that it is started with.
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(HERE), given])))
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        running = (
            SparkSession.builder.master("local[2, 2]")
            .config("spark.driver.extraJavaOptions", QUICK)
            .config("spark.python.daemon.module", "spark_daemon")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.session.timeZone", "America/New_York")
            .getOrCreate()
        )
    running.sparkContext.setLogLevel("OFF")
    return running
