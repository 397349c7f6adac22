"""Compile a kernel when it is first called, keep it on disk, and say so while one waits."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from numba.extending import register_jitable

log = logging.getLogger(__name__)

_KERNELS: list[Any] = []


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a small function that only kernels call.

    One that runs for every event or window takes its arrays one by one: each array that it took
    out of a tuple would be counted as a reference, which costs more than the work. No entry for
    Python or C is made, which would take longer to compile than many a function itself: called
    from Python it is plain Python.
    """
    make = register_jitable(error_model="numpy", nogil=True, no_cfunc_wrapper=True)
    return make(function)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel; the machine code is kept beside the source, or in the user's cache.

    What a kernel says in few words can take long to compile: a slice that is filled, an expression
    over whole arrays, a sort. Most are loops over values for that reason.
    """
    how = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
    try:
        kernel = numba.njit(cache=True, **how)(function)
    except RuntimeError:  # no folder can be written: the code lives as long as the process
        kernel = numba.njit(**how)(function)
    _KERNELS.append(kernel)
    return kernel


def is_compiled() -> bool:
    """Tell whether every kernel was compiled before, in this process or an earlier one."""
    return all(kernel.signatures or _is_kept(kernel) for kernel in _KERNELS)


def _is_kept(kernel: Any) -> bool:
    """Tell whether a kernel's machine code is on disk."""
    place = kernel.stats.cache_path
    return bool(place) and any(Path(place).glob(f"*.{kernel.py_func.__name__}-*.nbi"))


@contextmanager
def announced() -> Iterator[None]:
    """Say that kernels are being compiled, where they are, while the body runs."""
    if is_compiled():
        yield
        return
    text = "compiling the window kernels once; later runs start at once"
    log.info(text)
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
