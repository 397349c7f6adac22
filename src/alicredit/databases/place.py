"""Where a database is: an address or a file, and how it may be shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode
from zoneinfo import ZoneInfo

from alicredit.checks import nearest, refusal, refuse, require_kind
from alicredit.errors import InputError

TIMEZONE = "Asia/Shanghai"
HIDDEN = "***"
_FORMS = "'postgresql://user@host/name', 'duckdb:///file', 'sqlite:///file'"
_SCHEMES = {
    "postgresql": "postgresql", "postgres": "postgresql", "duckdb": "duckdb", "sqlite": "sqlite",
}  # fmt: skip
_SUFFIXES = {".duckdb": "duckdb", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": ""}
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_SERVER = re.compile(r"(?:(?P<user>[^@/:]*)(?::(?P<password>[^@/]*))?@)?(?P<rest>[^?]*)")
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SECRET = ("password", "sslpassword", "passfile")


@dataclass(frozen=True, slots=True, repr=False)
class Database:
    """A place that holds tables: a PostgreSQL server, a DuckDB file or a SQLite file.

    Parameters
    ----------
    place : str
        ``postgresql://user@host/name`` (as libpq reads it), ``duckdb:///file``, ``sqlite:///file``
        (four slashes before an absolute path), or the path of a file that ends in ``.duckdb``,
        ``.sqlite``, ``.sqlite3`` or, where it exists, ``.db``. ``?schema=`` names a schema.
    schema : str, default ""
        The schema of the tables; empty takes the connection's own.
    timezone : str, default "Asia/Shanghai"
        Zone of naive local times in it; times with a zone are converted to this one.

    Raises
    ------
    InputError
        If it is no such address. A password is never shown: it stands in no message, log or file.

    Examples
    --------
    >>> Database("postgresql://risk:secret@bank/loans")
    Database('postgresql://risk:***@bank/loans')
    >>> Database("duckdb:///night.duckdb?schema=lender").schema
    'lender'
    >>> Database("mysql://bank/loans")
    Traceback (most recent call last):
    alicredit.errors.InputError: place must be an address such as 'postgresql://user@host/name', ...
    """

    place: str
    schema: str = ""
    timezone: str = TIMEZONE

    def __post_init__(self) -> None:
        """Refuse what is no place; take the schema out of the address."""
        require_kind("place", self.place, str, f"must be an address such as {_FORMS}")
        require_kind("schema", self.schema, str, "must be a name, or empty")
        kind, rest, query = _taken_apart(self.place)
        named = dict(query).get("schema", "")
        if named and self.schema and named != self.schema:
            refuse("schema", "must be the one of the address", repr(self.schema))
        schema = self.schema or named
        if schema and (kind == "sqlite" or "\0" in schema):
            refuse("schema", "must be empty for SQLite, and a name elsewhere", repr(schema))
        left = [(key, value) for key, value in query if key != "schema"]
        tail = f"?{urlencode(left, quote_via=quote)}" if left else ""
        object.__setattr__(self, "place", f"{kind}://{rest}{tail}")
        object.__setattr__(self, "schema", schema)
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError, TypeError):
            refuse("timezone", "must be the name of a time zone", repr(self.timezone))

    @property
    def kind(self) -> str:
        """Give ``postgresql``, ``duckdb`` or ``sqlite``."""
        return self.place.split(":", 1)[0]

    @property
    def path(self) -> Path:
        """Give the path of a file's database."""
        return Path(unquote(self.place.split("://", 1)[1].split("?", 1)[0][1:]))

    def address(self, defaults: Mapping[str, str]) -> str:
        """Give a server's address, with options that it does not name itself."""
        named = dict(_query_of(self.place))
        options = [(key, value) for key, value in defaults.items() if key not in named]
        if not options:
            return self.place
        mark = "&" if named else "?"
        return f"{self.place}{mark}{urlencode(options)}"

    @property
    def shown(self) -> str:
        """Give the address as it may be shown: without passwords."""
        return self.scrub(self.place) + (f"?schema={self.schema}" if self.schema else "")

    def scrub(self, text: str) -> str:
        """Take passwords out of a text, however they are written in it.

        Examples
        --------
        >>> Database("postgresql://risk:s%40x@bank/loans").scrub("no user risk with s@x")
        'no user risk with ***'
        """
        if self.kind != "postgresql":
            return text
        found = _SERVER.match(self.place.split("://", 1)[1])
        secrets = [found["password"]] if found and found["password"] else []
        secrets += [value for key, value in _query_of(self.place) if key in _SECRET]
        text = re.sub(r"(://[^:/@?\s]*:)[^@/\s]*@", rf"\1{HIDDEN}@", text)
        text = re.sub(rf"\b({'|'.join(_SECRET)})=[^&\s]*", rf"\1={HIDDEN}", text)
        written = {form for each in secrets if each for form in (each, unquote(each))}
        for each in sorted(written, key=len, reverse=True):
            text = text.replace(each, HIDDEN)
        return text

    def __repr__(self) -> str:
        """Show the place without passwords."""
        return f"Database({self.shown!r})"


def database_of(value: object, argument: str = "place") -> Database | None:
    """Take what names a database as one; None for anything else, such as a folder.

    Parameters
    ----------
    value : object
        A :class:`Database`, an address, or the path of a file by whose suffix it is one.
    argument : str, default "place"
        Its name, for the refusal.

    Returns
    -------
    Database or None
        What it names.

    Raises
    ------
    InputError
        For an address of another kind, or a file of which nobody can tell the kind.

    Examples
    --------
    >>> database_of("sqlite:///night.sqlite")
    Database('sqlite:///night.sqlite')
    >>> database_of("data/sample") is None
    True
    >>> database_of("nowhere.db", "out")
    Traceback (most recent call last):
    alicredit.errors.InputError: out must be of a kind that can be told; found 'nowhere.db'. ...
    """
    if isinstance(value, Database):
        return value
    if not isinstance(value, str | Path) or "\0" in str(value):
        return None
    text = str(value)
    if isinstance(value, str) and _ADDRESS.fullmatch(text):
        try:
            return Database(text)
        except InputError as error:
            raise InputError(str(error).replace("place", argument, 1)) from None
    path = Path(text)
    if path.parts and path.parts[0].rstrip(":").lower() in _SCHEMES and ":" in path.parts[0]:
        shown = f"a path that starts with {path.parts[0]!r}"
        refuse(argument, "must be given as text where it is an address", shown, "do not wrap it")
    if path.suffix.lower() not in _SUFFIXES or path.is_dir():
        return None
    kind = _kind_of_file(path) or _SUFFIXES[path.suffix.lower()]
    if not kind:
        do = f"write sqlite:///{text} or duckdb:///{text}"
        refuse(argument, "must be of a kind that can be told", repr(text), do)
    return Database(f"{kind}:///{text.replace('%', '%25').replace('?', '%3F')}")


def _kind_of_file(path: Path) -> str:
    """Tell a file's kind by its first bytes; empty where it is not there or of none."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return ""
    if head == b"SQLite format 3\0":
        return "sqlite"
    return "duckdb" if head[8:12] == b"DUCK" else ""


def _query_of(place: str) -> list[tuple[str, str]]:
    """Read what stands after the question mark; a plus is a plus."""
    scheme, _, rest = place.partition("://")
    server = _SERVER.match(rest) if _SCHEMES[scheme.lower()] == "postgresql" else None
    query = rest[server.end() :] if server else rest.partition("?")[2]
    plain = query.removeprefix("?").replace("+", "%2B")
    return parse_qsl(plain, keep_blank_values=True)


def _taken_apart(place: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Give kind, rest and query of an address; refuse what is none without showing it."""
    found = _ADDRESS.fullmatch(place)
    scheme = found[1].lower() if found else ""
    rule = f"must be an address such as {_FORMS}"
    if not found or scheme not in _SCHEMES:
        shown = repr(f"{scheme}://...") if found else "a text that is none"
        refuse("place", rule, shown, "write it in one of these forms")
    if _BROKEN.search(found[2]) or "\0" in place:
        do = "write % as %25, @ as %40, / as %2F and : as %3A in user and password"
        refuse("place", "must be percent-encoded", "a % that encodes nothing", do)
    kind, query = _SCHEMES[scheme], _query_of(place)
    if kind == "postgresql":
        server = _SERVER.match(found[2])
        head = found[2][: server.end()] if server else ""
        if server is None or "@" in server["rest"]:
            do = "write @ as %40, / as %2F and ? as %3F in user and password"
            refuse("place", "must be percent-encoded", "@ or / where none can stand", do)
        return kind, head, query
    path = found[2].split("?", 1)[0]
    if not path.startswith("/") or not path.strip("/"):
        raise InputError(refusal("place", rule, repr(place), f"write {kind}:///file"))
    return kind, path, query


def quoted(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def require_schema(wanted: object, have: Collection[str]) -> str:
    """Return a schema's name if the database has it, refuse it with the nearest one otherwise.

    Examples
    --------
    >>> require_schema("public", ["public", "shop"])
    'public'
    >>> require_schema("shops", ["public", "shop"])
    Traceback (most recent call last):
    alicredit.errors.InputError: schema must be one of the database; found 'shops'. Try: ...
    """
    if wanted not in have:
        refuse("schema", "must be one of the database", repr(wanted), nearest(wanted, have))
    return str(wanted)
