// record_classes.js: writes the SQL of migrations that are classes (MikroORM, TypeORM) to NAME.up.sql and NAME.down.sql.
//
// node record_classes.js OUT DIRECTORY...
//
// The classes run against stand-ins that note what they are asked to execute;
// no database and none of the packages they import is needed.
'use strict';

const fs = require('fs');
const path = require('path');
const Module = require('module');

const [, , out, ...directories] = process.argv;
const FILE = /^[A-Za-z]*(\d{13,14}).*\.js$/;

// MikroORM's base class collects statements itself.
class Migration
{
	constructor() { this.statements = []; }
	addSql(sql) { this.statements.push(String(sql)); }
	execute() { return Promise.resolve([]); }
}

// A helper of Medusa's that returns the statements for columns that are there.
function alterColumns(table, columns, action)
{
	return columns.map((column) => `DO $$BEGIN
  IF EXISTS (SELECT FROM information_schema.columns WHERE table_name = '${table}' AND column_name = '${column}') THEN
    EXECUTE 'ALTER TABLE "${table}" ALTER COLUMN "${column}" ${action}';
  END IF;
END$$;`).join('\n');
}

let ids = 0;
const nextId = () => '01' + String(++ids).padStart(24, '0');

// Stands for any package: whatever is read, called or constructed is itself.
const anything = new Proxy(function () {}, {
	get(target, key)
	{
		if (key === 'Migration')
			return Migration;
		if (key === 'ulid')
			return nextId;
		if (key === Symbol.toPrimitive)
			return () => '';
		return /^generatePostgresAlter/.test(String(key)) ? alterColumns : anything;
	},
	apply: () => anything,
	construct: () => anything,
});

const load = Module._load;
Module._load = function (request, ...rest)
{
	if (/mikro-orm/.test(request))
		return { Migration };
	try
	{
		return load.call(this, request, ...rest);
	}
	catch (error)
	{
		return anything;
	}
};

// What TypeORM hands to a migration: asked for a column, it has those that a down removes.
function queryRunner(statements, direction)
{
	const known = {
		query: async (sql) => { statements.push(sql); return []; },
		hasColumn: async () => direction === 'down',
	};

	return new Proxy(known, {
		get: (target, key) => target[key] || (async () => ({ columns: [] })),
	});
}

async function record(Class, stamp)
{
	for (const direction of ['up', 'down'])
	{
		const migration = new Class();
		const queried = [];

		if (!migration[direction])
			continue;
		await migration[direction](queryRunner(queried, direction));
		const statements = (migration.statements || []).concat(queried);
		const text = statements.map((sql) => sql.trim().replace(/;*\s*$/, ';')).join('\n') + '\n';
		fs.writeFileSync(path.join(out, `${stamp}_${Class.name}.${direction}.sql`), text);
	}
}

(async () =>
{
	fs.mkdirSync(out, { recursive: true });
	for (const directory of directories)
		for (const file of fs.readdirSync(directory).filter((name) => FILE.test(name)).sort())
			for (const Class of Object.values(require(path.resolve(directory, file))))
				if (typeof Class === 'function' && Class.prototype.up)
					await record(Class, FILE.exec(file)[1]);
})();
