// Who writes these lines: urunc (github.com/urunc-dev/urunc) with its timestamps switched on, through zerolog, one JSON
// object a line. Three processes of one start write to one file: `urunc create`, the process it re-executes itself as
// (reexec, which becomes the hypervisor), and `urunc start`. Recorded from urunc 0.2.0 (tag v0.3.0), 0.4.0, 0.5.0,
// 0.6.0+ (2025-11-11) and 0.7.0 (2026-02-06).
//
// What a mark means is what the process that writes it did, not what its name says: 0.7's CR.terminated is written by
// reexec after the CreateContainer hooks, and nothing marks the end of create from 0.6 on.
//
// cTS00 and cTS01 (0.3 only) stand around urunc's own check at every call, kill and delete included: loose.
// Ignored: nothing. Every other line of such a file is unknown.
import { zerolog } from '../syntax/zerolog.ts';
import { absent } from '../model/runtime.ts';
import { between, steps } from '../model/spans.ts';
import type { MarkRule, Runtime, When } from '../model/runtime.ts';

type Mark =
  | 'create invoked' | 'spec read' | 'set up' | 'reexec spawned' | 'pids received' | 'CreateRuntime hooks run' | 'ack sent' | 'create ended'
  | 'reexec invoked' | 'base dir set up' | 'booted sent' | 'ack received' | 'CreateContainer hooks run' | 'start received'
  | 'netns joined' | 'network set up' | 'disk set up' | 'monitor execed'
  | 'start invoked' | 'state read' | 'start sent'
  | 'check begun' | 'check ended';

const unnamed = (id: string): When => ({ timestampID: id, timestampName: absent });
const named = (id: string, name: string): When => ({ timestampID: id, timestampName: name });

/** One line of the table: how 0.3-0.4, 0.5, 0.6 and 0.7 spell a mark; `-` where they do not write it. */
function row(v03: string, v05: string, v06: string, v07: string): MarkRule {
  const [id = '', name = ''] = v07.split(' ');
  return {
    scheme: {
      ...(v03 === '-' ? {} : { '0.3-0.4': unnamed(v03) }),
      ...(v05 === '-' ? {} : { '0.5': unnamed(v05) }),
      ...(v06 === '-' ? {} : { '0.6': unnamed(v06) }),
      ...(v07 === '-' ? {} : { '0.7': named(id, name) }),
    },
  };
}

const check = (id: string): MarkRule => ({ ...row(id, '-', '-', '-'), loose: "urunc's own check, written at every call" });

export const runtime: Runtime<Mark> = {
  name: 'urunc',
  services: { urunc: 'runtime', 'urunc-create': 'runtime', 'urunc-reexec': 'runtime', 'urunc-start': 'runtime' },
  schemes: ['0.3-0.4', '0.5', '0.6', '0.7'],

  sources: [{
    // 0.6 on: `destination` of /etc/urunc/config.toml, by default the first; up to 0.5: the second, fixed.
    files: ['/var/log/urunc/timestamps.log', '/tmp/urunc.zlog'],
    configured: { file: '/etc/urunc/config.toml', table: 'timestamps', key: 'destination' },
    syntax: zerolog,
    names: { container: '{containerID}' },
    fields: ['containerID', 'timestampID'],
    spelling: ['timestampID', 'timestampName'],
    marks: {
      //                               0.3-0.4  0.5     0.6     0.7
      'urunc-create': {
        'create invoked':            row('TS00', 'TS00', 'TS00', 'TS00 CR.invoked'),
        'spec read':                 row('TS01', 'TS01', 'TS01', 'TS01 CR.unikontainer_created'),
        'set up':                    row('TS02', 'TS02', 'TS02', 'TS02 CR.initial_setup'),
        'reexec spawned':            row('TS03', 'TS03', 'TS03', 'TS03 CR.start_reexec'),
        'pids received':             row('TS07', 'TS06', 'TS06', 'TS06 CR.received_pids'),
        'CreateRuntime hooks run':   row('TS08', 'TS07', 'TS07', 'TS07 CR.hooks_executed'),
        'ack sent':                  row('TS09', 'TS08', 'TS08', 'TS08 CR.sent_ack'),
        'create ended':              row('TS11', 'TS10', '-', '-'),
      },
      'urunc-reexec': {
        'reexec invoked':            row('TS04', 'TS04', 'TS04', 'TS04 RX.create_invoked'),
        'base dir set up':           row('TS05', 'TS05', 'TS05', 'TS05 RX.close_pipes_and_setup_base'),
        'booted sent':               row('TS06', '-', '-', '-'),
        'ack received':              row('TS10', 'TS09', 'TS09', 'TS09 RX.received_ack'),
        'CreateContainer hooks run': row('-', '-', 'TS10', 'TS10 CR.terminated'),
        'start received':            row('TS15', 'TS14', 'TS14', 'TS14 RX.received_start_msg'),
        'netns joined':              row('TS16', 'TS15', 'TS15', 'TS15 RX.joined_netns'),
        'network set up':            row('TS17', 'TS16', 'TS16', 'TS16 RX.network_setup_completed'),
        'disk set up':               row('TS18', 'TS17', 'TS17', 'TS17 RX.disk_setup_completed'),
        'monitor execed':            row('TS19', 'TS18', 'TS18', 'TS18 RX.execve_hypervisor'),
      },
      'urunc-start': {
        'start invoked':             row('TS12', 'TS11', 'TS11', 'TS11 ST.invoked'),
        'state read':                row('TS13', 'TS12', 'TS12', 'TS12 ST.unikontainer_created'),
        'start sent':                row('TS14', 'TS13', 'TS13', 'TS13 ST.sent_start_msg'),
      },
      'urunc': {
        'check begun':               check('cTS00'),
        'check ended':               check('cTS01'),
      },
    },
    ignored: {},
  }],

  episodes: {
    start: {
      root: { service: 'urunc', name: 'container start' },
      opens: ['create invoked'],
      // Two processes race to the end: either of these may be the last line.
      until: ['start sent', 'monitor execed'],
      nothing: { exactly: ['create invoked', 'start invoked'], name: 'handed-to-runc', runtime: 'runc' },
      rests: { after: 'urunc-create', before: 'urunc-start' },
      causes: [['create ended', 'start invoked'], ['reexec spawned', 'reexec invoked'], ['start invoked', 'start received']],
    },
  },

  spans: {
    start: [
      between('create', 'urunc-create', 'create invoked', ['create ended', 'ack sent']),
      steps('create', 'urunc-create', 'create invoked', {
        'container from spec': 'spec read',
        'initial setup': 'set up',
        'spawn reexec': 'reexec spawned',
        'wait for pids': { waitsFor: 'pids received' },
        'CreateRuntime hooks': 'CreateRuntime hooks run',
        'send ACK': 'ack sent',
        'CreateContainer hooks': 'create ended',
      }),
      between('caller: gap before start', 'caller', ['create ended', 'ack sent'], 'start invoked', { credit: 'caller', waits: true }),
      between('reexec', 'urunc-reexec', 'reexec invoked', 'monitor execed', { by: ['create: spawn reexec', 'create'] }),
      steps('reexec', 'urunc-reexec', 'reexec invoked', {
        'base dir': 'base dir set up',
        'send BOOTED': 'booted sent',
        'wait for ACK': { waitsFor: 'ack received' },
        'CreateContainer hooks': 'CreateContainer hooks run',
        'wait for START': { waitsFor: 'start received' },
        'join netns': 'netns joined',
        'network setup': 'network set up',
        'disk setup': 'disk set up',
        'execve monitor': 'monitor execed',
      }),
      between('start', 'urunc-start', 'start invoked', 'start sent'),
      steps('start', 'urunc-start', 'start invoked', {
        'read state': 'state read',
        'send START': 'start sent',
      }),
    ],
  },
};
