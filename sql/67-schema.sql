-- What the schema is.

CREATE FUNCTION migrate.inventory()
    RETURNS TABLE (object_type text, identity text, definition text, fingerprint bytea)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_inventory';
COMMENT ON FUNCTION migrate.inventory IS 'every object of the database with its definition and its fingerprint; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.inventory TO PUBLIC;

CREATE FUNCTION migrate.drift(
    project text DEFAULT NULL)
    RETURNS TABLE (change text, object_type text, identity text, changed_by name, changed_at timestamptz, ddl_ids bigint[],
                   project text, last_migration text, expected text, actual text)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_drift';
COMMENT ON FUNCTION migrate.drift IS 'objects that are not what they should be, and which captured statements explain it; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.drift TO PUBLIC;

CREATE FUNCTION migrate.drift_diff(
    identity text DEFAULT NULL,
    project text DEFAULT NULL)
    RETURNS text
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_drift_diff';
COMMENT ON FUNCTION migrate.drift_diff IS 'unified diff of what should be and what is; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.drift_diff TO PUBLIC;

CREATE FUNCTION migrate.accept_drift(
    identity text,
    reason text,
    object_type text DEFAULT NULL)
    RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_accept_drift';
COMMENT ON FUNCTION migrate.accept_drift IS 'what is there of an object, or of all with *, is what should be there; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.accept_drift TO PUBLIC;

CREATE FUNCTION migrate.snapshot(
    label text)
    RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_snapshot';
COMMENT ON FUNCTION migrate.snapshot IS 'keep what the schema is at present under a label; needs deployer';
GRANT EXECUTE ON FUNCTION migrate.snapshot TO PUBLIC;

CREATE FUNCTION migrate.compare(
    from_label text,
    to_label text)
    RETURNS TABLE (change text, object_type text, identity text, from_definition text, to_definition text)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_compare';
COMMENT ON FUNCTION migrate.compare IS 'what is different between two snapshots, or what is current or expected; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.compare TO PUBLIC;

CREATE FUNCTION migrate.ignore(
    reason text,
    schema_name text DEFAULT NULL,
    object_type text DEFAULT NULL,
    identity_like text DEFAULT NULL,
    role_name text DEFAULT NULL)
    RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_ignore';
COMMENT ON FUNCTION migrate.ignore IS 'do not call adrift what another tool owns: objects for which all holds that is given; returns an id; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.ignore TO PUBLIC;

CREATE FUNCTION migrate.unignore(
    id bigint,
    reason text)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_unignore';
COMMENT ON FUNCTION migrate.unignore IS 'call adrift again what was ignored under this id; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.unignore TO PUBLIC;

CREATE FUNCTION migrate.export_snapshot(
    label text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_export_snapshot';
COMMENT ON FUNCTION migrate.export_snapshot IS 'a snapshot, or what is current or expected, as a text for another server; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.export_snapshot TO PUBLIC;

CREATE FUNCTION migrate.import_snapshot(
    label text,
    content text)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_import_snapshot';
COMMENT ON FUNCTION migrate.import_snapshot IS 'keep what another server has exported under a label; needs deployer';
GRANT EXECUTE ON FUNCTION migrate.import_snapshot TO PUBLIC;

CREATE FUNCTION migrate.rebase_expected(
    reason text,
    from_label text)
    RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_rebase_expected';
COMMENT ON FUNCTION migrate.rebase_expected IS 'after an upgrade to another major version: what is there is expected, if it was as the snapshot from before has it; returns how many objects read otherwise; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.rebase_expected TO PUBLIC;
