-- What is recorded of each statement outlives the statement.
\ir common.psql

SELECT no_plan();
SET pg_migrations.track = 'locks';
SELECT migrate.register('0001_t', 'CREATE TABLE public.st (i integer); INSERT INTO public.st SELECT generate_series(1, 100);');
SELECT migrate.register('0002_rewrite', 'ALTER TABLE public.st ALTER COLUMN i TYPE bigint; SELECT 1; ALTER TABLE public.st ADD COLUMN j integer;');
CALL migrate.apply();

SELECT results_eq(
	$$SELECT statement_no, rewritten FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id
	  WHERE h.name = '0002_rewrite' ORDER BY statement_no$$,
	$$VALUES (1, '{public.st}'::text[]), (2, NULL), (3, NULL)$$,
	'a rewrite is told by its new file, and only a rewrite');
SELECT is(
	(SELECT locks FROM migrate.statement_log s JOIN migrate.history h ON h.id = s.history_id
	 WHERE h.name = '0002_rewrite' AND statement_no = 1),
	'{AccessExclusiveLock public.st,ShareLock public.st}'::text[],
	'with track = locks the locks are kept as pg_locks spells them');

-- A function that says it is immutable is run while the statement is planned.
CREATE FUNCTION public.has_schema(wanted text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
	$$BEGIN RETURN EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = wanted); END$$;
SELECT migrate.register('0003_schema', 'CREATE SCHEMA seen; CREATE TABLE seen.t AS SELECT public.has_schema(''seen'') AS ok;',
	NULL, 'SELECT public.has_schema(''seen'');');
CALL migrate.apply();
SELECT ok(migrate.is_applied('0003_schema'), 'a verify sees what its migration did, even while it is planned');
SELECT results_eq('SELECT ok FROM seen.t', 'VALUES (true)', 'and so does a statement behind another');
SELECT finish();
