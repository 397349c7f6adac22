"""Pages in a real Chromium: quiet, self-contained, sorted by key and mouse, usable when narrow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from report_stage import HOSTILE, PAGES, write

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
     if (found := shutil.which(name))), None,
)  # fmt: skip
sync = pytest.importorskip("playwright.sync_api", reason="no driver of a browser is installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
WIDE, NARROW = 1200, 360


@pytest.fixture(scope="module")
def browser():
    with sync.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        found = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    return {page: write(page, folder / f"{page}.html", HOSTILE) for page in PAGES}


class Seen:
    """One page opened, with all that it said and asked for."""

    def __init__(self, browser, file: Path, width: int) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 800})
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.page.close()

    def do(self, code: str):
        return self.page.evaluate(code)


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_quiet_asks_for_nothing_and_fits(browser, files, page, width) -> None:
    with Seen(browser, files[page], width) as seen:
        assert seen.said == []
        assert seen.asked == [files[page].as_uri()]
        assert seen.do("document.documentElement.scrollWidth") <= width
        assert seen.do("document.querySelectorAll('section').length") >= 3
        ids = seen.do("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        wider = seen.do(
            "[...document.querySelectorAll('.scroll,.pic')].filter(e => e.scrollWidth >"
            " e.clientWidth + 1).every(e => e.tabIndex === 0)"
        )
        assert wider


@pytest.mark.parametrize("page", PAGES)
def test_hostile_names_are_text_and_run_nothing(browser, files, page) -> None:
    with Seen(browser, files[page], WIDE) as seen:
        assert seen.do("window.broken === undefined")
        assert seen.do("document.scripts.length") == 1
        assert seen.do("document.images.length + document.querySelectorAll('iframe').length") == 0
        assert HOSTILE in seen.do("document.body.textContent")


def test_names_stand_whole_in_drawings_with_their_chinese_and_dollars(browser, files) -> None:
    with Seen(browser, files["validation"], WIDE) as seen:
        drawn = seen.do("[...document.querySelectorAll('svg text')].map(e => e.textContent).join()")
        assert "销售" in drawn
        assert "<script>" in drawn
        assert "$" in drawn
        sizes = seen.do(
            "[...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect().height)"
        )
        assert len(sizes) >= 5
        assert min(sizes) > 100
        assert seen.do("[...document.querySelectorAll('svg')].every(e => e.ariaLabel)")


def test_what_gets_into_a_page_all_the_same_is_stopped(browser, files) -> None:
    with Seen(browser, files["portfolio"], WIDE) as seen:
        seen.do(
            "{const s = document.createElement('script'); s.textContent = 'window.broken = 1';"
            "document.body.append(s); const i = document.createElement('img');"
            "i.src = 'http://127.0.0.1:9/a.png'; document.body.append(i); 0}"
        )
        reached = seen.do("fetch('http://127.0.0.1:9/').then(() => 'out', () => 'stopped')")
        assert reached == "stopped"
        assert seen.do("window.broken === undefined")
        blocked = [text for text in seen.said if "Content Security Policy" in text]
        assert len(blocked) >= 3


COLUMN = (
    "t => [...t.tBodies].map(b => [...b.rows].filter(r => !r.classList.contains('group'))"
    ".map(r => r.cells[{at}].dataset.v))"
)
TABLE = "document.querySelectorAll('table')[{table}]"


def column(seen: Seen, table: int, at: int) -> list[list[str]]:
    return seen.do(f"({COLUMN.format(at=at)})({TABLE.format(table=table)})")


def heads(seen: Seen, table: int) -> list[str]:
    return seen.do(f"[...{TABLE.format(table=table)}.tHead.rows[0].cells]"
                   ".map(c => c.getAttribute('aria-sort'))")  # fmt: skip


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_table_is_sorted_by_the_keyboard(browser, files, key) -> None:
    with Seen(browser, files["portfolio"], NARROW) as seen:
        before = column(seen, 1, 1)
        for _ in range(200):
            seen.page.keyboard.press("Tab")
            if seen.do(f"{TABLE.format(table=1)}.tHead.rows[0].cells[1]"
                       ".contains(document.activeElement)"):  # fmt: skip
                break
        else:
            pytest.fail("no tabs reach the heading")
        seen.page.keyboard.press(key)
        assert heads(seen, 1) == ["none", "ascending", "none"]
        rising = column(seen, 1, 1)
        assert rising == [sorted(part, key=float) for part in before]
        assert "ascending" in seen.page.text_content("#said")
        seen.page.keyboard.press(key)
        assert heads(seen, 1) == ["none", "descending", "none"]
        assert column(seen, 1, 1) == [sorted(part, key=float, reverse=True) for part in before]
        assert rising != before


def test_a_table_is_sorted_by_the_mouse_and_what_lacks_comes_last(browser, files) -> None:
    with Seen(browser, files["validation"], WIDE) as seen:
        at = seen.do("[...document.querySelectorAll('table')].findIndex("
                     "t => t.tHead.innerText.includes('prudent'))")  # fmt: skip
        names = seen.do(f"[...{TABLE.format(table=at)}.tHead.rows[0].cells].map(c => c.innerText)")
        claimed = next(k for k, name in enumerate(names) if name.startswith("claimed"))
        head = seen.page.locator("table").nth(at).locator("thead button").nth(claimed)
        for reverse in (False, True):
            head.click()
            values = column(seen, at, claimed)[0]
            known = [float(each) for each in values if each != ""]
            assert known == sorted(known, reverse=reverse)
            assert "" not in values[: len(known)]
            assert len(known) < len(values)


def test_prose_is_laid_out_row_by_row_on_a_narrow_screen(browser, files) -> None:
    with Seen(browser, files["decision"], NARROW) as seen:
        look = "getComputedStyle(document.querySelector('table.prose {what}')).display"
        assert seen.do(look.format(what="thead")) == "none"
        assert seen.do(look.format(what="td")) == "block"
        region = "document.querySelector('.scroll')"
        assert seen.do(f"{region}.scrollWidth <= {region}.clientWidth")
    with Seen(browser, files["decision"], WIDE) as seen:
        assert seen.do(look.format(what="td")) == "table-cell"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_printed(browser, files, page) -> None:
    with Seen(browser, files[page], WIDE) as seen:
        seen.page.emulate_media(media="print")
        assert seen.do("[...document.querySelectorAll('nav')]"
                       ".every(e => getComputedStyle(e).display === 'none')")  # fmt: skip
        printed = seen.page.pdf(format="A4")
        assert printed.startswith(b"%PDF")
        assert printed.count(b"/Type /Page\n") + printed.count(b"/Type/Page") >= 1
        assert seen.said == []
