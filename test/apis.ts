import type { Person } from './testbed.ts';

// Tests read whatever they asked for.
export type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** All there is to see of an API. */
export const apiFields = `id name kind provider endpoint authentication authenticationName lastFour configuration group { id } isActive
  createdBy { id } lastUsedAt testedAt testStatus testError version`;
export const operationFields = 'id name description method path parameters changes';

export const mutations = {
  create: `mutation ($input: CreateApiConfigurationInput!) { createApiConfiguration(input: $input) { apiConfiguration { ${apiFields} } } }`,
  update: `mutation ($input: UpdateApiConfigurationInput!) { updateApiConfiguration(input: $input) { apiConfiguration { ${apiFields} } } }`,
  remove: 'mutation ($input: DeleteApiConfigurationInput!) { deleteApiConfiguration(input: $input) { deletedId } }',
  test: `mutation ($input: TestApiConfigurationInput!) { testApiConfiguration(input: $input) { apiConfiguration { ${apiFields} } } }`,
  createOperation: `mutation ($input: CreateApiOperationInput!) { createApiOperation(input: $input) { operation { ${operationFields} } } }`,
  updateOperation: `mutation ($input: UpdateApiOperationInput!) { updateApiOperation(input: $input) { operation { ${operationFields} } } }`,
  removeOperation: 'mutation ($input: DeleteApiOperationInput!) { deleteApiOperation(input: $input) { deletedId } }',
  importOperations: `mutation ($input: ImportApiOperationsInput!) { importApiOperations(input: $input) { apiConfiguration { id }
    operations { ${operationFields} } skipped { operation reason } } }`,
};

/** A key that stands nowhere else. */
export const key = 'plum/Marzipan+7&"quoted"-key';

/** Makes an API known and gives it as it is shown. */
export const apiOf = async (person: Person, input: object): Promise<Data> =>
  (
    (await person.want(mutations.create, {
      input: { name: 'Customers', kind: 'CRM', authentication: 'BEARER', key, ...input },
    })) as Data
  ).createApiConfiguration.apiConfiguration;

/** Adds an operation and gives it as it is shown. */
export const operationOf = async (person: Person, configurationId: string, input: object): Promise<Data> =>
  (
    (await person.want(mutations.createOperation, {
      input: { configurationId, description: 'Does it.', method: 'GET', ...input },
    })) as Data
  ).createApiOperation.operation;

/** The schema of arguments that are texts, all of them required. */
export const texts = (...names: string[]) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
  required: names,
});

/** Makes a group of some members and gives its id. */
export const groupOf = async (person: Person, name: string, ...userIds: string[]): Promise<string> => {
  const made: Data = await person.want(
    'mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }',
    { input: { name } },
  );
  const groupId = made.createGroup.group.id;
  if (userIds.length > 0)
    await person.want('mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) { group { id } } }', {
      input: { groupId, userIds },
    });
  return groupId;
};

/** Code and field of each error of an operation. */
export const refusals = async (person: Person, query: string, input: object): Promise<unknown[]> =>
  (await person.ask(query, { input })).errors.map(({ extensions: { code, field } }) =>
    [code, field].filter((part) => typeof part === 'string').join(' '),
  );
