import type { Person } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

export const createProject = `mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { id key name status version } } }`;
export const createTask = `mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id number identifier title status position version } } }`;

/** The id of a new project. */
export const projectOf = async (person: Pick<Person, 'want'>, input: object = {}): Promise<string> => {
  const data: Data = await person.want(createProject, {
    input: { name: 'Atlas', key: `P${Math.random().toString(36).slice(2, 9)}`, ...input },
  });
  return data.createProject.project.id;
};

/** A new task, as `createTask` shows it. */
export const taskIn = async (person: Pick<Person, 'want'>, projectId: string, input: object = {}): Promise<Data> => {
  const data: Data = await person.want(createTask, { input: { projectId, title: 'Draw the map', ...input } });
  return data.createTask.task;
};

/** Statements of an answer, without those that look up who asks: how long that is kept is not of the answer. */
export const answering = (statements: readonly string[]): string[] =>
  statements.filter((text) => !/"(access_tokens|two_factors|sessions)"/.test(text));
