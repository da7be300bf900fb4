-- bench/see.sql: times plan() and status() in one session, after a warm-up.
-- psql -v n=NUMBER: the number of migrations registered; 10 are pending.

CREATE TEMP TABLE times (function text, ms double precision);
SET bench.n = :'n';

DO $$
DECLARE
    began   timestamptz;
    found   bigint;
BEGIN
    FOR i IN -1 .. 3 LOOP
        began := clock_timestamp();
        SELECT count(*) INTO found FROM migrate.plan();
        ASSERT found = 10, format('plan() has %s rows', found);
        IF i > 0 THEN
            INSERT INTO times VALUES ('plan', 1000 * extract(epoch FROM clock_timestamp() - began));
        END IF;

        began := clock_timestamp();
        SELECT count(*) INTO found FROM migrate.status();
        ASSERT found = current_setting('bench.n')::bigint, format('status() has %s rows', found);
        IF i > 0 THEN
            INSERT INTO times VALUES ('status', 1000 * extract(epoch FROM clock_timestamp() - began));
        END IF;
    END LOOP;
END
$$;

SELECT format('%s()_of_%s', function, current_setting('bench.n')), ms FROM times;
