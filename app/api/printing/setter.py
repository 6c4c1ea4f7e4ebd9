"""A program of its own, which the press starts: sets one paper after the other, as they come on its standard input.

Each is a length of four bytes and JSON; the answer is a byte, zero for what could be set, a length and the PDF.
"""

import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO, Final

import typst

FOLDER: Final = Path(__file__).parent
LARGEST_BYTES: Final = 2 << 30
BEHIND: Final = 10  # whoever waits for a record goes first


def limit() -> None:
    os.nice(BEHIND)
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_BYTES, LARGEST_BYTES))


def compiler() -> typst.Compiler:
    """Reads nothing outside of its folder, and no fonts but those that come with it."""
    fonts = [str(FOLDER / "fonts")]
    return typst.Compiler(input=str(FOLDER / "quote.typ"), root=str(FOLDER), font_paths=fonts, ignore_system_fonts=True)


def serve(read_from: BinaryIO, write_to: BinaryIO) -> None:
    """Until there is no more to read."""
    setting = compiler()
    while size := read_from.read(4):
        data = read_from.read(int.from_bytes(size))
        try:
            state, made = 0, setting.compile(format="pdf", sys_inputs={"data": data.decode()})
        except (typst.TypstError, RuntimeError) as error:
            state, made = 1, str(error).encode()
        assert isinstance(made, bytes)  # noqa: S101  # it is a list only of formats that have a file for each page
        write_to.write(bytes([state]) + len(made).to_bytes(4) + made)
        write_to.flush()


if __name__ == "__main__":
    limit()
    serve(sys.stdin.buffer, sys.stdout.buffer)
