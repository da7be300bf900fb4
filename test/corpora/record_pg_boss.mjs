// record_pg_boss.mjs: writes pg-boss's base schema and migrations to NNNN.up.sql and NNNN.down.sql.
//
// node record_pg_boss.mjs BASE_PACKAGE BASE_VERSION PACKAGE OUT
//
// What pg-boss leaves to a worker of its own ("async") goes to NNNN.async.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , basePackage, baseVersion, newPackage, out] = process.argv;
const require = createRequire(import.meta.url);
const { create } = require(path.resolve(basePackage, 'src/plans.js'));
const { getAll } = await import(pathToFileURL(path.resolve(newPackage, 'dist/migrationStore.js')));
const ENDINGS = { install: 'up.sql', uninstall: 'down.sql', async: 'async' };

function write(version, ending, text)
{
	fs.writeFileSync(path.join(out, `${String(version).padStart(4, '0')}.${ending}`), text);
}

fs.mkdirSync(out, { recursive: true });
write(baseVersion, 'up.sql', create('pgboss', Number(baseVersion), {}));
for (const migration of getAll('pgboss'))
	for (const [key, ending] of Object.entries(ENDINGS))
		if (migration.version > Number(baseVersion) && migration[key]?.length)
			write(migration.version, ending, migration[key].join(';\n') + ';\n');
