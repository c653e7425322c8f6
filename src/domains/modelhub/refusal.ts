import { Conflict, QuotaExceeded } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import type { BudgetRow } from './quota-tables.ts';
import { holders } from './quotas.ts';

/** Why the database promises a call nothing. */
export interface Refused {
  readonly subject: BudgetRow['subject'] | 'PLATFORM_KEY';
  readonly subjectId: string;
  readonly measure: BudgetRow['measure'];
  readonly window: BudgetRow['window'];
  /** Decimal text. */
  readonly limit: string;
  readonly endsAt: string;
  /** Money is bounded, and what the model costs is unknown. */
  readonly unpriced: boolean;
}

/** GraphQL types of those whom budgets are for. */
export const subjectTypes: Readonly<Record<BudgetRow['subject'], string>> = {
  ORGANIZATION: 'Organization',
  WORKSPACE: 'Workspace',
  GROUP: 'Group',
  USER: 'User',
  API_KEY: 'ApiKey',
  PROVIDER_KEY: 'ProviderKey',
};

const amounts: Readonly<Record<BudgetRow['measure'], string>> = {
  TOKENS: 'tokens',
  COST: 'US dollars',
  REQUESTS: 'calls of models',
};

/** The refusal of a call: whose bound has no room and when it begins anew. What a key of the platform is bounded to is told to nobody. */
export const refusalOf = (refused: Refused, model: string): Conflict | QuotaExceeded => {
  const { subject, subjectId, measure, window, limit, endsAt, unpriced } = refused;
  if (unpriced)
    return new Conflict(
      'model',
      `What ${model} costs is unknown, so that the bound on money for ${subject === 'PLATFORM_KEY' ? "the platform's key" : holders[subject]} cannot be kept; choose a model with a price.`,
      { scope: subject },
    );
  if (subject === 'PLATFORM_KEY')
    return new QuotaExceeded(
      subject,
      null,
      endsAt,
      `The platform's key for the provider is exhausted; it can be used again at ${endsAt}.`,
    );
  const most = `${Number(limit).toLocaleString('en', { maximumFractionDigits: 12 })} ${amounts[measure]} a ${window.toLowerCase()}`;
  return new QuotaExceeded(
    subject,
    Number(limit),
    endsAt,
    `The bound of ${most} for ${holders[subject]} has no room for this call; it begins anew at ${endsAt}.`,
    { measure, scopeId: globalId(subjectTypes[subject], subjectId) },
  );
};

const ofKeys: ReadonlySet<string> = new Set(['PROVIDER_KEY', 'PLATFORM_KEY']);

/** Whether a refusal lies with the key alone, so that a deployment with another key may still be called. */
export const lacksKeyRoom = (error: unknown): boolean => error instanceof QuotaExceeded && ofKeys.has(error.scope);
