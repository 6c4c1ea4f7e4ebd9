"""How a process that runs for long treats what it imported."""

import gc


def spare_what_stays() -> None:
    """Routes and models live as long as the process: the garbage collector need not look at them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    gc.enable()
