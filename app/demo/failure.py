class LoadFailed(Exception):
    """The load cannot go on; the message is for the person who started it. Rows that fail alone do not raise."""
