"""`crm`, with the patches that CHAOS_PATCHES names: planted bugs, and waits that are shortened to fit into a test."""

import os
from importlib import import_module

from tests.chaos.patches import PATCHES

if __name__ == "__main__":
    for name in filter(None, os.environ.get("CHAOS_PATCHES", "").split(",")):
        PATCHES[name]()
    import_module("app.cli").main()
