"""What the docstrings of public names say agrees with what the names do."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

import alicredit
from alicredit import (
    allocation,
    decision,
    derived,
    evaluation,
    features,
    losses,
    monitoring,
    plots,
    portfolio,
    recovery,
    whatif,
)

ROOMS = (
    alicredit, allocation, decision, derived, evaluation, features, losses, monitoring, plots,
    portfolio,
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


def every_callable() -> Iterator[tuple[str, object]]:
    """Give each public class and function of each room, and the public methods of the classes."""
    for module in pkgutil.iter_modules(alicredit.__path__, "alicredit."):
        if module.name == "alicredit.__main__":
            continue
        room = importlib.import_module(module.name)
        for name, thing in public_of(room).items():
            if inspect.isclass(thing) and issubclass(thing, Exception):
                continue
            yield f"{module.name}.{name}", thing
            for own, member in vars(thing).items() if inspect.isclass(thing) else ():
                call = getattr(member, "__func__", member)
                if inspect.isfunction(call) and not own.startswith("_"):
                    yield f"{module.name}.{name}.{own}", call


def public_of(room: object) -> dict[str, object]:
    """Give the classes and functions that a room lists, or that it defines where it lists none."""
    listed = getattr(room, "__all__", None) or [
        name
        for name, thing in vars(room).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == room.__name__
    ]
    named = {name: getattr(room, name) for name in listed}
    return {n: t for n, t in named.items() if inspect.isclass(t) or inspect.isfunction(t)}


EVERY = dict(every_callable())


def test_every_room_is_read() -> None:
    rooms = {name.split(".")[1] for name in EVERY}
    assert {"checks", "evaluation", "ledger", "loans", "model", "plots", "portable"} <= rooms
    assert len(EVERY) > 400


def test_every_public_name_of_every_room_says_what_it_is() -> None:
    assert not [name for name, thing in EVERY.items() if not inspect.getdoc(thing)]


def test_parameters_that_are_documented_are_those_of_the_signature() -> None:
    wrong = {}
    for name, thing in EVERY.items():
        documented = list(documented_parameters(inspect.getdoc(thing) or ""))
        real = [
            each
            for each in inspect.signature(thing).parameters
            if each not in ("self", "cls") and not each.startswith("_")
        ]
        if documented and documented != real:
            wrong[name] = (documented, real)
    assert not wrong


def test_documented_defaults_are_those_of_the_signature_and_functions_state_all() -> None:
    wrong = {}
    for name, thing in EVERY.items():
        parameters = inspect.signature(thing).parameters
        for each, stated in documented_parameters(inspect.getdoc(thing) or "").items():
            default = parameters[each].default if each in parameters else inspect.Parameter.empty
            is_plain = isinstance(default, bool | int | float | str | None)
            if stated and (default is inspect.Parameter.empty or is_plain):
                if default is inspect.Parameter.empty or not _is_stated(stated, default):
                    wrong[f"{name}: {each}"] = (stated, default)
            elif inspect.isfunction(thing) and is_plain and not stated and default != "":
                wrong[f"{name}: {each}"] = ("not stated", default)
    assert not wrong
