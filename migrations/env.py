"""Run by Alembic. The connection comes from `app.repositories.migrate`, in the role that owns the schema."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
