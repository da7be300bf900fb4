-- 060_rights.sql: who may do what, from tables that must name every function and relation there is.

\ir common.psql

-- One that is half done, which takes more than one transaction.
CREATE TABLE twice AS SELECT 1 AS i FROM generate_series(1, 2);
SELECT migrate.register('0001_h', 'CREATE UNIQUE INDEX CONCURRENTLY ON twice (i)', project => 'half') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'half');
\set ON_ERROR_STOP 1
-- A run that has come to its end.
SELECT migrate.register('0001_d', '', project => 'done') \g /dev/null
CALL migrate.apply(project => 'done') \g /dev/null

BEGIN;
SELECT * FROM no_plan();

CREATE ROLE tap_public;
CREATE ROLE tap_monitor;
CREATE ROLE tap_author;
CREATE ROLE tap_deployer;
CREATE ROLE tap_approver;
CREATE ROLE tap_break_glass;
CREATE ROLE tap_administrator;
GRANT CREATE ON SCHEMA public TO PUBLIC;
SELECT migrate.grant_capability('tap_' || c, c)
    FROM unnest('{monitor,author,deployer,approver,break_glass,administrator}'::text[]) c \g /dev/null
SELECT migrate.register('0001_a', 'SELECT 1', '', 'SELECT true', project => 'p'), migrate.register('0002_b', '', '', project => 'p'),
       migrate.register('0003_c', '', '', project => 'p'), migrate.mark_applied('0001_a', 'test', 'p'),
       migrate.hold('0003_c', 'test', 'p'), migrate.ignore('test', 'nowhere') \g /dev/null

-- What comes of a statement that a role executes: 'yes', 'no' for 42501, else the SQLSTATE.
-- Nothing of it stands.
CREATE FUNCTION outcome(role_name text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', role_name, true);
    EXECUTE statement;
    RAISE 'back' USING ERRCODE = 'P0101';
EXCEPTION
    WHEN SQLSTATE 'P0101' THEN
        RETURN 'yes';
    WHEN insufficient_privilege THEN
        RETURN 'no';
    WHEN OTHERS THEN
        RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;

-- What an administrator may undo or adopt is his own.
GRANT CREATE ON SCHEMA public TO tap_administrator;
SELECT migrate.watch('test') \g /dev/null
SET ROLE tap_administrator;
CREATE TABLE public.admins (i int);
RESET ROLE;
SELECT migrate.unwatch('test') \g /dev/null

-- Functions.

CREATE TABLE rights (routine text PRIMARY KEY, may text, call text);
INSERT INTO rights VALUES
    ('show', 'public', 'SELECT migrate.show()'),
    ('is_applied', 'public', 'SELECT migrate.is_applied(''p:0001_a'')'),
    ('is_current', 'public', 'SELECT migrate.is_current()'),
    ('status', 'monitor', 'SELECT * FROM migrate.status()'),
    ('plan', 'monitor', 'SELECT * FROM migrate.plan()'),
    ('check', 'monitor', 'SELECT * FROM migrate.check()'),
    ('graph', 'monitor', 'SELECT migrate.graph()'),
    ('sql', 'monitor', 'SELECT migrate.sql(''p:0001_a'')'),
    ('inventory', 'monitor', 'SELECT * FROM migrate.inventory()'),
    ('seal', 'monitor', 'SELECT migrate.seal()'),
    ('prune_ddl_log', 'administrator', 'SELECT migrate.prune_ddl_log(''infinity'', ''why'')'),
    ('audit', 'monitor', 'SELECT * FROM migrate.audit()'),
    ('verify_history', 'monitor', 'SELECT * FROM migrate.verify_history()'),
    ('history_head', 'monitor', 'SELECT * FROM migrate.history_head()'),
    ('register', 'author', 'SELECT migrate.register(''0009_x'', '''', project => ''p'')'),
    ('load', 'author', 'SELECT * FROM migrate.load(''{0009_x.sql}'', ''{SELECT 1}'', project => ''p'')'),
    ('load_json', 'author', 'SELECT * FROM migrate.load_json(''{"0009_x.sql": "SELECT 1"}'', project => ''p'')'),
    ('load_directory', 'nobody', format('SELECT * FROM migrate.load_directory(%L)', current_setting('data_directory'))),
    ('unregister', 'author', 'SELECT migrate.unregister(''p:0002_b'')'),
    ('apply', 'deployer', 'CALL migrate.apply(project => ''p'')'),
    ('revert', 'deployer', 'CALL migrate.revert(project => ''p'')'),
    ('verify', 'deployer', 'SELECT * FROM migrate.verify()'),
    ('wait', 'monitor', format('CALL migrate.wait(%s)', (SELECT max(run_id) FROM migrate.runs))),
    ('cancel_run', 'deployer', format('SELECT migrate.cancel_run(%s, ''why'')', (SELECT max(run_id) FROM migrate.runs))),
    ('drift', 'monitor', 'SELECT * FROM migrate.drift()'),
    ('drift_diff', 'monitor', 'SELECT migrate.drift_diff()'),
    ('compare', 'monitor', 'SELECT * FROM migrate.compare(''expected'', ''current'')'),
    ('snapshot', 'deployer', 'SELECT migrate.snapshot(''now'')'),
    ('export_snapshot', 'monitor', 'SELECT migrate.export_snapshot(''current'')'),
    ('import_snapshot', 'deployer', format('SELECT migrate.import_snapshot(''then'', %L)', migrate.export_snapshot('current'))),
    ('rebase_expected', 'administrator', 'SELECT migrate.rebase_expected(''why'', ''older'')'),
    ('accept_drift', 'administrator', 'SELECT migrate.accept_drift(''*'', ''why'')'),
    ('ignore', 'administrator', 'SELECT migrate.ignore(''why'', ''partman'')'),
    ('unignore', 'administrator', 'SELECT migrate.unignore(1, ''why'')'),
    ('propose_revert', 'administrator', 'SELECT migrate.propose_revert(''public.admins'')'),
    ('undo_drift', 'administrator', 'SELECT migrate.undo_drift(''public.admins'', ''why'')'),
    ('adopt', 'administrator', format('SELECT migrate.adopt(''0008_admins'', %L, ''why'', ''p'')',
        (SELECT array_agg(id) FROM migrate.ddl_log WHERE statement ~ 'TABLE public.admins'))),
    ('hold', 'deployer', 'SELECT migrate.hold(''p:0002_b'', ''why'')'),
    ('release', 'deployer', 'SELECT migrate.release(''p:0003_c'', ''why'')'),
    ('mark_applied', 'administrator', 'SELECT migrate.mark_applied(''p:0002_b'', ''why'')'),
    ('mark_pending', 'administrator', 'SELECT migrate.mark_pending(''p:0001_a'', ''why'')'),
    ('resolve', 'administrator', 'SELECT migrate.resolve(''half:0001_h'', ''continue'', ''why'')'),
    ('baseline', 'administrator', 'SELECT migrate.baseline(''p:0001_a'', ''why'')'),
    ('accept_text', 'administrator', 'SELECT migrate.accept_text(''p:0001_a'', ''SELECT 2'', ''why'')'),
    ('configure', 'administrator', 'SELECT migrate.configure(''heads'', ''one'', ''why'')'),
    ('grant_capability', 'administrator', 'SELECT migrate.grant_capability(''tap_public'', ''monitor'')'),
    ('revoke_capability', 'administrator', 'SELECT migrate.revoke_capability(''tap_monitor'', ''monitor'')'),
    ('capability_monitor', 'monitor itself', 'SELECT migrate.capability_monitor()'),
    ('capability_author', 'author itself', 'SELECT migrate.capability_author()'),
    ('capability_deployer', 'deployer itself', 'SELECT migrate.capability_deployer()'),
    ('capability_approver', 'approver itself', 'SELECT migrate.capability_approver()'),
    ('capability_break_glass', 'break_glass itself', 'SELECT migrate.capability_break_glass()'),
    ('capability_administrator', 'administrator itself', 'SELECT migrate.capability_administrator()'),
    -- For the views, which everybody executes for himself.
    ('may_see', 'public', 'SELECT migrate.may_see(NULL)'),
    ('migration_states', 'public', 'SELECT * FROM migrate.migration_states()'),
    ('deployer', 'public', 'SELECT * FROM migrate.deployer()'),
    ('guard_write', 'nobody', 'SELECT migrate.guard_write()'),
    ('watch', 'nobody', 'SELECT migrate.watch()'),
    ('unwatch', 'nobody', 'SELECT migrate.unwatch(''why'')'),
    ('begin', 'deployer', 'SELECT migrate.begin(''by hand'', ''p'')'),
    ('finish', 'deployer', 'SELECT migrate.begin(''by hand'', ''p''); SELECT migrate.finish()'),
    ('break_glass', 'break_glass', 'SELECT migrate.break_glass(''why'')'),
    ('acknowledge', 'administrator', 'SELECT migrate.acknowledge(''{1000}'', ''why'')'),
    ('on_ddl_start', 'nobody', 'SELECT migrate.on_ddl_start()'),
    ('on_ddl_end', 'nobody', 'SELECT migrate.on_ddl_end()'),
    ('on_sql_drop', 'nobody', 'SELECT migrate.on_sql_drop()');
INSERT INTO migrate.log_ddl (id, logged_at, transaction_id, command_tag, statement, text_source, objects, origin, role_name, session_role, pid)
    VALUES (1000, now(), '3', 'CREATE TABLE', 'CREATE TABLE x ()', 'exact', '[]', 'direct', 'a', 'b', 1);
-- Snapshots of an older major that are what is expected, as if nothing had been captured since.
CREATE FUNCTION keep_as_older(label text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO migrate.snapshots (label, taken_at, taken_by, server_major, seen, ddl_id)
        VALUES (label, now(), 'somebody', 14, format('%1$s:%1$s:', pg_current_xact_id()::text::bigint + 1)::pg_snapshot, 1000);
    INSERT INTO migrate.snapshot_objects (label, key, object_type, identity, fingerprint)
        SELECT keep_as_older.label, key, object_type, identity, fingerprint FROM migrate.expected;
$$;
SELECT keep_as_older('older') \g /dev/null
-- Which capability has which others in it.
CREATE TABLE contained (may text, roles text[]);
INSERT INTO contained VALUES
    ('public', '{public,monitor,author,deployer,approver,break_glass,administrator}'),
    ('monitor', '{monitor,author,deployer,approver,administrator}'),
    ('author', '{author,deployer,administrator}'),
    ('deployer', '{deployer,administrator}'),
    ('administrator', '{administrator}'),
    ('break_glass', '{break_glass,administrator}'),
    ('nobody', '{}'),
    ('monitor itself', '{monitor}'), ('author itself', '{author}'), ('deployer itself', '{deployer}'),
    ('approver itself', '{approver}'), ('break_glass itself', '{break_glass}'), ('administrator itself', '{administrator}');

SELECT set_eq('SELECT routine FROM rights',
              $$SELECT proname::text FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace$$, 'every function has a row in the table of rights');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace GROUP BY proname HAVING count(*) > 1$$,
                'no function has two meanings');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace AND prosecdef$$,
                'none runs as its owner as a whole');
SELECT is(outcome('tap_' || r, call), CASE WHEN r = ANY (roles) THEN 'yes' ELSE 'no' END, routine || ': ' || r)
    FROM rights JOIN contained USING (may), unnest('{public,monitor,author,deployer,approver,break_glass,administrator}'::text[]) r
    ORDER BY routine, r;

GRANT pg_read_server_files TO tap_author, tap_monitor;
SELECT is(outcome('tap_monitor', call), 'no', 'load_directory: reading files is not enough') FROM rights WHERE routine = 'load_directory';
SELECT is(outcome('tap_author', 'SELECT * FROM migrate.load_directory(''/no/such/directory'')') LIKE '58P01%', true,
          'load_directory: an author who may read files');
REVOKE pg_read_server_files FROM tap_author, tap_monitor;
SELECT is(outcome('tap_public', 'SELECT 1/(count(*) - 1) FROM migrate.migration_states()'), 'yes', 'public sees no states');

-- Relations.

CREATE TABLE readable (relation text PRIMARY KEY, may text);
INSERT INTO readable VALUES
    ('history', 'monitor'), ('statement_log', 'monitor'), ('decisions', 'monitor'), ('runs', 'monitor'), ('progress', 'monitor'),
    ('texts', 'monitor'), ('migrations', 'monitor'), ('capabilities', 'monitor'), ('settings', 'monitor'), ('seals', 'monitor'),
    ('ignored', 'monitor'), ('ddl_log', 'monitor'), ('out_of_band', 'monitor'), ('out_of_band_history', 'monitor'), ('coverage', 'monitor'),
    ('log_ddl', 'nobody'), ('log_coverage', 'nobody'), ('glasses', 'nobody'), ('present_steps', 'nobody'),
    ('registered', 'nobody'), ('text_bodies', 'nobody'), ('definitions', 'nobody'), ('state', 'nobody'), ('baselines', 'nobody'),
    ('holds', 'nobody'), ('cancel_requests', 'nobody'), ('object_definitions', 'nobody'), ('expected', 'nobody'), ('adrift', 'nobody'), ('looks', 'nobody'), ('snapshots', 'monitor'), ('snapshot_objects', 'nobody'),
    ('unfinished', 'nobody'), ('unfinished_objects', 'nobody'), ('policies', 'nobody'), ('project_capabilities', 'nobody'), ('log_runs', 'nobody'), ('log_run_ends', 'nobody'),
    ('log_history', 'nobody'), ('log_statements', 'nobody'), ('log_decisions', 'nobody');
SELECT set_eq('SELECT relation FROM readable',
              $$SELECT relname::text FROM pg_class WHERE relnamespace = 'migrate'::regnamespace AND relkind IN ('r', 'v', 'm', 'p', 'f')$$,
              'every relation has a row in the table of what is readable');
SELECT is(outcome('tap_' || r, format('SELECT * FROM migrate.%I', relation)), CASE WHEN r = ANY (roles) THEN 'yes' ELSE 'no' END, relation || ': ' || r)
    FROM readable JOIN contained USING (may), unnest('{public,monitor,author,deployer,approver,break_glass,administrator}'::text[]) r
    ORDER BY relation, r;
SELECT is_empty($$SELECT c.relname, r, p FROM pg_class c, unnest('{public,monitor,author,deployer,approver,break_glass,administrator}'::text[]) r,
                         unnest('{INSERT,UPDATE,DELETE,TRUNCATE,TRIGGER,REFERENCES}'::text[]) p
                  WHERE relnamespace = 'migrate'::regnamespace AND relkind IN ('r', 'v') AND has_table_privilege('tap_' || r, c.oid, p)$$,
                'nobody may write to any of them');
SELECT is_empty($$SELECT c.relname, r FROM pg_class c, unnest('{public,monitor,author,deployer,approver,break_glass,administrator}'::text[]) r,
                         unnest('{USAGE,UPDATE}'::text[]) p
                  WHERE relnamespace = 'migrate'::regnamespace AND CASE relkind WHEN 'S' THEN has_sequence_privilege('tap_' || r, c.oid, p) END$$,
                'nor move a sequence');
SELECT is_empty($$SELECT r FROM unnest('{public,administrator}'::text[]) r WHERE has_schema_privilege('tap_' || r, 'migrate', 'CREATE')$$,
                'nor put anything into the schema');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'r'
                  AND NOT has_table_privilege('pg_database_owner', oid, 'SELECT')
                  UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'migrate'::regnamespace
                  AND CASE relkind WHEN 'S' THEN NOT has_sequence_privilege('pg_database_owner', oid, 'SELECT') END$$, 'the database''s owner can dump all');

-- Capabilities for one project.

CREATE ROLE tap_one;
SELECT migrate.grant_capability('tap_one', 'deployer', 'one') \g /dev/null
SELECT migrate.register('0001_o', '', '', 'SELECT true', project => 'one'), migrate.register('0001_t', '', '', project => 'two'), migrate.register('0002_t', '', '', project => 'two'),
       migrate.register('0002_o', '', '', project => 'one'), migrate.register('crossing', '', requires => '{one:0001_o,two:0002_t}', project => 'one'),
       migrate.mark_applied('0001_o', 'test', 'one'),
       migrate.mark_applied('0001_t', 'test', 'two') \g /dev/null
SELECT is(outcome('tap_one', t.call), t.result, 'deployer of one project: ' || t.call) FROM (VALUES
    ('SELECT migrate.register(''0003_o'', '''', project => ''one'')', 'yes'), ('SELECT migrate.register(''0003_o'', '''', project => ''two'')', 'no'),
    ('SELECT migrate.unregister(''0002_o'')', 'yes'), ('SELECT migrate.unregister(''0002_t'')', 'no'),
    ('SELECT * FROM migrate.status(''one'')', 'yes'), ('SELECT * FROM migrate.status(''two'')', 'no'), ('SELECT * FROM migrate.status()', 'no'),
    ('SELECT * FROM migrate.plan(NULL, ''one'')', 'yes'), ('SELECT * FROM migrate.plan(NULL, ''two'')', 'no'),
    ('SELECT * FROM migrate.audit(project => ''one'')', 'yes'), ('SELECT * FROM migrate.audit(project => ''two'')', 'no'), ('SELECT * FROM migrate.audit()', 'no'),
    ('SELECT * FROM migrate.check(''one'')', 'yes'), ('SELECT * FROM migrate.check()', 'no'),
    ('SELECT migrate.sql(''0001_o'')', 'yes'), ('SELECT migrate.sql(''0001_t'')', 'no'),
    ('CALL migrate.apply(''0002_o'', ''one'')', 'yes'), ('CALL migrate.apply(project => ''two'')', 'no'), ('CALL migrate.apply()', 'no'),
    ('CALL migrate.apply(''crossing'')', 'no'), ('CALL migrate.revert(project => ''one'')', 'yes'), ('CALL migrate.revert(project => ''two'')', 'no'),
    ('SELECT migrate.hold(''0002_o'', ''why'')', 'yes'), ('SELECT migrate.hold(''0001_t'', ''why'')', 'no'),
    ('SELECT * FROM migrate.verify(project => ''one'')', 'yes'), ('SELECT * FROM migrate.verify()', 'no'),
    ('SELECT migrate.mark_applied(''0002_o'', ''why'')', 'no'), ('SELECT migrate.grant_capability(''tap_one'', ''administrator'', ''one'')', 'no')
    ) AS t (call, result);
SELECT is(outcome('tap_one', format('SELECT 1/(CASE WHEN EXISTS (SELECT FROM migrate.%I WHERE project = ''two'') THEN 0 ELSE 1 END)', v)), 'yes',
          'it sees nothing of another project in ' || v) FROM unnest('{history,decisions,runs,migrations,capabilities}'::text[]) v;
SELECT is(outcome('tap_one', format('SELECT 1/count(*) FROM migrate.%I WHERE project = ''one''', v)), 'yes', 'but its own in ' || v)
    FROM unnest('{history,decisions,migrations,capabilities}'::text[]) v;
-- A condition that tells what it is shown is shown nothing that the view leaves out.
CREATE TABLE projects_of_views AS
    SELECT c.relname::text AS relation, a.attname::text AS column FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0
    WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'v' AND relname <> ALL ('{settings,present_steps}');
CREATE FUNCTION tells(value text) RETURNS boolean LANGUAGE plpgsql COST 0.00001 AS $$
BEGIN
    IF value ~ 'told' THEN
        RAISE 'it tells' USING ERRCODE = 'P0666';
    END IF;
    RETURN true;
END
$$;
SELECT migrate.register('told', 'SELECT ''told''', description => 'told', tags => '{told}', requires => '{}', project => 'told'),
       migrate.hold('told', 'told', 'told'), migrate.mark_applied('told', 'told', 'told') \g /dev/null
SELECT is(outcome('tap_monitor', 'SELECT * FROM migrate.texts WHERE tells(body)'), 'P0666: it tells', 'who sees all is told');
SELECT is(outcome('tap_one', format('SELECT * FROM migrate.%I WHERE tells(%I::text)', v.relation, v.column)), 'yes',
          format('who sees one project is not told by %s.%s', v.relation, v.column))
    FROM projects_of_views v ORDER BY v.relation, v.column;
SELECT migrate.grant_capability('tap_one', 'administrator', 'one') \g /dev/null
SELECT is(outcome('tap_one', t.call), t.result, 'administrator of one project: ' || t.call) FROM (VALUES
    ('SELECT migrate.mark_applied(''0002_o'', ''why'')', 'yes'), ('SELECT migrate.mark_applied(''0001_t'', ''why'')', 'no'),
    ('SELECT migrate.grant_capability(''tap_public'', ''monitor'', ''one'')', 'yes'), ('SELECT migrate.grant_capability(''tap_public'', ''monitor'', ''two'')', 'no'),
    ('SELECT migrate.grant_capability(''tap_public'', ''monitor'')', 'no'), ('SELECT migrate.configure(''heads'', ''one'', ''why'', ''one'')', 'yes'),
    ('SELECT migrate.configure(''heads'', ''one'', ''why'')', 'no'), ('SELECT migrate.baseline(''0001'', ''why'', ''one'')', 'yes'),
    ('SELECT migrate.baseline(''0001'', ''why'', ''two'')', 'no')) AS t (call, result);
SELECT set_eq($$SELECT capability, project, granted_by FROM migrate.capabilities WHERE role_name = 'tap_one'$$,
              $$VALUES ('deployer', 'one', current_user), ('administrator', 'one', current_user)$$, 'the view has them');
SELECT set_eq($$SELECT capability FROM migrate.capabilities WHERE role_name ~ '^tap_' AND project IS NULL$$,
              '{monitor,author,deployer,approver,break_glass,administrator}'::text[], 'and those for all projects');
ALTER ROLE tap_one RENAME TO tap_other;
SELECT is(outcome('tap_other', 'SELECT * FROM migrate.status(''one'')'), 'yes', 'a capability follows the role''s name');
SELECT migrate.revoke_capability('tap_other', 'administrator', 'one'), migrate.revoke_capability('tap_other', 'deployer', 'one') \g /dev/null
SELECT is(outcome('tap_other', 'SELECT * FROM migrate.status(''one'')'), 'no', 'and can be taken back');
SELECT is(outcome('tap_other', 'SELECT * FROM migrate.history'), 'no', 'with the views');
SELECT migrate.grant_capability('tap_other', 'monitor', 'one') \g /dev/null
REVOKE ALL ON ALL TABLES IN SCHEMA migrate FROM tap_other;
DROP ROLE tap_other;
SELECT lives_ok('SELECT * FROM migrate.capabilities; SELECT * FROM migrate.check(); SELECT migrate.show()', 'a row of a dropped role is in nobody''s way');
SELECT is_empty($$SELECT * FROM migrate.capabilities WHERE project = 'one'$$, 'and counts as absent');

CREATE ROLE tap_member IN ROLE tap_author;
CREATE ROLE tap_stranger NOINHERIT IN ROLE tap_author;
SELECT is(outcome('tap_member', 'SELECT migrate.register(''m'', '''')'), 'yes', 'who is a member inherits the capability');
SELECT is(outcome('tap_stranger', 'SELECT migrate.register(''m'', '''')'), 'no', 'unless he does not inherit');
SELECT is(outcome('tap_stranger', 'SET ROLE tap_author; SELECT migrate.register(''m'', '''')'), 'yes', 'and may become its owner');
SELECT is(e.hint, 'You may become a role that has it: SET ROLE tap_author;', 'which he is told')
    FROM (SELECT set_config('session_authorization', 'tap_stranger', true)) s CROSS JOIN LATERAL pg_temp.error_of('SELECT migrate.register(''m'', '''')') e;
RESET SESSION AUTHORIZATION;
SELECT throws_ok(t.call, t.code, NULL, t.code || ': ' || t.call) FROM (VALUES
    ('SELECT migrate.grant_capability(''tap_nobody'', ''monitor'')', '42704'), ('SELECT migrate.grant_capability(''tap_public'', ''nonsense'')', '22023'),
    ('SELECT migrate.grant_capability(NULL, ''monitor'')', '22004'), ('SELECT migrate.grant_capability(''tap_public'', NULL)', '22004'),
    ('SELECT migrate.revoke_capability(''tap_nobody'', ''monitor'')', '42704'), ('SELECT migrate.grant_capability(''tap_public'', ''monitor'', ''a b'')', '22023')
    ) AS t (call, code);
SELECT lives_ok($$SELECT migrate.revoke_capability('tap_public', 'monitor')$$, 'what is not there can be taken back');
SELECT is((SELECT count(*) FROM migrate.decisions WHERE decision = 'capability_granted' AND detail::text LIKE '%tap_one%'), 2::bigint,
          'capabilities granted are decisions');
SELECT unnest(ARRAY[is(e.code, '42501', 'what is missing is 42501'), matches(e.message, '"deployer"', 'the message names the capability'),
                    matches(e.hint, 'migrate\.grant_capability\(', 'the hint the call')])
    FROM (SELECT set_config('role', 'tap_public', true)) s CROSS JOIN LATERAL pg_temp.error_of('CALL migrate.apply(project => ''p'')') e;
RESET ROLE;

SELECT ok(hint LIKE '%another project%', 'who may elsewhere is told so') FROM (SELECT migrate.grant_capability('tap_public', 'monitor', 'p'), set_config('role', 'tap_public', true)) s
    CROSS JOIN LATERAL pg_temp.error_of('SELECT * FROM migrate.plan()') e;
RESET ROLE;
SELECT migrate.revoke_capability('tap_public', 'monitor', 'p') \g /dev/null

-- Nobody blocks or replaces what is another project's.

SELECT migrate.register('0001_x', '', project => 'theirs') \g /dev/null
CREATE ROLE tap_mine;
SELECT migrate.grant_capability('tap_mine', 'deployer', 'mine') \g /dev/null
SELECT is(outcome('tap_mine', call), 'no', call) FROM (VALUES
    ('SELECT migrate.register(''0001_a'', '''', replaces => ''{theirs:0001_x}'', project => ''mine'')'),
    ('SELECT migrate.register(''0001_a'', '''', conflicts => ''{theirs:0001_x}'', project => ''mine'')')) AS t (call);
SELECT is(outcome('tap_mine', 'SELECT migrate.register(''0001_a'', '''', requires => ''{theirs:0001_x}'', conflicts => ''{0002_b}'', project => ''mine'')'),
          'yes', 'requiring it hurts nobody');
SELECT migrate.register('0002_c', '', replaces => '{theirs:0001_x}', requires => '{}', project => 'mine') \g /dev/null
SELECT is(outcome('tap_mine', 'CALL migrate.apply(''0002_c'', ''mine'')'), 'no', 'nor does a run, whoever has registered it');
SELECT migrate.unregister('mine:0002_c') \g /dev/null
SELECT migrate.revoke_capability('tap_mine', 'deployer', 'mine') \g /dev/null
DROP OWNED BY tap_mine;
DROP ROLE tap_mine;

-- Migrations run as their caller.

CREATE TABLE treasure (i int);
CREATE FUNCTION applies_as(role_name text, up text, options jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM migrate.register('0001', up, project => 'caller', options => options);
    RETURN outcome(role_name, 'CALL migrate.apply(project => ''caller'')');
END
$$;
SELECT is(applies_as('tap_deployer', t.up), t.result, 'a deployer''s migration: ' || replace(t.up, E'\n', ' ')) FROM (VALUES
    ('CREATE TABLE mine (); DROP TABLE mine', 'yes'), ('DROP TABLE treasure', 'no'), ('SELECT * FROM treasure', 'no'), ('CREATE ROLE tap_new', 'no'),
    (E'COPY treasure FROM stdin;\n1\n\\.\n', 'no'), ('DELETE FROM migrate.log_history', 'no'), ('UPDATE migrate.state SET state = ''applied''', 'no'),
    ('INSERT INTO migrate.log_decisions DEFAULT VALUES', 'no'), ('SELECT migrate.capability_administrator()', 'no'),
    ('ALTER TABLE migrate.state DISABLE TRIGGER ALL', 'no'), ('TRUNCATE migrate.log_history', 'no'),
    ('ALTER FUNCTION migrate.seal() OWNER TO tap_deployer', 'no'), ('CREATE FUNCTION migrate.evil() RETURNS int LANGUAGE sql AS ''SELECT 1''', 'no'),
    ('COPY pg_authid TO PROGRAM ''true''', 'no'), ('SET session_replication_role = replica', 'no')
    ) AS t (up, result);
SELECT migrate.register('0001', 'CREATE TABLE mine ()', project => 'caller') \g /dev/null
SET ROLE tap_deployer;
CALL migrate.apply(project => 'caller') \g /dev/null
RESET ROLE;
SELECT table_owner_is('mine'::name, 'tap_deployer'::name);
SELECT pg_temp.rows_are($$SELECT role_name, session_role FROM migrate.history WHERE project = 'caller'$$,
                        $$VALUES ('tap_deployer', session_user)$$, 'the record has both of the caller''s roles');

-- Rows and policies of tables are kept, too.

CREATE TABLE guarded (i int);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
GRANT ALL ON guarded TO tap_deployer;
SELECT migrate.register('0001', E'COPY guarded FROM stdin;\n1\n\\.\n', project => 'rls') \g /dev/null
SELECT is(outcome('tap_deployer', 'CALL migrate.apply(project => ''rls'')') LIKE '0A000%', true, 'COPY refuses a table with row security, as COPY does');
GRANT INSERT ON treasure TO tap_deployer;
SELECT migrate.register('0001', E'COPY treasure FROM stdin;\n1\n\\.\n', project => 'copies') \g /dev/null
SELECT is(outcome('tap_deployer', 'CALL migrate.apply(project => ''copies'')'), 'yes', 'COPY needs INSERT, no more');
SELECT migrate.register('0002', E'COPY treasure FROM stdin WHERE i > 0;\n1\n\\.\n', project => 'copies') \g /dev/null
SELECT is(outcome('tap_deployer', 'CALL migrate.apply(project => ''copies'')'), 'no', 'and SELECT where it has a WHERE');
GRANT SELECT ON treasure TO tap_deployer;
SELECT is(outcome('tap_deployer', 'CALL migrate.apply(project => ''copies'')'), 'yes', 'with which it runs');
REVOKE SELECT ON treasure FROM tap_deployer;

-- Values of rows are not for everybody.

COMMIT;
CREATE TABLE secrets (secret text PRIMARY KEY);
INSERT INTO secrets VALUES ('tap secret');
SELECT migrate.register('0001', 'INSERT INTO secrets SELECT secret FROM secrets', project => 'masked') \g /dev/null
\set ON_ERROR_STOP 0
CALL migrate.apply(project => 'masked');
\set ON_ERROR_STOP 1
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '23505', 'an error with a row''s value');
SELECT matches(error_detail, 'tap secret', 'a superuser sees it') FROM migrate.history WHERE project = 'masked';
SET ROLE tap_monitor;
SELECT is((SELECT error_detail FROM migrate.history WHERE project = 'masked'), NULL, 'a monitor does not');
SELECT ok((SELECT count(*) = 1 FROM migrate.history WHERE project = 'masked' AND error_code = '23505'), 'but the rest');
SELECT ok(NOT (SELECT h::text FROM migrate.history h WHERE project = 'masked') ~ 'tap secret'
          AND NOT (SELECT r::text FROM migrate.runs r WHERE project = 'masked') ~ 'tap secret'
          AND NOT (SELECT string_agg(c::text, '') FROM migrate.check() c) ~ 'tap secret'
          AND NOT (SELECT string_agg(c, '') FROM migrate.show() c) ~ 'tap secret', 'nowhere');
RESET ROLE;
GRANT pg_read_all_data TO tap_monitor;
SET ROLE tap_monitor;
SELECT matches(error_detail, 'tap secret', 'with pg_read_all_data he does') FROM migrate.history WHERE project = 'masked';
RESET ROLE;

-- As a session of its own, whose user is no superuser.

CREATE EXTENSION dblink;
CREATE ROLE tap_login LOGIN;
CREATE ROLE tap_owner;
GRANT CREATE, USAGE ON SCHEMA public TO tap_owner;
SELECT migrate.grant_capability('tap_login', 'deployer', 'login') \g /dev/null
SELECT dblink_connect('login', format('dbname=%L host=%L port=%s user=tap_login', current_database(),
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'))) \g /dev/null
-- The SQLSTATE with which a migration of that session fails.
CREATE FUNCTION fails_with(up text, options jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM * FROM dblink('login', format('SELECT migrate.register(''0001'', %L, project => ''login'', options => %L)', up, options)) AS t (r text);
    PERFORM * FROM dblink('login', 'CALL migrate.apply(project => ''login'')') AS t (r bigint, a int);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
SELECT is(fails_with('SET ROLE ' || quote_ident(current_user)), '42501', 'a migration cannot become another role');
SELECT is(fails_with('SET SESSION AUTHORIZATION ' || quote_ident(current_user)), '42501', 'nor another user');
SELECT is(fails_with('CREATE TABLE started ()', '{"run_as": "tap_owner"}'), '42501', 'run_as: only a role that the session may become');
GRANT tap_owner TO tap_login;
SELECT is(fails_with('CREATE TABLE started ()', '{"run_as": "tap_owner", "search_path": "public"}'), NULL, 'run_as: a member may');
SELECT table_owner_is('started'::name, 'tap_owner'::name);
SELECT pg_temp.rows_are($$SELECT role_name, session_role, outcome FROM migrate.history WHERE project = 'login' ORDER BY id DESC LIMIT 1$$,
                        $$VALUES ('tap_login', 'tap_login', 'applied')$$, 'the record has who called');

-- A trigger that defers again what a run of all in one transaction checks at the end of each.
CREATE SCHEMA tap_escape AUTHORIZATION tap_login;
SELECT dblink_exec('login', 'SET client_min_messages = warning');
CREATE FUNCTION pg_temp.escape(constraints text) RETURNS SETOF text LANGUAGE plpgsql AS $f$
BEGIN
    PERFORM * FROM dblink('login', format('SELECT migrate.register(%L, %L, project => %L)', '0002_escape', format($_$
CREATE TABLE tap_escape.t (i int);
CREATE FUNCTION tap_escape.f() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.i = 1 THEN
        SET CONSTRAINTS ALL DEFERRED;
        INSERT INTO tap_escape.t VALUES (2);
    ELSIF current_user <> 'tap_login' THEN
        ALTER ROLE tap_login SUPERUSER;
    END IF;
    RETURN NULL;
END
$$;
%s;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO tap_escape.t VALUES (1);
$_$, constraints), 'login')) AS t (r text);
    RETURN NEXT is((SELECT (e).code FROM pg_temp.error_of($$SELECT * FROM dblink('login', 'CALL migrate.apply(project => ''login'', atomic => true)') AS t (r bigint, a int)$$) e),
        'MG009', 'what a trigger leaves to be checked is not checked by us');
    RETURN NEXT is((SELECT rolsuper FROM pg_roles WHERE rolname = 'tap_login'), false, 'as whoever we are then');
    PERFORM migrate.unregister('login:0002_escape');
END
$f$;
SELECT pg_temp.escape('CREATE CONSTRAINT TRIGGER t AFTER INSERT ON tap_escape.t DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION tap_escape.f()');
-- A name stands for all constraints of the schema that have it.
SELECT pg_temp.escape('CREATE TABLE tap_escape.u (i int, CONSTRAINT c UNIQUE (i) DEFERRABLE); CREATE CONSTRAINT TRIGGER c AFTER INSERT ON tap_escape.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tap_escape.f()');
SELECT dblink_disconnect('login') \g /dev/null

-- A schema that somebody else has prepared is not taken.

BEGIN;
DROP EXTENSION pg_migrations CASCADE;
CREATE SCHEMA migrate AUTHORIZATION tap_owner;
SELECT throws_ok('CREATE EXTENSION pg_migrations', '42P06', NULL, 'a schema prepared by somebody else is refused');
SELECT throws_ok('CREATE EXTENSION pg_migrations SCHEMA migrate', NULL, NULL, 'whatever schema is named');
DROP SCHEMA migrate;
SET LOCAL ROLE tap_owner;
SELECT throws_ok('CREATE EXTENSION pg_migrations', '42501', NULL, 'nor can an ordinary role install it');
ROLLBACK;

-- A hostile search_path runs nothing.

CREATE SCHEMA hostile;
CREATE FUNCTION hostile.trap() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped' USING ERRCODE = 'P0666'; END$$;
DO $$
DECLARE
    t text;
    o text;
BEGIN
    FOREACH t IN ARRAY '{text,name,bigint,integer,oid,bytea,jsonb,boolean,timestamptz,numeric,regrole,"\"char\"",text[],int8multirange,xid8}'::text[] LOOP
        EXECUTE format('CREATE FUNCTION hostile.op(%s, %s) RETURNS boolean LANGUAGE sql AS ''SELECT hostile.trap()''', t, t);
        FOREACH o IN ARRAY '{=,<>,<,<=,>,>=,+,-,*,/,||,~,@>,&&}'::text[] LOOP
            EXECUTE format('CREATE OPERATOR hostile.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = hostile.op)', o, t, t);
        END LOOP;
    END LOOP;
    FOREACH t IN ARRAY string_to_array('now() clock_timestamp() length(text) split_part(text,text,int) substr(text,int) strpos(text,text)'
        ' starts_with(text,text) quote_ident(text) quote_literal(text) sha256(bytea) convert_to(text,name) pg_has_role(name,text)'
        ' pg_has_role(text,text) nextval(regclass) current_setting(text) set_config(text,text,boolean) jsonb_build_object() to_regclass(text)'
        ' round(numeric,int) pg_blocking_pids(int) pg_current_xact_id() txid_current() pg_backend_pid() array_length(anyarray,int)', ' ') LOOP
        EXECUTE format('CREATE FUNCTION hostile.%s RETURNS text LANGUAGE sql AS ''SELECT hostile.trap()::text''', t);
    END LOOP;
END
$$;
CREATE VIEW hostile.registered AS SELECT hostile.trap();
CREATE VIEW hostile.pg_proc AS SELECT hostile.trap();
CREATE VIEW hostile.pg_roles AS SELECT hostile.trap();
CREATE FUNCTION trapped(statement text) RETURNS text LANGUAGE plpgsql SET search_path = hostile, pg_catalog, public AS $$
BEGIN
    EXECUTE statement;
    RAISE 'back';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END
$$;
SELECT is(trapped('SELECT ''a''::text = ''b''::text'), 'trapped', 'the trap works');
SELECT keep_as_older('older by now') \g /dev/null
SELECT is(trapped(replace(call, '''older''', '''older by now''')), 'back', 'nobody is trapped by ' || routine) FROM rights WHERE routine NOT IN ('guard_write', 'load_directory') AND NOT starts_with(routine, 'on_') ORDER BY routine;
SELECT is(trapped(format('SELECT * FROM migrate.%I', relation)), 'back', 'nor by ' || relation) FROM readable ORDER BY relation;

SELECT * FROM finish();
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
DROP OWNED BY tap_public, tap_monitor, tap_author, tap_deployer, tap_approver, tap_break_glass, tap_administrator, tap_owner, tap_login;
DROP ROLE tap_public, tap_monitor, tap_author, tap_deployer, tap_approver, tap_break_glass, tap_administrator, tap_owner, tap_login,
    tap_member, tap_stranger;
