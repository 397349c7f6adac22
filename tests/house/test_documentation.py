"""What the docstrings of public names say agrees with what the names do."""

from __future__ import annotations

import inspect
import re

import pytest

import alicredit
from alicredit import (
    allocation,
    decision,
    derived,
    features,
    losses,
    monitoring,
    plots,
    portfolio,
    recovery,
    whatif,
)

ROOMS = (
    alicredit, allocation, decision, derived, features, losses, monitoring, plots, portfolio,
    recovery, whatif,
)  # fmt: skip
CALLABLES = {
    f"{room.__name__}.{name}": getattr(room, name)
    for room in ROOMS
    for name in room.__all__
    if callable(getattr(room, name)) and not name.endswith("Error")
}


def documented_parameters(text: str) -> dict[str, str]:
    """Read name -> type line of the section Parameters of a numpydoc text."""
    found = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]+\n-+\n|\Z)", text, re.S | re.M)
    if not found:
        return {}
    rows = re.findall(r"^(\*{0,2}\w[\w, *]*) : (.*)$", found.group(1), re.M)
    return {
        name.strip().lstrip("*"): _own(kind, at, names.count(",") + 1)
        for names, kind in rows
        for at, name in enumerate(names.split(","))
    }


def _own(kind: str, at: int, count: int) -> str:
    """Give a parameter's own default where several stand in one line with one each."""
    stated = re.search(r"default:? (.+?)(?: \(assumed\))?$", kind.strip())
    if not stated:
        return ""
    each = re.split(r", | and ", stated.group(1))
    return (each[at] if len(each) == count else stated.group(1)).strip("`\"'")


def _is_stated(text: str, default: object) -> bool:
    """Tell whether a text says a default; numbers by their value."""
    if isinstance(default, int | float) and not isinstance(default, bool):
        return re.fullmatch(r"-?[\d_.e]+", text) is not None and float(text) == default
    return text == str(default)


@pytest.mark.parametrize("name", CALLABLES)
def test_parameters_are_documented_as_they_are(name: str) -> None:
    thing = CALLABLES[name]
    signature = inspect.signature(thing)
    text = inspect.getdoc(thing) or ""
    documented = documented_parameters(text)
    real = {
        p.name: p
        for p in signature.parameters.values()
        if p.name != "self" and not p.name.startswith("_")
    }
    if inspect.isclass(thing) and not documented:
        assert text, f"{name} has no docstring"
        return
    assert list(documented) == list(real), name
    for parameter, stated in documented.items():
        default = real[parameter].default
        is_plain = isinstance(default, bool | int | float | str | None)
        if stated and default is not inspect.Parameter.empty and is_plain:
            assert _is_stated(stated, default), (name, parameter, stated)


@pytest.mark.parametrize("name", CALLABLES)
def test_public_functions_show_an_example_that_runs_and_one_that_is_refused(name: str) -> None:
    thing = CALLABLES[name]
    if not inspect.isfunction(thing):
        return
    text = inspect.getdoc(thing) or ""
    assert ">>>" in text, f"{name} has no example"
    assert "Error" in text, f"{name} shows no refusal"
