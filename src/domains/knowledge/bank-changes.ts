import { eq } from 'drizzle-orm';
import { ModelFailure } from '../../ai/failure.ts';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, Unavailable, type InputIssue } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { builtinEmbedderId } from '../modelhub/deployments.ts';
import { embedded, embedderById, vectorKey } from '../modelhub/embedder.ts';
import { modelById } from '../modelhub/loaders.ts';
import { found } from '../nodes.ts';
import { requirePermission } from '../permissions.ts';
import { defaultSettings, settingsByOrganization, settingsOfBank, type BankSettings } from './bank-settings.ts';
import { catchUpSoon } from './catching-up-soon.ts';
import { knowledgeOf } from './schema.ts';
import { banks } from './tables.ts';

/** What to change of a bank; what is absent stays. */
export interface BankChange {
  readonly language?: string | null | undefined;
  /** Null for the built-in embedder. */
  readonly embeddingModelId?: string | null | undefined;
}

const isLanguage = (code: string): boolean => /^[a-z]{2}$/.test(code);

/**
 * Changes how the bank of the organization is searched. A model is tried first, and takes over when all passages are embedded; the newest choice
 * wins, and that of the model in use calls the change off. Passages are analysed in another language in the background. Throws BadUserInput (no
 * embedding model, vectors too long, no language), Conflict (the model's key is missing or refused), Forbidden (needs ADMIN), NotFound,
 * Unavailable (the model is switched off or cannot be reached, or the bank cannot).
 */
export const setKnowledgeBank = async (context: Context, change: BankChange): Promise<BankSettings> => {
  const { unit, services } = context;
  requirePermission(viewerOf(context), 'ORGANIZATION_MANAGE');
  refuseFaults(change);
  const bank = knowledgeOf(unit);
  const { organizationId } = bank;
  const modelId = change.embeddingModelId === null ? builtinEmbedderId : change.embeddingModelId;
  if (modelId !== undefined) {
    const { type } = await found('Model', modelId, modelById(unit));
    if (type !== 'EMBEDDING') throw new BadUserInput('embeddingModelId', 'This model embeds no texts.');
    const { embeddingModelId, language } = (await settingsByOrganization(bank).load(organizationId)) ?? defaultSettings;
    if (vectorKey(modelId) !== vectorKey(embeddingModelId)) await tryOut(context, modelId, language);
  }
  await unit.rest();
  return bank.transact(async () => {
    await database.insert(banks).values({ organizationId }).onConflictDoNothing();
    const current = await settingsOfBank(organizationId, 'update');
    const language = change.language ?? current.language;
    const next = modelId === undefined ? current.nextEmbeddingModelId : chosen(modelId, current);
    const fields = [
      ...(language === current.language ? [] : ['language']),
      ...(next === current.nextEmbeddingModelId ? [] : ['nextEmbeddingModel']),
    ];
    if (fields.length === 0) return current;
    const updated = sole(
      await database
        .update(banks)
        .set({ language, nextEmbeddingModelId: next, behind: true })
        .where(eq(banks.organizationId, organizationId))
        .returning(),
    );
    bank.record({
      action: 'knowledge_bank.updated',
      type: 'Organization',
      id: organizationId,
      data: { fields, language, modelId: next },
    });
    bank.afterCommit(() => catchUpSoon(services, organizationId));
    return updated;
  });
};

const refuseFaults = ({ language }: BankChange): void => {
  const issues: InputIssue[] = [];
  if (language === null || (language !== undefined && !isLanguage(language)))
    issues.push({ field: 'language', message: 'A language is an ISO 639-1 code such as en.' });
  if (issues.length > 0) throw new BadUserInput(issues);
};

/** The model that is to take over; none where the one in use was chosen. */
const chosen = (modelId: string, { embeddingModelId }: BankSettings): string | null =>
  vectorKey(modelId) === vectorKey(embeddingModelId) ? null : modelId;

/** Embeds a word, so that a model that cannot be used is refused before anything is changed. */
const tryOut = async ({ unit, services }: Context, modelId: string, language: string): Promise<void> => {
  const embedder = await embedderById(unit, services, modelId);
  await unit.rest();
  try {
    await embedded(unit, services, embedder, { workspaceId: null, targetId: null, texts: ['Tessera'], language });
  } catch (error) {
    throw error instanceof ModelFailure ? refusalOf(error) : error;
  } finally {
    await unit.recorded();
  }
};

const refusalOf = ({ kind, message, retryAfterSeconds }: ModelFailure): Error => {
  if (kind === 'INVALID_RESPONSE' || kind === 'REFUSED') return new BadUserInput('embeddingModelId', message);
  if (kind === 'UNAUTHORIZED') return new Conflict('embeddingModel', message);
  return new Unavailable(message, retryAfterSeconds);
};
