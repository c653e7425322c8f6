import { LRUCache } from 'lru-cache';
import type { ModelRow } from './tables.ts';
import type { RoutingConditions, TimeOfWeek } from './routing-conditions.ts';

/** What routing rules look at of a call. Ids are UUIDs. */
export interface CallFacts {
  readonly organizationId: string;
  readonly workspaceId: string | null;
  readonly userId: string | null;
  /** Groups of the user; other ids may stand among them. */
  readonly principals: readonly string[];
  readonly type: ModelRow['type'];
  /** The model that was named; null: none. */
  readonly modelId: string | null;
  readonly purpose: string;
  readonly needs: ModelRow['capabilities'];
  /** At most; null: not known before. */
  readonly inputTokens: number | null;
  readonly tags: readonly string[];
  readonly at: Date;
}

/** What of a rule can keep it from fitting a call; `maxCost` passes over models instead. */
export type ConditionName = 'modelType' | Exclude<keyof RoutingConditions, 'maxCost'>;

/** What `failedConditions` looks at. */
export interface Matchable {
  readonly modelType: ModelRow['type'];
  readonly conditions: RoutingConditions;
}

type Check = (conditions: RoutingConditions, facts: CallFacts) => boolean;

const isOf = (list: readonly string[] | undefined, value: string | null): boolean =>
  list === undefined || (value !== null && list.includes(value));
const meets = (list: readonly string[] | undefined, values: readonly string[]): boolean =>
  list === undefined || list.some((each) => values.includes(each));

const checks: Readonly<Record<Exclude<ConditionName, 'modelType'>, Check>> = {
  organizationIds: ({ organizationIds }, { organizationId }) => isOf(organizationIds, organizationId),
  workspaceIds: ({ workspaceIds }, { workspaceId }) => isOf(workspaceIds, workspaceId),
  userIds: ({ userIds }, { userId }) => isOf(userIds, userId),
  groupIds: ({ groupIds }, { principals }) => meets(groupIds, principals),
  // A rule without models is for calls that leave the choice to it.
  modelIds: ({ modelIds }, { modelId }) => (modelIds === undefined ? modelId === null : isOf(modelIds, modelId)),
  purposes: ({ purposes }, { purpose }) => isOf(purposes, purpose),
  capabilities: ({ capabilities = [] }, { needs }) => capabilities.every((capability) => needs.includes(capability)),
  // A length that nobody knows is within no bounds.
  minInputTokens: ({ minInputTokens: least }, { inputTokens }) =>
    least === undefined || (inputTokens !== null && inputTokens >= least),
  maxInputTokens: ({ maxInputTokens: most }, { inputTokens }) =>
    most === undefined || (inputTokens !== null && inputTokens <= most),
  tags: ({ tags }, facts) => meets(tags, facts.tags),
  time: ({ time }, { at }) => time === undefined || isWithin(time, at),
};

// The cast is safe: the compiler checks that there is a check for each name and no other.
const names = Object.keys(checks) as (keyof typeof checks)[];

/** The conditions of a rule that a call does not meet, the model type first; none: the rule fits. */
export const failedConditions = ({ modelType, conditions }: Matchable, facts: CallFacts): ConditionName[] => [
  ...(modelType === facts.type ? [] : (['modelType'] as const)),
  ...names.filter((name) => !checks[name](conditions, facts)),
];

/** Whether a rule fits a call. */
export const fits = ({ modelType, conditions }: Matchable, facts: CallFacts): boolean =>
  modelType === facts.type && names.every((name) => checks[name](conditions, facts));

/** Clocks by their time zones: making one takes a hundred times as long as asking it. */
const clocks = new LRUCache<string, Intl.DateTimeFormat>({ max: 1000 });
const clockOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = clocks.get(timeZone);
  if (known !== undefined) return known;
  const clock = new Intl.DateTimeFormat('en', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  clocks.set(timeZone, clock);
  return clock;
};

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** Whether a moment lies within hours of the week. They begin with their first minute and end before their last. */
const isWithin = ({ days, from, to, timeZone }: TimeOfWeek, at: Date): boolean => {
  const parts = Object.fromEntries(
    clockOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const minute = Number(parts.hour) * 60 + Number(parts.minute);
  const today = weekdays.indexOf(parts.weekday ?? '') + 1;
  const yesterday = today === 1 ? 7 : today - 1;
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  if (begin < end) return days.includes(today) && minute >= begin && minute < end;
  return (days.includes(today) && minute >= begin) || (days.includes(yesterday) && minute < end);
};
