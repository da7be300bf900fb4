-- What the schema is.

CREATE FUNCTION migrate.inventory()
    RETURNS TABLE (object_type text, identity text, definition text, fingerprint bytea)
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_inventory';
COMMENT ON FUNCTION migrate.inventory IS 'every object of the database with its definition and its fingerprint; needs monitor';
GRANT EXECUTE ON FUNCTION migrate.inventory TO PUBLIC;
