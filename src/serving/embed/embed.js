/*
 * Tessera's chat for any web page: <script src="https://…/embed.js" data-widget="…" async></script>
 *
 * Further attributes of the element, each of which the widget may refuse: data-visitor-name, data-model, data-temperature, data-prompt.
 * It needs nothing from the page: it draws into a shadow tree, styles by a constructed style sheet and builds all content as text, so a strict
 * content security policy holds, with the script's origin in script-src and connect-src.
 */
(() => {
  'use strict';

  const script = document.currentScript;
  const widgetId = script?.dataset.widget;
  if (!widgetId) return;
  const base = new URL(`embed/${encodeURIComponent(widgetId)}`, script.src).href;
  const { visitorName, model, temperature, prompt } = script.dataset;
  const overrides = {
    ...(model && { model }),
    ...(temperature && { temperature: Number(temperature) }),
    ...(prompt && { prompt }),
  };
  const maxText = 4000;

  const words = {
    open: 'Open the chat',
    close: 'Close the chat',
    title: 'Chat',
    placeholder: 'Ask a question…',
    send: 'Send',
    again: 'New conversation',
    person: 'Talk to a person',
    waiting: 'A person has been asked to answer. You can go on writing meanwhile.',
    answering: 'A person is answering.',
    ended: 'This conversation has ended.',
    good: 'Good answer',
    bad: 'Bad answer',
    sources: 'Sources',
    earlier: 'Earlier messages',
    you: 'You',
    assistant: 'Assistant',
    agent: 'Person',
    away: 'The chat cannot be reached; check your connection and try again.',
    stopped: 'The answer was stopped.',
    refused: 'This did not work.',
  };

  // ---- What the browser keeps ----

  const storageKey = `tessera-chat-${widgetId}`;
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(storageKey) ?? '{}') ?? {};
  } catch {
    // Storage is switched off for this page: the conversation lives as long as the page.
    kept = {};
  }
  const keep = (next) => {
    kept = next;
    try {
      localStorage.setItem(storageKey, JSON.stringify(kept));
    } catch {
      // As above.
      return;
    }
  };

  // ---- Talking to the server ----

  /** A refusal: `code` and what else the server says of it. */
  class Refusal extends Error {
    constructor(status, { message = words.refused, extensions = {} } = {}) {
      super(message);
      this.status = status;
      this.extensions = extensions;
    }
  }

  const call = async (method, path, body, headers = {}) => {
    let response;
    try {
      response = await fetch(`${base}${path}`, {
        method,
        mode: 'cors',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        headers: {
          ...(kept.token && { authorization: `Bearer ${kept.token}` }),
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
      });
    } catch {
      throw new Refusal(0, { message: words.away });
    }
    if (response.ok) return response;
    const { errors = [] } = await response.json().catch(() => ({}));
    throw new Refusal(response.status, errors[0]);
  };
  const read = async (method, path, body) => (await call(method, path, body)).json();

  /** The events of a stream, one by one; the newest id is kept to go on from. */
  let lastEventId = '';
  const eventsOf = async function* (response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block
            .split('\n')
            .filter((line) => !line.startsWith(':'))
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        );
        if (fields.id) lastEventId = fields.id;
        if (fields.event) yield { kind: fields.event, ...JSON.parse(fields.data) };
      }
    }
  };

  // ---- Drawing ----

  const make = (name, { on = {}, ...attributes } = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(key, value);
    for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
    element.append(...children);
    return element;
  };
  const icon = (path) => {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' }))
      svg.setAttribute(key, value);
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    line.setAttribute('d', path);
    svg.append(line);
    return svg;
  };
  const icons = {
    chat: 'M4 5h16v11H9l-5 4z',
    close: 'M6 6l12 12M18 6L6 18',
    send: 'M5 12h14M13 6l6 6-6 6',
    again: 'M20 11a8 8 0 1 0-2.3 5.7M20 5v6h-6',
    good: 'M7 11v9H4v-9zM7 11l4-7c1.5 0 2.5 1 2.2 2.6L12.6 10H19a1.6 1.6 0 0 1 1.5 2l-1.7 6.5A2 2 0 0 1 17 20H7',
    bad: 'M7 13V4H4v9zM7 13l4 7c1.5 0 2.5-1 2.2-2.6L12.6 14H19a1.6 1.6 0 0 0 1.5-2l-1.7-6.5A2 2 0 0 0 17 4H7',
    person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-4 4-5 8-5s7 1 8 5',
  };

  /** Text as paragraphs, with addresses as links; all else stays text. */
  const paragraphsOf = (text) =>
    text
      .trim()
      .split(/\n{2,}/)
      .map((paragraph) => {
        const parts = paragraph.split(/(https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?]| ?\[\d{1,3}\])/g).map((part) => {
          if (/^https?:\/\//.test(part))
            return make('a', { href: part, target: '_blank', rel: 'noopener noreferrer nofollow' }, part);
          return /^ ?\[\d+\]$/.test(part)
            ? settings.showSources
              ? make('sup', {}, part.trim().slice(1, -1))
              : ''
            : part;
        });
        return make('p', { dir: 'auto' }, ...parts);
      });

  const sourcesOf = (sources) =>
    make(
      'details',
      {},
      make('summary', {}, `${words.sources} (${sources.length})`),
      make(
        'ol',
        {},
        ...sources.map(({ marker, title, quote }) =>
          make('li', { value: marker }, make('b', { dir: 'auto' }, title), make('q', { dir: 'auto' }, quote)),
        ),
      ),
    );

  let settings = { appearance: {}, showSources: false, allowHandover: false };
  let standing = { status: 'ACTIVE', waitingSince: null };
  let before = null;
  /** Views of messages by their ids. */
  const views = new Map();

  const log = make('div', { class: 'log', role: 'log', 'aria-live': 'polite', tabindex: '0' });
  const list = make('div', { class: 'list' });
  const greeting = make('div', { class: 'message ASSISTANT greeting', hidden: '' });
  const earlier = make('button', { class: 'plain', type: 'button', hidden: '' }, words.earlier);
  const notice = make('p', { class: 'notice', hidden: '' });
  const fault = make('p', { class: 'fault', role: 'alert', hidden: '' });
  log.append(earlier, greeting, list);
  const input = make('textarea', { rows: '1', maxlength: String(maxText), dir: 'auto', enterkeyhint: 'send' });
  const send = make(
    'button',
    { class: 'send', type: 'submit', 'aria-label': words.send, title: words.send },
    icon(icons.send),
  );
  const form = make('form', {}, input, send);
  const person = make(
    'button',
    { class: 'plain person', type: 'button', hidden: '' },
    icon(icons.person),
    words.person,
  );
  const heading = make('h2', { id: 'heading' });
  const again = make('button', { type: 'button', 'aria-label': words.again, title: words.again }, icon(icons.again));
  const close = make('button', { type: 'button', 'aria-label': words.close, title: words.close }, icon(icons.close));
  const panel = make(
    'section',
    { class: 'panel', role: 'dialog', 'aria-labelledby': 'heading', id: 'panel', hidden: '' },
    make('header', {}, heading, again, close),
    log,
    make('footer', {}, notice, fault, person, form),
  );
  const launcher = make(
    'button',
    { class: 'launcher', type: 'button', 'aria-label': words.open, 'aria-expanded': 'false', 'aria-controls': 'panel' },
    icon(icons.chat),
  );

  const nearEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const toEnd = () => (log.scrollTop = log.scrollHeight);

  const rate = async (view, score) => {
    const earlierScore = view.score;
    view.score = score;
    drawScore(view);
    try {
      await read('POST', '/feedback', { messageId: view.id, score });
    } catch (error) {
      view.score = earlierScore;
      drawScore(view);
      tell(error);
    }
  };
  const drawScore = ({ thumbs, score }) => {
    for (const [value, button] of thumbs) button.setAttribute('aria-pressed', String(value === score));
  };
  const thumb = (view, score, label, path) =>
    make(
      'button',
      { type: 'button', 'aria-label': label, title: label, on: { click: () => void rate(view, score) } },
      icon(path),
    );

  const viewOf = (id, role, { atTop = false } = {}) => {
    const known = views.get(id);
    if (known) return known;
    const body = make('div', { class: 'body' });
    const who = { USER: words.you, ASSISTANT: words.assistant, AGENT: words.agent }[role] ?? '';
    const element = make(
      'div',
      { class: `message ${role}` },
      make('span', { class: role === 'AGENT' ? 'who' : 'hidden' }, who),
      body,
    );
    const view = { id, role, body, element, text: '', thumbs: new Map() };
    views.set(id, view);
    if (atTop) list.prepend(element);
    else list.append(element);
    return view;
  };

  const draw = (view) => {
    const follow = nearEnd();
    if (view.text === '' && view.streaming)
      view.body.replaceChildren(
        make('span', { class: 'dots', 'aria-hidden': 'true' }, make('i'), make('i'), make('i')),
      );
    else view.body.replaceChildren(...paragraphsOf(view.text));
    view.element.setAttribute('aria-busy', String(view.streaming === true));
    if (follow) toEnd();
  };

  /** Draws a message as the server tells it. */
  const show = (message, place) => {
    const view = viewOf(message.id, message.role, place);
    const follow = nearEnd();
    view.text = message.text;
    view.streaming = message.status === 'STREAMING';
    draw(view);
    for (const part of view.element.querySelectorAll('details, .thumbs, .fault')) part.remove();
    if (message.sources?.length) view.element.append(sourcesOf(message.sources));
    if (message.status === 'FAILED')
      view.element.append(make('p', { class: 'fault' }, message.error?.message ?? words.refused));
    if (message.status === 'CANCELLED') view.element.append(make('p', { class: 'fault' }, words.stopped));
    if (message.role === 'ASSISTANT' && message.status === 'COMPLETED') {
      view.score = message.score;
      view.thumbs = new Map([
        [1, thumb(view, 1, words.good, icons.good)],
        [-1, thumb(view, -1, words.bad, icons.bad)],
      ]);
      view.element.append(make('div', { class: 'thumbs' }, ...view.thumbs.values()));
      drawScore(view);
    }
    if (follow) toEnd();
  };

  /** Applies an event of a stream; true when it ended an answer. */
  const apply = (event) => {
    if (event.kind === 'message') show(event.message);
    if (event.kind === 'status') stand(event);
    if (event.kind === 'started' || event.kind === 'delta') {
      const view = viewOf(event.messageId, 'ASSISTANT');
      view.streaming = true;
      if (event.kind === 'delta' && event.position <= view.text.length)
        view.text = view.text.slice(0, event.position) + event.text;
      draw(view);
    }
    if (event.kind === 'completed') show(event.message);
    if (event.kind === 'failed' || event.kind === 'cancelled') {
      const { text = '' } = views.get(event.messageId) ?? {};
      const status = event.kind === 'failed' ? 'FAILED' : 'CANCELLED';
      show({ id: event.messageId, role: 'ASSISTANT', text, status, error: event.error });
    }
    return ['completed', 'failed', 'cancelled'].includes(event.kind);
  };

  const stand = ({ status, waitingSince }) => {
    standing = { status, waitingSince };
    const said = { TRANSFERRED: waitingSince ? words.waiting : words.answering, ENDED: words.ended }[status];
    notice.textContent = said ?? '';
    notice.hidden = said === undefined;
    person.hidden = !settings.allowHandover || status !== 'ACTIVE';
    form.hidden = status === 'ENDED';
    if (status === 'TRANSFERRED') void follow(() => standing.status !== 'TRANSFERRED');
  };

  const soon = new Intl.RelativeTimeFormat(undefined, { numeric: 'always' });
  /** Until when a refusal holds, in words; empty where nobody knows. */
  const untilOf = ({ resetsAt, retryAfterSeconds }) => {
    if (resetsAt) {
      const at = new Date(resetsAt).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
      return ` You can write again from ${at}.`;
    }
    if (!retryAfterSeconds) return '';
    const [amount, unit] = retryAfterSeconds < 90 ? [retryAfterSeconds, 'second'] : [retryAfterSeconds / 60, 'minute'];
    return ` Try again ${soon.format(Math.ceil(amount), unit)}.`;
  };
  const tell = (error) => {
    if (!(error instanceof Refusal)) throw error;
    fault.textContent = error.message + untilOf(error.extensions);
    fault.hidden = false;
    toEnd();
  };
  const untell = () => {
    fault.hidden = true;
    fault.textContent = '';
  };

  // ---- The conversation ----

  const welcome = (answer) => {
    keep({ token: answer.token, visitorId: answer.visitorId });
    settings = answer.widget;
    before = answer.before;
    earlier.hidden = before === null;
    views.clear();
    list.replaceChildren();
    for (const message of answer.messages) show(message);
    const last = answer.messages.at(-1);
    lastEventId = last ? `${last.id}:${last.status === 'STREAMING' ? 0 : 'end'}` : '';
    stand(answer);
    toEnd();
    if (last?.status === 'STREAMING') void follow(() => !views.get(last.id)?.streaming);
  };

  const enter = async () => welcome(await read('POST', '/session', { visitorId: kept.visitorId, visitorName }));

  /** Listens from where it was until there is nothing to wait for; one at a time. */
  let following = false;
  const follow = async (isOver) => {
    if (following) return;
    following = true;
    let failures = 0;
    try {
      while (!isOver() && failures < 8) {
        try {
          const response = await call('GET', '/events', undefined, lastEventId ? { 'last-event-id': lastEventId } : {});
          failures = 0;
          for await (const event of eventsOf(response)) {
            apply(event);
            if (isOver()) return;
          }
        } catch (error) {
          if (error instanceof Refusal && error.status !== 0 && error.status !== 429 && error.status < 500)
            return tell(error);
          failures += 1;
        }
        await new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** failures, 30_000)));
      }
    } finally {
      following = false;
    }
  };

  const ask = async (text) => {
    const response = await call('POST', '/messages', { text, overrides });
    let asked;
    let done = false;
    try {
      for await (const event of eventsOf(response)) {
        if (event.kind === 'started' || event.kind === 'delta') asked = event.messageId;
        done = apply(event) || done;
      }
    } catch {
      // The connection broke off; the answer goes on without it.
      done = false;
    }
    if (!done && standing.status === 'ACTIVE') await follow(() => asked !== undefined && !views.get(asked)?.streaming);
  };

  let busy = false;
  const submit = async () => {
    const text = input.value.trim();
    if (text === '' || busy) return;
    busy = true;
    send.disabled = true;
    untell();
    input.value = '';
    grow();
    try {
      if (!kept.token) await enter();
      await ask(text).catch(async (error) => {
        if (!(error instanceof Refusal) || error.status !== 401) throw error;
        // The conversation is out of reach, such as after a month: a new one.
        keep({ visitorId: kept.visitorId });
        await enter();
        await ask(text);
      });
    } catch (error) {
      if (input.value === '') input.value = text;
      grow();
      tell(error);
    } finally {
      busy = false;
      send.disabled = false;
    }
  };

  const orTell = (work) => async () => {
    untell();
    await work().catch(tell);
  };

  const grow = () => {
    input.style.height = 'auto';
    input.style.height = `${Math.min(input.scrollHeight, 120)}px`;
  };

  let entered = false;
  const open = () => {
    panel.hidden = false;
    launcher.setAttribute('aria-expanded', 'true');
    launcher.setAttribute('aria-label', words.close);
    launcher.replaceChildren(icon(icons.close));
    input.focus();
    toEnd();
    if (entered) return;
    entered = true;
    if (kept.token) void orTell(enter)();
  };
  const shut = () => {
    panel.hidden = true;
    launcher.setAttribute('aria-expanded', 'false');
    launcher.setAttribute('aria-label', words.open);
    launcher.replaceChildren(icon(icons.chat));
    launcher.focus();
  };

  launcher.addEventListener('click', () => (panel.hidden ? open() : shut()));
  close.addEventListener('click', shut);
  panel.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') shut();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void submit();
  });
  input.addEventListener('input', grow);
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void submit();
  });
  again.addEventListener(
    'click',
    orTell(async () => {
      if (kept.token) welcome(await read('POST', '/reset'));
      input.focus();
    }),
  );
  person.addEventListener(
    'click',
    orTell(async () => {
      if (!kept.token) await enter();
      stand(await read('POST', '/handover', {}));
      input.focus();
    }),
  );
  earlier.addEventListener(
    'click',
    orTell(async () => {
      const page = await read('GET', `/messages?before=${encodeURIComponent(before)}`);
      before = page.before;
      earlier.hidden = before === null;
      const height = log.scrollHeight;
      for (const message of page.messages.toReversed()) show(message, { atTop: true });
      log.scrollTop += log.scrollHeight - height;
    }),
  );

  // ---- Looks ----

  const styles = new CSSStyleSheet();
  styles.replaceSync(`
    :host { all: initial; --ink: #17202a; --soft: #5b6672; --paper: #fff; --shade: #f1f4f7; --line: #dfe4ea; --bad: #b3261e;
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); }
    @media (prefers-color-scheme: dark) { :host { --ink: #e9edf1; --soft: #a3adb8; --paper: #1b2229; --shade: #28313a; --line: #36414c; --bad: #ff9a92; } }
    * { box-sizing: border-box; } [hidden] { display: none !important; }
    button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
    button:disabled { cursor: default; opacity: .5; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    .launcher { position: fixed; z-index: 2147483000; bottom: 20px; inset-inline-end: 20px; width: 56px; height: 56px; border-radius: 50%;
      background: var(--accent); color: var(--on-accent); box-shadow: 0 4px 16px #0004; display: grid; place-items: center; }
    .launcher svg { width: 26px; height: 26px; }
    .panel { position: fixed; z-index: 2147483000; bottom: 90px; inset-inline-end: 20px; width: 384px; max-width: calc(100vw - 40px);
      height: min(620px, calc(100vh - 120px)); display: flex; flex-direction: column; background: var(--paper); border: 1px solid var(--line);
      border-radius: 16px; overflow: hidden; box-shadow: 0 12px 40px #0003; }
    .left .launcher, .left .panel { inset-inline: 20px auto; }
    header { display: flex; align-items: center; gap: 4px; padding-block: 12px; padding-inline: 18px 10px; background: var(--accent); color: var(--on-accent); }
    header button { width: 34px; height: 34px; border-radius: 8px; display: grid; place-items: center; }
    header button:hover { background: #fff3; } header button:focus-visible { outline-color: currentColor; outline-offset: -2px; }
    h2 { all: unset; flex: 1; font-weight: 600; font-size: 16px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .log { flex: 1; overflow-y: auto; overscroll-behavior: contain; padding: 16px; display: flex; flex-direction: column; gap: 12px; }
    .log:focus-visible { outline-offset: -3px; }
    .list { display: flex; flex-direction: column; gap: 12px; }
    .message { max-width: 88%; padding: 9px 13px; border-radius: 14px; background: var(--shade); align-self: flex-start; overflow-wrap: anywhere; }
    .USER { align-self: flex-end; background: var(--accent); color: var(--on-accent); border-end-end-radius: 4px; }
    .ASSISTANT, .AGENT { border-end-start-radius: 4px; }
    .AGENT { border: 1px solid var(--accent); }
    .who { display: block; font-size: 12px; color: var(--soft); }
    .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    p { margin: 0; white-space: pre-line; } p + p { margin-top: 8px; } a { color: inherit; }
    sup { font-size: 11px; font-weight: 600; color: var(--soft); padding-inline: 1px; }
    details { margin-top: 8px; border-top: 1px solid var(--line); padding-top: 6px; font-size: 13px; }
    summary { cursor: pointer; color: var(--soft); } ol { margin: 6px 0 0; padding-inline-start: 22px; }
    li + li { margin-top: 6px; } li b { display: block; font-weight: 600; } q { color: var(--soft); }
    .thumbs { display: flex; gap: 2px; margin-top: 6px; margin-inline-start: -6px; }
    .thumbs button { width: 30px; height: 30px; border-radius: 8px; display: grid; place-items: center; color: var(--soft); }
    .thumbs svg { width: 16px; height: 16px; } .thumbs button:hover { background: var(--line); }
    .thumbs [aria-pressed=true], .thumbs [aria-pressed=true]:hover { color: var(--paper); background: var(--soft); }
    .dots { display: inline-flex; gap: 4px; padding: 7px 2px; }
    .dots i { width: 7px; height: 7px; border-radius: 50%; background: var(--soft); animation: beat 1.2s infinite; }
    .dots i:nth-child(2) { animation-delay: .2s; } .dots i:nth-child(3) { animation-delay: .4s; }
    @keyframes beat { 0%, 60%, 100% { opacity: .25; } 30% { opacity: 1; } }
    @media (prefers-reduced-motion: reduce) { .dots i { animation: none; opacity: .6; } }
    footer { border-top: 1px solid var(--line); padding: 10px 12px 12px; display: flex; flex-direction: column; gap: 8px; }
    .notice { color: var(--soft); font-size: 13px; } .fault { color: var(--bad); font-size: 13px; }
    .plain { align-self: center; display: inline-flex; align-items: center; gap: 6px; font-size: 13px; color: var(--soft); padding: 4px 10px; border-radius: 8px; }
    .plain:hover { background: var(--shade); } .plain svg { width: 16px; height: 16px; } .person { align-self: flex-start; }
    form { display: flex; align-items: flex-end; gap: 8px; }
    textarea { flex: 1; font: inherit; color: inherit; background: var(--shade); border: 1px solid var(--line); border-radius: 12px; padding: 9px 12px;
      resize: none; max-height: 120px; min-height: 42px; }
    textarea::placeholder { color: var(--soft); opacity: 1; } textarea:focus-visible { outline-offset: 0; }
    .send { flex: none; width: 42px; height: 42px; border-radius: 12px; background: var(--accent); color: var(--on-accent); display: grid; place-items: center; }
    :host(:dir(rtl)) .send svg { transform: scaleX(-1); }
    @media (max-width: 480px) { .panel { inset: 0; width: auto; max-width: none; height: auto; border: 0; border-radius: 0; }
      .open .launcher { display: none; } .left .panel { inset: 0; } }
  `);

  /** Black or white, whichever is read better on the colour (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio). */
  const readableOn = (color) => {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? '#111' : '#fff';
  };

  const dress = (host, frame, { title, placeholder, primaryColor = '#1f5fbf', position, ...appearance }) => {
    heading.textContent = title ?? words.title;
    input.placeholder = placeholder ?? words.placeholder;
    input.setAttribute('aria-label', placeholder ?? words.placeholder);
    host.style.setProperty('--accent', primaryColor);
    host.style.setProperty('--on-accent', readableOn(primaryColor));
    frame.classList.toggle('left', position === 'LEFT');
    greeting.hidden = !appearance.greeting;
    greeting.replaceChildren(...paragraphsOf(appearance.greeting ?? ''));
  };

  const start = async () => {
    let answer;
    try {
      answer = await read('GET', '');
    } catch (error) {
      // A page that may not use the widget, or one that is switched off, shows nothing; whoever builds the page finds out why.
      // oxlint-disable-next-line no-console
      console.warn(`Tessera: the chat is not shown. ${error.message}`);
      return;
    }
    settings = answer.widget;
    const host = make('div', { id: 'tessera-chat', dir: getComputedStyle(document.documentElement).direction });
    const frame = make('div', {}, launcher, panel);
    new MutationObserver(() => frame.classList.toggle('open', !panel.hidden)).observe(panel, { attributes: true });
    const root = host.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [styles];
    root.append(frame);
    dress(host, frame, settings.appearance);
    stand(standing);
    document.body.append(host);
  };

  if (document.body) void start();
  else document.addEventListener('DOMContentLoaded', () => void start());
})();
