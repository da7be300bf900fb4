# Corpora/Sets.pm: the migration sets of other projects: where each comes from and how its files are prepared.
package Corpora::Sets;

use strict;
use warnings;
use Corpora::Fetch
  qw(npm_packages npm_modules debian_packages unpack_npm unpack_debian run_command);
use Exporter 'import';
use File::Basename qw(basename dirname);
use File::Path qw(make_path);

our @EXPORT_OK = qw(runnable_sets prepare_set natural read_file write_file);

my $here = dirname(dirname(__FILE__));

# ---- what the recipes share

sub read_file
{
	my ($path) = @_;

	open my $in, '<:raw', $path or die "could not read $path: $!";
	local $/ = undef;
	return scalar <$in>;
}

sub write_file
{
	my ($path, $text) = @_;

	make_path(dirname($path));
	open my $out, '>:raw', $path or die "could not write $path: $!";
	print $out $text;
	close $out or die "could not write $path: $!";
	return;
}

# Version-aware order of names, as "sort -V" has it for these sets.
sub natural
{
	my ($left, $right) = @_;
	my @left = $left =~ /(\d+|\D+)/g;
	my @right = $right =~ /(\d+|\D+)/g;

	while (@left && @right)
	{
		my ($l, $r) = (shift @left, shift @right);
		my $order = $l =~ /^\d/ && $r =~ /^\d/ ? $l <=> $r : $l cmp $r;

		return $order if $order != 0;
	}
	return @left <=> @right;
}

# One project of NAME.sql files, in natural order.
sub plain_project
{
	my ($project, $directory) = @_;
	my @names = sort { natural($a, $b) } map { basename($_, '.sql') } glob "$directory/*.sql";

	return {
		project => $project,
		directory => $directory,
		migrations => [ map { { name => $_, up => "$directory/$_.sql" } } @names ]
	};
}

# One project of NAME.up.sql and NAME.down.sql files.
sub pair_project
{
	my ($project, $directory) = @_;
	my @names = sort { natural($a, $b) } map { basename($_, '.up.sql') } glob "$directory/*.up.sql";
	my @migrations;

	foreach my $name (@names)
	{
		my $down = "$directory/$name.down.sql";

		push @migrations,
		  { name => $name, up => "$directory/$name.up.sql", down => -e $down ? $down : undef };
	}
	return { project => $project, directory => $directory, migrations => \@migrations };
}

# Copies files, with what matches made a comment in those whose names match.
sub disable_lines
{
	my ($lines, $names, $from, $to) = @_;

	foreach my $file (glob "$from/*.sql")
	{
		my $text = read_file($file);

		$text =~ s/$lines/-- $&/g if basename($file) =~ $names;
		write_file("$to/" . basename($file), $text);
	}
	return;
}

sub run_node
{
	my ($environment, @command) = @_;
	local %ENV = (%ENV, %$environment);
	my ($ok, $output) = run_command('/', 'node', @command);

	die "node @command failed:\n$output" if !$ok;
	return;
}

# The classes of a package, run against stand-ins.
sub record_classes
{
	my ($out, @directories) = @_;

	run_node({}, "$here/record_classes.js", $out, @directories);
	return;
}

# ---- recipes: each unpacks and prepares below a directory, and returns its projects

sub prepare_unleash
{
	my ($work, $node, $tarball) = @_;
	my $modules = npm_modules('async@3.2.6', 'pg@8.23.1', 'db-migrate@0.11.14', 'db-migrate-pg@1.5.2');

	unpack_npm($tarball, "$work/package", 'dist/migrations/*');
	$node->safe_psql('postgres', 'CREATE DATABASE recorder');
	run_node(
		{
			NODE_PATH => $modules, PGHOST => $node->host, PGPORT => $node->port,
			PGUSER => 'postgres', PGDATABASE => 'recorder'
		},
		"$here/record_db_migrate.js", "$work/package/dist/migrations", "$work/files");
	$node->safe_psql('postgres', 'DROP DATABASE recorder WITH (FORCE)');
	disable_lines(qr/^ *COMMIT;$/m, qr/./, "$work/files", "$work/mended");
	return {
		%{ pair_project('unleash', "$work/mended") },
		refused => [
			{ directory => "$work/files", sqlstate => 'MG009', line => qr/^ *COMMIT;$/ }
		]
	};
}

my @medusa_modules = qw(auth cart customer fulfillment inventory order payment pricing product
  promotion tax user);

sub prepare_medusa
{
	my ($work, $node, @tarballs) = @_;
	my @projects;

	foreach my $module (@medusa_modules)
	{
		unpack_npm(shift @tarballs, "$work/$module", 'package.json', 'dist/migrations/*');
		record_classes("$work/files/$module", "$work/$module/dist/migrations");
		push @projects, pair_project("medusa_$module", "$work/files/$module");
	}
	return @projects;
}

my @pgpm_modules = qw(verify@0.20.0 types@0.16.0 base32@0.20.0 inflection@0.16.0 database-jobs@0.16.0
  metaschema-schema@0.16.3 services@0.16.3 metaschema-modules@0.16.4);

# Sqitch's files as they are; the plan says the order and the project's name.
# The first module's verify scripts call functions that later changes of it
# make, so that it is applied from a copy without them.
sub prepare_pgpm
{
	my ($work, $node, @tarballs) = @_;
	my @projects;

	foreach my $module (@pgpm_modules)
	{
		my $directory = unpack_npm(shift @tarballs, "$work/" . $module =~ s/@.*//r);
		my $plan = read_file("$directory/pgpm.plan");
		my ($project) = $plan =~ /^%project=(\S+)/m;
		my @names = map { /^(\S+)/ } grep { !/^\s*(?:[%@#]|$)/ } split /\n/, $plan;

		push @projects,
		  {
			project => $project,
			directory => $directory,
			migrations => [
				map {
					{
						name => $_, up => "$directory/deploy/$_.sql",
						down => "$directory/revert/$_.sql",
						verify => -e "$directory/verify/$_.sql" ? "$directory/verify/$_.sql" : undef
					}
				} @names
			]
		  };
	}
	my $first = $projects[0]{directory};
	$projects[0]{unverified} = "$work/unverified";
	write_file("$work/unverified/$_", read_file("$first/$_"))
	  foreach map { s{^\Q$first\E/}{}r } "$first/pgpm.plan", map { @$_{qw(up down)} } @{ $projects[0]{migrations} };
	return @projects;
}

sub prepare_paperclip
{
	my ($work, $node, $tarball) = @_;

	unpack_npm($tarball, "$work/package", 'dist/migrations/*.sql');
	return plain_project('paperclip', "$work/package/dist/migrations");
}

sub prepare_pg_boss
{
	my ($work, $node, $old, $new) = @_;

	unpack_npm($old, "$work/old");
	unpack_npm($new, "$work/new");
	run_node({}, "$here/record_pg_boss.mjs", "$work/old", 25, "$work/new", "$work/files", "$work/indexes");
	return (pair_project('pgboss', "$work/files"),
		{ %{ plain_project('pgboss_indexes', "$work/indexes") }, behind => 1 });
}

sub prepare_graphile
{
	my ($work, $node, $tarball) = @_;

	unpack_npm($tarball, "$work/package", 'sql/*');
	foreach my $file (glob "$work/package/sql/*.sql")
	{
		write_file("$work/files/" . basename($file),
			read_file($file) =~ s/:GRAPHILE_WORKER_SCHEMA/graphile_worker/gr);
	}
	return plain_project('graphile', "$work/files");
}

sub prepare_stripe
{
	my ($work, $node, $tarball) = @_;

	unpack_npm($tarball, "$work/package", 'dist/migrations/*.sql');
	return plain_project('stripe', "$work/package/dist/migrations");
}

# Two migrations look at the catalog or at tables of a part that is not in the
# package, so that nothing useful can be recorded of them.
sub prepare_flowise
{
	my ($work, $node, $tarball) = @_;

	unpack_npm($tarball, "$work/package", 'package.json', 'dist/database/migrations/postgres/*');
	record_classes("$work/files", "$work/package/dist/database/migrations/postgres");
	unlink glob "$work/files/*{AddApiKeyPermission,FixOpenSourceAssistantTable}*";
	return pair_project('flowise', "$work/files");
}

# Prisma: the folder is the migration's name.
sub prisma_project
{
	my ($project, $directory) = @_;
	my @names = sort { natural($a, $b) } map { basename(dirname($_)) } glob "$directory/*/migration.sql";

	return {
		project => $project,
		directory => $directory,
		migrations => [ map { { name => $_, up => "$directory/$_/migration.sql" } } @names ]
	};
}

sub prepare_umami
{
	my ($work, $node, $tarball) = @_;

	unpack_npm($tarball, "$work/package", 'db/postgresql/migrations/*');
	return prisma_project('umami', "$work/package/db/postgresql/migrations");
}

sub prepare_local_mcp
{
	my ($work, $node, $tarball) = @_;

	unpack_npm($tarball, "$work/package", 'prisma/migrations/*');
	return prisma_project('local_mcp', "$work/package/prisma/migrations");
}

# One folder has a date for a name, and the others a date with a time.
sub prepare_prisma_shared
{
	my ($work, $node, $tarball) = @_;

	unpack_npm($tarball, "$work/package", 'migrations/*');
	my $project = prisma_project('prisma_shared', "$work/package/migrations");

	$project->{migrations} = [ sort { $a->{name} cmp $b->{name} } @{ $project->{migrations} } ];
	return $project;
}

# Drizzle: the folder has a file that its journal does not know, with the number
# of another one.
sub prepare_inkeep
{
	my ($work, $node, $tarball) = @_;
	my $stray = '0023_lazy_energizer.sql';

	unpack_npm($tarball, "$work/package", 'drizzle/runtime/*.sql');
	foreach my $file (glob "$work/package/drizzle/runtime/*.sql")
	{
		write_file("$work/runtime/" . basename($file), read_file($file)) if basename($file) ne $stray;
	}
	return {
		%{ plain_project('inkeep', "$work/runtime") },
		refused => [ { directory => "$work/package/drizzle/runtime", sqlstate => 'MG005', culprits => 2 } ]
	};
}

# node-pg-migrate: both directions in one file; cut apart for psql alone.
sub prepare_dataqueue
{
	my ($work, $node, $tarball) = @_;
	my @migrations;

	unpack_npm($tarball, "$work/package", 'migrations/*.sql');
	foreach my $file (sort { natural($a, $b) } glob "$work/package/migrations/*.sql")
	{
		my $name = basename($file, '.sql');
		my ($up, $down) = split /^-- Down Migration.*\n/m, read_file($file);

		write_file("$work/parts/$name.up.sql", $up);
		write_file("$work/parts/$name.down.sql", $down);
		push @migrations, { name => $name, up => "$work/parts/$name.up.sql", down => "$work/parts/$name.down.sql" };
	}
	return { project => 'dataqueue', directory => "$work/package/migrations", migrations => \@migrations };
}

# One file with markers; cut apart for psql alone.
sub prepare_minion
{
	my ($work, $node, $archive) = @_;
	my $root = unpack_debian($archive, "$work/package");
	my $text = read_file("$root/usr/share/perl5/Minion/Backend/resources/migrations/pg.sql");
	my %files;

	write_file("$work/files/minion.sql", $text);
	my (undef, @parts) = split /^-- *(\d+) *(up|down)[^\n]*\n/m, $text;
	while (my ($version, $direction, $body) = splice @parts, 0, 3)
	{
		$files{$version}{$direction} = "$work/parts/$version.$direction.sql";
		write_file($files{$version}{$direction}, $body);
	}
	return {
		project => 'minion',
		directory => "$work/files",
		migrations => [ map { { name => $_, %{ $files{$_} } } } sort { $a <=> $b } keys %files ]
	};
}

# Shell scripts with an unquoted here-document; the base is the fresh install
# cut off where version 2.0 begins.  Two of them open or close a transaction in
# their middle, and those lines go.
sub prepare_kea
{
	my ($work, $node, $archive) = @_;
	my $scripts = unpack_debian($archive, "$work/package") . '/usr/share/kea/scripts/pgsql';
	my ($base) = read_file("$scripts/dhcpdb_create.pgsql")
	  =~ /^(.*?)^-- Schema 2\.0 specification starts/ms;

	write_file("$work/original/000_base.sql", "${base}COMMIT;\n");
	foreach my $script (glob "$scripts/upgrade_*.sh")
	{
		my ($document) = read_file($script) =~ /(<<EOF\n.*?^EOF\n)/ms;
		my ($from) = basename($script) =~ /^upgrade_(\d+(?:\.\d+)?)/;

		write_file("$work/here", "cat $document");
		my ($ok, $sql) = run_command($work, 'sh', 'here');
		die "could not run the shell on $script" if !$ok;
		$from .= '.0' if $from !~ /\./;
		write_file("$work/original/${from}_" . basename($script, '.sh') . '.sql', $sql);
	}
	my $control = qr/^(?:START TRANSACTION|BEGIN|COMMIT);$/m;
	disable_lines($control, qr/^(?:001\.0|006\.1)_/, "$work/original", "$work/files");
	return {
		%{ plain_project('kea', "$work/files") },
		refused => [ { directory => "$work/original", sqlstate => 'MG009', line => $control } ]
	};
}

# Several numbered files for a step from one version to the next, each with
# lone semicolons before its statements.
sub prepare_openqa
{
	my ($work, $node, $archive) = @_;
	my $root = unpack_debian($archive, "$work/package") . '/usr/share/openqa/dbicdh/PostgreSQL';

	my %number;

	foreach my $file (glob("$root/deploy/63/*.sql"), glob("$root/upgrade/*-*/*.sql"))
	{
		my ($from, $to) = basename(dirname($file)) =~ /^(\d+)(?:-(\d+))?$/;
		my $version = sprintf '%d.%d', $to // $from, ++$number{ $to // $from };

		write_file("$work/files/${version}_" . basename($file) =~ s/^\d+-//r, read_file($file));
	}
	return plain_project('openqa', "$work/files");
}

# Changes that LedgerSMB lets fail, and that do on a fresh base: not run here.
my %ledgersmb_fails = map { $_ => 1 } qw(1.4/location-fixes.sql 1.4/menu-update1.sql
  1.4/person-fixes.sql 1.4/ar-constraint1.sql 1.4/ap-constraint1.sql 1.4/menu-update2.sql
  1.4/invoice-fixes.sql 1.4/ar-fixes2.sql 1.4/ar-fixes3.sql 1.4/account-heading-fix.sql
  1.4/account-heading-fix2.sql 1.4/inventory-fix.sql 1.4/inventory-fix2.sql 1.4/bu-fix.sql
  1.4/account-translations.sql 1.5/invoice-tbl-cogs-constraint.sql);

# Names of the files that one of LedgerSMB's lists has, in its order.
sub ledgersmb_list
{
	my ($path) = @_;

	return map { /^!?([^#!\s]\S*)/ } split /\n/, read_file($path);
}

# A base with COPY data, changes in the order of a list, and then modules that
# are loaded anew whenever they change.  Left out are the module that makes
# roles named after the database, the one with \copy, and one with a view that
# servers from 16 on refuse, for psql as well.
sub prepare_ledgersmb
{
	my ($work, $node, $archive) = @_;
	my $root = unpack_debian($archive, "$work/package") . '/usr/share/ledgersmb/sql';
	my @changes = grep { !$ledgersmb_fails{$_} } ledgersmb_list("$root/changes/LOADORDER");
	my @modules = grep { !/^(?:admin|Roles|Duplicates_Functions)\.sql$/ } ledgersmb_list("$root/modules/LOADORDER");
	my $number = 0;

	write_file("$work/files/0000_base.sql", read_file("$root/Pg-database.sql"));
	foreach my $change (@changes)
	{
		write_file(sprintf('%s/files/%04d_%s', $work, ++$number, $change =~ tr{/}{_}r),
			read_file("$root/changes/$change"));
	}
	foreach my $module (@modules)
	{
		write_file(sprintf('%s/files/%04d_%s', $work, ++$number, $module),
			"-- migrate: kind repeatable\n" . read_file("$root/modules/$module"));
	}
	return plain_project('ledgersmb', "$work/files");
}

# ---- the table
#
# ups, downs, verifies: how many there must be.  before: statements that the
# set takes for granted.  random_ids: rows have identifiers drawn by lot.
# stops_at: the migration whose down fails in the full reverse, for psql as well.
# ends_empty: the full reverse leaves nothing.  baseline: the result's dump is
# registered as a migration.

my @sets = (
	{
		name => 'unleash', title => 'Unleash', npm => ['unleash-server@7.5.1'],
		prepare => \&prepare_unleash, ups => 374, downs => 374, baseline => 1,
		before => ['CREATE TABLE migrations (id serial, name varchar(255), run_on timestamp)']
	},
	{
		name => 'medusa', title => 'Medusa, 12 modules',
		npm => [ map { "\@medusajs/$_\@2.21.2" } @medusa_modules ],
		prepare => \&prepare_medusa, ups => 141, downs => 125, baseline => 1
	},
	{
		name => 'pgpm', title => 'pgpm, 8 modules', npm => [ map { "\@pgpm/$_" } @pgpm_modules ],
		prepare => \&prepare_pgpm, ups => 151, downs => 151, verifies => 139, ends_empty => 1, random_ids => 1,
		extensions => [qw(uuid-ossp pgcrypto citext hstore unaccent)],
		before => [
			(map { qq{CREATE EXTENSION "$_"} } qw(uuid-ossp pgcrypto citext hstore unaccent)),
			map { "DO \$\$BEGIN CREATE ROLE $_; EXCEPTION WHEN duplicate_object THEN NULL; END\$\$" }
			  qw(administrator authenticated anonymous)
		]
	},
	{
		name => 'paperclip', title => 'Paperclip', npm => ['@paperclipai/db@2026.824.1'],
		prepare => \&prepare_paperclip, ups => 221, downs => 0, random_ids => 1, baseline => 1
	},
	{
		name => 'pgboss', title => 'pg-boss', npm => [ 'pg-boss@11.0.0', 'pg-boss@12.38.0' ],
		prepare => \&prepare_pg_boss, ups => 22, downs => 20
	},
	{
		name => 'graphile', title => 'Graphile Worker', npm => ['graphile-worker@0.17.3'],
		prepare => \&prepare_graphile, ups => 19, downs => 0,
		before => ['CREATE SCHEMA graphile_worker']
	},
	{
		name => 'stripe', title => 'Stripe sync', npm => ['@supabase/stripe-sync-engine@0.48.5'],
		prepare => \&prepare_stripe, ups => 43, downs => 0, before => ['CREATE SCHEMA stripe']
	},
	{
		name => 'flowise', title => 'Flowise', npm => ['flowise@3.1.2'],
		prepare => \&prepare_flowise, ups => 42, downs => 42,
		stops_at => '1754986480347_AddTextToSpeechToChatFlow1754986480347',
		before => ['CREATE EXTENSION "uuid-ossp"'], extensions => ['uuid-ossp']
	},
	{
		name => 'umami', title => 'Umami', npm => ['umami@2.10.0'],
		prepare => \&prepare_umami, ups => 4, downs => 0, extensions => ['pgcrypto']
	},
	{
		name => 'local_mcp', title => 'Local MCP database', npm => ['@dxheroes/local-mcp-database@0.7.2'],
		prepare => \&prepare_local_mcp, ups => 9, downs => 0
	},
	{
		name => 'prisma_shared', title => 'Shared Prisma schema', npm => ['@juliobrim/prisma-shared@1.0.59'],
		prepare => \&prepare_prisma_shared, ups => 59, downs => 0
	},
	{
		name => 'inkeep', title => 'Inkeep agents', npm => ['@inkeep/agents-core@0.80.6'],
		prepare => \&prepare_inkeep, ups => 45, downs => 0
	},
	{
		name => 'dataqueue', title => 'DataQueue', npm => ['@nicnocquee/dataqueue@1.24.0'],
		prepare => \&prepare_dataqueue, ups => 5, downs => 5
	},
	{
		name => 'minion', title => 'Minion', debian => ['libminion-perl=10.25+dfsg-4'],
		prepare => \&prepare_minion, ups => 5, downs => 1
	},
	{
		name => 'kea', title => 'Kea DHCP', debian => ['kea-admin=2.2.0-6'],
		prepare => \&prepare_kea, ups => 19, downs => 0
	},
	{
		name => 'openqa', title => 'openQA', debian => ['openqa=4.6.1674490999.b00c12673-2'],
		prepare => \&prepare_openqa, ups => 40, downs => 0
	},
	{
		name => 'ledgersmb', title => 'LedgerSMB', debian => ['ledgersmb=1.6.33+ds-2.1'],
		prepare => \&prepare_ledgersmb, ups => 87, downs => 0, baseline => 1
	});

sub runnable_sets
{
	return @sets;
}

# Fetches and prepares one set below a directory; its projects.
sub prepare_set
{
	my ($set, $work, $node) = @_;
	my @archives = $set->{npm} ? npm_packages(@{ $set->{npm} }) : debian_packages(@{ $set->{debian} });

	make_path($work);
	return $set->{prepare}->($work, $node, @archives);
}

1;
