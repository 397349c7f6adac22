"""A policy told to a person: a row a statement, in English or Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from alicredit.checks import require_one_of
from alicredit.policy.file.build import bound_of
from alicredit.policy.file.schema import KEYS, SETTABLE, Key
from alicredit.policy.terms import Product
from alicredit.vocabulary import POLICY_WORDS

if TYPE_CHECKING:
    from alicredit.policy.policy import Policy

COLUMNS = ("part", "term", "value", "may_be_set", "assumed", "key")
_PARTS = {
    "en": {"": "The policy", "lender": "The lender", "grades": "Grades", "gates": "Gates",
           "limit_rules": "Limit rules", "refer": "Left to a person",
           "measured_lgd": "Measured losses"},
    "zh": {"": "政策", "lender": "放贷机构", "grades": "风险等级", "gates": "准入闸门",
           "limit_rules": "额度规则", "refer": "转人工审核",
           "measured_lgd": "实测损失率"},
}  # fmt: skip
_WORDS = {
    "en": {"yuan": "{} yuan", "months": "{} months", "days": "{} days", "times": "{} times",
           "day": "{} a day", "month": "{} a month", "year": " ({} a year, simple{})",
           "act": ", act/365", "range": "{} to {}", "assumed": "assumed", "and": ", ",
           "yes": "yes", "no": "no", "from": "from {}", "until": "{} to {}", "pd": "{} in {} days",
           "grade": "{}: up to {}", "sales": "{}: {} months", "planned": "planned, not open",
           "instead": "{} (in place of {})",
           "listed": "whether the blacklisted may borrow", "is": "{}: {}",
           "so": "{} ({})", "a year": "{} a year", ";": ", "},
    "zh": {"yuan": "{} 元", "months": "{} 个月", "days": "{} 天", "times": "{} 倍",
           "day": "每日 {}", "month": "每月 {}", "year": "（年化单利 {}{}）",
           "act": "，365 天制", "range": "{} 至 {}", "assumed": "假设", "and": "、",
           "yes": "是", "no": "否", "from": "{} 起", "until": "{} 至 {}", "pd": "{}，{} 天内",
           "grade": "{}：不高于 {}", "sales": "{}：{} 个月", "planned": "计划中，未开放",
           "instead": "{}（原为 {}）",
           "listed": "黑名单商户可否借款", "is": "{}：{}",
           "so": "{}（{}）", "a year": "年化 {}", ";": "；"},
}  # fmt: skip
_OF_CAPITAL = ("lender.borrow_ratio", "lender.issue_ratio", "lender.single_borrower_ratio")
_OF_BENCHMARK = ("lender.rate_cap_multiple", "lender.rate_floor_multiple")
_SILENT = ("assumed", "schema_version", "id", "title", "title_zh", "rate.unit", "rate.min",
           "rate.max", "note", "note_zh")  # fmt: skip


def describe(policy: Policy, language: str) -> pd.DataFrame:
    """Tell the whole policy, a row a statement."""
    require_one_of("language", language, ("en", "zh"))
    teller = _Teller(policy, language)
    return pd.DataFrame(list(teller.rows()), columns=list(COLUMNS))


class _Teller:
    """Writes each statement in one language."""

    def __init__(self, policy: Policy, language: str) -> None:
        """Keep the content and the language's words."""
        self.policy, self.language, self.content = policy, language, policy.content()
        self.words, self.parts = _WORDS[language], _PARTS[language]

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Give the policy itself, lender, grades, gates, and each product."""
        is_zh = self.language == "zh"
        yield self._row("", "name", KEYS["name"], self.policy.name)
        named = KEYS["title_zh" if is_zh else "title"]
        yield self._row("", named.path, named, self.policy.title_zh if is_zh else self.policy.title)
        for part in ("lender", "grades", "gates", "limit_rules", "refer", "measured_lgd"):
            for key, value in _leaves(self.content.get(part, {}), part):
                yield self._row(part, key, _key_of(part, key), value, self.content[part])
        for product in self.content["products"]:
            filed = self.policy.products[product["id"]]
            for key, value in _leaves(product, "products"):
                yield from self._product_row(product, filed, key, value)
            if filed.is_active:
                late = "eligibility.days_past_due_max"
                if filed.eligibility.days_past_due_max == 0:
                    yield from self._product_row(product, filed, late, 0)
                title = filed.title_zh if is_zh else filed.title
                path = f"products.{filed.id}.eligibility"
                yield title, self.words["listed"], self.words["no"], "", "", path

    def _product_row(
        self, content: Mapping[str, Any], product: Product, key: str, value: Any
    ) -> Iterator[tuple[str, ...]]:
        """Give one statement of a product, under its title."""
        note = "note_zh" if self.language == "zh" else "note"
        if key in _SILENT and key != note:
            return
        if key.startswith(("bounds.", "overrides.")):
            return
        of = _key_of("products", key)
        term = next((name for name, path in SETTABLE.items() if path == key), None)
        text = self._value(of, value, content)
        if key == "terms.penalty_multiplier" and product.rate is not None:
            text = self._so(text, "a year", product.rate.annual * Decimal(str(value)))
        bounds = "" if term is None else self._bounds(product, term, of, content)
        if term is not None and term in product.overrides:
            now = self._value(of, product.overrides[term], content)
            text = self.words["instead"].format(now, text)
        is_measured = key == "economics.lgd" and product.id in self.policy.measured_lgd
        if is_measured:
            now = self._value(of, self.policy.measured_lgd[product.id], content)
            text = self.words["instead"].format(now, text)
        title = product.title_zh if self.language == "zh" else product.title
        is_assumed = not is_measured and _is_assumed(key, content.get("assumed", []))
        mark = self.words["assumed"] if is_assumed else ""
        path = f"products.{product.id}.{key}"
        yield title, self._text(of), text, bounds, mark, path

    def _bounds(self, product: Product, term: str, of: Key, content: Mapping[str, Any]) -> str:
        """Say from where to where a term of a product may be set; empty where it may not."""
        bound = bound_of(product.filed or product, term)
        if bound is None or not product.is_active or bound.min >= bound.max:
            return ""
        ends = (self._value(of, str(end), content, bare=True) for end in (bound.min, bound.max))
        return self.words["range"].format(*ends)

    def _row(
        self, part: str, key: str, of: Key, value: Any, content: Mapping[str, Any] | None = None
    ) -> tuple[str, ...]:
        """Give one statement of another part."""
        holder = content or {}
        mark = self.words["assumed"] if _is_assumed(key, holder.get("assumed", [])) else ""
        term, last = self._text(of), key.rpartition(".")[2]
        if of.form == "amounts":
            term = self.words["is"].format(term, last)
        if part == "lender" and key.startswith("companies."):
            company = self.policy.lender.company_titles[self.language][int(key.split(".")[1])]
            term = self.words["is"].format(company, term)
        path = f"{part}.{key}".removeprefix(".")
        text = self._value(of, value, holder)
        if path in _OF_CAPITAL:
            capital = self.policy.lender.net_capital * Decimal(str(value))
            text = self._so(text, "yuan", capital)
        if path in _OF_BENCHMARK:
            text = self._so(text, "a year", self.policy.lender.benchmark * Decimal(str(value)))
        return self.parts[part], term, text, "", mark, path

    def _so(self, text: str, unit: str, number: Decimal) -> str:
        """Say beside a ratio or multiple what it comes to."""
        said = _percent(number) if unit == "a year" else f"{number:,.0f}"
        return self.words["so"].format(text, self.words[unit].format(said))

    def _text(self, key: Key) -> str:
        """Say what a key means, with the table around it where it has meaning only there."""
        return key.text_zh if self.language == "zh" else key.text

    def _value(
        self, key: Key, value: Any, content: Mapping[str, Any], *, bare: bool = False
    ) -> str:
        """Say a value with its unit."""
        words = self.words
        if isinstance(value, bool):
            return words["yes" if value else "no"]
        if key.path == "products.eligibility.any_of":
            return self._opening(value)
        if key.form == "claims":
            return words[";"].join(words["pd"].format(self._word(a), b) for a, b in value)
        if key.form == "floats":
            form, pairs = self._by_grade(key), zip(content["names"], value, strict=True)
            return words["and"].join(form.format(a, self._number(key, b)) for a, b in pairs)
        if isinstance(value, list):
            return words["and"].join(self._word(each) for each in value)
        if key.unit == "rate":
            return self._rate(value, content["rate"]["unit"], bare=bare)
        if key.form in ("word", "text"):
            return self._word(value) if key.form == "word" else str(value)
        number = self._number(key, value)
        if number == "1" and self.language == "en" and key.unit in ("months", "days"):
            return f"1 {key.unit[:-1]}"
        return words[key.unit].format(number) if key.unit in words else number

    def _by_grade(self, key: Key) -> str:
        """Give the form in which a grade's number is said."""
        return self.words["sales" if key.unit == "months" else "grade"]

    def _number(self, key: Key, value: Any) -> str:
        """Write a number: shares in per cent, thousands apart."""
        number = Decimal(str(value))
        if key.unit == "share":
            return _percent(number)
        if number == number.to_integral():
            return f"{number.to_integral():,f}"
        return f"{number:,.2f}" if key.unit == "yuan" else f"{number.normalize():,f}"

    def _rate(self, value: Any, unit: str, *, bare: bool) -> str:
        """Write a contract rate, with what it is a year."""
        rate, words = Decimal(str(value)), self.words
        if bare:
            return _percent(rate)
        annual = rate * (365 if unit == "day" else 12)
        year = words["year"].format(_percent(annual), words["act"] if unit == "day" else "")
        return words[unit].format(_percent(rate)) + year

    def _word(self, code: Any) -> str:
        """Say a word of the file."""
        word = POLICY_WORDS.get(str(code))
        if word is None:
            return str(code)
        return word.text_zh if self.language == "zh" else word.text

    def _opening(self, value: Mapping[str, Any]) -> str:
        """Say where, for whom and when a product is open."""
        words = self.words
        who = " ".join(
            words["and"].join(self._word(each) for each in value[name])
            for name in ("regions", "memberships")
        )
        if value.get("status") == "planned":
            when = words["planned"]
        elif "valid_to" in value:
            when = words["until"].format(value["valid_from"], value["valid_to"])
        else:
            when = words["from"].format(value["valid_from"])
        note = value.get("note_zh" if self.language == "zh" else "note", "")
        told = words["is"].format(who, when)
        return words["so"].format(told, note) if note else told


def _percent(share: Decimal) -> str:
    """Write a share in per cent, every digit of it."""
    return f"{(share * 100).normalize():f}%"


def _is_assumed(key: str, assumed: list[str]) -> bool:
    """Tell whether a key, or a table around it, is marked."""
    parts = [part for part in key.split(".") if not part.isdigit()]
    return any(".".join(parts[:k]) in assumed for k in range(1, len(parts) + 1))


def _key_of(part: str, key: str) -> Key:
    """Give the schema's key of a leaf; a name that the file chose belongs to the table around."""
    path = [each for each in f"{part}.{key}".split(".") if not each.isdigit()]
    while ".".join(path) not in KEYS:
        path.pop()
    return KEYS[".".join(path)]


def _leaves(content: Mapping[str, Any], part: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """List the leaves of a table by path, in the schema's order."""
    order = {path: k for k, path in enumerate(KEYS)}

    def rank(item: tuple[str, Any]) -> int:
        return order.get(f"{part}.{prefix}{item[0]}", len(order))

    for name, value in sorted(content.items(), key=rank):
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _leaves(value, part, f"{path}.")
        elif path == "companies":
            for k, each in enumerate(value):
                yield from (
                    (f"companies.{k}.{key}", leaf)
                    for key, leaf in _leaves(each, "lender.companies")
                    if key not in ("id", "title", "title_zh")
                )
        elif path.endswith("any_of"):
            yield from ((f"{path}.{k}", each) for k, each in enumerate(value))
        elif name != "assumed":
            yield path, value
