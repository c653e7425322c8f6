import { Parser } from 'htmlparser2';
import sanitizeHtml from 'sanitize-html';

/** Elements within each other; parsers take time and stack by the square of it. E-mails have about 30. */
export const maxHtmlDepth = 200;

/** Attributes by which text is set; none of them acts or loads anything. */
const layout = [
  'align',
  'valign',
  'width',
  'height',
  'bgcolor',
  'border',
  'cellpadding',
  'cellspacing',
  'colspan',
  'rowspan',
];
const length = [/^\d{1,4}(\.\d{1,2})?(px|pt|em|rem|%)?$/];
const color = [/^#[0-9a-f]{3,8}$/i, /^rgba?\([\d\s.,%]{1,40}\)$/i, /^[a-z]{3,25}$/i];
const word = [/^[a-z-]{1,20}$/];

const absolute = /^\s*(https?:\/\/|mailto:|tel:)/i;

const options: sanitizeHtml.IOptions = {
  allowedTags: [...sanitizeHtml.defaults.allowedTags, 'img', 'center', 'font', 'del', 'ins'],
  allowedAttributes: {
    '*': [...layout, 'style', 'dir', 'lang'],
    a: ['href', 'title', 'rel'],
    // Pictures of the e-mail itself: one from elsewhere tells its server who reads the e-mail when and where.
    img: ['src', 'alt', 'width', 'height'],
    font: ['color', 'size', 'face'],
    ol: ['start', 'type'],
  },
  allowedStyles: {
    '*': {
      color,
      'background-color': color,
      'text-align': word,
      'font-weight': [/^(bold|normal|[1-9]00)$/],
      'font-style': word,
      'font-size': length,
      'text-decoration': word,
      width: length,
      'max-width': length,
      padding: length,
      margin: length,
    },
  },
  allowedSchemes: ['http', 'https', 'mailto', 'tel'],
  allowedSchemesByTag: { img: ['cid'] },
  allowedSchemesAppliedToAttributes: ['href', 'src', 'cite'],
  allowProtocolRelative: false,
  // Relative addresses would be those of whichever page shows the e-mail.
  transformTags: {
    a: (tagName, { href = '', ...attribs }) => ({
      tagName,
      attribs: { ...attribs, ...(absolute.test(href) && { href }), rel: 'noopener noreferrer' },
    }),
    img: (tagName, { src = '', ...attribs }) => ({
      tagName,
      attribs: { ...attribs, ...(/^cid:/i.test(src) && { src }) },
    }),
  },
};

/** HTML nests deeper than `maxHtmlDepth`. */
export class TooDeep extends Error {}

/**
 * HTML without anything that acts or loads something from elsewhere: scripts, forms, frames, styles that place, pictures from outside. Links to
 * pages, addresses and telephone numbers stay. Takes up to half a second for a million characters. Throws TooDeep.
 */
export const cleanHtml = (html: string): string => {
  requireShallow(html);
  return sanitizeHtml(html, options);
};

/** Stops at the first element that is too deep: the time up to there is short whatever follows. Throws TooDeep. */
export const requireShallow = (html: string): void => {
  let depth = 0;
  const parser = new Parser({
    onopentag: () => {
      depth += 1;
      if (depth > maxHtmlDepth) throw new TooDeep(`HTML nests at most ${maxHtmlDepth} elements deep.`);
    },
    onclosetag: () => {
      depth -= 1;
    },
  });
  parser.end(html);
};
