"""Files written whole or not at all, in places that are refused by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from alicredit.checks.guards import require_path
from alicredit.checks.messages import refusal
from alicredit.errors import AlicreditError, InputError


@contextmanager
def writing(
    argument: str, path: object, *, error: type[AlicreditError] = InputError
) -> Iterator[None]:
    """Refuse by name a place that turns out not to be writable.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    path : object
        The place, to be shown in the refusal.
    error : type of AlicreditError, default InputError
        What is raised.

    Returns
    -------
    context manager
        In which the place is written.

    Raises
    ------
    AlicreditError
        Of the type ``error``, with the system's reason, where the body raises OSError.

    Examples
    --------
    >>> from pathlib import Path
    >>> with writing("out", "nowhere/at/all.txt"):
    ...     _ = Path("nowhere/at/all.txt").write_text("x")
    Traceback (most recent call last):
    alicredit.errors.InputError: out must be a place that can be written; found nowhere/at/...
    """
    try:
        yield
    except OSError as failed:
        rule, why = "must be a place that can be written", failed.strerror or str(failed)
        raise error(refusal(argument, rule, f"{path} ({why})")) from failed


@contextmanager
def whole_file(
    argument: str, path: object, *, mark: str = "", error: type[AlicreditError] = InputError
) -> Iterator[BinaryIO]:
    """Open a file that takes its place whole when the body is done, or not at all.

    Where several may write one file at once, each has a ``mark`` of its own: they would write into
    each other's unfinished file otherwise.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    path : object
        Where the file is to stand: text or Path, in a folder that exists.
    mark : str, default ""
        What tells the unfinished file of one writer from another's.
    error : type of AlicreditError, default InputError
        What is raised.

    Returns
    -------
    context manager
        Which gives the open file, for bytes. A body that raises leaves what stood there.

    Raises
    ------
    AlicreditError
        Of the type ``error``, if ``path`` is none, lies in no folder that exists, or cannot be
        written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file("out", f"{folder}/all.bin") as file:
    ...         _ = file.write(b"12")
    ...     Path(f"{folder}/all.bin").read_bytes()
    b'12'
    >>> with whole_file("out", None) as file:
    ...     pass
    Traceback (most recent call last):
    alicredit.errors.InputError: out must be a path; ...
    """
    given = require_path(argument, path, error=error)
    with writing(argument, given, error=error):
        place = given.resolve()
        if not place.parent.is_dir():
            raise error(refusal(argument, "must be in a folder that exists", given))
        if place.exists() and not place.is_file():
            raise error(refusal(argument, "must be the path of a file", f"{given}, which is none"))
        partial = place.with_name(f".{place.name}{mark}.partial")
        try:
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(place)
        finally:
            partial.unlink(missing_ok=True)


def write_whole(
    argument: str,
    path: object,
    data: bytes,
    *,
    mark: str = "",
    error: type[AlicreditError] = InputError,
) -> None:
    """Write a file whole or not at all: whoever is killed meanwhile leaves the file that was there.

    The bytes go under another name in the same folder, reach the disk, and take the place then.

    Parameters
    ----------
    argument : str
        The argument, table, column or key, as the refusal names it.
    path : object
        Where the file is to stand: text or Path, in a folder that exists.
    data : bytes
        All of it.
    mark : str, default ""
        As for :func:`whole_file`.
    error : type of AlicreditError, default InputError
        What is raised.

    Raises
    ------
    AlicreditError
        Of the type ``error``, as :func:`whole_file` raises.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole("path", f"{folder}/prices.json", b"{}")
    ...     [each.name for each in Path(folder).iterdir()]
    ['prices.json']
    >>> write_whole("path", "nowhere/at/all.json", b"{}")
    Traceback (most recent call last):
    alicredit.errors.InputError: path must be in a folder that exists; found nowhere/at/all.json.
    """
    with whole_file(argument, path, mark=mark, error=error) as file:
        file.write(data)
