-- Tamper evidence.

CREATE FUNCTION migrate.seal()
    RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_seal';
COMMENT ON FUNCTION migrate.seal IS 'chain the finished rows of the logs; returns the last seal, never waits; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.seal TO PUBLIC;

CREATE FUNCTION migrate.verify_history(
    seal bigint DEFAULT NULL,
    hash bytea DEFAULT NULL)
    RETURNS TABLE (source text, id bigint, problem text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_verify_history';
COMMENT ON FUNCTION migrate.verify_history IS 'rows of the logs that are not as they were sealed; with a head kept elsewhere, whether the chain is still the one of then; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.verify_history TO PUBLIC;

CREATE FUNCTION migrate.history_head()
    RETURNS TABLE (seal bigint, hash bytea, sealed_at timestamptz)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_history_head';
COMMENT ON FUNCTION migrate.history_head IS 'the last seal, to be kept elsewhere; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.history_head TO PUBLIC;

CREATE FUNCTION migrate.deployer() RETURNS TABLE (pid integer, worker integer, run_id bigint)
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'mig_deployer';
COMMENT ON FUNCTION migrate.deployer() IS 'the backend that holds the deployers'' lock, the one that runs its statements, and its run; for the views';
GRANT EXECUTE ON FUNCTION migrate.deployer() TO PUBLIC;
