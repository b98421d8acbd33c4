"""On PostgreSQL: an audit entry, its event and the tenant's head in one call whose plans are kept for the session."""

from django.db import migrations

APPEND = """
CREATE OR REPLACE FUNCTION nexus_append(
    p_tenant uuid, p_entry uuid, p_event uuid, p_at timestamptz, p_user uuid, p_via text, p_request text, p_action text,
    p_subject text, p_old text, p_new text, p_reason text, p_details jsonb, p_data jsonb, p_body text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_head audit_head;
BEGIN
    -- p_body is the canonical JSON of the entry. ON CONFLICT DO UPDATE works on the newest committed row, and its lock
    -- lasts to the commit: two writers never follow the same entry.
    INSERT INTO audit_head (tenant_id, audit_seq, audit_hash, audit_previous, event_seq)
    VALUES (p_tenant, 1, encode(sha256(convert_to(repeat('0', 64) || ':1:' || p_body, 'UTF8')), 'hex'),
            repeat('0', 64), 1)
    ON CONFLICT (tenant_id) DO UPDATE SET
        audit_seq = audit_head.audit_seq + 1,
        audit_hash = encode(sha256(convert_to(
            audit_head.audit_hash || ':' || (audit_head.audit_seq + 1) || ':' || p_body, 'UTF8')), 'hex'),
        audit_previous = audit_head.audit_hash,
        event_seq = audit_head.event_seq + 1
    RETURNING * INTO v_head;
    INSERT INTO audit_entry (id, tenant_id, seq, at, user_id, via, request_id, action, subject, old, new, reason,
                             details, prev_hash, hash)
    VALUES (p_entry, p_tenant, v_head.audit_seq, p_at, p_user, p_via, p_request, p_action, p_subject, p_old, p_new,
            p_reason, p_details, v_head.audit_previous, v_head.audit_hash);
    INSERT INTO events_event (id, tenant_id, seq, at, type, subject, data)
    VALUES (p_event, p_tenant, v_head.event_seq, p_at, p_action, p_subject, p_data);
    RETURN v_head.event_seq;
END $$
"""


def make(apps, editor):
    """Make the function; SQLite has none and needs none."""
    if editor.connection.vendor == "postgresql":
        editor.execute(APPEND, params=None)


def drop(apps, editor):
    """Remove the function again."""
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP FUNCTION IF EXISTS nexus_append")


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial"), ("audit", "0003_names")]

    operations = [migrations.RunPython(make, drop)]
