"""Execute the notebooks of this folder, each in a fresh kernel of the interpreter that runs this.

python notebooks/run.py            run all; files stay as they are
python notebooks/run.py --keep     run all and write their outputs back
python notebooks/run.py 04         run those whose name starts so
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent
CELL_SECONDS = 300


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
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
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


def failure(notebook: str, error: CellExecutionError) -> str:
    """Say which notebook failed and how, with the failing cell and its traceback."""
    return f"{notebook}: FAILED: {error.ename}: {error.evalue}\n{error}"


def main(arguments: list[str] | None = None) -> int:
    """Run the notebooks; give 0 when each ran through, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Execute the notebooks of this folder.")
    parser.add_argument("names", nargs="*", help="only those whose name starts so")
    parser.add_argument("--keep", action="store_true", help="write outputs back into the files")
    options = parser.parse_args(arguments)
    chosen = tuple(options.names) or ("",)
    paths = [path for path in sorted(FOLDER.glob("*.ipynb")) if path.name.startswith(chosen)]
    if not paths:
        print("no notebook has such a name", file=sys.stderr)
        return 1
    failed = 0
    for path in paths:
        start = time.perf_counter()
        try:
            notebook = tidy(execute(path))
        except CellExecutionError as error:
            print(failure(path.name, error), file=sys.stderr, flush=True)
            failed += 1
            continue
        shown = places_shown(notebook)
        if shown:
            print(f"{path.name}: FAILED: outputs show {', '.join(shown)}", file=sys.stderr)
            failed += 1
            continue
        if options.keep:
            nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - start:.1f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
