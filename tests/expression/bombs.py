"""Expressions that are out to exhaust, to confuse or to slip through: each is refused before anything runs."""

from collections.abc import Iterator, Mapping
from random import Random

_ID = "01890a5d-ac96-774b-bcce-b302099a8057"

BOMBS: Mapping[str, str] = {
    "a long text": 'name == "' + "x" * 100_000 + '"',
    "a million sums": "+".join(["1"] * 500_000) + " > 0",
    "a chain of sums": "+".join(["1"] * 1_900) + " > 0",
    "a chain of products": "*".join(["99"] * 1_300) + " > 0",
    "a chain of joined texts": "+".join(["name"] * 700) + ' == ""',
    "a chain of conditions": "&&".join(["1==1"] * 600),
    "a chain of alternatives": "||".join(["stage=='a'"] * 360),
    "deep parentheses": "(" * 1_900 + "1==1" + ")" * 1_900,
    "parentheses without end": "(" * 4_000,
    "deep negation": "!" * 3_990 + "true",
    "deep signs": "-" * 3_990 + "1 > 0",
    "negations in parentheses": "!(" * 1_300 + "true" + ")" * 1_300,
    "deep ternaries": "true ? true : " * 280 + "true",
    "ternaries within ternaries": "true ? (" * 400 + "true" + ") : true" * 400,
    "deep lists": "[" * 1_900 + "]" * 1_900,
    "deep calls": "lower(" * 600 + "name" + ")" * 600 + ' == ""',
    "a chain of methods": "name" + ".lower()" * 490 + ' == ""',
    "a chain of fields": "account" + ".parent" * 560 + ".name == ''",
    "a chain of indexes": "name" + "[0]" * 1_200,
    "a huge list": "probability in [" + ",".join(["1"] * 1_900) + "]",
    "a huge list of ids": "ownerId in [" + ",".join([f'"{_ID}"'] * 500) + "]",
    "a call with a thousand arguments": "coalesce(" + ",".join(["1"] * 1_900) + ") > 0",
    "a huge number": "amount > " + "9" * 3_900,
    "a number of many decimals": "amount > 0." + "0" * 3_900 + "1",
    "an exponent": "amount > 1e999999999",
    "an infinity": "amount > 1e309 - 1e309",
    "a deep product of fields": "(((((amount*amount)*(amount*amount))*((amount*amount)*(amount*amount)))"
    "*(((amount*amount)*(amount*amount))*((amount*amount)*(amount*amount))))*(amount*amount*amount*amount*amount)) > 0",
    "questions within questions": "account.contacts.exists(a, account.contacts.exists(b, account.contacts.exists(c, true)))",
    "a comprehension of comprehensions": "[1,2,3].all(a, [1,2,3].all(b, [1,2,3].all(c, [1,2,3].all(d, a+b+c+d > 0))))",
    "doubling by map": "[name].map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x)[0] == name",
    "doubling by nested texts": "custom.tags.exists(a, custom.tags.exists(b, custom.tags.exists(c, a + b == c)))",
    "many joins": " || ".join(f"{path}.name == '{n}'" for n, path in enumerate((
        "account", "account.parent", "account.owner", "owner", "owner.manager", "product", "product.owner",
        "account.parent.owner", "account.owner.manager", "primaryContact.owner", "primaryContact.account",
    ))),
    "a regular expression": 'name.matches("(a+)+$")',
    "a function of PostgreSQL": "pg_sleep(10) == 1",
    "a way into Python": 'name.__class__.__mro__ == ""',
    "SQL in a name": "name; drop table account -- == 1",
    "SQL in a custom field": "custom.x'--",
    "a surrogate": 'name == "\ud800"',
    "an escaped surrogate": 'name == "\\ud800\\udc00"',
    "a character beyond Unicode": 'name == "\\UFFFFFFFF"',
    "a NUL": 'name == "a\0b"',
    "an escaped NUL": 'name == "\\u0000"',
    "a NUL outside": "name\0 == 'a'",
    "a reordering character": 'name == "a\u202e" || true',
    "a comment that reorders": "true // \u2066",
    "look-alike operators": "amount \uff1e 1",
    "a zero-width space": "na\u200bme == 'a'",
    "a very long name": "x" * 3_900,
    "a name of many letters": "é" * 3_000,
    "a text without end": '"' + "a" * 3_900,
    "a text of backslashes": '"' + "\\" * 3_999,
    "quotes without partners": "'\"" * 1_999 + "'",
    "spaces and nothing": " " * 3_999 + "#",
    "comments and nothing": "//" * 1_999,
    "nothing": "",
    "a time out of the calendar": 'createdAt > timestamp("9999-12-31T23:59:59-14:00")',
    "a duration of ages": 'createdAt + duration("99999999999999999999s") > now()',
    "a sum of durations": "createdAt + (now() - createdAt) + (now() - createdAt) > now()",
    "a zone of the file system": 'year(createdAt, "../../etc/passwd") == 1',
    "too many decimals": "round(amount, 1000000) > 0",
    "a map": '{"a": 1}.a == 1',
    "bytes": 'b"abc" == name',
    "unsigned": "1u == 1",
    "hexadecimal": "0xFFFFFFFF > amount",
    "triple quotes": '"""a""" == name',
    "another thing behind": "true true",
}  # fmt: skip

_PIECES = (
    "(", ")", "[", "]", "!", "-", "+", "*", "/", "%", "?", ":", ",", ".", "&&", "||", "==", "<", "in", "true", "null", "1", "'a'",
    "name", "amount", "account", "custom", "lower(", "has(", "exists(x,", "timestamp(", "\\", '"', "\0", "\ud800", "{", "e9", "\u202e",
)  # fmt: skip


def generated(random: Random, count: int) -> Iterator[str]:
    """Pieces of the language repeated and shuffled, some longer than may be."""
    for _ in range(count):
        few = random.choices(_PIECES, k=random.randrange(1, 6))
        times = random.choice((1, 3, 30, 300, 3_000))
        mixed = random.choices(few, k=times) if random.random() < 0.5 else few * times
        yield random.choice(("", " ")).join(mixed)[: random.choice((100, 4_000, 50_000))]
