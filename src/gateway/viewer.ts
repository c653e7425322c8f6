import { LRUCache } from 'lru-cache';
import { UnitOfWork, nowhere, type Origin } from '../database/unit-of-work.ts';
import type { Viewer } from '../domains/context.ts';
import type { Services } from '../domains/services.ts';
import { tokenTarget } from '../domains/identity/operations.ts';
import { discovery, viewerOfSession } from '../domains/tenancy/viewers.ts';
import { hashToken } from '../secrets/tokens.ts';

/** How long a revocation in another process may go unnoticed. */
const cacheMs = 5000;

/** Viewers of tokens seen in the last seconds. Unknown tokens are not kept: their number has no bound. */
export class Viewers {
  readonly #cache = new LRUCache<string, Promise<Viewer | null>>({ max: 10_000, ttl: cacheMs, ttlAutopurge: true });
  readonly #hashesBySession = new LRUCache<string, string>({ max: 10_000, ttl: cacheMs, ttlAutopurge: true });

  /** The viewer a bearer token stands for; null when it is unknown, expired or revoked. */
  ofToken(services: Services, origin: Origin, token: string): Promise<Viewer | null> {
    const hash = hashToken(token);
    const known = this.#cache.get(hash);
    if (known !== undefined) return known;
    const viewer = this.#look(services, origin, hash);
    this.#cache.set(hash, viewer);
    viewer.then(
      (found) => (found === null ? this.#cache.delete(hash) : this.#hashesBySession.set(found.sessionId, hash)),
      () => this.#cache.delete(hash),
    );
    return viewer;
  }

  /** Called where a session ends or its rights change: the next request looks again. */
  forget(sessionId: string): void {
    const hash = this.#hashesBySession.get(sessionId);
    if (hash !== undefined) this.#cache.delete(hash);
  }

  forgetAll(): void {
    this.#cache.clear();
  }

  async #look(services: Services, origin: Origin, hash: string): Promise<Viewer | null> {
    const anonymous = new UnitOfWork(nowhere, { ...services, origin });
    const target = await resting(anonymous, tokenTarget(anonymous, hash));
    if (target?.kind !== 'SESSION' || target.userId === null) return null;
    const unit = new UnitOfWork(discovery(target.organizationId, target.userId), { ...services, origin });
    return resting(unit, viewerOfSession(unit, target.userId, target.subjectId));
  }
}

/** Gives the unit's connection back once the work is done. */
const resting = async <Result>(unit: UnitOfWork, work: Promise<Result>): Promise<Result> => {
  try {
    return await work;
  } finally {
    await unit.rest();
  }
};
