// record_db_migrate.js: writes the SQL of a db-migrate set to NAME.up.sql and NAME.down.sql.
//
// node record_db_migrate.js DIRECTORY OUT
//
// Runs all ups and then all downs in the empty database that PGHOST, PGPORT,
// PGUSER and PGDATABASE name, and notes what is sent; the tool's own table of
// migrations says where one ends.  db-migrate, db-migrate-pg and pg are found
// through NODE_PATH.
'use strict';

const fs = require('fs');
const path = require('path');
const pg = require('pg');

const [, , directory, out] = process.argv;
const LEDGER = /^(INSERT INTO|DELETE FROM) "?(?:public"?\."?)?migrations"?/;
const CONTROL = /^(SELECT|SHOW|BEGIN|COMMIT|ROLLBACK|START TRANS|SET )/i;
const LEDGER_TABLE = /"?migrations"?\s*\(/i;

function literal(value)
{
	if (value === null || value === undefined)
		return 'NULL';
	if (typeof value === 'number' || typeof value === 'boolean')
		return String(value);
	if (value instanceof Date)
		return pg.escapeLiteral(value.toISOString());
	return pg.escapeLiteral(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

const withParameters = (text, values) =>
	values.length === 0 ? text : text.replace(/\$(\d+)/g, (all, number) => literal(values[number - 1]));

let statements = [];

function write(name, direction)
{
	const file = path.join(out, `${name}.${direction}.sql`);
	const text = statements.map((sql) => sql.trim().replace(/;*\s*$/, ';')).join('\n\n') + '\n';

	statements = [];
	if (!fs.existsSync(file))
		fs.writeFileSync(file, text);
}

function note(text, values)
{
	const ledger = LEDGER.exec(text);

	if (ledger)
	{
		const quoted = /'\/?([^']+)'/.exec(text);
		const name = values.find((value) => typeof value === 'string') || (quoted && quoted[1]);

		// A migration may clean up the ledger itself: that is no end of one.
		if (/ name in \(/i.test(text))
			statements.push(text);
		else
			write(String(name).replace(/^\//, ''), ledger[1] === 'INSERT INTO' ? 'up' : 'down');
	}
	else if (!CONTROL.test(text.trim()) && !LEDGER_TABLE.test(text))
		statements.push(withParameters(text, values));
}

const query = pg.Client.prototype.query;
pg.Client.prototype.query = function (first, ...rest)
{
	const text = typeof first === 'string' ? first : first.text || '';
	const values = Array.isArray(rest[0]) ? rest[0] : first.values || [];

	note(text, values);
	return query.call(this, first, ...rest);
};

const env = process.env;
const tool = require('db-migrate').getInstance(true, {
	config: {
		dev: {
			driver: 'pg', host: env.PGHOST, port: Number(env.PGPORT),
			user: env.PGUSER, database: env.PGDATABASE,
		},
	},
	env: 'dev',
	cmdOptions: { 'migrations-dir': directory, 'log-level': 'error' },
});

(async () =>
{
	fs.mkdirSync(out, { recursive: true });
	tool.silence(true);
	await tool.up();
	statements = [];
	await tool.reset();
	process.exit(0);
})();
