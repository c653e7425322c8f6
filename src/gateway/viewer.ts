import { LRUCache } from 'lru-cache';
import { UnitOfWork, nowhere, type Origin } from '../database/unit-of-work.ts';
import type { Credential, Viewer } from '../domains/context.ts';
import type { Services, ViewerCache } from '../domains/services.ts';
import { tokenTarget } from '../domains/identity/operations.ts';
import { discovery, scopeOf, viewerOfCredential } from '../domains/tenancy/viewers.ts';
import { hashToken } from '../secrets/tokens.ts';

/** How long a revocation in another process may go unnoticed. */
const cacheMs = 5000;
/** The log hears of one key's use from foreign addresses at most this often from each process. */
const reportMs = 60_000;

/** Viewers of tokens seen in the last seconds. Unknown tokens are not kept: their number has no bound. */
export class Viewers implements ViewerCache {
  readonly #cache = new LRUCache<string, Promise<Viewer | null>>({ max: 10_000, ttl: cacheMs, ttlAutopurge: true });
  /** Credentials whose use from a foreign address was reported lately. */
  readonly #reported = new LRUCache<string, true>({ max: 10_000, ttl: reportMs });

  /** The viewer a bearer token stands for; null when it is unknown, expired or revoked. */
  ofToken(services: Services, origin: Origin, token: string): Promise<Viewer | null> {
    const hash = hashToken(token);
    const known = this.#cache.get(hash);
    if (known !== undefined) return known;
    const viewer = this.#look(services, origin, hash);
    this.#cache.set(hash, viewer);
    viewer.then(
      (found) => void (found === null && this.#cache.delete(hash)),
      () => this.#cache.delete(hash),
    );
    return viewer;
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
    this.#forget(({ credential }) => credential.id === id);
  }

  forgetUser(userId: string): void {
    this.#forget((viewer) => viewer.userId === userId);
  }

  forgetOrganization(organizationId: string): void {
    this.#forget((viewer) => viewer.organizationId === organizationId);
  }

  forgetAll(): void {
    this.#cache.clear();
  }

  /** Looks through all, which are few and seldom forgotten. One that is just being looked up goes too: it may have been read before the change. */
  #forget(matches: (viewer: Viewer) => boolean): void {
    for (const [hash, viewer] of this.#cache.entries())
      void viewer.then(
        (found) => found !== null && matches(found) && this.#cache.peek(hash) === viewer && this.#cache.delete(hash),
        () => undefined,
      );
  }

  async #look(services: Services, origin: Origin, hash: string): Promise<Viewer | null> {
    const anonymous = new UnitOfWork(nowhere, { ...services, origin });
    const target = await resting(anonymous, tokenTarget(anonymous, hash));
    if (target === null || target.userId === null || target.organizationId === null) return null;
    const { kind, organizationId, userId, subjectId: id } = target;
    if (!isCredential(kind)) return null;
    const unit = new UnitOfWork(discovery(organizationId, userId), { ...services, origin });
    return resting(unit, viewerOfCredential(unit, { kind, id, organizationId, userId }));
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
