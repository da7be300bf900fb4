-- Running: apply, revert, verify, and what people decide about it.

CREATE PROCEDURE migrate.apply(
    target text DEFAULT NULL,
    project text DEFAULT NULL,
    atomic boolean DEFAULT false,
    background boolean DEFAULT false,
    reason text DEFAULT NULL,
    options jsonb DEFAULT '{}',
    INOUT run_id bigint DEFAULT NULL,
    INOUT applied integer DEFAULT NULL)
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'mig_apply';
COMMENT ON PROCEDURE migrate.apply IS 'apply what is pending; needs deployer';
GRANT EXECUTE ON PROCEDURE migrate.apply TO PUBLIC;

CREATE PROCEDURE migrate.revert(
    target text DEFAULT NULL,
    project text DEFAULT NULL,
    steps integer DEFAULT NULL,
    atomic boolean DEFAULT false,
    background boolean DEFAULT false,
    reason text DEFAULT NULL,
    options jsonb DEFAULT '{}',
    INOUT run_id bigint DEFAULT NULL,
    INOUT reverted integer DEFAULT NULL)
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'mig_revert';
COMMENT ON PROCEDURE migrate.revert IS 'go back to a migration, by some steps, or to zero; needs deployer';
GRANT EXECUTE ON PROCEDURE migrate.revert TO PUBLIC;

CREATE PROCEDURE migrate.wait(
    run_id bigint,
    timeout interval DEFAULT NULL,
    INOUT outcome text DEFAULT NULL)
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'mig_wait';
COMMENT ON PROCEDURE migrate.wait IS 'wait for the end of a run, and raise its error if it had one; needs monitor';
GRANT EXECUTE ON PROCEDURE migrate.wait TO PUBLIC;

CREATE FUNCTION migrate.cancel_run(
    run_id bigint,
    reason text)
    RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_cancel_run';
COMMENT ON FUNCTION migrate.cancel_run IS 'end a run that is under way, whoever called it; needs deployer';
GRANT EXECUTE ON FUNCTION migrate.cancel_run TO PUBLIC;

CREATE FUNCTION migrate.verify(
    name text DEFAULT NULL,
    project text DEFAULT NULL)
    RETURNS TABLE (project text, name text, ok boolean, error_code text, error_message text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_verify';
COMMENT ON FUNCTION migrate.verify IS 'run the verify scripts of what is applied, and roll them back; needs deployer';
GRANT EXECUTE ON FUNCTION migrate.verify TO PUBLIC;

CREATE FUNCTION migrate.mark_applied(
    name text,
    reason text,
    project text DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_mark_applied';
COMMENT ON FUNCTION migrate.mark_applied IS 'record a migration as applied without running it; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.mark_applied TO PUBLIC;

CREATE FUNCTION migrate.mark_pending(
    name text,
    reason text,
    project text DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_mark_pending';
COMMENT ON FUNCTION migrate.mark_pending IS 'record a migration as not applied without reverting it; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.mark_pending TO PUBLIC;

CREATE FUNCTION migrate.resolve(
    name text,
    decision text,
    reason text,
    project text DEFAULT NULL)
    RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_resolve_sql';
COMMENT ON FUNCTION migrate.resolve IS 'decide about a migration that is half done: continue, skip_statement, restart, applied, reverted; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.resolve TO PUBLIC;

CREATE FUNCTION migrate.baseline(
    name text,
    reason text,
    project text DEFAULT NULL)
    RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_baseline';
COMMENT ON FUNCTION migrate.baseline IS 'count everything up to a migration or version as applied, registered now or later; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.baseline TO PUBLIC;

CREATE FUNCTION migrate.hold(
    name text,
    reason text,
    project text DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_hold';
COMMENT ON FUNCTION migrate.hold IS 'leave a migration out of runs until it is released; needs deployer';
GRANT EXECUTE ON FUNCTION migrate.hold TO PUBLIC;

CREATE FUNCTION migrate.release(
    name text,
    reason text,
    project text DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_release';
COMMENT ON FUNCTION migrate.release IS 'let a held migration run again; needs deployer';
GRANT EXECUTE ON FUNCTION migrate.release TO PUBLIC;

