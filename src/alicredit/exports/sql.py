"""A model as one SQL query: which dialects, what is refused, what the query says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alicredit.checks import refusal, refuse, require_kind, require_one_of, require_whole
from alicredit.errors import InputError

if TYPE_CHECKING:
    from alicredit.portable.model import ScoreModel

MOST_REASONS = 4
_OUTPUT = ("status", "score", "points", "pd", "pd_lower", "pd_upper", "flags", "grade")

_IS_NAN = "CASE WHEN {is_nan} THEN NULL ELSE {value} END"
_NULL_IF_NAN = "NULLIF({value}, CAST('NaN' AS {double}))"
_NUMBER = "CAST({x} AS {double})"
_TEXT = "CAST({x} AS {text})"
_FLAG = (
    "CASE LOWER(CAST({x} AS {text})) WHEN 'true' THEN 1 WHEN 'false' THEN 0 "
    "ELSE CAST(CAST({x} AS {text}) AS {double}) END"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """How one dialect reads columns. Texts are filled with ``x`` (column), ``double``, ``text``.

    Parameters
    ----------
    dialect : str
        As sqlglot names it.
    title : str
        As people name it.
    is_run : bool, default False
        Tests run this form; others are text only.
    number, flag, category : str
        How a column is read as a double, or as text that is compared byte by byte. ``complaint``
        is the text of an error for a column of another type.
    no_nan : str
        How NaN (``value``) becomes NULL; empty where the engine has none.
    literal : str, default ``"{text}"``
        A text that a category is compared with.
    gather : str, default ""
        How ``items``, texts or NULL, become a list of texts; without it texts are strung together.
    fence : str, default ""
        Ends each step, so that the planner does not write one step into the next many times over.
    longest_name : int, default 10_000
        Bytes beyond which the engine cuts names short without a word.
    not_in_names : tuple of str, default ()
        What its quoted names cannot hold.
    tells_case : bool, default False
        Quoted names that differ by case alone are different.
    """

    dialect: str
    title: str
    is_run: bool = False
    number: str = _NUMBER
    flag: str = _FLAG
    category: str = _TEXT
    no_nan: str = _IS_NAN
    literal: str = "{text}"
    gather: str = ""
    fence: str = ""
    longest_name: int = 10_000
    not_in_names: tuple[str, ...] = ()
    tells_case: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query gives beside the score: reason columns, flags, least scores of grades."""

    reasons: int
    flags: bool
    grades: tuple[tuple[int | None, str], ...]


_DUCKDB_NUMBERS = (
    "'DOUBLE', 'FLOAT', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', "
    "'USMALLINT', 'UINTEGER', 'UBIGINT', 'UHUGEINT', 'BOOLEAN', '\"NULL\"'"
)
_POSTGRES_NUMBERS = ", ".join(
    f"CAST('{name}' AS REGTYPE)" for name in ("float8", "float4", "numeric", "int8", "int4", "int2")
)
_SPARK_NUMBERS = "'double', 'float', 'tinyint', 'smallint', 'int', 'bigint', 'void'"


def _of_spark(types: str, like: str, value: str) -> str:
    """Read a column of some types, and raise for others: Spark itself would convert them."""
    test = f"TYPEOF({{x}}) IN ({types}) OR TYPEOF({{x}}) LIKE '{like}'"
    return (
        f"CASE WHEN {test} THEN {value} WHEN {{x}} IS NOT NULL THEN RAISE_ERROR({{complaint}}) END"
    )


_SPARK: dict[str, Any] = {
    "number": _of_spark(_SPARK_NUMBERS, "decimal(%", "CAST({x} AS DOUBLE)"),
    "flag": _of_spark(f"{_SPARK_NUMBERS}, 'boolean'", "decimal(%", "CAST({x} AS DOUBLE)"),
    "category": "("
    + _of_spark("'string', 'void'", "%char(%", "CAST({x} AS STRING)").replace(
        "TYPEOF({x}) LIKE", "TYPEOF({x}) LIKE 'string collate%' OR TYPEOF({x}) LIKE"
    )
    + ") COLLATE UTF8_BINARY",
    "no_nan": _NULL_IF_NAN,
    "gather": "ARRAY_COMPACT(ARRAY({items}))",
    "not_in_names": ("${",),
}
ENGINES = {
    engine.dialect: engine
    for engine in (
        Engine(
            "duckdb",
            "DuckDB",
            is_run=True,
            number="CASE WHEN TYPEOF({x}) LIKE 'DECIMAL(%' "
            "THEN CAST(CAST({x} AS TEXT) AS DOUBLE) ELSE {x} + CAST('0' AS DOUBLE) END",
            flag=f"CASE WHEN TYPEOF({{x}}) IN ({_DUCKDB_NUMBERS}) "
            "OR TYPEOF({x}) LIKE 'DECIMAL(%' THEN CAST({x} AS DOUBLE) "
            "WHEN {x} IS NOT NULL THEN ERROR({complaint}) END",
            category="COALESCE({x}, CAST(NULL AS TEXT)) COLLATE C",
            no_nan=_NULL_IF_NAN,
            gather="[item FOR item IN [{items}] IF item IS NOT NULL]",
        ),
        Engine(
            "postgres",
            "PostgreSQL",
            is_run=True,
            number="{x} + CAST('0' AS DOUBLE PRECISION)",
            flag="CASE WHEN PG_TYPEOF({x}) = CAST('boolean' AS REGTYPE) "
            "THEN CASE CAST({x} AS TEXT) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END "
            f"WHEN PG_TYPEOF({{x}}) IN ({_POSTGRES_NUMBERS}) "
            "THEN CAST(CAST({x} AS TEXT) AS DOUBLE PRECISION) "
            "ELSE CAST({complaint} || CAST({x} AS TEXT) AS DOUBLE PRECISION) END",
            category='COALESCE({x}, CAST(NULL AS TEXT)) COLLATE "C"',
            no_nan=_NULL_IF_NAN,
            gather="ARRAY_REMOVE(ARRAY[{items}], NULL)",
            fence="OFFSET 0",
            longest_name=63,
            tells_case=True,
        ),
        Engine("spark", "Spark", is_run=True, **_SPARK),
        Engine("databricks", "Databricks", **_SPARK),
        Engine("bigquery", "BigQuery", not_in_names=("\\",)),
        Engine("clickhouse", "ClickHouse", not_in_names=("\\",)),
        Engine("hive", "Hive", no_nan="CASE WHEN CAST({value} AS STRING) = 'NaN' THEN NULL ELSE {value} END",
               not_in_names=("${",)),
        Engine(
            "mysql", "MySQL", no_nan="", category="CAST({x} AS BINARY)",
            literal="CAST({text} AS BINARY)", longest_name=64,
        ),
        Engine("oracle", "Oracle", no_nan="", tells_case=True),
        Engine("redshift", "Redshift", no_nan=_NULL_IF_NAN, longest_name=127),
        Engine("snowflake", "Snowflake", no_nan=_NULL_IF_NAN, tells_case=True),
        Engine("trino", "Trino"),
        Engine(
            "tsql", "SQL Server", no_nan="",
            category="CAST(CAST({x} AS NVARCHAR(MAX)) AS VARBINARY(MAX))",
            literal="CAST(N{text} AS VARBINARY(MAX))",
        ),
    )
}  # fmt: skip
"""By dialect; the first three are run."""


def to_sql(
    model: ScoreModel,
    dialect: str = "duckdb",
    *,
    table: str | Sequence[str] = "features",
    key: str | Sequence[str] = "merchant_id",
    reasons: int = 4,
    flags: bool = True,
    grades: Any = None,
) -> str:
    """Write a model as one SQL query that scores the rows of a table.

    The score is the very same integer as that of ``score_frame``. The query gives, for each row,
    the key, ``status``, ``score`` (units) and ``points``, ``pd, pd_lower, pd_upper``, ``grade``
    where grades are given, ``reason_1`` to ``reason_4`` for shapes points and pairs, and ``flags``
    (names of inputs whose value training did not see: a list; a text in dialects that are not
    run). Trees have no reasons in SQL: these columns are absent, and the text says so.

    Parameters
    ----------
    model : ScoreModel
        Fitted or loaded.
    dialect : str, default "duckdb"
        ``"duckdb"``, ``"postgres"`` and ``"spark"`` are run against the library; ``"bigquery"``,
        ``"clickhouse"``, ``"databricks"``, ``"hive"``, ``"mysql"``, ``"oracle"``, ``"redshift"``,
        ``"snowflake"``, ``"trino"`` and ``"tsql"`` are text only, and the text says so.
    table : str or sequence of str, default "features"
        The table's name as it stands, dots and all; with its schema a sequence:
        ``("risk", "features")``.
    key : str or sequence of str, default "merchant_id"
        Columns that tell rows apart, given back as they are.
    reasons : int, default 4
        Reason columns, 0 to 4.
    flags : bool, default True
        Give ``flags``.
    grades : Policy, Grades or None, default None
        Anything with ``names`` and ``upper_pd``, or with such ``grades``: adds ``grade``.

    Returns
    -------
    str
        One ``SELECT`` under comments that name the model, its claim and what the form was run on.

    Raises
    ------
    InputError
        For an unknown dialect; for names that the dialect would cut, confuse or cannot hold; and
        where sqlglot, of the extra ``sql``, lacks.

    Examples
    --------
    >>> to_sql(None, "duckdbb")
    Traceback (most recent call last):
    alicredit.errors.InputError: dialect must be one of ...; found 'duckdbb'. Try: did you mean ...
    """
    require_one_of("dialect", dialect, ENGINES)
    require_whole("reasons", reasons, 0, high=MOST_REASONS)
    require_kind("flags", flags, bool, "must be True or False")
    engine = ENGINES[dialect]
    place, keys = _names("table", table), _names("key", key)
    _check_keys(keys)
    for name in (*place, *keys, *model.feature_names):
        _check_name(engine, name)
    if not engine.tells_case:
        _check_case(engine, (*model.feature_names,))
    for level in (level for each in model.tables for level in each.levels):
        _check_text("a level of a category", level)
    try:
        from alicredit.exports.sql_query import query_of
    except ImportError as error:
        do = "pip install 'alicredit[sql]'"
        raise InputError(refusal("to_sql", "needs sqlglot", "none installed", do)) from error
    count = 0 if model.trees is not None else reasons
    wanted = Wanted(count, flags, tuple(_grade_cuts(model, grades)))
    body = query_of(model, engine, place, keys, wanted)
    return "\n".join([*_header(model, engine, asked=reasons), body, ""])


def _names(argument: str, value: Any) -> tuple[str, ...]:
    """Take one name or some."""
    names = (value,) if isinstance(value, str) else value
    is_some = isinstance(names, list | tuple) and len(names) > 0
    if not is_some or not all(isinstance(name, str) and name for name in names):
        refuse(argument, "must be a name or a sequence of names", repr(value)[:60])
    return tuple(names)


def _check_keys(keys: tuple[str, ...]) -> None:
    """Refuse keys that the query's own columns would hide."""
    folded = [key.casefold() for key in keys]
    taken = {*_OUTPUT, *(f"reason_{at}" for at in range(1, MOST_REASONS + 1))}
    both = [key for key in keys if key.casefold() in taken]
    if both or len(set(folded)) != len(folded):
        rule = "must be different columns, other than what the query gives"
        refuse("key", rule, repr((both or list(keys))[0]), "rename the column in a view")


def _check_text(what: str, text: str) -> None:
    """Refuse what no engine's text can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        refuse(what, "must be text that can be written as UTF-8", repr(text)[:60])
    if "\0" in text:
        refuse(what, "must be without a NUL character", repr(text)[:60])


def _check_name(engine: Engine, name: str) -> None:
    """Refuse a name that an engine would cut or cannot hold."""
    _check_text("a column's name", name)
    for part in engine.not_in_names:
        if part in name:
            refuse("a column's name", f"must be without {part!r} in {engine.title}", repr(name)[:60])
    size = len(name.encode())
    if size > engine.longest_name:
        rule = f"must be at most {engine.longest_name} bytes in {engine.title}"
        refuse("a column's name", rule, f"{size}: {name[:60]!r}", "train with a shorter name")


def _check_case(engine: Engine, names: tuple[str, ...]) -> None:
    """Refuse columns that an engine takes for one."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            rule = f"must differ by more than case in {engine.title}"
            refuse("columns' names", rule, f"{other!r} and {name!r}", "use 'postgres', or rename")


def _grade_cuts(model: ScoreModel, grades: Any) -> list[tuple[int | None, str]]:
    """Give the least score of each grade, best first; None where no score has it."""
    if grades is None:
        return []
    found = getattr(grades, "grades", grades)
    if not (hasattr(found, "names") and hasattr(found, "upper_pd")):
        rule = "must have names and upper_pd"
        refuse("grades", rule, type(grades).__name__, "give a policy or its grades")
    for name in found.names:
        _check_text("a grade", name)
    return [
        (_least_score(model, bound), name)
        for name, bound in zip(found.names, found.upper_pd, strict=True)
    ]


def _least_score(model: ScoreModel, bound: float) -> int | None:
    """Give the least score whose probability is within a bound: probabilities fall with it."""
    low = model.first_score * model.unit
    high = (model.first_score + len(model.pds) - 1) * model.unit
    if model.probability(high)[1] > bound:
        return None
    while low < high:
        middle = (low + high) // 2
        is_within = model.probability(middle)[1] <= bound
        low, high = (low, middle) if is_within else (middle + 1, high)
    return low


def _header(model: ScoreModel, engine: Engine, *, asked: int) -> list[str]:
    """Say what this is, what it claims and what it was run on."""
    run = (
        f"{engine.title}: this form is run against the library in its tests (DuckDB, PostgreSQL, "
        "Spark)."
        if engine.is_run
        else f"{engine.title}: TEXT ONLY, never run. Hold its scores against the library's before "
        "use."
    )
    lines = [
        f"alicredit model {model.model_id}",
        f"{run}",
        f"Claim: probability of default, {model.claim}.",
        f"Shape {model.shape}, {len(model.tables)} inputs; {model.unit} unit(s) of score make a "
        "point; more is safer.",
        "Missing is NULL or NaN. A row that is not scored has a status and NULLs.",
    ]
    if model.trees is not None and asked:
        lines.append("No reasons: those of trees are Shapley values; ask score_frame for them.")
    return [f"-- {' '.join(line.split())}" for line in lines]
