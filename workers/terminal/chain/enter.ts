import { type ChainMode, waiterArguments } from './waiter.ts';

/**
 * What runs first between the worker and a chain: it closes every descriptor above 4, joins the job's control
 * groups while it may, and becomes the chain.
 *
 * Problem: node-pty's descriptors are inherited by every later child, so jobs could type into each other's
 * terminals, and a terminal that is held by another job's chain never hangs up. Only bash closes descriptors
 * of two digits.
 * Warning: a bash that finds a terminal at its input opens it and so makes it its own, and then no command can; so
 * a terminal comes as descriptor 4 and is moved to its place here.
 * The job's variables are named apart until the command starts, so none of them means anything here.
 */
const script = `
for LLMMIXER_HOP in /proc/self/fd/* /dev/fd/*; do
  LLMMIXER_HOP=\${LLMMIXER_HOP##*/}
  case $LLMMIXER_HOP in 0|1|2|3|4|*[!0-9]*) ;; *) eval "exec $LLMMIXER_HOP>&-" ;; esac
done
if [ -e /proc/self/fd/4 ]; then exec 0<&4 1>&4 2>&4 4>&-; fi
while [ "$1" != -- ]; do
  printf %s $$ > "$1" || { printf 'failed group\\n' >&3; exit 126; }
  shift
done
shift
shopt -s execfail
exec -- "$@"
printf 'failed chain\\n' >&3
exit 126
`;

/** The programs of a chain, and what each is told; made by an isolation for one job. */
export interface Chain {
  /** Path of bash. */
  bash: string;
  /** Path of perl. */
  perl: string;
  /** Files that take the pid of who joins a control group. */
  joinFiles: readonly string[];
  /** Programs with their arguments that each start the next, in order, up to the waiter; may be empty. */
  links: readonly (readonly string[])[];
  /** Whose rights the command has; null: the worker's own. */
  user: { uid: number; gid: number } | null;
  /** Whether the chain ends in a pid namespace, of which the waiter is process 1 and the first link's process the guard. */
  hasNamespace: boolean;
}

export interface EnterOptions {
  mode: ChainMode;
  name: string;
  file: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** What to spawn, with a pipe as descriptor 3, so that the command runs at the end of the chain. */
export function enterChain(
  { bash, perl, joinFiles, links }: Chain,
  { env, ...command }: EnterOptions,
): { file: string; args: string[]; env: Record<string, string> } {
  const chain = [...links.flat(), perl, ...waiterArguments(command)];
  const renamed = Object.entries(env).map(([name, value]) => [`LLMMIXER_ENV_${name}`, value]);
  const marks = Object.entries(env).filter(([name]) => name.startsWith('LLMMIXER_'));
  return {
    file: bash,
    args: ['-p', '-c', script, 'llmmixer', ...joinFiles, '--', ...chain],
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      ...Object.fromEntries([...marks, ...renamed]),
    },
  };
}
