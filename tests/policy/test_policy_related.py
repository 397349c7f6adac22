"""Groups of related parties, held against a walk from merchant to merchant in plain Python."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

import alicredit as ac
from alicredit.errors import AlicreditError, InputError
from alicredit.policy import build_applicants, check_eligibility, load_policy, related_parties

DAY = pd.Timedelta(days=1)
AS_OF = pd.Timestamp("2013-05-01")
RELATIONS = ["same_person", "family", "guarantee", "same_device", "same_address"]


def merchants(ids) -> pd.DataFrame:
    return pd.DataFrame({"merchant_id": list(ids), "platform": "taobao",
                         "registered_at": pd.Timestamp("2011-05-01")})  # fmt: skip


def linked(rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["merchant_id", "other_id", "relation", "event_time"])


def made(ids, links=None, **tables):
    content = {"merchants": merchants(ids)} | tables
    if links is not None and len(links):
        content["related_parties"] = links
    return ac.read_records(content)


def groups(records, as_of=AS_OF, **options) -> dict[str, str]:
    frame = related_parties(records, as_of, **options)
    assert list(frame.columns) == ["merchant_id", "group_id", "group_size"]
    sizes = frame.groupby("group_id")["merchant_id"].transform("size")
    assert (sizes == frame["group_size"]).all()
    return dict(zip(frame["merchant_id"], frame["group_id"], strict=True))


def walked(ids, pairs) -> dict[str, str]:
    """Group by walking from each merchant over its links."""
    near = defaultdict(set)
    for a, b in pairs:
        near[a].add(b)
        near[b].add(a)
    found: dict[str, str] = {}
    for start in sorted(ids):
        todo, seen = [start], {start}
        while todo:
            for other in near[todo.pop()] - seen:
                seen.add(other)
                todo.append(other)
        found[start] = min(each for each in seen if each in set(ids))
    return found


def guarded(links: pd.DataFrame, most: int) -> list[tuple[str, str]]:
    """Leave out pairs on a device or at an address whose merchant shares it with too many."""
    near = defaultdict(set)
    for row in links.itertuples():
        near[row.merchant_id, row.relation].add(row.other_id)
        near[row.other_id, row.relation].add(row.merchant_id)
    kept = []
    for row in links.itertuples():
        ends = [len(near[end, row.relation]) + 1 for end in (row.merchant_id, row.other_id)]
        if row.relation not in ("same_device", "same_address") or max(ends) <= most:
            kept.append((row.merchant_id, row.other_id))
    return kept


@pytest.mark.parametrize("seed", range(6))
def test_groups_are_those_of_a_walk_over_the_links(seed: int) -> None:
    random = np.random.default_rng(seed)
    ids = [f"m{k:03d}" for k in range(60)]
    count = int(random.integers(10, 80))
    rows = [
        (*random.choice(ids, 2, replace=False), random.choice(RELATIONS),
         AS_OF + int(random.integers(-40, 10)) * DAY) for _ in range(count)
    ]  # fmt: skip
    links = linked(rows).drop_duplicates(["merchant_id", "other_id", "relation"])
    seen = links[links["event_time"] < AS_OF]
    for most in (3, 20):
        want = walked(ids, guarded(seen, most))
        assert groups(made(ids, links), shared_by_most=most) == want
        mixed = links.sample(frac=1, random_state=seed)
        turned = mixed.rename(columns={"merchant_id": "other_id", "other_id": "merchant_id"})
        assert groups(made(ids[::-1], turned), shared_by_most=most) == want
    chosen = seen[seen["relation"] == "family"]
    want = walked(ids, guarded(chosen, 20))
    assert groups(made(ids, links), relations=["family"]) == want


def test_a_link_counts_when_it_has_happened_and_is_known() -> None:
    links = linked([("a", "b", "same_person", AS_OF - 2 * DAY)])
    assert groups(made("ab", links), AS_OF)["b"] == "a"
    assert groups(made("ab", links), AS_OF - 2 * DAY)["b"] == "b"
    late = links.assign(known_at=AS_OF + DAY)
    assert groups(made("ab", late), AS_OF)["b"] == "b"
    assert groups(made("ab", late), AS_OF + 2 * DAY)["b"] == "a"


def test_one_who_is_no_merchant_links_those_who_are() -> None:
    links = linked([(m, "person 7", "same_person", AS_OF - DAY) for m in "ac"])
    assert groups(made("abc", links)) == {"a": "a", "b": "b", "c": "a"}


@pytest.mark.parametrize("relation", ["same_device", "same_address"])
@pytest.mark.parametrize(("many", "size"), [(20, 20), (21, 1)])
def test_a_mall_links_nobody(relation: str, many: int, size: int) -> None:
    ids = [f"m{k:02d}" for k in range(many)]
    pairs = [(a, b, relation, AS_OF - DAY) for k, a in enumerate(ids) for b in ids[:k]]
    assert set(related_parties(made(ids, linked(pairs)), AS_OF)["group_size"]) == {size}
    person = [(a, b, "same_person", day) for a, b, _, day in pairs]
    assert set(related_parties(made(ids, linked(person)), AS_OF)["group_size"]) == {many}
    history = pd.DataFrame({"merchant_id": ids, "field": "address", "value": "hall 1",
                            "event_time": AS_OF - DAY})  # fmt: skip
    if relation == "same_address":
        records = made(ids, merchant_history=history)
        assert set(related_parties(records, AS_OF)["group_size"]) == {size}


def test_history_links_by_the_last_representative_and_address() -> None:
    rows = [
        ("a", "legal_rep", "Li", 9), ("b", "legal_rep", "Li", 8), ("c", "legal_rep", "Li", 7),
        ("c", "legal_rep", "Wang", 3), ("d", "address", "Li", 5), ("e", "address", "hall", 5),
        ("d", "address", "hall", 2), ("f", "region", "hall", 2), ("a", "address", None, 2),
        ("f", "address", None, 2),
    ]  # fmt: skip
    history = pd.DataFrame(
        [(m, f, v, AS_OF - n * DAY) for m, f, v, n in rows],
        columns=["merchant_id", "field", "value", "event_time"],
    )
    records = made("abcdef", merchant_history=history)
    assert groups(records) == {"a": "a", "b": "a", "c": "c", "d": "d", "e": "d", "f": "f"}
    assert groups(records, AS_OF - 4 * DAY) == {
        "a": "a", "b": "a", "c": "a", "d": "d", "e": "e", "f": "f"}  # fmt: skip
    assert len(set(groups(records, relations=["same_address"]).values())) == 5


def test_without_any_table_of_links_each_merchant_stands_alone() -> None:
    assert groups(made("ba")) == {"a": "a", "b": "b"}


@pytest.mark.parametrize(
    ("change", "word"),
    [({"as_of": "soon"}, "as_of"), ({"as_of": None}, "as_of"), ({"as_of": "2001-01-01"}, "as_of"),
     ({"relations": ["same_phone"]}, "relations"), ({"relations": [3]}, "relations"),
     ({"shared_by_most": 0}, "shared_by_most"), ({"shared_by_most": 2.5}, "shared_by_most"),
     ({"shared_by_most": True}, "shared_by_most"), ({"records": merchants("a")}, "records"),
     ({"records": None}, "records")],
)  # fmt: skip
def test_a_wrong_call_is_refused(change: dict, word: str) -> None:
    arguments = {"records": made("ab"), "as_of": AS_OF} | change
    records, as_of = arguments.pop("records"), arguments.pop("as_of")
    with pytest.raises((InputError, AlicreditError), match=f"{word} must"):
        related_parties(records, as_of, **arguments)


@pytest.mark.parametrize("seed", range(3))
def test_counts_for_the_gates_are_those_of_plain_loops(seed: int) -> None:
    random = np.random.default_rng(seed)
    ids = [f"m{k:02d}" for k in range(25)]

    def day() -> pd.Timestamp:
        return AS_OF + int(random.integers(-60, 20)) * DAY

    links = linked([(*random.choice(ids, 2, replace=False), random.choice(RELATIONS), day())
                    for _ in range(60)])  # fmt: skip
    links = links.drop_duplicates()
    events = pd.DataFrame([(random.choice(ids), day(), random.choice(
        ["sealed", "unsealed", "fraud_found", "bankrupt"])) for _ in range(15)],
        columns=["merchant_id", "at", "kind"]).drop_duplicates(["merchant_id", "at"])  # fmt: skip
    listed = pd.DataFrame([(random.choice(ids), AS_OF - int(random.integers(1, 60)) * DAY)
                           for _ in range(8)], columns=["merchant_id", "from"])  # fmt: skip
    listed["to"] = [each + 30 * DAY if k % 2 else pd.NaT for k, each in enumerate(listed["from"])]
    listed["reason"] = "x"
    listed = listed.drop_duplicates("merchant_id")
    records = made(ids, links, account_events=events, blacklist=listed)
    asked = pd.DataFrame({"merchant_id": ids * 2, "as_of": [AS_OF] * 25 + [AS_OF - 20 * DAY] * 25})
    frame = build_applicants(records, ac.Cohort.from_frame(asked))
    for line in frame.itertuples():

        def is_sealed(who, at):
            past = events[(events["merchant_id"] == who) & (events["at"] < at)].sort_values("at")
            seals = past[past["kind"].isin(["sealed", "unsealed"])]["kind"]
            return len(seals) and seals.iloc[-1] == "sealed", "fraud_found" in set(past["kind"])

        def is_listed(who, at):
            mine = listed[(listed["merchant_id"] == who) & (listed["from"] < at)]
            return any(pd.isna(to) or to >= at for to in mine["to"])

        mine = defaultdict(set)
        for link in links[links["event_time"] < line.as_of].itertuples():
            for one, other in (
                (link.merchant_id, link.other_id),
                (link.other_id, link.merchant_id),
            ):
                if one == line.merchant_id:
                    mine[link.relation].add(other)
        others = set().union(*mine.values())
        barred = [o for o in others if is_listed(o, line.as_of) or any(is_sealed(o, line.as_of))]
        assert (line.linked_shops, line.shared_device, line.shared_address) == (
            len(mine["same_person"]),
            len(mine["same_device"]),
            len(mine["same_address"]),
        )
        assert line.related_barred == len(barred)
        sealed, fraud = is_sealed(line.merchant_id, line.as_of)
        assert (line.account_sealed, line.fraud_found) == (bool(sealed), fraud)


def test_gates_of_2013_are_asked_where_the_platform_keeps_such_links() -> None:
    links = linked([("a", each, "same_device", AS_OF - DAY) for each in "bcdef"])
    policy = load_policy("ali-2013")
    for records, asked in ((made("abcdef", links), True), (made("abcdef"), False)):
        applicants = build_applicants(records, ac.Cohort.at(records, AS_OF))
        rules = check_eligibility(applicants, policy, as_of=AS_OF)
        mine = rules[(rules["rule"] == "shared_device") & (rules["product_id"] == "taobao_order")]
        assert (len(mine) == 6) == asked
        if asked:
            assert mine.loc[mine["outcome"] == "fail", "merchant_id"].tolist() == ["a"]


def test_sales_of_a_year_are_settled_orders_less_what_was_given_back() -> None:
    times = pd.to_datetime(
        ["2012-05-01", "2012-04-30 23:59", "2013-04-30", "2013-05-01", None], format="ISO8601"
    )
    orders = pd.DataFrame({
        "order_id": list("12345"), "merchant_id": "a", "buyer_id": "x",
        "created_at": pd.Timestamp("2012-04-01"), "paid_at": pd.Timestamp("2012-04-02"),
        "confirmed_at": times, "amount": [100.0, 1000.0, 10.5, 7.0, 3.0],
    })  # fmt: skip
    refunds = pd.DataFrame({
        "id": ["r", "s"], "order_id": ["1", "3"], "amount": [40.0, 10.5],
        "opened_at": [pd.Timestamp("2012-06-01"), AS_OF],
    })  # fmt: skip
    for back, want in (({}, 110.5), ({"refunds": refunds}, 70.5)):
        records = made("ab", orders=orders, **back)
        frame = build_applicants(records, ac.Cohort.at(records, AS_OF)).set_index("merchant_id")
        assert frame["sales_12m"].to_dict() == {"a": want, "b": 0.0}
    frame = build_applicants(made("ab"), ac.Cohort.at(made("ab"), AS_OF))
    assert frame["sales_12m"].isna().all()
