import type { Unzipped, UnzipFileInfo } from 'fflate';
import { containerLimits } from './limits.ts';
import { UnreadableDocument } from './unreadable-document.ts';

/** XML parts hold all text of an Office document; pictures, fonts and macros are never unpacked. */
const TEXT_PART = /\.(?:xml|rels)$/i;
const MAX_NAME_LENGTH = 1024;

/**
 * The XML parts of an Office document (a zip container) by name. Throws UnreadableDocument when it would unpack to more
 * than `containerLimits`. The sizes a container declares bound the memory: fflate writes no further than that.
 */
export const unpack = async (bytes: Uint8Array): Promise<Unzipped> => {
  const { unzipSync } = await import('fflate');
  let entries = 0;
  let unpackedBytes = 0;
  const measure = (entry: UnzipFileInfo): boolean => {
    entries += 1;
    if (entries > containerLimits.maxEntries) throw new UnreadableDocument('This document holds too many parts.');
    if (isRead(entry)) unpackedBytes += entry.originalSize;
    if (unpackedBytes > containerLimits.maxUnpackedBytes)
      throw new UnreadableDocument('This document unpacks to too much data.');
    return false;
  };
  // Measured as a whole first: many parts that are each within bounds would be unpacked up to the last one.
  unzipSync(bytes, { filter: measure });
  return unzipSync(bytes, { filter: isRead });
};

const isRead = ({ name }: UnzipFileInfo): boolean => name.length <= MAX_NAME_LENGTH && TEXT_PART.test(name);

/** The parts as a container without compression, for parsers that unpack by themselves and know no limits. */
export const repack = async (parts: Unzipped): Promise<Uint8Array<ArrayBuffer>> => {
  const { zipSync } = await import('fflate');
  return zipSync(parts, { level: 0 });
};
