"""Make the pages of the reference from the rooms' tables of contents while the site is built.

MkDocs calls ``on_config`` and ``on_files``: a page a room, an entry a public name, the text from
docstrings. Nothing is written to ``docs``.
"""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import alicredit
from alicredit.records import TABLES, Column
from alicredit.vocabulary import DECISIONS, REASONS, STATUSES

ROOMS = (
    "records", "cohort", "ledger", "labels", "features", "derived", "audit", "model", "portable",
    "score", "calibration", "evaluation", "policy", "decision", "portfolio", "databases", "cluster",
    "allocation", "whatif", "monitoring", "losses", "recovery", "loans", "simulate", "plots",
    "report", "vocabulary", "errors",
)  # fmt: skip
"""In the order of the work. A name that two rooms list is told in the first."""


RECORDS = """# Tables of records

What can be read, table by table. *Required*: a table without the column is refused. *Filled in
later*: reads as absent before the time in the column named. A column `known_at` is allowed in every
table and says when a row became known, where that was later than it happened. Restricted tables
need a stated purpose and legal basis.
"""


def public(room: ModuleType) -> dict[str, Any]:
    """Give a room's public names: those it lists, or those it defines."""
    if hasattr(room, "__all__"):
        return {name: getattr(room, name) for name in room.__all__}
    return {
        name: each
        for name, each in vars(room).items()
        if not name.startswith("_") and getattr(each, "__module__", "") == room.__name__
    }


def place_of(room: str, name: str, thing: Any) -> str:
    """Say where a name is defined: there its text is read."""
    if inspect.isclass(thing) or inspect.isfunction(thing):
        return f"{thing.__module__}.{thing.__qualname__}"
    return f"alicredit.{room}.{name}"


def is_told(thing: Any) -> bool:
    """Tell whether a name has a text of its own; an alias of types has none."""
    return inspect.isclass(thing) or inspect.isfunction(thing)


def pages() -> dict[str, str]:
    """Write the pages: one for each room, and the list of top-level names."""
    told: dict[str, tuple[str, str]] = {}
    texts = {}
    for name in ROOMS:
        room = importlib.import_module(f"alicredit.{name}")
        lines = [f"# alicredit.{name}", "", (inspect.getdoc(room) or "").strip(), ""]
        also, values = [], []
        for public_name, thing in public(room).items():
            if not is_told(thing):
                values.append(public_name)
                continue
            place = place_of(name, public_name, thing)
            if place in told:
                also.append(f"[`{public_name}`][{place}]")
                continue
            told[place] = (name, public_name)
            lines += [f"::: {place}", ""]
        if values:
            lines += ["## Values", "", ", ".join(f"`{each}`" for each in values), ""]
        if also:
            lines += ["## Told elsewhere", "", ", ".join(also), ""]
        texts[f"api/{name}.md"] = "\n".join(lines)
    texts |= {"api/index.md": index(), "records.md": records(), "reasons.md": reasons()}
    return texts


def records() -> str:
    """Write every table of records with its columns."""
    lines = [RECORDS, "| table | what it holds | one row a |", "|---|---|---|"]
    tables = list(TABLES.values())
    for table in tables:
        mark = " (restricted)" if table.restricted else ""
        lines.append(f"| [{table.name}](#{table.name}) | {table.title}{mark} | "
                     f"{', '.join(f'`{each}`' for each in table.key)} |")  # fmt: skip
    for table in tables:
        times = f"Happened: `{table.happened}`." if table.happened else ""
        lines += [
            "",
            f"## {table.name}",
            "",
            f"{table.title[0].upper()}{table.title[1:]}. {times}",
            "",
        ]
        lines += ["| column | kind | required | may be empty | more |", "|---|---|---|---|---|"]
        lines += [column_line(column) for column in table.columns]
    return "\n".join(lines) + "\n"


def column_line(column: Column) -> str:
    """Write one column."""
    more = []
    if column.unit:
        more.append(column.unit)
    if column.values:
        more.append("one of " + ", ".join(f"`{each}`" for each in column.values))
    if column.low is not None or column.high is not None:
        low = "" if column.low is None else f"from {column.low:g} "
        more.append(low + ("" if column.high is None else f"to {column.high:g}"))
    if column.timed_by:
        more.append(f"filled in later: `{column.timed_by}`")
    if column.mutable:
        more.append("changes without a time: no feature reads it")
    if column.refers_to:
        more.append(f"stands in `{column.refers_to}`")
    words = ("yes" if column.required else "", "yes" if column.nullable else "")
    return f"| `{column.name}` | {column.kind} | {' | '.join(words)} | {'; '.join(more)} |"


def reasons() -> str:
    """Write the closed words of answers: reason codes, decisions, statuses."""
    lines = ["# Reason codes", "", "The codes that a decision may carry, in both languages.", "",
             "| code | English | 中文 |", "|---|---|---|"]  # fmt: skip
    lines += [f"| `{code}` | {word.text} | {word.text_zh} |" for code, word in REASONS.items()]
    for title, words in (("Decisions", DECISIONS), ("Statuses of a row", STATUSES)):
        lines += ["", f"## {title}", "", "| word | English | 中文 |", "|---|---|---|"]
        lines += [f"| `{code}` | {word.text} | {word.text_zh} |" for code, word in words.items()]
    return "\n".join(lines) + "\n"


def index() -> str:
    """Write the list of top-level names and of rooms, each with its first sentence."""
    lines = ["# Reference", "", "Everything that can be imported from `alicredit` itself:", "",
             "| name | what it does | room |", "|---|---|---|"]  # fmt: skip
    for name in alicredit.__all__:
        if name == "__version__":
            continue
        thing = getattr(alicredit, name)
        room = alicredit._WHERE[name].split(".")[1]
        text = (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")
        shown = f"[`{name}`][{place_of(room, name, thing)}]" if is_told(thing) else f"`{name}`"
        lines.append(f"| {shown} | {text.replace('|', ' or ')} | [{room}]({room}.md) |")
    lines += ["", "And by room:", "", "| room | question it answers |", "|---|---|"]
    for name in ROOMS:
        room = importlib.import_module(f"alicredit.{name}")
        text = (inspect.getdoc(room) or "").split("\n\n")[0].replace("\n", " ")
        lines.append(f"| [{name}]({name}.md) | {text} |")
    return "\n".join(lines) + "\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the pages in the navigation."""
    listed = [f"api/{name}.md" for name in ROOMS]
    config.nav = [
        {"Reference of names": ["api/index.md", *listed]} if entry == "api/index.md" else entry
        for entry in config.nav or ()
    ]
    return config
