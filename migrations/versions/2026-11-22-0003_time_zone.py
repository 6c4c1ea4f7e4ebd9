"""Who looks up a key learns the time zone of its tenant as well: `today()` is a day there."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BEFORE = """
CREATE FUNCTION auth_lookup(key_id uuid)
  RETURNS TABLE (tenant_id uuid, user_id uuid, role text, digest bytea, scopes text[],
                 rate_limit_per_minute integer, schema_version bigint)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT k.tenant_id, k.user_id, u.role, k.digest, k.scopes, k.rate_limit_per_minute, t.schema_version
      FROM api_key k
      JOIN "user" u ON u.tenant_id = k.tenant_id AND u.id = k.user_id
      JOIN tenant t ON t.tenant_id = k.tenant_id
     WHERE k.id = key_id AND (k.expires_at IS NULL OR k.expires_at > now()) AND u.status = 'active';
  END
"""
AFTER = BEFORE.replace(" bigint)", " bigint, time_zone text)").replace(
    "t.schema_version", "t.schema_version, t.time_zone"
)


def upgrade() -> None:
    _replace(AFTER)


def downgrade() -> None:
    _replace(BEFORE)


def _replace(function: str) -> None:
    """The type of its answer changes, so it has to be made anew."""
    op.execute("DROP FUNCTION auth_lookup(uuid)")
    op.execute(function)
    op.execute("REVOKE ALL ON FUNCTION auth_lookup(uuid) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION auth_lookup(uuid) TO rapport_app")
