import { eq, and, sql } from 'drizzle-orm';
import { ModelFailure, type FailureKind } from '../../ai/failure.ts';
import { probe, probeTokens, type Probe } from '../../ai/probe.ts';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { TestProviderKeyInput } from '../../generated/resolvers.ts';
import { Undecipherable } from '../../secrets/encryption.ts';
import { viewerOf, type Context } from '../context.ts';
import { failed, reserveCall, settleCall, succeeded, unused, type ModelRequest, type Outcome } from './calls.ts';
import { priceAt } from './candidates.ts';
import { dialects, type Callable } from './deployments.ts';
import { executionLogs } from './execution-tables.ts';
import { cheapestTextModel } from './key-loaders.ts';
import { keyedProvider } from './key-rules.ts';
import { recordPlatformTest } from './platform-keys.ts';
import { knowledgeFor, type KnownModel } from './routing-knowledge.ts';
import { platformProviderKeys, providerKeys, type ProviderRow } from './tables.ts';

/** What came of trying a key. */
export interface KeyTest {
  readonly ok: boolean;
  /** Milliseconds that the call took; null where none was made. */
  readonly latencyMs: number | null;
  /** `UNREADABLE`: the stored key cannot be decrypted, and no call was made. Null when it went well. */
  readonly failure: { readonly code: FailureKind | 'UNREADABLE'; readonly message: string } | null;
}

/** Longest time for the call, for somebody waits for it. */
const longestMs = 20_000;
/** Seconds beyond it that a call without a model may take to be settled. */
const graceSeconds = 60;

/** A key that is to be tried. */
interface Tried {
  readonly id: string;
  readonly providerId: string;
  readonly encryptedKey: string;
  readonly owner: 'ORGANIZATION' | 'PLATFORM';
}

/**
 * Tries a key of the organization by one small call, which is reserved, made outside any transaction and settled as every call is. Throws
 * BadUserInput (model of another provider or of a type that cannot be tried), Conflict (provider or model INACTIVE), NotFound, QuotaExceeded, RateLimited.
 */
export const testProviderKey = async (context: Context, input: TestProviderKeyInput): Promise<KeyTest> => {
  const { unit } = context;
  await spendTry(context);
  const [key] = await unit.run(() =>
    database
      .select({
        id: providerKeys.id,
        providerId: providerKeys.providerId,
        encryptedKey: providerKeys.encryptedKey,
      })
      .from(providerKeys)
      .where(and(eq(providerKeys.organizationId, unit.organizationId), eq(providerKeys.id, input.id))),
  );
  if (key === undefined) throw new NotFound('ProviderKey', input.id);
  return tested(context, { ...key, owner: 'ORGANIZATION' }, input.modelId ?? null);
};

/** The same for a key of the installation. The call stands in the ledger of the organization that the administrator works in. */
export const testPlatformProviderKey = async (context: Context, input: TestProviderKeyInput): Promise<KeyTest> => {
  await spendTry(context);
  const [key] = await context.unit.run(() =>
    database
      .select({
        id: platformProviderKeys.id,
        providerId: platformProviderKeys.providerId,
        encryptedKey: platformProviderKeys.encryptedKey,
      })
      .from(platformProviderKeys)
      .where(eq(platformProviderKeys.id, input.id)),
  );
  if (key === undefined) throw new NotFound('PlatformProviderKey', input.id);
  return tested(context, { ...key, owner: 'PLATFORM' }, input.modelId ?? null);
};

const spendTry = async (context: Context): Promise<void> => {
  await context.unit.rest();
  await context.services.throttles.keyTest.spend([`account ${viewerOf(context).userId}`]);
};

const tested = async (context: Context, key: Tried, modelId: string | null): Promise<KeyTest> => {
  const { unit, services } = context;
  const provider = await keyedProvider(unit, key.providerId);
  const known = await modelFor(context, provider, modelId);
  await unit.rest();
  const apiKey = await services.keyRing.decrypt(key.encryptedKey).catch((error: unknown) => {
    if (error instanceof Undecipherable) return null;
    throw error;
  });
  if (apiKey === null) {
    const message = 'The stored key can no longer be read; store it again.';
    return { ok: false, latencyMs: null, failure: { code: 'UNREADABLE', message } };
  }
  const call = await unit.transact(() => reserved(context, key, provider, known, apiKey));
  const outcome = await outcomeOf(context, key, call);
  await unit.transact(async () => {
    await settleCall(unit, call.executionId, outcome);
    if (key.owner === 'ORGANIZATION')
      unit.record({
        action: 'provider_key.tested',
        type: 'ProviderKey',
        id: key.id,
        data: { outcome: outcome.kind ?? outcome.status },
      });
  });
  if (key.owner === 'PLATFORM') await recordPlatformTest(context, key.id, outcome.kind ?? outcome.status);
  const { kind, message, latencyMs } = outcome;
  const failure = kind === null ? null : { code: kind, message: message ?? '' };
  return { ok: failure === null, latencyMs: Math.round(latencyMs), failure };
};

/** The model that was named, or the cheapest one that writes text; null where the provider has none. */
const modelFor = async (
  { unit, services }: Context,
  provider: ProviderRow,
  modelId: string | null,
): Promise<KnownModel | null> => {
  const id = modelId ?? (await cheapestTextModel(unit, provider.id));
  if (id === null) return null;
  const known = (await knowledgeFor(unit, services.routing)).models.get(id);
  if (known === undefined) throw new NotFound('Model', id);
  const { model } = known;
  if (model.providerId !== provider.id) throw new BadUserInput('modelId', 'This model is of another provider.');
  if (model.status === 'INACTIVE') throw new Conflict('modelId', `The model ${model.name} is switched off.`);
  if (!(model.type in probeOf)) throw new BadUserInput('modelId', 'A key is tried with models of text or of vectors.');
  return known;
};

/** How models of a type are tried; those of other types cost too much. */
const probeOf: Readonly<Partial<Record<KnownModel['model']['type'], Probe>>> = {
  TEXT: 'text',
  CODE: 'text',
  EMBEDDING: 'embedding',
};

/** A call that stands in the ledger and is about to be made. */
interface Reserved extends Pick<Callable, 'deployment'> {
  readonly executionId: string;
  readonly kind: Probe;
}

const reserved = async (
  { unit, services }: Context,
  key: Tried,
  provider: ProviderRow,
  known: KnownModel | null,
  apiKey: string,
): Promise<Reserved> => {
  const keys = {
    providerKeyId: key.owner === 'ORGANIZATION' ? key.id : null,
    platformKeyId: key.owner === 'PLATFORM' ? key.id : null,
  };
  const deployment = {
    dialect: dialects[provider.dialect],
    model: known?.model.name ?? '',
    timeoutMs: Math.min(services.settings.modelTimeoutMs, longestMs),
    apiKey,
    maxRetries: 0,
    maxOutputTokens: probeTokens.output,
    ...(known !== null && { contextTokens: known.model.contextWindow }),
    ...(provider.baseUrl !== null && { baseUrl: provider.baseUrl }),
  };
  if (known === null) {
    const { scope, organizationId } = unit;
    const seconds = deployment.timeoutMs / 1000 + graceSeconds;
    // Nothing is spent by listing models: it is written down, and no bound is asked.
    const rows = await database
      .insert(executionLogs)
      .values({
        organizationId,
        userId: scope.userId,
        apiKeyId: scope.apiKeyId ?? null,
        purpose: 'test',
        providerId: provider.id,
        providerName: provider.name,
        modelName: '',
        inputPrice: '0',
        outputPrice: '0',
        ...keys,
        leaseUntil: sql`now() + make_interval(secs => ${seconds})`,
      })
      .returning({ id: executionLogs.id });
    return { deployment, executionId: sole(rows).id, kind: 'listing' };
  }
  const { model } = known;
  const callable: Callable = { deployment, model, provider, price: priceAt(known, Date.now()), ...keys };
  const request: ModelRequest = {
    purpose: 'test',
    workspaceId: null,
    targetId: null,
    type: model.type,
    modelId: model.id,
    needs: [],
    inputTokens: probeTokens.input,
    maxOutputTokens: probeTokens.output,
    tags: [],
    stickyTo: null,
  };
  const executionId = await reserveCall(unit, { request, callable, ruleId: null, number: 1 });
  return { deployment, executionId, kind: probeOf[model.type] ?? 'text' };
};

/** How the call ended, in the ledger's terms. */
type Ended = Outcome & { readonly kind: FailureKind | null; readonly latencyMs: number };

const outcomeOf = async ({ unit, services }: Context, key: Tried, { deployment, kind }: Reserved): Promise<Ended> => {
  services.keyUses.note({
    organizationId: unit.organizationId,
    providerKeyId: key.owner === 'ORGANIZATION' ? key.id : null,
    platformKeyId: key.owner === 'PLATFORM' ? key.id : null,
  });
  const began = performance.now();
  const took = () => performance.now() - began;
  try {
    const usage = await probe(deployment, kind);
    return { ...succeeded(usage, took(), null), kind: null, latencyMs: took() };
  } catch (error) {
    if (!(error instanceof ModelFailure)) throw error;
    return { ...failed(error.kind, error.message, took(), unused), kind: error.kind, latencyMs: took() };
  }
};
