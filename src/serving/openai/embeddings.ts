import { z } from 'zod';
import { embedTexts } from '../../domains/modelhub/text-embeddings.ts';
import { modelField } from './chat-request.ts';
import { nameOf } from './chat-completions.ts';
import { sendPart, type Program } from './program.ts';
import { metadataFields, readBody, tagsOf } from './request-body.ts';

/** Texts of one request. */
const maxInputs = 2048;
const input = z.string().min(1);

const embeddingsBody = z.object({
  model: modelField,
  input: z.union([input, z.array(input).min(1).max(maxInputs)], {
    error: `A text, or 1 to ${maxInputs} texts, none of them empty; tokens are not taken.`,
  }),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).max(16_384).nullish(),
  metadata: metadataFields,
});

const encoders = {
  float: (vector: readonly number[]) => vector,
  /** Little-endian 32-bit floats, as clients unpack them. */
  base64: (vector: readonly number[]) => {
    const bytes = Buffer.alloc(vector.length * Float32Array.BYTES_PER_ELEMENT);
    for (const [place, value] of vector.entries()) bytes.writeFloatLE(value, place * Float32Array.BYTES_PER_ELEMENT);
    return bytes.toString('base64');
  },
};

/** `POST /v1/embeddings`: one vector for each text, as the model gives it. */
export const embedInput = async ({ request, response, context, signal }: Program): Promise<void> => {
  const body = await readBody(request, embeddingsBody);
  const texts = typeof body.input === 'string' ? [body.input] : body.input;
  const wish = { model: body.model, texts, dimensions: body.dimensions ?? null, tags: tagsOf(request, body.metadata) };
  const { vectors, tokens, callable } = await embedTexts(context, wish, signal);
  const encode = encoders[body.encoding_format ?? 'float'];
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  const end = { model: nameOf(callable), usage: { prompt_tokens: tokens, total_tokens: tokens } };
  // Vector by vector: all of them can have a hundred megabytes.
  for (const [index, vector] of vectors.entries()) {
    const item = JSON.stringify({ object: 'embedding', index, embedding: encode(vector) });
    if (!(await sendPart(response, `${index === 0 ? '{"object":"list","data":[' : ','}${item}`))) return;
  }
  response.end(`],${JSON.stringify(end).slice(1)}`);
};
