"""Damaged model files by the thousand, and LightGBM's own text format beside them in one run.

``python benchmarks/damaged_files.py [--each 3000] [--lightgbm 300] [--seed 1]``: of a file of each
shape and of version 1 so many mutations, half of them sealed again, loaded in a child process that
may take 200 MB and a second of processor time for each; then mutations of the same kinds of a
LightGBM text model, each in a process of its own that may take 6 GB and 10 s.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGE = ROOT / "tests" / "portable"
SIZE = 250
"""Files that a child loads one after another."""


def damage_ours(folder: Path, each: int, seed: int) -> Counter[tuple[str, bool, str]]:
    """Count what becomes of each kind of damage to our files."""
    from damage_judge import outcomes
    from damage_stage import damaged
    from portable_stage import SHAPES, make_model

    found: Counter[tuple[str, bool, str]] = Counter()
    slowest = 0.0
    for name in (*SHAPES, "version 1"):
        first = folder / "first.alicredit"
        if name == "version 1":
            first.write_bytes((STAGE / "version_1.alicredit").read_bytes())
        else:
            make_model(name, seed, references=3).save(first)
        kinds, paths = [], []
        for at, (damage, is_sealed, data) in enumerate(damaged(first.read_bytes(), each, seed)):
            kinds.append((damage, is_sealed))
            paths.append(folder / str(at % SIZE))
            paths[-1].write_bytes(data)
            if len(paths) == SIZE or at == each - 1:
                for kind, (outcome, spent) in zip(kinds, outcomes(paths, first), strict=True):
                    found[(*kind, outcome)] += 1
                    slowest = max(slowest, spent)
                kinds, paths = [], []
    print(f"slowest: {slowest:.2f} s of processor time")
    return found


def lightgbm_model(folder: Path) -> tuple[bytes, Path]:
    """Train 60 trees of 8 leaves in a child, so that this process starts no threads."""
    path = folder / "model.txt"
    child = os.fork()
    if child == 0:
        import lightgbm
        import numpy as np

        rng = np.random.default_rng(0)
        X = rng.normal(size=(2000, 5))
        y = (rng.random(2000) < 1 / (1 + np.exp(-X[:, 0] + X[:, 1]))).astype(float)
        settings = {"objective": "binary", "num_leaves": 8, "verbosity": -1, "num_threads": 1}
        lightgbm.train(settings, lightgbm.Dataset(X, y), 60).save_model(path)
        os._exit(0)
    os.waitpid(child, 0)
    return path.read_bytes(), path


def load_lightgbm(path: Path, told: int) -> None:
    """Load and score in this process, which is a child; tell a digest of the scores."""
    import hashlib

    import lightgbm
    import numpy as np

    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    X = np.random.default_rng(1).normal(size=(60, 5))
    try:
        found = lightgbm.Booster(model_file=str(path)).predict(X, num_threads=1)
        os.write(told, hashlib.sha256(found.tobytes()).hexdigest().encode())
    except lightgbm.basic.LightGBMError:
        os.write(told, b"refused")
    except BaseException as error:  # noqa: BLE001 - what it does is the finding
        os.write(told, f"other error ({type(error).__name__})".encode())


def in_child(path: Path) -> str:
    """Load a LightGBM file in a child of its own, and say how that ended."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        load_lightgbm(path, write)
        os._exit(0)
    os.close(write)
    _, status, usage = os.wait4(child, 0)
    text = os.read(read, 100).decode()
    os.close(read)
    if os.WIFSIGNALED(status):
        return "took 10 s" if os.WTERMSIG(status) == signal.SIGXCPU else "aborted the process"
    return "took a second" if usage.ru_utime > 1 else text or "aborted the process"


def damage_lightgbm(folder: Path, count: int, seed: int) -> Counter[str]:
    """Count what becomes of damage to LightGBM's text, which has no seal."""
    import lightgbm  # loaded once, inherited by each child
    from damage_stage import BYTES, key_doubled, nested_deeply

    assert lightgbm is not None
    data, path = lightgbm_model(folder)
    before = in_child(path)
    rng, found = random.Random(seed), Counter[str]()  # noqa: S311
    plain = [damage for damage in BYTES if damage not in (key_doubled, nested_deeply)]
    for at in range(count):
        changed = data
        while changed == data:
            changed = plain[at % len(plain)](data, rng)
        path.write_bytes(changed)
        outcome = in_child(path)
        if len(outcome) == 64:
            outcome = "same score" if outcome == before else "scores otherwise, silently"
        found[outcome] += 1
    return found


def main() -> None:
    """Run both and print what became of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=3000)
    parser.add_argument("--lightgbm", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    sys.path.insert(0, str(STAGE))
    os.environ["PYTHONPATH"] = f"{ROOT / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with tempfile.TemporaryDirectory() as name:
        start = time.perf_counter()
        theirs = damage_lightgbm(Path(name), asked.lightgbm, asked.seed)
        ours = damage_ours(Path(name), asked.each, asked.seed)
        spent = time.perf_counter() - start
    for is_sealed in (False, True):
        rows = sorted({kind for kind, sealed, _ in ours if sealed is is_sealed})
        words = sorted({word for _, sealed, word in ours if sealed is is_sealed})
        print(f"\nours, {'sealed again' if is_sealed else 'as damaged'}: {' | '.join(words)}")
        for row in [*rows, "all"]:
            counts = [
                sum(n for (kind, sealed, word), n in ours.items()
                    if sealed is is_sealed and word == each and row in (kind, "all"))
                for each in words
            ]  # fmt: skip
            print(f"{row:28s}", *(f"{count:7d}" for count in counts))
    print(f"\nLightGBM's text, {asked.lightgbm} mutations:")
    for word, count in theirs.most_common():
        print(f"{word:28s} {count:7d}")
    print(f"\n{spent:.0f} s in all")


if __name__ == "__main__":
    main()
