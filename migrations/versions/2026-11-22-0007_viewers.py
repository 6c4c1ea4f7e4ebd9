"""With whose rights workers decide what a subscriber is told."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Workers serve every tenant and may not read users: this shows what decides about rights, and nothing of the person.
VIEWERS = """
CREATE FUNCTION app_viewers(tenants uuid[], users uuid[])
  RETURNS TABLE (tenant_id uuid, user_id uuid, role text, schema_version bigint, time_zone text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT u.tenant_id, u.id, u.role, t.schema_version, t.time_zone
      FROM unnest(tenants, users) AS wanted(tenant_id, user_id)
      JOIN "user" u ON u.tenant_id = wanted.tenant_id AND u.id = wanted.user_id
      JOIN tenant t ON t.tenant_id = u.tenant_id
     WHERE u.status = 'active';
  END
"""


def upgrade() -> None:
    op.execute(VIEWERS)
    op.execute("REVOKE ALL ON FUNCTION app_viewers(uuid[], uuid[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION app_viewers(uuid[], uuid[]) TO rapport_work")


def downgrade() -> None:
    op.execute("DROP FUNCTION app_viewers(uuid[], uuid[])")
