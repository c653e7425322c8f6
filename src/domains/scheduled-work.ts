import { z } from 'zod';
import type { Permission } from '../generated/resolvers.ts';
import type { Context } from './context.ts';

/** What a time of a schedule is known by. The context is that of its owner, with the rights that they have at this moment. */
export interface Occasion {
  readonly context: Context;
  readonly schedule: { readonly id: string; readonly name: string };
  /** When the run begins. */
  readonly now: Date;
}

/** Work that members can have begun by a clock. Each domain's `scheduled-work.ts` exports `scheduledWork`, by the kinds of the enum `ScheduledWork`. */
export interface ScheduledWork<Input = unknown> {
  /** What its owner needs, at each time anew; workspaces are asked for by `begin`. */
  readonly permission: Permission;
  /** What is kept and given to `begin`: the field of `ScheduledWorkInput`, with UUIDs for ids. Its messages are told to clients. */
  readonly input: z.ZodType<Input>;
  /** The fields of it that hold ids, and the GraphQL types of these. */
  readonly ids: Readonly<Record<string, string>>;
  /** Throws what `begin` would throw now because of what it names; asked before a schedule is kept. */
  readonly check: (context: Context, input: Input) => Promise<void>;
  /** Begins it in the running transaction, as its mutation does; gives the job's id. */
  readonly begin: (occasion: Occasion, input: Input) => Promise<string>;
}

/** Work among others, whatever it takes: what a schedule keeps is checked by `input` before anything else sees it. */
export const scheduled = <Input>(work: ScheduledWork<Input>): ScheduledWork => ({
  ...work,
  check: (context, input) => work.check(context, work.input.parse(input)),
  begin: (occasion, input) => work.begin(occasion, work.input.parse(input)),
});

/** Work by its kind. */
export type ScheduledWorks = Readonly<Record<string, ScheduledWork>>;

const dayMs = 86_400_000;
const maxDays = 3660;

/** How many days of 24 hours before a run it concerns. */
export const lastDays = z.int().min(1, 'This takes 1 to 3,660 days.').max(maxDays, 'This takes 1 to 3,660 days.');

/** The days before a moment, up to it. */
export const daysBefore = (now: Date, days: number): { readonly from: string; readonly to: string } => ({
  from: new Date(now.getTime() - days * dayMs).toISOString(),
  to: now.toISOString(),
});
