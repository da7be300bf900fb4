-- Seeing: read-only, also on a standby.

CREATE FUNCTION migrate.status(
    project text DEFAULT NULL)
    RETURNS TABLE (project text, name text, state text, changed_at timestamptz, changed_by name, detail text)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_status';
COMMENT ON FUNCTION migrate.status IS 'the state of each migration, in order; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.status TO PUBLIC;

CREATE FUNCTION migrate.show(
    project text DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_show';
COMMENT ON FUNCTION migrate.show IS 'the state of each project for people to read';
GRANT EXECUTE ON FUNCTION migrate.show TO PUBLIC;

CREATE FUNCTION migrate.plan(
    target text DEFAULT NULL,
    project text DEFAULT NULL,
    direction text DEFAULT 'up',
    options jsonb DEFAULT '{}')
    RETURNS TABLE (step integer, project text, name text, action text, mode text, statements integer, strongest_lock text,
        rewritten text[], destructive boolean, warnings integer, reason text)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_plan';
COMMENT ON FUNCTION migrate.plan IS 'what the same apply or revert would do, then what it would leave out; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.plan TO PUBLIC;

CREATE FUNCTION migrate.check(
    project text DEFAULT NULL,
    fail_on text DEFAULT NULL)
    RETURNS TABLE (severity text, code text, project text, name text, object text, message text, hint text)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_check';
COMMENT ON FUNCTION migrate.check IS 'everything that is wrong or will be; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.check TO PUBLIC;

CREATE FUNCTION migrate.graph(
    project text DEFAULT NULL,
    format text DEFAULT 'text')
    RETURNS text
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_graph';
COMMENT ON FUNCTION migrate.graph IS 'the migrations and what they require as text, dot or mermaid; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.graph TO PUBLIC;

CREATE FUNCTION migrate.sql(
    name text,
    project text DEFAULT NULL,
    direction text DEFAULT 'up')
    RETURNS text
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_sql';
COMMENT ON FUNCTION migrate.sql IS 'the text that would run; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.sql TO PUBLIC;

CREATE FUNCTION migrate.is_applied(
    name text,
    project text DEFAULT NULL)
    RETURNS boolean
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_is_applied';
COMMENT ON FUNCTION migrate.is_applied IS 'may what requires this migration run?';
GRANT EXECUTE ON FUNCTION migrate.is_applied TO PUBLIC;

CREATE FUNCTION migrate.is_current(
    project text DEFAULT NULL)
    RETURNS boolean
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_is_current';
COMMENT ON FUNCTION migrate.is_current IS 'is there nothing left to apply?';
GRANT EXECUTE ON FUNCTION migrate.is_current TO PUBLIC;

CREATE FUNCTION migrate.may_see(
    project text)
    RETURNS boolean
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_may_see';
COMMENT ON FUNCTION migrate.may_see IS 'may the current role see this project (NULL: all projects)? for the views';
GRANT EXECUTE ON FUNCTION migrate.may_see TO PUBLIC;

CREATE FUNCTION migrate.migration_states()
    RETURNS TABLE (project text, name text, state text, is_applied boolean, is_pending boolean)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_migration_states';
COMMENT ON FUNCTION migrate.migration_states IS 'states of all migrations, for the view migrations';
GRANT EXECUTE ON FUNCTION migrate.migration_states TO PUBLIC;

