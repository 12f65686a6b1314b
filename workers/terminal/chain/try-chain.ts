import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProblemError } from '../../../src/contract/problem.ts';
import { launch } from '../launch.ts';
import { createTerminalTools } from '../terminal-tools.ts';
import type { Isolation } from './isolation.ts';

/** What a command in a chain tries. Prints the name of each thing it can do and must not, then `end`. */
const probe = `
[ -r /etc/shadow ] && echo shadow
[ -r "/proc/$WORKER/environ" ] && { read -rn1 < "/proc/$WORKER/environ"; } 2>/dev/null && echo environ
for fd in /proc/self/fd/*; do case \${fd##*/} in 0|1|2|255) ;; *) [ -e "$fd" ] && echo descriptor ;; esac; done
[ "$(id -u)" = 0 ] && echo root
: > written || echo workspace
if [ "$LEVEL" = sandbox ]; then
  (: < "/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && echo network
  [ -e "/proc/$WORKER" ] && [ "$$" != "$WORKER" ] && [ "$(ls -d /proc/[0-9]* | wc -l)" -gt 12 ] && echo processes
fi
echo end
`;

const sentences: Record<string, string> = {
  shadow: 'a command could read /etc/shadow.',
  environ: 'a command could read the variables of the service.',
  descriptor: 'a command had open files of the service.',
  root: 'a command ran as root.',
  workspace: 'a command could not write in its workspace.',
  network: 'a command reached this machine over the network though it must not.',
  processes: 'a command saw the processes of others.',
};

/** Runs a command at the level of `isolation`; answers null when it could do nothing it must not, else a sentence. */
export async function tryChain(isolation: Isolation): Promise<string | null> {
  const { server, port } = await listenOnLoopback();
  try {
    return await runProbe(isolation, port);
  } catch (error) {
    if (error instanceof ProblemError) return `a command could not be started in it (${error.message})`;
    throw error;
  } finally {
    server.close();
  }
}

async function runProbe(isolation: Isolation, port: number): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), 'llmmixer-probe-'));
  const user = await isolation.holdUser();
  let release = async () => {};
  try {
    if (user !== null) chownSync(folder, user.uid, user.gid);
    const shutIn = isolation.shutIn({
      job: 'the start of the worker',
      user,
      workspace: folder,
      cwd: folder,
      network: !isolation.isolatesNetwork,
    });
    ({ release } = shutIn);
    const { chain } = shutIn;
    if (chain === null) return 'what bounds commands is missing here.';
    const env = {
      PATH: '/usr/bin:/bin',
      WORKER: String(process.pid),
      PORT: String(port),
      LEVEL: isolation.level,
    };
    const command = await launch(
      {
        command: { argv: ['/bin/bash', '-c', probe] },
        cwd: folder,
        env,
        interactive: false,
        cols: 80,
        rows: 24,
        chain,
      },
      createTerminalTools({ log: { warn: () => {} } }),
    );
    let said = '';
    for await (const { bytes } of command.output) said += bytes.toString();
    await command.exit;
    return judge(said);
  } finally {
    await release();
    user?.release();
    rmSync(folder, { recursive: true, force: true });
  }
}

function judge(said: string): string | null {
  const lines = said.trim().split('\n');
  const found = lines.find((line) => line in sentences);
  if (found !== undefined) return sentences[found] ?? found;
  return lines.at(-1) === 'end' ? null : `a command in it failed (${lines.join(' ').slice(0, 200)}).`;
}

async function listenOnLoopback(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}
