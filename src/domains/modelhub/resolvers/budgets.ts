import type { UnitOfWork } from '../../../database/unit-of-work.ts';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { budgetById, budgetList, budgetStateById } from '../budget-loaders.ts';
import { createBudget, deleteBudget, updateBudget } from '../budgets.ts';
import type { BudgetRow } from '../quota-tables.ts';
import { subjectTypes } from '../refusal.ts';

const stateOf = ({ id }: BudgetRow, unit: UnitOfWork) => found('Budget', id, budgetStateById(unit));

export const resolvers: Resolvers = {
  Query: {
    budgets: (_root, args, { unit }) => budgetList<BudgetRow>(unit, args),
  },
  Mutation: {
    createBudget: async (_root, { input }, context) => ({ budget: await createBudget(context, input) }),
    updateBudget: async (_root, { input }, context) => ({ budget: await updateBudget(context, input) }),
    deleteBudget: async (_root, { input }, context) => ({
      deletedId: globalId('Budget', await deleteBudget(context, input.id)),
    }),
  },
  Budget: {
    subjectId: ({ subject, subjectId }) => globalId(subjectTypes[subject], subjectId),
    used: async (budget, _args, { unit }) => (await stateOf(budget, unit)).used,
    reserved: async (budget, _args, { unit }) => (await stateOf(budget, unit)).reserved,
    startsAt: async (budget, _args, { unit }) => (await stateOf(budget, unit)).startsAt,
    resetsAt: async (budget, _args, { unit }) => (await stateOf(budget, unit)).resetsAt,
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Budget: budgetById };
