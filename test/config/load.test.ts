import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { defaultConfig } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Loaded } from '../../src/config/loaded.ts';
import { formatComplaint, formatComplaints } from '../../src/config/message.ts';
import { SCHEMA } from '../../src/config/schema.ts';

const parse = (text: string, env: Record<string, string> = {}): Loaded => parseConfig(text, 'c.yaml', env);
/** First lines of all complaints. */
const said = (text: string, env: Record<string, string> = {}): string[] =>
  parse(text, env).complaints.map((complaint) => formatComplaint(complaint).split('\n')[0] ?? '');

describe('what is right', () => {
  test.each(['', '\n', '# only a comment\n', '---\n', '~', '\ufeff', '{}', 'otlp:\nlog:\n  level:\nsources:\n'])('%j says nothing', (text) => {
    expect(parse(text)).toMatchObject({ config: defaultConfig, complaints: [] });
  });

  test('everything at once', () => {
    const { config, complaints } = parse(`
sources:
  - file: /a.log
  - {file: [/b/*.log, "/c.log"], runtime: urunc, scheme: 0.70, trust: any, owner: 1000, links: follow}
from: end
otlp: {endpoint: "https://tempo:4317", headers: {Authorization: Bearer x, x-a: "1"}, timeout: 1m30s, compression: gzip, tls: {ca: /ca, cert: /c, key: /k}}
state_dir: /state
host_id: 0123
settle: 1.5s
exit_within: 1s
patience: 5m
lateness: {file: 0s, command: 2s}
events: [k8s.io, moby]
containerd_socket: /run/k3s/c.sock
commands:
  - {name: docker, command: [docker, events], runtime: urunc, scheme: "0.7"}
  - {name: one, command: /bin/one}
rotate_grace: 1h
sweep: 500ms
limits: {held_deleted: 2GiB, command_spool: 1MiB}
queue: {memory: 64MiB, spool: 1GiB}
dead_letter: {max: 1MB}
store: {enabled: false, keep: 2d12h, max: 100MB}
links: {jaeger: http://jaeger:16686/base, grafana: https://grafana, grafana_source: traces}
metrics: {listen: "[::1]:9999"}
alerts:
  - {name: a, runtime: urunc, phase: create, above: 1.5x p95 of 7d, min_samples: 20, severity: critical, cooldown: 0s, notify: [w]}
  - {name: b, above: 1s, open: true}
  - {name: c, on: error, notify: j}
notify:
  - {name: w, webhook: "https://h/x?y=z", headers: {Authorization: hush}}
  - {name: am, alertmanager: http://localhost:9093/base}
  - {name: c, command: [/bin/x, -y]}
  - {name: j, journal: true}
resource: {z: 1, a: x, m: true}
telemetry: true
log: {level: debug, format: json}
`);
    expect(complaints).toEqual([]);
    expect(config).toEqual({
      sources: [
        { files: ['/a.log'], journal: undefined, runtime: undefined, scheme: undefined, trust: 'owner', owner: undefined, links: 'refuse' },
        { files: ['/b/*.log', '/c.log'], journal: undefined, runtime: 'urunc', scheme: '0.70', trust: 'any', owner: 1000, links: 'follow' },
      ],
      events: ['k8s.io', 'moby'], containerdSocket: '/run/k3s/c.sock',
      commands: [{ name: 'docker', argv: ['docker', 'events'], runtime: 'urunc', scheme: '0.7' }, { name: 'one', argv: ['/bin/one'], runtime: undefined, scheme: undefined }],
      from: 'end',
      otlp: {
        endpoint: 'https://tempo:4317', headers: [['authorization', 'Bearer x'], ['x-a', '1']], timeout: 90e9, compression: 'gzip',
        tls: { ca: '/ca', cert: '/c', key: '/k' },
      },
      stateDir: '/state', hostId: '0123', settle: 1.5e9, exitWithin: 1e9, patience: 300e9, lateness: { file: 0, journal: 400e6, command: 2e9 }, rotateGrace: 3600e9, sweep: 5e8,
      limits: { heldDeleted: 2 ** 31, commandSpool: 2 ** 20 }, queue: { memory: 64 * 2 ** 20, spool: 2 ** 30 }, deadLetter: { max: 1e6 }, store: { enabled: false, keep: 60 * 3600e9, max: 1e8 },
      links: { jaeger: 'http://jaeger:16686/base', grafana: 'https://grafana', grafanaSource: 'traces' },
      metrics: { listen: '[::1]:9999' },
      alerts: [
        {
          name: 'a', on: 'slow', runtime: 'urunc', phase: 'create', above: { kind: 'relative', factor: 1.5, percentile: 95, window: 7 * 86_400e9 }, minSamples: 20,
          open: false, severity: 'critical', cooldown: 0, notify: ['w'],
        },
        { name: 'b', on: 'slow', runtime: undefined, phase: 'total', above: { kind: 'fixed', limit: 1e9 }, minSamples: 50, open: true, severity: 'warning', cooldown: 600e9, notify: undefined },
        { name: 'c', on: 'error', runtime: undefined, phase: 'total', above: undefined, minSamples: 50, open: false, severity: 'warning', cooldown: 600e9, notify: ['j'] },
      ],
      notify: [
        { name: 'w', kind: 'webhook', url: 'https://h/x?y=z', headers: [['authorization', 'hush']] }, { name: 'am', kind: 'alertmanager', url: 'http://localhost:9093/base', headers: [] },
        { name: 'c', kind: 'command', argv: ['/bin/x', '-y'] }, { name: 'j', kind: 'journal' },
      ],
      resource: [['a', 'x'], ['m', true], ['z', 1]], telemetry: true, log: { level: 'debug', format: 'json' },
    });
  });

  test('variables: set, default, empty, doubled dollar; what they hold is not looked at again', () => {
    const { config, complaints } = parse(
      'host_id: "${env:A}-${env:B:-b}-$$-$x"\nstate_dir: ${env:C:-}\ntelemetry: ${env:T:-true}\nsettle: "${env:S}"\notlp:\n  endpoint: ${env:U:-http://h:1}\n',
      { A: '${env:S}', S: '3s', T: 'true' });
    expect(complaints).toEqual([]);
    expect(config).toMatchObject({ hostId: '${env:S}-b-$-$x', stateDir: undefined, telemetry: true, settle: 3e9, otlp: { endpoint: 'http://h:1' } });
  });

  test('aliases are followed', () => {
    expect(parse('settle: &x 3s\npatience: *x\nsources: [{file: &f [/a, /b]}, {file: *f}]\n')).toMatchObject({
      complaints: [], config: { settle: 3e9, patience: 3e9, sources: [{ files: ['/a', '/b'] }, { files: ['/a', '/b'] }] },
    });
  });
});

describe('what is wrong, and where', () => {
  test.each([
    // unknown keys
    ['sources:\n  - file: /a\n    runtme: x\n', 'c.yaml:3:5  error  sources[0].runtme: unknown key. Did you mean "runtime"?'],
    ['otlp:\n  tls:\n    crt: x\n', 'c.yaml:3:5  error  otlp.tls.crt: unknown key. Did you mean "cert"?'],
    ['\nendpoint: x\n', 'c.yaml:2:1  error  endpoint: unknown key. Did you mean "otlp.endpoint"?'],
    ['queue: {zzz: 1}', 'c.yaml:1:9  error  queue.zzz: unknown key. Known here: memory, spool.'],
    ['__proto__: 1', /^c\.yaml:1:1  error  __proto__: unknown key\. Known here: sources, events, containerd_socket, commands, from,/],
    ['? [a]\n: 1\n', 'c.yaml:1:3  error  a key must be plain text.'],
    ['sweep: 1s\r\nsweep: 2s\r\n', 'c.yaml:2:1  error  sweep: stands twice; first in line 1.'],
    // wrong types
    ['settle: [1s]', 'c.yaml:1:9  error  settle: a list, where a duration is expected. Write 1s, 800ms or 1m30s.'],
    ['settle:\n  a: 1\n', 'c.yaml:2:3  error  settle: a mapping, where a duration is expected. Write 1s, 800ms or 1m30s.'],
    ['queue: 5', 'c.yaml:1:8  error  queue: a single value, where a mapping (key: value) is expected.'],
    ['log:\n- a\n', 'c.yaml:1:1  error  log: a list, where a mapping (key: value) is expected.'],
    ['sources: /a', 'c.yaml:1:10  error  sources: a single value, where a list is expected. Put "- " in front of each item.'],
    ['sources:\n  - /a\n', 'c.yaml:2:5  error  sources[0]: a single value, where a mapping (key: value) is expected.'],
    ['sources: [~]', 'c.yaml:1:11  error  sources[0]: is empty. Write file: ...'],
    ['sources:\n  - runtime: kata\n', 'c.yaml:2:5  error  sources[0]: file is missing. Files to follow: a path or glob pattern, or a list of them; or journal.'],
    ['sources: [{file: []}]', 'c.yaml:1:18  error  sources[0].file: is empty. Write "/var/log/x/*.log" or ["/a.log", "/b.log"].'],
    ['sources: [{file: [/a, {b: 1}]}]', 'c.yaml:1:23  error  sources[0].file[1]: a mapping, where a text is expected. Write a text.'],
    ['sources: [{file: /a, owner: root}]', 'c.yaml:1:29  error  sources[0].owner: "root" is not a whole number.'],
    ['sources: [{file: /a, owner: -1}]', 'c.yaml:1:29  error  sources[0].owner: -1 is not from 0 to 4294967294.'],
    ['telemetry: yes', 'c.yaml:1:12  error  telemetry: "yes" is neither true nor false.'],
    ['from: begining', 'c.yaml:1:7  error  from: "begining" is none of beginning, end, -DURATION. Did you mean "beginning"?'],
    ['host_id: ""', 'c.yaml:1:10  error  host_id: is empty. Write a text.'],
    // events and commands
    ['events: [a/b]', 'c.yaml:1:9  error  events: "a/b" is no namespace of containerd. Write all, off, or names such as default, k8s.io, moby.'],
    ['events: [off, moby]', 'c.yaml:1:9  error  events: "off" stands alone, without other names.'],
    ['commands: [{name: a}]', 'c.yaml:1:12  error  commands[0]: command is missing. A program and its arguments, a list; each line that it writes is read.'],
    ['commands: [{name: a/b, command: x}]', 'c.yaml:1:19  error  commands[0].name: "a/b" is not a name: letters, digits, "-" and "_", at most 64, a letter first.'],
    ['commands: [{name: a, command: x}, {name: a, command: y}]', 'c.yaml:1:42  error  commands[1].name: "a" stands twice.'],
    ['commands: [{name: containerd-events, command: x}]', 'c.yaml:1:19  error  commands[0].name: "containerd-events" is the name of containerd\'s own events: see events. Choose another one.'],
    ['commands: [{name: a, command: docker events}]', 'c.yaml:1:31  error  commands[0].command: is one text, and no shell takes it apart. Write ["docker", "events", ...].'],
    // durations and sizes
    ['settle: 1sec', 'c.yaml:1:9  error  settle: "1sec" is not a duration. Write 1s, 800ms or 1m30s.'],
    ['settle: -1s', 'c.yaml:1:9  error  settle: "-1s" is not a duration. Write 1s, 800ms or 1m30s.'],
    ['settle: 10', 'c.yaml:1:9  error  settle: "10" has no unit. Write 10s or 10ms.'],
    ['sweep: 0s', 'c.yaml:1:8  error  sweep: "0s" is too short: at least 50ms.'],
    ['settle: 2m', 'c.yaml:1:9  error  settle: "2m" is too long: at most 1m.'],
    ['queue: {memory: 32 megs}', 'c.yaml:1:17  error  queue.memory: "32 megs" is not a size. Write 32MiB or 64KiB.'],
    ['queue: {memory: 32}', 'c.yaml:1:17  error  queue.memory: "32" has no unit. Write 32MiB or 32KiB.'],
    ['queue: {memory: 1KiB}', 'c.yaml:1:17  error  queue.memory: "1KiB" is too small: at least 1MiB.'],
    ['dead_letter: {max: 2TiB}', 'c.yaml:1:20  error  dead_letter.max: "2TiB" is too large: at most 1TiB.'],
    // URLs
    ['otlp: {endpoint: "localhost:4317"}', 'c.yaml:1:18  error  otlp.endpoint: "localhost:4317" is not a URL. Write http://localhost:4317 or https://localhost:4317.'],
    ['otlp: {endpoint: "ftp://x"}', 'c.yaml:1:18  error  otlp.endpoint: "ftp://x" is not a URL. Write http://localhost:4317 or https://localhost:4317.'],
    ['otlp: {endpoint: "http://h:1/v1/traces"}', 'c.yaml:1:18  error  otlp.endpoint: "http://h:1/v1/traces" has a path, and OTLP over gRPC takes none. Write http://h:1'],
    ['links: {jaeger: "http://h/?a"}', 'c.yaml:1:17  error  links.jaeger: "http://h/?a" has a query or a fragment. Write only http://host:port.'],
    ['otlp: {endpoint: "http://h:4318"}', 'c.yaml:1:18  warning  otlp.endpoint: 4318 is the usual port of OTLP over HTTP; shimtrace speaks gRPC, whose usual port is 4317.'],
    // headers, attributes, TLS
    ['otlp: {headers: {a b: x}}', 'c.yaml:1:18  error  otlp.headers.a b: is not the name of a header. Write letters, digits, "-", "_" and "." only.'],
    ['otlp: {headers: {grpc-x: x}}', 'c.yaml:1:18  error  otlp.headers.grpc-x: is reserved by gRPC.'],
    ['otlp: {headers: {a: [x]}}', 'c.yaml:1:18  error  otlp.headers.a: has no text as its value.'],
    ['otlp: {headers: {a: x, A: y}}', 'c.yaml:1:24  error  otlp.headers.A: stands twice; case does not count.'],
    ['otlp: {headers: x}', 'c.yaml:1:17  error  otlp.headers: a single value, where a mapping (key: value) is expected.'],
    ['resource: {service.name: x}', 'c.yaml:1:12  error  resource.service.name: is set by shimtrace for each component.'],
    ['resource: {a: 1.5}', 'c.yaml:1:15  error  resource.a: is not a whole number. Put it in quotes to send it as text.'],
    ['resource: {a: [1]}', 'c.yaml:1:12  error  resource.a: has no text, whole number, true or false as its value.'],
    ['otlp: {tls: {cert: /c}}', 'c.yaml:1:20  error  otlp.tls.cert: needs otlp.tls.key beside it.'],
    ['otlp: {tls: {key: /k}}', 'c.yaml:1:19  error  otlp.tls.key: needs otlp.tls.cert beside it.'],
    ['otlp: {tls: {ca: /c}, endpoint: "http://h"}', 'c.yaml:1:33  warning  otlp.endpoint: http:// sends in clear, and otlp.tls is not used. Write https://'],
    // variables
    ['host_id: ${env:NOPE}', 'c.yaml:1:10  error  host_id: environment variable NOPE is not set. Set it, or give a default: ${env:NOPE:-default}'],
    ['host_id: ${env:toString}', /environment variable toString is not set/],
    ['host_id: ${NAME}', 'c.yaml:1:10  error  host_id: "${" begins no reference that is known here. Write ${env:NAME:-default}, or $$ for a dollar sign.'],
    // the file as a whole
    ['- a', 'c.yaml:1:1  error  the file holds a list, where settings (key: value) are expected.'],
    ['hello', 'c.yaml:1:1  error  the file holds a single value, where settings (key: value) are expected.'],
    ['log:\n\tlevel: info\n', 'c.yaml:2:1  error  a tab indents this line. YAML takes spaces only.'],
    ['settle: 1s\n---\nsettle: 2s\n', 'c.yaml:2:1  error  a second document begins here. Write one document (no ---).'],
    ['settle: "1s', /^c\.yaml:1:12  error  not YAML: Missing closing "quote/],
    ['settle: *x', 'c.yaml:1:9  error  settle: an alias (*name) of nothing that stands before it. For a pattern write quotes: "*.log".'],
    ['settle: !foo 1s', /^c\.yaml:1:9  warning  Unresolved tag: !foo/],
    ['#'.repeat(300_000), 'c.yaml:1:1  error  the file is larger than 256 KiB; this is no configuration of shimtrace.'],
    ['['.repeat(50_000), /nested too deeply/],
  ])('%.60j', (text, expected) => {
    const first = said(text)[0];
    if (typeof expected === 'string') expect(first).toBe(expected);
    else expect(first).toMatch(expected);
  });

  test('all complaints in order of the file; what is right still counts', () => {
    const { config, complaints } = parse('settle: 1sec\npatience: 5s\nlog: {level: loud}\nbogus: 1\n');
    expect(complaints.map(({ origin }) => (origin.kind === 'file' ? origin.line : 0))).toEqual([1, 3, 4]);
    expect(config).toMatchObject({ settle: defaultConfig.settle, patience: 5e9, log: { level: 'info' } });
  });

  test('with an excerpt, a caret and a count', () => {
    const { complaints } = parse('otlp:\n  endpont: x\n  timeout: 1sec\n');
    expect(formatComplaints(complaints)).toBe(`\
c.yaml:2:3  error  otlp.endpont: unknown key. Did you mean "endpoint"?
    1 | otlp:
    2 |   endpont: x
      |   ^^^^^^^
c.yaml:3:12  error  otlp.timeout: "1sec" is not a duration. Write 1s, 800ms or 1m30s.
    2 |   endpont: x
    3 |   timeout: 1sec
      |            ^^^^
2 errors.
`);
    expect(formatComplaints([])).toBe('');
  });

  test('no secret and no control character is shown', () => {
    const header = formatComplaints(parse('otlp:\n  headers:\n    x-scope: hush\n  timout: 1s\n').complaints);
    expect(header).toContain('otlp.timout');
    const token = formatComplaints(parse('otlp:\n  headers:\n    x-scope: hush\u00e9\nlog: {level: x}\n').complaints);
    const broken = formatComplaints(parse('otlp: {headers: {authorization: Bearer hush').complaints);
    const inUrl = formatComplaints(parse('otlp: {endpoint: "http://me:hush@h"}').complaints.map((each) => ({ ...each, excerpt: undefined })));
    for (const text of [header, token, broken, inUrl]) expect(text).not.toContain('hush');
    expect(formatComplaints(parse('from: "\\e[31m\u202e"\n').complaints)).not.toMatch(/\x1b|\u202e/);
  });
});

describe('hostile files', () => {
  test('a billion laughs is a few complaints', () => {
    const list = (name: string, of: string): string => `  - &${name} [${Array.from({ length: 9 }, () => of).join(', ')}]\n`;
    const text = `sources:\n${list('a', 'x')}${list('b', '*a')}${list('c', '*b')}${list('d', '*c')}  - {file: *d}\n`;
    expect(said(text).length).toBeLessThan(30);
    const wide = `settle: &a 1s\nsources: [${Array.from({ length: 500 }, () => '{file: *a}').join(', ')}]\n`;
    expect(said(wide)).toEqual([expect.stringContaining('more aliases (*name) than a configuration needs.')]);
    const wrong = said(Array.from({ length: 900 }, (_, index) => `x${index}: 1\n`).join(''));
    expect([wrong.length, wrong.at(-1)]).toEqual([51, 'c.yaml:51:1  error  and more of the kind.']);
    const many = `sources: [${Array.from({ length: 9000 }, () => '{file: x}').join(', ')}]\n`;
    expect(said(many)).toEqual([expect.stringContaining('the file unfolds to too many values.')]);
  });

  test('circles end', () => {
    expect(said('sources: &a [*a]')).toEqual(['c.yaml:1:14  error  sources[0]: a list, where a mapping (key: value) is expected.']);
    expect(() => said('&a otlp: *a\nresource: &b {x: *b}\nqueue: &c {memory: *c}')).not.toThrow();
  });

  const word = fc.constantFrom(...SCHEMA.flatMap(({ path }) => path.split('.')), 'file', 'runtime', 'x', '*a', '&a 1', '${env:A', '${env:A}', '1s', '32MiB', '<<', '!!int z', '"', '~');
  const glue = fc.constantFrom(': ', ':\n  ', '\n', '\n- ', '\n  - ', ', ', '{', '}', '[', ']', '\t', ' ', '\n---\n', '|\n', '? ', '# ');
  const yamlish = fc.array(fc.oneof(word, glue), { maxLength: 40 }).map((parts) => parts.join(''));

  test('property: nothing throws, every complaint has its place and can be shown', () => {
    fc.assert(fc.property(fc.oneof(yamlish, fc.string({ unit: 'binary' }), fc.string()), (text) => {
      const { config, complaints } = parse(text, { A: 'v' });
      const lines = text.split('\n').length;
      for (const { origin } of complaints) {
        expect(origin.kind === 'file' && origin.line >= 1 && origin.line <= lines && origin.column >= 1).toBe(true);
      }
      expect(formatComplaints(complaints)).not.toMatch(/[^\P{Cc}\n]/u);
      expect(config.settle).toBeGreaterThanOrEqual(0);
    }), { numRuns: 1500 });
  });
});

describe('deploy/shimtrace.example.yaml', () => {
  const example = readFileSync(new URL('../../deploy/shimtrace.example.yaml', import.meta.url), 'utf8');
  const settings = example.split('\n').filter((line) => /^#(\S| {2,}\S)/.test(line)).map((line) => line.slice(1));

  test('says nothing as it is', () => {
    expect(parse(example)).toMatchObject({ config: defaultConfig, complaints: [] });
    for (const line of example.split('\n')) expect(line).toMatch(/^(#.*)?$/);
  });

  test('is right with every line of settings', () => {
    expect(said(settings.join('\n'))).toEqual(['c.yaml:15:13  warning  otlp.endpoint: http:// sends in clear, and otlp.tls is not used. Write https://']);
  });

  const indent = (line: string): number => line.search(/\S/);
  test.each(settings.map((line, index) => [line, index] as const))('is right with the one line %j, below what holds it', (line, index) => {
    const above: string[] = [];
    let depth = indent(line);
    for (const earlier of settings.slice(0, index).toReversed()) {
      if (indent(earlier) < depth) {
        above.unshift(earlier);
        depth = indent(earlier);
      }
    }
    const alone = said([...above, line].join('\n')).filter((each) => !each.includes('beside it'));
    expect(alone).toEqual([]);
  });

  test('shows every setting, with its default', () => {
    const { settings: chosen } = parse(settings.join('\n').replace(/^ +(ca|cert|key):.*\n/gm, ''));
    for (const { path, default: preset } of SCHEMA) {
      if (path.startsWith('otlp.tls.')) continue;
      expect(chosen.get(path)?.origin.kind, path).toBe('file');
      if (preset !== undefined && !['sources', 'commands', 'otlp.headers', 'resource', 'alerts', 'notify'].includes(path)) expect(chosen.get(path)?.value, path).toEqual(preset);
    }
  });
});
