-- Registering: what migrations there are.
-- Each function asks for the capability it needs, so that it can say which.

CREATE FUNCTION migrate.register(
    name text,
    up text,
    down text DEFAULT NULL,
    verify text DEFAULT NULL,
    requires text[] DEFAULT NULL,
    conflicts text[] DEFAULT '{}',
    replaces text[] DEFAULT '{}',
    project text DEFAULT 'default',
    version text DEFAULT NULL,
    kind text DEFAULT 'versioned',
    description text DEFAULT NULL,
    tags text[] DEFAULT '{}',
    options jsonb DEFAULT '{}')
    RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_register_sql';
COMMENT ON FUNCTION migrate.register IS 'register a migration: registered, unchanged, updated or stale; needs author';
GRANT EXECUTE ON FUNCTION migrate.register TO PUBLIC;

CREATE FUNCTION migrate.load(
    paths text[],
    contents text[],
    layout text DEFAULT 'auto',
    project text DEFAULT 'default',
    prune boolean DEFAULT false)
    RETURNS TABLE (name text, action text, version text, path text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_load';
COMMENT ON FUNCTION migrate.load IS 'register the files of a migration set; needs author';
GRANT EXECUTE ON FUNCTION migrate.load TO PUBLIC;

CREATE FUNCTION migrate.load_json(
    files jsonb,
    layout text DEFAULT 'auto',
    project text DEFAULT 'default',
    prune boolean DEFAULT false)
    RETURNS TABLE (name text, action text, version text, path text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_load_json';
COMMENT ON FUNCTION migrate.load_json IS 'register the files of a migration set, an object of paths and contents; needs author';
GRANT EXECUTE ON FUNCTION migrate.load_json TO PUBLIC;

CREATE FUNCTION migrate.load_directory(
    directory text,
    layout text DEFAULT 'auto',
    project text DEFAULT 'default',
    prune boolean DEFAULT false)
    RETURNS TABLE (name text, action text, version text, path text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_load_directory';
COMMENT ON FUNCTION migrate.load_directory IS 'register the files of a directory of the server; needs author and pg_read_server_files';
GRANT EXECUTE ON FUNCTION migrate.load_directory TO PUBLIC;

CREATE FUNCTION migrate.unregister(
    name text,
    project text DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_unregister';
COMMENT ON FUNCTION migrate.unregister IS 'forget a migration that was never applied; needs author';
GRANT EXECUTE ON FUNCTION migrate.unregister TO PUBLIC;

CREATE FUNCTION migrate.accept_text(
    name text,
    up text,
    reason text,
    project text DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_accept_text';
COMMENT ON FUNCTION migrate.accept_text IS 'take another text for the one that was applied; nothing runs; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.accept_text TO PUBLIC;

