"""Build the wheel and the source archive, install each in clean environments, and use them.

python release/check.py FOLDER                    each Python, newest and oldest dependencies
python release/check.py FOLDER --only 3.12 newest
python release/check.py FOLDER --keep             write what was seen to docs/release.md

An environment is made new each time; its dependencies come from the package registry.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "release.md"
PYTHONS = ("3.11", "3.12", "3.13")
CONSTRAINTS = {"newest": "constraints.txt", "oldest": "constraints-lowest.txt"}
SHOWN = ("numpy", "pandas", "pyarrow", "duckdb", "scipy", "scikit-learn", "lightgbm", "numba")
ROOMS_OF_SDIST = ("house", "portable", "release")
MARK = "<!-- what was seen -->"


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command without the caller's Python paths; end with its output where it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip()


def interpreter(version: str) -> str | None:
    """Find a Python of a version: among those of pyenv, or on the path."""
    homes = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    each = sorted(homes.glob(f"{version}.*/bin/python"))
    return str(each[-1]) if each else shutil.which(f"python{version}")


def build(folder: Path) -> tuple[Path, Path]:
    """Build both archives; the wheel is that of the source archive, so that nothing is left out."""
    shutil.rmtree(folder / "dist", ignore_errors=True)
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder / "dist",
        cwd=REPOSITORY)  # fmt: skip
    source = next((folder / "dist").glob("*.tar.gz"))
    unpacked = folder / "source"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(source) as archive:
        archive.extractall(unpacked, filter="data")
    tree = next(unpacked.iterdir())
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", cwd=tree)
    return next((folder / "dist").glob("*.whl")), tree


def environment(folder: Path, python: str, constraints: str, *what: str) -> Path:
    """Make a new environment with packages; give its interpreter."""
    shutil.rmtree(folder, ignore_errors=True)
    run(python, "-m", "venv", folder)
    mine = folder / "bin" / "python"
    run(mine, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary",
        ":all:", "-c", REPOSITORY / constraints, *what)  # fmt: skip
    return mine


def versions(mine: Path) -> str:
    """List the versions of the dependencies that weigh most."""
    code = (
        "from importlib.metadata import version; "
        f"print(', '.join(f'{{n}} {{version(n)}}' for n in {SHOWN!r}))"
    )
    return run(mine, "-I", "-c", code)


def main() -> None:
    """Check each environment that was asked for."""
    parser = argparse.ArgumentParser(description="Build, install in clean environments, and use.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs=2, metavar=("PYTHON", "DEPENDENCIES"))
    parser.add_argument("--keep", action="store_true", help="write docs/release.md")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    wheel, tree = build(folder)
    sizes = ", ".join(
        f"{path.name} {path.stat().st_size / 1e6:.1f} MB"
        for path in (wheel, next((folder / "dist").glob("*.tar.gz")))
    )
    print(sizes, flush=True)
    lines = []
    wanted = [(p, d) for p in PYTHONS for d in CONSTRAINTS]
    for version, age in [tuple(options.only)] if options.only else wanted:
        python = interpreter(version)
        if python is None:
            sys.exit(f"there is no Python {version} here")
        mine = environment(folder / f"env-{version}-{age}", python, CONSTRAINTS[age],
                           f"{wheel}[report]")  # fmt: skip
        seen = run(mine, "-I", "-W", "error", REPOSITORY / "release" / "smoke.py",
                   tree / "tests" / "portable", "--whole", cwd=folder)  # fmt: skip
        line = (run(mine, "-c", "import platform; print(platform.python_version())"), age,
                versions(mine), seen)  # fmt: skip
        print(" | ".join(line), flush=True)
        lines.append(line)
    tests = source_runs_its_tests(folder, tree)
    print(tests)
    if options.keep:
        write_page(sizes, lines, tests)


def source_runs_its_tests(folder: Path, tree: Path) -> str:
    """Run some rooms' tests from the unpacked source archive, in the first environment here."""
    mine = next(iter(sorted(folder.glob("env-*/bin/python"))))
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c"]
    run(mine, *install, REPOSITORY / "constraints.txt", "pytest", "hypothesis", "hatchling")
    rooms = [f"tests/{room}" for room in ROOMS_OF_SDIST]
    told = run(mine, "-m", "pytest", "-q", "-p", "no:cacheprovider", *rooms, cwd=tree)
    return re.sub(r" in .*", "", told.splitlines()[-1].strip("= "))


def write_page(sizes: str, lines: list[tuple[str, ...]], tests: str) -> None:
    """Write what was seen below the page's mark."""
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    day = dt.datetime.now(tz=dt.UTC).date()
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    PAGE.write_text(
        f"{head}{MARK}\n\nOn {day}: {sizes}.\n\n"
        f"| Python | dependencies | versions | seen |\n|---|---|---|---|\n{rows}\n\n"
        f"Tests of {', '.join(ROOMS_OF_SDIST)} from the unpacked source archive: {tests}.\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
