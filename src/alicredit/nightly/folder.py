"""A folder that a run fills part by part, and that another run of the same can go on with.

``.job.json`` says whose parts stand here; each part, whole from the moment it has its name, is
followed by its receipt ``.part-00000.json``; ``manifest.json`` comes last, and with it job and
receipts go. Whoever is killed in between leaves whole parts, and receipts of none but those.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa

from alicredit.checks import refuse, write_whole, writing
from alicredit.nightly.digests import digest_path
from alicredit.nightly.written import new_mark, write_part

MANIFEST, JOB, LOCK, POISON, WORK = "manifest.json", ".job.json", ".lock", "quarantine", ".work"
SPILLED = "_spilled"
"""Folder of what is beyond the memory for the moment; nothing of it is gone on with."""
_PART = re.compile(r"part-\d{5,}\.parquet")
_OURS = re.compile(
    r"part-\d{5,}\.parquet|\.{1,2}part-\d{5,}\.(parquet|json)(\.[0-9a-f]{8})?(\.partial)?"
    r"|\.{1,2}(job|manifest)\.json(\.[0-9a-f]{8})?(\.partial)?"
)


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder of decisions that this run alone may write into."""

    path: Path

    def read(self, name: str) -> dict[str, Any]:
        """Read a file of JSON; empty where there is none or it is not whole."""
        try:
            found = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a file of JSON whole or not at all."""
        text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
        write_whole("out", self.path / name, (text + "\n").encode(), mark=new_mark())

    def finished(self) -> dict[str, Any]:
        """Give the manifest of the run that was finished here last; empty where none was."""
        manifest, job = self.read(MANIFEST), self.read(JOB)
        is_whole = bool(manifest) and (not job or job.get("job_id") == manifest.get("job_id"))
        return manifest if is_whole else {}

    def begin(self, job: Mapping[str, Any], *, resume: bool) -> None:
        """Make the folder this job's: go on with its parts, or start anew.

        What another run finished is replaced; what it left unfinished is refused.
        """
        there, done = self.read(JOB), self.finished()
        is_same = (done or there).get("job_id") == job["job_id"]
        if resume and not done:
            if there and not is_same:
                refuse_others(there, job, str(self.path))
            self._refuse_unknown(there)
        if resume and is_same and done:
            for number, each in enumerate(done["parts"]):
                self.put(number, {**each, "job_id": job["job_id"]})
        elif not resume or not is_same or there.get("starts") == "anew":
            self.write(JOB, {**job, "starts": "anew"})
            self.clean(keep=(JOB,))
        self.write(JOB, job)
        with writing("out", self.path):
            (self.path / MANIFEST).unlink(missing_ok=True)

    def _refuse_unknown(self, there: Mapping[str, Any]) -> None:
        """Refuse parts that nobody knows of."""
        if not there and any(_PART.fullmatch(each.name) for each in self.path.iterdir()):
            do = "name another folder, or resume=False (--no-resume), which removes them"
            rule = "must be empty or of an earlier run"
            refuse("out", rule, f"{self.path} with parts and no manifest", do)

    def receipt(self, number: int, job_id: str) -> dict[str, Any]:
        """Give the receipt of a part that is finished and whole; empty where it is not."""
        name = part_name(number)
        found = self.read(f".{Path(name).stem}.json")
        if not found or found.get("job_id") != job_id:
            return {}
        return found if self.holds(found) else {}

    def holds(self, receipt: Mapping[str, Any]) -> bool:
        """Tell whether the files of a part are those of its receipt."""
        poison = receipt.get("quarantine")
        places = [receipt, *([poison] if poison else [])]
        return all(digest_path(self.path / each["name"]) == each["sha256"] for each in places)

    def put(self, number: int, receipt: Mapping[str, Any]) -> None:
        """Say that a part is finished."""
        self.write(f".{Path(part_name(number)).stem}.json", receipt)

    def keep(
        self,
        number: int,
        table: pa.Table,
        poison: pa.Table,
        told: Mapping[str, Any],
        job_id: str,
    ) -> dict[str, Any]:
        """Write a part and its poison, then its receipt; give the receipt."""
        receipt = write_part(self, part_name(number), table)
        if len(poison):
            self.within(POISON)
            own = write_part(self, f"{POISON}/{part_name(number)}", poison)
            receipt["quarantine"] = {**own, "merchants": len(set(poison["row"].to_pylist()))}
        receipt |= told
        self.put(number, {**receipt, "job_id": job_id})
        return receipt

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, and leave beside it nothing but what it lists."""
        self.write(MANIFEST, manifest)
        self.settle(manifest)

    def settle(self, manifest: Mapping[str, Any]) -> None:
        """Remove what a finished run needs no more, if whoever finished it was stopped there."""
        listed = {each["name"] for each in manifest["parts"]}
        listed |= {each["name"] for each in manifest["quarantine"]["parts"]}
        self.clean(keep=(MANIFEST, *listed))

    def clean(self, *, keep: tuple[str, ...] = ()) -> None:
        """Remove parts, receipts and leftovers of whoever was stopped; other files stay."""
        with writing("out", self.path):
            if MANIFEST not in keep:
                (self.path / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(self.path / WORK / SPILLED, ignore_errors=True)
            for folder in (self.path, self.path / POISON, self.path / WORK):
                for each in sorted(folder.iterdir()) if folder.is_dir() else ():
                    name = each.relative_to(self.path).as_posix()
                    if _OURS.fullmatch(each.name) and name not in keep:
                        each.unlink()
                if folder != self.path and folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()

    def within(self, name: str) -> Folder:
        """Make a folder in this one."""
        with writing("out", self.path / name):
            (self.path / name).mkdir(exist_ok=True)
        return Folder(self.path / name)


@contextmanager
def spilling(folder: Folder) -> Iterator[str]:
    """Make a place in a folder for what is beyond the memory, and remove it at the end."""
    place = folder.path / SPILLED
    shutil.rmtree(place, ignore_errors=True)
    folder.within(SPILLED)
    try:
        yield str(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def refuse_others(there: Mapping[str, Any], job: Mapping[str, Any], where: str) -> NoReturn:
    """Refuse what another run left unfinished, and tell in what it differs."""
    unlike = [key for key in job if key != "job_id" and there.get(key) != job[key]]
    do = (
        "give it what it was given before to go on, or start over with resume=False "
        "(--no-resume), or name another place"
    )
    rule = "must be of the run that was stopped in it"
    refuse("out", rule, f"another {', '.join(unlike) or 'job'} in {where}", do)


def part_name(number: int) -> str:
    """Name a part."""
    return f"part-{number:05d}.parquet"


@contextmanager
def open_folder(path: Path) -> Iterator[Folder]:
    """Make the folder, hold it for this run alone; refuse what cannot be one, or is held."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse("out", "must be a folder that can be written", f"{path} ({error.strerror})")
    with locked(path / LOCK, str(path)):
        yield Folder(path)


@contextmanager
def locked(lock: Path, where: str) -> Iterator[None]:
    """Hold a file's lock, which goes with its process; refuse where another has it."""
    with writing("out", lock.parent):
        handle = _locked(lock, where)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _locked(lock: Path, where: str) -> int:
    """Lock a file that goes with its run; what another removed meanwhile is no lock."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            do = "wait until it has ended, or name another place"
            refuse("out", "must be written by one run at a time", f"another in {where}", do)
        if lock.exists() and os.fstat(handle).st_ino == lock.stat().st_ino:
            return handle
        os.close(handle)
