import { readJsonBody, BodyFault } from '../body.ts';
import { requireOpen, widgetOnPage, type PageWidget } from '../domains/conversations/page-widgets.ts';
import { handOverVisit, say, visitStatus } from '../domains/conversations/visitor-asking.ts';
import { answerVisitor, followVisit, type Place } from '../domains/conversations/visitor-events.ts';
import { giveVisitorFeedback, messageNow, visitorHistory } from '../domains/conversations/visitor-messages.ts';
import { admitVisitor, beginVisit, resetVisit, type Admitted, type Visitor } from '../domains/conversations/visits.ts';
import { parseGlobalId } from '../ids.ts';
import { failure, json, refuse } from '../refusal.ts';
import { bearerToken } from '../gateway/context.ts';
import { openStream, type EventStream } from './event-stream.ts';
import { nothingHere, tell, type Folder, type FolderRequest } from './folder.ts';

/** A request to a widget by a page that may use it. */
interface Call extends FolderRequest {
  readonly page: PageWidget;
  readonly query: URLSearchParams;
}

type Answer = (call: Call) => Promise<void>;

const preflightSeconds = 600;

/** Answers for the widget's own origins alone: the server's list of origins is another matter. */
const shareWith = ({ response }: FolderRequest, pageOrigin: string): void => {
  response.setHeader('access-control-allow-origin', pageOrigin);
  response.setHeader('access-control-expose-headers', 'x-request-id, retry-after');
};

const preflight = async ({ response }: FolderRequest): Promise<void> => {
  response.setHeader('access-control-allow-methods', 'GET, POST');
  response.setHeader('access-control-allow-headers', 'authorization, content-type, last-event-id');
  response.setHeader('access-control-max-age', String(preflightSeconds));
  response.writeHead(204).end();
};

const tokenOf = ({ request }: Call): string | null => bearerToken(request.headers.authorization);

const visitorOf = (call: Call): Promise<Visitor> => admitVisitor(call.services, call.origin, call.page, tokenOf(call));

type Fields = Readonly<Record<string, unknown>>;

/** The body's fields. Without a body there are none. */
const bodyOf = async ({ request }: Call): Promise<Fields> => {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  // The cast is safe: a body that is read is one JSON object.
  return length === '0' && encoding === undefined ? {} : ((await readJsonBody(request)) as Fields);
};

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** What a page is told of its widget, and nothing that visitors need not know. */
const shownOf = ({ widget }: PageWidget) => ({
  appearance: widget.appearance,
  showSources: widget.showSources,
  allowHandover: widget.allowHandover,
});

const admittedJson = async (call: Call, { token, visitor }: Admitted) => ({
  token,
  visitorId: visitor.visit.visitorId,
  widget: shownOf(call.page),
  ...(await visitStatus(visitor)),
  ...(await visitorHistory(visitor, null)),
});

const describe: Answer = async (call) => json(call.response, 200, { widget: shownOf(call.page) });

const session: Answer = async (call) => {
  const { visitorId, visitorName } = await bodyOf(call);
  const who = { visitorId: textOf(visitorId), visitorName: textOf(visitorName) };
  const admitted = await beginVisit(call.services, call.origin, call.page, tokenOf(call), who);
  json(call.response, 200, await admittedJson(call, admitted));
};

const reset: Answer = async (call) => {
  const visitor = await visitorOf(call);
  json(call.response, 200, await admittedJson(call, await resetVisit(call.services, visitor)));
};

const messages: Answer = async (call) => {
  const visitor = await visitorOf(call);
  json(call.response, 200, await visitorHistory(visitor, call.query.get('before')));
};

const ask: Answer = async (call) => {
  const visitor = await visitorOf(call);
  const { text, overrides } = await bodyOf(call);
  // The cast is safe: the operation checks each value.
  const chosen = (typeof overrides === 'object' && overrides !== null ? overrides : {}) as Fields;
  const { model = null, temperature = null, prompt = null } = chosen;
  const said = await say(call.services, visitor, textOf(text) ?? '', { model, temperature, prompt });
  await withStream(call, visitor, async (stream) => {
    if (said.to === 'MODEL') return sendAll(stream, answerVisitor(call.services, visitor, said.asked));
    const message = await messageNow(visitor, said.message.id);
    if (message !== null) await stream.send({ kind: 'message', message });
  });
};

/** `<message>:<characters>` or `<message>:end`, as the ids of events are; what is none of these stands for the beginning. */
const placeOf = (text: string | null): Place | null => {
  const [, id = '', characters = ''] = /^(message_\w{26}):(\d{1,7}|end)$/.exec(text ?? '') ?? [];
  const messageId = parseGlobalId(id)?.uuid;
  if (messageId === undefined) return null;
  return { messageId, characters: characters === 'end' ? Infinity : Number(characters) };
};

const events: Answer = async (call) => {
  const visitor = await visitorOf(call);
  const header = call.request.headers['last-event-id'];
  const after = placeOf(typeof header === 'string' ? header : call.query.get('after'));
  const stillAdmitted = () =>
    admittedStill(call).catch((error: unknown) => {
      call.services.log.debug({ err: error }, 'A visitor is no longer let in.');
      return false;
    });
  await withStream(call, visitor, (stream) =>
    sendAll(stream, followVisit(call.services, visitor, after, stillAdmitted, stream.closed)),
  );
};

const admittedStill = async (call: Call): Promise<boolean> => {
  const { services, origin, page } = call;
  const now = await widgetOnPage(services, origin, page.widget.publicId, page.pageOrigin);
  requireOpen(now);
  await admitVisitor(services, origin, now, tokenOf(call));
  return true;
};

const sendAll = async (stream: EventStream, happening: AsyncIterable<Parameters<EventStream['send']>[0]>) => {
  for await (const event of happening) if (!(await stream.send(event))) return;
};

/** Opens a stream and closes it when the work is done. */
const withStream = async (
  call: Call,
  visitor: Visitor,
  work: (stream: EventStream) => Promise<void>,
): Promise<void> => {
  const { response, origin, services } = call;
  const stream = openStream(response, [
    `conversation ${visitor.visit.conversationId}`,
    `address ${origin.address ?? ''}`,
  ]);
  try {
    await work(stream);
  } catch (error) {
    // What came before has been sent: the listener comes back, and is told from where they were.
    services.log.warn({ err: error, requestId: origin.requestId }, 'A stream of a visitor broke off.');
  } finally {
    stream.end();
  }
};

const feedback: Answer = async (call) => {
  const visitor = await visitorOf(call);
  const { messageId, score, comment } = await bodyOf(call);
  const named = parseGlobalId(textOf(messageId) ?? '');
  await giveVisitorFeedback(visitor, named?.prefix === 'message' ? named.uuid : null, {
    score,
    comment: textOf(comment),
  });
  json(call.response, 200, { messageId, score });
};

const handover: Answer = async (call) => {
  const visitor = await visitorOf(call);
  const { reason } = await bodyOf(call);
  json(call.response, 200, await handOverVisit(call.services, visitor, textOf(reason)));
};

const actions: Readonly<Record<string, Readonly<Record<string, Answer>>>> = {
  '': { GET: describe },
  session: { POST: session },
  messages: { GET: messages, POST: ask },
  events: { GET: events },
  feedback: { POST: feedback },
  handover: { POST: handover },
  reset: { POST: reset },
};

/** `/embed/<public id>/<action>`: what a widget's visitors can do, and all that they can. */
export const embed: Folder = async (folderRequest) => {
  const { services, request, response, rest, origin } = folderRequest;
  const [publicId = '', action = '', ...beyond] = rest.split('/');
  const methods = actions[action];
  response.setHeader('vary', 'Origin');
  response.setHeader('cache-control', 'no-store');
  if (methods === undefined || beyond.length > 0) return nothingHere(folderRequest);
  try {
    const page = await widgetOnPage(services, origin, publicId, request.headers.origin);
    shareWith(folderRequest, page.pageOrigin);
    if (request.method === 'OPTIONS') return await preflight(folderRequest);
    const answer = methods[request.method ?? ''];
    if (answer === undefined)
      return await refuse(
        request,
        response.setHeader('allow', [...Object.keys(methods), 'OPTIONS'].join(', ')),
        405,
        failure('BAD_REQUEST', 'This is asked in another way.'),
      );
    requireOpen(page);
    await answer({ ...folderRequest, page, query: queryOf(request.url) });
  } catch (error) {
    if (!(error instanceof BodyFault)) return tell(folderRequest, error);
    await refuse(request, response, error.status, failure('BAD_REQUEST', error.message));
  }
};

const queryOf = (url: string | undefined): URLSearchParams =>
  URL.parse(url ?? '/', 'http://host')?.searchParams ?? new URLSearchParams();
