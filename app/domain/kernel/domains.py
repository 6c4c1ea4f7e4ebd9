"""Names of hosts in one form: Unicode in lower case, by IDNA 2008 with the mapping of UTS 46."""

import idna


def normal_domain(name: str) -> str:
    """Equal for `MÜLLER.example` and `xn--mller-kva.example`. Raises UnicodeError for what can be no such name."""
    if name.isascii() and "xn--" not in name.lower():
        return name.lower()
    return idna.decode(idna.encode(name, uts46=True))
