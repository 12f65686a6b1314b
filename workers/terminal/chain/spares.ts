import { randomBytes } from 'node:crypto';
import { limits } from '../../../src/contract/limits.ts';
import { type ControlGroups, groupName, type JobGroup, makeJobGroup } from '../cgroup.ts';
import { type HeldUser, holdUser } from '../job-users.ts';
import { type ChainHead, spawnHead } from './chain-head.ts';
import { bareEnvironment, type ChainTools } from './enter.ts';

/** The first process of a chain, and the control groups that it is in. */
export interface GroupedHead {
  head: ChainHead;
  group: JobGroup;
}

export interface SparesOptions {
  tools: ChainTools;
  groups: ControlGroups;
  mark: string;
  jobUids: { first: number; last: number };
  /** Whether commands run as users of that range. */
  dropsUser: boolean;
}

/**
 * Keeps ready what one command needs and takes long to get: a user that nobody has, and the first process of a chain.
 * So a command that comes alone need not wait for them; who finds none gets one that is just being made.
 */
export class Spares {
  readonly #options: SparesOptions;
  readonly #keepsUser: boolean;
  #head: GroupedHead | null = null;
  #user: Promise<HeldUser | null> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: SparesOptions) {
    this.#options = options;
    const { first, last } = options.jobUids;
    // Of few users none is to be kept from the other workers of the machine.
    this.#keepsUser = options.dropsUser && last - first >= limits.jobUsersToSpare;
  }

  /** null: all are taken. */
  async takeUser(): Promise<HeldUser | null> {
    const kept = this.#user;
    this.#user = null;
    return (await kept) ?? holdUser(this.#options.jobUids);
  }

  takeHead(): GroupedHead {
    const kept = this.#head;
    this.#head = null;
    this.#makeIn(limits.sparesAfterStartMs);
    if (kept?.head.isAlive()) return kept;
    if (kept !== null) void discardHead(kept);
    return this.#makeHead();
  }

  /** To be called when a command has ended: there may be time now to make what the next one needs. */
  rest(): void {
    this.#makeIn(limits.sparesAfterEndMs);
  }

  /** Gives back what is kept. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const [head, user] = [this.#head, this.#user];
    this.#head = null;
    this.#user = null;
    if (head !== null) await discardHead(head);
    (await user)?.release();
  }

  /** Not before this has been left alone for so long. */
  #makeIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#make(), ms);
    this.#timer.unref();
  }

  /** What cannot be made now is missed by no one: whoever needs it makes it, and hears why it cannot be. */
  #make(): void {
    try {
      this.#head ??= this.#makeHead();
    } catch {}
    if (this.#keepsUser) this.#user ??= holdUser(this.#options.jobUids).catch(() => null);
  }

  #makeHead(): GroupedHead {
    const { tools, groups, mark } = this.#options;
    const group = makeJobGroup(groups, groupName(mark, randomBytes(8).toString('hex')));
    const env = { ...bareEnvironment, LLMMIXER_WORKER: mark };
    return { head: spawnHead(tools, group.joinFiles, env), group };
  }
}

/** Ends one that has become nothing, and removes its groups. Never throws. */
export async function discardHead({ head, group }: GroupedHead): Promise<void> {
  if (head.isAlive()) {
    head.kill();
    await head.gone;
  }
  await group.remove();
}
