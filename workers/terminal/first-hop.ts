/**
 * What runs between the worker and a command, in the process that becomes the command: it takes the
 * terminal, closes every descriptor above 2 and execs.
 *
 * Problem: node-pty's descriptors are inherited by every later child, so jobs could type into each
 * other's terminals. Only bash closes descriptors of two digits, and knows `exec -a`.
 * `-p` keeps bash from running the job's own BASH_ENV here; the command still gets that variable.
 * A variable of the hop would overwrite the job's of the same name, so there is only one, with a prefix
 * that jobs cannot set.
 */
const script = `
if [ -n "$1" ]; then
  exec 0<>"$1" 1>&0 2>&0 || exit 126
  stty iutf8 2>/dev/null
fi
for LLMMIXER_HOP in /proc/self/fd/* /dev/fd/*; do
  LLMMIXER_HOP=\${LLMMIXER_HOP##*/}
  case $LLMMIXER_HOP in 0|1|2|*[!0-9]*) ;; *) eval "exec $LLMMIXER_HOP>&-" ;; esac
done
unset LLMMIXER_HOP
exec -a "$2" -- "\${@:3}"
`;

export interface HopOptions {
  /** Path of bash. */
  bash: string;
  /** Path of the terminal to take; absent for pipes. */
  terminal?: string;
  /** What the command is told as its own name. */
  name: string;
  /** Path of the program. */
  file: string;
  args: readonly string[];
}

/** The program and arguments to spawn, as the leader of a new session, with the command at their end. */
export function withFirstHop({ bash, terminal, name, file, args }: HopOptions): {
  file: string;
  args: string[];
} {
  return { file: bash, args: ['-p', '-c', script, 'llmmixer', terminal ?? '', name, file, ...args] };
}
