import { randomUUID } from 'node:crypto';
import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import { knowledgeOf } from '../../src/domains/knowledge/schema.ts';
import { trainingExamples } from '../../src/domains/knowledge/tables.ts';
import { globalId } from '../../src/ids.ts';
import { uuidOf } from '../talk.ts';
import { quiet, secret, whole } from './cast.ts';
import { byAdmins, type Fixture, type Fixtures } from './fixture.ts';

/** Managers, administrators and owners of the organization. */
const byManagers: Fixture['gets'] = { ...byAdmins, manager: 'data' };
/** The same, of whatever organization they manage. */
const byAnyManagers: Fixture['gets'] = { ...byManagers, stranger: 'data', platformAdmin: 'data' };

/** A training example that nobody made, written past the API. */
const planted: NonNullable<Fixture['target']> = async (_owner, ids, bed) => {
  const bank = knowledgeOf(whole(bed, String(ids.Organization)));
  const row = {
    organizationId: uuidOf(String(ids.Organization)),
    type: 'FAQ' as const,
    input: secret,
    fingerprint: randomUUID(),
  };
  const { id } = sole(await bank.transact(() => database.insert(trainingExamples).values(row).returning()));
  return { Planted: globalId('TrainingExample', id) };
};

/** Training examples. */
export const fixtures: Fixtures = {
  queries: {
    trainingExamples: {
      gets: { ...byManagers, stranger: 'own', platformAdmin: 'own' },
      field: 'trainingExamples(first: 100) { edges { node { input } } }',
    },
    trainingExample: { gets: byManagers, field: 'trainingExample(id: $TrainingExample) { input }' },
  },
  mutations: {
    createTrainingExample: {
      gets: byAnyManagers,
      field: 'createTrainingExample(input: { input: $Text }) { trainingExample { id } }',
      shows: /training_example_/,
      target: async () => ({ Text: randomUUID() }),
    },
    createTrainingExamplesFromFeedback: {
      gets: byAdmins,
      field: 'createTrainingExamplesFromFeedback(input: { workspaceId: $Workspace }) { job { id } }',
      shows: /job_/,
    },
    updateTrainingExample: {
      gets: byManagers,
      field: 'updateTrainingExample(input: { id: $Planted, confidence: 1 }) { trainingExample { input } }',
      target: planted,
    },
    deleteTrainingExample: {
      gets: byManagers,
      field: 'deleteTrainingExample(input: { id: $Planted }) { deletedId }',
      shows: /training_example_/,
      target: planted,
    },
    validateTrainingExample: {
      gets: byManagers,
      field: 'validateTrainingExample(input: { id: $Planted, approve: true }) { trainingExample { input } }',
      target: planted,
    },
    exportTrainingData: {
      gets: byAnyManagers,
      field: 'exportTrainingData(input: { format: JSONL }) { job { id } }',
      shows: /job_/,
      // One is made at a time.
      target: async (_owner, ids, bed) => {
        await quiet(bed, String(ids.Organization));
        return {};
      },
    },
  },
};
