import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listProcesses } from '../support/processes.ts';
import { outputOf, startService, type TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;
let level: string;

beforeAll(async () => {
  service = await startService({ config: { sandbox: 'auto' } });
  const answer = await service.request('/v1/capabilities');
  level = ((await answer.json()) as { items: { sandbox: string }[] }).items[0]?.sandbox ?? 'unknown';
  if (level !== 'sandbox')
    process.stderr.write(`NOT TESTED: this machine has no sandbox, but level ${level}\n`);
});
afterAll(() => service.close());

const onlyInSandbox = () => level !== 'sandbox';

describe('A command of a service that shuts commands in', () => {
  it('tells its level, its limits, and what it used', async () => {
    const { job, events } = await service.run({
      type: 'command',
      shell: `perl -e '$_ = "x" x 50_000_000; $i++ while $i < 5_000_000'`,
      limits: { openFiles: 128 },
    });
    const started = events.find((it) => it.type === 'job.started');
    expect(started?.data).toMatchObject({ sandbox: level, limits: { openFiles: 128, processes: 1024 } });
    expect(job.result).toMatchObject({ exitCode: 0, sandbox: level });
    if (level === 'none') return;
    const { resources } = job.result as { resources: { maxRssBytes: number; cpuMs: number } };
    expect(resources.maxRssBytes).toBeGreaterThan(50_000_000);
    expect(resources.maxRssBytes).toBeLessThan(500_000_000);
    expect(resources.cpuMs).toBeGreaterThan(20);
  });

  it.each([
    ['cpuSeconds', { cpuSeconds: 1 }, "bash -c 'while :; do :; done'"],
    [
      'fileBytes',
      { fileBytes: 100_000 },
      'perl -e \'open F, ">big"; print F "x" x 200_000; close F; sleep 20\'',
    ],
  ])('that goes beyond limits.%s fails and says so', async (name, limits, shell) => {
    if (level === 'none') return;
    const { job } = await service.run({ type: 'command', shell: `exec ${shell}`, limits });
    expect(job).toMatchObject({ status: 'failed', error: { code: 'limit_exceeded' } });
    expect(job.error?.detail).toContain(`limits.${name} of ${Object.values(limits)[0]}`);
  });

  it('that asks for more than the configuration allows is refused before it starts', async () => {
    const { job, events } = await service.run({
      type: 'command',
      shell: 'true',
      limits: { processes: 1025 },
    });
    expect(job).toMatchObject({ status: 'failed', error: { code: 'spawn_failed' } });
    expect(job.error?.detail).toMatch(/processes.*1024/);
    expect(events.map((it) => it.type)).not.toContain('job.started');
  });

  it('reaches this machine only with its network', async ({ skip }) => {
    skip(onlyInSandbox());
    const server = createServer((_, response) => response.end('reached')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const shell = `exec 3<>/dev/tcp/127.0.0.1/${port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`;
    const bash = { type: 'command' as const, argv: ['bash', '-c', shell] };
    const open = await service.run({ ...bash, network: true });
    expect(outputOf(open.events)).toContain('reached');
    const closed = await service.run({ ...bash, network: false });
    expect(closed.job.status).toBe('failed');
    expect(outputOf(closed.events)).not.toContain('reached');
    server.close();
  });

  it('finds its workspace as home, writable, and no other job’s', async ({ skip }) => {
    skip(onlyInSandbox());
    const first = await service.run({ type: 'command', shell: 'echo secret > kept; pwd' });
    const place = outputOf(first.events).trim();
    const { events } = await service.run({
      type: 'command',
      shell: `cat ${place}/kept; ls ${place}/..; cat ${service.config.dataDir}/*; echo $HOME; cd; pwd; touch ok && ls`,
    });
    expect(outputOf(events)).not.toContain('secret\n');
    // What could not be read is told on the other stream, at its own pace.
    expect(outputOf(events, 'stdout')).toMatch(/^(\/\S+)\n\1\nok\n$/);
  });

  it('that is cancelled leaves nothing, whatever it traps', async () => {
    const mark = `4242${Date.now() % 100_000}`;
    const job = await service.submit({
      type: 'command',
      interactive: true,
      shell: `trap '' INT TERM HUP; (setsid sleep ${mark} &) ; echo up; while :; do sleep 1; done`,
    });
    await until(async () => outputOf(await service.events(job.id)).includes('up'), 'it runs');
    await service.request(`/v1/jobs/${job.id}/cancel`, { method: 'POST' });
    expect((await service.finished(job.id)).status).toBe('cancelled');
    expect((await listProcesses()).filter((it) => it.command.includes(mark))).toEqual([]);
  });
});
