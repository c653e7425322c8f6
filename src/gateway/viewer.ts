import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { UnitOfWork, nowhere, type Origin } from '../database/unit-of-work.ts';
import type { Credential, Viewer } from '../domains/context.ts';
import type { Services, ViewerCache } from '../domains/services.ts';
import { tokenTarget } from '../domains/identity/operations.ts';
import { discovery, scopeOf, viewerOfCredential } from '../domains/tenancy/viewers.ts';
import type { Bus } from '../events/bus.ts';
import { FellBehind } from '../events/local-bus.ts';
import { hashToken } from '../secrets/tokens.ts';

/** How long a change of rights may go unnoticed whose word from another process was lost. */
const cacheMs = 5000;
/** The log hears of one key's use from foreign addresses at most this often from each process. */
const reportMs = 60_000;
/** Where processes tell each other whose rights have changed. */
const topic = 'viewers';

/** Whose rights have changed: one of these ids, or with none everybody's. */
interface Change {
  readonly credential?: string;
  readonly user?: string;
  readonly organization?: string;
}

interface Word extends Change {
  readonly from: string;
}

/** Whether a change concerns a viewer. */
export type Concerns = (viewer: Viewer) => boolean;

const concerning =
  ({ credential, user, organization }: Change): Concerns =>
  (viewer) =>
    (credential === undefined || viewer.credential.id === credential) &&
    (user === undefined || viewer.userId === user) &&
    (organization === undefined || viewer.organizationId === organization);

/** A look-up that is under way or has come to its end. */
interface Entry {
  readonly viewer: Promise<Viewer | null>;
  found?: Viewer;
}

/** Viewers of tokens seen in the last seconds. Unknown tokens are not kept: their number has no bound. */
export class Viewers implements ViewerCache {
  readonly #cache = new LRUCache<string, Entry>({ max: 10_000, ttl: cacheMs, ttlAutopurge: true });
  /** Credentials whose use from a foreign address was reported lately. */
  readonly #reported = new LRUCache<string, true>({ max: 10_000, ttl: reportMs });
  readonly #listeners = new Set<(concerns: Concerns) => void>();
  readonly #name = randomUUID();
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Hears from other processes whose rights have changed, until the bus closes. */
  async listen(): Promise<void> {
    for (let missed = false; ; missed = true) {
      const words = this.#bus.subscribe(topic);
      if (missed) this.#forget(concerning({}));
      try {
        return await this.#hear(words);
      } catch (error) {
        if (!(error instanceof FellBehind)) throw error;
      }
    }
  }

  async #hear(words: AsyncIterable<object>): Promise<void> {
    for await (const word of words) {
      // The cast is safe: only this class publishes on the topic.
      const { from, ...change } = word as Word;
      if (from !== this.#name) this.#forget(concerning(change));
    }
  }

  /** Calls `listener` whenever rights have changed, here or in another process; the function returned ends that. */
  onChange(listener: (concerns: Concerns) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The viewer a bearer token stands for; null when it is unknown, expired or revoked. */
  ofToken(services: Services, origin: Origin, token: string): Promise<Viewer | null> {
    const hash = hashToken(token);
    const known = this.#cache.get(hash);
    if (known !== undefined) return known.viewer;
    const entry: Entry = { viewer: this.#look(services, origin, hash) };
    const drop = () => void (this.#cache.peek(hash) === entry && this.#cache.delete(hash));
    this.#cache.set(hash, entry);
    entry.viewer.then((found) => (found === null ? drop() : (entry.found = found)), drop);
    return entry.viewer;
  }

  /** Writes to the organization's log that a key was shown from an address it may not come from. */
  async reportForeignAddress(services: Services, origin: Origin, viewer: Viewer): Promise<void> {
    const { id } = viewer.credential;
    if (this.#reported.has(id)) return;
    this.#reported.set(id, true);
    const unit = new UnitOfWork(scopeOf(viewer), { ...services, origin });
    await unit.transact(async () => unit.record({ action: 'api_key.refused', type: 'ApiKey', id }));
  }

  forgetCredential(id: string): void {
    this.#tell({ credential: id });
  }

  forgetUser(userId: string): void {
    this.#tell({ user: userId });
  }

  forgetOrganization(organizationId: string): void {
    this.#tell({ organization: organizationId });
  }

  forgetAll(): void {
    this.#tell({});
  }

  #tell(change: Change): void {
    this.#forget(concerning(change));
    const word: Word = { ...change, from: this.#name };
    this.#bus.publish(topic, word);
  }

  /** Looks through all, which are few and seldom forgotten. Those being looked up go too: they may have been read before the change. */
  #forget(concerns: Concerns): void {
    for (const [hash, { found }] of this.#cache.entries())
      if (found === undefined || concerns(found)) this.#cache.delete(hash);
    for (const listener of this.#listeners) listener(concerns);
  }

  async #look(services: Services, origin: Origin, hash: string): Promise<Viewer | null> {
    const anonymous = new UnitOfWork(nowhere, { ...services, origin });
    const target = await resting(anonymous, tokenTarget(anonymous, hash));
    if (target === null || target.userId === null || target.organizationId === null) return null;
    const { kind, organizationId, userId, subjectId: id } = target;
    if (!isCredential(kind)) return null;
    const unit = new UnitOfWork(discovery(organizationId, userId), { ...services, origin });
    const claim = { kind, id, organizationId, userId };
    return resting(unit, viewerOfCredential(unit, claim, services.settings.sessions));
  }
}

const credentialKinds: readonly string[] = [
  'SESSION',
  'API_KEY',
  'DEVICE',
  'EXTENSION_KEY',
] satisfies Credential['kind'][];
const isCredential = (kind: string): kind is Credential['kind'] => credentialKinds.includes(kind);

/** Gives the unit's connection back once the work is done. */
const resting = async <Result>(unit: UnitOfWork, work: Promise<Result>): Promise<Result> => {
  try {
    return await work;
  } finally {
    await unit.rest();
  }
};
