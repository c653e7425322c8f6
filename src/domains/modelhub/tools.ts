import { and, asc, eq, getTableColumns } from 'drizzle-orm';
import { z } from 'zod';
import { database } from '../../database/client.ts';
import { BadUserInput, Conflict, NotFound, Unavailable } from '../../errors.ts';
import { agentTool, type AgentTools, type ToolUse } from '../agent-tool.ts';
import { answerOf, askApi, faultOfStatus, type ApiAnswer } from './api-call.ts';
import { apiColumns, encryptedKey } from './api-loaders.ts';
import { withoutSecret } from './api-masking.ts';
import { requestFor } from './api-request.ts';
import { apiConfigurations, apiOperations, type ApiOperationRow } from './api-tables.ts';
import { openedKey } from './api-testing.ts';
import { faultOfArguments } from './argument-schema.ts';

/** Milliseconds for one call. */
const longestMs = 20_000;
/** Characters of an answer that a model reads, and of what goes with an error. */
const maxRead = 19_000;
const maxReadOfFault = 2_000;
const maxListed = 19_000;
const maxRows = 1_000;

const apiName = z.string().min(1).max(100).describe('Name of the API, exactly as list_apis gives it.');
const operationName = z.string().min(1).max(64).describe('Name of the operation, as list_apis gives it.');
const call = z.object({
  api: apiName,
  operation: operationName,
  arguments: z.record(z.string(), z.unknown()).describe('Arguments that fit the JSON Schema of the operation.'),
});
type Call = z.infer<typeof call>;

/** Operations of the active APIs that the user sees; null operations where an API has none. */
const operationsSeen = (
  { unit }: ToolUse,
  { api, operation }: { readonly api?: string; readonly operation?: string },
) =>
  unit.run(() =>
    database
      .select({ api: { ...apiColumns, encryptedKey }, operation: getTableColumns(apiOperations) })
      .from(apiConfigurations)
      .leftJoin(
        apiOperations,
        and(
          eq(apiOperations.organizationId, apiConfigurations.organizationId),
          eq(apiOperations.configurationId, apiConfigurations.id),
        ),
      )
      .where(
        and(
          eq(apiConfigurations.organizationId, unit.organizationId),
          eq(apiConfigurations.isActive, true),
          ...(api === undefined ? [] : [eq(apiConfigurations.name, api)]),
          ...(operation === undefined ? [] : [eq(apiOperations.name, operation)]),
        ),
      )
      .orderBy(asc(apiConfigurations.name), asc(apiOperations.name))
      .limit(maxRows),
  );

const listApis = agentTool({
  description:
    'Lists the APIs outside that can be asked, with their operations. Name an API to get the JSON Schemas of the arguments of its operations, and an operation too to get that one alone.',
  input: z.object({ api: apiName.optional(), operation: operationName.optional() }),
  permission: 'API_READ',
  changes: false,
  optIn: true,
  run: async (use, { api, operation }) => {
    const seen = await operationsSeen(use, { ...(api && { api }), ...(api && operation && { operation }) });
    if (seen.length === 0) return api === undefined ? 'There are none.' : 'There is nothing of this name.';
    const lines: string[] = [];
    let last = '';
    let room = maxListed;
    for (const { api: each, operation: one } of seen) {
      const head = each.name === last ? [] : [`${each.name} (${each.kind}${each.provider && `, ${each.provider}`})`];
      last = each.name;
      const added = [...head, ...(one === null ? [] : [lineOf(one, api !== undefined)])];
      room -= added.join('\n').length + 1;
      if (room < 0) return [...lines, 'The rest is left out: name an API, or an operation of it.'].join('\n');
      lines.push(...added);
    }
    return lines.join('\n');
  },
});

const lineOf = ({ name, description, changes, parameters }: ApiOperationRow, whole: boolean): string => {
  const tool = changes ? 'call_api' : 'read_api';
  return whole
    ? `- ${name} (by ${tool}): ${description}\n  arguments: ${JSON.stringify(parameters)}`
    : `- ${name} (by ${tool}): ${description.replaceAll(/\s+/g, ' ').slice(0, 120)}`;
};

const readApi = agentTool({
  description:
    'Asks an API outside by one of its operations that only read, and gives what it answers. Call list_apis first for names and arguments.',
  input: call,
  permission: 'API_READ',
  changes: false,
  optIn: true,
  run: (use, input) => called(use, input, false),
});

const callApi = agentTool({
  description:
    'Uses an operation of an API outside that changes something there, and gives what it answers. Call list_apis first for names and arguments. The user is asked first.',
  input: call,
  permission: 'API_READ',
  changes: true,
  run: (use, input) => called(use, input, true),
});

/**
 * Asks an API as the user may at this moment. The hosts that the workspace allows for pages have no part in it: an administrator of the
 * organization has set where the API is, and no argument leads to another host.
 */
const called = async (use: ToolUse, { api: name, operation, arguments: given }: Call, mayChange: boolean) => {
  const { unit, services, signal } = use;
  const [seen] = await operationsSeen(use, { api: name, operation });
  if (seen === undefined || seen.operation === null) throw new NotFound('ApiOperation', `${name}: ${operation}`);
  const { api } = seen;
  if (seen.operation.changes && !mayChange)
    throw new Conflict('operation', 'This operation changes something: use call_api, which a person has to allow.');
  const fault = faultOfArguments(seen.operation.parameters, given);
  if (fault !== null) throw new BadUserInput('arguments', `The operation does not take this: ${fault}`);
  await unit.rest();
  const key = await openedKey(services.keyRing, api.encryptedKey);
  const request = requestFor(api, seen.operation, given, key);
  await noteUse(use, api.id);
  const answer = await askApi({ outbound: services.outbound, signal, longestMs }, request, answerOf);
  const text = withoutSecret(answer.text ?? '', key, api.authenticationName);
  const problem = faultOfStatus(answer.status);
  if (problem !== null) throw new Unavailable(`${problem}${text && ` It says: ${text.slice(0, maxReadOfFault)}`}`);
  return told(answer, text);
};

const told = ({ status, mimeType, text, cut }: ApiAnswer, shown: string): string => {
  const head = `Status ${status}, ${mimeType || 'no content type'}.`;
  if (text === null) return `${head} What it answers is neither text nor JSON, and is not shown.`;
  const rest = cut || shown.length > maxRead ? '\n[The rest is left out.]' : '';
  return `${head}\n${shown.slice(0, maxRead)}${rest}`;
};

/** Written before the call, so that one that breaks off counts, too. */
const noteUse = ({ unit }: ToolUse, id: string) =>
  unit.transact(({ organizationId }) =>
    database
      .update(apiConfigurations)
      .set({ lastUsedAt: new Date().toISOString() })
      .where(and(eq(apiConfigurations.organizationId, organizationId), eq(apiConfigurations.id, id))),
  );

/** What agents can do with the APIs outside that an organization works with. */
export const tools: AgentTools = { list_apis: listApis, read_api: readApi, call_api: callApi };
