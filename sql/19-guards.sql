-- Whoever may write to every table may still not write to these.

CREATE FUNCTION migrate.guard_write() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'mig_guard_write';
COMMENT ON FUNCTION migrate.guard_write() IS 'refuses every writing that this extension does not do itself';
REVOKE ALL ON FUNCTION migrate.guard_write() FROM PUBLIC;

-- All of them are dumped with the database, sequences too; what was seen of this
-- database says nothing of another one.

DO $$
DECLARE
    relation pg_catalog.regclass;
    kind "char";
BEGIN
    FOR relation, kind IN
        SELECT c.oid, c.relkind FROM pg_catalog.pg_class c
        WHERE c.relnamespace OPERATOR(pg_catalog.=) 'migrate'::pg_catalog.regnamespace
            AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,S}')
        ORDER BY c.oid
    LOOP
        PERFORM pg_catalog.pg_extension_config_dump(relation,
            CASE WHEN relation OPERATOR(pg_catalog.=) 'migrate.looks'::pg_catalog.regclass THEN 'WHERE false' ELSE '' END);
        CONTINUE WHEN kind OPERATOR(pg_catalog.=) 'S';
        EXECUTE pg_catalog.format('CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON %s'
            ' FOR EACH ROW EXECUTE FUNCTION migrate.guard_write()', relation);
        EXECUTE pg_catalog.format('CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION migrate.guard_write()', relation);
        EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER guard, ENABLE ALWAYS TRIGGER guard_truncate', relation);
    END LOOP;
END
$$;

GRANT SELECT ON ALL TABLES IN SCHEMA migrate TO pg_database_owner;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA migrate TO pg_database_owner;
