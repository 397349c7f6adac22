"""On which line of a TOML text each key stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]

_TRIPLES = ('"""', "'''")


class Places(Mapping[Path, int]):
    r"""Line numbers by path, for a text that is known to be valid TOML.

    Examples
    --------
    >>> places = Places('a = 1\n[[b]]\nc = {d = [\n1], e = 2}\n')
    >>> places["b", 0, "c", "e"], places["b", 0], places[()]
    (4, 2, 1)
    """

    def __init__(self, text: str) -> None:
        """Walk the text once."""
        self._text, self._at, self._line = text, 0, 1
        self._lines: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}
        self._table: Path = ()
        while self._skip(" \t\r\n"):
            if self._text[self._at] == "[":
                self._header()
            else:
                self._pair(self._table)

    def __getitem__(self, path: Path) -> int:
        """Give the line of a key, or of the nearest table around it that the text names."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 1

    def __iter__(self) -> Iterator[Path]:
        """List the paths."""
        return iter(self._lines)

    def __len__(self) -> int:
        """Count the paths."""
        return len(self._lines)

    def _next(self, count: int = 1) -> None:
        """Move on, counting lines."""
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def _skip(self, blank: str) -> bool:
        """Skip blanks and comments; tell whether something follows."""
        while self._at < len(self._text):
            here = self._text[self._at]
            if here == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif here in blank:
                self._next()
            else:
                return True
        return False

    def _header(self) -> None:
        """Read a header of a table, or of one of a list of tables."""
        line, double = self._line, self._text.startswith("[[", self._at)
        self._next(2 if double else 1)
        path: Path = self._resolved(self._key())
        self._next(2 if double else 1)
        if double:
            count = self._counts.get(path, 0)
            self._counts[path] = count + 1
            self._lines.setdefault(path, line)
            path = (*path, count)
        self._lines[path] = line
        self._table = path

    def _resolved(self, words: list[str]) -> Path:
        """Put in the number of the last table of each list of tables on the way."""
        path: Path = ()
        for k, word in enumerate(words):
            path = (*path, word)
            if path in self._counts and k < len(words) - 1:
                path = (*path, self._counts[path] - 1)
        return path

    def _key(self) -> list[str]:
        """Read a key, dotted or quoted, up to what follows it."""
        words: list[str] = []
        while True:
            self._skip(" \t")
            here = self._text[self._at]
            if here in "\"'":
                words.append(self._string())
            else:
                start = self._at
                while self._text[self._at] not in " \t.=]":
                    self._next()
                words.append(self._text[start : self._at])
            self._skip(" \t")
            if self._text[self._at] != ".":
                return words
            self._next()

    def _pair(self, table: Path) -> None:
        """Read a key and its value."""
        line = self._line
        path: Path = table
        for word in self._key():
            path = (*path, word)
            self._lines.setdefault(path, line)
        self._next()
        self._value(path)

    def _value(self, path: Path) -> None:
        """Walk over a value, noting the keys of tables in it."""
        self._skip(" \t\r\n")
        here = self._text[self._at]
        if here in "\"'":
            self._string()
        elif here == "{":
            self._next()
            while self._skip(" \t\r\n,") and self._text[self._at] != "}":
                self._pair(path)
            self._next()
        elif here == "[":
            self._next()
            count = 0
            while self._skip(" \t\r\n,") and self._text[self._at] != "]":
                self._lines[*path, count] = self._line
                self._value((*path, count))
                count += 1
            self._next()
        else:
            while self._at < len(self._text) and self._text[self._at] not in ",]}#\r\n":
                self._next()

    def _string(self) -> str:
        """Walk over a string and give what stands between its quotes."""
        quote = self._text[self._at]
        mark = quote * 3 if self._text[self._at : self._at + 3] in _TRIPLES else quote
        self._next(len(mark))
        start = self._at
        while not self._text.startswith(mark, self._at):
            is_escape = quote == '"' and self._text[self._at] == "\\"
            self._next(2 if is_escape else 1)
        while len(mark) == 3 and self._text.startswith(quote, self._at + 3):
            self._next()
        inside = self._text[start : self._at]
        self._next(len(mark))
        return inside
