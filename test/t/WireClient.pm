# WireClient.pm: a client that speaks PostgreSQL's protocol message by message, for what psql and libpq never send.
#
# What it sends is kept until sync, simple or flush; what it is answered, one line a message, is in heard.
package WireClient;

use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;

my $protocol = 196608;			# 3.0
my $cancel_request = 80877102;
my %fieldless = (
	1 => 'ParseComplete', 2 => 'BindComplete', 3 => 'CloseComplete', I => 'EmptyQueryResponse', n => 'NoData', s => 'PortalSuspended',
	G => 'CopyInResponse', H => 'CopyOutResponse', c => 'CopyDone', t => 'ParameterDescription');

sub connect_to
{
	my ($node) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;

	return IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path) // die "could not connect to $path: $!";
}

# A new session; further pairs are settings, as application_name.
sub new
{
	my ($class, $node, $db, $user, %settings) = @_;
	my $startup = join '', map { "$_\0" } 'user', $user, 'database', $db, %settings;
	my $self = bless { node => $node, socket => connect_to($node), unsent => '', unread => '', heard => '' }, $class;

	$self->{socket}->syswrite(pack('NN', length($startup) + 9, $protocol) . "$startup\0");
	$self->hear_ready;
	die $self->{heard} if $self->{heard} =~ /ErrorResponse/;
	$self->{heard} = '';
	return $self;
}

# ---- what a client says

sub say_message
{
	my ($self, $type, $body) = @_;

	$self->{unsent} .= $type . pack('N', length($body) + 4) . $body;
	return $self;
}

sub parse
{
	my ($self, $statement, $sql) = @_;

	return $self->say_message('P', "$statement\0$sql\0" . pack('n', 0));
}

sub bind
{
	my ($self, $portal, $statement, @values) = @_;
	my $values = join '', map { pack('N', length) . $_ } @values;

	return $self->say_message('B', "$portal\0$statement\0" . pack('nn', 0, scalar @values) . $values . pack('n', 0));
}

sub describe
{
	my ($self, $portal) = @_;

	return $self->say_message('D', "P$portal\0");
}

sub execute
{
	my ($self, $portal, $rows) = @_;

	return $self->say_message('E', "$portal\0" . pack('N', $rows // 0));
}

# Parse, Bind and Execute without names.
sub run
{
	my ($self, $sql, @values) = @_;

	return $self->parse('', $sql)->bind('', '', @values)->execute('');
}

sub close_portal
{
	my ($self, $portal) = @_;

	return $self->say_message('C', "P$portal\0");
}

sub copy
{
	my ($self, @lines) = @_;

	$self->say_message('d', "$_\n") foreach @lines;
	return $self->say_message('c', '');
}

# FunctionCall, with arguments and result as text.
sub call
{
	my ($self, $oid, @values) = @_;
	my $values = join '', map { pack('N', length) . $_ } @values;

	return $self->say_message('F', pack('Nnn', $oid, 0, scalar @values) . $values . pack('n', 0))->flush->hear_ready;
}

sub sync
{
	my ($self) = @_;

	return $self->say_message('S', '')->flush->hear_ready;
}

# A simple query, and what follows it in the same breath.
sub simple
{
	my ($self, $sql, @lines) = @_;

	$self->say_message('Q', "$sql\0");
	$self->copy(@lines) if @lines;
	return $self->flush->hear_ready;
}

# Sends what is unsent, and waits for nothing.
sub flush
{
	my ($self) = @_;

	while ($self->{unsent} ne '')
	{
		my $sent = $self->{socket}->syswrite($self->{unsent}) // die "could not send: $!";

		substr $self->{unsent}, 0, $sent, '';
	}
	return $self;
}

# A simple query whose end is not waited for.
sub start
{
	my ($self, $sql) = @_;

	return $self->say_message('Q', "$sql\0")->flush;
}

sub cancel
{
	my ($self) = @_;
	my $socket = connect_to($self->{node});

	$socket->syswrite(pack('NN', 16, $cancel_request) . $self->{key});
	$socket->sysread(my $end, 1);
	return $self;
}

sub terminate
{
	my ($self) = @_;

	$self->say_message('X', '')->flush;
	return $self->hang_up;
}

# Without a word.
sub hang_up
{
	my ($self) = @_;

	$self->{socket}->close;
	return $self;
}

# ---- what it hears

sub read_bytes
{
	my ($self, $count) = @_;

	while (length($self->{unread}) < $count)
	{
		IO::Select->new($self->{socket})->can_read($PostgreSQL::Test::Utils::timeout_default) or die 'the server says nothing';
		$self->{socket}->sysread($self->{unread}, 8192, length $self->{unread}) or die "the server has gone, after:\n$self->{heard}";
	}
	return substr $self->{unread}, 0, $count, '';
}

sub values_of
{
	my ($body) = @_;
	my ($count, $rest) = unpack 'na*', $body;
	my @values;

	while ($count--)
	{
		(my $length, $rest) = unpack 'l>a*', $rest;
		push @values, $length < 0 ? 'NULL' : substr $rest, 0, $length, '';
	}
	return @values;
}

# A message as a line; of an error all but the place in the server's source.
sub words
{
	my ($type, $body) = @_;

	return $fieldless{$type} if $fieldless{$type};
	return join ' ', 'RowDescription', unpack 'x2(Z*x18)*', $body if $type eq 'T';
	return join ' ', 'DataRow', values_of($body) if $type eq 'D';
	return join ' ', 'FunctionCallResponse', values_of("\0\1$body") if $type eq 'V';
	return join ' ', $type eq 'E' ? 'ErrorResponse' : 'NoticeResponse', grep { !/^[VFLR]/ } split /\0/, $body if $type =~ /[EN]/;
	return join ' ', $type eq 'C' ? 'CommandComplete' : 'ReadyForQuery', unpack 'Z*', $body if $type =~ /[CZ]/;
	return $type;
}

# Everything to the next ReadyForQuery.
sub hear_ready
{
	my ($self) = @_;
	my ($type, $body) = ('', '');

	while ($type ne 'Z')
	{
		my $length;

		($type, $length) = unpack 'aN', $self->read_bytes(5);
		$body = $self->read_bytes($length - 4);
		$self->{key} = $body if $type eq 'K';
		$self->{heard} .= words($type, $body) . "\n" if $type !~ /[RSKd]/;
	}
	return $self;
}

1;
