-- Views: what monitors read.  Each shows the projects that its reader may see.
-- Barriers keep a function of the reader's away from rows of other projects.

CREATE VIEW migrate.history WITH (security_barrier) AS
    SELECT id, run_id, attempt_id, project, name, action, outcome, started_at, finished_at, duration, role_name,
           session_role, application_name, client_addr, pid, reason, checksum, statements, rows, wal_bytes,
           transaction_id, start_lsn, end_lsn, server_version_num, extension_version, error_code, error_message,
           CASE WHEN pg_catalog.pg_has_role('pg_read_all_data', 'USAGE') THEN error_detail END AS error_detail,
           error_hint, error_context, error_statement, error_statement_no, error_line
    FROM migrate.log_history
    WHERE (SELECT migrate.may_see(NULL)) OR migrate.may_see(project);
COMMENT ON VIEW migrate.history IS 'every attempt; error_detail, which holds values of rows, only for pg_read_all_data';

CREATE VIEW migrate.statement_log WITH (security_barrier) AS
    SELECT s.id, s.history_id, s.statement_no, s.line, s.command_tag, s.started_at, s.duration, s.rows, s.wal_bytes,
           s.locks, s.rewritten, s.waited, s.waited_for, s.transaction_id
    FROM migrate.log_statements s
    WHERE (SELECT migrate.may_see(NULL))
       OR EXISTS (SELECT FROM migrate.log_history h
                  WHERE h.id OPERATOR(pg_catalog.=) s.history_id AND migrate.may_see(h.project));
COMMENT ON VIEW migrate.statement_log IS 'every statement that went through, of every attempt';

CREATE VIEW migrate.decisions WITH (security_barrier) AS
    SELECT id, decided_at, decision, project, name, ddl_id, object_type, identity, checksum, run_id, role_name,
           session_role, application_name, client_addr, reason, detail, transaction_id
    FROM migrate.log_decisions
    WHERE (SELECT migrate.may_see(NULL)) OR migrate.may_see(project);
COMMENT ON VIEW migrate.decisions IS 'everything that a person decided';

-- A run without an end is running as long as its backend, or its worker, is the deployer.
CREATE VIEW migrate.runs WITH (security_barrier) AS
    SELECT s.run_id, s.action, s.project, s.target,
           COALESCE(e.outcome, CASE WHEN l.pid IS NULL THEN 'interrupted' ELSE 'running' END) AS outcome,
           s.started_at, e.finished_at, e.duration, s.waited, COALESCE(e.migrations, 0) AS migrations, e.failed_name,
           e.error_code, e.error_message, s.database_bytes AS database_bytes_before,
           e.database_bytes AS database_bytes_after, s.role_name, s.session_role, s.application_name, s.client_addr,
           s.pid, s.reason, s.options
    FROM migrate.log_runs s
    LEFT JOIN migrate.log_run_ends e ON e.run_id OPERATOR(pg_catalog.=) s.run_id
    LEFT JOIN migrate.deployer() l ON l.run_id OPERATOR(pg_catalog.=) s.run_id
    WHERE (SELECT migrate.may_see(NULL)) OR migrate.may_see(s.project);
COMMENT ON VIEW migrate.runs IS 'every call of apply and revert that had something to do';

-- While a statement is under way its session says of which migration it is.  Else
-- what a run has committed is in the history; behind that, and behind what was
-- held since it began, is most likely the step that it is at.
CREATE VIEW migrate.present_steps AS
    SELECT r.run_id, COALESCE(s.step, n.step) AS step
    FROM migrate.deployer() l
    JOIN migrate.log_runs r ON r.run_id OPERATOR(pg_catalog.=) l.run_id
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.worker
    LEFT JOIN LATERAL pg_catalog.split_part(pg_catalog.split_part(a.query, ' of migration ', 2), ' */', 1) s(step)
        ON a.query OPERATOR(pg_catalog.~) '^/[*] (waiting for a lock[^:]*: )?statement [0-9]+ of '
        AND s.step OPERATOR(pg_catalog.=) ANY (r.steps)
    LEFT JOIN LATERAL (
            SELECT u.step
            FROM pg_catalog.unnest(r.steps) WITH ORDINALITY u(step, number)
            WHERE u.number OPERATOR(pg_catalog.>) COALESCE(pg_catalog.array_position(r.steps,
                      (SELECT h.project || ':' || h.name FROM migrate.log_history h
                       WHERE h.run_id OPERATOR(pg_catalog.=) r.run_id AND h.outcome OPERATOR(pg_catalog.<>) 'started'
                       ORDER BY h.id DESC LIMIT 1)), 0)
            ORDER BY r.action OPERATOR(pg_catalog.=) 'apply'
                AND EXISTS (SELECT FROM migrate.holds o WHERE o.project || ':' || o.name OPERATOR(pg_catalog.=) u.step
                            AND o.held_at OPERATOR(pg_catalog.>) r.started_at), u.number
            LIMIT 1
    ) n ON true;
COMMENT ON VIEW migrate.present_steps IS 'the migration that the run under way is at; for migrate.progress';

-- Committed steps show; of the one under way, what its session says of itself
-- and what the server says of a command that takes long: how much of its present
-- phase is done.  Phases that wait for others have no rate.  Of another role's
-- session the server says that to pg_read_all_stats only, ours as well as its own.
CREATE VIEW migrate.progress WITH (security_barrier) AS
    SELECT r.run_id, pg_catalog.split_part(n.step, ':', 1) AS project,
           pg_catalog.substr(n.step, pg_catalog.strpos(n.step, ':') OPERATOR(pg_catalog.+) 1) AS name,
           s.at[2]::integer AS statement_no, s.at[3]::integer AS statements,
           COALESCE(p.phase, CASE WHEN a.wait_event_type OPERATOR(pg_catalog.=) 'Lock' OR b.pids OPERATOR(pg_catalog.<>) '{}' OR s.at[1] IS NOT NULL
                                  THEN 'waiting for a lock'
                                  WHEN a.query OPERATOR(pg_catalog.=) '<insufficient privilege>' THEN a.query
                                  WHEN s.at IS NOT NULL THEN 'running' ELSE 'between statements' END) AS phase,
           pg_catalog.round(CASE WHEN p.total OPERATOR(pg_catalog.>) 0 THEN 100.0 OPERATOR(pg_catalog.*) p.done OPERATOR(pg_catalog./) p.total
                                 ELSE 100.0 OPERATOR(pg_catalog.*) (pg_catalog.array_position(r.steps, n.step) OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog./) r.planned END, 1) AS percent,
           pg_catalog.round(t.rate, 1) AS rate,
           CASE WHEN t.rate OPERATOR(pg_catalog.>) 0 AND p.total OPERATOR(pg_catalog.>=) p.done
                THEN pg_catalog.make_interval(secs => pg_catalog.round((p.total OPERATOR(pg_catalog.-) p.done) OPERATOR(pg_catalog./) t.rate)::pg_catalog.float8)
           END AS eta,
           a.wait_event AS waits_for, NULLIF(b.pids, '{}') AS blocked_by,
           r.started_at
    FROM migrate.deployer() l
    JOIN migrate.log_runs r ON r.run_id OPERATOR(pg_catalog.=) l.run_id
    LEFT JOIN migrate.present_steps n ON n.run_id OPERATOR(pg_catalog.=) r.run_id
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.worker
    LEFT JOIN (
            SELECT pid, phase,
                   CASE WHEN waits THEN lockers_done WHEN by_tuples THEN tuples_done ELSE blocks_done END AS done,
                   CASE WHEN waits THEN lockers_total WHEN by_tuples THEN tuples_total ELSE blocks_total END AS total, waits
            FROM (SELECT *, phase OPERATOR(pg_catalog.~~) 'waiting for%' AS waits,
                         tuples_total OPERATOR(pg_catalog.>) 0 AND blocks_done OPERATOR(pg_catalog.>=) blocks_total AS by_tuples
                  FROM pg_catalog.pg_stat_progress_create_index) i
            UNION ALL
            SELECT pid, phase, heap_blks_scanned, heap_blks_total, false FROM pg_catalog.pg_stat_progress_vacuum
            UNION ALL
            SELECT pid, phase, heap_blks_scanned, heap_blks_total, false FROM pg_catalog.pg_stat_progress_cluster
            UNION ALL
            SELECT pid, phase, sample_blks_scanned, sample_blks_total, false FROM pg_catalog.pg_stat_progress_analyze
            UNION ALL
            SELECT pid, 'copying', bytes_processed, bytes_total, false FROM pg_catalog.pg_stat_progress_copy
    ) p ON p.pid OPERATOR(pg_catalog.=) l.worker
    LEFT JOIN LATERAL (SELECT pg_catalog.regexp_match(a.query, '^/[*] (waiting for a lock[^:]*: )?statement ([0-9]+) of ([0-9]+) of migration ') AS at) s ON true
    -- Whom a run waits for that does not queue (LEDGER_WAITS_LOCK).
    CROSS JOIN LATERAL (SELECT pg_catalog.pg_blocking_pids(l.worker) OPERATOR(pg_catalog.||) ARRAY(SELECT w.objid::integer FROM pg_catalog.pg_locks w WHERE w.pid OPERATOR(pg_catalog.=) l.worker
                        AND w.locktype OPERATOR(pg_catalog.=) 'advisory' AND w.classid OPERATOR(pg_catalog.=) 1296648018
                        AND w.objsubid OPERATOR(pg_catalog.=) 19778) AS pids) b
    LEFT JOIN LATERAL (SELECT p.done OPERATOR(pg_catalog./) NULLIF(EXTRACT(epoch FROM
                              pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.state_change), 0) AS rate
                       WHERE NOT p.waits) t ON true
    WHERE (SELECT migrate.may_see(NULL)) OR migrate.may_see(r.project);
COMMENT ON VIEW migrate.progress IS 'the run under way and how far it is';

CREATE VIEW migrate.texts WITH (security_barrier) AS
    SELECT DISTINCT ON (checksum, part) checksum, part, body, registered_at, registered_by
    FROM migrate.text_bodies
    WHERE (SELECT migrate.may_see(NULL)) OR migrate.may_see(project)
    ORDER BY checksum, part, registered_at;
COMMENT ON VIEW migrate.texts IS 'every text ever registered, by its checksum';

CREATE VIEW migrate.migrations WITH (security_barrier) AS
    SELECT r.project, r.name, r.version, r.kind, m.state, m.is_applied, m.is_pending, r.description, r.tags,
           r.requires, r.conflicts, r.replaces, r.options, u.body AS up, d.body AS down, v.body AS verify,
           r.up AS checksum, r.up_path AS source_path, r.registered_at, r.registered_by, s.applied_at, s.applied_by,
           s.duration, s.history_id
    FROM migrate.registered r
    JOIN migrate.migration_states() m ON m.project OPERATOR(pg_catalog.=) r.project
                                     AND m.name OPERATOR(pg_catalog.=) r.name
    LEFT JOIN migrate.state s ON s.project OPERATOR(pg_catalog.=) r.project AND s.name OPERATOR(pg_catalog.=) r.name
    LEFT JOIN migrate.text_bodies u ON u.project OPERATOR(pg_catalog.=) r.project
                                   AND u.checksum OPERATOR(pg_catalog.=) r.up AND u.part OPERATOR(pg_catalog.=) 'up'
    LEFT JOIN migrate.text_bodies d ON d.project OPERATOR(pg_catalog.=) r.project
                                   AND d.checksum OPERATOR(pg_catalog.=) r.down
                                   AND d.part OPERATOR(pg_catalog.=) 'down'
    LEFT JOIN migrate.text_bodies v ON v.project OPERATOR(pg_catalog.=) r.project
                                   AND v.checksum OPERATOR(pg_catalog.=) r.verify
                                   AND v.part OPERATOR(pg_catalog.=) 'verify';
COMMENT ON VIEW migrate.migrations IS 'all registered migrations with their texts and states';

CREATE VIEW migrate.capabilities WITH (security_barrier) AS
    SELECT CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0 THEN 'public' ELSE g.rolname END AS role_name,
           pg_catalog.substr(p.proname::text, 12) AS capability, NULL::text AS project, o.rolname AS granted_by
    FROM pg_catalog.pg_proc p
    CROSS JOIN LATERAL pg_catalog.aclexplode(p.proacl) a
    LEFT JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) a.grantee
    LEFT JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) a.grantor
    WHERE p.pronamespace OPERATOR(pg_catalog.=) 'migrate'::pg_catalog.regnamespace
      AND pg_catalog.starts_with(p.proname::text, 'capability_')
      AND a.grantee OPERATOR(pg_catalog.<>) p.proowner
      AND (SELECT migrate.may_see(NULL))
    UNION ALL
    SELECT g.rolname, c.capability, c.project, c.granted_by
    FROM migrate.project_capabilities c
    JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) c.role::pg_catalog.oid
    WHERE (SELECT migrate.may_see(NULL)) OR migrate.may_see(c.project);
COMMENT ON VIEW migrate.capabilities IS 'who may do what; project NULL is all projects';

CREATE VIEW migrate.settings WITH (security_barrier) AS
    SELECT s.name AS setting, NULL::text AS project, s.setting AS value, s.source, NULL::timestamptz AS changed_at,
           NULL::name AS changed_by
    FROM pg_catalog.pg_settings s WHERE pg_catalog.starts_with(s.name, 'pg_migrations.')
    UNION ALL
    SELECT d.setting, NULL, d.value, 'default', NULL, NULL
    FROM (VALUES ('out_of_order', 'apply'), ('drift', 'warn'), ('heads', 'many'), ('blockers', 'wait'), ('blockers_min_age', '60')) AS d (setting, value)
    WHERE NOT EXISTS (SELECT FROM migrate.policies p
                      WHERE p.setting OPERATOR(pg_catalog.=) d.setting AND p.project OPERATOR(pg_catalog.=) '')
    UNION ALL
    SELECT p.setting, NULLIF(p.project, ''), p.value, 'configure', p.changed_at, p.changed_by
    FROM migrate.policies p
    WHERE p.project OPERATOR(pg_catalog.=) '' OR (SELECT migrate.may_see(NULL)) OR migrate.may_see(p.project);
COMMENT ON VIEW migrate.settings IS 'settings of the server and policies, with where each value comes from';

CREATE VIEW migrate.ddl_log WITH (security_barrier) AS
    SELECT id, logged_at, transaction_id, command_tag, statement, text_source, objects, origin, history_id, role_name,
           session_role, application_name, client_addr, pid, reason
    FROM migrate.log_ddl
    WHERE (SELECT migrate.may_see(NULL));
COMMENT ON VIEW migrate.ddl_log IS 'every change of the schema that was seen while capture was on';

CREATE VIEW migrate.out_of_band WITH (security_barrier) AS
    SELECT l.id, l.logged_at, l.transaction_id, l.command_tag, l.statement, l.text_source, l.objects, l.origin,
           l.history_id, l.role_name, l.session_role, l.application_name, l.client_addr, l.pid, l.reason
    FROM migrate.log_ddl l
    WHERE (SELECT migrate.may_see(NULL)) AND l.origin OPERATOR(pg_catalog.=) 'direct'
      AND NOT EXISTS (SELECT FROM migrate.log_decisions d WHERE d.ddl_id OPERATOR(pg_catalog.=) l.id);
COMMENT ON VIEW migrate.out_of_band IS 'changes of the schema outside of migrations that nobody has explained';

CREATE VIEW migrate.out_of_band_history WITH (security_barrier) AS
    SELECT l.id, l.logged_at, l.transaction_id, l.command_tag, l.statement, l.text_source, l.objects, l.origin,
           l.history_id, l.role_name, l.session_role, l.application_name, l.client_addr, l.pid, l.reason,
           d.decision, d.decided_at, d.role_name AS decided_by, d.reason AS decided_why
    FROM migrate.log_ddl l
    LEFT JOIN migrate.log_decisions d ON d.ddl_id OPERATOR(pg_catalog.=) l.id
    WHERE (SELECT migrate.may_see(NULL)) AND l.origin OPERATOR(pg_catalog.=) 'direct';
COMMENT ON VIEW migrate.out_of_band_history IS 'changes of the schema outside of migrations, with who explained them and why';

CREATE VIEW migrate.coverage WITH (security_barrier) AS
    SELECT from_at, pg_catalog.lead(from_at) OVER (ORDER BY id) AS to_at, level, changed_by, reason
    FROM migrate.log_coverage
    WHERE (SELECT migrate.may_see(NULL));
COMMENT ON VIEW migrate.coverage IS 'when capture was on, and what it saw: full, triggers_only or none';
