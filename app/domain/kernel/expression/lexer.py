"""Text to tokens: the words of CEL, less bytes, unsigned, hexadecimal and exponent numbers, and triple quotes."""

import re
import unicodedata
from decimal import Decimal
from typing import NamedTuple

from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.limits import MAX_DECIMALS, MAX_DIGITS, MAX_LENGTH

NAME, NUMBER, TEXT, OPERATOR, END = "name", "number", "text", "operator", "end"


class Token(NamedTuple):
    """`kind` is one of the five above; `text` is as it was written, quotes included."""

    kind: str
    text: str
    start: int
    end: int


_SKIPPED = r"(?:[ \t\r\n\f]++|//[^\r\n]*+)*+"  # possessive: what was skipped is never looked at again
_TOKEN = re.compile(
    rf"""{_SKIPPED}(?:
    (?P<raw>[rR](?:"[^"\r\n]*"|'[^'\r\n]*'))
    |(?P<text>"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*')
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9][0-9A-Za-z_.]*)
    |(?P<operator>\|\||&&|[=!<>]=|[-+*/%<>!?:.,()\[\]])
    |(?P<end>\Z))""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069]")  # they make a text read differently than it is
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))")
ESCAPED = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip


def tokens(source: str) -> list[Token]:
    if len(source) > MAX_LENGTH:
        raise ExpressionError(
            "tooLong", f"Write at most {MAX_LENGTH} characters; this has {len(source)}.", MAX_LENGTH, len(source)
        )
    if bad := _SURROGATE.search(source) or _UNSEEN.search(source):
        message = "Write this character as an escape such as \\u202e, so that the text reads as it is."
        raise ExpressionError("syntax", message, bad.start(), bad.end(), found=ascii(bad.group())[1:-1])
    found: list[Token] = []
    at, kind, match = 0, "", _TOKEN.match
    while kind != END:
        token = match(source, at)
        if token is None:
            raise _unexpected(source, at)
        kind = token.lastgroup or END
        start, at = token.span(kind)
        found.append(Token(TEXT if kind == "raw" else kind, token[kind], start, at))
    return found


def _unexpected(source: str, at: int) -> ExpressionError:
    if skipped := re.compile(_SKIPPED).match(source, at):
        at = skipped.end()
    character = source[at]
    if character in "\"'":
        return ExpressionError("syntax", "Close this text with the quote it began with.", at, len(source), found="text")
    hints = {"=": "Compare with ==.", "&": "Write && for and.", "|": "Write || for or.", "{": "There are no maps here."}
    message = hints.get(character, "This character means nothing here; take it out.")
    shown = character if character.isprintable() else ascii(character)[1:-1]
    return ExpressionError("syntax", message, at, at + 1, found=shown)


def number(token: Token) -> Decimal:
    written = _NUMBER.fullmatch(token.text)
    if written is None:
        message = "Write a number in digits, such as 1234.50, without an exponent or a suffix."
        raise ExpressionError("syntax", message, token.start, token.end, found=token.text[:40], expected="number")
    whole, decimals = written.groups(default="")
    if len(whole) > MAX_DIGITS or len(decimals) > MAX_DECIMALS:
        message = f"Write at most {MAX_DIGITS} digits before the point and {MAX_DECIMALS} after it."
        raise ExpressionError("wrongValue", message, token.start, token.end, found=f"{token.text[:40]}...")
    return Decimal(token.text)


def text(token: Token) -> str:
    """The value, in NFC as all stored text is."""
    written = token.text
    if written[0] in "rR":
        value = written[2:-1]
    else:
        value = written[1:-1]
        if "\\" in value:
            value = _ESCAPE.sub(lambda escape: _unescaped(escape, token.start + 1), value)
    if "\0" in value:
        message = "A text cannot hold the character of code 0."
        raise ExpressionError("wrongValue", message, token.start, token.end, found="\\u0000")
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def _unescaped(escape: re.Match[str], offset: int) -> str:
    *codes, octal, plain = escape.groups()
    if plain is not None and plain in ESCAPED:
        return ESCAPED[plain]
    code = int(octal, 8) if octal else next((int(one, 16) for one in codes if one), -1)
    if 0 <= code <= 0xD7FF or 0xE000 <= code <= 0x10FFFF:
        return chr(code)
    message = 'Write a backslash as \\\\, or put the text in r"...".'
    raise ExpressionError(
        "syntax", message, offset + escape.start(), offset + escape.end(), found=escape.group(), expected="escape"
    )
