import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { bytesOf } from '../../src/platform/text-or-base64.ts';
import { outputOf, startService, type TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;
const providerKey = `sk-test-${'q'.repeat(30)}`;
beforeAll(async () => {
  service = await startService({
    config: {
      keepBytes: 2 ** 20,
      providers: [{ name: 'other', baseUrl: 'http://127.0.0.1:9/', key: providerKey, models: [] }],
    },
  });
});
afterAll(() => service.close());

const output = (id: string, query = '') => service.request(`/v1/jobs/${id}/output${query}`);
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Piece {
  offset: number;
  bytes: Buffer;
}

function piecesOf(events: readonly JobEvent[]): Piece[] {
  return events.flatMap((event) => {
    if (event.type !== 'output.delta') return [];
    return [{ offset: event.data.offset, bytes: bytesOf(event.data) }];
  });
}

describe('The output of a command', () => {
  it('tells of each piece at which byte it begins, of all streams together', async () => {
    const { job, events } = await service.run({
      type: 'command',
      shell: `for i in $(seq 300); do echo "größe $i"; echo "err $i" >&2; printf '\\377\\376'; done`,
    });
    let expected = 0;
    for (const { offset, bytes } of piecesOf(events)) {
      expect(offset).toBe(expected);
      expected += bytes.length;
    }
    expect(job.result).toMatchObject({ outputBytes: expected, truncated: false });
  });

  it('is read as the exact bytes, as text, and as lines for people', async () => {
    const bytes = randomBytes(100_000);
    const file = join(service.config.dataDir, 'bytes');
    writeFileSync(file, bytes);
    const exact = await service.run({ type: 'command', argv: ['cat', file] });
    const raw = await output(exact.job.id, '?format=raw&download=true');
    expect(raw.headers.get('content-type')).toBe('application/octet-stream');
    expect(raw.headers.get('content-disposition')).toBe(`attachment; filename="${exact.job.id}.log"`);
    expect(raw.headers.get('x-content-type-options')).toBe('nosniff');
    expect(raw.headers.get('llmmixer-output-begins-at')).toBe('0');
    expect(digest(Buffer.from(await raw.arrayBuffer()))).toBe(digest(bytes));

    const shell = `printf '\\033[1;31mred\\033[0m\\n10%%\\r100%%\\nab\\bc\\n\\377\\n<b>\\n'; echo wrong >&2`;
    const { job } = await service.run({ type: 'command', shell });
    const text = await output(job.id, '?stream=stdout');
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await text.text()).toBe('\x1b[1;31mred\x1b[0m\n10%\r100%\nab\bc\n\uFFFD\n<b>\n');
    expect(await (await output(job.id, '?format=plain&stream=stdout')).text()).toBe(
      'red\n100%\nac\n\uFFFD\n<b>\n',
    );
    expect(await (await output(job.id, '?stream=stderr')).text()).toBe('wrong\n');
  });

  it('says where it begins once its beginning is kept no longer', async () => {
    const { job, events } = await service.run({ type: 'command', shell: 'seq 1 700000' });
    const whole = Buffer.from(Array.from({ length: 700_000 }, (_, index) => `${index + 1}\n`).join(''));
    const response = await output(job.id, '?format=raw');
    const beginsAt = Number(response.headers.get('llmmixer-output-begins-at'));
    expect(beginsAt).toBeGreaterThan(1_000_000);
    expect(beginsAt).toBe(piecesOf(events)[0]?.offset);
    expect(digest(Buffer.from(await response.arrayBuffer()))).toBe(digest(whole.subarray(beginsAt)));
  });

  it('is there while it runs, up to now, and of the newest attempt alone', async () => {
    const { id } = await service.submit({
      type: 'command',
      shell: `n=$(cat "$HOME/n" 2>/dev/null || echo 1); echo $((n + 1)) > "$HOME/n"; echo "attempt $n"; [ $n = 2 ] && sleep 60; exit 1`,
      attempts: 2,
    });
    await until(async () => (await (await output(id)).text()) === 'attempt 2\n', 'the second attempt writes');
    expect(outputOf(await service.events(id))).toBe('attempt 1\nattempt 2\n');
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await service.finished(id);
  });

  it('is the text of a prompt, nothing of a job that has not started, and 404 of none', async () => {
    const { job } = await service.run({ type: 'prompt', model: 'demo/echo', prompt: 'one two' });
    expect(await (await output(job.id)).text()).toBe('one two');
    const delayed = await service.submit({ type: 'command', shell: 'true', delayMs: 60_000 });
    expect(await (await output(delayed.id)).text()).toBe('');
    expect((await output('job_00000000000000000000000000')).status).toBe(404);
    expect((await output(job.id, '?format=html')).status).toBe(422);
  });
});

describe('A secret', () => {
  const token = 'tr0ub4dor-and-3';

  it.each([false, true])(
    'is in no event, however a command writes it (interactive: %s)',
    async (interactive) => {
      const { job, events } = await service.run({
        type: 'command',
        interactive,
        secrets: { TOKEN: token },
        shell: `echo "it is $TOKEN"; printf '%s' "$TOKEN" | base64; printf 'Basic %s\\n' "$(printf 'me:%s' "$TOKEN" | base64)"; printf '%s' "$TOKEN" | od -An -tx1 | tr -d ' \\n'; echo; for c in $(printf '%s' "$TOKEN" | sed 's/./& /g'); do printf '%s' "$c"; done; echo " end"`,
      });
      const text = outputOf(events);
      expect(text.match(/\[secret\]/g)).toHaveLength(5);
      expect(text).toMatch(/ end\r?\n$/);
      expect(JSON.stringify([job, events])).not.toContain('ub4dor');
      expect(text).not.toContain(Buffer.from(token).toString('hex'));
    },
  );

  it('of the service is in none either', async () => {
    const shell = `echo "key ${providerKey} and ${service.config.apiKey}"`;
    const { events } = await service.run({ type: 'command', shell });
    expect(outputOf(events)).toBe('key [secret] and [secret]\n');
  });

  it('does not hold up a prompt that looks like its beginning', async () => {
    const { id } = await service.submit({
      type: 'command',
      interactive: true,
      secrets: { TOKEN: 'password: hunter22' },
      shell: `printf 'password: '; read -r answer; echo "got $answer"`,
    });
    await until(async () => outputOf(await service.events(id)) === 'password: ', 'it asks');
    await service.request(`/v1/jobs/${id}/input`, { body: { text: 'hunter22\r' } });
    await service.finished(id);
    expect(outputOf(await service.events(id))).not.toContain('hunter22\r\ngot');
  });
});

describe('Keys by name', () => {
  it('reach the program as its terminal would send them', async () => {
    const shell = `stty raw -echo; printf ready; dd bs=1 count=19 2>/dev/null | od -An -c; printf '\\033[?1happ'; dd bs=1 count=3 2>/dev/null | od -An -c`;
    const { id } = await service.submit({ type: 'command', interactive: true, argv: ['bash', '-c', shell] });
    const said = async () => outputOf(await service.events(id));
    await until(async () => (await said()).includes('ready'), 'it reads');
    const keys = ['Up', 'C-c', 'Enter', 'é', 'M-x', 'F5', 'S-Tab', 'a', 'b'];
    const response = await service.request(`/v1/jobs/${id}/input`, { body: { keys, msg: 'k1' } });
    expect(await response.json()).toEqual({ accepted: true, msg: 'k1' });
    await service.request(`/v1/jobs/${id}/input`, { body: { keys, msg: 'k1' } });
    await until(async () => (await said()).includes('app'), 'the first were read');
    await service.request(`/v1/jobs/${id}/input`, { body: { keys: ['Up'] } });
    await service.finished(id);
    const read = (await said()).replaceAll(/\s+/g, '');
    expect(read).toContain('033[A003\\r303251033x033[15~033[Zab');
    expect(read.endsWith('033OA')).toBe(true);
    const accepted = (await service.events(id)).filter((event) => event.type === 'input.accepted');
    expect(accepted.map(({ data }) => data)).toMatchObject([{ message: 'k1', bytes: 19 }, { bytes: 3 }]);
  });

  it('that do not exist are refused with the one that was meant', async () => {
    const { id } = await service.submit({ type: 'command', interactive: true, argv: ['cat'] });
    await until(
      async () => (await service.request(`/v1/jobs/${id}`).then((it) => it.json())).status === 'running',
      'it runs',
    );
    const response = await service.request(`/v1/jobs/${id}/input`, { body: { keys: ['a', 'Entr'] } });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: 'validation_failed',
      errors: [{ pointer: '/keys/1', detail: expect.stringContaining('Enter') }],
    });
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await service.finished(id);
    const late = await service.request(`/v1/jobs/${id}/input`, { body: { keys: ['a'] } });
    expect(late.status).toBe(409);
  });
});

describe('What had to be ended', () => {
  it('is in the result: the tree of a cancelled job, what another left behind, and nothing of most', async () => {
    const { id } = await service.submit({
      type: 'command',
      argv: ['bash', '-c', 'echo up; sleep 300 & sleep 301'],
    });
    await until(async () => outputOf(await service.events(id)) === 'up\n', 'it runs');
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    const cancelled = await service.finished(id);
    expect(cancelled.result).toMatchObject({
      killed: { count: 3, programs: expect.arrayContaining(['bash', 'sleep']) },
    });

    const left = await service.run({ type: 'command', argv: ['bash', '-c', 'setsid sleep 302 & sleep 0.1'] });
    expect(left.job).toMatchObject({
      status: 'succeeded',
      result: { killed: { count: 1, programs: ['sleep'] } },
    });

    const plain = await service.run({ type: 'command', shell: 'true' });
    expect(plain.job.result).toMatchObject({ killed: null });
  });
});
