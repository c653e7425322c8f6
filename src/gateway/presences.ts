import { setTimeout as pause } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Viewer } from '../domains/context.ts';
import { atLeast, roleIn, workspaceRanks } from '../domains/permissions.ts';
import type { Concerns, Viewers } from './viewer.ts';

/** How often all are looked at anew: it covers time that runs out, and words of other processes that were lost. */
const sweepMs = 60_000;
/** Between two tries to look, while the database is away. */
const againMs = 1000;
/** Looks at a time: a change that concerns a whole organization must not take all connections to the database. */
const looksAtOnce = 4;

/** Where somebody stays for longer than a request, such as a socket. */
export interface Place {
  /** Who is there now; null when they may not be any more. Throws while that cannot be known. */
  readonly look: () => Promise<Viewer | null>;
  /** Shows them out. */
  readonly leave: () => void;
}

/** Whether a viewer could do or see something that they cannot any more. */
const hasLost = (before: Viewer, now: Viewer): boolean => {
  const { workspaces } = now;
  return (
    [...before.permissions].some((permission) => !now.permissions.has(permission)) ||
    before.principals.some((principal) => !now.principals.includes(principal)) ||
    (workspaces !== '*' &&
      (before.workspaces === '*' || before.workspaces.some((workspace) => !workspaces.includes(workspace)))) ||
    [...before.workspaceRoles].some(([workspace, role]) => !atLeast(workspaceRanks, roleIn(now, workspace), role))
  );
};

/** Somebody's stay at a place, with the streams that run there. It ends with `leave()`. */
export class Presence {
  readonly #place: Place;
  readonly #streams = new Set<BoundStream<unknown>>();
  /** Null once they are gone. */
  viewer: Viewer | null;
  /** Settled while nobody looks whether they may stay. */
  looking: Promise<void> = Promise.resolve();

  constructor(place: Place, viewer: Viewer) {
    this.#place = place;
    this.viewer = viewer;
  }

  /** Looks whether they may stay, and meanwhile holds back what the streams have. Ends all that they have lost the right to. */
  look(): Promise<void> {
    this.looking = this.looking.then(() => this.#look());
    return this.looking;
  }

  /** Passes on what a stream has for as long as its viewer keeps the rights with which it began. */
  bind<Item>(stream: AsyncIterableIterator<Item>, viewer: Viewer): AsyncIterableIterator<Item> {
    const bound = new BoundStream(stream, this, viewer, () => this.#streams.delete(bound));
    this.#streams.add(bound);
    return bound;
  }

  /** Streams that run now. */
  get streams(): number {
    return this.#streams.size;
  }

  end(): void {
    this.viewer = null;
    for (const stream of this.#streams) stream.end();
  }

  async #look(): Promise<void> {
    while (this.viewer !== null) {
      const found = await this.#place.look().catch(() => undefined);
      // It may have ended meanwhile.
      if (this.viewer === null) return;
      if (found === undefined) {
        await pause(againMs, undefined, { ref: false });
        continue;
      }
      if (found === null) {
        this.end();
        return this.#place.leave();
      }
      this.viewer = found;
      for (const stream of this.#streams) stream.endUnlessAllowed();
      return;
    }
  }
}

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

class BoundStream<Item> implements AsyncIterableIterator<Item> {
  readonly #stream: AsyncIterableIterator<Item>;
  readonly #presence: Presence;
  readonly #ended: () => void;
  #viewer: Viewer;
  #over = false;
  #giveUp: (() => void) | undefined;

  constructor(stream: AsyncIterableIterator<Item>, presence: Presence, viewer: Viewer, ended: () => void) {
    this.#stream = stream;
    this.#presence = presence;
    this.#viewer = viewer;
    this.#ended = ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Item>> {
    if (this.#over) return done;
    const result = await this.#nextOrEnd().catch((error: unknown) => {
      this.#finish();
      throw error;
    });
    await this.#presence.looking;
    this.endUnlessAllowed();
    if (this.#over) return done;
    if (result.done === true) this.#finish();
    return result;
  }

  async return(): Promise<IteratorResult<Item>> {
    this.end();
    return done;
  }

  async throw(error: Error): Promise<IteratorResult<Item>> {
    this.end();
    throw error;
  }

  endUnlessAllowed(): void {
    const { viewer } = this.#presence;
    if (viewer === this.#viewer) return;
    if (viewer === null || hasLost(this.#viewer, viewer)) return this.end();
    this.#viewer = viewer;
  }

  /** Whoever waits hears the end at once, even where the source learns of it only with its next item. */
  end(): void {
    if (this.#over) return;
    this.#finish();
    this.#giveUp?.();
    this.#stream.return?.().catch(() => undefined);
  }

  #finish(): void {
    this.#over = true;
    this.#ended();
  }

  #nextOrEnd(): Promise<IteratorResult<Item>> {
    return new Promise((resolve, reject) => {
      this.#giveUp = () => resolve(done);
      this.#stream.next().then(resolve, reject);
    });
  }
}

/** All who stay somewhere in this process: each is looked at anew at once when rights change that concern them. */
export class Presences {
  readonly #all = new Set<Presence>();
  readonly #inTurn = pLimit(looksAtOnce);
  readonly #sweep: NodeJS.Timeout;
  readonly #deafen: () => void;

  constructor(viewers: Pick<Viewers, 'onChange'>, everyMs = sweepMs) {
    this.#deafen = viewers.onChange((concerns) => this.#lookAt(concerns));
    this.#sweep = setInterval(() => void this.#lookAtAll(), everyMs).unref();
  }

  /** Streams that run now. */
  get streams(): number {
    let sum = 0;
    for (const { streams } of this.#all) sum += streams;
    return sum;
  }

  /** Begins a stay; `leave` ends it. */
  enter(place: Place, viewer: Viewer): Presence {
    const presence = new Presence({ ...place, look: () => this.#inTurn(place.look) }, viewer);
    this.#all.add(presence);
    // Rights may have changed after the viewer was looked up and before anybody would have heard.
    void presence.look();
    return presence;
  }

  leave(presence: Presence): void {
    this.#all.delete(presence);
    presence.end();
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#deafen();
  }

  #lookAt(concerns: Concerns): void {
    for (const presence of this.#all) if (presence.viewer !== null && concerns(presence.viewer)) void presence.look();
  }

  /** One after the other, so that the sockets of a large server do not ask all at once. */
  async #lookAtAll(): Promise<void> {
    for (const presence of this.#all) await presence.look();
  }
}
