-- What the schema should be.  Definitions are kept once, by their fingerprint,
-- however many states have them.

CREATE TABLE migrate.object_definitions (
    fingerprint     bytea PRIMARY KEY,
    parts           text NOT NULL
);
COMMENT ON TABLE migrate.object_definitions IS 'definitions of objects by their fingerprint; each part begins with a line of its kind and of the characters that its name and its text have';

-- The key is a hash of type and identity, which may be longer than an index takes.
-- Addresses mean nothing where there is no row of this place in migrate.looks.
CREATE TABLE migrate.expected (
    key             bytea PRIMARY KEY,
    object_type     text COLLATE "C" NOT NULL,
    identity        text COLLATE "C" NOT NULL,
    fingerprint     bytea NOT NULL,
    class_id        oid NOT NULL,
    object_id       oid NOT NULL,
    server_major    integer NOT NULL,
    project         text COLLATE "C",
    name            text COLLATE "C",
    ddl_id          bigint NOT NULL,
    moved_at        timestamptz NOT NULL
) WITH (fillfactor = 80);
COMMENT ON TABLE migrate.expected IS 'what each object should be: as it was taken over or as the last migration left it; ddl_id is the last captured statement before that';
CREATE INDEX expected_address ON migrate.expected (class_id, object_id);

CREATE TABLE migrate.adrift (
    key             bytea PRIMARY KEY,
    object_type     text COLLATE "C" NOT NULL,
    identity        text COLLATE "C" NOT NULL,
    fingerprint     bytea
);
COMMENT ON TABLE migrate.adrift IS 'what was not as expected when somebody last looked, and how it was; NULL: not there';

-- A place is a database of a cluster: a row means nothing in a copy of it.
CREATE TABLE migrate.looks (
    place           bigint PRIMARY KEY,
    looked_at       timestamptz NOT NULL,
    seen            pg_snapshot NOT NULL,
    bound_id        bigint NOT NULL,
    is_certain      boolean NOT NULL,
    next_bound_id   bigint NOT NULL,
    next_horizon    xid8 NOT NULL,
    coverage_id     bigint NOT NULL,
    globals         bytea NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE migrate.looks IS 'how much of what was captured was known when the whole schema, or what has become of it since, was last compared with what is expected';

CREATE TABLE migrate.snapshots (
    label           text COLLATE "C" PRIMARY KEY,
    taken_at        timestamptz NOT NULL,
    taken_by        name NOT NULL,
    server_major    integer NOT NULL
);
COMMENT ON TABLE migrate.snapshots IS 'states of the schema that somebody has kept';

CREATE TABLE migrate.snapshot_objects (
    label           text COLLATE "C" NOT NULL,
    key             bytea NOT NULL,
    object_type     text COLLATE "C" NOT NULL,
    identity        text COLLATE "C" NOT NULL,
    fingerprint     bytea NOT NULL,
    PRIMARY KEY (label, key)
);
COMMENT ON TABLE migrate.snapshot_objects IS 'the objects of each snapshot';
