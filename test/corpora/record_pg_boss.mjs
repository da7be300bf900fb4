// record_pg_boss.mjs: writes pg-boss's base schema and migrations to NNNN.up.sql and NNNN.down.sql.
//
// node record_pg_boss.mjs BASE_PACKAGE BASE_VERSION PACKAGE OUT INDEXES
//
// The indexes that pg-boss has a worker of its own build afterwards go to
// INDEXES/NNNN.sql, as that worker runs them on the table all queues share.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , basePackage, baseVersion, newPackage, out, indexes] = process.argv;
const require = createRequire(import.meta.url);
const { create } = require(path.resolve(basePackage, 'src/plans.js'));
const { getAll } = await import(pathToFileURL(path.resolve(newPackage, 'dist/migrationStore.js')));

function write(directory, version, ending, statements)
{
	const name = `${String(version).padStart(4, '0')}${ending}`;

	if (statements?.length)
		fs.writeFileSync(path.join(directory, name), statements.join(';\n') + ';\n');
}

// The statement inside of SELECT job_table_run_async('name', version, $$...$$).
function indexStatement(call)
{
	const body = typeof call === 'string' ? /\$\$([^]*?)\$\$/.exec(call)[1] : call.command;

	return body.trim().replace(/\.job\b/g, '.job_common').replace(/\bjob_i(\d+)/g, 'job_common_i$1');
}

fs.mkdirSync(out, { recursive: true });
fs.mkdirSync(indexes, { recursive: true });
write(out, baseVersion, '.up.sql', [create('pgboss', Number(baseVersion), {})]);
for (const migration of getAll('pgboss').filter(({ version }) => version > Number(baseVersion)))
{
	write(out, migration.version, '.up.sql', migration.install);
	write(out, migration.version, '.down.sql', migration.uninstall);
	write(indexes, migration.version, '.sql', migration.async?.map(indexStatement));
}
