import { database } from '../src/database/client.ts';
import { sql } from 'drizzle-orm';
import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import { whole } from './access/cast.ts';
import { uuidOf } from './talk.ts';
import type { Person, Testbed } from './testbed.ts';

const state = 'officeDocument { id version title content myLevel savedBy { id } }';

/** The mutations of office documents by their names, each with what tests read of its payload. */
const payloads = {
  createOfficeDocument: state,
  saveOfficeDocument: state,
  restoreOfficeDocumentVersion: state,
  deleteOfficeDocument: 'deletedId',
  restoreOfficeDocument: state,
  purgeOfficeDocument: 'deletedId',
  shareOfficeDocument: 'officeDocument { id myLevel } share { id level user { id } sharedBy { id } }',
  unshareOfficeDocument: 'officeDocument { id }',
  leaveOfficeDocument: 'leftId',
  transferOfficeDocument: 'officeDocument { id myLevel owner { id } }',
  addOfficeDocumentComment: 'comment { id text anchor version resolvedAt resolvedBy { id } author { id } }',
  updateOfficeDocumentComment: 'comment { id text }',
  resolveOfficeDocumentComment: 'comment { id resolvedAt resolvedBy { id } }',
  reopenOfficeDocumentComment: 'comment { id resolvedAt resolvedBy { id } }',
  deleteOfficeDocumentComment: 'deletedId',
} as const;
export type OfficeMutation = keyof typeof payloads;

/** The operation of a mutation, for the variable `input`. */
export const operation = (name: OfficeMutation): string =>
  `mutation ($input: ${name.charAt(0).toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${payloads[name]} } }`;

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** The payload of a mutation that must succeed. */
export const act = async (person: Person, name: OfficeMutation, input: object): Promise<Data> =>
  (await person.want(operation(name), { input }))[name];

/** The codes of the errors that a mutation gave. */
export const refused = (person: Person, name: OfficeMutation, input: object): Promise<unknown[]> =>
  person.codes(operation(name), { input });

/** Makes a document of somebody's own and gives its id. */
export const documentOf = async (person: Person, title = 'Plan', content: unknown = { text: 'a' }): Promise<string> =>
  (await act(person, 'createOfficeDocument', { kind: 'WORD', title, content })).officeDocument.id;

/** What somebody sees of a document, or the code of what they are told. */
export const seen = async (person: Person, id: string): Promise<Data> => {
  const { data, errors }: { data: Data; errors: readonly { extensions: Record<string, unknown> }[] } = await person.ask(
    'query ($id: ID!) { officeDocument(id: $id) { id title version content myLevel } }',
    { id },
  );
  return errors[0]?.extensions.code ?? data.officeDocument;
};

/** Titles of the documents in somebody's list. */
export const titles = async (person: Person, filter: object = {}, orderBy: object[] = []): Promise<string[]> => {
  const { officeDocuments }: Data = await person.want(
    'query ($filter: OfficeDocumentFilter, $orderBy: [OfficeDocumentOrder!]) { officeDocuments(filter: $filter, orderBy: $orderBy) { totalCount edges { node { title } } } }',
    { filter, orderBy },
  );
  const found = officeDocuments.edges.map(({ node }: Data) => node.title);
  if (found.length !== officeDocuments.totalCount) throw new Error('The count is another than the page.');
  return found;
};

/** Principals in the readers of a document and of all its parts; each set once. */
export const readersOf = async (bed: Testbed, organization: string, id: string): Promise<string[][]> => {
  const unit: UnitOfWork = whole(bed, organization);
  const rows = await unit.run(() =>
    database.execute<{
      readers: string[];
    }>(sql`select distinct array(select unnest(readers) order by 1) as readers from (
      select readers from office_documents where id = ${uuidOf(id)}
      union all select readers from office_document_versions where document_id = ${uuidOf(id)}
      union all select readers from office_document_shares where document_id = ${uuidOf(id)}
      union all select readers from office_document_comments where document_id = ${uuidOf(id)}) as all_readers`),
  );
  await unit.rest();
  return rows.map(({ readers }) => readers);
};
