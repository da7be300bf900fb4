-- Ways out of drift: back to what is expected, or on with a migration.

CREATE FUNCTION migrate.propose_revert(
    identity text,
    object_type text DEFAULT NULL)
    RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_propose_revert';
COMMENT ON FUNCTION migrate.propose_revert IS 'SQL that brings an object back to what is expected, tried and rolled back; says what data that loses; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.propose_revert TO PUBLIC;

CREATE FUNCTION migrate.undo_drift(
    identity text,
    reason text,
    object_type text DEFAULT NULL)
    RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_undo_drift';
COMMENT ON FUNCTION migrate.undo_drift IS 'bring an object back to what is expected; returns the SQL that did it; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.undo_drift TO PUBLIC;

CREATE FUNCTION migrate.adopt(
    name text,
    ddl_ids bigint[],
    reason text,
    project text DEFAULT 'default',
    down text DEFAULT NULL)
    RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_adopt';
COMMENT ON FUNCTION migrate.adopt IS 'make captured statements an applied migration, if they lead from what is expected to what is there; returns its text; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.adopt TO PUBLIC;
