-- What auditors ask for.

CREATE FUNCTION migrate.audit(
    since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL,
    project text DEFAULT NULL)
    RETURNS TABLE (at timestamptz, event text, project text, name text, object text, session_role name, role_name name,
                   application_name text, client_addr inet, statement text, reason text, decision text, decided_by name,
                   source text, source_id bigint)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_audit';
COMMENT ON FUNCTION migrate.audit IS 'what was changed around the migrations and why, runs, decisions, gaps in capture, and whether the records are intact; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.audit TO PUBLIC;

CREATE FUNCTION migrate.prune_ddl_log(
    before timestamptz,
    reason text)
    RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_prune_ddl_log';
COMMENT ON FUNCTION migrate.prune_ddl_log IS 'remove what was captured before a time, as far as it is sealed, and leave a seal instead; returns how many rows; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.prune_ddl_log TO PUBLIC;
