"""A shell that keeps its variables from one block of a page to the next."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

END = "--- end of block"
PATH = "/usr/local/bin:/usr/bin:/bin"


class Console:
    def __init__(self, shell: "subprocess.Popen[str]") -> None:
        self._shell = shell

    def run(self, command: str) -> str:
        """What the block printed, errors included. A block that fails is an AssertionError."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f"{command}\nprintf '\\n{END} %s\\n' $?\n")
        self._shell.stdin.flush()
        lines = []
        for line in self._shell.stdout:
            if line.startswith(END):
                break
            lines.append(line)
        output = "".join(lines)
        assert line.split()[-1] == "0", output
        return output


@contextmanager
def console(folder: Path) -> Iterator[Console]:
    """A shell in a folder that looks like the checkout of somebody who followed the page so far."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "curl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("curl.py")}" "$@"\n')
    (programs / "curl").chmod(0o755)
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(sys.prefix)
    shell = subprocess.Popen(
        ["/bin/sh"],
        cwd=folder,
        env={"PATH": f"{PATH}:{programs}", "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Console(shell)
    finally:
        shell.kill()
        shell.communicate()
