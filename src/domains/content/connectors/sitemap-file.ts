import { Readable } from 'node:stream';
import { setImmediate as others } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { Parser } from 'htmlparser2';
import { SourceFailure } from './connector.ts';
import { faultCode } from './web-request.ts';

/** Of one file, unpacked (sitemaps.org, "Sitemaps XML format"). */
export const maxSitemapBytes = 50 * 1024 * 1024;
const maxEntries = 50_000;
/** A tag deeper than this is no part of a sitemap. */
const maxDepth = 20;
const maxTextLength = 2048;
const sliceBytes = 64 * 1024;

/** What a sitemap names: pages, or further sitemaps. */
export interface SitemapFile {
  readonly kind: 'PAGES' | 'SITEMAPS';
  readonly entries: readonly SitemapEntry[];
}

export interface SitemapEntry {
  /** As written; neither checked nor whole. */
  readonly location: string;
  /** As written; usually a date. */
  readonly lastModified: string | null;
}

/**
 * Reads a sitemap, an index of sitemaps or a text with one URL a line, packed by gzip or not; at most 50,000 entries, none twice.
 * Entities that a document declares for itself are not expanded. Throws SourceFailure: INVALID, REFUSED when it is longer than 50 MB.
 */
export const readSitemap = async (bytes: Uint8Array, place: string): Promise<SitemapFile> => {
  const reader = new SitemapReader(place);
  const decoder = new TextDecoder();
  let size = 0;
  try {
    for await (const slice of slicesOf(bytes)) {
      size += slice.length;
      if (size > maxSitemapBytes) throw new SourceFailure('REFUSED', `${place} has more than 50 MB.`);
      reader.write(decoder.decode(slice, { stream: true }));
    }
  } catch (error) {
    if (!/^Z_[A-Z]+_ERROR$/.test(faultCode(error) ?? '')) throw error;
    throw new SourceFailure('INVALID', `${place} is a damaged gzip file.`);
  }
  return reader.end();
};

/** The file unpacked, in pieces between which others may work. */
async function* slicesOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    yield* Readable.from([bytes]).pipe(createGunzip());
    return;
  }
  for (let start = 0; start < bytes.length; start += sliceBytes) {
    yield bytes.subarray(start, start + sliceBytes);
    await others();
  }
}

class SitemapReader {
  readonly #place: string;
  readonly #parser: Parser;
  readonly #entries = new Map<string, SitemapEntry>();
  /** The first characters, as long as it is open whether this is XML; null afterwards. */
  #head: string | null = '';
  #lines: string | null = null;
  #root: string | null = null;
  #isClosed = false;
  #path: string[] = [];
  #text = '';
  #location = '';
  #lastModified = '';

  constructor(place: string) {
    this.#place = place;
    this.#parser = new Parser(
      {
        onopentagname: (name) => this.#open(name),
        ontext: (text) => this.#take(text),
        onclosetag: (_name, isImplied) => this.#close(isImplied),
      },
      { xmlMode: true },
    );
  }

  write(text: string): void {
    if (this.#head !== null) {
      this.#head = (this.#head + text).trimStart();
      if (this.#head === '') return;
      const begun = this.#head;
      this.#head = null;
      if (begun.startsWith('<')) this.#parser.write(begun);
      else this.#takeLines(begun);
    } else if (this.#lines === null) this.#parser.write(text);
    else this.#takeLines(this.#lines + text);
  }

  end(): SitemapFile {
    if (this.#lines !== null) {
      this.#takeLines(`${this.#lines}\n`);
      return { kind: 'PAGES', entries: [...this.#entries.values()] };
    }
    this.#parser.end();
    if (!this.#isClosed) throw this.#invalid();
    return { kind: this.#kind(), entries: [...this.#entries.values()] };
  }

  #invalid(): SourceFailure {
    return new SourceFailure('INVALID', `${this.#place} is no sitemap, or is cut off.`);
  }

  #takeLines(text: string): void {
    const lines = text.split(/\r?\n/);
    this.#lines = lines.pop() ?? '';
    if (this.#lines.length > maxTextLength) throw this.#invalid();
    for (const location of lines.map((line) => line.trim()).filter((line) => line !== '')) {
      if (!/^https?:\/\//.test(location)) throw this.#invalid();
      this.#add({ location, lastModified: null });
    }
  }

  #open(name: string): void {
    if (this.#root === null) {
      this.#root = name;
      this.#kind();
    }
    this.#path.push(name);
    if (this.#path.length > maxDepth) throw this.#invalid();
    this.#text = '';
  }

  #take(text: string): void {
    if (this.#text.length <= maxTextLength) this.#text += text.slice(0, maxTextLength + 1);
  }

  /** Names of other namespaces, such as image:loc, are not the sitemap's own. */
  #close(isImplied: boolean): void {
    const prefix = this.#root?.includes(':') ? this.#root.slice(0, this.#root.indexOf(':') + 1) : '';
    const name = this.#path.pop();
    if (this.#path.length === 2 && name === `${prefix}loc`) this.#location = this.#text.trim();
    if (this.#path.length === 2 && name === `${prefix}lastmod`) this.#lastModified = this.#text.trim();
    if (this.#path.length === 1) {
      this.#add({ location: this.#location, lastModified: this.#lastModified || null });
      this.#location = '';
      this.#lastModified = '';
    }
    if (this.#path.length === 0 && !isImplied) this.#isClosed = true;
  }

  #add(entry: SitemapEntry): void {
    const isUsable = entry.location !== '' && entry.location.length <= maxTextLength;
    if (isUsable && this.#entries.size < maxEntries) this.#entries.set(entry.location, entry);
  }

  #kind(): SitemapFile['kind'] {
    const name = this.#root?.replace(/^.*:/, '');
    if (name === 'urlset') return 'PAGES';
    if (name === 'sitemapindex') return 'SITEMAPS';
    throw this.#invalid();
  }
}
