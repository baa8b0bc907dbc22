/** A busy node's journal as text: one line in twenty a runtime's, from recordings, the others what else logs on such a node. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFile } from '../support/corpus.ts';
import { Random } from '../support/random.ts';
import { ROOT } from './support.ts';

const RECORDED = ['kata-1.12-real/start-stop/journal.log', 'kata-go-4.0-real/start-stop/journal.log', 'kata-go-4.0-real/start-stop-info/journal.log', 'containerd/usernetes-kubeadm-controlplane-journal.log'];
/** One line in so many is a runtime's. */
const SHARE = 20;
/** Each time the recordings are repeated they are so much later, in ms. */
const LATER = 600_000;
/** So many lines are written at once. */
const PART = 10_000;

export const haveRecordings = RECORDED.every((name) => existsSync(corpusFile(name)));

/** What else a node logs: a line of some program, without its host and time. */
export function other(random: Random): string {
  const [pid, address] = [random.whole(300, 60_000), `10.${random.whole(0, 9)}.${random.whole(0, 255)}.${random.whole(1, 254)}`];
  switch (random.whole(0, 7)) {
    case 0: return `kernel: [${random.whole(1, 99_999)}.${random.whole(100_000, 999_999)}] cni0: port ${random.whole(1, 99)}(veth${random.hex(8)}) entered forwarding state`;
    case 1: return `sshd[${pid}]: Accepted publickey for core from ${address} port ${pid} ssh2: ED25519 SHA256:${random.hex(43)}`;
    case 2: return `CRON[${pid}]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)`;
    case 3: return `systemd[1]: run-containerd-runc-k8s.io-${random.hex(64)}-runc.${random.hex(6)}.mount: Deactivated successfully.`;
    case 4: return `systemd-logind[${pid}]: New session ${pid} of user core.`;
    case 5: return `NetworkManager[${pid}]: <info>  [${random.whole(1, 9_999)}.${random.whole(1, 9_999)}] manager: (veth${random.hex(8)}): new Veth device (/org/freedesktop/NetworkManager/Devices/${pid})`;
    default:
      return `kubelet[1482]: I1120 ${random.whole(10, 23)}:${random.whole(10, 59)}:${random.whole(10, 59)}.${random.whole(100_000, 999_999)}    1482 reconciler_common.go:245] "operationExecutor.VerifyControllerAttachedVolume started for volume \\"kube-api-access-${random.hex(5)}\\" (UniqueName: \\"kubernetes.io/projected/${random.hex(8)}\\") pod \\"web-${random.hex(9)}\\" (UID: \\"${random.hex(32)}\\") " pod="default/web-${random.hex(9)}"`;
  }
}

/** The recordings once more: later, and of other containers. */
function* repeated(): Generator<string> {
  const lines = RECORDED.flatMap((name) => readFileSync(corpusFile(name), 'utf8').split('\n')).filter((line) => line !== '');
  for (let round = 0; ; round++) {
    const mark = round.toString(16).padStart(6, '0');
    for (const line of lines) {
      yield line.replace(/\b[0-9a-f]{6}([0-9a-f]{58})\b/g, `${mark}$1`).replace(/\btime="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)/g, (_, at: string) => `time="${new Date(Date.parse(`${at}Z`) + round * LATER).toISOString().slice(0, 19)}`);
    }
  }
}

/** Made once. */
export function busyJournal(lines: number): string {
  const path = join(ROOT, '.cache/bench', `busy-${lines}.log`);
  if (existsSync(path)) return path;
  mkdirSync(join(ROOT, '.cache/bench'), { recursive: true });
  const random = new Random(1);
  const recorded = repeated();
  const fd = openSync(`${path}.new`, 'w');
  for (let written = 0; written < lines; written += PART) {
    const part = Array.from({ length: PART }, (_, at) => ((written + at) % SHARE === 0 ? (recorded.next().value ?? '') : `Nov 20 14:11:54 node-7 ${other(random)}`));
    writeSync(fd, `${part.join('\n')}\n`);
  }
  closeSync(fd);
  renameSync(`${path}.new`, path);
  return path;
}
