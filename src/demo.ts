import { readFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { addDocument } from './domains/content/operations.ts';
import { documentList } from './domains/content/loaders.ts';
import { founderOf } from './domains/tenancy/viewers.ts';
import { workspaceList } from './domains/tenancy/loaders.ts';
import { createWorkspace } from './domains/tenancy/workspaces.ts';
import { contextFor } from './gateway/context.ts';
import type { Account } from './domains/identity/operations.ts';
import { systemOrigin, type Installation } from './installation.ts';

const guide = fileURLToPath(new URL('../docs/guide', import.meta.url));

/** Fills an organization with a demo workspace that holds Tessera's own guide. What is there already stays as it is. */
export const fillDemo = async ({ services }: Installation, { organizationId, userId }: Account): Promise<void> => {
  const context = contextFor(services, systemOrigin, founderOf(organizationId, userId));
  const known = await workspaceList(context.unit, { filter: { slug: { eq: 'demo' } } });
  const workspaceId = known.edges[0]?.node.id ?? (await createWorkspace(context, { name: 'Demo', published: true })).id;
  const present = await documentList(context.unit, { first: 100 }, workspaceId);
  const titles = new Set(present.edges.map(({ node }) => node.title));
  await context.unit.rest();
  for (const file of globSync('*.md', { cwd: guide }).sort()) {
    const text = await readFile(`${guide}/${file}`, 'utf8');
    const title = /^# (.+)$/m.exec(text)?.[1] ?? file;
    if (!titles.has(title)) await addDocument(context, { workspaceId, title, text, mimeType: 'text/markdown' });
  }
};
