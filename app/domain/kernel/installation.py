from dataclasses import dataclass
from typing import Final

from app.domain.kernel.sealing import Seal


@dataclass(frozen=True, slots=True)
class Installation:
    """What services may use of the installation that they run in, beside its database.

    `seal` is without keys where none are set; `allow_loopback` says that outside calls may go to this machine.
    """

    seal: Seal
    allow_loopback: bool


BARE: Final = Installation(Seal({}), allow_loopback=False)
