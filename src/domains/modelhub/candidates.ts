import type { ModelRequest } from './calls.ts';
import type { Price } from './deployments.ts';
import type { Knowledge, KnownModel, StoredKey } from './routing-knowledge.ts';
import type { ModelRow } from './tables.ts';

/** Why a model cannot be called. */
export type Fault =
  | 'GONE'
  | 'SWITCHED_OFF'
  | 'RETIRED'
  | 'WRONG_TYPE'
  | 'LACKS_CAPABILITY'
  | 'WINDOW_TOO_SMALL'
  | 'PRICE_UNKNOWN'
  | 'TOO_DEAR'
  | 'NO_KEY'
  | 'UNREADABLE_KEY'
  | 'COOLING';

/** Why, for a person. */
export const faultText: Readonly<Record<Fault, string>> = {
  GONE: 'it is gone',
  SWITCHED_OFF: 'it or its provider is switched off',
  RETIRED: 'it is retired and nothing takes its place',
  WRONG_TYPE: 'it makes something else',
  LACKS_CAPABILITY: 'it lacks a capability that the call needs',
  WINDOW_TOO_SMALL: 'its window is too small',
  PRICE_UNKNOWN: 'its price is unknown, and the rule bounds the cost',
  TOO_DEAR: 'it may cost more than the rule allows',
  NO_KEY: 'there is no default key for its provider',
  UNREADABLE_KEY: 'its key can no longer be read',
  COOLING: 'it is cooling down',
};

/** One of the keys that a model may be called with, in the order in which they are tried; `stored` is null where none is needed. */
export interface KeyChoice {
  readonly stored: StoredKey | null;
  readonly providerKeyId: string | null;
  readonly platformKeyId: string | null;
}

/** A model seen as one that a call may go to. */
export interface Candidate {
  /** The model to be called, which may be the one that took the place of a retired one; null: gone. */
  readonly known: KnownModel | null;
  readonly keys: readonly KeyChoice[];
  /** Null: unknown. */
  readonly price: Price | null;
  /** US dollars that the call costs at most; null: unknown. */
  readonly worstCost: Picodollars | null;
  /** Null: it can be called, as far as that is known before its keys are opened. */
  readonly fault: Fault | null;
}

/** Millionths of a millionth of a US dollar: what prices are written in, exactly. */
export type Picodollars = bigint;
const decimals = 12;

/** An amount of dollars as decimal text, of which 12 decimals count. */
export const picodollars = (text: string): Picodollars => {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.slice(0, decimals).padEnd(decimals, '0'));
};

/** The same as decimal text. */
export const dollarsOf = (amount: Picodollars): string => {
  const digits = amount.toString().padStart(decimals + 1, '0');
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`.replace(/\.?0+$/, '');
};

/**
 * Which keys an organization's calls may use: with BYOK its own; with HYBRID its own and then the platform's; with PLATFORM the platform's, and its
 * own where the platform has none for the provider.
 */
export const keysOf = ({ strategy, keys }: Knowledge, { provider, platformKey }: KnownModel): KeyChoice[] => {
  const own = keys.get(provider.id);
  const owns = own === undefined ? [] : [{ stored: own, providerKeyId: own.id, platformKeyId: null }];
  const platforms =
    platformKey === null ? [] : [{ stored: platformKey, providerKeyId: null, platformKeyId: platformKey.id }];
  const allowed = {
    BYOK: owns,
    HYBRID: [...owns, ...platforms],
    PLATFORM: platforms.length > 0 ? platforms : owns,
  }[strategy];
  if (allowed.length > 0 || provider.needsKey) return allowed;
  return [{ stored: null, providerKeyId: null, platformKeyId: null }];
};

/** What a model costs at a moment; null: unknown. */
export const priceAt = ({ model, prices }: KnownModel, at: number): Price | null => {
  const price = prices.findLast(({ from }) => from <= at);
  const input = price?.input ?? null;
  const output = model.type === 'EMBEDDING' ? '0' : (price?.output ?? null);
  return input === null || output === null ? null : { input, cachedInput: price?.cachedInput ?? null, output };
};

const isRetired = ({ status, retiresAt }: ModelRow, at: number): boolean =>
  status === 'DEPRECATED' && retiresAt !== null && Date.parse(retiresAt) <= at;

/** Replacements of replacements that are followed. */
const maxReplacements = 5;

/** Whether a model's replacement is called in its place: it is retired, or it has one and is switched off. */
const givesWay = ({ model }: KnownModel, at: number): boolean =>
  isRetired(model, at) || (model.status === 'INACTIVE' && model.replacementId !== null);

/** The model to call in place of one that gives way; itself where it does not, and null where nothing is left. */
const inPlaceOf = (knowledge: Knowledge, known: KnownModel, at: number, steps = maxReplacements): KnownModel | null => {
  if (!givesWay(known, at)) return known;
  const next = known.model.replacementId === null ? undefined : knowledge.models.get(known.model.replacementId);
  return next === undefined || steps === 0 ? null : inPlaceOf(knowledge, next, at, steps - 1);
};

/** Models of these write text, whichever of the two is asked for. */
const writers: ReadonlySet<ModelRow['type']> = new Set(['TEXT', 'CODE']);
/** Whether a model makes what is asked for. */
export const makes = (model: Pick<ModelRow, 'type'>, type: ModelRow['type']): boolean =>
  model.type === type || (writers.has(model.type) && writers.has(type));

/** Tokens of an answer where nobody says how many. */
const usualOutputTokens = 1024;

/** The most tokens of an answer: what was asked for or else all that the model gives, as far as its window goes. */
const outputTokensOf = (
  { type, maxOutputTokens: most, contextWindow }: ModelRow,
  { maxOutputTokens }: Pick<ModelRequest, 'maxOutputTokens'>,
): number => {
  const bound = Math.min(maxOutputTokens ?? Infinity, most ?? Infinity);
  return type === 'EMBEDDING' ? 0 : Math.min(bound < Infinity ? bound : usualOutputTokens, contextWindow);
};

/** What routing looks at of a request beside its rule. */
export type Demand = Pick<ModelRequest, 'type' | 'needs' | 'inputTokens' | 'maxOutputTokens'>;

/**
 * A model as one that a call may go to. One that was named and makes vectors is never replaced: those of two models cannot be compared.
 */
export const candidateOf = (
  knowledge: Knowledge,
  modelId: string,
  demand: Demand,
  at: number,
  maxCost: string | undefined,
): Candidate => {
  const asked = knowledge.models.get(modelId);
  const known = asked === undefined ? null : demand.type === 'EMBEDDING' ? asked : inPlaceOf(knowledge, asked, at);
  if (known === null) {
    const fault = asked === undefined ? 'GONE' : 'RETIRED';
    return { known: asked ?? null, keys: [], price: null, worstCost: null, fault };
  }
  const price = priceAt(known, at);
  const output = outputTokensOf(known.model, demand);
  const input = demand.inputTokens ?? known.model.contextWindow - output;
  const worstCost =
    price === null ? null : BigInt(input) * picodollars(price.input) + BigInt(output) * picodollars(price.output);
  const keys = keysOf(knowledge, known);
  const faults: readonly (readonly [boolean, Fault])[] = [
    [known.model.status === 'INACTIVE' || known.provider.status === 'INACTIVE', 'SWITCHED_OFF'],
    [isRetired(known.model, at), 'RETIRED'],
    [!makes(known.model, demand.type), 'WRONG_TYPE'],
    [!demand.needs.every((need) => known.model.capabilities.includes(need)), 'LACKS_CAPABILITY'],
    // An answer for which nobody asked for much length may end early.
    [
      input + Math.min(output, demand.maxOutputTokens ?? usualOutputTokens) > known.model.contextWindow,
      'WINDOW_TOO_SMALL',
    ],
    [maxCost !== undefined && worstCost === null, 'PRICE_UNKNOWN'],
    [maxCost !== undefined && worstCost !== null && worstCost > picodollars(maxCost), 'TOO_DEAR'],
    [keys.length === 0, 'NO_KEY'],
  ];
  const fault = faults.find(([holds]) => holds)?.[1] ?? null;
  return { known, keys, price, worstCost, fault };
};
