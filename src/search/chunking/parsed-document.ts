/** What a stretch of a document is, which decides where it may be broken. */
export type BlockKind = 'heading' | 'paragraph' | 'table' | 'code' | 'list';

/** A stretch of `ParsedDocument.text`; blocks are in order, do not overlap and hold all text that is not blank. */
export type Block = {
  /** First UTF-16 code unit. */
  start: number;
  /** One past the last UTF-16 code unit. */
  end: number;
  /** Headings above the block, outermost first; a heading's own text is not among them. */
  headings: string[];
  /** Page of a PDF or slide of a presentation, counted from 1; null where the format has none. */
  page: number | null;
  kind: BlockKind;
};

/** A document as it is stored, previewed and cited. */
export type ParsedDocument = {
  /** Title the file itself gives; null when it gives none. */
  title: string | null;
  /** Unicode in NFC, lines ended by `\n`, no control characters; at least one character that is not blank. */
  text: string;
  blocks: Block[];
};

/** A file as it was uploaded: nothing in it is believed. */
export type Source = {
  bytes: Uint8Array;
  /** Type the client declared; empty or `application/octet-stream` when unknown. */
  mimeType: string;
  /** File name with extension; used only where type and bytes leave the format open. */
  name: string;
};
