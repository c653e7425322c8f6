import { UnreadableDocument } from './unreadable-document.ts';

/** The part of the DOM that reading needs; TypeScript's own DOM types would declare a browser's globals everywhere. */
export type HtmlNode = {
  nodeType: number;
  nodeName: string;
  textContent: string | null;
  firstChild: HtmlNode | null;
  nextSibling: HtmlNode | null;
};

export type HtmlElement = HtmlNode & {
  remove: () => void;
  localName: string;
  children: ArrayLike<HtmlElement>;
  getAttribute: (name: string) => string | null;
  hasAttribute: (name: string) => boolean;
  querySelector: (selector: string) => HtmlElement | null;
  querySelectorAll: (selector: string) => ArrayLike<HtmlElement>;
  getElementsByTagName: (name: string) => ArrayLike<HtmlElement>;
};

export type HtmlDocument = HtmlElement & { body: HtmlElement; title: string };

const ELEMENT_NODE = 1;
const TEXT_NODE = 3;

export const isElement = (node: HtmlNode): node is HtmlElement => node.nodeType === ELEMENT_NODE;
export const isText = (node: HtmlNode): boolean => node.nodeType === TEXT_NODE;

/** Children in order, without building a list of them. */
export function* childrenOf(node: HtmlNode): Generator<HtmlNode> {
  for (let child = node.firstChild; child; child = child.nextSibling) yield child;
}

/** Browsers stop nesting at 512. Beyond some thousand levels linkedom takes quadratic time and reading overflows the stack. */
const MAX_DEPTH = 1000;

/** Parses a page or a fragment of one. Nothing in it is run or fetched. Throws UnreadableDocument when it is nested too deeply. */
export const parseHtml = async (html: string): Promise<HtmlDocument> => {
  const { parseHTML } = await import('linkedom');
  await checkDepth(html);
  const isPage = /<(?:html|body)[\s>]/i.test(html);
  const page: object = parseHTML(isPage ? html : `<html><body>${html}</body></html>`);
  // The cast is safe: the library's types name a browser's window, which holds the document.
  return (page as { document: HtmlDocument }).document;
};

const checkDepth = async (html: string): Promise<void> => {
  const { Parser } = await import('htmlparser2');
  let depth = 0;
  const onopentagname = (): void => {
    depth += 1;
    if (depth > MAX_DEPTH) throw new UnreadableDocument('The elements of this page are nested too deeply.');
  };
  const onclosetag = (): void => {
    depth -= 1;
  };
  new Parser({ onopentagname, onclosetag }).end(html);
};

/** Parses one XML part of an Office document; entities other than XML's own are not expanded. */
export const parseXml = async (bytes: Uint8Array | undefined): Promise<HtmlElement | null> => {
  if (!bytes) return null;
  const { DOMParser } = await import('linkedom');
  const text = new TextDecoder().decode(bytes);
  return new DOMParser().parseFromString(text, 'text/xml') as unknown as HtmlElement;
};
