import type { Person } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** A training example of the owner. */
export const filledTraining = async (owner: Person, secret: string): Promise<Record<string, string>> => {
  const { createTrainingExample }: Data = await owner.want(
    'mutation ($input: CreateTrainingExampleInput!) { createTrainingExample(input: $input) { trainingExample { id } } }',
    { input: { type: 'FAQ', input: `${secret}?`, expectedOutput: `${secret}.` } },
  );
  return { TrainingExample: createTrainingExample.trainingExample.id };
};
