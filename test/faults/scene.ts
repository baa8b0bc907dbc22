/** A folder, a receiver and daemons between the two, for faults of the state. */
import { hash } from 'node:crypto';
import { Folder } from '../support/files.ts';
import { spansOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { start, text } from '../support/uruncwriter.ts';
import { Daemon, until } from './program.ts';

const AT = 1_795_216_000_000_000_000n;

export class Scene implements AsyncDisposable {
  readonly folder = new Folder();
  readonly receiver: Receiver;
  readonly #daemons: Daemon[] = [];

  private constructor(receiver: Receiver) {
    this.receiver = receiver;
  }

  static async open(): Promise<Scene> {
    return new Scene(await Receiver.start());
  }

  get state(): string {
    return this.folder.at('state');
  }

  daemon(env: NodeJS.ProcessEnv = {}, within: readonly string[] = []): Daemon {
    const args = ['--file', this.folder.at('timestamps.log'), '--state-dir', this.state, '--otlp', this.receiver.url, '--host-id', 'here'];
    const daemon = new Daemon(args, env, within);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Writes the start of `box-<index>`. */
  write(index: number): void {
    this.folder.append('timestamps.log', text(start(new Random(index), { generation: 'D', id: `box-${index}`, at: AT + BigInt(index) * 1_000_000_000n })));
  }

  /** Writes it and waits until the back-end has it. */
  async deliver(index: number, daemon: Daemon): Promise<void> {
    this.write(index);
    await until(10_000, () => this.containers.has(`box-${index}`), () => daemon.said);
  }

  get #spans(): ReturnType<typeof spansOf> {
    return this.receiver.requests.flatMap(({ bytes }) => spansOf(bytes));
  }

  /** Those of which a trace has come. */
  get containers(): ReadonlySet<unknown> {
    return new Set(this.sent);
  }

  /** The container of each trace, as often as it came. */
  get sent(): readonly unknown[] {
    return this.#spans.filter(({ parent }) => parent === '').map(({ attributes }) => attributes.find(([name]) => name === 'container.id')?.[1]);
  }

  /** Ids of spans that came with different contents: there must be none. */
  get doubles(): string[] {
    const seen = new Map<string, string>();
    return this.#spans.flatMap((span) => {
      const content = hash('sha256', JSON.stringify(span, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
      const known = seen.get(span.spanId) ?? content;
      seen.set(span.spanId, known);
      return known === content ? [] : [span.spanId];
    });
  }

  async stop(daemon: Daemon): Promise<void> {
    daemon.signal('SIGTERM');
    await daemon.ended(10_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons) if (daemon.running) await daemon.kill();
    await this.receiver.stop();
    this.folder.dispose();
  }
}

/** How often the daemon's log names an event. */
export const saidTimes = (daemon: Daemon, event: string): number => daemon.said.split(`"event":"${event}"`).length - 1;
