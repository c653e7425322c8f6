import type { Person } from '../testbed.ts';
import { byAdmins, type Fixture, type Fixtures } from './fixture.ts';

/** Managers see what there is to spend; of their own organization others see theirs, which has no budgets. */
const ofManagers: Fixture['gets'] = { ...byAdmins, manager: 'data' };

const create = 'mutation ($input: CreateBudgetInput!) { createBudget(input: $input) { budget { id } } }';

/** A group of its own, for which there is no budget yet. */
const freshGroup = async (owner: Person): Promise<{ FreshGroup: string }> => {
  const data: { createGroup: { group: { id: string } } } = await owner.want(
    'mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }',
    { input: { name: crypto.randomUUID() } },
  );
  return { FreshGroup: data.createGroup.group.id };
};

const freshBudget = async (owner: Person): Promise<{ FreshBudget: string }> => {
  const { FreshGroup: subjectId } = await freshGroup(owner);
  const input = { subjectId, measure: 'COST', window: 'DAY', limit: '12.5' };
  const data: { createBudget: { budget: { id: string } } } = await owner.want(create, { input });
  return { FreshBudget: data.createBudget.budget.id };
};

/** Bounds on what models use up. */
export const fixtures: Fixtures = {
  queries: {
    budgets: {
      gets: { ...ofManagers, stranger: 'own', platformAdmin: 'own' },
      field: 'budgets(first: 100) { totalCount edges { node { id limit used } } }',
      shows: /"limit":"12345.5"/,
    },
  },
  mutations: {
    createBudget: {
      gets: byAdmins,
      field:
        'createBudget(input: { subjectId: $FreshGroup, measure: TOKENS, window: HOUR, limit: "77" }) { budget { limit } }',
      shows: /"77"/,
      target: freshGroup,
    },
    updateBudget: {
      gets: byAdmins,
      field: 'updateBudget(input: { id: $FreshBudget, limit: "78" }) { budget { limit } }',
      shows: /"78"/,
      target: freshBudget,
    },
    deleteBudget: {
      gets: byAdmins,
      field: 'deleteBudget(input: { id: $FreshBudget }) { deletedId }',
      shows: /budget_/,
      target: freshBudget,
    },
  },
};
