import { and, eq, ne } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { database } from '../../database/client.ts';
import type { Announcement } from '../../events/ledger.ts';
import type { Services } from '../services.ts';
import { fanOut } from './webhook-fan-out.ts';
import { webhookSubscriptions } from './webhook-tables.ts';
import { webhookUnit } from './webhook-unit.ts';

/** Changes that come within this time are looked for together. */
const gatherMs = 150;
/** Organizations looked at side by side, so that others get connections. */
const atOnce = 2;
/** For how long it is not asked again whether an organization has webhooks; what is missed meanwhile is found by the clock. */
const knownMs = 5_000;

/** Makes deliveries soon after changes of this process. What it misses, the clock brings. */
export class WebhookWake {
  readonly #services: Pick<Services, 'pool' | 'ledger' | 'queue' | 'log'>;
  readonly #limit = pLimit(atOnce);
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  readonly #listening = new LRUCache<string, boolean>({ max: 10_000, ttl: knownMs });

  constructor(services: Pick<Services, 'pool' | 'ledger' | 'queue' | 'log'>) {
    this.#services = services;
  }

  /** Hears of a change; takes no time. */
  heed({ organizationId, type }: Announcement): void {
    if (organizationId === null) return;
    if (type === 'Webhook') this.#listening.delete(organizationId);
    if (this.#waiting.has(organizationId) || this.#listening.get(organizationId) === false) return;
    this.#waiting.set(
      organizationId,
      setTimeout(() => this.#begin(organizationId), gatherMs),
    );
  }

  /** Returns when nothing runs any more; what waited is left to the clock. */
  async stop(): Promise<void> {
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    await Promise.all(this.#running);
  }

  #begin(organizationId: string): void {
    this.#waiting.delete(organizationId);
    const running = this.#limit(() => this.#look(organizationId))
      .catch((error: unknown) =>
        this.#services.log.warn({ err: error, organizationId }, 'Webhooks wait for the clock.'),
      )
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #look(organizationId: string): Promise<void> {
    const unit = webhookUnit(this.#services, organizationId);
    const listens = this.#listening.get(organizationId) ?? (await hasWebhooks(organizationId, unit));
    this.#listening.set(organizationId, listens);
    if (listens) await fanOut(unit, this.#services, 'soon');
  }
}

const hasWebhooks = async (organizationId: string, unit: ReturnType<typeof webhookUnit>): Promise<boolean> => {
  const found = await unit.run(() =>
    database
      .select({ id: webhookSubscriptions.id })
      .from(webhookSubscriptions)
      .where(and(eq(webhookSubscriptions.organizationId, organizationId), ne(webhookSubscriptions.state, 'DISABLED')))
      .limit(1),
  );
  await unit.rest();
  return found.length > 0;
};
