import type { SystemCalls } from './system-calls.ts';

/**
 * The last program of a launch chain, in perl: starts the command, waits for it, and tells the worker over
 * descriptor 3 how it began and ended, a line each:
 *
 *   running | failed program | failed terminal          once
 *   usage <bytes of the largest process> <CPU milliseconds> ended exit <status> | ended signal <number>    once
 *
 * Problem: what stands between the worker and the command turns a death by signal n into the exit status
 * 128 + n (bwrap, every shell), so that the two can no longer be told apart.
 * Why perl: it waits exactly, starts in two milliseconds, and Debian and its kin cannot be without it.
 *
 * In a sandbox it is process 1, elsewhere the subreaper, so daemons that a command leaves behind become its
 * children, and their use of the machine is counted too. It stays while any of them lives. No signal that a
 * process of the job may send ends it while it is process 1.
 * The command's variables come under another name each, or they would mean something to the programs of the
 * chain (LD_PRELOAD, BASH_ENV, PERL5OPT).
 * The numbers are Linux': 0x540E TIOCSCTTY, 0x5410 TIOCSPGRP, 0x5401 and 0x5402 TCGETS and TCSETS, 0x4000 IUTF8,
 * 36 PR_SET_CHILD_SUBREAPER.
 */
const program = String.raw`
my ($mode, $rusage, $prctl, $setsid, $execve, $file, @argv) = @ARGV;
my %command = map { /^LLMMIXER_ENV_(.*)/s ? ($1 => $ENV{$_}) : () } keys %ENV;
if (opendir my $open, '/proc/self/fd') {
  my @extra = grep { /^[0-9]+$/ && $_ > 3 && $_ != fileno $open } readdir $open;
  closedir $open;
  for (@extra) { open my $fh, '<&=', $_ and close $fh }
}
open my $report, '>&=', 3 or exit 126;
fcntl $report, 2, 1;
sub tell_worker { syswrite $report, "$_[0]\n" }
my @signals = grep { !/^(KILL|STOP|CHLD|CLD|NUM|RT|ZERO|IOT|POLL)/ } keys %SIG;
$SIG{$_} = 'IGNORE' for @signals;
syscall $prctl + 0, 36, 1, 0, 0, 0;

pipe my $reader, my $writer or exit 126;
defined(my $pid = fork) or do { tell_worker 'failed program'; exit 126 };
if (!$pid) {
  close $reader;
  my $refuse = sub { syswrite $writer, $_[0]; kill 9, $$ };
  take_terminal($refuse);
  $SIG{$_} = 'DEFAULT' for @signals;
  # Perl's own exec hands a program that the kernel refuses to a shell.
  my @variables = map { "$_=$command{$_}" } keys %command;
  syscall $execve + 0, $file, pack('p*', @argv) . "\0" x 8, pack('p*', @variables) . "\0" x 8;
  $refuse->('program');
}
close $writer;
open STDIN, '<', '/dev/null';
open STDOUT, '>', '/dev/null';
open STDERR, '>', '/dev/null';
my $refused = '';
sysread $reader, $refused, 64;
if ($refused) {
  waitpid $pid, 0;
  tell_worker "failed $refused";
  exit 126;
}
tell_worker 'running';
while ((my $ended = waitpid -1, 0) != -1) {
  next if $ended != $pid;
  my $how = $? & 127 ? 'signal ' . ($? & 127) : 'exit ' . ($? >> 8);
  tell_worker usage() . " ended $how";
}

sub take_terminal {
  my ($refuse) = @_;
  if ($mode eq 'group') {
    setpgrp 0, 0;
    ioctl STDIN, 0x5410, pack('i', $$) or $refuse->('terminal');
    return;
  }
  syscall $setsid + 0;
  return if $mode ne 'session';
  ioctl STDIN, 0x540E, 0 or $refuse->('terminal');
  my $modes = "\0" x 256;
  ioctl STDIN, 0x5401, $modes or return;
  substr($modes, 0, 4) = pack 'L', unpack('L', $modes) | 0x4000;
  ioctl STDIN, 0x5402, $modes;
}

sub usage {
  my ($largest, $cpu) = (0, 0);
  my $numbers = "\0" x 256;
  if (syscall($rusage + 0, -1, $numbers) == 0) {
    my ($us, $uu, $ss, $su, $max) = unpack 'q5', $numbers;
    ($largest, $cpu) = ($max * 1024, int(($us + $ss) * 1000 + ($uu + $su) / 1000));
  } else {
    my (undef, undef, $user, $system) = times;
    $cpu = int(($user + $system) * 1000);
  }
  return "usage $largest $cpu";
}
`;

/** How the command gets its terminal: see `ChainMode`. */
export interface WaiterOptions {
  mode: ChainMode;
  name: string;
  file: string;
  args: readonly string[];
}

/**
 * - `session`: descriptor 0 is a terminal that belongs to no session; the command leads one that has it.
 * - `group`: descriptor 0 is the terminal of the session it starts in; the command is its foreground group.
 * - `none`: no terminal; the command leads a session of its own.
 */
export type ChainMode = 'session' | 'group' | 'none';

/** Arguments of perl, behind its name. */
export function waiterArguments(calls: SystemCalls, { mode, name, file, args }: WaiterOptions): string[] {
  const { getrusage, prctl, setsid, execve } = calls;
  return ['-e', program, mode, ...[getrusage, prctl, setsid, execve].map(String), file, name, ...args];
}
