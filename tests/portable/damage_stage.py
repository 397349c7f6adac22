"""Damage to model files, drawn by a seed: to their bytes, or to what they hold."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

Content = dict[str, Any]

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 255, 256, 10**9, 10**9 + 1, -(10**9), 2**31, 2**53 + 1, 2**63,
    2**64, 10**30, 10**400, 0.5, -0.0, 1e-320, 5e-324, 1e300, 1.7e308, 0.1 + 0.2, 1.0, "", "0",
    "1", "x" * 999, "x" * 1001, "\u0000", "\ud7ff", "\U0001f600", "NaN", "__import__('os')", [], {},
    [[]], [0], [None], {"a": 1}, [[[[[[]]]]]], "numeric", "category", "flag", "points", "trees",
)  # fmt: skip


def canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def seal(body: bytes) -> bytes:
    """Put content under a digest of its own, as an attacker would."""
    digest = hashlib.sha256(body).hexdigest().encode()
    return b'{"content":' + body + b',"digest":"' + digest + b'"}\n'


def body_of(data: bytes) -> bytes:
    return data.rstrip()[len(b'{"content":') : -len(b',"digest":""}') - 64]


# Damage to bytes: whether it is sealed again or not.


def truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def beheaded(data: bytes, rng: random.Random) -> bytes:
    return data[rng.randrange(1, len(data)) :]


def bits_flipped(data: bytes, rng: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def digit_changed(data: bytes, rng: random.Random) -> bytes:
    found = bytearray(data)
    places = [at for at, byte in enumerate(found) if 48 <= byte <= 57]
    found[rng.choice(places)] = rng.choice(b"0123456789-.eE+,[")
    return bytes(found)


def parts_swapped(data: bytes, rng: random.Random) -> bytes:
    size = rng.randrange(1, 200)
    one, other = sorted(rng.randrange(len(data)) for _ in range(2))
    other = max(other, one + size)
    middle, tail = data[one + size : other], data[other + size :]
    return data[:one] + data[other : other + size] + middle + data[one : one + size] + tail


def part_repeated(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    part = data[at : at + rng.randrange(1, 2000)]
    return data[:at] + part * rng.choice((2, 2, 3, 50)) + data[at + len(part) :]


def part_cut_out(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 500) :]


def bytes_put_in(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    part = rng.choice((b"\x00", b" ", b"\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"//"))
    return data[:at] + part + data[at:]


def number_replaced(data: bytes, rng: random.Random) -> bytes:
    """Put a word that is no number, or a very large one, where a number was."""
    places = [
        at
        for at in range(1, len(data))
        if data[at - 1 : at] in b",[:" and data[at] in b"-0123456789"
    ]
    at = rng.choice(places)
    end = at
    while data[end] in b"-+.eE0123456789":
        end += 1
    words = (
        b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 400, b"9" * 5000, b"0x10",
        b"1_000", b"01", b"+1", b".5", b"1.", b"1e-999", b"0." + b"0" * 5000 + b"1", b"1E5",
        b"-0", b"1.50", b"nan", b"9" * 100_000, b"1e" + b"9" * 1000, b"null", b"1 ", b"\xd9\xa1",
    )  # fmt: skip
    return data[:at] + rng.choice(words) + data[end:]


def encoded_otherwise(data: bytes, rng: random.Random) -> bytes:
    text = data.decode("utf-8")
    way = rng.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-le", "gb18030", "escaped"))
    if way == "escaped":
        return text.replace("o", "\\u006f").encode()
    return text.encode(way)


def nested_deeply(data: bytes, rng: random.Random) -> bytes:
    at = data.index(b"[") if rng.random() < 0.5 else data.rindex(b"[")
    depth = rng.choice((100, 990, 1100, 50_000, 250_000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    closes = closing * depth if rng.random() < 0.5 else b""
    return data[:at] + opening * depth + b"0" + closes + b"," + data[at:]


def key_doubled(data: bytes, rng: random.Random) -> bytes:
    """Put a key a second time into the outermost mapping, with another value."""
    key = rng.choice((b"base", b"pds", b"tables", b"format", b"unit", b"shape", b"scale"))
    return (
        data[:1] + b'"' + key + b'":' + rng.choice((b"0", b"[]", b"1e5", b"{}")) + b"," + data[1:]
    )


BYTES = (
    truncated, beheaded, bits_flipped, digit_changed, parts_swapped, part_repeated, part_cut_out,
    bytes_put_in, number_replaced, encoded_otherwise, nested_deeply, key_doubled,
)  # fmt: skip


# Damage to content, sealed again.


def place_in(content: Content, rng: random.Random, stop: float = 0.15) -> tuple[Any, Any]:
    """Choose a place anywhere in content: its holder and its key."""
    here: Any = content
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = rng.choice(keys)
        below = here[key]
        if not isinstance(below, dict | list) or not below or rng.random() < stop:
            return here, key
        here = below


def value_replaced(content: Content, rng: random.Random) -> None:
    holder, key = place_in(content, rng)
    holder[key] = copy.deepcopy(rng.choice(ODD))


def value_nudged(content: Content, rng: random.Random) -> None:
    """Move a number a little: often it is another lawful model."""
    for _ in range(100):
        holder, key = place_in(content, rng, stop=0)
        value = holder[key]
        if isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = (
                value + rng.choice((1, -1))
                if isinstance(value, int)
                else value * rng.choice((1 + 2**-52, 1 - 2**-50, 1.01, -1, 1000))
            )
            return


def value_taken_from_elsewhere(content: Content, rng: random.Random) -> None:
    holder, key = place_in(content, rng)
    other, there = place_in(content, rng)
    holder[key] = copy.deepcopy(other[there])


def values_exchanged(content: Content, rng: random.Random) -> None:
    holder, key = place_in(content, rng)
    size = len(holder)
    keys = list(holder) if isinstance(holder, dict) else range(size)
    other = rng.choice(list(keys))
    holder[key], holder[other] = holder[other], holder[key]


def key_renamed(content: Content, rng: random.Random) -> None:
    holder = mapping_in(content, rng)
    key = rng.choice(list(holder))
    new = rng.choice((key.upper(), key + " ", "_" + key, key[:-1], "", "__class__", key + "\u0301"))
    holder[new] = holder.pop(key)


def key_dropped(content: Content, rng: random.Random) -> None:
    holder = mapping_in(content, rng)
    holder.pop(rng.choice(list(holder)))


def key_added(content: Content, rng: random.Random) -> None:
    holder = mapping_in(content, rng)
    holder[rng.choice(("code", "path", "../../etc/passwd", "__reduce__", "zz"))] = rng.choice(ODD)


def mapping_in(content: Content, rng: random.Random) -> Content:
    """Choose a mapping anywhere in content."""
    choices = [content, content["scale"], content["claim"], *content["tables"]]
    choices += content.get("pairs", []) + ([content["trees"]] if content.get("trees") else [])
    return rng.choice([each for each in choices if each])


def list_stretched(content: Content, rng: random.Random) -> None:
    for _ in range(100):
        holder, key = place_in(content, rng, stop=0.4)
        if isinstance(holder[key], list) and holder[key]:
            wanted = rng.choice((0, 1, len(holder[key]) - 1, len(holder[key]) + 1, 20_000, 290_000))
            every = holder[key] * (wanted // len(holder[key]) + 1)
            holder[key] = every[:wanted]
            return


def list_turned(content: Content, rng: random.Random) -> None:
    for _ in range(100):
        holder, key = place_in(content, rng, stop=0.4)
        if isinstance(holder[key], list) and holder[key]:
            holder[key].reverse() if rng.random() < 0.5 else rng.shuffle(holder[key])
            return


def made_huge(content: Content, rng: random.Random) -> None:
    """Ask for much: many parts, long texts, wide tables, many trees, a deep one, wide axes."""
    way = rng.randrange(8)
    if way == 0:
        content["tables"] = [content["tables"][0] | {"name": f"n{k}"} for k in range(4_000)]
    elif way == 1:
        content["training"]["note"] = "\U0001f600" * rng.choice((1_001, 2_000_000, 5_000_000))
    elif way == 2:
        size = rng.choice((9_000, 90_000))
        content["tables"][0] |= {
            "cuts": [float(k) for k in range(size)], "points": [0] * (size + 1),
            "rows": [0] * (size + 2), "defaults": [0] * (size + 2),
        }  # fmt: skip
    elif way == 3:
        for key in ("pds", "lowers", "uppers"):
            content[key] = [1e-6 + (1 - k / 60_000) * 0.5 for k in range(49_000)]
        content["first_score"] = -24_000
    elif way == 4:
        nodes = rng.choice((250, 5_000, 60_000))
        content["trees"] = {
            "roots": [0], "feature": [k % len(content["tables"]) for k in range(nodes)],
            "cut": [0.0] * nodes, "left": [-k - 1 for k in range(nodes)],
            "right": [*range(1, nodes), -nodes - 1], "missing_left": [False] * nodes,
            "levels": [[]] * nodes, "leaves": [0] * (nodes + 1), "reference": [[None]],
        }  # fmt: skip
    elif way == 5:
        size = rng.choice((400, 700))
        content["pairs"] = [{
            "first": content["tables"][0]["name"], "second": content["tables"][1]["name"],
            "first_cuts": [float(k) for k in range(size)], "second_groups": [],
            "second_cuts": [float(k) for k in range(size)], "first_groups": [], "reference": 0,
            "values": [[0] * (size + 2)] * (size + 2),
        }]  # fmt: skip
        content["shape"], content["unit"] = "pairs", 1000
    elif way == 6:
        content["base"] = rng.choice((10**9, -(10**9)))
    else:
        content["pad"] = [[]] * rng.choice((1_000, 290_000, 400_000))


CONTENT = (
    value_replaced, value_replaced, value_replaced, value_nudged, value_nudged,
    value_taken_from_elsewhere, values_exchanged, key_renamed, key_dropped, key_added,
    list_stretched, list_turned, made_huge,
)  # fmt: skip


def damaged(data: bytes, count: int, seed: int) -> Iterator[tuple[str, bool, bytes]]:
    """Give (damage, sealed again, bytes): half to the file as it stands, half sealed again.

    Of those sealed again half are damaged as bytes, half as content; none is the file as it was.
    """
    rng = random.Random(seed)
    body = body_of(data)
    for at in range(count):
        found, name = data, ""
        while found.rstrip() == data.rstrip():
            if at % 2 == 0:
                name, found = of_bytes(data, at // 2, rng)
            elif at % 4 == 1:
                name, found = of_bytes(body, at // 4, rng)
                found = seal(found)
            else:
                change = CONTENT[at // 4 % len(CONTENT)]
                content = json.loads(body)
                change(content, rng)
                name, found = change.__name__, seal(canonical(content))
        yield name, at % 2 == 1, found


def of_bytes(data: bytes, at: int, rng: random.Random) -> tuple[str, bytes]:
    damage = BYTES[at % len(BYTES)]
    return damage.__name__, damage(data, rng)
