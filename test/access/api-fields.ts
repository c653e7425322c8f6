import type { Person } from '../testbed.ts';
import { byAdmins, byEverybody, type Fixtures } from './fixture.ts';

type Ids = Readonly<Record<string, string>>;

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** An API of the owner's organization that nobody has, with an operation. */
export const filledApis = async (
  owner: Person,
  name: string,
): Promise<{ ApiConfiguration: string; ApiOperation: string }> => {
  const { createApiConfiguration }: Data = await owner.want(
    'mutation ($input: CreateApiConfigurationInput!) { createApiConfiguration(input: $input) { apiConfiguration { id } } }',
    // Nothing listens at this port.
    {
      input: { name, kind: 'CRM', endpoint: 'http://127.0.0.1:9', authentication: 'BEARER', key: 'quagmire-12345678' },
    },
  );
  const ApiConfiguration = createApiConfiguration.apiConfiguration.id;
  const { createApiOperation }: Data = await owner.want(
    'mutation ($input: CreateApiOperationInput!) { createApiOperation(input: $input) { operation { id } } }',
    { input: { configurationId: ApiConfiguration, name: 'find', description: name, method: 'GET', path: '/find' } },
  );
  return { ApiConfiguration, ApiOperation: createApiOperation.operation.id };
};

const fresh = async (owner: Person, _ids: Ids): Promise<Record<string, string>> => {
  const label = `Quagmirian ${crypto.randomUUID()}`;
  const { ApiConfiguration, ApiOperation } = await filledApis(owner, label);
  return { FreshApi: ApiConfiguration, FreshOperation: ApiOperation, Label: `${label} too` };
};

/** Members of the organization see what is for no group; its guests see none. */
const byMembers = { ...byEverybody, guest: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' } as const;
/** Others manage APIs in their own organizations, and find none of this one there. */
const managed = byAdmins;

/** APIs outside, and what they can be asked. */
export const fixtures: Fixtures = {
  queries: {
    apiConfigurations: {
      gets: { ...byMembers, stranger: 'own', platformAdmin: 'own' },
      field: 'apiConfigurations { totalCount edges { node { name operations { description } } } }',
    },
    apiConfiguration: {
      gets: { ...byMembers, stranger: 'NOT_FOUND', platformAdmin: 'NOT_FOUND' },
      field: 'apiConfiguration(id: $ApiConfiguration) { name lastFour operations { description } }',
    },
  },
  mutations: {
    createApiConfiguration: {
      gets: { ...managed, stranger: 'data', platformAdmin: 'data' },
      field:
        'createApiConfiguration(input: { name: $Label, kind: ERP, endpoint: "https://example.com" }) { apiConfiguration { name } }',
      shows: /too/,
      target: fresh,
    },
    updateApiConfiguration: {
      gets: managed,
      field: 'updateApiConfiguration(input: { id: $FreshApi, version: 1, name: $Label }) { apiConfiguration { name } }',
      target: fresh,
    },
    deleteApiConfiguration: {
      gets: managed,
      field: 'deleteApiConfiguration(input: { id: $FreshApi }) { deletedId }',
      shows: /api_configuration_/,
      target: fresh,
    },
    testApiConfiguration: {
      gets: managed,
      field: 'testApiConfiguration(input: { id: $FreshApi }) { apiConfiguration { name testError } }',
      target: fresh,
    },
    createApiOperation: {
      gets: managed,
      field:
        'createApiOperation(input: { configurationId: $FreshApi, name: "more", description: "Quagmirian", method: GET, path: "/" }) { operation { description } }',
      target: fresh,
    },
    updateApiOperation: {
      gets: managed,
      field:
        'updateApiOperation(input: { id: $FreshOperation, description: "Quagmirian" }) { operation { description } }',
      target: fresh,
    },
    deleteApiOperation: {
      gets: managed,
      field: 'deleteApiOperation(input: { id: $FreshOperation }) { deletedId }',
      shows: /api_operation_/,
      target: fresh,
    },
    importApiOperations: {
      gets: managed,
      field:
        'importApiOperations(input: { id: $FreshApi, document: { openapi: "3.1.0", info: { title: "x", version: "1" }, paths: {} } }) { apiConfiguration { name } }',
      target: fresh,
    },
  },
  connections: {},
};
