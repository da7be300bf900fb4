# Corpora/Fetch.pm: gets migration sets of other projects from npm and Debian, by version, through a cache.
package Corpora::Fetch;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(basename);
use File::Copy qw(move);
use File::Path qw(make_path);
use File::Temp qw(tempdir);

our @EXPORT_OK = qw(npm_packages npm_modules debian_packages unpack_npm unpack_debian run_command);

# What a client says when it never got to talk to the registry, as against
# being told that something is not there.
my $unreachable = qr/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH
	|ERR_SOCKET_TIMEOUT|FETCH_ERROR|_CERT|CERT_|network\ request|Could\ not\ (?:resolve|connect)|Temporary\ failure
	|Unable\ to\ connect|Connection\ (?:failed|timed\ out|refused)|Network\ is\ unreachable|network\ timeout/x;

# What a registry, or a proxy before it, gives for a moment.
my $passing = qr/\bE(?:429|50\d)\b|\b(?:429|50[0-4])\ +[A-Z]|ECONNRESET|ECONNABORTED|EPIPE|socket\ hang\ up
	|Connection\ reset|Hash\ Sum\ mismatch/x;

# Errors alone, and no long wait where there is no network.
my @npm = ('npm', '--loglevel=error', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000');

# Directories that may hold what was fetched before; CORPORA_CACHE names one.
sub caches
{
	my @roots = ($ENV{XDG_CACHE_HOME}, defined $ENV{HOME} ? "$ENV{HOME}/.cache" : undef, '/var/cache');
	my @caches = map { "$_/pg_migrations/corpora" } grep { defined $_ && $_ ne '' } @roots;

	return defined $ENV{CORPORA_CACHE} ? ($ENV{CORPORA_CACHE}, @caches) : @caches;
}

# The first cache that can be written, else a directory that ends with the test.
my $writable;
sub writable_cache
{
	return $writable if defined $writable;
	foreach my $cache (caches())
	{
		make_path($cache, { error => \my $errors });
		return $writable = $cache if !@$errors && -w $cache;
	}
	return $writable = tempdir('corpora_XXXXXX', TMPDIR => 1, CLEANUP => 1);
}

sub cached
{
	my ($name) = @_;

	foreach my $cache (caches(), writable_cache())
	{
		return "$cache/$name" if -r "$cache/$name";
	}
	return undef;
}

# Runs a command in a directory; its output, and whether it succeeded.
sub run_command
{
	my ($directory, @command) = @_;
	my $pid = open(my $pipe, '-|');

	die "could not fork: $!" if !defined $pid;
	if ($pid == 0)
	{
		open STDERR, '>&', \*STDOUT;
		chdir $directory or die "could not change to $directory: $!";
		exec { $command[0] } @command or die "$command[0]: $!\n";
	}
	local $/ = undef;
	my $output = <$pipe>;
	close $pipe;
	return ($? == 0, $output);
}

# Skips are told apart from failures by the class of the exception.
sub skip
{
	my ($reason) = @_;

	die bless { reason => $reason }, 'Corpora::Skip';
}

# Clients that had no network: asking again would only take time.
my %without_network;

# Runs a client that fetches something into a directory.
sub fetch
{
	my ($what, $directory, @command) = @_;
	my $client = $command[0];
	my ($ok, $output);

	foreach my $pause ($without_network{$client} ? () : (0, 2, 10))
	{
		sleep $pause;
		($ok, $output) = run_command($directory, @command);
		return if $ok;
		last if $output !~ $passing;
	}
	$without_network{$client} = 1 if defined $output && $output =~ /$unreachable|$passing/;
	skip("$what cannot be fetched: the registry cannot be reached") if $without_network{$client};
	die "$what cannot be fetched:\n$output";
}

sub need_command
{
	my ($command, $package) = @_;

	foreach my $directory (split /:/, $ENV{PATH})
	{
		return if -x "$directory/$command";
	}
	skip("there is no $command here (Debian package $package)");
	return;
}

# What came into a new directory moves to the cache only when whole.
sub fetch_into_cache
{
	my ($what, @command) = @_;
	my $cache = writable_cache();
	my $new = tempdir('new_XXXXXX', DIR => $cache, CLEANUP => 1);

	fetch($what, $new, @command);
	foreach my $file (glob "$new/*")
	{
		move($file, "$cache/" . basename($file)) or die "could not move $file: $!";
	}
	rmdir $new;
	return;
}

sub npm_tarball
{
	my ($spec) = @_;
	my ($name, $version) = $spec =~ /^(.+)@([^@]+)$/ or die "no version in $spec";

	$name =~ s/^@//;
	$name =~ tr{/}{-};
	return "$name-$version.tgz";
}

# Paths of the tarballs of packages given as name@version.
sub npm_packages
{
	my @specs = @_;
	my @missing = grep { !defined cached(npm_tarball($_)) } @specs;

	need_command('node', 'nodejs');
	if (@missing)
	{
		need_command('npm', 'npm');
		fetch_into_cache("npm package " . join(', ', @missing), @npm, 'pack', @missing);
	}
	return map { cached(npm_tarball($_)) // die "npm pack did not make a file for $_" } @specs;
}

# A node_modules directory with packages given as name@version.  The versions
# of what they need in turn are those that the registry has.
sub npm_modules
{
	my @specs = @_;
	my $modules = join '+', @specs;

	need_command('node', 'nodejs');
	if (!defined cached("$modules/node_modules/.package-lock.json"))
	{
		need_command('npm', 'npm');
		my $new = tempdir('new_XXXXXX', DIR => writable_cache(), CLEANUP => 1);

		# Without this file npm would install further up.
		open my $manifest, '>', "$new/package.json" or die "could not write $new/package.json: $!";
		print $manifest "{}\n";
		close $manifest;
		fetch("npm package @specs", $new, @npm, 'install', '--ignore-scripts', '--no-audit', '--no-fund', @specs);
		rename $new, writable_cache() . "/$modules";
		chmod 0755, writable_cache() . "/$modules";
	}
	return abs_path(cached("$modules/node_modules") // die "npm install did not make $modules");
}

# Paths of the archives of packages given as name=version.  A Debian release
# has one version of a package; on another release there is nothing to fetch.
sub debian_packages
{
	my @specs = @_;
	my @paths;

	need_command('dpkg-deb', 'dpkg');
	foreach my $spec (@specs)
	{
		my ($name, $version) = split /=/, $spec;
		my $file = "${name}_" . $version =~ s/:/%3a/r . "_*.deb";
		my ($found) = map { glob "$_/$file" } caches(), writable_cache();

		if (!defined $found)
		{
			need_command('apt-get', 'apt');
			my ($known, $policy) = run_command('/', 'apt-cache', 'madison', $name);

			skip("apt knows no $spec here: it is another release, or never updated") if $policy !~ /\|\s*\Q$version\E\s*\|/;
			fetch_into_cache("Debian package $spec", 'apt-get', '-q', 'download', $spec);
			($found) = glob writable_cache() . "/$file";
		}
		push @paths, $found // die "apt-get download did not make a file for $spec";
	}
	return @paths;
}

# Unpacks what matches the patterns (all, without any) below a directory.
sub unpack_npm
{
	my ($tarball, $directory, @patterns) = @_;

	make_path($directory);
	my ($ok, $output) = run_command($directory, 'tar', 'xzf', $tarball, '--strip-components=1',
		'--no-same-owner', @patterns ? ('--wildcards', map { "*/$_" } @patterns) : ());
	die "could not unpack $tarball: $output" if !$ok;
	return $directory;
}

sub unpack_debian
{
	my ($archive, $directory) = @_;

	make_path($directory);
	my ($ok, $output) = run_command($directory, 'dpkg-deb', '-x', $archive, $directory);
	die "could not unpack $archive: $output" if !$ok;
	return $directory;
}

1;
