import { sql } from 'drizzle-orm';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { SavePageInput } from '../../generated/resolvers.ts';
import type { Context, Viewer } from '../context.ts';
import { found } from '../nodes.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { workspaceMemberships, workspaces } from '../tenancy/tables.ts';
import { addDocument } from './operations.ts';
import type { SavingPlaceRow } from './rows.ts';
import { issuesOf, textIssues } from './validation.ts';

const maxUrlLength = 2000;

/** What is told of a saved page. */
export interface SavedPage {
  readonly documentId: string;
  readonly title: string;
  readonly workspaceName: string;
}

/** Saves a page or a text as a document of its address. Throws BadUserInput, NotFound (the workspace), Forbidden (needs EDITOR). */
export const savePage = async (context: Context, input: SavePageInput): Promise<SavedPage> => {
  const issues = pageIssues(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { workspaceId, title, url, html } = input;
  const source =
    typeof html === 'string'
      ? { text: html, mimeType: 'text/html' }
      : { text: input.text ?? null, mimeType: 'text/plain' };
  const page = { workspaceId, title, sourceUri: url.href, ...source };
  const document = await addDocument(context, page, 'PAGE_SAVE');
  const { name } = await found('Workspace', workspaceId, workspaceById(context.unit));
  return { documentId: document.id, title: document.title, workspaceName: name };
};

const pageIssues = ({ title, url, text, html }: SavePageInput): InputIssue[] => {
  const given = [text, html].filter((source) => typeof source === 'string');
  const isWeb = ['http:', 'https:'].includes(url.protocol) && url.href.length <= maxUrlLength;
  return [
    ...issuesOf('title', title, 500),
    ...(isWeb ? [] : [{ field: 'url', message: 'A page has an http or https address of at most 2,000 characters.' }]),
    ...(given.length === 1 ? [] : [{ field: 'text', message: 'Give exactly one of text and html.' }]),
    ...textIssues(text ?? undefined),
    ...textIssues(html ?? undefined).map(({ message }) => ({ field: 'html', message })),
  ];
};

const places = {
  from: workspaces,
  columns: { id: workspaces.id, name: workspaces.name, createdAt: workspaces.createdAt },
  orders: { CREATED_AT: workspaces.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
} as const;

/** All that the viewer sees: they act as ADMIN in each. */
const allPlaces = listOf({ ...places, where: sql`${workspaces.archivedAt} is null` });

/** Those in which the viewer is EDITOR or ADMIN. */
const placesOfMember = listOf({
  ...places,
  where: sql`${workspaces.archivedAt} is null and exists (
    select from ${workspaceMemberships}
    where ${workspaceMemberships.organizationId} = ${workspaces.organizationId}
      and ${workspaceMemberships.workspaceId} = ${workspaces.id}
      and ${workspaceMemberships.userId} = nullif(current_setting('app.user_id', true), '')::uuid
      and ${workspaceMemberships.role} in ('EDITOR', 'ADMIN'))`,
});

/** The workspaces that the viewer may save pages into, newest first; archived ones take nothing. */
export const savingPlaces = (
  unit: UnitOfWork,
  { holdsAllWorkspaces }: Viewer,
  args: ListArguments,
): Promise<Connection<SavingPlaceRow>> =>
  holdsAllWorkspaces ? allPlaces<SavingPlaceRow>(unit, args) : placesOfMember<SavingPlaceRow>(unit, args);
