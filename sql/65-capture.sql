-- Capture: every change of the schema on record, those around the migrations too.

CREATE FUNCTION migrate.on_ddl_start() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'mig_on_ddl_start';
COMMENT ON FUNCTION migrate.on_ddl_start() IS 'event trigger that watch() makes: refuses what out_of_band rejects';
REVOKE ALL ON FUNCTION migrate.on_ddl_start() FROM PUBLIC;

CREATE FUNCTION migrate.on_ddl_end() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'mig_on_ddl_end';
COMMENT ON FUNCTION migrate.on_ddl_end() IS 'event trigger that watch() makes: notes what a statement did';
REVOKE ALL ON FUNCTION migrate.on_ddl_end() FROM PUBLIC;

CREATE FUNCTION migrate.on_sql_drop() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'mig_on_sql_drop';
COMMENT ON FUNCTION migrate.on_sql_drop() IS 'event trigger that watch() makes: notes what a statement dropped';
REVOKE ALL ON FUNCTION migrate.on_sql_drop() FROM PUBLIC;

CREATE FUNCTION migrate.watch(reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_watch';
COMMENT ON FUNCTION migrate.watch IS 'begin to record every change of the schema; needs a superuser';
REVOKE ALL ON FUNCTION migrate.watch FROM PUBLIC;

CREATE FUNCTION migrate.unwatch(reason text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_unwatch';
COMMENT ON FUNCTION migrate.unwatch IS 'end to record changes of the schema, as before DROP EXTENSION; needs a superuser';
REVOKE ALL ON FUNCTION migrate.unwatch FROM PUBLIC;

CREATE FUNCTION migrate.begin(
    name text,
    project text DEFAULT NULL,
    tool text DEFAULT NULL,
    labels jsonb DEFAULT NULL)
    RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_begin';
COMMENT ON FUNCTION migrate.begin IS 'attribute what another tool does in this transaction, until finish() or its end; returns a history id; needs deployer';
GRANT EXECUTE ON FUNCTION migrate.begin TO PUBLIC;

CREATE FUNCTION migrate.finish() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_finish';
COMMENT ON FUNCTION migrate.finish IS 'what follows in this transaction is not attributed any more';
GRANT EXECUTE ON FUNCTION migrate.finish TO PUBLIC;

CREATE FUNCTION migrate.break_glass(
    reason text,
    duration interval DEFAULT '15 min')
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_break_glass';
COMMENT ON FUNCTION migrate.break_glass IS 'let the session''s user change the schema for a time where out_of_band is reject; needs break_glass';
GRANT EXECUTE ON FUNCTION migrate.break_glass TO PUBLIC;

CREATE FUNCTION migrate.acknowledge(
    ddl_ids bigint[],
    reason text)
    RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_acknowledge';
COMMENT ON FUNCTION migrate.acknowledge IS 'say why changes outside of migrations were made; returns how many; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.acknowledge TO PUBLIC;
