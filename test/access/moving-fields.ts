import { byEditors, byEverybody, inWorkspace, type Fixtures } from './fixture.ts';
import { idleKind, secret, whole } from './cast.ts';
import { database } from '../../src/database/client.ts';
import { UnitOfWork } from '../../src/database/unit-of-work.ts';
import { bulkKind, type BulkWork } from '../../src/domains/content/bulk.ts';
import { globalId, newId } from '../../src/ids.ts';
import { jobs } from '../../src/queue/tables.ts';
import { uuidOf } from '../talk.ts';
import type { Person, Testbed } from '../testbed.ts';

type Ids = Readonly<Record<string, string>>;

const newDocument = async (owner: Person, ids: Ids) => {
  const input = { workspaceId: ids.Workspace, title: `${secret} moved`, text: `${secret} moved`, wait: true };
  const { addDocument }: { addDocument: { document: { id: string } } } = await owner.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    { input },
  );
  return { Fresh: addDocument.document.id };
};

/** A job of the owner's in the filled workspace, which waits for ever. */
const waitingJob = async (_owner: Person, ids: Ids, bed: Testbed) => {
  const [organizationId, workspaceId] = [uuidOf(String(ids.Organization)), uuidOf(String(ids.Workspace))];
  const row = {
    organizationId,
    readers: [organizationId, workspaceId],
    kind: idleKind,
    requestedById: uuidOf(String(ids.User)),
  };
  const [job] = await whole(bed, String(ids.Organization)).transact(() =>
    database.insert(jobs).values(row).returning(),
  );
  return { Fresh: globalId('Job', job?.id ?? '') };
};

/** A job of the owner's in the filled workspace that was called off; put back, it finds nothing that it may do. */
const calledOffJob = async (_owner: Person, ids: Ids, bed: Testbed) => {
  const [workspaceId, userId] = [uuidOf(String(ids.Workspace)), uuidOf(String(ids.User))];
  const { services } = bed.server.installation;
  const { scope, options } = whole(bed, String(ids.Organization));
  const unit = new UnitOfWork({ ...scope, userId }, options);
  const work: BulkWork = {
    documents: { ids: [] },
    operation: { kind: 'reprocess' },
    credential: { kind: 'SESSION', id: newId() },
  };
  const id = await services.queue.enqueue(unit, {
    kind: bulkKind,
    data: work,
    target: { type: 'Workspace', id: workspaceId },
    workspaceId,
    startAfterSeconds: 3600,
  });
  await services.queue.cancel(unit, { id, kind: bulkKind, queueId: null });
  return { Fresh: globalId('Job', id) };
};

const forbidden = 'FORBIDDEN' as const;
/** Whoever asked for it, and who holds the organization; the others see it. */
const deciding = {
  ...inWorkspace,
  guest: forbidden,
  viewer: forbidden,
  editor: forbidden,
  workspaceAdmin: forbidden,
  manager: forbidden,
};

/** Documents moved, copied and changed by the hundred, and the jobs that do it. */
export const fixtures: Fixtures = {
  queries: {
    jobs: {
      // Of the filled workspace's jobs its members see those that read its documents.
      gets: { ...byEverybody, stranger: 'own', platformAdmin: 'own', neighbour: 'own', keyWithoutScope: 'FORBIDDEN' },
      field:
        'jobs(first: 100, filter: { kind: { eq: "content.ingest-document" } }) { totalCount edges { node { kind state } } }',
      shows: /SUCCEEDED/,
    },
  },
  mutations: {
    moveDocument: {
      field: 'moveDocument(input: { id: $Fresh, workspaceId: $Workspace }) { document { title } }',
      gets: byEditors,
      target: newDocument,
    },
    copyDocument: {
      field: 'copyDocument(input: { id: $Document, workspaceId: $Workspace }) { document { title text } }',
      gets: byEditors,
    },
    bulkDocuments: {
      field:
        'bulkDocuments(input: { documents: { workspaceId: $Workspace, filter: { title: { eq: "None" } } }, operation: { pin: true } }) { job { kind } }',
      gets: byEditors,
      shows: /content.bulk-documents/,
    },
    cancelJob: {
      field: 'cancelJob(input: { id: $Fresh }) { job { state } }',
      gets: deciding,
      shows: /CANCELLED/,
      target: waitingJob,
    },
    retryJob: {
      field: 'retryJob(input: { id: $Fresh }) { job { state targetType } }',
      gets: deciding,
      shows: /QUEUED/,
      target: calledOffJob,
    },
  },
};
