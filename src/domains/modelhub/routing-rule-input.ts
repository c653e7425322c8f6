import { BadUserInput, type InputIssue } from '../../errors.ts';
import type {
  CreatePlatformRoutingRuleInput,
  CreateRoutingRuleInput,
  RoutingRuleModelInput,
  TimeOfWeekInput,
  UpdatePlatformRoutingRuleInput,
  UpdateRoutingRuleInput,
} from '../../generated/resolvers.ts';
import type { RoutingConditions } from './routing-conditions.ts';
import type { RoutingRuleRow } from './routing-tables.ts';
import { isTimeZone } from '../tenancy/time-zone.ts';

/** Rules of an organization, and of the installation, at most: each call may look at all of them. */
export const maxRules = 100;
const maxModels = 20;
const maxEntries = 100;
const maxTokens = 100_000_000;

type RuleInput =
  | CreateRoutingRuleInput
  | CreatePlatformRoutingRuleInput
  | Omit<UpdateRoutingRuleInput, 'id'>
  | Omit<UpdatePlatformRoutingRuleInput, 'id'>;

/** Lists of ids that conditions hold, and whose ids they are. */
export const idLists = {
  organizationIds: 'Organization',
  workspaceIds: 'Workspace',
  userIds: 'User',
  groupIds: 'Group',
  modelIds: 'Model',
} as const;
type IdList = keyof typeof idLists;

/** Conditions as clients give them; `null` is as absent. */
type ConditionsInput = {
  readonly [Name in keyof RoutingConditions]?: (Name extends 'time' ? TimeOfWeekInput : RoutingConditions[Name]) | null;
};

/** A model of a rule, checked but for its id. */
export type RuleEntry = Pick<RoutingRuleModelInput, 'modelId'> & {
  readonly weight: number;
  readonly notes: string;
  readonly tags: string[];
};

/** What a rule is made of or changed to, checked but for the ids in it. */
export interface RuleFields {
  readonly fields: Partial<
    Pick<RoutingRuleRow, 'name' | 'description' | 'priority' | 'modelType' | 'enabled' | 'conditions'>
  >;
  /** In the order of fallback; absent: as they are. */
  readonly entries: readonly RuleEntry[] | undefined;
}

const issue = (field: string, fine: boolean, message: string): InputIssue[] => (fine ? [] : [{ field, message }]);
const isText = (text: string, max: number): boolean =>
  text.trim().length >= 1 && text.length <= max && !text.includes('\0');
const isWithin = (value: number, least: number, most: number): boolean => value >= least && value <= most;

const listIssues = (field: string, list: readonly unknown[] | null | undefined): InputIssue[] =>
  issue(
    field,
    list === null || list === undefined || isWithin(list.length, 1, maxEntries),
    `This takes 1 to ${maxEntries} entries; leave it out where it does not matter.`,
  );

const wordIssues = (field: string, words: readonly string[] | null | undefined, max: number): InputIssue[] =>
  (words ?? []).flatMap((word, index) =>
    issue(`${field}.${index}`, isText(word, max), `This takes 1 to ${max} characters.`),
  );

const tokenIssues = (field: string, tokens: number | null | undefined): InputIssue[] =>
  issue(
    field,
    tokens === null || tokens === undefined || isWithin(tokens, 0, maxTokens),
    'A number of tokens is 0 or more.',
  );

const isClock = (time: string): boolean => /^([01]\d|2[0-3]):[0-5]\d$/.test(time);

const timeIssues = ({ days, from, to, timeZone }: TimeOfWeekInput): InputIssue[] => {
  const clock = 'A time of day is written HH:MM, 00:00 to 23:59.';
  const daysFine =
    isWithin(days.length, 1, 7) && new Set(days).size === days.length && days.every((day) => isWithin(day, 1, 7));
  return [
    ...issue('conditions.time.days', daysFine, 'These are 1 to 7 different days; 1 is Monday, 7 is Sunday.'),
    ...issue('conditions.time.from', isClock(from), clock),
    ...issue('conditions.time.to', isClock(to), clock),
    ...issue('conditions.time.timeZone', isTimeZone(timeZone), 'There is no such IANA time zone.'),
  ];
};

const isCeiling = (cost: string): boolean =>
  /^\d{1,7}(\.\d{1,12})?$/.test(cost) && Number(cost) > 0 && Number(cost) <= 1_000_000;

const at = (name: keyof RoutingConditions): string => `conditions.${name}`;

const conditionIssues = (conditions: ConditionsInput): InputIssue[] => {
  const { purposes, capabilities, minInputTokens: least, maxInputTokens: most, tags, time, maxCost } = conditions;
  // The cast is safe: these are the keys of the object.
  const ids = Object.keys(idLists) as IdList[];
  const bounded = typeof least === 'number' && typeof most === 'number' ? least <= most : true;
  return [
    ...ids.flatMap((name) => listIssues(at(name), conditions[name])),
    ...listIssues(at('purposes'), purposes),
    ...wordIssues(at('purposes'), purposes, 50),
    ...listIssues(at('capabilities'), capabilities),
    ...tokenIssues(at('minInputTokens'), least),
    ...tokenIssues(at('maxInputTokens'), most),
    ...issue(at('maxInputTokens'), bounded, 'The most tokens are not fewer than the least.'),
    ...listIssues(at('tags'), tags),
    ...wordIssues(at('tags'), tags, 100),
    ...(time ? timeIssues(time) : []),
    ...issue(
      at('maxCost'),
      maxCost === null || maxCost === undefined || isCeiling(maxCost),
      'A ceiling is above 0 and at most 1,000,000 dollars, with at most 12 decimals.',
    ),
  ];
};

const isModelTag = (tag: string): boolean => isText(tag, 100);

const modelIssues = (models: readonly RoutingRuleModelInput[]): InputIssue[] => {
  const ids = models.map(({ modelId }) => modelId);
  return [
    ...issue('models', isWithin(models.length, 1, maxModels), `A rule has 1 to ${maxModels} models.`),
    ...issue('models', new Set(ids).size === ids.length, 'A model stands in a rule once.'),
    ...issue(
      'models',
      models.length === 0 || models.some(({ weight }) => (weight ?? 1) > 0),
      'At least one model needs a weight above 0.',
    ),
    ...models.flatMap(({ weight, notes, tags }, index) => [
      ...issue(`models.${index}.weight`, isWithin(weight ?? 1, 0, 1000), 'A weight is 0 to 1,000.'),
      ...issue(
        `models.${index}.notes`,
        (notes ?? '').length <= 1000 && !(notes ?? '').includes('\0'),
        'Notes have at most 1,000 characters.',
      ),
      ...issue(
        `models.${index}.tags`,
        (tags ?? []).length <= 20 && (tags ?? []).every(isModelTag),
        'These are at most 20 tags of 1 to 100 characters.',
      ),
    ]),
  ];
};

/** Without what is absent, and each entry of a list once. */
const conditionsFrom = (input: ConditionsInput): RoutingConditions => {
  const given = Object.entries(input).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]) => [name, Array.isArray(value) ? [...new Set<unknown>(value)] : value]),
  );
};

/** What a rule is made of, checked but for the ids in it. Throws BadUserInput with every fault. */
export const ruleFieldsOf = (input: RuleInput): RuleFields => {
  const { name, description, priority, modelType, enabled, models } = input;
  const conditions: ConditionsInput | null | undefined = input.conditions;
  const issues = [
    ...issue('name', name === undefined || (name !== null && isText(name, 100)), 'A name has 1 to 100 characters.'),
    ...issue(
      'description',
      (description ?? '').length <= 2000 && !(description ?? '').includes('\0'),
      'A description has at most 2,000 characters.',
    ),
    ...issue(
      'priority',
      priority === undefined || (priority !== null && isWithin(priority, 1, 100)),
      'A priority is 1 to 100.',
    ),
    ...issue('modelType', modelType !== null, 'A rule is for one type.'),
    ...issue('enabled', enabled !== null, 'This is yes or no.'),
    ...issue('models', models !== null, `A rule has 1 to ${maxModels} models.`),
    ...conditionIssues(conditions ?? {}),
    ...modelIssues(models ?? [{ modelId: '', weight: 1 }]),
  ];
  if (issues.length > 0) throw new BadUserInput(issues);
  return {
    fields: {
      ...(typeof name === 'string' && { name: name.trim() }),
      ...(description !== undefined && { description: description ?? '' }),
      ...(typeof priority === 'number' && { priority }),
      ...(modelType && { modelType }),
      ...(typeof enabled === 'boolean' && { enabled }),
      ...(conditions !== undefined && { conditions: conditionsFrom(conditions ?? {}) }),
    },
    entries: models?.map(({ modelId, weight, notes, tags }) => ({
      modelId,
      weight: weight ?? 1,
      notes: notes ?? '',
      tags: [...new Set(tags ?? [])],
    })),
  };
};
