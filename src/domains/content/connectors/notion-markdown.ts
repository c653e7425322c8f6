import type { BlockObjectResponse, PageObjectResponse, RichTextItemResponse } from '@notionhq/client';
import type { BlockContent, DefinitionContent, ListItem, PhrasingContent, RootContent, TableRow } from 'mdast';
import { gfmToMarkdown } from 'mdast-util-gfm';
import { toMarkdown } from 'mdast-util-to-markdown';

/** A block with those below it. */
export interface BlockTree {
  readonly block: BlockObjectResponse;
  readonly children: readonly BlockTree[];
}

type Flow = BlockContent | DefinitionContent;
type Property = PageObjectResponse['properties'][string];

/** What people call a page; empty for one without a title. */
export const titleOf = (page: PageObjectResponse): string =>
  Object.values(page.properties)
    .flatMap((property) => (property.type === 'title' ? [plain(property.title)] : []))
    .join(' ')
    .trim();

/** A page as Markdown: title, properties as a list, blocks. Files that Notion hosts are named, as their addresses end after an hour. */
export const pageMarkdown = (page: PageObjectResponse, blocks: readonly BlockTree[]): string => {
  const properties = Object.entries(page.properties).flatMap(([name, property]) => {
    const value = valueOf(property);
    return value === '' ? [] : [item([paragraph([text(`${name}: ${value}`)])])];
  });
  const children: RootContent[] = [
    ...(titleOf(page) === '' ? [] : [heading(1, [text(titleOf(page))])]),
    ...(properties.length === 0 ? [] : [list(properties, false)]),
    ...flowOf(blocks),
  ];
  return toMarkdown({ type: 'root', children }, { extensions: [gfmToMarkdown()], bullet: '-' });
};

const text = (value: string): PhrasingContent => ({ type: 'text', value });
/** Without breaks at its end, which Markdown does not know. */
const paragraph = (words: PhrasingContent[]): BlockContent => {
  const last = words.findLastIndex((word) => word.type !== 'break' && !(word.type === 'text' && word.value === ''));
  return { type: 'paragraph', children: words.slice(0, last + 1) };
};
const heading = (depth: 1 | 2 | 3 | 4, children: PhrasingContent[]): BlockContent => ({
  type: 'heading',
  depth,
  children,
});
const item = (children: Flow[], checked: boolean | null = null): ListItem => ({
  type: 'listItem',
  spread: false,
  checked,
  children,
});
const list = (children: ListItem[], ordered: boolean): BlockContent => ({
  type: 'list',
  ordered,
  spread: false,
  children,
});
const plain = (parts: readonly RichTextItemResponse[]): string => parts.map((part) => part.plain_text).join('');

/** Neighbouring items of the same kind are one list. */
const flowOf = (blocks: readonly BlockTree[]): Flow[] => {
  const flow: Flow[] = [];
  for (const [at, tree] of blocks.entries()) {
    const items = itemOf(tree);
    if (items === null) {
      flow.push(...blockOf(tree));
      continue;
    }
    const before = flow.at(-1);
    const continues = at > 0 && before?.type === 'list' && blocks[at - 1]?.block.type === tree.block.type;
    if (continues) before.children.push(items);
    else flow.push(list([items], tree.block.type === 'numbered_list_item'));
  }
  return flow;
};

const itemOf = ({ block, children }: BlockTree): ListItem | null => {
  switch (block.type) {
    case 'bulleted_list_item':
      return item([paragraph(phrasing(block.bulleted_list_item.rich_text)), ...flowOf(children)]);
    case 'numbered_list_item':
      return item([paragraph(phrasing(block.numbered_list_item.rich_text)), ...flowOf(children)]);
    case 'to_do':
      return item([paragraph(phrasing(block.to_do.rich_text)), ...flowOf(children)], block.to_do.checked);
    default:
      return null;
  }
};

const blockOf = ({ block, children }: BlockTree): Flow[] => {
  switch (block.type) {
    case 'paragraph':
      return [paragraph(phrasing(block.paragraph.rich_text)), ...flowOf(children)];
    case 'heading_1':
      return [heading(1, phrasing(block.heading_1.rich_text)), ...flowOf(children)];
    case 'heading_2':
      return [heading(2, phrasing(block.heading_2.rich_text)), ...flowOf(children)];
    case 'heading_3':
      return [heading(3, phrasing(block.heading_3.rich_text)), ...flowOf(children)];
    case 'heading_4':
      return [heading(4, phrasing(block.heading_4.rich_text)), ...flowOf(children)];
    case 'toggle':
      return [paragraph(phrasing(block.toggle.rich_text)), ...flowOf(children)];
    case 'quote':
      return [quote(phrasing(block.quote.rich_text), children)];
    case 'callout': {
      const icon = block.callout.icon?.type === 'emoji' ? [text(`${block.callout.icon.emoji} `)] : [];
      return [quote([...icon, ...phrasing(block.callout.rich_text)], children)];
    }
    case 'code':
      return [
        { type: 'code', lang: block.code.language.replaceAll(' ', '-'), value: plain(block.code.rich_text) },
        ...captionOf(block.code.caption),
      ];
    case 'equation':
      return [{ type: 'code', lang: 'math', value: block.equation.expression }];
    case 'divider':
      return [{ type: 'thematicBreak' }];
    case 'table':
      return [{ type: 'table', children: children.flatMap(rowOf) }];
    case 'bookmark':
      return linked(block.bookmark.url, block.bookmark.caption);
    case 'embed':
      return linked(block.embed.url, block.embed.caption);
    case 'link_preview':
      return linked(block.link_preview.url, []);
    case 'image':
      return mediaOf(block.image);
    case 'video':
      return mediaOf(block.video);
    case 'audio':
      return mediaOf(block.audio);
    case 'pdf':
      return mediaOf(block.pdf);
    case 'file':
      return [...mediaOf(block.file), ...(block.file.name === '' ? [] : [paragraph([text(block.file.name)])])];
    case 'child_page':
      return [paragraph([text(block.child_page.title)])];
    case 'child_database':
      return [paragraph([text(block.child_database.title)])];
    default:
      // Columns, synced blocks and the like have nothing of their own to be read.
      return flowOf(children);
  }
};

const quote = (words: PhrasingContent[], children: readonly BlockTree[]): BlockContent => ({
  type: 'blockquote',
  children: [paragraph(words), ...flowOf(children)],
});

const rowOf = ({ block }: BlockTree): TableRow[] =>
  block.type === 'table_row'
    ? [
        {
          type: 'tableRow',
          children: block.table_row.cells.map((cell) => ({ type: 'tableCell', children: phrasing(cell) })),
        },
      ]
    : [];

const captionOf = (caption: readonly RichTextItemResponse[]): Flow[] =>
  caption.length === 0 ? [] : [paragraph(phrasing(caption))];

const linked = (url: string, caption: readonly RichTextItemResponse[]): Flow[] => [
  paragraph([{ type: 'link', url, children: caption.length === 0 ? [text(url)] : phrasing(caption) }]),
];

type Media = {
  readonly type: string;
  readonly caption: readonly RichTextItemResponse[];
  readonly external?: { readonly url: string };
};

const mediaOf = (media: Media): Flow[] =>
  media.external === undefined ? captionOf(media.caption) : linked(media.external.url, media.caption);

const phrasing = (parts: readonly RichTextItemResponse[]): PhrasingContent[] => parts.flatMap(phraseOf);

const phraseOf = (part: RichTextItemResponse): PhrasingContent[] => {
  const { bold, italic, strikethrough, code } = part.annotations;
  const wordOf = (line: string): PhrasingContent => {
    if (part.type === 'equation') return text(`$${line}$`);
    return code && line !== '' ? { type: 'inlineCode', value: line } : text(line);
  };
  const words = part.plain_text
    .split('\n')
    .flatMap((line, at): PhrasingContent[] => (at === 0 ? [wordOf(line)] : [{ type: 'break' }, wordOf(line)]));
  // Marks around blanks alone are none.
  if (part.plain_text.trim() === '') return words;
  const struck: PhrasingContent[] = strikethrough ? [{ type: 'delete', children: words }] : words;
  const slanted: PhrasingContent[] = italic ? [{ type: 'emphasis', children: struck }] : struck;
  const strong: PhrasingContent[] = bold ? [{ type: 'strong', children: slanted }] : slanted;
  return part.href === null ? strong : [{ type: 'link', url: part.href, children: strong }];
};

/** A property as people read it; empty for one without a value, the title, and what is computed out of other pages. */
const valueOf = (property: Property): string => {
  switch (property.type) {
    case 'rich_text':
      return plain(property.rich_text);
    case 'number':
      return property.number?.toString() ?? '';
    case 'select':
      return property.select?.name ?? '';
    case 'status':
      return property.status?.name ?? '';
    case 'multi_select':
      return property.multi_select.map(({ name }) => name).join(', ');
    case 'date':
      return [property.date?.start, property.date?.end].filter((day) => typeof day === 'string').join(' – ');
    case 'people':
      return property.people
        .flatMap((person) => ('name' in person && person.name !== null ? [person.name] : []))
        .join(', ');
    case 'checkbox':
      return property.checkbox ? 'yes' : 'no';
    case 'url':
      return property.url ?? '';
    case 'email':
      return property.email ?? '';
    case 'phone_number':
      return property.phone_number ?? '';
    default:
      return '';
  }
};
