-- 035_random.sql: plan and apply agree on random sets, and what is applied obeys its requirements.
-- The same seed makes the same sets; another one: PGOPTIONS='-c tap.seed=0.7'.

\ir common.psql
SELECT * FROM no_plan();
SELECT setseed(coalesce(nullif(current_setting('tap.seed', true), ''), '0.3')::float) \g /dev/null

CREATE TABLE noted (project text, options text, steps text[], last_history bigint);
CREATE TABLE members (project text, name text, version int, PRIMARY KEY (project, name));

-- Some of what is given, in no order.
CREATE FUNCTION some_of(choices text[], share float) RETURNS text[] LANGUAGE sql AS
    $$SELECT coalesce(array_agg(c ORDER BY random()), '{}') FROM unnest(choices) c WHERE random() < share$$;

-- Register a migration that requires some of those before it, or its
-- predecessor, now and then something behind it, in another project, or not there;
-- a share of them as baselines.
CREATE FUNCTION add_member(in_project text, baselines float) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    free_version int := (SELECT v FROM generate_series(1, 40) v
                         WHERE NOT EXISTS (SELECT FROM members m WHERE m.project = in_project AND m.version = v)
                         ORDER BY random() LIMIT 1);
    new_name text := format('V%s__m', free_version);
    others text[] := (SELECT array_agg(name ORDER BY name) FROM members
                      WHERE project = in_project AND (version < free_version OR random() < 0.02));
    wanted text[] := some_of(others, 0.3);
    fails boolean := random() < 0.06;
    new_kind text := CASE WHEN random() < baselines THEN 'baseline' ELSE 'versioned' END;
BEGIN
    IF random() < 0.06 THEN
        wanted := wanted || (SELECT project || ':' || name FROM members WHERE project <> in_project
                             ORDER BY random(), project, name LIMIT 1);
    END IF;
    IF random() < 0.01 THEN
        wanted := wanted || format('V%s__m', 1 + (40 * random())::int);
    END IF;
    PERFORM migrate.register(new_name, CASE WHEN fails THEN 'SELECT 1/0' ELSE '' END, '', project => in_project, kind => new_kind,
                             requires => CASE WHEN random() < 0.6 THEN array_remove(wanted, NULL) END,
                             conflicts => CASE WHEN random() < 0.01 THEN others[1:1] ELSE '{}' END);
    INSERT INTO members VALUES (in_project, new_name, free_version);
END
$$;
CREATE FUNCTION grow(in_project text, n int, baselines float DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        PERFORM add_member(in_project, baselines);
    END LOOP;
END
$$;
CREATE FUNCTION some_member(in_project text) RETURNS text LANGUAGE sql AS
    'SELECT name FROM members WHERE project = $1 ORDER BY random(), name LIMIT 1';

-- Write down what a plan says, to be compared with what is done.
CREATE FUNCTION note(in_project text, target text, direction text, options jsonb) RETURNS void LANGUAGE sql AS $$
    TRUNCATE noted;
    INSERT INTO noted
        SELECT in_project, format('%s %s %s', direction, target, options),
               (SELECT coalesce(array_agg(project || ':' || name ORDER BY step), '{}')
                FROM migrate.plan(target, in_project, direction, options) WHERE step IS NOT NULL),
               (SELECT coalesce(max(id), 0) FROM migrate.history)
$$;
-- What was done is what was planned, up to one that failed.
CREATE FUNCTION compare() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n noted := (SELECT noted FROM noted);
    done text[] := (SELECT coalesce(array_agg(project || ':' || name ORDER BY id), '{}') FROM migrate.history
                    WHERE id > n.last_history);
    broken boolean := EXISTS (SELECT FROM migrate.history WHERE id > n.last_history AND outcome = 'failed');
BEGIN
    RETURN is(done, CASE WHEN broken THEN n.steps[1:cardinality(done)] ELSE n.steps END,
              format('%s %s: %s steps%s', n.project, n.options, cardinality(n.steps), CASE WHEN broken THEN ', one fails' ELSE '' END));
END
$$;
-- The three statements that make one such test of an apply.
CREATE FUNCTION apply_and_compare(in_project text, target text, options jsonb DEFAULT '{}', OUT a text, OUT b text, OUT c text)
LANGUAGE sql AS $$
    SELECT format('SELECT note(%L, %L, ''up'', %L)', in_project, target, options),
           format('CALL migrate.apply(%L, %L, options => %L)', target, in_project, options), 'SELECT compare()'
$$;
CREATE FUNCTION revert_and_compare(in_project text, target text, steps int, OUT a text, OUT b text, OUT c text)
LANGUAGE sql AS $$
    SELECT format('SELECT note(%L, %L, ''down'', %L)', in_project, target,
                  CASE WHEN steps IS NULL THEN '{}' ELSE format('{"steps": %s}', steps) END),
           format('CALL migrate.revert(%L, %L, %L)', target, in_project, steps), 'SELECT compare()'
$$;

SELECT grow('r' || lpad(p::text, 2, '0'), 3 + (7 * random())::int) FROM generate_series(1, 30) p \g /dev/null
SELECT migrate.configure('out_of_order', (ARRAY['skip', 'refuse'])[1 + (random())::int], 'random', 'r' || lpad(p::text, 2, '0'))
    FROM generate_series(1, 10) p \g /dev/null
\set ON_ERROR_STOP 0

-- Some of it, then all of it.
SELECT s.* FROM generate_series(1, 30) p CROSS JOIN LATERAL (SELECT 'r' || lpad(p::text, 2, '0') AS project) q
    CROSS JOIN LATERAL apply_and_compare(q.project, CASE WHEN random() < 0.5 THEN some_member(q.project) ELSE 'latest' END) s \gexec
SELECT s.* FROM generate_series(1, 30) p CROSS JOIN LATERAL (SELECT 'r' || lpad(p::text, 2, '0') AS project) q
    CROSS JOIN LATERAL apply_and_compare(q.project, NULL, jsonb_build_object('names', ARRAY[some_member(q.project), some_member(q.project)])) s \gexec

-- More of it, some held, some marked.
SELECT grow('r' || lpad(p::text, 2, '0'), 1 + (4 * random())::int) FROM generate_series(1, 30) p \g /dev/null
SELECT migrate.hold(some_member('r' || lpad(p::text, 2, '0')), 'random', 'r' || lpad(p::text, 2, '0')) FROM generate_series(5, 30, 5) p \g /dev/null
SELECT migrate.mark_applied(some_member('r' || lpad(p::text, 2, '0')), 'random', 'r' || lpad(p::text, 2, '0')) FROM generate_series(3, 30, 4) p \g /dev/null
SELECT s.* FROM generate_series(1, 30) p CROSS JOIN LATERAL apply_and_compare('r' || lpad(p::text, 2, '0'), NULL) s \gexec

-- What fails is mended, what is held released.
SELECT migrate.register(name, 'SELECT 1', '', requires => requires, conflicts => conflicts, project => project)
    FROM migrate.migrations WHERE up = 'SELECT 1/0' AND NOT is_applied \g /dev/null
SELECT migrate.release(name, 'random', project) FROM members \g /dev/null
SELECT s.* FROM generate_series(1, 30) p CROSS JOIN LATERAL apply_and_compare('r' || lpad(p::text, 2, '0'), NULL) s \gexec

-- What must be so now, seen without the planner.
CREATE VIEW needs AS
    SELECT m.project, m.name, CASE WHEN r LIKE '%:%' THEN split_part(r, ':', 1) ELSE m.project END AS needs_project,
           CASE WHEN r LIKE '%:%' THEN split_part(r, ':', 2) ELSE r END AS needs_name
    FROM migrate.migrations m, unnest(requires) r;
SELECT ok((SELECT count(*) > 100 FROM migrate.history WHERE outcome = 'applied' AND project ~ '^r'), 'much has been applied');
SELECT ok((SELECT count(DISTINCT code) >= 2 FROM migrate.check()), 'and something went wrong');
SELECT is_empty($$SELECT m.project, m.name, n.* FROM migrate.migrations m JOIN needs n USING (project, name)
                  WHERE m.state = 'applied' AND NOT EXISTS (SELECT FROM migrate.migrations o WHERE (o.project, o.name) = (needs_project, needs_name)
                                                            AND o.is_applied)$$, 'what is applied has what it requires');
SELECT is_empty($$SELECT h.id, h.project, h.name FROM migrate.history h JOIN needs n USING (project, name)
                  WHERE h.outcome = 'applied' AND NOT EXISTS (SELECT FROM migrate.history o WHERE (o.project, o.name) = (needs_project, needs_name)
                                                              AND o.outcome IN ('applied', 'marked') AND o.id < h.id)$$, 'and had it before');
SELECT is_empty($$SELECT project FROM members GROUP BY project HAVING NOT migrate.is_current(project)
                  AND NOT EXISTS (SELECT FROM migrate.plan(project => project) WHERE step IS NULL)$$,
                'where something is left the plan says why');

-- Back, some and all, and there again.
SELECT s.* FROM generate_series(1, 30) p CROSS JOIN LATERAL (SELECT 'r' || lpad(p::text, 2, '0') AS project) q
    CROSS JOIN LATERAL revert_and_compare(q.project, CASE WHEN p % 2 = 0 THEN some_member(q.project) END,
                                          CASE WHEN p % 2 = 1 THEN 1 + (4 * random())::int END) s \gexec
SELECT is_empty($$SELECT m.project, m.name, n.* FROM migrate.migrations m JOIN needs n USING (project, name)
                  WHERE m.state = 'applied' AND EXISTS (SELECT FROM migrate.migrations o WHERE (o.project, o.name) = (needs_project, needs_name)
                                                        AND o.state = 'reverted')$$, 'nothing stands without what it requires');
SELECT s.* FROM generate_series(1, 30) p CROSS JOIN LATERAL apply_and_compare('r' || lpad(p::text, 2, '0'), NULL) s \gexec
SELECT s.* FROM generate_series(1, 30) p CROSS JOIN LATERAL revert_and_compare('r' || lpad(p::text, 2, '0'), 'zero', NULL) s \gexec
SELECT is((SELECT count(*) FROM migrate.migrations WHERE is_applied), 0::bigint, 'all reverted, nothing is applied');
\set ON_ERROR_STOP 1

-- The order of registration does not matter where there are versions.
CREATE FUNCTION shuffled(in_project text) RETURNS void LANGUAGE sql AS $$
    SELECT count(*) FROM (SELECT migrate.register(name, '', requires => array_remove(requires, NULL), project => 's' || in_project)
                          FROM migrate.migrations WHERE project = in_project ORDER BY random()) q
$$;
SELECT shuffled('r' || lpad(p::text, 2, '0')) FROM generate_series(11, 30) p \g /dev/null
SELECT is(array(SELECT name FROM migrate.plan(project => 'sr' || p) WITH ORDINALITY AS t WHERE t.step IS NOT NULL AND project = 'sr' || p ORDER BY step),
          array(SELECT name FROM migrate.plan(project => 'r' || p) WITH ORDINALITY AS t WHERE t.step IS NOT NULL AND project = 'r' || p ORDER BY step),
          'registered in another order, planned in the same: r' || p) FROM generate_series(11, 30) p
    WHERE NOT EXISTS (SELECT FROM migrate.migrations WHERE project = 'r' || p
                      AND (conflicts <> '{}' OR array_to_string(requires, ' ') LIKE '%:%'));
SELECT is_empty($$WITH s AS (SELECT p, step, project, name, lag(name) OVER (PARTITION BY p, project ORDER BY step) AS before,
                                    lag(step) OVER (PARTITION BY p, project ORDER BY step) AS step_before
                             FROM generate_series(11, 30) p, migrate.plan(project => 'sr' || p) WHERE step IS NOT NULL)
                  SELECT * FROM s WHERE substring(before FROM 'V(\d+)')::int > substring(name FROM 'V(\d+)')::int AND project LIKE 's%'
                    AND step_before = step - 1
                    AND NOT EXISTS (SELECT FROM needs n WHERE n.project = s.project AND n.name = s.name AND needs_name = before)
                    AND EXISTS (SELECT FROM migrate.migrations m WHERE m.project = s.project AND m.name = s.name AND requires IS NOT NULL)$$,
                'a higher version comes first only where it is required');

\set ON_ERROR_STOP 0
-- Baselines: applied, held, required, reverted, marked pending.
CREATE VIEW starts AS SELECT format('b%s', p) AS project FROM generate_series(10, 39) p;
SELECT grow(project, 4 + (6 * random())::int, 0.25) FROM starts \g /dev/null
SELECT migrate.hold(some_member(project), 'random', project) FROM starts WHERE project ~ '[0-4]$' \g /dev/null
SELECT migrate.hold(name, 'random', project) FROM (SELECT project, max(name) AS name FROM migrate.migrations WHERE kind = 'baseline' AND state <> 'held'
                                                   AND project ~ '^b.[3-6]$' GROUP BY project) q \g /dev/null
SELECT s.* FROM starts CROSS JOIN LATERAL apply_and_compare(project, CASE WHEN random() < 0.6 THEN some_member(project) END) s \gexec
SELECT s.* FROM starts CROSS JOIN LATERAL apply_and_compare(project, NULL) s \gexec
SELECT is_empty($$SELECT m.project, m.name, n.* FROM migrate.migrations m JOIN needs n USING (project, name)
                  JOIN migrate.status() h ON (h.project, h.name) = (needs_project, needs_name)
                  WHERE m.project ~ '^b' AND m.state = 'applied' AND h.state = 'held'$$, 'what requires one that is held has not run');
SELECT grow(project, 1 + (4 * random())::int, 0.25) FROM starts \g /dev/null
SELECT s.* FROM starts CROSS JOIN LATERAL apply_and_compare(project, some_member(project)) s \gexec
SELECT migrate.release(name, 'random', project) FROM members WHERE project ~ '^b' \g /dev/null
SELECT migrate.register(name, 'SELECT 1', '', requires => requires, conflicts => conflicts, project => project, kind => kind)
    FROM migrate.migrations WHERE project ~ '^b' AND up = 'SELECT 1/0' AND NOT is_applied \g /dev/null
SELECT s.* FROM starts CROSS JOIN LATERAL apply_and_compare(project, NULL) s \gexec
CREATE VIEW lacking AS
    SELECT m.project, m.name, n.needs_name, o.name AS lacks FROM migrate.migrations m JOIN needs n USING (project, name)
    JOIN migrate.migrations b ON (b.project, b.name) = (needs_project, needs_name)
    JOIN migrate.migrations o ON o.project = b.project AND NOT o.is_applied
         AND (o.name = b.name AND b.state <> 'superseded'
              OR b.kind = 'baseline' AND NOT b.is_applied AND o.kind = 'versioned' AND o.version::int <= b.version::int
                 AND (o.version::int < m.version::int OR o.project <> m.project)
                 AND o.registered_at < m.applied_at)   -- what comes later was no requirement
    WHERE m.project ~ '^b' AND m.state = 'applied';
SELECT is_empty('SELECT * FROM lacking', 'what is applied has what it requires, all up to a baseline where that is skipped');

SELECT s.* FROM starts CROSS JOIN LATERAL revert_and_compare(project, CASE WHEN project ~ '[02468]$' THEN some_member(project) END,
                                                             CASE WHEN project ~ '[13579]$' THEN 1 + (6 * random())::int END) s \gexec
SELECT is_empty('SELECT * FROM lacking', 'also after some went back');
SELECT s.* FROM starts CROSS JOIN LATERAL apply_and_compare(project, NULL) s \gexec
SELECT migrate.mark_pending(name, 'random', project) FROM migrate.migrations
    WHERE project ~ '^b' AND is_applied AND (kind = 'baseline' OR random() < 0.1) \g /dev/null
SELECT s.* FROM starts CROSS JOIN LATERAL apply_and_compare(project, some_member(project)) s \gexec
SELECT s.* FROM starts CROSS JOIN LATERAL apply_and_compare(project, NULL) s \gexec
SELECT s.* FROM starts CROSS JOIN LATERAL revert_and_compare(project, 'zero', NULL) s \gexec
SELECT is_empty($$SELECT project, name, state FROM migrate.migrations WHERE project ~ '^b' AND is_applied$$, 'all reverted, no baseline is left');
SELECT s.* FROM starts CROSS JOIN LATERAL apply_and_compare(project, NULL) s \gexec
SELECT ok((SELECT count(*) > 20 FROM migrate.history JOIN migrate.migrations USING (project, name) WHERE kind = 'baseline' AND outcome = 'applied'),
          'many baselines have run');
SELECT is_empty($$SELECT h.id, h.project, h.name, o.name FROM migrate.history h JOIN migrate.migrations m USING (project, name)
                  JOIN migrate.history o ON o.project = h.project AND o.id < h.id AND o.outcome IN ('applied', 'marked')
                  WHERE m.kind = 'baseline' AND h.outcome = 'applied'
                    AND NOT EXISTS (SELECT FROM migrate.history u WHERE (u.project, u.name) = (o.project, o.name)
                                    AND u.outcome = 'reverted' AND u.id > o.id AND u.id < h.id)$$, 'none in a project that had history');
\set ON_ERROR_STOP 1

SELECT is_empty('SELECT * FROM migrate.verify_history()', 'after all this the history is sound');
SELECT * FROM finish();
