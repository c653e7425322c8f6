import type { Deployment } from '../../ai/deployment.ts';
import { hashingModel } from '../../search/hashing-embedding.ts';

/** The model that texts and queries are embedded with, and the name its vectors are stored under. */
export const embedder: Deployment = { dialect: 'builtin', model: hashingModel, timeoutMs: 60_000 };
