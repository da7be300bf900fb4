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
SELECT finish();
