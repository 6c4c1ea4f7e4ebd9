"""What ends `crm up`: each is one sentence for the person at the terminal."""

from pathlib import Path


class CannotStart(Exception):
    """Something is in the way, and the message says what and how it is put right."""


class GaveUp(Exception):
    """A process kept dying and is no longer started again."""


def unusable(folder: Path, error: OSError) -> CannotStart:
    return CannotStart(f"The folder {folder} cannot be used: {(error.strerror or str(error)).lower()}.")
