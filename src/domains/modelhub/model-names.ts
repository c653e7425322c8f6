import { keysOf } from './candidates.ts';
import type { Knowledge, KnownModel } from './routing-knowledge.ts';

/** Types of models that programs can call. */
const callableTypes: ReadonlySet<string> = new Set(['TEXT', 'CODE', 'EMBEDDING']);

const isActive = ({ model, provider }: KnownModel): boolean =>
  model.status === 'ACTIVE' && provider.status === 'ACTIVE';

/** Whether a model can be called by the organization: switched on, and without a key or with one that its strategy allows. */
const isCallable = (knowledge: Knowledge, known: KnownModel): boolean =>
  isActive(known) && keysOf(knowledge, known).length > 0;

const fullName = ({ model, provider }: KnownModel): string => `${provider.slug}/${model.name}`;

/** The later version first, and by name. */
const byName = (one: KnownModel, other: KnownModel): number =>
  one.provider.slug.localeCompare(other.provider.slug, 'en') ||
  one.model.name.localeCompare(other.model.name, 'en') ||
  other.model.version.localeCompare(one.model.version, 'en');

/**
 * The model that a name means, `gpt-4o-mini` or with its provider's slug `openai/gpt-4o-mini`; null when there is none. Of several of one name it
 * is the one whose provider is named, then one that the organization can call, by the providers' slugs.
 */
export const modelOfName = (knowledge: Knowledge, name: string): KnownModel | null => {
  const rank = (known: KnownModel) =>
    (fullName(known) === name ? 4 : 0) + (isCallable(knowledge, known) ? 2 : 0) + (isActive(known) ? 1 : 0);
  const meant = [...knowledge.models.values()].filter(
    (known) => callableTypes.has(known.model.type) && (known.model.name === name || fullName(known) === name),
  );
  return meant.toSorted((one, other) => rank(other) - rank(one) || byName(one, other))[0] ?? null;
};

/** A model that can be called, as lists for programs show it. */
export interface CallableModel {
  /** `<provider's slug>/<name>`. */
  readonly name: string;
  readonly provider: string;
  readonly createdAt: string;
}

/** The models that the organization can call, by name, at most `most`. */
export const callableModels = (knowledge: Knowledge, most: number): CallableModel[] => {
  const all = [...knowledge.models.values()]
    .filter((known) => callableTypes.has(known.model.type) && isCallable(knowledge, known))
    .toSorted(byName)
    .map((known) => {
      const { model, provider } = known;
      return { name: fullName(known), provider: provider.slug, createdAt: model.createdAt };
    });
  // Versions of a model go by one name.
  return [...new Map(all.toReversed().map((model) => [model.name, model])).values()].toReversed().slice(0, most);
};
