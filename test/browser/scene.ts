import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobSubmission } from '../../src/contract/job.ts';
import { startFakeOpenAi } from '../fakes/openai-compatible.ts';
import { startPageService } from '../support/dashboard.ts';
import type { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

/** A service with jobs as people have them, to be looked at. */
export interface Scene {
  service: TestService;
  /** Ids by name. */
  jobs: Record<keyof typeof submissions, string>;
  close(): Promise<void>;
}

const build = [
  '#!/bin/sh',
  'echo "> web@2.3.0 build"; echo "> vite build && node scripts/check-size.mjs"; echo',
  'for part in header search results player settings history queue; do',
  '  echo "transforming src/$part/index.tsx"; echo "transforming src/$part/styles.css"; done',
  'echo "src/player/index.tsx:41:9 warning: unused variable \'lastFrame\'" >&2',
  'echo "rendering chunks..."; echo "dist/assets/index-c4f1e0.js     48.12 kB | gzip: 17.20 kB"',
  'echo "dist/assets/player-0b77aa.js   131.90 kB | gzip: 44.03 kB"; echo "built in 2.41s"; echo',
  'sleep 1.2; echo "check-size: dist/assets/player-0b77aa.js is 44.03 kB, 40 kB are allowed" >&2; exit 1',
].join('\n');

const answer = `Two ways, and when each is right:

1. **Keep one connection** and number what goes over it. Whoever comes back says the last number it has.
2. **Ask again** every few seconds, which is simpler and later.

\`\`\`ts
for await (const event of followJob(client, job.id)) {
  if (event.type === 'job.ended') break;
}
\`\`\`

The first one needs a log that is kept for a while; the second needs nothing.`;

const submissions = {
  delayed: { type: 'command', argv: ['pg_dump', 'app'], delayMs: 3_600_000, tags: ['nightly'] },
  cancelled: { type: 'command', shell: 'sleep 600 # soak test', tags: ['soak'] },
  story: { type: 'prompt', model: 'demo/story', prompt: 'Tell me a story about a keeper of logs' },
  missing: { type: 'command', argv: ['deploy-preview', '--branch', 'player'] },
  build: { type: 'command', argv: ['./build.sh', '--target', 'web'], tags: ['web', 'main'] },
  tests: { type: 'command', argv: ['node', '--version'], tags: ['web'] },
  answer: {
    type: 'prompt',
    model: 'local/llama3.2',
    system: 'Answer briefly, with an example.',
    prompt: 'How do I follow a job over a connection that breaks?',
  },
  running: {
    type: 'command',
    shell: 'for i in $(seq 1 600); do echo "epoch $i"; sleep 1; done',
    tags: ['gpu'],
  },
  editor: { type: 'command', argv: ['vim', '-u', 'NONE', '-c', 'syntax on', 'notes.md'], interactive: true },
} as const satisfies Record<string, JobSubmission>;

const notes = `# Release 2.3

- [x] the player keeps its place over a reconnect
- [x] one log a session, numbered
- [ ] check-size: 4 kB too much in the player

Ask in #release before the tag is set.
`;

export async function startScene(redisUrl: string): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'llmmixer-scene-'));
  await writeFile(join(folder, 'notes.md'), notes);
  await writeFile(join(folder, 'build.sh'), build, { mode: 0o755 });
  const provider = await startFakeOpenAi();
  const steps = answer.split(/(?<= )/).map((text) => ({ text }));
  provider.script({ kind: 'answer', steps, usage: { inputTokens: 31, outputTokens: 128 } });
  const providers = [{ name: 'local', baseUrl: provider.baseUrl, models: ['llama3.2'] }];
  const service = await startPageService({ redisUrl, config: { workRoots: [folder], providers } });
  const ids: [string, string][] = [];
  for (const [name, submission] of Object.entries(submissions)) {
    const inFolder = submission.type === 'command' ? { cwd: folder } : {};
    const { id } = await service.submit({ ...submission, ...inFolder } as JobSubmission);
    ids.push([name, id]);
  }
  const jobs = Object.fromEntries(ids) as Scene['jobs'];
  await until(async () => (await statusOf(service, jobs.cancelled)) === 'running', 'the soak test runs');
  await service.request(`/v1/jobs/${jobs.cancelled}/cancel`, { method: 'POST' });
  for (const id of [jobs.build, jobs.story, jobs.answer, jobs.missing, jobs.cancelled])
    await service.finished(id);
  return {
    service,
    jobs,
    close: async () => {
      await service.close();
      await provider.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

async function statusOf(service: TestService, id: string): Promise<string> {
  return (await (await service.request(`/v1/jobs/${id}`)).json()).status;
}
