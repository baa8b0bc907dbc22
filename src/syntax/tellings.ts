/**
 * What containerd's messages tell in words of their own, for whichever syntax they stand in (internal/cri/instrument, internal/cri/server/events.go):
 *   meta.name, meta.namespace, meta.uid, meta.attempt   of the pod or container that a request is about;
 *   meta                                                all of it in one word, as containerd names its sandboxes: name_namespace_uid_attempt (of a
 *                                                       container: name_attempt), the same whichever way the message writes it;
 *   exit.container, exit.exec, exit.code                whose process has ended, that process where it is not the container's own, and how.
 *
 * Up to 2.1 the metadata stand as `&PodSandboxMetadata{Name:x,Uid:u,Namespace:n,Attempt:0,}`, from 2.2 on as protobuf's text: `name:"x"  uid:"u"`, with
 * one blank or two, and without what is zero. An exit is written in either way too.
 */
const PODS = 'RunPodSandbox for ';
const CONTAINERS = 'CreateContainer within sandbox "';
const FOR = '" for ';
const CONTAINER = 'container ';

export const TELLINGS = ['meta', 'meta.name', 'meta.namespace', 'meta.uid', 'meta.attempt', 'exit.container', 'exit.exec', 'exit.code'] as const;
export type Telling = (typeof TELLINGS)[number];
export const isTelling = (field: string): field is Telling => TELLINGS.some((name) => name === field);

type Told = Readonly<Partial<Record<Telling, string>>>;
const NOTHING: Told = {};

/** What one message tells. The same object for a message that is asked again. */
export class Tellings {
  #message: string | undefined;
  #told: Told = NOTHING;

  get(message: string | undefined, name: Telling): string | undefined {
    if (message !== this.#message) {
      this.#message = message;
      this.#told = message === undefined ? NOTHING : toldBy(message);
    }
    return this.#told[name];
  }
}

function toldBy(message: string): Told {
  if (message.startsWith(PODS)) return metadataAt(message, PODS.length, true);
  if (message.startsWith(CONTAINERS)) {
    const at = message.indexOf(FOR, CONTAINERS.length) + FOR.length;
    return at < FOR.length ? NOTHING : metadataAt(message, message.startsWith(CONTAINER, at) ? at + CONTAINER.length : at, false);
  }
  return message.startsWith('received ') || message.startsWith('TaskExit event ') ? exitIn(message) : NOTHING;
}

function metadataAt(message: string, at: number, pod: boolean): Told {
  const fields = message.startsWith('&', at) ? fieldsOfStruct(message, at) : fieldsOfProtobuf(message, at);
  const name = fields.get('name');
  const namespace = fields.get('namespace') ?? '';
  const uid = fields.get('uid') ?? '';
  const attempt = fields.get('attempt') ?? '0';
  if (name === undefined) return NOTHING;
  if (!pod) return { meta: `${name}_${attempt}`, 'meta.name': name, 'meta.attempt': attempt };
  return { meta: `${name}_${namespace}_${uid}_${attempt}`, 'meta.name': name, 'meta.namespace': namespace, 'meta.uid': uid, 'meta.attempt': attempt };
}

const STRUCT = ['{Name:', ',Uid:', ',Namespace:', ',Attempt:', ',}'] as const;

/** `&PodSandboxMetadata{Name:x,Uid:u,Namespace:n,Attempt:0,}`: values are not quoted, so each ends where the next name begins. */
function fieldsOfStruct(message: string, at: number): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const end = message.indexOf(',}', at);
  if (end < 0) return fields;
  let last: { readonly name: string; readonly from: number } | undefined;
  for (const word of STRUCT) {
    const found = message.indexOf(word, last?.from ?? at);
    if (found < 0 || found > end) continue;
    if (last !== undefined) fields.set(last.name, message.slice(last.from, found));
    last = { name: word.slice(1, -1).toLowerCase(), from: found + word.length };
  }
  return fields;
}

//              1: name                        2: text                  3: number
const FIELD = /(name|uid|namespace|attempt):(?:"((?:[^"\\]|\\.)*)"|(\d+)) */y;

function fieldsOfProtobuf(message: string, at: number): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  FIELD.lastIndex = at;
  for (let match = FIELD.exec(message); match !== null; match = FIELD.exec(message)) {
    const [, name = '', text, digits = ''] = match;
    fields.set(name, text ?? digits);
  }
  return fields;
}

//                              1: container    2: process            3: status
const STRUCT_EXIT = /ContainerID:([^,}]*),ID:([^,}]*),Pid:\d*,ExitStatus:(\d*),/;
//                              1: container      2: process                          3: status
const PROTOBUF_EXIT = /container_id:"([^"]*)" +id:"([^"]*)"(?: +pid:\d+)?(?: +exit_status:(\d+))?/;

function exitIn(message: string): Told {
  const match = STRUCT_EXIT.exec(message) ?? PROTOBUF_EXIT.exec(message);
  if (match === null) return NOTHING;
  const [, container = '', process = '', status = ''] = match;
  const code = status === '' ? '0' : status;
  return process === container ? { 'exit.container': container, 'exit.code': code } : { 'exit.container': container, 'exit.exec': process, 'exit.code': code };
}
