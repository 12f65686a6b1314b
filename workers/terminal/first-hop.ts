/**
 * What runs between the worker and a command, in the process that becomes the command: it takes the
 * terminal, closes every descriptor above 2 and execs.
 *
 * Problem: node-pty's descriptors are inherited by every later child, so jobs could type into each
 * other's terminals. Only bash closes descriptors of two digits, and knows `exec -a`.
 * `-p` keeps bash from running the job's own BASH_ENV here; the command still gets that variable.
 * A variable of the hop would overwrite the job's of the same name, so there is only one, with a prefix
 * that jobs cannot set; and since bash drops PS1 and PS2 where it has no use for them, these travel under
 * other names.
 * Descriptor 3 tells the worker how it went: a word when it failed, else just its end. Closed for the
 * length of the braces, it is kept by bash under a number that exec closes, and is back when exec fails.
 */
const script = `
shopt -u checkwinsize
shopt -s execfail
if [ -n "$1" ]; then
  exec 0<>"$1" 1>&0 2>&0 || { printf terminal >&3; exit 126; }
  stty iutf8 2>/dev/null 3>&-
fi
for LLMMIXER_HOP in /proc/self/fd/* /dev/fd/*; do
  LLMMIXER_HOP=\${LLMMIXER_HOP##*/}
  case $LLMMIXER_HOP in 0|1|2|3|*[!0-9]*) ;; *) eval "exec $LLMMIXER_HOP>&-" ;; esac
done
if [ -n "\${LLMMIXER_HOP_PS1+set}" ]; then export PS1="$LLMMIXER_HOP_PS1"; fi
if [ -n "\${LLMMIXER_HOP_PS2+set}" ]; then export PS2="$LLMMIXER_HOP_PS2"; fi
unset LLMMIXER_HOP LLMMIXER_HOP_PS1 LLMMIXER_HOP_PS2
{ exec -a "$2" -- "\${@:3}"; } 3>&-
printf program >&3
exit 126
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
  env: Readonly<Record<string, string>>;
}

export interface FirstHop {
  file: string;
  args: string[];
  env: Record<string, string>;
  /** The program that it becomes. Wants a pipe as descriptor 3, which `readHopReport` reads. */
  hopTo: string;
}

/** What to spawn, as the leader of a new session, so that the command runs in its stead. */
export function withFirstHop({ bash, terminal, name, file, args, env }: HopOptions): FirstHop {
  const renamed = Object.entries(env).map(([variable, value]) => [
    variable === 'PS1' || variable === 'PS2' ? `LLMMIXER_HOP_${variable}` : variable,
    value,
  ]);
  return {
    file: bash,
    args: ['-p', '-c', script, 'llmmixer', terminal ?? '', name, file, ...args],
    env: Object.fromEntries(renamed),
    hopTo: file,
  };
}
