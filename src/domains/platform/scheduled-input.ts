import { BadUserInput } from '../../errors.ts';
import type { ScheduledWorkInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import type { ScheduledWork, ScheduledWorks } from '../scheduled-work.ts';
import type { JobScheduleRow } from './schedule-tables.ts';

/** What a schedule keeps of its work. */
export type KeptWork = Pick<JobScheduleRow, 'work' | 'input'>;

/** The work of a kind. */
export const workOf = (works: ScheduledWorks, kind: string): ScheduledWork => {
  const work = works[kind];
  if (work === undefined) throw new Error(`There is no scheduled work of the kind ${kind}.`);
  return work;
};

/** The work that a client has named. Throws BadUserInput where it is not exactly one, or its input is wrong. */
export const keptWork = (works: ScheduledWorks, named: ScheduledWorkInput): KeptWork => {
  const given = Object.entries(named).filter(([, input]) => input !== null && input !== undefined);
  const [only] = given;
  if (only === undefined || given.length > 1) throw new BadUserInput('work', 'Give exactly one kind of work.');
  const [field, input] = only;
  const kind = kindOf(field);
  const checked = workOf(works, kind).input.safeParse(present(input));
  if (checked.success) return { work: kind, input: present(checked.data) };
  throw new BadUserInput(
    checked.error.issues.map(({ path, message }) => ({ field: ['work', field, ...path].join('.'), message })),
  );
};

/** `verifyEventLog` → `VERIFY_EVENT_LOG`. */
const kindOf = (field: string): string => field.replace(/[A-Z]/g, '_$&').toUpperCase();

/** Without what is absent or null. */
const present = (input: unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(input ?? {}).filter(([, value]) => value !== null && value !== undefined));

/** The input as a client has given it. */
export const shownInput = (works: ScheduledWorks, { work, input }: KeptWork): Record<string, unknown> => {
  const ids = works[work]?.ids ?? {};
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => {
      const type = ids[name];
      return [name, type === undefined || typeof value !== 'string' ? value : globalId(type, value)];
    }),
  );
};
