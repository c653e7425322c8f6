import { hash } from 'node:crypto';
import { atomsOf, rank } from './atoms.ts';
import type { Atom } from './atoms.ts';
import type { ParsedDocument } from './parsed-document.ts';
import { countTokens } from './tokens.ts';

/** A passage that is embedded, found and cited as a whole. */
export type Chunk = {
  /** Place in the document, counted from 0. */
  position: number;
  /** `text` is exactly `document.text.slice(start, end)`. */
  start: number;
  end: number;
  text: string;
  /** Headings above all of the chunk, outermost first. */
  headings: string[];
  /** Page or slide, counted from 1; null where the format has none. A chunk never crosses a page. */
  page: number | null;
  /** Tokens of `text` alone, see `countTokens`. */
  tokens: number;
  /** SHA-256 of `embeddedText` in hex: equal hashes have equal embeddings. */
  hash: string;
};

export type ChunkOptions = {
  /** Most tokens of a chunk, 16 or more. */
  maxTokens?: number;
  /** Most tokens repeated from the end of the previous chunk, at most a quarter of `maxTokens`; none across headings and pages. */
  overlapTokens?: number;
};

/**
 * Chunks of 200 to 400 tokens cut at structure retrieved best, and without overlap precision was higher, in Chroma's
 * “Evaluating Chunking Strategies for Retrieval” (2024). Cutting between half of 512 and all of it gives about 380.
 */
export const DEFAULT_MAX_TOKENS = 512;
export const DEFAULT_OVERLAP_TOKENS = 0;
export const LEAST_MAX_TOKENS = 16;

/**
 * Cuts a document into chunks that cover all its text. A chunk ends before a heading once it holds a quarter of
 * `maxTokens`, otherwise between half of `maxTokens` and all, at the best place there: between blocks, else sentences,
 * else words. Among equal places the words that follow decide (the least hash, as in content-defined chunking:
 * Muthitacharoen et al., LBFS, SOSP 2001), not the distance from the start: an edit moves the cuts around it and no others, so
 * chunks far away keep their hash and their embedding. Linear in the length of the text.
 */
export const chunk = (document: ParsedDocument, options: ChunkOptions = {}): Chunk[] => {
  const max = Math.max(LEAST_MAX_TOKENS, options.maxTokens ?? DEFAULT_MAX_TOKENS);
  const overlap = Math.min(max / 4, Math.max(0, options.overlapTokens ?? DEFAULT_OVERLAP_TOKENS));
  const chunks: Chunk[] = [];
  for (const atoms of pagesOf(atomsOf(document, max))) cutPage(document.text, atoms, max, overlap, chunks);
  return chunks;
};

/** What is embedded for a chunk: its headings, which name its subject, and its text. */
export const embeddedText = ({ headings, text }: Pick<Chunk, 'headings' | 'text'>): string =>
  headings.length === 0 ? text : `${headings.join(' > ')}\n\n${text}`;

/** The document's title above what is embedded of a chunk; worth 0.04 of nDCG@10 on Cranfield (`docs/retrieval.md`). */
export const indexedText = (title: string, chunk: Pick<Chunk, 'headings' | 'text'>): string =>
  chunk.headings[0] === title ? embeddedText(chunk) : `${title}\n${embeddedText(chunk)}`;

function* pagesOf(atoms: Iterable<Atom>): Generator<Atom[]> {
  let page: Atom[] = [];
  for (const atom of atoms) {
    if (page[0] && page[0].block.page !== atom.block.page) {
      yield page;
      page = [];
    }
    page.push(atom);
  }
  if (page.length > 0) yield page;
}

const cutPage = (text: string, atoms: readonly Atom[], max: number, overlap: number, chunks: Chunk[]): void => {
  let start = 0;
  for (let from = 0; from < atoms.length;) {
    const cut = cutAfter(text, atoms, start, from, max);
    const [made, end] = fitting(text, atoms, start, from, cut, max, chunks.length);
    if (made) chunks.push(made);
    start = overlapBefore(atoms, from, end, overlap, max);
    from = end;
  }
};

/** Index of the atom that begins the next chunk; `atoms[from]` is the first that the chunk adds to the one before. */
const cutAfter = (text: string, atoms: readonly Atom[], start: number, from: number, max: number): number => {
  let tokens = 0;
  let best = -1;
  let index = start;
  for (; index < atoms.length; index += 1) {
    const atom = atoms[index];
    if (!atom) break;
    if (index > from && atom.rank === rank.heading && tokens >= max / 4) return index;
    if (index > from && tokens >= max / 2 && isBetter(text, atom, atoms[best])) best = index;
    if (index > from && tokens + atom.tokens > max) break;
    tokens += atom.tokens;
  }
  if (index >= atoms.length) return atoms.length;
  return best > from ? best : beforeHeading(atoms, from, index);
};

const isBetter = (text: string, atom: Atom, best: Atom | undefined): boolean => {
  if (atom.rank === rank.afterHeading) return false;
  if (!best || atom.rank !== best.rank) return !best || atom.rank > best.rank;
  return fingerprint(text, atom) <= fingerprint(text, best);
};

/** Where nothing better was found, at least the heading goes with what follows it. */
const beforeHeading = (atoms: readonly Atom[], from: number, index: number): number =>
  atoms[index]?.rank === rank.afterHeading && index - 1 > from ? index - 1 : index;

const FINGERPRINT_LENGTH = 64;

/** FNV-1a over the first characters of an atom. */
const fingerprint = (text: string, { start, end }: Atom): number => {
  let state = 0x811c9dc5;
  for (let index = start; index < Math.min(end, start + FINGERPRINT_LENGTH); index += 1) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  return state >>> 0;
};

/** Words joined at a seam can have more tokens than apart. In the rare case that a chunk is too long for it, it gives up overlap, then its end. */
const fitting = (
  text: string,
  atoms: readonly Atom[],
  start: number,
  from: number,
  cut: number,
  max: number,
  position: number,
): [Chunk | null, number] => {
  let made = chunkOf(text, atoms.slice(start, cut), position);
  if (made && made.tokens > max && start < from) made = chunkOf(text, atoms.slice(from, cut), position);
  let end = cut;
  while (made && made.tokens > max && end > from + 1) {
    end -= 1;
    made = chunkOf(text, atoms.slice(from, end), position);
  }
  return [made, end];
};

/** Null when the atoms are blank. */
const chunkOf = (text: string, atoms: readonly Atom[], position: number): Chunk | null => {
  const [first] = atoms;
  const last = atoms.at(-1);
  if (!first || !last) return null;
  const whole = text.slice(first.start, last.end);
  const body = whole.trim();
  if (body === '') return null;
  const start = first.start + (whole.length - whole.trimStart().length);
  const headings = commonHeadings(atoms);
  return {
    position,
    start,
    end: start + body.length,
    text: body,
    headings,
    page: first.block.page,
    tokens: countTokens(body),
    hash: hash('sha256', embeddedText({ headings, text: body })),
  };
};

const commonHeadings = (atoms: readonly Atom[]): string[] => {
  let common = atoms[0]?.block.headings ?? [];
  for (const { block } of atoms) {
    if (block.headings === common) continue;
    const { headings } = block;
    const differs = common.findIndex((heading, level) => heading !== headings[level]);
    if (differs >= 0) common = common.slice(0, differs);
  }
  return common;
};

/** First atom that the next chunk repeats: `end` when it repeats none. */
const overlapBefore = (atoms: readonly Atom[], from: number, end: number, overlap: number, max: number): number => {
  const next = atoms[end];
  if (!next || next.rank === rank.heading) return end;
  const room = Math.min(overlap, max - next.tokens);
  let start = end;
  for (let tokens = 0; start - 1 > from; start -= 1) {
    tokens += atoms[start - 1]?.tokens ?? 0;
    if (tokens > room) break;
  }
  return start;
};
