"""What the pages show runs as it stands, and every page of the site is built without network."""

from __future__ import annotations

import importlib
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import alicredit
from alicredit.cli import DONE, main

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
FIRST_PAGES = runpy.run_path(str(REPOSITORY / "benchmarks" / "first_pages.py"))
SIX = ("merchants", "orders", "refunds", "loans", "instalments", "repayments")


def blocks(page: str, kind: str = "python") -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.S | re.M)


def run_block(code: str, names: dict) -> None:
    exec(compile(code, "page", "exec"), names)  # noqa: S102  the pages are our own


def test_the_calls_of_the_page_on_migration_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (X, y), (new, y_new) = (FIRST_PAGES["made"](seed) for seed in (1, 2))
    names = {"X": X, "y": y, "new": new, "y_new": y_new, "row": new.iloc[0].to_dict()}
    ours = [code for code in blocks("migrating.md") if code.startswith("# alicredit")]
    assert len(ours) >= 8
    for code in ours:
        run_block(code, names)
    assert (names["found"]["status"] == "ok").all()
    assert names["one"]["score"] == names["found"]["score"][0]
    assert (names["again"].predict_score(new) == names["model"].predict_score(new)).all()
    assert {"card.pkl", "model.alicredit"} & {path.name for path in tmp_path.iterdir()} == {
        "model.alicredit"
    }


def test_each_task_of_the_page_on_migration_shows_whose_call_it_is() -> None:
    for code in blocks("migrating.md"):
        assert re.match(r"# (alicredit|optbinning|toad)\n", code), code
        compile(code, "page", "exec")


def test_the_table_of_first_pages_is_that_of_the_results() -> None:
    results = (REPOSITORY / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    page = (DOCS / "compare.md").read_text(encoding="utf-8").replace("**", "")
    for row in ("AUC", "fit, CPU-s", "one row of a frame, ms"):
        (said,) = re.findall(rf"^\| {re.escape(row)} \|.*$", page, re.M)
        assert said in results, row


def test_the_page_on_vendoring_runs_and_all_forms_agree(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    kept = REPOSITORY / "tests" / "portable" / "version_2_points.alicredit"
    (tmp_path / "model.alicredit").write_bytes(kept.read_bytes())
    model = alicredit.load_model(kept)
    row = {table.name: table.median for table in model.tables}
    row |= {table.name: table.levels[0] for table in model.tables if table.kind == "category"}
    row |= {table.name: 1.0 for table in model.tables if table.kind == "flag"}
    names: dict = {"row": row}
    for code in blocks("howto/vendoring.md"):
        run_block(code, names)
    sys.modules.pop("score")
    assert names["answer"]["status"] == "ok"
    assert names["answer"]["score"] == model.score_one(row)["score"]
    assert names["pinned"] == model.model_id
    assert "SELECT" in names["query"]
    with pytest.raises(alicredit.ModelFileError):
        alicredit.load_model(kept, digest="0" * 64)


def write_export(table: str, frame: pd.DataFrame, folder: Path) -> None:
    """Write a table as a platform's own people would: other names, Chinese words, commas."""
    folder.mkdir(exist_ok=True)
    if table == "merchants":
        old = {"merchant_id": "shop_no", "registered_at": "opened"}
        frame[list(old)].rename(columns=old).to_csv(folder / "shops.csv", index=False)
        return
    old = {"order_id": "order_no", "merchant_id": "shop_no", "buyer_id": "buyer"}
    sales = frame[list(old)].rename(columns=old)
    sales["at"] = frame["created_at"].dt.strftime("%Y/%m/%d %H:%M")
    sales["amount"] = frame["amount"].map("{:,.2f}".format)
    sales["status"] = "已完成"
    pd.concat([sales, sales.head(20)]).to_csv(folder / "sales.csv", index=False)


@pytest.mark.slow
def test_own_files_are_scored_as_the_page_says(tmp_path, monkeypatch, capsys) -> None:
    """Six CSV files of a made platform go through the page's lines, in Python and in the shell."""
    monkeypatch.chdir(tmp_path)
    records, _ = alicredit.simulate_platform(300, seed=4, orders_per_month=3, default_rate=0.15)
    (tmp_path / "my-records").mkdir()
    for table in SIX:
        frame = records[table].to_pandas()
        if table in ("merchants", "orders"):
            write_export(table, frame, tmp_path / "export")
        else:
            frame.to_csv(tmp_path / "my-records" / f"{table}.csv", index=False)
    names: dict = {}
    for code in blocks("howto/own-files.md"):
        run_block(code, names)
    shell = "\n".join(blocks("howto/own-files.md", "console"))
    commands = [line.split()[2:] for line in shell.splitlines() if line.startswith("$ alicredit")]
    verbs = [command[0] for command in commands]
    assert verbs == ["tables", "tables", "check", "train", "score"]
    for at in (0, 1, 2, 4):
        assert main(commands[at]) == DONE
    assert set(names["decisions"]["product_id"]) == {"shop_loan", "supply_chain_order"}
    assert (tmp_path / "decisions.csv").exists()
    said = capsys.readouterr().out
    assert "0 of them errors" in said
    assert "merchants asked about" in said
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_message_that_the_page_on_own_files_shows_is_the_real_one() -> None:
    (shown,) = (text for text in blocks("howto/own-files.md", "text") if "platform" in text)
    merchants = pd.DataFrame(
        {"merchant_id": ["m"], "registered_at": pd.to_datetime(["2011-05-01"]), "a": [1]}
    )
    with pytest.raises(alicredit.RecordError) as caught:
        alicredit.read_records({"merchants": merchants})
    start = shown.split(";", maxsplit=1)[0].strip()
    assert str(caught.value).startswith(start)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the site; a warning, such as a link to nowhere, is an error."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


class Links(HTMLParser):
    """Collect what a page points at, what it loads, and what can be pointed at."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.ids.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.targets.append(given["href"])
        if "src" in given:
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "preconnect", "preload"):
            self.loads.append(given["href"])


def parsed(site: Path) -> Iterator[tuple[Path, Links]]:
    for path in sorted(site.rglob("*.html")):
        found = Links()
        found.feed(path.read_text(encoding="utf-8"))
        yield path, found


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere_and_nothing_is_fetched(site: Path) -> None:
    pages = dict(parsed(site))
    assert len(pages) > 35
    for path, found in pages.items():
        assert not [each for each in found.loads if re.match(r"(https?:)?//", each)], path
        if path.name == "404.html":
            continue
        for target in found.targets:
            if re.match(r"https?://", target):
                assert target == "https://squidfunk.github.io/mkdocs-material/", (path, target)
                continue
            where, _, anchor = target.partition("#")
            other = (path.parent / where).resolve() if where else path
            assert other.exists(), (path, target)
            if anchor and other in pages:
                assert anchor in pages[other].ids, (path, target)


@pytest.mark.slow
def test_the_site_tells_of_every_public_name_table_and_reason(site: Path) -> None:
    from alicredit.records import TABLES
    from alicredit.vocabulary import REASONS

    index = (site / "api" / "index.html").read_text(encoding="utf-8")
    for name in set(alicredit.__all__) - {"__version__"}:
        assert f">{name}<" in index, name
    tables = (site / "records.html").read_text(encoding="utf-8")
    assert all(f'id="{table}"' in tables for table in TABLES)
    reasons = (site / "reasons.html").read_text(encoding="utf-8")
    for code, word in REASONS.items():
        assert code in reasons
        assert word.text_zh in reasons
    for room in ("loans", "monitoring", "recovery", "whatif"):
        page = (site / "api" / f"{room}.html").read_text(encoding="utf-8")
        for name in importlib.import_module(f"alicredit.{room}").__all__:
            assert name in page, (room, name)
