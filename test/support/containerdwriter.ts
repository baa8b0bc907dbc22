/** Writes containerd's log of pods as its CRI plugin does, for tests; imports nothing from src. Checked against the recordings in test/containerd. */

export interface Call {
  readonly verb: 'RunPodSandbox' | 'CreateContainer' | 'StartContainer';
  readonly container: string;
  readonly from: bigint;
  readonly to: bigint;
}

/** One pod as it truly was. */
export interface WrittenPod {
  readonly sandbox: string;
  readonly containers: readonly string[];
  readonly calls: readonly Call[];
}

export interface PodPlan {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly attempt: number;
  readonly sandbox: string;
  readonly containers: readonly string[];
  /** When it begins, and how long each of its steps takes, in ns. */
  readonly at: bigint;
  readonly steps: readonly bigint[];
}

export interface Writing {
  /** `struct` up to 2.1, `protobuf` from 2.2 on, with one blank or two. */
  readonly metadata: 'struct' | 'protobuf' | 'protobuf, two blanks';
  readonly format: 'text' | 'json';
  readonly debug: boolean;
}

interface Line {
  readonly time: bigint;
  readonly text: string;
}

const stamp = (time: bigint): string => `${new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19)}.${String(time % 1_000_000_000n).padStart(9, '0')}Z`;

function line({ format }: Writing, time: bigint, level: string, msg: string, fields: Readonly<Record<string, string>> = {}): Line {
  if (format === 'json') return { time, text: JSON.stringify({ ...fields, level, msg, time: stamp(time) }) };
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${/^[\w./@^+-]+$/.test(value) ? value : JSON.stringify(value)}`).join('');
  return { time, text: `time="${stamp(time)}" level=${level} msg=${JSON.stringify(msg)}${rest}` };
}

function metadata({ metadata: form }: Writing, kind: string, fields: readonly (readonly [string, string | number])[]): string {
  if (form === 'struct') return `&${kind}Metadata{${fields.map(([name, value]) => `${name}:${value},`).join('')}}`;
  const gap = form === 'protobuf' ? ' ' : '  ';
  return fields.filter(([, value]) => value !== 0).map(([name, value]) => `${name.toLowerCase()}:${typeof value === 'number' ? value : JSON.stringify(value)}`).join(gap);
}

/** The lines of one pod in order, and what they mean. */
export function writePod(plan: PodPlan, writing: Writing): { readonly lines: readonly Line[]; readonly pod: WrittenPod } {
  const { name, uid, namespace, attempt, sandbox, containers, at, steps } = plan;
  const lines: Line[] = [];
  const calls: Call[] = [];
  let now = at;
  let step = 0;
  const pass = (): bigint => (now += steps[step++ % steps.length] ?? 1n);
  const say = (msg: string, fields?: Readonly<Record<string, string>>, level = 'info'): bigint => {
    if (level !== 'debug' || writing.debug) lines.push(line(writing, now, level, msg, fields));
    return now;
  };
  const call = (verb: Call['verb'], container: string, asked: string, answered: string, between: () => void): void => {
    const from = say(asked);
    between();
    pass();
    calls.push({ verb, container, from, to: say(answered) });
    pass();
  };
  const meta = metadata(writing, 'PodSandbox', [['Name', name], ['Uid', uid], ['Namespace', namespace], ['Attempt', attempt]]);
  call('RunPodSandbox', sandbox, `RunPodSandbox for ${meta}`, `RunPodSandbox for ${meta} returns sandbox id "${sandbox}"`, () => {
    pass();
    say(`generated id for sandbox name "${name}_${namespace}_${uid}_${attempt}"`, { podsandboxid: sandbox }, 'debug');
    pass();
    say('begin cni setup', { podsandboxid: sandbox }, 'debug');
    pass();
    say('cni result: {}', { podsandboxid: sandbox }, 'debug');
  });
  for (const [index, container] of containers.entries()) {
    const own = metadata(writing, 'Container', [['Name', `app-${index}`], ['Attempt', attempt]]);
    call('CreateContainer', container, `CreateContainer within sandbox "${sandbox}" for container ${own}`, `CreateContainer within sandbox "${sandbox}" for ${own} returns container id "${container}"`, () => undefined);
    call('StartContainer', container, `StartContainer for "${container}"`, `StartContainer for "${container}" returns successfully`, () => undefined);
  }
  return { lines, pod: { sandbox, containers, calls } };
}
