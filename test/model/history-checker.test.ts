import { describe, expect, it } from 'vitest';
import {
  type AppendRecord,
  checkHistory,
  type Given,
  givenControl,
  givenEvent,
  type History,
  type LoggedEvent,
  type LogVersion,
  logVersion,
  type SubscriberRecord,
} from '../support/history-checker.ts';

/** Events of one job, named by producer and number: `w1/3`. An attempt's number is in its producer. */
const key = (name: string) => `job/${name}`;
const attemptOf = (name: string) => (name.startsWith('w') ? Number(name.slice(1).split('/')[0]) : null);

function logged(seq: number, name: string, type = 'output.delta'): LoggedEvent {
  return { seq, key: key(name), type, attempt: attemptOf(name) };
}
function log(names: readonly string[], { epoch = 1, min = 1, first = 1 } = {}): LogVersion {
  return { epoch, min, entries: names.map((name, index) => logged(first + index, name)) };
}
function event(place: number | string, name: string, type = 'output.delta'): Given {
  const id = typeof place === 'number' ? `1-${place}` : place;
  return { kind: 'event', id, key: key(name), type, attempt: attemptOf(name) };
}
function reader(given: readonly Given[], more: Partial<SubscriberRecord> = {}): SubscriberRecord {
  return { name: 'reader', view: 'client', given, complete: false, ...more };
}
const append = (name: string, outcome: AppendRecord['outcome'], epoch?: number): AppendRecord => ({
  key: key(name),
  type: 'output.delta',
  outcome,
  ...(epoch === undefined ? {} : { epoch }),
});
const check = (history: Partial<History>) =>
  checkHistory({ appends: [], logs: [], subscribers: [], ...history });
const names = ['a/1', 'w1/1', 'w1/2', 'w1/3'];
const all = names.map((name, index) => event(index + 1, name));

describe('A good history', () => {
  it('is one where everything was stored and given once, in order', () => {
    const appends = names.map((name) => append(name, 'ok', 1));
    expect(check({ appends, logs: [log(names)], subscribers: [reader(all, { complete: true })] })).toEqual(
      [],
    );
  });

  it('may lose what a rollback took from the API, in a new epoch', () => {
    const logs = [log(['a/1', 'w1/1', 'a/2']), log(['a/1', 'w1/1', 'w1/2'], { epoch: 2 })];
    const given = [event(1, 'a/1'), event(2, 'w1/1'), event(3, 'a/2'), reset(2), event('2-3', 'w1/2')];
    const appends = [append('a/2', 'ok', 1)];
    expect(check({ appends, logs, subscribers: [reader(given, { complete: true })] })).toEqual([]);
  });

  it('may begin behind a cursor, and behind what is no longer kept, told twice where its connection broke', () => {
    const logs = [log(['w1/4', 'w1/5'], { min: 5, first: 5 })];
    const told = { kind: 'truncated', from: '1-3', to: '1-4' } as const;
    const given = [told, told, event(5, 'w1/4'), event(6, 'w1/5')];
    expect(check({ logs, subscribers: [reader(given, { after: '1-2', complete: true })] })).toEqual([]);
  });

  it('may give events again after a reset over the wire, where nobody filters them', () => {
    const logs = [log(names), log(names, { epoch: 2 })];
    const given = [...all, reset(2), ...names.map((name, index) => event(`2-${index + 1}`, name))];
    expect(check({ logs, subscribers: [reader(given, { view: 'wire', complete: true })] })).toEqual([]);
  });

  it('may name what nobody holds any more', () => {
    const lost = {
      ...logged(2, 'w1/lost:1-3', 'history.lost'),
      lost: { from: key('w1/1'), to: key('w1/3') },
    };
    const final: LogVersion = { epoch: 2, min: 1, entries: [logged(1, 'a/1'), lost, logged(3, 'w1/4')] };
    expect(check({ appends: [append('w1/2', 'ok', 2)], logs: [final] })).toEqual([]);
  });

  it('tells also who has had what is lost, and more, that it is', () => {
    const lost = {
      ...logged(2, 'w1/lost:1-2', 'history.lost'),
      lost: { from: key('w1/1'), to: key('w1/2') },
    };
    const final: LogVersion = { epoch: 2, min: 1, entries: [logged(1, 'a/1'), lost, logged(3, 'w1/3')] };
    const given = [...all, reset(2), event('2-2', 'w1/lost:1-2', 'history.lost')];
    expect(check({ logs: [log(names), final], subscribers: [reader(given, { complete: true })] })).toEqual(
      [],
    );
  });

  it('may go on in another epoch than the reset named, where nothing was given in between', () => {
    const logs = [log(['a/1'], { epoch: 2 }), log(['a/1', 'a/2'], { epoch: 3 })];
    const given = [event(1, 'a/1'), reset(2), event('3-2', 'a/2')];
    expect(check({ appends: [append('a/1', 'ok')], logs, subscribers: [reader(given)] })).toEqual([]);
  });

  it('may bring back what was named as missing, behind what followed it', () => {
    const logs = [log(['w1/1', 'w1/2', 'w1/3'], { min: 3 }), log(['w1/1', 'w1/2', 'w1/3'], { epoch: 2 })];
    const told = { kind: 'truncated', from: '1-1', to: '1-2' } as const;
    const given = [told, event(3, 'w1/3'), reset(2), event('2-1', 'w1/1'), event('2-2', 'w1/2')];
    expect(check({ logs, subscribers: [reader(given, { complete: true })] })).toEqual([]);
  });

  it('may name less as missing to who resumes before anything came, and give the rest', () => {
    const logs = [log(['w1/1', 'w1/2', 'w1/3', 'w1/4'], { min: 4 })];
    const earlier: LogVersion = { ...log(['w1/1', 'w1/2', 'w1/3', 'w1/4'], { min: 3 }) };
    const given = [
      { kind: 'truncated', from: '1-1', to: '1-3' },
      { kind: 'truncated', from: '1-1', to: '1-2' },
      event(3, 'w1/3'),
      event(4, 'w1/4'),
    ] as const;
    const subscribers = [reader([...given], { complete: true })];
    expect(check({ logs: [...logs, earlier], subscribers })).toEqual([]);
  });

  it('may give what is before the cursor of a reader when a reset lets it begin anew', () => {
    const logs = [log(names), log(names, { epoch: 2 })];
    const given = [
      all[3]!,
      reset(2),
      ...names.slice(0, 3).map((name, index) => event(`2-${index + 1}`, name)),
    ];
    expect(check({ logs, subscribers: [reader(given, { after: '1-3', complete: true })] })).toEqual([]);
  });

  it('owes nothing to who began behind the end of the job, whatever comes of it', () => {
    const ended: LogVersion = { ...log([]), entries: [logged(1, 'a/1', 'job.ended')] };
    const logs = [ended, log(['w1/1', 'w1/2'], { epoch: 2 })];
    expect(check({ logs, subscribers: [reader([], { after: '1-1', complete: true })] })).toEqual([]);
  });

  it('need not be known in every epoch between', () => {
    const given = [event(1, 'a/1'), reset(2), event('2-2', 'w1/1'), reset(3), event('3-3', 'w1/2')];
    const history = {
      appends: [append('a/1', 'ok'), append('w1/1', 'unknown')],
      logs: [log(['a/1', 'w1/1', 'w1/2'], { epoch: 3 })],
      subscribers: [reader(given, { complete: true })],
    };
    expect(check(history)).toEqual([]);
  });
});

describe('A record', () => {
  const common = { job: 'job', attempt: 1, at: '2026-01-01T00:00:00.000Z' };

  it('is made of the pages of a log', () => {
    const lost = { from: key('w1/1'), to: key('w1/3') };
    const payload = JSON.stringify({ ...common, key: key('w1/lost:1-3'), type: 'history.lost', data: lost });
    const entries = [{ seq: 2, type: 'history.lost', payload }];
    const content = `history.lost  ${JSON.stringify(lost)}`;
    const expected = { seq: 2, key: key('w1/lost:1-3'), type: 'history.lost', attempt: 1, content, lost };
    expect(logVersion({ epoch: 1, min: 2, entries })).toEqual({ epoch: 1, min: 2, entries: [expected] });
  });

  it('is made of what a stream says', () => {
    const data = { stream: 'stdout', offset: 0, text: 'x' } as const;
    const given = givenEvent({ ...common, id: '1-2', key: key('w1/1'), type: 'output.delta', data });
    expect(given).toMatchObject(event(2, 'w1/1'));
    const range = { from: '1-1', to: '1-2', oldest: '1-3' };
    expect(givenControl({ type: 'history.truncated', data: range })).toEqual({
      kind: 'truncated',
      from: '1-1',
      to: '1-2',
    });
    expect(givenControl({ type: 'caught.up', data: {} })).toBe(null);
  });
});

describe('The sin of a log', () => {
  it.each<[string, LogVersion, string]>([
    ['a key is stored twice', log(['a/1', 'w1/1', 'a/1']), 'job/a/1 is stored twice'],
    [
      'it has a hole',
      { ...log([]), entries: [logged(1, 'a/1'), logged(3, 'a/2')] },
      'has a hole between 1 and 3',
    ],
    ['it begins behind its oldest event', log(['a/1'], { min: 3, first: 5 }), 'begins at 5'],
    ['events of a producer change places', log(['a/1', 'a/3', 'a/2']), 'job/a/2 stands behind number 3'],
    ['an attempt lacks a number', log(['w1/1', 'w1/3']), 'job/w1 lacks its numbers 2 to 2'],
    ['an attempt lacks its first number', log(['a/1', 'w1/2']), 'job/w1 lacks its numbers 1 to 1'],
    [
      'an earlier attempt speaks',
      log(['w1/1', 'w2/1', 'w1/2']),
      'is of attempt 1, behind an event of attempt 2',
    ],
    [
      'something follows the end',
      { ...log([]), entries: [logged(1, 'w1/1', 'job.ended'), logged(2, 'w1/2')] },
      'Something is stored behind the job.ended',
    ],
    [
      'the job ends twice',
      { ...log([]), entries: [logged(1, 'w1/1', 'job.ended'), logged(2, 'w1/2', 'job.ended')] },
      'Something is stored behind the job.ended',
    ],
  ])('is told when %s', (_sin, version, complaint) => {
    expect(check({ logs: [version] }).join()).toContain(complaint);
  });

  it('is told when one place of an epoch holds two events, one after the other', () => {
    expect(check({ logs: [log(['a/1', 'w1/1']), log(['a/1', 'a/2'])] })).toEqual([
      'The place 1-2 held both job/w1/1 and job/a/2.',
    ]);
  });

  it('is told when two events have one key, of which a reader drops the second', () => {
    const first: LogVersion = { ...log([]), entries: [{ ...logged(1, 'w2/1'), content: 'of one attempt' }] };
    const second: LogVersion = {
      ...first,
      epoch: 2,
      entries: [{ ...logged(1, 'w2/1'), content: 'of another' }],
    };
    expect(check({ logs: [first, second] })).toEqual([
      'job/w2/1 is the key of two events: of one attempt, and of another.',
    ]);
  });

  it('is told when only what was never there is named as lost', () => {
    const lost = {
      ...logged(2, 'w1/lost:1-2', 'history.lost'),
      lost: { from: key('w1/1'), to: key('w1/2') },
    };
    const version = { ...log([]), entries: [logged(1, 'a/1'), lost, logged(3, 'w1/3')] };
    const complaint = 'job/w1/1 to job/w1/2 are named as lost, and no log ever held any of them.';
    expect(check({ logs: [version], appends: [append('w1/1', 'failed')] })).toEqual([complaint]);
    expect(check({ logs: [version], appends: [append('w1/1', 'unknown')] })).toEqual([]);
    expect(check({ logs: [log(['a/1', 'w1/1', 'w1/2']), { ...version, epoch: 2 }] })).toEqual([]);
  });

  it('is told when a hole is named too small', () => {
    const lost = {
      ...logged(2, 'w1/lost:2-3', 'history.lost'),
      lost: { from: key('w1/2'), to: key('w1/3') },
    };
    const version = { ...log([]), entries: [logged(1, 'a/1'), lost] };
    expect(check({ logs: [version] }).join()).toContain('lacks its numbers 1 to 2');
  });
});

describe('The sin of an append', () => {
  it('is told when what was acknowledged is gone and no new epoch says so', () => {
    expect(check({ appends: [append('a/2', 'ok', 1)], logs: [log(['a/1'])] })).toEqual([
      'job/a/2 was acknowledged in epoch 1 and is gone.',
    ]);
  });

  it('is told when what was acknowledged in the new epoch is gone', () => {
    const logs = [log(['a/1']), log(['a/1'], { epoch: 2 })];
    expect(check({ appends: [append('a/2', 'ok', 2)], logs })).toHaveLength(1);
    expect(check({ appends: [append('a/2', 'ok')], logs })).toEqual([]);
  });

  it('is told when what was refused is stored', () => {
    expect(check({ appends: [append('a/1', 'failed')], logs: [log(['a/1'])] })).toEqual([
      'job/a/1 was refused and is stored.',
    ]);
  });
});

describe('The sin of a delivery', () => {
  const trimmed = log(names.slice(2), { min: 3, first: 3 });
  it.each<[string, SubscriberRecord, string, LogVersion[]?]>([
    ['a key comes twice', reader([all[0]!, all[1]!, all[1]!]), 'was given job/w1/1 twice'],
    ['an event is left out', reader([all[0]!, all[2]!]), 'was never given 1-2 (job/w1/1)'],
    ['the first event is left out', reader([all[1]!]), 'was never given 1-1'],
    ['events change places', reader([all[0]!, all[2]!, all[1]!]), 'was given 1-2 behind 1-3'],
    ['it begins before its cursor', reader([all[1]!], { after: '1-2' }), 'was given 1-2 behind 1-2'],
    ['it stops early', reader(all.slice(0, 3), { complete: true }), 'never got as far as 1-4 (job/w1/3)'],
    ['an event is of nobody', reader([...all, event(5, 'w1/9')]), 'as 1-5, which no log holds'],
    ['an event is another', reader([event(1, 'a/7')]), 'The place 1-1 held both job/a/1 and job/a/7'],
    ['the epoch changes in silence', reader([event(1, 'a/1'), event('2-2', 'w1/1')]), 'without a reset'],
    [
      'an earlier attempt speaks',
      reader([event(1, 'a/1'), event(2, 'w2/1'), event(3, 'w1/1')]),
      'of attempt 1 behind an event of attempt 2',
    ],
    [
      'something follows the end',
      reader([event(1, 'a/1', 'job.ended'), event(2, 'w1/1')]),
      'was given something behind job.ended',
    ],
    [
      'more is told to be gone than is',
      reader([{ kind: 'truncated', from: '1-1', to: '1-3' }, event(4, 'w1/3')]),
      'was told that 1-3 is gone, but the log keeps all from 1-3',
      [trimmed],
    ],
    [
      'less is told to be gone than is',
      reader([{ kind: 'truncated', from: '1-1', to: '1-1' }, event(3, 'w1/2')], { view: 'wire' }),
      'was never given 1-2',
      [trimmed],
    ],
    [
      'what it has had is told to be gone',
      reader([event(1, 'a/1'), { kind: 'truncated', from: '1-1', to: '1-2' }]),
      'was told that 1-1 is gone, though it has had 1-1',
    ],
    [
      'it stays in an epoch that is over',
      reader([event(1, 'a/1')], { complete: true }),
      'stopped in epoch 1; the log is in epoch 2',
      [log(['a/1']), log(['a/1', 'w1/1'], { epoch: 2 })],
    ],
    [
      'a reset leaves out what it has not had',
      reader([event(1, 'a/1'), reset(2), event('2-3', 'w1/2')]),
      'was never given 2-2 (job/w1/1)',
      [log(['a/1']), log(['a/1', 'w1/1', 'w1/2'], { epoch: 2 })],
    ],
    [
      'numbers of a producer fall over a reset',
      reader([event(1, 'a/2'), reset(2), event('2-1', 'a/1')]),
      'job/a/1 as 2-1, behind number 2',
      [log(['a/2']), log(['a/1', 'a/2'], { epoch: 2 })],
    ],
  ])('is told when %s', (_sin, subscriber, complaint, logs = [log(names)]) => {
    expect(check({ logs, subscribers: [subscriber] }).join()).toContain(complaint);
  });
});

function reset(epoch: number): Given {
  return { kind: 'reset', epoch };
}
