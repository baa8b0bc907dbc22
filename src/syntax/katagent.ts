/**
 * How the Rust agent of Kata 2.x to 4.x (src/agent, slog) spells its moments, whichever shim passes its objects on: what runtimes/ say of it
 * beside what they say of the shim. It tells which call it hears, never for whom and not when it ended.
 */
import type { MarkRule, When } from '../model/runtime.ts';

export type AgentMark =
  | 'agent begins' | 'uevents handled' | 'agent serves' | 'agent called' | 'agent waits' | 'agent creates' | 'container entered' | 'container created' | 'agent starts it'
  | 'container up' | 'agent execs' | 'process made' | 'exec refused';

const mark = (...when: When[]): MarkRule => ({ scheme: { any: when } });
const texts = (...all: string[]): When[] => all.map((text) => ({ 'guest.msg': text }));
const rpc = (text: string): When => ({ 'guest.subsystem': 'rpc', 'guest.msg': text });
const called = (verb: string): When => rpc(`rpc call from shim to agent: "${verb}"`);
const ofContainer = (...said: string[]): MarkRule =>
  ({ ...mark(...said.map((text) => ({ 'guest.subsystem': 'container', 'guest.msg': text, 'guest.cid': '{cid}' }))), names: { container: '{cid}' } });

/** In the order in which it writes them. */
export const AGENT_MARKS: Readonly<Record<AgentMark, MarkRule>> = {
  // Only an agent that is the guest's first process mounts /proc.
  'agent begins': mark({ 'guest.subsystem': 'baremount', 'guest.msg': 'baremount source="proc", dest="/proc"{rest}' }),
  'uevents handled': mark({ 'guest.subsystem': 'uevent', 'guest.msg': 'starting uevents handler' }),
  'agent serves': mark(rpc('ttRPC server started')),
  'agent called': mark(called('{verb}')),
  'agent waits': { ...mark(...['wait_process', 'get_oom_event', 'read_stdout', 'read_stderr', 'write_stdin'].map(called)), tells: 'a call as long as the container, and that the one before has ended' },
  'agent creates': mark(called('create_container')),
  'container entered': { ...ofContainer('enter container.start!'), tells: 'whom a call is for' },
  'container created': mark(rpc('created container!')),
  'agent starts it': mark(called('start_container')),
  'container up': ofContainer('container started'),
  'agent execs': mark(called('exec_process')),
  'process made': ofContainer('create process completed'),
  'exec refused': {
    ...mark(
      { 'guest.subsystem': 'container', 'guest.msg': 'create container process error {reason}', 'guest.cid': '{cid}' },
      { 'guest.subsystem': 'container', 'guest.msg': 'create container process error {reason}\n\nStack backtrace:{trace}', 'guest.cid': '{cid}', 'guest.name': '{name}' },
    ),
    names: { container: '{cid}' },
  },
};

/** What it does inside a call. */
export const AGENT_STEPS: readonly When[] = [
  ...['baremount', 'initdata', 'uevent', 'mount', 'network', 'cgroups', 'cgroups_notifier', 'process', 'container', 'signals', 'storage', 'watcher', 'linux_abi', 'device', 'netlink', 'sandbox'].map(
    (name) => ({ 'guest.name': '{name}', 'guest.subsystem': name }),
  ),
  ...texts(
    '{path} not found', 'attestation binaries requested for launch not available', 'get guest details!', 'hotplug memory error: {error}',
    'CDI spec file does not exist, skipping: {path}', 'no CDI annotations, no devices to inject', 'The rootfs_path is {path}', 'new cgroup_manager {kind}',
    'failed to start container: {reason}', 'do_exec_process cid: {cid}', 'wait process', 'cid {cid} eid {xid} {what} exit signal', 'signal process',
    'signal all the remaining processes', 'stat {path} failed: {error}', 'stat {path} success', 'None',
  ),
];

/** What prints a container's environment, its arguments, policies or the configuration. */
export const AGENT_SECRETS: Readonly<Record<string, readonly When[]>> = {
  'secret: container specification': texts('receive createcontainer, spec: {spec}', 'receive createcontainer, storages: {storages}', 'process command: {command}'),
  'secret: configuration': texts('announce', 'agent configuration{rest}', 'Initdata{rest}', 'Init Data{rest}', 'init data{rest}', 'Setting Agent Policy{rest}', 'set policy{rest}', 'policy{rest}'),
};
