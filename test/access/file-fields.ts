import { eq, sql } from 'drizzle-orm';
import { database } from '../../src/database/client.ts';
import { files } from '../../src/domains/content/tables.ts';
import { uuidOf } from '../talk.ts';
import type { Person, Testbed } from '../testbed.ts';
import { uploaded } from '../uploading.ts';
import { secret, whole } from './cast.ts';
import { inWorkspace, type Fixture, type Fixtures } from './fixture.ts';

/** A file of the owner's that all who see the workspace see. */
const freshFile = async (owner: Person, ids: Readonly<Record<string, string>>, bed: Testbed) => {
  const FreshFile = await uploaded(bed, owner, `${secret} fresh.txt`, `${secret} ${crypto.randomUUID()}`);
  const readers = sql`array_append(${files.readers}, ${uuidOf(String(ids.Workspace))}::uuid)`;
  await whole(bed, String(ids.Organization)).transact(() =>
    database
      .update(files)
      .set({ readers })
      .where(eq(files.id, uuidOf(FreshFile))),
  );
  return { FreshFile };
};

/** Who uploaded it, and administrators; others who see it are refused. */
const byItsUploader: Fixture['gets'] = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  neighbour: 'NOT_FOUND',
  admin: 'data',
  owner: 'data',
  key: 'data',
};

/** Files and links to them. */
export const fixtures: Fixtures = {
  queries: {
    files: {
      gets: { ...inWorkspace, stranger: 'own', platformAdmin: 'own', neighbour: 'own' },
      field: 'files(first: 100) { totalCount edges { node { name sha256 url uploadedBy { name } } } }',
    },
  },
  mutations: {
    updateFile: {
      gets: byItsUploader,
      field: `updateFile(input: { id: $FreshFile, name: "${secret}.md", visibility: PUBLIC }) { file { name url } }`,
      target: freshFile,
    },
    deleteFile: {
      gets: byItsUploader,
      field: 'deleteFile(input: { id: $FreshFile }) { deletedId }',
      shows: /file_/,
      target: freshFile,
    },
    createFileLink: {
      gets: inWorkspace,
      field: 'createFileLink(input: { id: $File }) { url }',
      shows: /tsr_file_/,
    },
    revokeFileLinks: {
      gets: inWorkspace,
      field: 'revokeFileLinks(input: { id: $FreshFile }) { revoked }',
      shows: /"revoked":0/,
      target: freshFile,
    },
  },
};
