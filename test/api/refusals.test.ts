import { afterAll, beforeAll, expect, test } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const command = { type: 'command', shell: 'true' };

test.each([
  ['a variable of the service', { env: { LLMMIXER_X: '1' } }, '/env/LLMMIXER_X', 'belong to the service'],
  ['a secret of that name', { secrets: { LLMMIXER_X: '1' } }, '/secrets/LLMMIXER_X', 'belong to the service'],
  ['columns without a terminal', { cols: 80 }, '/cols', '"interactive": true'],
  ['rows without a terminal', { rows: 24, interactive: false }, '/rows', '"interactive": true'],
  ['few characters of many bytes', { stdin: '€'.repeat(200_000) }, '/stdin', '524288 bytes'],
])('a submit with %s is refused with the field and the reason', async (_, fields, pointer, reason) => {
  const response = await service.request('/v1/jobs', { body: { ...command, ...fields } });
  expect(response.status).toBe(422);
  const { code, errors, detail } = await response.json();
  expect([code, errors[0].pointer]).toEqual(['validation_failed', pointer]);
  expect(detail).toContain(reason);
});

test('a terminal of a size is taken, and variables that only look like those of the service', async () => {
  const body = {
    ...command,
    interactive: true,
    cols: 80,
    rows: 24,
    env: { MY_LLMMIXER_X: '1', LLMMIXERX: '' },
  };
  expect((await service.request('/v1/jobs', { body })).status).toBe(202);
});

test('input that could never wait for the program is too large, whatever its characters; less is taken', async () => {
  const { id } = await service.submit({
    type: 'command',
    shell: 'stty raw -echo; echo ready; sleep 60',
    interactive: true,
  });
  await expect.poll(async () => JSON.stringify(await service.events(id))).toContain('ready');
  const type = async (body: unknown) => {
    const response = await service.request(`/v1/jobs/${id}/input`, { body });
    const { code, retryable } = await response.json();
    return { status: response.status, code, retryable };
  };
  const tooLarge = { status: 413, code: 'payload_too_large', retryable: false };
  expect(await type({ text: '€'.repeat(30_000) })).toEqual(tooLarge);
  expect(await type({ text: 'x'.repeat(limits.inputQueueBytesMax + 1) })).toEqual(tooLarge);
  expect(await type({ base64: Buffer.alloc(limits.inputQueueBytesMax + 1).toString('base64') })).toEqual(
    tooLarge,
  );
  expect(await type({ text: 'x'.repeat(limits.inputQueueBytesMax) })).toMatchObject({ status: 202 });
  await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
});
