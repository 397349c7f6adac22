"""What is shipped: the wheel holds the whole package, the source archive all that tests need."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import alicredit

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="session")
def archives(tmp_path_factory) -> Path:
    """Build both archives once, with the build tool that is installed, without network."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture(scope="session")
def in_wheel(archives: Path) -> dict[str, bytes]:
    """Give the wheel's files by name."""
    (path,) = archives.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


@pytest.fixture(scope="session")
def in_source(archives: Path) -> set[str]:
    """Give the names of the source archive's files below its top folder."""
    (path,) = archives.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def below(*folders: str) -> set[str]:
    """List the files of folders of the repository but for what tools leave there."""
    return {
        str(path.relative_to(REPOSITORY))
        for folder in folders
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
        and path.suffix != ".pyc"
    }  # fmt: skip


def test_the_wheel_holds_every_file_of_the_package_and_no_other(in_wheel) -> None:
    shipped = {name for name in in_wheel if ".dist-info/" not in name}
    assert shipped == {name.removeprefix("src/") for name in below("src/alicredit")}
    for name in ("py.typed", "policy/builtin/ali-2013.toml", "policy/builtin/cn-2025.toml"):
        assert f"alicredit/{name}" in shipped


def test_the_wheel_says_what_the_project_says(in_wheel) -> None:
    (name,) = (name for name in in_wheel if name.endswith("METADATA"))
    said = message_from_string(in_wheel[name].decode())
    assert said["Name"] == PROJECT["name"]
    assert said["Version"] == PROJECT["version"] == alicredit.__version__
    assert said["Requires-Python"] == PROJECT["requires-python"]
    needs = [line for line in said.get_all("Requires-Dist") if "extra ==" not in line]
    assert {re.match(r"[\w-]+", line)[0] for line in needs} == {
        re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"]
    }
    (entry,) = (name for name in in_wheel if name.endswith("entry_points.txt"))
    assert "alicredit = alicredit.cli:main" in in_wheel[entry].decode()
    assert any(name.endswith("licenses/LICENSE") for name in in_wheel)


def test_the_source_archive_holds_what_its_tests_read(in_source) -> None:
    folders = ("src", "tests", "data/sample", "docs", "notebooks", "benchmarks", "release")
    assert below(*folders) <= in_source
    alone = ("README.md", "README.zh-CN.md", "CHANGELOG.md", "LICENSE", "pyproject.toml",
             "Makefile", "constraints.txt", "constraints-lowest.txt", "mkdocs.yml",
             ".ci/run")  # fmt: skip
    assert set(alone) <= in_source


def test_the_readme_of_the_wheel_is_whole(in_wheel) -> None:
    (name,) = (name for name in in_wheel if name.endswith("METADATA"))
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert text.strip() in in_wheel[name].decode()


def test_the_wheel_works_in_an_environment_of_its_own(archives: Path, tmp_path) -> None:
    """Install it beside the dependencies of these tests, and use it from outside the repository."""
    home = tmp_path / "env"
    venv.create(home, with_pip=False, symlinks=True)
    mine = home / "bin" / "python"
    (path,) = archives.glob("*.whl")
    pip = [sys.executable, "-I", "-m", "pip", "--python", str(mine)]
    install = ["install", "--quiet", "--no-index", "--no-deps", str(path)]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    (site,) = home.glob("lib/python3*/site-packages")
    (site / "below.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    command = [str(mine), "-I", "-W", "error", str(REPOSITORY / "release" / "smoke.py")]
    run = subprocess.run(
        [*command, str(REPOSITORY / "tests" / "portable")],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"alicredit {PROJECT['version']}" in run.stdout
    assert "rows of kept models" in run.stdout
