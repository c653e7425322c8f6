import { z } from 'zod';
import { Unavailable } from '../../errors.ts';
import { agentTool, type AgentTools } from '../agent-tool.ts';
import { SourceFailure } from '../content/connectors/connector.ts';
import { contentOf } from '../content/connectors/web-page.ts';
import { askWeb, realPause, webUrl } from '../content/connectors/web-request.ts';
import { parse } from '../content/parsing/parse.ts';
import { UnreadableDocument } from '../content/parsing/unreadable-document.ts';
import { isAllowedHost } from './allowed-hosts.ts';

const maxPageBytes = 5_000_000;
/** Milliseconds for one page, tries and redirects included. */
const longestMs = 30_000;

const fetchPage = agentTool({
  description: 'Fetches a web page and gives its text. Only pages of hosts that the workspace allows can be fetched.',
  input: z.object({ url: webUrl.describe('Address of the page, http:// or https://.') }),
  permission: 'CONVERSATION_WRITE',
  changes: false,
  reachesOut: true,
  run: async ({ services, allowedHosts, signal }, { url }) => {
    const late = AbortSignal.timeout(longestMs);
    const asking = { outbound: services.outbound, signal: AbortSignal.any([signal, late]), pause: realPause };
    try {
      const answer = await askWeb(asking, {
        url,
        headers: { accept: 'text/html, application/xhtml+xml, application/pdf;q=0.9, text/plain;q=0.8' },
        maxBytes: maxPageBytes,
        // Asked before each address, those of redirects included.
        mayAsk: async (address) => requireAllowed(allowedHosts, address),
      });
      const { title, text } = await parse({ ...contentOf(answer), name: '' });
      return `${title ?? 'Without a title'} (${answer.url})\n\n${text}`;
    } catch (error) {
      if (late.aborted) throw new Unavailable('The page took too long.');
      if (error instanceof SourceFailure || error instanceof UnreadableDocument) throw new Unavailable(error.message);
      throw error;
    }
  },
});

const requireAllowed = (hosts: readonly string[], address: URL): void => {
  if (!isAllowedHost(hosts, address))
    throw new SourceFailure(
      'REFUSED',
      `Pages of ${address.hostname} may not be fetched: the workspace does not allow it.`,
    );
};

/** What agents can do besides working with documents. */
export const tools: AgentTools = { fetch_page: fetchPage };
