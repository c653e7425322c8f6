import pLimit from 'p-limit';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { globalId } from '../../ids.ts';
import type { Run } from '../../queue/queue.ts';
import { webhookTried } from '../../telemetry/happenings.ts';
import type { Work } from '../services.ts';
import { beginSending, claim, keepSending, nextDue, senderMs, stopSending, type Claimed } from './webhook-claiming.ts';
import { fanOutStale } from './webhook-fan-out.ts';
import { recordTries, type Tried } from './webhook-recording.ts';
import { send } from './webhook-request.ts';
import { sendSoon } from './webhook-sending-soon.ts';
import { signerOf } from './webhook-signing.ts';

/** Requests to one server at a time. */
const sideBySide = 20;
/** A webhook with more to send than that takes its place behind the others. */
const turnMs = 20_000;
/** What is due later than that is found by the clock. */
const soonMs = 60_000;

/** Sends what is due of a webhook, in goes, until nothing is or its turn is over. One sender at a time; what it holds when it crashes is sent again. */
export const sendWebhook = async (work: Work, data: Readonly<Record<string, unknown>>, { signal }: Run) => {
  const { unit, services } = work;
  const webhookId = String(data.webhookId);
  await fanOutStale(unit, services, signal);
  const place = await beginSending(unit, webhookId);
  // Had its sender crashed, nobody else would come before the clock does.
  if (place === 'TAKEN')
    await unit.transact(() => sendSoon(unit, services.queue, [webhookId], Math.ceil(senderMs / 1000) + 1));
  if (place !== 'BEGUN') return undefined;
  const alive = setInterval(() => {
    // In a unit of its own, for this one may be in a transaction. What fails shows in the next go.
    void keepSending(unit.as(unit.scope), webhookId).catch(() => undefined);
  }, senderMs / 3);
  try {
    return await takeTurn(work, webhookId, signal);
  } finally {
    clearInterval(alive);
  }
};

const takeTurn = async (work: Work, webhookId: string, signal: AbortSignal) => {
  const { unit, services } = work;
  const told = { delivered: 0, failed: 0 };
  const until = Date.now() + turnMs;
  while (!signal.aborted && Date.now() < until) {
    const claimed = await claim(unit, webhookId);
    if (claimed === null) {
      await comeBack(unit, services, webhookId);
      return told;
    }
    const tries = await sendAll(work, claimed);
    await recordTries(unit, webhookId, tries);
    const failed = tries.filter(({ outcome }) => outcome.error !== null).length;
    told.failed += failed;
    told.delivered += tries.length - failed;
  }
  await unit.transact(async () => {
    await stopSending(unit, webhookId);
    await sendSoon(unit, services.queue, [webhookId]);
  });
  return told;
};

const sendAll = async ({ services }: Work, { url, signing, deliveries }: Claimed): Promise<Tried[]> => {
  const sign = await signerOf(services.keyRing, signing);
  const limit = pLimit(sideBySide);
  return limit.map([...deliveries], async (delivery) => {
    const body = JSON.stringify(delivery.payload);
    const headers = sign(globalId('WebhookDelivery', delivery.id), new Date(), body);
    const outcome = await send(services.outbound, url, body, headers);
    webhookTried.tell({ outcome: outcome.error === null ? 'delivered' : 'failed', durationMs: outcome.durationMs });
    return { delivery, outcome };
  });
};

/** Has the next tries made in time, where the clock would be late. */
const comeBack = async (unit: UnitOfWork, { queue }: Work['services'], webhookId: string): Promise<void> => {
  const ms = await nextDue(unit, webhookId);
  if (ms === null || ms > soonMs) return;
  await unit.transact(() => sendSoon(unit, queue, [webhookId], Math.max(1, Math.ceil(ms / 1000))));
};
