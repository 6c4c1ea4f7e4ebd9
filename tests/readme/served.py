from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Served:
    """A product that was started as the README says, on another port: where it answers, and its state folder."""

    address: str
    state: Path
