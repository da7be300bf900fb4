-- Capabilities: EXECUTE on a marker function, for all projects.  No upgrade
-- may drop a marker: its privileges are the grants.

CREATE FUNCTION migrate.capability_monitor() RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT true';
COMMENT ON FUNCTION migrate.capability_monitor() IS 'EXECUTE on this function is the capability monitor';
REVOKE ALL ON FUNCTION migrate.capability_monitor() FROM PUBLIC;

CREATE FUNCTION migrate.capability_author() RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT true';
COMMENT ON FUNCTION migrate.capability_author() IS 'EXECUTE on this function is the capability author';
REVOKE ALL ON FUNCTION migrate.capability_author() FROM PUBLIC;

CREATE FUNCTION migrate.capability_deployer() RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT true';
COMMENT ON FUNCTION migrate.capability_deployer() IS 'EXECUTE on this function is the capability deployer';
REVOKE ALL ON FUNCTION migrate.capability_deployer() FROM PUBLIC;

CREATE FUNCTION migrate.capability_approver() RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT true';
COMMENT ON FUNCTION migrate.capability_approver() IS 'EXECUTE on this function is the capability approver';
REVOKE ALL ON FUNCTION migrate.capability_approver() FROM PUBLIC;

CREATE FUNCTION migrate.capability_break_glass() RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT true';
COMMENT ON FUNCTION migrate.capability_break_glass() IS 'EXECUTE on this function is the capability break_glass';
REVOKE ALL ON FUNCTION migrate.capability_break_glass() FROM PUBLIC;

CREATE FUNCTION migrate.capability_administrator() RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT true';
COMMENT ON FUNCTION migrate.capability_administrator() IS 'EXECUTE on this function is the capability administrator';
REVOKE ALL ON FUNCTION migrate.capability_administrator() FROM PUBLIC;

CREATE FUNCTION migrate.grant_capability(
    role_name text,
    capability text,
    project text DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_grant_capability';
COMMENT ON FUNCTION migrate.grant_capability IS 'give a role a capability, for a project or for all; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.grant_capability TO PUBLIC;

CREATE FUNCTION migrate.revoke_capability(
    role_name text,
    capability text,
    project text DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_revoke_capability';
COMMENT ON FUNCTION migrate.revoke_capability IS 'take a capability from a role; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.revoke_capability TO PUBLIC;

CREATE FUNCTION migrate.configure(
    setting text,
    value text,
    reason text,
    project text DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'mig_configure';
COMMENT ON FUNCTION migrate.configure IS 'set a policy, for a project or for all; NULL goes back to the default; needs administrator';
GRANT EXECUTE ON FUNCTION migrate.configure TO PUBLIC;

