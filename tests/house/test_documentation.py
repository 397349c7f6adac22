"""What the docstrings of public names say agrees with what the names do."""

from __future__ import annotations

import inspect
import re

import pytest

import alicredit

CALLABLES = [
    name
    for name in alicredit.__all__
    if callable(getattr(alicredit, name)) and not name.endswith("Error")
]


def documented_parameters(text: str) -> dict[str, str]:
    """Read name -> type line of the section Parameters of a numpydoc text."""
    found = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]+\n-+\n|\Z)", text, re.S | re.M)
    if not found:
        return {}
    rows = re.findall(r"^(\*{0,2}\w[\w, *]*) : (.*)$", found.group(1), re.M)
    return {name.strip().lstrip("*"): kind for names, kind in rows for name in names.split(",")}


@pytest.mark.parametrize("name", CALLABLES)
def test_parameters_are_documented_as_they_are(name: str) -> None:
    thing = getattr(alicredit, name)
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
    for parameter, kind in documented.items():
        stated = re.search(r"default:? `{0,2}(.+?)`{0,2}$", kind.strip())
        default = real[parameter].default
        if (
            stated
            and default is not inspect.Parameter.empty
            and isinstance(default, bool | int | float | str | None)
        ):
            assert stated.group(1).strip("\"'") == str(default), (name, parameter)


@pytest.mark.parametrize("name", CALLABLES)
def test_public_functions_show_an_example_that_runs_and_one_that_is_refused(name: str) -> None:
    thing = getattr(alicredit, name)
    if not inspect.isfunction(thing):
        return
    text = inspect.getdoc(thing) or ""
    assert ">>>" in text, f"{name} has no example"
    assert "Error" in text, f"{name} shows no refusal"
