/*
 * libraries.h
 *		SQL expressions for what the sessions to come load.
 */
#ifndef MIG_LIBRARIES_H
#define MIG_LIBRARIES_H

/* Libraries that ALTER DATABASE or ALTER ROLE set, as a row of "s" matching a condition says. */
#define LIBRARIES_SET(condition) \
	"(SELECT pg_catalog.substr(o.setting, 27) FROM pg_catalog.pg_db_role_setting s" \
	" CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS o (setting)" \
	" WHERE pg_catalog.starts_with(o.setting, 'session_preload_libraries=') AND " condition \
	" ORDER BY s.setdatabase DESC LIMIT 1)"

#define OF_THIS_DATABASE \
	"s.setdatabase OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d" \
	" WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())"

/* NULL: the database says nothing. */
#define LIBRARIES_OF_DATABASE \
	LIBRARIES_SET("s.setrole OPERATOR(pg_catalog.=) 0 AND " OF_THIS_DATABASE)

/* The file is read where the session's own value hides the server's. */
#define LIBRARIES_OF_SERVER \
	"COALESCE(" LIBRARIES_SET("s.setrole OPERATOR(pg_catalog.=) 0 AND s.setdatabase OPERATOR(pg_catalog.=) 0") "," \
	"(SELECT g.setting FROM pg_catalog.pg_settings g WHERE g.name OPERATOR(pg_catalog.=) 'session_preload_libraries'" \
	" AND g.source OPERATOR(pg_catalog.=) ANY ('{default,environment variable,configuration file,command line}'))," \
	"(SELECT f.setting FROM pg_catalog.pg_file_settings f" \
	" WHERE f.name OPERATOR(pg_catalog.=) 'session_preload_libraries' ORDER BY f.seqno DESC LIMIT 1), '')"

/* NULL: the role "r" says nothing. */
#define LIBRARIES_OF_ROLE \
	LIBRARIES_SET("s.setrole OPERATOR(pg_catalog.=) r.oid AND" \
				  " (s.setdatabase OPERATOR(pg_catalog.=) 0 OR " OF_THIS_DATABASE ")")

#endif							/* MIG_LIBRARIES_H */
