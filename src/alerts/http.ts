/** A POST that ends, whatever the other side does. Node's own client: fetch costs 10 MB and follows redirects. */
import type { IncomingMessage } from 'node:http';
import process from 'node:process';
import { brief } from './delivery.ts';
import type { Delivery } from './delivery.ts';

/** Not by `import`: see metrics/server.ts. */
const { request: requestHttp } = process.getBuiltinModule('node:http');
const { request: requestHttps } = process.getBuiltinModule('node:https');

export interface Post {
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** For everything together, in ms. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** Of an answer nothing but its beginning is of interest. */
const MOST_ANSWER = 4_096;
const LONGEST_WAIT_MS = 300_000;

/** Never rejects. Answers of 2xx are deliveries, 5xx, 408, 425 and 429 come again, all others are refusals. */
export function post({ url, headers, body, limit, signal }: Post): Promise<Delivery> {
  return new Promise((resolve) => {
    const target = URL.parse(url);
    if (target === null) return resolve({ kind: 'refused', why: 'its address is no URL' });
    const bytes = Buffer.from(body);
    const send = target.protocol === 'https:' ? requestHttps : requestHttp;
    const call = send(target, {
      method: 'POST', agent: false, signal: AbortSignal.any([signal, AbortSignal.timeout(limit)]),
      headers: { 'content-type': 'application/json', 'content-length': bytes.length, 'user-agent': 'shimtrace', ...Object.fromEntries(headers) },
    });
    let answered: IncomingMessage | undefined;
    // Once its status has come, how the rest of an answer ends changes nothing.
    call.on('error', (error) => resolve(answered === undefined ? { kind: 'failed', why: reason(error, limit) } : judge(answered, '')));
    call.on('response', (answer) => {
      answered = answer;
      void read(answer).then((text) => resolve(judge(answer, text))).finally(() => call.destroy());
    });
    call.end(bytes);
  });
}

/** The beginning of the answer's body; what breaks off is short. */
async function read(answer: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const chunk of answer) {
      text += String(chunk);
      if (text.length >= MOST_ANSWER) break;
    }
  } catch {
    return text; // as far as it came
  }
  return text;
}

function judge(answer: IncomingMessage, text: string): Delivery {
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const why = `it answers ${status}${brief(text) === '' ? '' : `: ${brief(text)}`}`;
  if (status >= 300 && status < 400) return { kind: 'refused', why: `it answers ${status} and points to ${brief(answer.headers.location ?? 'nowhere')}; redirects are not followed: write the address it points to` };
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    const seconds = Number(answer.headers['retry-after']);
    return { kind: 'failed', why, ...(seconds > 0 && { after: Math.min(seconds * 1_000, LONGEST_WAIT_MS) }) };
  }
  return { kind: 'refused', why };
}

function reason(error: Error, limit: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return `no answer within ${limit / 1_000} s`;
  // Of several addresses tried each has its error, and the whole has none.
  return error instanceof AggregateError ? error.errors.map((each) => brief(String(each))).join('; ') : brief(error.message);
}
