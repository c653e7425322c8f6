/** One file of the editor as it goes out over HTTP. */
export interface GraphiqlFile {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface GraphiqlOptions {
  /** Path of the page; its files lie below it. */
  readonly path: string;
  /** Path that answers operations over HTTP and, as a WebSocket of the graphql-ws protocol, subscriptions. */
  readonly endpoint: string;
  /** What a first visitor finds in the editor. A query in the URL (`?query=`) or of an earlier visit goes before. */
  readonly defaultQuery: string;
}

// Monaco, the editor inside, writes style elements and asks for its icons as data; all else comes from this server.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const COMMON = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

/**
 * The GraphiQL editor for development, by path: a page and the files it loads, nothing of which comes from another
 * server. About 9 MB that are read only when this is called. The headers typed into the editor are those of HTTP
 * requests and, for subscriptions, the connection parameters of the WebSocket.
 */
export const graphiqlFiles = async (options: GraphiqlOptions): Promise<ReadonlyMap<string, GraphiqlFile>> => {
  const editor = await import('@graphql-yoga/render-graphiql/graphiql');
  const { path } = options;
  return new Map([
    [path, page(path)],
    [
      `${path}/start.js`,
      { ...script(startScript(options)), headers: { ...script('').headers, 'cache-control': 'no-cache' } },
    ],
    [`${path}/graphiql.js`, script(editor.js)],
    [`${path}/editor-worker.js`, script(editor.editorWorkerService)],
    [`${path}/json-worker.js`, script(editor.jsonWorker)],
    [`${path}/graphql-worker.js`, script(editor.graphqlWorker)],
    [`${path}/graphiql.css`, file('text/css', editor.css, 'private, max-age=3600')],
  ]);
};

const file = (type: string, body: string, cacheControl: string): GraphiqlFile => ({
  body,
  headers: { ...COMMON, 'content-type': `${type}; charset=utf-8`, 'cache-control': cacheControl },
});

const script = (body: string): GraphiqlFile => file('text/javascript', body, 'private, max-age=3600');

const page = (path: string): GraphiqlFile => {
  const { body, headers } = file(
    'text/html',
    `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Tessera</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="${path}/graphiql.css">
    <style>html, body, #root { height: 100%; margin: 0 }</style>
  </head>
  <body>
    <div id="root"></div>
    <script src="${path}/graphiql.js"></script>
    <script src="${path}/start.js"></script>
  </body>
</html>
`,
    'no-cache',
  );
  return { body, headers: { ...headers, 'content-security-policy': POLICY } };
};

/** Runs in the browser, so it is text here. GraphiQL keeps what is typed in its headers pane in `graphiql:headers`. */
const startScript = ({ path, endpoint, defaultQuery }: GraphiqlOptions): string => `
const workers = { json: 'json-worker', graphql: 'graphql-worker' };
self.MonacoEnvironment = {
  globalAPI: false,
  getWorkerUrl: (_module, label) => ${JSON.stringify(path)} + '/' + (workers[label] ?? 'editor-worker') + '.js',
};
const typedHeaders = () => {
  try {
    return JSON.parse(localStorage.getItem('graphiql:headers') || '{}');
  } catch {
    return {};
  }
};
YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), {
  title: 'Tessera',
  logo: '<span></span>',
  endpoint: ${JSON.stringify(endpoint)},
  subscriptionsEndpoint: ${JSON.stringify(endpoint)},
  subscriptionsProtocol: 'WS',
  connectionParams: typedHeaders,
  defaultQuery: ${JSON.stringify(defaultQuery)},
});
`;
