import type { Job } from '../contract/job.ts';
import type { ScreenSnapshot } from '../contract/screen.ts';

/** One event as the log holds it: `payload` is its JSON without `id`, which follows from epoch and seq. */
export interface LogEntry {
  seq: number;
  type: string;
  payload: string;
}

/** An unbroken piece of a log, with the state of the log at the same instant. */
export interface LogPage {
  epoch: number;
  /** Newest event. */
  seq: number;
  /** Oldest event that is kept. */
  min: number;
  /** The job has ended: the event `seq` is its last. */
  done: boolean;
  entries: LogEntry[];
}

/** A terminal as it was stored with a batch of events. */
export interface StoredScreen extends ScreenSnapshot {
  epoch: number;
  /** The last event that is in it. */
  seq: number;
}

/** Fresh events, as a script announced them. */
export interface Announcement {
  epoch: number;
  entries: LogEntry[];
}

export type BeginAnswer =
  | { kind: 'NOJOB' | 'DONE' | 'EXPIRED' }
  | { kind: 'BUSY' | 'WAIT'; ms: number }
  | {
      kind: 'OK';
      attempt: number;
      prev: 'none' | 'closed' | 'unstarted' | 'started';
      cancel: boolean;
      /** Failed attempts that count. */
      used: number;
      /** Attempts lost with their worker, this takeover included. */
      lost: number;
      /** Attempts that ended since the provider limits the rate. */
      parks: number;
    };

export type RenewAnswer = { kind: 'NOJOB' | 'DONE' | 'FENCED' } | { kind: 'OK'; cancel: boolean };

export type AppendAnswer =
  | { kind: 'NOJOB' | 'FENCED' | 'CLOSED' | 'CANCELLED' }
  | { kind: 'GAP'; last: number }
  | { kind: 'OK' | 'DUP'; seq: number; epoch: number; cancel: boolean };

/** Who appends: a worker's attempt, fenced by its token. */
export interface AttemptIdentity {
  attempt: number;
  token: string;
}

export interface AppendRequest {
  producer: string;
  /** null for producers that are no worker's attempt. */
  identity: AttemptIdentity | null;
  /** Number of the first event of the batch, counted by the producer from 1. */
  firstPseq: number;
  /** `start` before the work, `close` after a failed attempt, `final` after the last. */
  flag: 'none' | 'start' | 'close' | 'final';
  /** With `close`: the attempt counts against `attempts`. */
  counted: boolean;
  /** With `close`: the attempt ended since the provider limits the rate. */
  parked?: boolean;
  /** With `close`: how long until the next attempt may begin, in milliseconds. */
  dueMs: number;
  /** After a GAP: the `last` it answered. Opens a new epoch. */
  resyncLast: number | null;
  /** Changed fields of the job resource. */
  changes: Partial<Job>;
  /** With `start`: names where the workspace of the job lies. */
  place?: string | undefined;
  /** The terminal as it is after the last of the items, where it is to be kept. */
  screen?: ScreenSnapshot | null;
  items: { type: string; payload: string }[];
  /** ISO 8601. */
  at: string;
}

export type CancelAnswer = 'NOJOB' | 'ENDED' | 'STOPPING';
export type ExpireAnswer = 'NOJOB' | 'ENDED' | 'KEPT';
export type SendAnswer =
  | { kind: 'NOJOB' | 'CLOSED' | 'OVERFLOW' | 'DUP' | 'OK' }
  | { kind: 'IDLE'; status: string };
