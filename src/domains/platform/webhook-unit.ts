import { UnitOfWork, wholeOf, type Origin, type UnitOptions } from '../../database/unit-of-work.ts';

const origin: Origin = { requestId: 'webhooks', address: null, userAgent: null };

/** Sees a whole organization, in nobody's name. */
export const webhookUnit = (options: Pick<UnitOptions, 'pool' | 'ledger'>, organizationId: string): UnitOfWork =>
  new UnitOfWork(wholeOf(organizationId), { pool: options.pool, ledger: options.ledger, origin });
