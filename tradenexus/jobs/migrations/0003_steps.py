"""On PostgreSQL: to claim a job, and to end one well and claim the next, in one call each.

A call is one statement, so one round trip and one commit; its plans are kept for the session.
"""

from django.db import migrations

# Audit entry and event of a step that a job took by itself: what jobs.states.announce writes, in canonical JSON.
TELL = """
CREATE OR REPLACE FUNCTION nexus_job_tell(p_job jobs_job, p_old text, p_at timestamptz, p_entry uuid, p_event uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_ref text := 'job_' || replace(p_job.id::text, '-', '');
    v_details text;
    v_body text;
BEGIN
    IF p_job.tenant_id IS NULL THEN
        RETURN;  -- no job, or one of the platform itself
    END IF;
    v_details := '{"attempt":' || p_job.attempts || ',"kind":' || to_json(p_job.kind)::text
        || ',"state":' || to_json(p_job.state)::text || ',"subject":' || to_json(p_job.subject)::text || '}';
    v_body := '{"action":"job.state","at":"'
        || to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00"'
        || ',"details":' || v_details
        || ',"id":"' || replace(p_entry::text, '-', '') || '"'
        || ',"new":' || to_json(p_job.state)::text || ',"old":' || to_json(p_old)::text || ',"reason":""'
        || ',"request":' || to_json(p_job.request_id)::text
        || ',"subject":"' || v_ref || '"'
        || ',"tenant":"' || replace(p_job.tenant_id::text, '-', '') || '"'
        || ',"user":' || coalesce('"' || replace(p_job.user_id::text, '-', '') || '"', 'null')
        || ',"via":"job"}';
    PERFORM nexus_append(
        p_job.tenant_id, p_entry, p_event, p_at, p_job.user_id, 'job', p_job.request_id, 'job.state', v_ref, p_old,
        p_job.state, '', v_details::jsonb,
        v_details::jsonb || jsonb_build_object('old', p_old, 'new', p_job.state, 'reason', '',
                                               'requestId', p_job.request_id, 'job', v_ref),
        v_body);
END $$
"""

# The next job in order, not announced yet. p_heavy: 'yes' takes whatever is next, 'no' leaves heavy ones out, 'ask'
# gives a heavy one back as it is, still queued. Only the index in the order of the line may be walked: when the table's
# statistics come from a time when few jobs waited, the planner would rather sort all that wait, at each claim.
TAKE = """
CREATE OR REPLACE FUNCTION nexus_job_take(
    p_kinds text[], p_holder text, p_worker uuid, p_lease_s double precision, p_heavy text, p_at timestamptz
) RETURNS jobs_job LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    v_job jobs_job;
BEGIN
    IF p_heavy = 'no' THEN
        SELECT * INTO v_job FROM jobs_job
        WHERE state = 'queued' AND NOT heavy AND run_at <= p_at AND kind = ANY (p_kinds)
        ORDER BY priority DESC, run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED;
    ELSE
        SELECT * INTO v_job FROM jobs_job
        WHERE state = 'queued' AND run_at <= p_at AND kind = ANY (p_kinds)
        ORDER BY priority DESC, run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF v_job.heavy AND p_heavy = 'ask' THEN
        RETURN v_job;
    END IF;
    UPDATE jobs_job SET state = 'running', token = token + 1, attempts = attempts + 1, error = NULL,
        lease_until = p_at + make_interval(secs => p_lease_s), started_at = p_at, holder = p_holder,
        worker_id = p_worker, progress = '{}'
    WHERE id = v_job.id  -- locked and queued; naming the state would let the planner walk the whole line for the id
    RETURNING * INTO STRICT v_job;
    INSERT INTO jobs_attempt (job_id, number, token, holder, started_at, outcome, reason)
    VALUES (v_job.id, v_job.attempts, v_job.token, p_holder, p_at, '', '');
    RETURN v_job;
END $$
"""

CLAIM = """
CREATE OR REPLACE FUNCTION nexus_job_claim(
    p_kinds text[], p_holder text, p_worker uuid, p_lease_s double precision, p_heavy text, p_ids uuid[]
) RETURNS SETOF jobs_job LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
    v_job jobs_job := nexus_job_take(p_kinds, p_holder, p_worker, p_lease_s, p_heavy, v_at);
BEGIN
    IF v_job.state = 'running' THEN
        PERFORM nexus_job_tell(v_job, 'queued', v_at, p_ids[1], p_ids[2]);
    END IF;
    IF v_job.id IS NOT NULL THEN
        RETURN NEXT v_job;
    END IF;
END $$
"""

# Ends a job that its token still holds, and takes the next one for the same holder when p_follow says so. No row: not
# held, and nothing was changed. One row: ended, and the row is the next job, or empty. The head rows of two tenants are
# locked in one order, so that no two workers wait for each other.
SUCCEED = """
CREATE OR REPLACE FUNCTION nexus_job_succeed(
    p_job uuid, p_token bigint, p_result jsonb, p_progress jsonb, p_log_n integer, p_lines jsonb, p_follow boolean,
    p_kinds text[], p_holder text, p_worker uuid, p_lease_s double precision, p_ids uuid[]
) RETURNS SETOF jobs_job LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
    v_job jobs_job;
    v_next jobs_job;
BEGIN
    UPDATE jobs_job SET state = 'succeeded', result = p_result, error = NULL, lease_until = NULL, holder = '',
        worker_id = NULL, finished_at = v_at, progress = coalesce(p_progress, progress),
        log_n = coalesce(p_log_n, log_n)
    WHERE id = p_job AND token = p_token AND state || '' = 'running'  -- by the key, not by an index of what runs
    RETURNING * INTO v_job;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE jobs_attempt SET ended_at = v_at, outcome = 'succeeded', reason = ''
    WHERE job_id = p_job AND token = p_token;
    IF p_lines IS NOT NULL THEN
        INSERT INTO jobs_logline (job_id, n, at, attempt, level, stage, text)
        SELECT p_job, line.n, line.at, line.attempt, line.level, line.stage, line.text
        FROM jsonb_to_recordset(p_lines)
            AS line (n integer, at timestamptz, attempt smallint, level text, stage text, text text);
    END IF;
    IF p_follow THEN
        v_next := nexus_job_take(p_kinds, p_holder, p_worker, p_lease_s, 'ask', v_at);
        IF v_next.state = 'queued' THEN
            v_next := NULL;  -- a heavy one, whose place the caller has to find first
        END IF;
    END IF;
    IF v_next.tenant_id < v_job.tenant_id THEN
        PERFORM nexus_job_tell(v_next, 'queued', v_at, p_ids[3], p_ids[4]);
        PERFORM nexus_job_tell(v_job, 'running', v_at, p_ids[1], p_ids[2]);
    ELSE
        PERFORM nexus_job_tell(v_job, 'running', v_at, p_ids[1], p_ids[2]);
        PERFORM nexus_job_tell(v_next, 'queued', v_at, p_ids[3], p_ids[4]);
    END IF;
    RETURN NEXT v_next;
END $$
"""
NAMES = ("nexus_job_succeed", "nexus_job_claim", "nexus_job_take", "nexus_job_tell")


def make(apps, editor):
    """Make the functions; SQLite has none and needs none."""
    if editor.connection.vendor == "postgresql":
        for text in (TELL, TAKE, CLAIM, SUCCEED):
            editor.execute(text, params=None)


def drop(apps, editor):
    """Remove the functions again."""
    if editor.connection.vendor == "postgresql":
        for name in NAMES:
            editor.execute(f"DROP FUNCTION IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_worker_drain"), ("events", "0002_append")]

    operations = [migrations.RunPython(make, drop)]
