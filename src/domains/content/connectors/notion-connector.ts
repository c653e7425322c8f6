import { isFullBlock, isFullPage, type Client, type PageObjectResponse } from '@notionhq/client';
import { z } from 'zod';
import { notionAccess, notionAddress } from '../setting-keys.ts';
import { SourceFailure, type Connector, type SourceItem, type SourceVersion } from './connector.ts';
import { asked, clientOf, isMissing } from './notion-client.ts';
import { pageMarkdown, titleOf, type BlockTree } from './notion-markdown.ts';
import { serviceAddress } from './service-fetch.ts';

/** How deep blocks are read, counted from the page; what lies deeper is left out. */
const maxDepth = 10;
/** Blocks read of one page; what comes after them is left out. */
const maxBlocks = 5000;
/** Pages and databases below one another that are still followed. */
const maxLevels = 20;
/** Pages read for one page of the list where the list is found by reading them. */
const readAtOnce = 10;
/** Notion tells times to the minute: a page edited just now may be edited again without a new time. */
const settledMs = 120_000;

const id = z.string().regex(/^[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$/, 'Not an id of Notion.');

const configuration = z.strictObject({
  /** Of an internal integration. */
  token: z.string().min(1).max(500),
  baseUrl: serviceAddress.default(notionAddress),
  /** Pages that are read with all pages and databases below them. */
  rootPageIds: z.array(id).max(100).optional(),
  /** Databases whose rows are read; the pages below a row are not. */
  databaseIds: z.array(id).max(100).optional(),
});
type Configuration = z.infer<typeof configuration>;

/** Something that is still to be listed. */
const task = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('SEARCH'), cursor: z.string().nullable() }),
  z.strictObject({ kind: z.literal('PAGE'), id: z.string(), level: z.number() }),
  z.strictObject({ kind: z.literal('DATABASE'), id: z.string(), level: z.number() }),
  z.strictObject({ kind: z.literal('ROWS'), id: z.string(), cursor: z.string().nullable() }),
]);
type Task = z.infer<typeof task>;
const position = z.strictObject({ tasks: z.array(task) });

/**
 * Pages of Notion: those named with what is below them, the rows of the databases named, or, where neither is named, all that the
 * integration was given. What is in the trash is not listed.
 */
export const connector: Connector<Configuration> = {
  kind: 'NOTION',
  configuration,
  secrets: ['token'],
  access: notionAccess,
  list: async (source, from) => {
    const notion = clientOf(source);
    let tasks = from === null ? beginning(source.configuration) : position.parse(from).tasks;
    const items: SourceItem[] = [];
    for (let read = 0; read < readAtOnce && tasks.length > 0; read++) {
      const [first, ...others] = tasks;
      if (first === undefined) break;
      const found = await asked(source, () => listed(notion, first));
      items.push(...found.items);
      // What is below comes first, so that little waits at a time.
      tasks = [...found.tasks, ...others];
      if (items.length >= 50) break;
    }
    return { items, next: tasks.length === 0 ? null : { tasks } };
  },
  fetch: async (source, item, known) => {
    const notion = clientOf(source);
    const page = await asked(source, () => pageOf(notion, item.id));
    if (page === null) return 'GONE';
    const version = versionOf(page);
    if (version !== null && version.lastEdited === known?.lastEdited) return 'UNCHANGED';
    const { blocks } = await asked(source, () => blocksOf(notion, page.id));
    return contentOf(page, blocks);
  },
};

const beginning = ({ rootPageIds = [], databaseIds = [] }: Configuration): Task[] =>
  rootPageIds.length + databaseIds.length === 0
    ? [{ kind: 'SEARCH', cursor: null }]
    : [
        ...rootPageIds.map((each) => ({ kind: 'PAGE' as const, id: each, level: 0 })),
        ...databaseIds.map((each) => ({ kind: 'DATABASE' as const, id: each, level: 0 })),
      ];

interface Found {
  readonly items: readonly SourceItem[];
  readonly tasks: readonly Task[];
}

const listed = (notion: Client, task: Task): Promise<Found> => {
  if (task.kind === 'PAGE') return pageWithChildren(notion, task);
  if (task.kind === 'DATABASE') return sourcesOf(notion, task);
  return task.kind === 'ROWS' ? rowsOf(notion, task.id, task.cursor) : searched(notion, task.cursor);
};

const searched = async (notion: Client, cursor: string | null): Promise<Found> => {
  const answer = await notion.search({
    filter: { property: 'object', value: 'page' },
    // What is edited meanwhile moves to the end, and is not missed.
    sort: { timestamp: 'last_edited_time', direction: 'ascending' },
    page_size: 100,
    start_cursor: cursor,
  });
  return {
    items: pagesIn(answer.results).map(itemOf),
    tasks: answer.has_more && answer.next_cursor !== null ? [{ kind: 'SEARCH', cursor: answer.next_cursor }] : [],
  };
};

/** The blocks are read to find what is below the page, so that its content is there already. */
const pageWithChildren = async (notion: Client, { id: pageId, level }: Task & { kind: 'PAGE' }): Promise<Found> => {
  const page = await pageOf(notion, pageId);
  if (page === null) {
    if (level === 0) throw new SourceFailure('NOT_FOUND', `Notion has no page ${pageId} for this integration.`);
    return { items: [], tasks: [] };
  }
  const { blocks, below } = await blocksOf(notion, page.id);
  return {
    items: [{ ...itemOf(page), content: contentOf(page, blocks) }],
    tasks: level >= maxLevels ? [] : below.map(({ kind, id }) => ({ kind, id, level: level + 1 })),
  };
};

const sourcesOf = async (notion: Client, { id: databaseId, level }: Task & { kind: 'DATABASE' }): Promise<Found> => {
  try {
    const database = await notion.databases.retrieve({ database_id: databaseId });
    const sources = 'data_sources' in database && !database.in_trash ? database.data_sources : [];
    return { items: [], tasks: sources.map((each) => ({ kind: 'ROWS', id: each.id, cursor: null })) };
  } catch (error) {
    if (level > 0 && isMissing(error)) return { items: [], tasks: [] };
    throw error;
  }
};

const rowsOf = async (notion: Client, sourceId: string, cursor: string | null): Promise<Found> => {
  const answer = await notion.dataSources.query({
    data_source_id: sourceId,
    page_size: 100,
    start_cursor: cursor,
  });
  return {
    items: pagesIn(answer.results).map(itemOf),
    tasks:
      answer.has_more && answer.next_cursor !== null
        ? [{ kind: 'ROWS', id: sourceId, cursor: answer.next_cursor }]
        : [],
  };
};

type Listed = Parameters<typeof isFullPage>[0];

const pagesIn = (results: readonly Listed[]): PageObjectResponse[] =>
  results.filter((each) => isFullPage(each)).filter((page) => !isGone(page));

const isGone = (page: PageObjectResponse): boolean => page.in_trash || page.archived || page.is_archived;

/** Null for one that is in the trash, or that the integration does not see. */
const pageOf = async (notion: Client, pageId: string): Promise<PageObjectResponse | null> => {
  try {
    const page = await notion.pages.retrieve({ page_id: pageId });
    return isFullPage(page) && !isGone(page) ? page : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
};

type Below = { readonly kind: 'PAGE' | 'DATABASE'; readonly id: string };

/** The blocks of a page, with the pages and databases among them, whose own blocks are not its. */
const blocksOf = async (notion: Client, pageId: string): Promise<{ blocks: BlockTree[]; below: Below[] }> => {
  const below: Below[] = [];
  let left = maxBlocks;
  const childrenOf = async (blockId: string, depth: number): Promise<BlockTree[]> => {
    const trees: BlockTree[] = [];
    let cursor: string | null = null;
    do {
      const answer = await notion.blocks.children.list({ block_id: blockId, page_size: 100, start_cursor: cursor });
      for (const block of answer.results) {
        if (!isFullBlock(block) || block.in_trash || left-- <= 0) continue;
        const isPage = block.type === 'child_page' || block.type === 'child_database';
        if (isPage) below.push({ kind: block.type === 'child_page' ? 'PAGE' : 'DATABASE', id: block.id });
        const follow = block.has_children && !isPage && depth < maxDepth && left > 0;
        trees.push({ block, children: follow ? await childrenOf(block.id, depth + 1) : [] });
      }
      cursor = answer.has_more && left > 0 ? answer.next_cursor : null;
    } while (cursor !== null);
    return trees;
  };
  return { blocks: await childrenOf(pageId, 1), below };
};

const versionOf = ({ last_edited_time: lastEdited }: PageObjectResponse): SourceVersion | null =>
  Date.now() - Date.parse(lastEdited) > settledMs ? { lastEdited } : null;

const itemOf = (page: PageObjectResponse): SourceItem => ({
  id: page.id,
  title: titleOf(page) || null,
  uri: page.url,
  version: versionOf(page),
});

const contentOf = (page: PageObjectResponse, blocks: readonly BlockTree[]) => ({
  bytes: Buffer.from(pageMarkdown(page, blocks)),
  mimeType: 'text/markdown',
  title: titleOf(page) || null,
  version: versionOf(page),
});
