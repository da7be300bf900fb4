-- 030_plan.sql: order, states, policies, names; plan, check, status and their like.

\ir common.psql
BEGIN;
SELECT * FROM no_plan();

-- A project of empty migrations, in the order given.
CREATE FUNCTION register_empty(project text, VARIADIC names text[]) RETURNS void LANGUAGE sql AS
    $$SELECT migrate.register(n, '', '', project => $1) FROM unnest(names) n$$;
CREATE FUNCTION register_graph(project text, name text, VARIADIC requires text[] DEFAULT '{}') RETURNS text LANGUAGE sql AS
    $$SELECT migrate.register(name, '', '', requires => requires, project => project)$$;
-- The steps of a plan, and in parentheses what it leaves out.
CREATE FUNCTION planned(project text, target text DEFAULT NULL, direction text DEFAULT 'up', options jsonb DEFAULT '{}') RETURNS text
LANGUAGE sql AS $$
    SELECT string_agg(CASE WHEN step IS NULL THEN '(' || name || ')' ELSE name END, ' ' ORDER BY ordinality)
    FROM migrate.plan(target, project, direction, options) WITH ORDINALITY
$$;
CREATE FUNCTION state_in(project text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT state FROM migrate.status(project) s WHERE s.name = $2$$;

-- Order.

SELECT register_empty('natural', '10_j', '2_b', '1.10_i', '1.2_h', '9_a') \g /dev/null
SELECT is(planned('natural'), '1.2_h 1.10_i 2_b 9_a 10_j', 'numbers in versions compare as numbers');
SELECT register_empty('zeros', '0010_b', '0002_a', 'V3__c') \g /dev/null
SELECT is(planned('zeros'), '0002_a V3__c 0010_b', 'whatever zeros or letters stand before them');
SELECT register_empty('dates', '2026-01-02-000000_b', '20260101000000_a') \g /dev/null
SELECT is(planned('dates'), '2026-01-02-000000_b 20260101000000_a', 'a date in parts is several numbers');
SELECT register_empty('none', 'zeta', 'alpha', 'mid') \g /dev/null
SELECT is(planned('none'), 'zeta alpha mid', 'without versions: in order of registration');
SELECT register_graph('dag', '0003_c', '0009_i'), register_graph('dag', '0009_i', '0001_a'), register_graph('dag', '0001_a'),
       register_graph('dag', '0002_b') \g /dev/null
SELECT is(planned('dag'), '0001_a 0002_b 0009_i 0003_c', 'requirements first, then by version');
SELECT register_empty('linear', '0001_a', '0002_b', '0003_c') \g /dev/null
SELECT register_graph('linear', '0004_d', '0001_a'), register_empty('linear', '0005_e') \g /dev/null
SELECT is(planned('linear', '0004_d'), '0001_a 0004_d', 'one that says what it requires follows nothing else');
SELECT is(planned('linear', '0005_e'), '0001_a 0004_d 0005_e', 'one that does not follows its predecessor, whatever that requires');
SELECT register_graph('there', 'x', 'dag:0002_b') \g /dev/null
SELECT is(planned('there'), '0002_b x', 'what another project has to give comes first');

-- Columns and rows.

SELECT migrate.register('0001_a', 'CREATE TABLE plan_a (); SELECT 1; SELECT 2', 'DROP TABLE plan_a', project => 'rows'),
       migrate.register('0002_b', '', project => 'rows') \g /dev/null
SELECT pg_temp.rows_are($$SELECT step, project, name, action, mode, statements, rewritten, destructive, warnings
                          FROM migrate.plan(project => 'rows')$$,
                        $$VALUES (1, 'rows', '0001_a', 'apply', 'transaction', 3, NULL, NULL, NULL),
                                 (2, 'rows', '0002_b', 'apply', 'transaction', 0, NULL, NULL, NULL)$$, 'steps are numbered');
SELECT is(planned('rows', '0001_a'), '0001_a', 'a target');
SELECT is(planned('rows', 'latest'), '0001_a 0002_b', 'latest');
SELECT is(planned('rows', NULL, 'up', '{"names": ["0001_a"]}'), '0001_a', 'names');
CALL migrate.apply(project => 'rows') \g /dev/null
SELECT is_empty($$SELECT * FROM migrate.plan(project => 'rows')$$, 'nothing to do: no rows');
SELECT is(planned('rows', NULL, 'down'), '(0002_b)', 'what cannot be reverted is left out of a plan');
SELECT matches(reason, 'no down', 'which says why') FROM migrate.plan(project => 'rows', direction => 'down');
SELECT migrate.register('0002_b', '', '', project => 'rows') \g /dev/null
SELECT is(planned('rows', NULL, 'down'), '0002_b', 'down: the last one');
SELECT is(planned('rows', 'zero', 'down'), '0002_b 0001_a', 'down to zero');
SELECT is(planned('rows', '0001_a', 'down'), '0002_b', 'down to a target, which stays');
SELECT set_eq($$SELECT action FROM migrate.plan('zero', 'rows', 'down')$$, ARRAY['revert'], 'it is called revert');
SELECT throws_ok($$SELECT * FROM migrate.plan(direction => 'sideways')$$, '22023', NULL, 'another direction');
SELECT throws_ok($$SELECT * FROM migrate.plan(options => '{"nonsense": 1}')$$, '22023', NULL, 'an unknown option');
SELECT throws_ok($$SELECT * FROM migrate.plan('nonsense')$$, 'MG002', NULL, 'an unknown target');

-- What is left out, and why.

SELECT register_empty('left', '0001_a', '0002_b', '0003_c'), register_graph('left', '0004_d', '0001_a') \g /dev/null
SELECT migrate.hold('0002_b', 'wait', 'left') \g /dev/null
SELECT is(planned('left'), '0001_a 0004_d (0002_b) (0003_c)', 'held and blocked ones come last, without a step');
SELECT set_eq($$SELECT name, reason FROM migrate.plan(project => 'left') WHERE step IS NULL$$,
              $$VALUES ('0002_b', 'held'), ('0003_c', 'blocked by left:0002_b')$$, 'with the reason');
SELECT is(state_in('left', '0002_b') || ' ' || state_in('left', '0003_c'), 'held blocked', 'status says the same');

-- Late-comers.

SELECT register_empty('late', '0001_a', '0003_c') \g /dev/null
CALL migrate.apply(project => 'late') \g /dev/null
SELECT register_empty('late', '0002_b', '0004_d') \g /dev/null
SELECT is(state_in('late', '0002_b') || ' ' || state_in('late', '0004_d'), 'out_of_order pending', 'a late-comer is shown as such');
SELECT is(planned('late'), '0002_b 0004_d', 'and applied, as things stand');
SELECT matches(reason, 'out of order', 'with the reason') FROM migrate.plan(project => 'late') WHERE name = '0002_b';
SELECT migrate.configure('out_of_order', 'skip', 'test', 'late') \g /dev/null
SELECT is(planned('late'), '0004_d (0002_b)', 'skip: it is left out');
SELECT is(is_pending, false, 'so it is not pending') FROM migrate.migrations WHERE project = 'late' AND name = '0002_b';
SELECT migrate.configure('out_of_order', 'refuse', 'test', 'late') \g /dev/null
SELECT is(planned('late') ~ '^\(', true, 'refuse: the plan does not raise, and has no step');
SELECT matches(reason, 'refused: .*out_of_order', 'it has the rule') FROM migrate.plan(project => 'late') WHERE name = '0002_b';
SELECT throws_ok($$CALL migrate.apply(project => 'late')$$, 'MG007', NULL, 'apply raises');
CREATE FUNCTION rule_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rule text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS rule = CONSTRAINT_NAME;
    RETURN rule;
END
$$;
SELECT is(rule_of($$CALL migrate.apply(project => 'late')$$), 'out_of_order', 'with the rule as the constraint''s name');
SELECT throws_ok($$CALL migrate.apply(project => 'late', options => '{"override": ["out_of_order"]}')$$, '22023', NULL,
                 'to override it needs a reason');
SELECT throws_ok($$CALL migrate.apply(project => 'late', reason => 'why', options => '{"override": ["nonsense"]}')$$, '22023', NULL,
                 'and a rule there is');
SELECT is(planned('late', NULL, 'up', '{"override": ["out_of_order"]}'), '0002_b 0004_d', 'the plan with the override');
CALL migrate.apply(project => 'late', reason => 'why', options => '{"override": ["out_of_order"]}') \g /dev/null
SELECT is(state_in('late', '0002_b'), 'applied', 'overridden');
SELECT is((SELECT reason FROM migrate.decisions WHERE decision = 'overridden' AND project = 'late'), 'why', 'which is a decision');
SELECT register_graph('late', '0002.5_x', '0001_a') \g /dev/null
SELECT is(state_in('late', '0002.5_x'), 'pending', 'one that says what it requires is never late');

-- Policies are settings.

SELECT migrate.configure(d.setting, NULL, 'the default') FROM unnest('{blockers,blockers_min_age,drift,heads,out_of_order}'::text[]) AS d (setting) \g /dev/null
SELECT set_eq($$SELECT setting, value, source FROM migrate.settings WHERE setting !~ '^pg_migrations[.]' AND project IS NULL$$,
              $$VALUES ('blockers', 'wait', 'default'), ('blockers_min_age', '60', 'default'), ('drift', 'warn', 'default'),
                       ('heads', 'many', 'default'), ('out_of_order', 'apply', 'default')$$, 'settings shows all policies with their defaults');
SELECT is((SELECT count(*) FROM migrate.decisions WHERE decision = 'setting_changed' AND project = 'late'), 2::bigint, 'a change is a decision');
SELECT set_eq($$SELECT project, value, source FROM migrate.settings WHERE setting = 'out_of_order'$$,
              $$VALUES (NULL, 'apply', 'default'), ('late', 'refuse', 'configure')$$, 'settings shows what holds');
SELECT migrate.configure('out_of_order', NULL, 'back', 'late') \g /dev/null
SELECT set_eq($$SELECT project, value, source FROM migrate.settings WHERE setting = 'out_of_order'$$,
              $$VALUES (NULL::text, 'apply', 'default')$$, 'NULL goes back to the default');
SELECT throws_ok(t.call, t.code, NULL, t.code || ': ' || t.call) FROM (VALUES
    ('SELECT migrate.configure(''nonsense'', ''x'', ''why'')', '22023'), ('SELECT migrate.configure(''heads'', ''two'', ''why'')', '22023'),
    ('SELECT migrate.configure(''heads'', ''one'', NULL)', '22004'), ('SELECT migrate.configure(NULL, ''one'', ''why'')', '22004'),
    ('SELECT migrate.configure(''approvals'', ''1'', ''why'')', '22023'), ('SELECT migrate.configure(''heads'', ''one'', '''')', '22023'),
    ('SELECT migrate.configure(''heads'', ''one'', ''why'', ''a b'')', '22023')
    ) AS t (call, code);

SELECT register_graph('heads', 'h1'), register_graph('heads', 'h2', 'h1'), register_graph('heads', 'h3', 'h1') \g /dev/null
SELECT is(planned('heads'), 'h1 h2 h3', 'many heads are fine');
SELECT migrate.configure('heads', 'one', 'test') \g /dev/null
SELECT unnest(ARRAY[is(e.code, 'MG005', 'unless they are not: MG005'), matches(e.message || e.detail, 'h2.*h3', 'with their names')])
    FROM pg_temp.error_of($$CALL migrate.apply(project => 'heads')$$) e;
SELECT lives_ok($$SELECT * FROM migrate.plan(project => 'heads')$$, 'plan does not raise');
SELECT matches(reason, '^refused: ', 'it says so') FROM migrate.plan(project => 'heads') LIMIT 1;
SELECT matches(message, 'h2.*h3', 'check() tells') FROM migrate.check('heads') WHERE code = 'heads' AND severity = 'error';
SELECT register_graph('heads', 'h4', 'h2', 'h3') \g /dev/null
SELECT is(planned('heads'), 'h1 h2 h3 h4', 'an empty migration joins heads');
SELECT migrate.configure('heads', NULL, 'test') \g /dev/null

-- What is wrong is told, all of it at once.

SELECT register_graph('wrong', 'c1', 'c3'), register_graph('wrong', 'c2', 'c1'), register_graph('wrong', 'c3', 'c2'), register_graph('wrong', 'own', 'own'),
       register_graph('wrong', 'm1', 'nowhere', 'elsewhere:gone'), register_graph('wrong', 'm2', 'm1'), register_graph('wrong', 'good') \g /dev/null
SELECT migrate.register('broken', '', 'SELEC', requires => '{}', project => 'wrong') \g /dev/null
SELECT set_eq($$SELECT DISTINCT severity, code, name FROM migrate.check('wrong') WHERE severity = 'error'$$,
              $$VALUES ('error', 'cycle', 'c1'), ('error', 'cycle', 'c2'), ('error', 'cycle', 'c3'), ('error', 'cycle', 'own'),
                       ('error', 'missing', 'm1'), ('error', 'broken_down', 'broken')$$, 'check() tells all');
SELECT ok(message ~ '(wrong:)?c1 -> (wrong:)?c3 -> (wrong:)?c2 -> (wrong:)?c1'
          OR message ~ '(wrong:)?c1 -> (wrong:)?c2 -> (wrong:)?c3 -> (wrong:)?c1', 'a cycle with its path')
    FROM migrate.check('wrong') WHERE name = 'c1';
SELECT matches(message, '(wrong:)?own -> (wrong:)?own', 'also of one') FROM migrate.check('wrong') WHERE name = 'own';
SELECT matches(message, 'nowhere.*elsewhere:gone', 'all that is missing') FROM migrate.check('wrong') WHERE name = 'm1';
SELECT is(state_in('wrong', t.name), t.state, 'state of ' || t.name) FROM (VALUES
    ('c1', 'blocked'), ('own', 'blocked'), ('m1', 'blocked'), ('m2', 'blocked'), ('good', 'pending'), ('broken', 'pending')) AS t (name, state);
SELECT matches(e.code, 'MG003|MG004', 'apply raises the first') FROM pg_temp.error_of($$CALL migrate.apply(project => 'wrong')$$) e;
SELECT unnest(ARRAY[is(e.code, 'MG003', 'a cycle: MG003'), matches(e.message, '-> (wrong:)?c[123] ->', 'prints it')])
    FROM pg_temp.error_of($$CALL migrate.apply('c1', 'wrong')$$) e;
SELECT unnest(ARRAY[is(e.code, 'MG004', 'a missing requirement: MG004'), matches(e.message || e.detail, 'nowhere', 'names it')])
    FROM pg_temp.error_of($$CALL migrate.apply('m2', 'wrong')$$) e;
SELECT lives_ok($$SELECT * FROM migrate.plan(project => 'wrong'); SELECT * FROM migrate.status(); SELECT migrate.show();
                  SELECT migrate.graph(format => f) FROM unnest('{text,dot,mermaid}'::text[]) f$$, 'looking does not raise');
SELECT lives_ok($$CALL migrate.apply('good', 'wrong')$$, 'what is good can be applied');
SELECT throws_ok($$SELECT * FROM migrate.check('wrong', 'error')$$, 'MG016', NULL, 'fail_on: MG016');
SELECT matches(e.detail, 'nowhere', 'with the findings') FROM pg_temp.error_of($$SELECT * FROM migrate.check('wrong', 'error')$$) e;
SELECT lives_ok($$SELECT * FROM migrate.check('left', 'error')$$, 'what is held is no error');
SELECT throws_ok($$SELECT * FROM migrate.check('left', 'warning')$$, 'MG016', NULL, 'but a warning');
SELECT throws_ok($$SELECT * FROM migrate.check('left', 'rain')$$, '22023', NULL, 'another level');
SELECT lives_ok($$SELECT * FROM migrate.check('natural', 'warning')$$, 'a sound project passes');
SELECT register_graph('wrong', 'nowhere'), register_graph('elsewhere', 'gone') \g /dev/null
SELECT is(planned('wrong', 'm2'), 'gone nowhere m1 m2', 'a requirement may be registered later');

SELECT register_graph('round', 'ok1', 'ok1'), register_graph('round', 'ok2', 'ok1'), register_graph('round', 'ok3', 'ok2'),
       migrate.mark_applied('ok1', 'test', 'round') \g /dev/null
SELECT migrate.hold('ok2', 'wait', 'round') \g /dev/null
SELECT is(planned('round'), '(ok2) (ok3)', 'behind a cycle that is applied a hold still holds');
SELECT migrate.release('ok2', 'go', 'round') \g /dev/null
CALL migrate.apply(project => 'round') \g /dev/null
SELECT is(e.code, 'MG003', 'what requires itself cannot be reverted: ' || call) FROM unnest(ARRAY[
    $$CALL migrate.revert(project => 'round', steps => 5000)$$, $$CALL migrate.revert('zero', 'round')$$]) call, pg_temp.error_of(call) e;
SELECT is(planned('round', 'zero', 'down'), '(ok3) (ok2) (ok1)', 'the plan leaves all of it out');
SELECT is(planned('round', 'ok1', 'down'), 'ok3 ok2', 'what stands behind it can');
SELECT matches(e.hint, 'mark_pending', 'it says what to do') FROM pg_temp.error_of($$CALL migrate.revert('zero', 'round')$$) e;
SELECT register_graph('round', 'c1', 'c2'), register_graph('round', 'c2', 'c1'), register_graph('round', 'c3', 'c1') \g /dev/null
SELECT is(state_in('round', 'c3') || is_pending, 'blockedfalse', 'what requires one in a cycle is blocked, not pending')
    FROM migrate.migrations WHERE project = 'round' AND name = 'c3';

-- Baselines that are required, and held.

CREATE FUNCTION register_with_baseline(project text, before text DEFAULT '10_a') RETURNS void LANGUAGE sql AS $$
    SELECT migrate.register(before, '', '', project => $1), migrate.register('50_b', '', '', kind => 'baseline', project => $1),
           migrate.register('70_c', '', '', requires => '{50_b}', project => $1)
$$;
SELECT register_empty('long', '10_a') \g /dev/null
CALL migrate.apply(project => 'long') \g /dev/null
SELECT register_with_baseline('long'), register_empty('long', '20_a') \g /dev/null
SELECT is(planned('long', '70_c'), '20_a 70_c', 'with history, who requires a baseline requires all up to it');
SELECT is(state_in('long', '50_b') || ' ' || state_in('long', '70_c'), 'superseded pending', 'status says so');
SELECT migrate.hold('20_a', 'wait', 'long') \g /dev/null
SELECT set_eq($$SELECT name, reason FROM migrate.plan('70_c', 'long')$$,
              $$VALUES ('20_a', 'held'), ('70_c', 'blocked by long:20_a')$$, 'one of those held blocks it');
SELECT set_eq($$SELECT code, name FROM migrate.check('long')$$, $$VALUES ('held', '20_a'), ('blocked', '70_c')$$, 'check() tells');
SELECT is(rule_of($$CALL migrate.apply('70_c', 'long')$$), 'held', 'apply refuses it');
SELECT migrate.release('20_a', 'go', 'long') \g /dev/null
CALL migrate.apply(project => 'long') \gset
SELECT is(:applied, 2, 'released, both are applied, the baseline is not');
SELECT ok(migrate.is_current('long') AND migrate.is_applied('70_c', 'long') AND NOT migrate.is_applied('50_b', 'long'), 'and that is all');
SELECT is(planned('long', '10_a', 'down'), '70_c 20_a', 'what required it goes before what stood for it');
SELECT migrate.mark_pending('10_a', 'test', 'long'), register_graph('long', '80_d', '50_b') \g /dev/null
SELECT is(planned('long', '80_d'), '10_a 80_d', 'also one that is pending behind one that is applied');
SELECT register_graph('long', '30_e', '50_b'), register_graph('long', '31_f', '50_b') \g /dev/null
SELECT is(planned('long'), '10_a 30_e 31_f 80_d', 'one that requires what comes after it requires what is before it');

SELECT migrate.register('30_b', '', '', kind => 'baseline', project => 'newest'), register_with_baseline('newest'),
       register_graph('newest', '80_d', '30_b') \g /dev/null
SELECT is(planned('newest'), '50_b 70_c 80_d', 'who requires an older baseline requires the one that runs');
SELECT is(planned('newest', '80_d'), '50_b 80_d', 'also alone');

SELECT register_with_baseline('held'), register_empty('held', '60_l') \g /dev/null
SELECT migrate.hold('50_b', 'wait', 'held') \g /dev/null
SELECT set_eq($$SELECT name, reason FROM migrate.plan('70_c', 'held') WHERE step IS NULL$$,
              $$VALUES ('50_b', 'held'), ('70_c', 'blocked by held:50_b')$$, 'a baseline that is held blocks who requires it');
SELECT is(rule_of($$CALL migrate.apply('70_c', 'held')$$), 'held', 'apply refuses');
SELECT is(rule_of($$CALL migrate.apply('50_b', 'held')$$), 'held', 'both of them');
SELECT is(planned('held'), '10_a 60_l (50_b) (70_c)', 'the line goes on without it');
SELECT is(state_in('held', '50_b') || ' ' || state_in('held', '70_c'), 'held blocked', 'status says the same');
SELECT is(planned('held', '70_c', 'up', '{"override": ["held"]}'), '50_b 70_c', 'overridden, it starts the project');
CALL migrate.apply(project => 'held') \gset
SELECT is(:applied, 2, 'so does apply');
SELECT is(planned('held'), '(50_b) (70_c)', 'the hold holds where the baseline is no longer needed');
SELECT set_eq($$SELECT code, name FROM migrate.check('held')$$, $$VALUES ('held', '50_b'), ('blocked', '70_c')$$, 'check() says that as well');
SELECT migrate.release('50_b', 'go', 'held') \g /dev/null
SELECT is(planned('held'), '70_c', 'released, it is skipped');

SELECT migrate.register('50_b', '', '', kind => 'baseline', requires => '{10_a}', project => 'own'), register_empty('own', '10_a') \g /dev/null
SELECT is(planned('own'), '50_b', 'a baseline may require what it runs instead of');
SELECT register_empty('heir', '10_a') \g /dev/null
CALL migrate.apply(project => 'heir') \g /dev/null
SELECT register_empty('heir', '20_a'),
       migrate.register('50_b', '', '', kind => 'baseline', replaces => '{10_a,20_a}', project => 'heir') \g /dev/null
SELECT is(planned('heir'), '20_a', 'a baseline that is skipped replaces nothing');

-- Two that would run in the place of the same migration.

SELECT register_empty('rivals', '0001_a', '0002_b', '0003_c'),
       migrate.register('0004_s', '', '', replaces => '{0001_a,0002_b}', project => 'rivals'),
       migrate.register('0005_t', '', '', replaces => '{0002_b,0003_c}', project => 'rivals') \g /dev/null
SELECT is(e.code || ' ' || e.message || ' ' || e.detail, 'MG005 migrations "rivals:0004_s" and "rivals:0005_t" would both run in the place of another one It is "rivals:0002_b".', 'MG005')
    FROM pg_temp.error_of($$CALL migrate.apply(project => 'rivals')$$) e;
SELECT matches((SELECT hint FROM pg_temp.error_of($$CALL migrate.apply(project => 'rivals')$$)), $$migrate\.hold\('rivals:0005_t'$$, 'with a way');
SELECT is(planned('rivals', '0004_s'), '0004_s', 'the first is not in the way of itself');
SELECT migrate.hold('0005_t', 'until', 'rivals') \g /dev/null
SELECT is(planned('rivals'), '0004_s (0005_t)', 'held, it lets the other run');
CALL migrate.apply(project => 'rivals') \g /dev/null
CALL migrate.apply(project => 'rivals') \g /dev/null
SELECT migrate.release('0005_t', 'go', 'rivals') \g /dev/null
SELECT is((SELECT string_agg(action || ' ' || name, ', ') FROM migrate.plan(project => 'rivals')), 'mark 0005_t', 'and is only recorded then');
SELECT register_empty('nested', '0001_a', '0002_b'),
       migrate.register('0003_s', '', '', replaces => '{0001_a,0002_b}', project => 'nested'),
       migrate.register('0004_s', '', '', replaces => '{0003_s}', project => 'nested'),
       migrate.register('0005_t', '', '', replaces => '{0001_a}', project => 'nested') \g /dev/null
SELECT throws_ok($$CALL migrate.apply(project => 'nested')$$, 'MG005', NULL, 'one that replaces a replacement takes the same places');
SELECT migrate.unregister('0005_t', 'nested') \g /dev/null
SELECT is(planned('nested'), '0004_s', 'which is no rival of what it replaces');
SELECT register_empty('based', '0001_a', '0002_b', '0003_c'),
       migrate.register('0003_base', '', '', kind => 'baseline', version => '0003.1', project => 'based'),
       migrate.register('0004_s', '', '', replaces => '{0001_a,0002_b}', project => 'based') \g /dev/null
SELECT is(planned('based'), '0003_base', 'a baseline runs instead of what replaces only what it covers');
CALL migrate.apply(project => 'based') \g /dev/null
SELECT is((SELECT string_agg(action || ' ' || name, ', ') FROM migrate.plan(project => 'based')), 'mark 0004_s', 'which is recorded then');
SELECT register_empty('based3', '0001_a', '0002_b'),
       migrate.register('0002_base', '', '', kind => 'baseline', version => '0002', project => 'based3'),
       migrate.register('inner', '', '', replaces => '{0001_a,0002_b}', project => 'based3'),
       migrate.register('outer', '', '', replaces => '{inner}', project => 'based3') \g /dev/null
SELECT is(planned('based3'), '0002_base', 'also of what replaces a replacement of that');
CALL migrate.apply(project => 'based3') \g /dev/null
SELECT is((SELECT string_agg(action || ' ' || name, ', ') FROM migrate.plan(project => 'based3')), 'mark outer', 'which is recorded as well');
SELECT register_empty('based2', '0001_a', '0002_b', '0003_c', '0005_d'),
       migrate.register('0003_base', '', '', kind => 'baseline', version => '0003.1', project => 'based2'),
       migrate.register('0006_s', '', '', replaces => '{0001_a,0005_d}', project => 'based2') \g /dev/null
SELECT throws_ok($$CALL migrate.apply(project => 'based2')$$, 'MG005', NULL, 'one that replaces more than that is a rival');
SELECT migrate.hold('0003_base', 'until', 'based2') \g /dev/null
SELECT is(planned('based2'), '0006_s 0002_b 0003_c (0003_base)', 'until the baseline is held');

-- Names.

SELECT register_empty('names', '0010_orders', '0011_orders_fk', '0012_items'), register_empty('other', '0010_customers') \g /dev/null
SELECT is(migrate.is_applied(t.name, t.project), false, 'found: ' || t.name || coalesce(' in ' || t.project, '')) FROM (VALUES
    ('names:0012_items', NULL), ('0012_items', NULL), ('0012_items', 'names'), ('0012', 'names'), ('0012_i', 'names'), ('names:0012', NULL),
    ('0010', 'names'), ('0010_o', NULL), ('0010_orders', 'names'), ('0011', NULL), ('0010', 'other'), ('other:0010', NULL)
    ) AS t (name, project);
SELECT throws_ok(format('SELECT migrate.is_applied(%L, %L)', t.name, t.project), t.code, NULL, t.code || ': ' || t.name || coalesce(' in ' || t.project, ''))
    FROM (VALUES ('0010', NULL, 'MG015'), ('001', 'names', 'MG015'), ('0010_', NULL, 'MG015'), ('nonsense', NULL, 'MG002'), ('12', 'names', 'MG002'),
                 ('0012_items', 'other', 'MG002'), ('other:0012_items', NULL, 'MG002'), ('names:0012_items', 'other', 'MG002'),
                 ('0012_ITEMS', 'names', 'MG002'), ('%', 'names', 'MG002'), ('_0012', 'names', 'MG002'), ('', 'names', 'MG002'), ('nowhere:', NULL, 'MG002')
         ) AS t (name, project, code);
SELECT matches(e.hint, 'names:0012_items', 'MG002 with the nearest name')
    FROM pg_temp.error_of($$SELECT migrate.is_applied('0012_itmes')$$) e;
SELECT unnest(ARRAY[matches(e.detail, 'names:0010_orders', 'MG015 with all of them'), matches(e.detail, 'other:0010_customers', 'all of them')])
    FROM pg_temp.error_of($$SELECT migrate.is_applied('0010')$$) e;
SELECT throws_ok(replace(t.call, '?', q.name), q.code, NULL, q.code || ': ' || t.call)
    FROM (VALUES ('SELECT migrate.is_applied(?)'), ('SELECT migrate.sql(?)'), ('SELECT * FROM migrate.plan(?)'), ('CALL migrate.apply(?)'),
                 ('CALL migrate.revert(?)'), ('SELECT * FROM migrate.verify(?)'), ('SELECT migrate.mark_applied(?, ''why'')'),
                 ('SELECT migrate.mark_pending(?, ''why'')'), ('SELECT migrate.hold(?, ''why'')'), ('SELECT migrate.release(?, ''why'')'),
                 ('SELECT migrate.unregister(?)'), ('SELECT migrate.accept_text(?, '''', ''why'')'), ('SELECT * FROM migrate.plan(?, direction => ''down'')'),
                 ('SELECT * FROM migrate.plan(options => jsonb_build_object(''names'', array[?]))'),
                 ('CALL migrate.apply(options => jsonb_build_object(''names'', array[?]))')) AS t (call)
    CROSS JOIN (VALUES ('''itmes''', 'MG002'), ('''0010''', 'MG015')) AS q (name, code);
SELECT throws_ok(format('SELECT migrate.baseline(%L, ''why'', %L)', t.name, t.project), t.code, NULL, t.code || ': baseline of ' || t.name)
    FROM (VALUES ('itmes', NULL, 'MG002'), ('0042_orders', NULL, 'MG002'), ('V42', NULL, 'MG002'), ('0042 ', 'names', 'MG002'), ('-42', NULL, 'MG002'),
                 ('names:42', NULL, 'MG002'), ('0010_', NULL, 'MG015'), ('001', NULL, 'MG015'), ('010', NULL, 'MG015')) AS t (name, project, code);
SELECT register_empty('shop', '0041_carts', '0042_orders_fk', '0043_notes') \g /dev/null
SELECT is(migrate.baseline('0042_ord', 'why'), 2, 'a baseline is found by a unique beginning');
SELECT register_empty('books', '0052_orders_fk', '0053_notes') \g /dev/null
SELECT is(migrate.baseline('52', 'why'), 1, 'and, its project not given, by a version that is equal');
SELECT register_empty('numbers', '10_a') \g /dev/null
SELECT is(migrate.baseline('1', 'why', 'numbers'), 0, 'which is a version, not the beginning of a longer one, where the project is given');
SELECT is_empty($$SELECT * FROM migrate.baselines WHERE project = 'default'$$, 'none of them is of another project');
SELECT migrate.register('0020_a', '', project => 'exact'), migrate.register('0020_a_b', '', project => 'exact', version => '0021'),
       migrate.register('0021', '', project => 'exact', version => '0022') \g /dev/null
SELECT matches(migrate.sql('0020_a', 'exact'), '^$', 'an exact name comes before names it begins');
SELECT migrate.hold('0021', 'test', 'exact') \g /dev/null
SELECT is(state_in('exact', '0021'), 'held', 'and before a version');

-- Functions to look with.

SELECT migrate.register('0001_sql', 'SELECT 1;', 'SELECT 2;', 'SELECT true;', project => 'look') \g /dev/null
SELECT is(migrate.sql('0001_sql'), 'SELECT 1;', 'sql: up');
SELECT is(migrate.sql('0001_sql', direction => 'down'), 'SELECT 2;', 'sql: down');
SELECT throws_ok($$SELECT migrate.sql('0001_sql', direction => 'sideways')$$, '22023', NULL, 'sql: another direction');
SELECT is(migrate.is_current('look'), false, 'is_current: something is pending');
SELECT is(migrate.is_applied('0001_sql'), false, 'is_applied: not yet');
CALL migrate.apply(project => 'look') \g /dev/null
SELECT ok(migrate.is_current('look') AND migrate.is_applied('0001_sql'), 'after apply both are true');
SELECT throws_ok($$SELECT migrate.graph('look', 'svg')$$, '0A000', NULL, 'graph: svg is not served yet');
SELECT throws_ok($$SELECT migrate.graph('look', 'nonsense')$$, '22023', NULL, 'graph: another format');
SELECT matches(migrate.graph('dag', 'dot'), '^digraph .*dag:0009_i.*->', 'graph: dot');
SELECT matches(migrate.graph('dag', 'mermaid'), '^(flowchart|graph) .*dag:0009_i.*-->', 'graph: mermaid');
SELECT matches(migrate.graph('dag'), 'dag:0003_c.*dag:0009_i', 'graph: text');
SELECT pg_temp.rows_are($$SELECT project, name, state, detail FROM migrate.status('rows')$$,
                        $$VALUES ('rows', '0001_a', 'applied', NULL), ('rows', '0002_b', 'applied', NULL)$$, 'status, in order');
SELECT is((SELECT count(*) FROM migrate.status()), (SELECT count(*) FROM migrate.migrations), 'status of all projects');
SELECT is_empty($$SELECT s FROM migrate.show() s WHERE length(s) > 100 AND s !~ '-> '$$, 'show has at most 100 columns');
SELECT is_empty($$SELECT s FROM migrate.show() s WHERE s LIKE '%-> SELECT%' AND s NOT LIKE '%;%'$$, 'its calls can be pasted');

-- A project that is not there is a slip, not nothing to do.

SELECT unnest(ARRAY[is(e.code, 'MG002', t.call), matches(e.hint, 'Projects are "', 'the hint names those that are')])
    FROM (VALUES ('CALL migrate.apply(project => ''shp'')'), ('CALL migrate.revert(''zero'', ''shp'')'), ('SELECT * FROM migrate.plan(project => ''shp'')'),
                 ('SELECT * FROM migrate.check(''shp'')'), ('SELECT migrate.graph(''shp'')'), ('SELECT * FROM migrate.verify(project => ''shp'')'),
                 ('SELECT * FROM migrate.show(''shp'')'), ('SELECT * FROM migrate.status(''shp'')')) AS t (call),
         pg_temp.error_of(t.call) e;
SELECT is(migrate.is_current('shp'), false, 'and it is not current');

-- What apply would refuse is told before.

SELECT migrate.register('0001', 'CREATE TABLE top_level (i int)', project => 'top'), migrate.register('0002', E'SELECT 1;\nCREATE INDEX CONCURRENTLY ON top_level (i)', project => 'top') \g /dev/null
SELECT is(string_agg(mode, ', ' ORDER BY step), 'transaction, 2 steps', 'plan shows what commits in between') FROM migrate.plan(project => 'top');
SELECT unnest(ARRAY[is(e.code, 'MG008', 'which cannot be done in a block'), matches(e.detail, 'line 2\.  CREATE INDEX: CONCURRENTLY commits while it works', 'where it is')])
    FROM pg_temp.error_of('CALL migrate.apply(project => ''top'')') e;
SELECT migrate.register('0001', 'SELECT 1', requires => '{missing}', project => 'refused') \g /dev/null
SELECT is_empty($$SELECT FROM migrate.show('refused') s WHERE s LIKE '%-> CALL migrate.apply%'$$, 'show does not propose what is refused');

SELECT migrate.register('0001_forged', 'SELECT 1', project => 'lines') \g /dev/null
SELECT migrate.hold('0001_forged', E'x\n [X]  0002_forged 2026\x1b[2J', 'lines') \g /dev/null
SELECT is_empty($$SELECT * FROM migrate.show('lines') s WHERE s ~ '[[:cntrl:]]'$$, 'what people write forges no line of show()');
-- A name may have quotes, and what a hint says can be pasted all the same.

SELECT migrate.register('it''s 1', 'SELECT 1', project => 'quotes') \g /dev/null
CALL migrate.apply(project => 'quotes') \g /dev/null
SELECT migrate.register('it''s 2', 'SELECT 1', project => 'quotes'), migrate.hold('it''s 2', 'test', 'quotes') \g /dev/null
SELECT matches(e.hint, 'it''''s 1', t.call)
    FROM (VALUES ('SELECT migrate.unregister(''it''''s 1'', ''quotes'')'), ('SELECT migrate.register(''it''''s 1'', ''SELECT 2'', project => ''quotes'')'),
                 ('CALL migrate.revert(steps => 1, project => ''quotes'')')) AS t (call), pg_temp.error_of(t.call) e;
SELECT matches(e.hint, 'it''''s 2', 'apply of one that is held') FROM pg_temp.error_of($$CALL migrate.apply('it''s 2', 'quotes')$$) e;
SELECT matches(string_agg(c::text, ''), 'it''''s 2', 'check') FROM migrate.check('quotes') c;

-- What a baseline covers may replace others, too; and layers of squashes are looked at once.

SELECT register_empty('behind', 'old'), migrate.register('0001', '', '', replaces => '{behind:old}', project => 'covers'),
       migrate.register('base', '', '', kind => 'baseline', version => '0003', project => 'covers'),
       migrate.register('h', '', '', replaces => '{old}', project => 'behind') \g /dev/null
SELECT matches(e.code || ' ' || e.detail, '^MG005 It is "behind:old"', 'a rival of what a baseline covers is refused')
    FROM pg_temp.error_of($$CALL migrate.apply()$$) e;
SELECT migrate.hold('h', 'no more', 'behind') \g /dev/null
SELECT register_empty('layers', '0001'), migrate.register('base', '', '', kind => 'baseline', version => '0003', project => 'layers') \g /dev/null
SELECT count(migrate.register(format('s%s_%s', l, w), '', '', version => format('%s', 1000 + l * 10 + w), project => 'layers',
                              replaces => CASE l WHEN 1 THEN '{0001}' ELSE array(SELECT format('s%s_%s', l - 1, k) FROM generate_series(1, 4) k) END))
    FROM generate_series(1, 16) l, generate_series(1, 4) w \g /dev/null
SET LOCAL statement_timeout = '60s';
SELECT matches(planned('layers'), 'base', 'sixteen layers of four');
SET LOCAL statement_timeout = 0;

-- Two of which one is held, and who requires what they replace.

SELECT register_empty('requires', '0001_a'), migrate.register('0002_r', '', '', replaces => '{0001_a}', project => 'requires'),
       migrate.register('0003_q', '', '', replaces => '{0001_a}', project => 'requires'), migrate.register('z', '', '', requires => '{0001_a}', project => 'requires'),
       migrate.hold('0003_q', 'until', 'requires') \g /dev/null
CALL migrate.apply(project => 'requires') \g /dev/null
SELECT is(state_in('requires', '0002_r') || ' ' || state_in('requires', 'z'), 'applied applied', 'who requires it does not wait for the one that is held');

-- A project of repeatables only is shown, beside others and alone.

SELECT migrate.register('r1', 'SELECT 1', '', kind => 'repeatable', project => 'views') \g /dev/null
SELECT isnt_empty($$SELECT FROM migrate.show('views')$$, 'by its name');
SELECT isnt_empty($$SELECT FROM migrate.show() s WHERE s LIKE '%views%'$$, 'and among all');

-- Those that replace each other, and of projects apart.

SELECT register_empty('circle', '0001_a'),
       migrate.register('0002_x', '', '', replaces => '{0003_y,0001_a}', project => 'circle'),
       migrate.register('0003_y', '', '', replaces => '{0002_x}', project => 'circle') \g /dev/null
SELECT matches(e.code || ' ' || e.message, 'MG005 migration "circle:000._." replaces itself: circle:000(2_x -> circle:0003_y -> circle:0002_x|3_y -> circle:0002_x -> circle:0003_y)', 'a circle is refused')
    FROM pg_temp.error_of($$CALL migrate.apply(project => 'circle')$$) e;
SELECT migrate.register('0001_r', '', '', replaces => '{0003_r}', project => 'ring'), migrate.register('0002_r', '', '', replaces => '{0001_r}', project => 'ring'),
       migrate.register('0003_r', '', '', replaces => '{0002_r}', project => 'ring') \g /dev/null
SELECT is(string_agg(e.code, ' '), 'MG005 MG005 MG005', 'and all that are in it') FROM generate_series(1, 3) i, pg_temp.error_of(format('CALL migrate.apply(''ring:000%s_r'')', i)) e;
SELECT migrate.hold('ring:000' || i || '_r', 'no more') FROM generate_series(1, 3) i \g /dev/null
SELECT migrate.register('0002_x', '', '', replaces => '{0001_a}', project => 'circle') \g /dev/null
SELECT is(planned('circle'), '0003_y', 'until the older one does not');
SELECT register_empty('its', '0001_a') \g /dev/null
CALL migrate.apply(project => 'its') \g /dev/null
SELECT register_empty('its', '0002_b'), migrate.register('s', '', '', replaces => '{its:0001_a,its:0002_b}', project => 'heirs') \g /dev/null
SELECT matches(e.hint, $$migrate\.hold\('heirs:s', '.*'\); CALL migrate\.apply\(project => 'its'\);$$, 'what is to be applied meanwhile is in its own project')
    FROM pg_temp.error_of($$CALL migrate.apply(project => 'heirs')$$) e;

-- Many that all replace each other: each is told one way round, however many there are.

SELECT migrate.register(format('m%s', i), '', '', replaces => (SELECT array_agg(format('m%s', k)) FROM generate_series(1, 400) k WHERE k <> i), project => 'clique')
    FROM generate_series(1, 400) i \g /dev/null
SELECT is(count(DISTINCT c.code), 1::bigint, 'all of them have a way round') FROM migrate.check('clique') c;
SELECT is(count(*), 400::bigint, 'each its own error') FROM migrate.check('clique') c WHERE c.code = 'replaces' AND c.message LIKE '% replaces itself: %';
SELECT migrate.unregister(format('m%s', i), project => 'clique') FROM generate_series(1, 400) i \g /dev/null

-- Squashes that all name all before them are looked at once each: without that, forty would take for ever.

CREATE FUNCTION register_squashes(project text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(migrate.register('1' || to_char(i, 'FM000'), '', '', project => register_squashes.project,
                                  replaces => '{0001_a,0002_b}'::text[] || array(SELECT '1' || to_char(k, 'FM000') FROM generate_series(1, i - 1) k)))
    FROM generate_series(1, 40) i
$$;
SET LOCAL statement_timeout = '60s';
SELECT register_empty('fresh', '0001_a', '0002_b'), register_empty('grown', '0001_a', '0002_b'), register_squashes('fresh') \g /dev/null
SELECT is(planned('fresh'), '1040', 'of squashes of squashes the last runs');
CALL migrate.apply(project => 'grown') \g /dev/null
SELECT register_squashes('grown') \g /dev/null
SELECT is(string_agg(DISTINCT action, ', '), 'mark', 'or, with what they replace there, none does') FROM migrate.plan(project => 'grown');
CALL migrate.apply(project => 'grown') \g /dev/null
SELECT is(migrate.is_current('grown'), true, 'and they are recorded');
SET LOCAL statement_timeout = 0;

-- Many steps need no more memory than a few: what a function has used is still there while its first row is read.

SELECT register_empty('steps', VARIADIC array(SELECT 'step' || to_char(i, 'FM0000') FROM generate_series(1, 2000) i)),
       migrate.baseline('2000', 'all of it is there', 'steps') \g /dev/null
CREATE FUNCTION memory_of(direction text, options jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT m.used FROM (SELECT p.step FROM migrate.plan(project => 'steps', direction => memory_of.direction, options => memory_of.options) p LIMIT 1) p
    CROSS JOIN LATERAL (SELECT sum(used_bytes)::bigint + 0 * coalesce(p.step, 0) AS used FROM pg_backend_memory_contexts) m
$$;
SELECT cmp_ok(memory_of('down', '{"steps": 2000}') - memory_of('down', '{"steps": 1}'), '<', 2000000::bigint, 'a plan to take back 2000 steps');

SELECT * FROM finish();
ROLLBACK;
