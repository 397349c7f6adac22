"""A PostgreSQL of the test's own: started in a temporary folder, reached by a socket there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ABSENT = "there is no PostgreSQL (initdb, pg_ctl) on this machine"
_USER = "postgres"


def find_binaries() -> Path | None:
    """Find the folder of the newest server's programs."""
    packaged = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = sorted(packaged, key=lambda path: int(path.parts[-3]), reverse=True)
    on_path = shutil.which("initdb")
    places = [*versions, *([Path(on_path)] if on_path else [])]
    found = [place.parent for place in places if (place.parent / "pg_ctl").exists()]
    return found[0] if found else None


@contextmanager
def running_postgres(**settings: str) -> Iterator[str]:
    """Start a server and give its address; it refuses root, who starts it as another user."""
    binaries = find_binaries()
    assert binaries is not None, ABSENT
    is_root = os.geteuid() == 0
    who = {"user": _USER, "group": _USER, "extra_groups": []} if is_root else {}
    folder = Path(tempfile.mkdtemp(prefix="alicredit-"))
    if is_root:
        shutil.chown(folder, _USER, _USER)
    options = {
        "listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off",
        "full_page_writes": "off", "synchronous_commit": "off", **settings,
    }  # fmt: skip
    set_to = " ".join(f"-c {name}='{value}'" for name, value in options.items())

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), "-D", str(folder / "data"), *arguments]
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, check=False, timeout=60, **who,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    try:
        run("initdb", "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", set_to)
        try:
            yield f"postgresql://{_USER}@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
