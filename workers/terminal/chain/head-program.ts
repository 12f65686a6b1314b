/** What a list of processes shows of one that waits. */
export const waitingName = 'llmmixer: waits for a command';

/**
 * The first program of a launch chain, in perl: it closes every descriptor above 3, joins the job's control groups
 * while it may, bounds itself, drops its rights and becomes the next program. Its arguments are the numbers of the
 * system calls that it makes, the files that take the pid of who joins, and then either
 *
 *   -- order ...    what it is to do at once
 *   nothing         then it waits until descriptor 3 says so: four bytes with the length of what follows, and then the
 *                   orders, each with a NUL at its end. Once nobody is left who could say it, it ends.
 *
 * The orders are strings:
 *
 *   the working directory
 *   what to open as 0, 1 and 2, three; the same for the first two: a terminal, for all; empty: what is open
 *   uid and gid, or empty
 *   1: nothing it starts may gain rights
 *   how many bounds follow, and these: resource, soft limit, hard limit
 *   how many variables follow, and these
 *   the program and its arguments
 *
 * Problem: node-pty's descriptors are inherited by every later child, so jobs could type into each other's terminals,
 * and a terminal that is held by another job's chain never hangs up.
 * Problem: a fork of a large process and the join of a control group each take the kernel some ten milliseconds, in
 * which whoever waits for the command waits too. So it can be started before there is a command.
 * Warning: a terminal that it opened as its own no command could take; so it opens each without taking it.
 * The job's variables are named apart until the command starts, so none of them means anything here.
 * While it waits it has a name that people understand. The numbers are Linux': 0 O_RDONLY, 1 O_WRONLY, 2 O_RDWR, 0x100 O_NOCTTY, 7 E2BIG, 38 PR_SET_NO_NEW_PRIVS.
 */
export const headProgram = String.raw`
my ($prlimit, $setgroups, $setresgid, $setresuid, $prctl) = map { $_ + 0 } split /,/, shift @ARGV;
opendir my $open, '/proc/self/fd' or exit 126;
my @extra = grep { /^[0-9]+$/ && $_ > 3 && $_ != fileno $open } readdir $open;
closedir $open;
for (@extra) { open my $fh, '<&=', $_ and close $fh }
open my $worker, '+<&=', 3 or exit 126;
sub refuse { syswrite $worker, "failed $_[0]\n"; exit 126 }

while (@ARGV && $ARGV[0] ne '--') {
  my $file = shift @ARGV;
  open my $group, '>', $file or refuse('group');
  syswrite $group, $$ or refuse('group');
}
if (@ARGV) { shift @ARGV }
else { $0 = '${waitingName}'; @ARGV = split /\0/, take_bytes(unpack 'N', take_bytes(4)), -1; pop @ARGV }

my ($cwd, $in, $out, $err, $user, $only_less, $bounds) = splice @ARGV, 0, 7;
chdir $cwd or refuse('chain');
open_streams() if $in ne '';
for (splice @ARGV, 0, $bounds) {
  my ($resource, $soft, $hard) = split / /;
  syscall($prlimit, 0, $resource + 0, pack('QQ', $soft, $hard), 0) == 0 or refuse('bounds');
}
if (my ($uid, $gid) = $user =~ /(\d+) (\d+)/) {
  syscall($setgroups, 0, 0) == 0 or refuse('user');
  syscall($setresgid, $gid + 0, $gid + 0, $gid + 0) == 0 or refuse('user');
  syscall($setresuid, $uid + 0, $uid + 0, $uid + 0) == 0 or refuse('user');
}
if ($only_less) { syscall($prctl, 38, 1, 0, 0, 0) == 0 or refuse('user') }
%ENV = map { /^([^=]*)=(.*)/s } splice @ARGV, 0, shift @ARGV;
fcntl $worker, 2, 0;
exec { $ARGV[0] } @ARGV;
refuse($! == 7 ? 'size' : 'chain');

sub open_streams {
  if ($in eq $out) {
    sysopen my $terminal, $in, 2 | 0x100 or refuse('terminal');
    open STDIN, '<&', $terminal or refuse('terminal');
    open STDOUT, '>&', $terminal or refuse('terminal');
    open STDERR, '>&', $terminal or refuse('terminal');
    return;
  }
  for ([\*STDIN, '<&', $in, 0], [\*STDOUT, '>&', $out, 1], [\*STDERR, '>&', $err, 1]) {
    my ($standard, $mode, $path, $flags) = @$_;
    sysopen my $fh, $path, $flags or refuse('streams');
    open $standard, $mode, $fh or refuse('streams');
  }
}

sub take_bytes {
  my ($length) = @_;
  my $bytes = '';
  while (length $bytes < $length) {
    my $got = sysread $worker, $bytes, $length - length $bytes, length $bytes;
    exit 0 unless $got;
  }
  return $bytes;
}
`;
