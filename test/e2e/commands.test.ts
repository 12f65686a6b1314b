import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import type { JobStatus } from '../../src/contract/job.ts';
import type { CommandResult } from '../../src/contract/result.ts';
import { bytesOf } from '../../src/platform/text-or-base64.ts';
import { apiKey, outputOf, startService, type TestService } from '../support/service.ts';

let service: TestService;
let root: string;
beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'llmmixer-root-')));
  service = await startService({ config: { workRoots: [root] } });
});
afterAll(async () => {
  await service.close();
  rmSync(root, { recursive: true, maxRetries: 20 });
});

const status = async (id: string): Promise<JobStatus> =>
  (await (await service.request(`/v1/jobs/${id}`)).json()).status;
const untilRunning = (id: string) =>
  expect.poll(() => status(id), { timeout: 20_000, interval: 20 }).toBe('running');
const type = (id: string, body: object) => service.request(`/v1/jobs/${id}/input`, { body });
const untilOutput = (id: string, text: string) =>
  expect
    .poll(async () => outputOf(await service.events(id)), { timeout: 20_000, interval: 50 })
    .toContain(text);

describe('a command over pipes', () => {
  it('runs from submit to its end, and its log tells the whole story in order', async () => {
    const { job, events } = await service.run({
      type: 'command',
      shell: 'echo hello; sleep 0.3; echo world; echo oops >&2',
    });
    expect(events.map((event) => event.type)).toEqual([
      'job.queued',
      'job.started',
      ...events.slice(2, -1).map(() => 'output.delta'),
      'job.ended',
    ]);
    expect(outputOf(events, 'stdout')).toBe('hello\nworld\n');
    expect(outputOf(events, 'stderr')).toBe('oops\n');
    expect(job).toMatchObject({
      status: 'succeeded',
      attempt: 1,
      error: null,
      result: {
        exitCode: 0,
        signal: null,
        terminal: 'pipe',
        sandbox: 'none',
        outputBytes: 17,
        truncated: false,
      },
    });
    expect(events.at(-1)).toMatchObject({
      id: job.cursor,
      data: { status: 'succeeded', result: job.result },
    });
    expect(new Set(events.map(({ key }) => key)).size).toBe(events.length);
  });

  it('gives its exit code and what ended it', async () => {
    const failed = await service.run({ type: 'command', shell: 'exit 7' });
    expect(failed.job).toMatchObject({
      status: 'failed',
      error: { code: 'exit_nonzero' },
      result: { exitCode: 7, signal: null },
    });
    const killed = await service.run({ type: 'command', shell: 'kill -9 $$' });
    expect(killed.job).toMatchObject({ status: 'failed', result: { exitCode: null, signal: 'SIGKILL' } });
  });

  it('gets its arguments as they are, its input, its variables, and nothing of ours', async () => {
    const { events } = await service.run({
      type: 'command',
      argv: ['sh', '-c', 'printf "%s|" "$@"; cat; env', 'sh', 'a b', '$HOME'],
      stdin: 'from stdin\n',
      env: { COLOR: 'red' },
      secrets: { TOKEN: 'hush' },
    });
    const output = outputOf(events);
    expect(output).toContain('a b|$HOME|from stdin\n');
    expect(output).toContain('COLOR=red');
    expect(output).toContain('TOKEN=hush');
    expect(output).not.toContain('node_modules');
    expect(output).not.toMatch(/^(REDIS_URL|VITEST|LLMMIXER_API_KEY|NODE_OPTIONS)/m);
  });

  it('never shows or stores a declared secret', async () => {
    const { job } = await service.run({
      type: 'command',
      shell: 'true',
      secrets: { TOKEN: 'very-hush-hush' },
    });
    expect(JSON.stringify(job)).not.toContain('very-hush-hush');
    const { Redis } = await import('ioredis');
    const { redisAddress } = await import('../../src/store/redis.ts');
    const redis = new Redis(redisAddress(service.redisUrl));
    const stored = await redis.hgetall(`llmx:{${job.id}}:s`);
    redis.disconnect();
    expect(stored.sealed).toBeTypeOf('string');
    expect(JSON.stringify(stored)).not.toContain('very-hush-hush');
  });

  it('keeps every byte, also those that are no text', async () => {
    const script = 'process.stdout.write(Buffer.from(Array.from({length: 256 * 200}, (_, i) => i % 256)))';
    const { job, events } = await service.run({ type: 'command', argv: [process.execPath, '-e', script] });
    const bytes = Buffer.concat(
      events.map((event) => (event.type === 'output.delta' ? bytesOf(event.data) : Buffer.alloc(0))),
    );
    expect(bytes.equals(Buffer.from(Array.from({ length: 256 * 200 }, (_, index) => index % 256)))).toBe(
      true,
    );
    expect((job.result as CommandResult).outputBytes).toBe(256 * 200);
  });

  it.each([
    [{ argv: ['no-such-program'] }, 'no-such-program'],
    [{ shell: 'true', cwd: 'not/there' }, 'not/there'],
    [{ shell: 'true', cwd: '/etc' }, 'LLMMIXER_WORK_ROOTS'],
    [{ shell: 'true', cwd: '../..' }, 'workspace'],
  ])('ends with spawn_failed and says why: %j', async (command, reason) => {
    const { job, events } = await service.run({ type: 'command', ...command });
    expect(job).toMatchObject({ status: 'failed', error: { code: 'spawn_failed' } });
    expect(job.error?.detail).toContain(reason);
    expect(events.map((event) => event.type)).toEqual(['job.queued', 'job.ended']);
  });

  it('runs in its own folder, or in one under a work root', async () => {
    const own = await service.run({ type: 'command', shell: 'pwd; echo $HOME' });
    const folder = join(realpathSync(service.config.dataDir), 'workspaces', own.job.id);
    expect(outputOf(own.events)).toBe(`${folder}\n${folder}\n`);
    const other = await service.run({ type: 'command', shell: 'pwd', cwd: root });
    expect(outputOf(other.events)).toBe(`${root}\n`);
  });

  it('takes no input, and says so', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'sleep 20' });
    await untilRunning(id);
    const response = await type(id, { text: 'x' });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'input_not_accepted' });
    await service.request(`/v1/jobs/${id}/signal`, { body: { signal: 'SIGTERM' } });
    expect(await service.finished(id)).toMatchObject({ status: 'failed', result: { signal: 'SIGTERM' } });
  });

  it('succeeds when it ends by itself, and what it leaves behind is ended', async () => {
    const { job } = await service.run({ type: 'command', shell: "(trap '' TERM HUP; sleep 600) & exit 0" });
    expect(job).toMatchObject({ status: 'succeeded', result: { exitCode: 0 } });
    expect(processesOf(job.id)).toEqual([]);
  });

  it('tries again as often as it may, and tells of each attempt', async () => {
    const file = join(root, 'tried');
    const { job, events } = await service.run({
      type: 'command',
      shell: `if [ -e ${file} ]; then echo second; else touch ${file}; exit 1; fi`,
      attempts: 2,
    });
    expect(job).toMatchObject({ status: 'succeeded', attempt: 2, error: null });
    expect(events.map((event) => event.type).filter((name) => name !== 'output.delta')).toEqual([
      'job.queued',
      'job.started',
      'attempt.failed',
      'job.delayed',
      'output.reset',
      'job.started',
      'job.ended',
    ]);
  });
});

describe('an interactive command', () => {
  it('talks over its terminal: prompt, input, answer, exit code', async () => {
    const program = "printf 'name? '; read name; echo hello $name; read code; exit $code";
    const { id } = await service.submit({ type: 'command', shell: program, interactive: true });
    await untilOutput(id, 'name? ');
    expect((await type(id, { text: 'Ada\r', msg: 'm1' })).status).toBe(202);
    expect((await type(id, { text: 'Ada\r', msg: 'm1' })).status).toBe(202);
    await untilOutput(id, 'hello Ada');
    await type(id, { base64: Buffer.from('5\r').toString('base64') });
    expect(await service.finished(id)).toMatchObject({
      status: 'failed',
      result: { exitCode: 5, terminal: 'pty' },
    });
    const accepted = (await service.events(id)).filter((event) => event.type === 'input.accepted');
    expect(accepted.map(({ data }) => data)).toEqual([
      { message: 'm1', bytes: 4, by: 'key:test' },
      { bytes: 2, by: 'key:test' },
    ]);
  });

  it('may be a Python prompt: questions over HTTP and WebSocket, answers in its stream, its exit code', async () => {
    if (spawnSync('python3', ['--version']).status !== 0) {
      process.stderr.write('NOT TESTED: there is no python3 on this machine\n');
      return;
    }
    const { id } = await service.submit({ type: 'command', argv: ['python3', '-i'], interactive: true });
    await untilOutput(id, '>>> ');
    await type(id, { text: 'print(6 * 7)\r' });
    await untilOutput(id, '\r\n42\r\n');
    const socket = new WebSocket(`${service.baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    await new Promise((resolve) => socket.on('open', resolve));
    socket.send(JSON.stringify({ op: 'input', job: id, msg: 'w', text: 'import sys; sys.exit(3)\r' }));
    expect(await service.finished(id)).toMatchObject({
      status: 'failed',
      result: { exitCode: 3, terminal: 'pty' },
    });
    socket.close();
  });

  it('hears of a new size and of the end of its input', async () => {
    const { id } = await service.submit({
      type: 'command',
      shell: 'trap "stty size" WINCH; echo ready; while read line; do :; done; echo bye',
      interactive: true,
      cols: 90,
      rows: 20,
    });
    await untilOutput(id, 'ready');
    expect((await service.request(`/v1/jobs/${id}/resize`, { body: { cols: 101, rows: 33 } })).status).toBe(
      202,
    );
    await expect
      .poll(async () => (await service.events(id)).some(({ type: name }) => name === 'terminal.resized'))
      .toBe(true);
    await type(id, { text: '\r' });
    await untilOutput(id, '33 101');
    await type(id, { eof: true });
    const job = await service.finished(id);
    expect(job).toMatchObject({ status: 'succeeded' });
    expect(outputOf(await service.events(id))).toContain('bye');
  });

  it('gets a signal at once, whatever input it does not read', async () => {
    const { id } = await service.submit({
      type: 'command',
      shell: 'stty raw -echo; echo ready; exec sleep 60',
      interactive: true,
    });
    await untilOutput(id, 'ready');
    for (let sent = 0; sent < 4; sent += 1) await type(id, { text: 'x'.repeat(40_000) });
    const response = await service.request(`/v1/jobs/${id}/signal`, { body: { signal: 'SIGKILL' } });
    expect(response.status).toBe(202);
    expect(await service.finished(id)).toMatchObject({ status: 'failed', result: { signal: 'SIGKILL' } });
  });

  it('that cannot be started does not tell its secrets either', async () => {
    const { job } = await service.run({
      type: 'command',
      argv: ['no-such-program'],
      secrets: { PATH: '/opt/TOPSECRETVALUE/bin' },
    });
    expect(job.error?.detail).toContain('on the PATH of the job ([secret])');
  });

  it('that has not started takes nothing yet, and says that it may later', async () => {
    const { id } = await service.submit({
      type: 'command',
      argv: ['cat'],
      interactive: true,
      delayMs: 60_000,
    });
    const input = () => service.request(`/v1/jobs/${id}/input`, { body: { text: 'x' } });
    const files = () => service.request(`/v1/jobs/${id}/files/x`);
    expect(await (await input()).json()).toMatchObject({ code: 'job_not_running', retryable: true });
    expect(await (await files()).json()).toMatchObject({ code: 'no_workspace', retryable: true });
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect(await (await input()).json()).toMatchObject({ code: 'job_not_running', retryable: false });
    expect(await (await files()).json()).toMatchObject({ code: 'no_workspace', retryable: false });
  });

  it('takes nothing more when it has ended', async () => {
    const { job } = await service.run({ type: 'command', shell: 'true', interactive: true });
    for (const [path, body] of [
      ['input', { text: 'x' }],
      ['resize', { cols: 9, rows: 9 }],
      ['signal', { signal: 'SIGINT' }],
    ] as const) {
      const response = await service.request(`/v1/jobs/${job.id}/${path}`, { body });
      expect(response.status).toBe(409);
      expect(await response.json()).toMatchObject({ code: 'job_not_running' });
    }
  });
});

describe('stopping a command', () => {
  it('ends it with everything it started', async () => {
    const { id } = await service.submit({
      type: 'command',
      shell: 'sleep 300 & (setsid sleep 301 &) ; echo $!; wait',
    });
    await untilOutput(id, '\n');
    const response = await service.request(`/v1/jobs/${id}/cancel`, { body: { reason: 'enough' } });
    expect(response.status).toBe(202);
    expect(await service.finished(id)).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
    expect(processesOf(id)).toEqual([]);
    expect((await service.events(id)).find(({ type: name }) => name === 'cancel.requested')).toMatchObject({
      data: { reason: 'enough', by: 'key:test' },
    });
    expect((await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' })).status).toBe(200);
  });

  it('ends one that runs for too long, or is silent for too long', async () => {
    const long = await service.run({
      type: 'command',
      shell: 'while :; do echo x; sleep 0.05; done',
      timeoutMs: 300,
    });
    expect(long.job).toMatchObject({ status: 'failed', error: { code: 'timeout' } });
    const silent = await service.run({ type: 'command', shell: 'echo x; sleep 300', idleTimeoutMs: 3000 });
    expect(silent.job).toMatchObject({ status: 'failed', error: { code: 'idle_timeout' } });
    expect(outputOf(silent.events)).toBe('x\n');
  });
});

describe('time in the queue', () => {
  it('holds a job back for its delay', async () => {
    const before = Date.now();
    const delayed = await service.run({ type: 'command', shell: 'true', delayMs: 700 });
    expect(delayed.events.map((event) => event.type)).toEqual(['job.delayed', 'job.started', 'job.ended']);
    expect(Date.parse(delayed.job.startedAt ?? '') - before).toBeGreaterThanOrEqual(700);
  });
});

/** Processes whose environment names the job. */
function processesOf(id: string): string[] {
  const { readdirSync, readFileSync } = process.getBuiltinModule('node:fs');
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`LLMMIXER_JOB_ID=${id}`)
      );
    } catch {
      return false;
    }
  });
}
