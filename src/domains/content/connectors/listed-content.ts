import { isDeepStrictEqual } from 'node:util';
import type { Connector, Source, SourceContent, SourceVersion } from './connector.ts';

/** The content of something that its source gives in lists alone: they are gone through until it comes. */
export const contentByListing = async <Configuration>(
  list: Connector<Configuration>['list'],
  source: Source<Configuration>,
  id: string,
  known: SourceVersion | null,
): Promise<SourceContent | 'UNCHANGED' | 'GONE'> => {
  let from: Readonly<Record<string, unknown>> | null = null;
  do {
    const page = await list(source, from);
    const content = page.items.find((item) => item.id === id)?.content;
    if (content) return known && isDeepStrictEqual(content.version, known) ? 'UNCHANGED' : content;
    from = page.next;
  } while (from !== null);
  return 'GONE';
};
