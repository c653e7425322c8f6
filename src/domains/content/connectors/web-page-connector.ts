import { z } from 'zod';
import type { Connector } from './connector.ts';
import { fetchPage } from './web-page.ts';
import { realPause, webUrl, type Pause } from './web-request.ts';

const configuration = z.strictObject({
  /** Of the one page. */
  url: webUrl,
});
export type WebPageConfiguration = z.infer<typeof configuration>;

/** One page of the web, which stays the same thing when it redirects elsewhere. */
export const webPageConnector = (pause: Pause): Connector<WebPageConfiguration> => ({
  kind: 'WEB_PAGE',
  configuration,
  secrets: [],
  list: async ({ configuration: { url } }) => ({
    items: [{ id: url, title: null, uri: url, version: null }],
    next: null,
  }),
  fetch: (source, item, known) => fetchPage({ ...source, pause }, item.id, known),
});

export const connector = webPageConnector(realPause);
