"""Execute the notebooks of this folder, each in a fresh kernel of the interpreter that runs this.

python notebooks/run.py            run all; outputs must be those that are kept in the files
python notebooks/run.py --keep     run all and write their outputs back
python notebooks/run.py 04         run those whose name starts so

Two run at a time; what is told comes in the order of names.

Words must be equal to the letter. Numbers may be off by two in a hundred, or by 0.02: another
processor adds up in another order, and a split of a tree may tip; digests, which then differ whole,
are not compared. Pictures must be there: their bytes depend on fonts. A notebook whose data are not on
this machine says so ("nothing is run") and is not compared.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent
CELL_SECONDS = 600
NOTHING_RUN = "nothing is run."
_SHARE, _SLIGHT = 0.02, 0.02
_DIGEST = re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,64}\b")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


class ThisInterpreter(AsyncKernelManager):
    """Start kernels with the interpreter that runs this file, whatever kernels are installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """Give the command that starts a kernel."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        command.append("--log-level=ERROR")
        return KernelSpec(argv=command, display_name="Python 3", language="python")


def execute(path: Path) -> nbformat.NotebookNode:
    """Run all cells of a notebook from its folder; CellExecutionError at the first that fails."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_manager_class=ThisInterpreter,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    asyncio.run(client.async_execute())
    return notebook


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Keep source and outputs; make identifiers and metadata the same on every machine."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"cell-{number:02d}"
        cell["metadata"] = nbformat.from_dict({})
    return notebook


def places_shown(notebook: nbformat.NotebookNode) -> list[str]:
    """Name the folders of this machine that outputs show; there should be none."""
    private = {str(REPOSITORY), str(REPOSITORY.parent), str(Path.home()), sys.prefix}
    outputs = str([cell.get("outputs", []) for cell in notebook.cells])
    return sorted(place for place in private if len(place) > 1 and place in outputs)


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """Give the lines that a cell shows: text and tables whole, of pictures that they are there."""
    lines: list[str] = []
    for output in cell.get("outputs", []):
        for kind, content in sorted(output.get("data", {output.output_type: output}).items()):
            if kind.startswith("image/"):
                lines.append(f"({kind})")
            else:
                lines += str(content.get("text", "") if kind == "stream" else content).splitlines()
    return lines


def is_without_data(notebook: nbformat.NotebookNode) -> bool:
    """Tell whether a notebook ran without the data that it is about, and said so alone."""
    told = [line for cell in notebook.cells for line in shown(cell)]
    return len(told) == 1 and told[0].endswith(NOTHING_RUN)


def differences(kept: nbformat.NotebookNode, now: nbformat.NotebookNode) -> list[str]:
    """Say which cells show something else than what is kept, and the first lines that differ."""
    found: list[str] = []
    for number, (old, new) in enumerate(zip(kept.cells, now.cells, strict=True), start=1):
        before, after = shown(old), shown(new)
        if len(before) != len(after) or not all(map(alike, before, after)):
            lines = list(difflib.unified_diff(before, after, "kept", "now", n=0, lineterm=""))
            found.append(f"cell {number}:\n" + "\n".join(lines[:12]))
    return found


def alike(kept: str, now: str) -> bool:
    """Tell whether two lines say the same, but for what another processor may change."""
    if kept == now:
        return True
    words = [
        _NUMBER.sub("#", " ".join(_DIGEST.sub("(digest)", line).split())) for line in (kept, now)
    ]
    numbers = [
        [float(each.replace(",", "")) for each in _NUMBER.findall(_DIGEST.sub("", line))]
        for line in (kept, now)
    ]
    return words[0] == words[1] and all(
        abs(old - new) <= max(_SHARE * max(abs(old), abs(new)), _SLIGHT)
        for old, new in zip(*numbers, strict=True)
    )


def judge(path: Path, notebook: nbformat.NotebookNode, *, is_kept: bool) -> str:
    """Say what is wrong with the outputs of a notebook that ran through; nothing when they hold."""
    places = places_shown(notebook)
    if places:
        return f"outputs show {', '.join(places)}"
    if is_kept or is_without_data(notebook):
        return ""
    stale = differences(nbformat.read(path, as_version=4), notebook)
    do = "run notebooks/run.py --keep and read what changed"
    return "\n".join(["outputs are not those kept; " + do, *stale]) if stale else ""


def run(path: Path, *, is_kept: bool) -> tuple[str, str, str]:
    """Run a notebook, and write it back to keep it: its name, what it took, what is wrong."""
    start = time.perf_counter()
    try:
        notebook = tidy(execute(path))
    except CellExecutionError as error:
        return path.name, "", f"{error.ename}: {error.evalue}\n{error}"
    seconds = f"{time.perf_counter() - start:.1f} s"
    wrong = judge(path, notebook, is_kept=is_kept)
    if is_without_data(notebook):
        return path.name, f"{seconds}; its data are not here", wrong
    if is_kept and not wrong:
        nbformat.write(notebook, path)
    return path.name, seconds, wrong


def report(name: str, took: str, wrong: str) -> bool:
    """Tell what became of a notebook; True if it held."""
    if wrong:
        print(f"{name}: FAILED: {wrong}", file=sys.stderr, flush=True)
    else:
        print(f"{name}: {took}", flush=True)
    return not wrong


def main(arguments: list[str] | None = None) -> int:
    """Run the notebooks; give 0 when each ran through, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Execute the notebooks of this folder.")
    parser.add_argument("names", nargs="*", help="only those whose name starts so")
    parser.add_argument("--keep", action="store_true", help="write outputs back into the files")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default 2)")
    options = parser.parse_args(arguments)
    chosen = tuple(options.names) or ("",)
    paths = [path for path in sorted(FOLDER.glob("*.ipynb")) if path.name.startswith(chosen)]
    if not paths:
        print("no notebook has such a name", file=sys.stderr)
        return 1
    with ThreadPoolExecutor(max_workers=options.jobs) as pool:
        told = pool.map(lambda path: run(path, is_kept=options.keep), paths)
        held = [report(*each) for each in told]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
