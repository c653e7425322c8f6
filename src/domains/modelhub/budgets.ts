import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateBudgetInput, UpdateBudgetInput } from '../../generated/resolvers.ts';
import { parseGlobalId, prefixOf } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { apiKeyById } from '../tenancy/api-key-loaders.ts';
import { groupById } from '../tenancy/group-loaders.ts';
import { memberUserById, membershipById, organizationById, workspaceById } from '../tenancy/loaders.ts';
import { providerKeyById } from './loaders.ts';
import { budgets, type BudgetRow } from './quota-tables.ts';

type Limits = Pick<BudgetRow, 'limit' | 'warnAt'>;
type Subject = Pick<BudgetRow, 'subject' | 'subjectId'>;

const mostWarnings = 5;

const limitIssues = (limit: string, measure: BudgetRow['measure']): InputIssue[] => {
  const form = measure === 'COST' ? /^\d{1,12}(\.\d{1,12})?$/ : /^\d{1,12}(\.0+)?$/;
  if (form.test(limit)) return [];
  const what = measure === 'COST' ? 'with at most 12 decimals' : 'and whole';
  return [{ field: 'limit', message: `A limit is 0 or more, ${what}, and less than 10^12.` }];
};

const warnIssues = (warnAt: readonly number[]): InputIssue[] => {
  const fine = warnAt.every((one, index) => one >= 1 && one <= 100 && one > (warnAt[index - 1] ?? 0));
  if (fine && warnAt.length <= mostWarnings) return [];
  return [
    { field: 'warnAt', message: `Warnings are at most ${mostWarnings} percentages of 1 to 100, in ascending order.` },
  ];
};

const missing = (field: string, value: unknown): InputIssue[] =>
  value === null ? [{ field, message: 'This cannot be empty.' }] : [];

const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

/** How those whom budgets are for are found, by the prefixes of their ids. */
const subjects: ReadonlyMap<string, (unit: UnitOfWork, id: string) => Promise<Subject>> = new Map(
  Object.entries({
    Organization: async (unit: UnitOfWork, id: string) => {
      const { id: subjectId } = await found('Organization', id, organizationById(unit));
      return { subject: 'ORGANIZATION' as const, subjectId };
    },
    Workspace: async (unit: UnitOfWork, id: string) => {
      const { id: subjectId } = await found('Workspace', id, workspaceById(unit));
      return { subject: 'WORKSPACE' as const, subjectId };
    },
    Group: async (unit: UnitOfWork, id: string) => {
      const { id: subjectId } = await found('Group', id, groupById(unit));
      return { subject: 'GROUP' as const, subjectId };
    },
    User: async (unit: UnitOfWork, id: string) => {
      const { id: subjectId } = await found('User', id, memberUserById(unit));
      return { subject: 'USER' as const, subjectId };
    },
    Membership: async (unit: UnitOfWork, id: string) => {
      const { userId: subjectId } = await found('Membership', id, membershipById(unit));
      return { subject: 'USER' as const, subjectId };
    },
    ApiKey: async (unit: UnitOfWork, id: string) => {
      const { id: subjectId } = await found('ApiKey', id, apiKeyById(unit));
      return { subject: 'API_KEY' as const, subjectId };
    },
    ProviderKey: async (unit: UnitOfWork, id: string) => {
      const { id: subjectId } = await found('ProviderKey', id, providerKeyById(unit));
      return { subject: 'PROVIDER_KEY' as const, subjectId };
    },
  }).map(([type, find]) => [prefixOf(type), find] as const),
);

const subjectOf = (unit: UnitOfWork, id: string): Promise<Subject> => {
  const parsed = parseGlobalId(id);
  if (parsed === null) throw new NotFound('Node', id);
  const find = subjects.get(parsed.prefix);
  if (find === undefined)
    throw new BadUserInput(
      'subjectId',
      'A budget is for an organization, workspace, group, user, API key or provider key.',
    );
  return find(unit, parsed.uuid);
};

/** Makes a budget. Throws BadUserInput, Conflict (there is one of its measure and window), NotFound. */
export const createBudget = (context: Context, input: CreateBudgetInput): Promise<BudgetRow> => {
  const { measure, window, limit, warnAt = [80] } = input;
  refuse([...limitIssues(limit, measure), ...warnIssues(warnAt)]);
  const { unit } = context;
  const { userId } = viewerOf(context);
  return unit
    .transact(async ({ organizationId }) => {
      const subject = await subjectOf(unit, input.subjectId);
      const row = { organizationId, ...subject, measure, window, limit, warnAt: [...warnAt], createdById: userId };
      const budget = sole(await database.insert(budgets).values(row).returning());
      unit.record({
        action: 'budget.created',
        type: 'Budget',
        id: budget.id,
        data: { ...subject, measure, window, limit },
      });
      return budget;
    })
    .catch((error: unknown) => {
      if (violates(error, 'budgets_subject_key'))
        throw new Conflict('window', 'There is a budget of this measure and window already.');
      throw error;
    });
};

const ofBudget = (organizationId: string, id: string) =>
  and(eq(budgets.organizationId, organizationId), eq(budgets.id, id));

/** Changes a budget. Throws BadUserInput, NotFound. */
export const updateBudget = (context: Context, { id, limit, warnAt }: UpdateBudgetInput): Promise<BudgetRow> => {
  const { unit } = context;
  return unit.transact(async ({ organizationId }) => {
    const [budget] = await database.select().from(budgets).where(ofBudget(organizationId, id)).for('update');
    if (budget === undefined) throw new NotFound('Budget', id);
    refuse([
      ...missing('limit', limit),
      ...missing('warnAt', warnAt),
      ...limitIssues(limit ?? '0', budget.measure),
      ...warnIssues(warnAt ?? []),
    ]);
    const changes: Partial<Limits> = { ...(limit && { limit }), ...(warnAt && { warnAt: [...warnAt] }) };
    if (Object.keys(changes).length === 0) return budget;
    const updated = sole(await database.update(budgets).set(changes).where(ofBudget(organizationId, id)).returning());
    unit.record({ action: 'budget.updated', type: 'Budget', id, data: { ...changes } });
    return updated;
  });
};

/** Deletes a budget. Its counters stay, for one that takes its place. Throws NotFound. */
export const deleteBudget = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const [gone] = await database.delete(budgets).where(ofBudget(organizationId, id)).returning({ id: budgets.id });
    if (gone === undefined) throw new NotFound('Budget', id);
    context.unit.record({ action: 'budget.deleted', type: 'Budget', id });
    return id;
  });
