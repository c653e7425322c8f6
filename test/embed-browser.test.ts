import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import type { Locator, Page } from 'playwright-core';
import { database } from '../src/database/client.ts';
import { settled } from '../src/domains/conversations/answering.ts';
import { conversations, feedback, messages } from '../src/domains/conversations/tables.ts';
import { startBrowser, startSite, whereChromiumIs } from './browser.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { widgetIn } from './visitors.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** A busy machine may take its time. */
const patienceMs = 15_000;

whereChromiumIs('the chat on a page of another origin', () => {
  let bed: Testbed;
  let models: OpenAiServer;
  let browser: Awaited<ReturnType<typeof startBrowser>>;
  let site: Awaited<ReturnType<typeof startSite>>;
  let ada: Awaited<ReturnType<Testbed['signUp']>>;
  let workspaceId: string;
  let page: Page;
  let screenshots: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    screenshots = process.env.SCREENSHOTS ?? (await mkdtemp(join(tmpdir(), 'tessera-screenshots-')));
    [bed, models, browser, site] = await Promise.all([
      startTestbed(),
      startOpenAiServer(),
      startBrowser(),
      startSite(),
    ]);
    ada = await bed.signUp('Ada');
    await promote(bed, ada);
    workspaceId = await workspaceOf(ada, { name: 'Garden' });
    await modelFor(ada, workspaceId, models.url);
    await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
      input: {
        workspaceId,
        title: 'The rose book',
        text: 'Roses are watered every three days in summer. Tulips are planted in October.',
        wait: true,
      },
    });
    page = await browser.context.newPage();
    page.setDefaultTimeout(patienceMs);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
  }, 90_000);
  afterEach(() => {
    models.reset();
    complaints.length = 0;
  });
  afterAll(async () => {
    await settled();
    await browser.stop();
    await site.stop();
    await bed.stop();
    await models.stop();
    if (process.env.SCREENSHOTS === undefined) await rm(screenshots, { recursive: true, force: true });
  });

  const inOrganization = <Row>(read: () => Promise<Row[]>): Promise<Row[]> => {
    const unit = unitOf(bed, ada.organizationId);
    return unit.run(read).finally(() => void unit.rest());
  };

  /** A page of a shop with the widget; nothing but the script may run on it, and no style but that of its own style sheet. */
  const shop = (publicId: string, attributes = '', html = '<html lang="en">') =>
    site.show(
      `<!doctype html>${html}<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Shop</title>
      <h1>Rosie’s roses</h1><p>Everything for your garden.</p>
      <script src="${bed.url}/embed.js" data-widget="${publicId}" ${attributes} async></script>`,
      { 'content-security-policy': `default-src 'none'; script-src ${bed.url}; connect-src ${bed.url}` },
    );
  /** Opens the page and the chat on it. */
  const visit = async (): Promise<void> => {
    await page.goto(site.origin);
    await page.getByRole('button', { name: 'Open the chat' }).click();
  };
  const chat = (): Locator => page.getByRole('dialog');
  const say = async (text: string): Promise<void> => {
    await chat().getByRole('textbox').fill(text);
    await page.keyboard.press('Enter');
  };
  const picture = async (name: string): Promise<void> => {
    const path = join(screenshots, `${name}.png`);
    await page.screenshot({ path });
    expect((await stat(path)).size).toBeGreaterThan(5000);
  };
  const bubbles = (role: string): Locator => chat().locator(`.list .${role} .body`);

  test('a visitor asks, sees the answer stream in with its sources, rates it, and finds it all after a reload', async () => {
    const { publicId } = await widgetIn(ada, workspaceId, {
      allowedOrigins: [site.origin],
      showSources: true,
      allowHandover: true,
      appearance: {
        title: 'Ask the gardener',
        greeting: 'Hello! What would you like to know about your garden?',
        placeholder: 'Ask about roses…',
        primaryColor: '#8a1c4a',
      },
    });
    shop(publicId, 'data-visitor-name="Grace"');
    const pieces = [
      'Roses are watered ',
      'every three days in summer [1].\n\n',
      '<img src=x onerror=alert(1)> is no picture. ',
      'See https://example.com/roses.',
    ];
    models.script({ deltas: pieces, gapMs: 700 });
    await visit();
    expect(await chat().getByRole('heading').textContent()).toBe('Ask the gardener');
    await chat().getByText('Hello! What would you like to know').waitFor();
    await picture('1-greeting');

    await say('How often are roses watered in summer?');
    await bubbles('ASSISTANT').getByText('Roses are watered').waitFor();
    const early = await bubbles('ASSISTANT').textContent();
    await picture('2-streaming');
    await chat().getByText('Sources (1)').waitFor();
    const whole = (await bubbles('ASSISTANT').textContent()) ?? '';
    expect(early?.length).toBeLessThan(whole.length);
    expect(whole).toContain('<img src=x onerror=alert(1)> is no picture.');
    expect(await chat().locator('.list img').count()).toBe(0);
    expect(await bubbles('ASSISTANT').getByRole('link').getAttribute('href')).toBe('https://example.com/roses');
    await chat().getByText('Sources (1)').click();
    expect(await chat().locator('details li').textContent()).toContain('The rose book');
    const rated = page.waitForResponse((response) => response.url().endsWith('/feedback'));
    await chat().getByRole('button', { name: 'Good answer' }).click();
    await chat().locator('[aria-label="Good answer"][aria-pressed=true]').waitFor();
    // The thumb is pressed before that is stored.
    expect((await rated).ok()).toBe(true);
    await picture('3-answered');

    await page.reload();
    await page.getByRole('button', { name: 'Open the chat' }).click();
    await chat().getByText('Sources (1)').waitFor();
    expect(await bubbles('USER').allTextContents()).toEqual(['How often are roses watered in summer?']);
    expect(await bubbles('ASSISTANT').textContent()).toBe(whole);
    expect(await chat().locator('[aria-label="Good answer"]').getAttribute('aria-pressed')).toBe('true');
    const given = await inOrganization(() => database.select().from(feedback));
    expect(given.map(({ userId, score }) => ({ userId, score }))).toEqual([{ userId: null, score: 1 }]);
    expect(complaints).toEqual([]);
  }, 60_000);

  test('a person takes over, and what they write appears', async () => {
    const { publicId } = await widgetIn(ada, workspaceId, { allowedOrigins: [site.origin], allowHandover: true });
    shop(publicId);
    await visit();
    await chat().getByRole('button', { name: 'Talk to a person' }).click();
    await chat().getByText('A person has been asked to answer').waitFor();
    await say('Is anybody there?');
    await bubbles('USER').getByText('Is anybody there?').waitFor();
    const [conversation] = await inOrganization(() =>
      database
        .select()
        .from(conversations)
        .orderBy(sql`${conversations.createdAt} desc`)
        .limit(1),
    );
    await unitOf(bed, ada.organizationId).transact(async () => {
      await database.insert(messages).values({
        organizationId: uuidOf(ada.organizationId),
        workspaceId: uuidOf(workspaceId),
        conversationId: conversation?.id ?? '',
        role: 'AGENT',
        senderId: uuidOf(ada.userId),
        content: 'Yes, I am. How can I help?',
        createdAt: sql`clock_timestamp()`,
      });
      await database
        .update(conversations)
        .set({ waitingSince: null, assignedToId: uuidOf(ada.userId) })
        .where(eq(conversations.id, conversation?.id ?? ''));
    });
    await bubbles('AGENT').getByText('Yes, I am. How can I help?').waitFor();
    await chat().getByText('A person is answering.').waitFor();
    await picture('4-person');
    expect(complaints).toEqual([]);
  }, 60_000);

  test('it is used by keyboard, from right to left, and on a small screen', async () => {
    const { publicId } = await widgetIn(ada, workspaceId, {
      allowedOrigins: [site.origin],
      appearance: { primaryColor: '#ffd54a' },
    });
    shop(publicId, '', '<html lang="ar" dir="rtl">');
    await page.goto(site.origin);
    const launcher = page.getByRole('button', { name: 'Open the chat' });
    await launcher.focus();
    await page.keyboard.press('Enter');
    const focused = () => page.evaluate('document.activeElement.shadowRoot?.activeElement?.tagName');
    expect(await focused()).toBe('TEXTAREA');
    expect((await chat().boundingBox())?.x).toBeLessThan(100);
    models.script({ deltas: ['تُسقى الورود كل ثلاثة أيام.'] });
    await say('كم مرة تُسقى الورود؟');
    await bubbles('ASSISTANT').getByText('كل ثلاثة').waitFor();
    await picture('5-right-to-left');
    await page.keyboard.press('Escape');
    await chat().waitFor({ state: 'hidden' });
    expect(await focused()).toBe('BUTTON');
    await page.setViewportSize({ width: 390, height: 700 });
    await page.getByRole('button', { name: 'Open the chat' }).click();
    expect(await chat().boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 700 });
    await picture('6-small');
    await page.setViewportSize({ width: 1280, height: 800 });
    expect(complaints).toEqual([]);
  }, 60_000);

  test('a failed answer and a refusal are told, and what was typed is not lost', async () => {
    const { id, publicId } = await widgetIn(ada, workspaceId, { allowedOrigins: [site.origin] });
    shop(publicId);
    await visit();
    models.script({ status: 400 });
    await say('Hello?');
    await chat().getByText('The answer could not be given; try again.').waitFor();
    await ada.want('mutation ($id: ID!) { disableEmbedWidget(input: { id: $id }) { embedWidget { id } } }', { id });
    await say('And now?');
    await chat().getByRole('alert').getByText('This chat is switched off at the moment.').waitFor();
    expect(await chat().getByRole('textbox').inputValue()).toBe('And now?');
    await picture('7-refused');
  }, 60_000);

  test('nothing appears on a page that the widget does not allow', async () => {
    const { publicId } = await widgetIn(ada, workspaceId, { allowedOrigins: ['https://example.com'] });
    shop(publicId);
    const refused = page.waitForEvent('console', (message) => message.text().startsWith('Tessera:'));
    await page.goto(site.origin);
    await refused;
    expect(await page.locator('#tessera-chat').count()).toBe(0);
    const blocked: Data = await page.evaluate(
      (url) =>
        fetch(url).then(
          () => 'answered',
          () => 'refused',
        ),
      `${bed.url}/embed/${publicId}`,
    );
    expect(blocked).toBe('refused');
  }, 60_000);
});
